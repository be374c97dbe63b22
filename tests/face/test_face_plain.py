"""What is computed quickly equals its plain definition: region motion, medians, the nearest frame, masks."""

from __future__ import annotations

import numpy as np
import pytest
from face_clips import Clip, Pull, portrait, render
from numpy.typing import NDArray

from realtime.face._cv import cv2
from realtime.face.alignment import Alignment, masked
from realtime.face.eyes import EyeWatch
from realtime.face.history import FrameHistory
from realtime.face.motion import Motion
from realtime.face.region_flow import Prepared, RegionFlow, median, prepared
from realtime.face.regions import RegionMap, region_map
from realtime.packets import UInt8, VideoFrame

_CLIP = Clip(duration_s=2.0, pulls=(Pull(0.2, 0.5, 0.9, "brows", 5.0),), sway_px=9.0, turns_s=(1.0,))
_PAIRS = ((3, 9), (6, 15), (25, 31), (28, 34))


class PlainRegionFlow(RegionFlow):
    """The same equations of the same cells, solved as they are written down, cell by cell and region by region."""

    def _coarse_head(self, a: Prepared, b: Prepared) -> NDArray[np.float64]:
        head = np.zeros(4)
        for _ in range(3):
            later = prepared_coarse(self._undone(head, b.fine))
            step = self._head(self._coarse_equations(prepared_coarse(a.fine), later), 2)
            head = head + step
            if np.abs(step).max() < 0.5:
                break
        return head

    def _undone(self, head: NDArray[np.float64], image: NDArray) -> NDArray:
        (dx, dy), (grow, turn), (x, y) = head[:2], head[2:] / 80.0, self._centre
        matrix = np.array([[1 + grow, -turn, dx - grow * x + turn * y], [turn, 1 + grow, dy - turn * x - grow * y]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, matrix, (256, 256), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def _head(self, normal: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
        basis = [np.array([self._basis[0, k], self._basis[1, k]]) for k in self._inside]
        cells = [(np.array([[xx, xy], [xy, yy]]), np.array([x, y])) for xx, xy, yy, x, y in normal.T[self._inside]]
        own = [np.linalg.solve(matrix + 0.5 * np.eye(2), right) for matrix, right in cells]
        weights, head = np.ones(len(cells)), np.zeros(4)
        for _ in range(rounds):
            whole, right = 1e-6 * np.eye(4), np.zeros(4)
            for weight, place, (matrix, side) in zip(weights, basis, cells, strict=True):
                whole = whole + weight * place.T @ matrix @ place
                right = right + weight * place.T @ side
            head = np.linalg.solve(whole, right)
            residual = np.array([np.linalg.norm(o - place @ head) for o, place in zip(own, basis, strict=True)])
            spread = max(1.4826 * float(np.median(residual)) / 1.1774, 0.01)
            weights = np.clip(1.0 - (residual / (4.685 * spread)) ** 2, 0.0, None) ** 2
        return np.asarray(head, np.float64)

    def _regional(self, matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        found = []
        for weights in self._weights:
            total, side = (1e-3 * weights.sum() + 1e-9) * np.eye(2), np.zeros(2)
            for weight, (xx, xy, yy), (x, y) in zip(weights, matrix.T, right.T, strict=True):
                total = total + weight * np.array([[xx, xy], [xy, yy]])
                side = side + weight * np.array([x, y])
            found.append(np.linalg.solve(total, side))
        return np.array(found)


def prepared_coarse(fine: NDArray) -> NDArray:
    return cv2.resize(fine, (64, 64), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def aligned() -> tuple[dict[int, UInt8], RegionMap]:
    """Crops of a face that sways, turns its head and raises its brows."""
    _, landmarks = portrait()
    alignment = Alignment.fit(landmarks.astype(np.float32))
    used = sorted({index for pair in _PAIRS for index in pair})
    return {i: alignment.crop(render(_CLIP, i)) for i in used}, region_map(alignment.apply(landmarks))


@pytest.mark.parametrize("pair", _PAIRS)
def test_region_motion_is_the_least_squares_solution_cell_by_cell(aligned, pair: tuple[int, int]) -> None:
    crops, regions = aligned
    a, b = (prepared(crops[i]) for i in pair)
    quick, plain = RegionFlow(regions).between(a, b), PlainRegionFlow(regions).between(a, b)
    np.testing.assert_allclose(quick.regions, plain.regions, atol=1e-6)
    np.testing.assert_allclose(quick.eyes, plain.eyes, atol=1e-6)
    assert quick.head_px == pytest.approx(plain.head_px, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 447])
def test_the_median_is_numpy_s(n: int) -> None:
    values = np.random.default_rng(n).normal(size=n)
    for each in (values, values.astype(np.float32).reshape(1, n)):
        assert median(each) == np.median(each)


def test_what_is_usual_of_the_eyes_is_the_median_of_five_seconds() -> None:
    rng, watch, seen = np.random.default_rng(0), EyeWatch(), []
    for i in range(400):
        eyes = rng.normal(0.0, 0.5, (2, 2)).astype(np.float32)
        openness = rng.uniform(0.1, 0.4, 2).astype(np.float32)
        motion = Motion(i / 30, i / 30 - 0.2, np.zeros((10, 2), np.float32), eyes, 0.0, 0.0, openness)
        inside, opened = float(np.hypot(*eyes.T).max()), float(openness.mean())
        seen = [(at, *rest) for at, *rest in [*seen, (motion.stamp, opened, inside)] if at >= motion.stamp - 5.0]
        _, usual_openness, usual_inside = np.median(np.array(seen), axis=0)
        moved = (inside > 1.0 or inside > 0.35) and inside > 3.0 * usual_inside
        assert watch.push(motion) == (moved or opened < 0.72 * usual_openness)


def test_the_nearest_frame_is_the_nearest_of_all() -> None:
    image, landmarks = portrait()
    rng, history = np.random.default_rng(1), FrameHistory(10.0, 2**28)
    stamps = np.cumsum(rng.choice([0.005, 0.01, 0.02], 120))
    kept = [
        (stamp, i % 3 == 0, history.add(image, stamp, landmarks.astype(np.float32), evaluated=i % 3 == 0))
        for i, stamp in enumerate(stamps.tolist())
    ]
    for wanted in [*rng.uniform(-0.1, stamps[-1] + 0.1, 200), *((stamps[1:] + stamps[:-1]) / 2)]:
        for evaluated_only in (False, True):
            among = [frame for _, evaluated, frame in kept if evaluated or not evaluated_only]
            expected = min(filter(None, among), key=lambda frame: abs(frame.stamp - wanted))
            assert history.nearest(wanted, evaluated_only=evaluated_only) is expected
    assert FrameHistory(10.0, 2**28).nearest(0.0) is None


def test_a_picture_is_the_same_as_a_kept_one_only_where_every_pixel_is() -> None:
    image, landmarks = portrait()
    kept = FrameHistory(10.0, 2**28).add(image, 0.0, landmarks.astype(np.float32), evaluated=True)
    assert kept is not None
    assert kept.same_as(image)
    for y, x in ((kept.top, kept.left), (kept.top + kept.patch.shape[0] // 2, kept.left + 3)):
        other = image.copy()
        other[y, x] ^= 1
        assert not kept.same_as(other)
    assert not kept.same_as(image[: kept.top])


def test_what_is_outside_the_mask_is_black_and_the_rest_as_it_was() -> None:
    rng = np.random.default_rng(2)
    crop, mask = rng.integers(0, 256, (256, 256), dtype=np.uint8), rng.random((256, 256)) < 0.5
    np.testing.assert_array_equal(masked(crop, mask), np.where(mask, crop, np.uint8(0)))


def test_of_a_fast_camera_every_stamp_is_kept_and_sixty_a_second_are_looked_at() -> None:
    from realtime.face.pipeline import FacePipeline

    pipeline, image = FacePipeline(), portrait()[0]
    rng = np.random.default_rng(3)
    stamps = 100.0 + np.arange(200) / 200.0
    for i, stamp in enumerate(stamps.tolist()):
        noisy = np.clip(image.astype(np.int16) + rng.integers(-2, 3, image.shape), 0, 255).astype(np.uint8)
        pipeline.push(VideoFrame(noisy, stamp, i))
    assert (pipeline.counters.frames, pipeline.counters.evaluated) == (200, 60)
    kept = [pipeline._history.nearest(stamp) for stamp in stamps.tolist()]
    assert [frame.stamp for frame in kept if frame is not None] == stamps.tolist()
