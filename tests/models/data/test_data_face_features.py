"""Faces of rows: flow maps of unknown coding, pictures, films."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data.face_features import FaceFeatures, FaceOptions, aligned_movement, face_features
from models.data.films import Film, frames_at
from models.data.flow_maps import RawMap, decide_order, decode, float_scale, read_flow_map, strain_last
from models.data.rows import FaceSource, FlowMap, FrameArray, Pictures, VideoMoment, VideoSpan
from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.flow import optical_strain
from realtime.face.movement import movement_between
from realtime.face.pipeline import FaceCounters
from realtime.packets import MicroMovement, VideoFrame
from simulators.clips import write_clip
from simulators.face import FaceSimulator
from simulators.testbed import draw_clip

PX = 28
SIZE, FPS = (320, 240), 30.0


def movement(seed: int, px: int = PX) -> np.ndarray:
    """(px, px, 3) u, v, strain of a bump of motion in some place and direction, on a little noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:px, 0:px] / px
    at = rng.uniform(0.3, 0.8, 2)
    bump = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / 0.02)
    angle = rng.uniform(0, 2 * np.pi)
    flow = np.stack([np.cos(angle) * bump, np.sin(angle) * bump], axis=-1) + rng.normal(0, 0.05, (px, px, 2))
    flow = cv2.GaussianBlur(flow.astype(np.float32), (0, 0), px / 28)
    return np.concatenate([flow, optical_strain(flow)[..., None]], axis=2)


def coded(flow: np.ndarray, top: int = 255) -> np.ndarray:
    """Each plane scaled to a picture's range by itself."""
    low, high = flow.min(axis=(0, 1)), flow.max(axis=(0, 1))
    return np.rint((flow - low) / (high - low) * top).astype(np.uint8 if top == 255 else np.uint16)


def as_png(path: Path, planes: np.ndarray) -> FlowMap:
    """A picture whose red, green and blue are the planes in this order."""
    cv2.imwrite(str(path), np.ascontiguousarray(planes[..., ::-1]))
    return FlowMap(path)


def options(px: int = PX, planes: int = 3, **known: Any) -> FaceOptions:
    return FaceOptions(px, planes, **known)


@pytest.mark.parametrize("px", [28, 64, 100])
def test_true_px_are_left_alone(tmp_path: Path, px: int) -> None:
    flow = movement(1, px)
    np.save(tmp_path / "flow.npy", flow)
    found = face_features(FlowMap(tmp_path / "flow.npy"), options(px))
    np.testing.assert_array_equal(found.flow, flow.astype(np.float16))
    assert found.flow.shape == (px, px, 3)
    assert not found.onset.any()
    assert not found.apex.any()


@pytest.mark.parametrize("top", [255, 65535])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_a_coded_map_gives_the_motion_back(tmp_path: Path, top: int, order: Any) -> None:
    flow = movement(2)
    planes = coded(flow, top) if order == "rgb" else coded(flow, top)[..., ::-1]
    found = face_features(as_png(tmp_path / "flow.png", planes), options(order=order)).flow.astype(np.float64)
    for k in range(3):
        assert np.corrcoef(found[..., k].ravel(), flow[..., k].ravel())[0, 1] > 0.999
    # what does not move is at 0, whatever the coding's zero was
    still = np.hypot(flow[..., 0], flow[..., 1]) < 0.05
    assert np.abs(np.median(found[..., :2][still], axis=0)).max() < 0.03
    assert found[..., 2].min() == 0


@pytest.mark.parametrize("kind", ["picture", "whole numbers", "floats to 1", "floats to 255", "true px"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_strain_is_found(kind: str, turned: bool) -> None:
    """Thirty maps of each coding; the order of their planes is told from the maps alone."""
    maps = []
    for seed in range(30):
        values = movement(seed) if kind == "true px" else coded(movement(seed)).astype(np.float32)
        values = values / 255 if kind == "floats to 1" else values
        whole = kind in ("picture", "whole numbers")
        maps.append(RawMap(np.float32(values[..., ::-1] if turned else values), 255.0 if whole else None))
    order, told = decide_order(maps)
    assert order == ("bgr" if turned else "rgb")
    assert bool(told) == turned
    assert float_scale(maps) == {"floats to 1": 1.0, "floats to 255": 255.0}.get(kind)


def test_an_unclear_order_is_said() -> None:
    rng = np.random.default_rng(0)
    maps = [RawMap(rng.integers(0, 256, (PX, PX, 3)).astype(np.float32), 255.0) for _ in range(40)]
    order, told = decide_order(maps)
    assert order == "rgb"
    assert "of them" in told
    assert decide_order([RawMap(maps[0].values[..., :2], 255.0)]) == ("rgb", "")
    assert strain_last(np.float32(rng.normal(size=(PX, PX, 3)))) == 0


def test_two_planes_get_a_strain_where_three_are_wanted(tmp_path: Path) -> None:
    flow = movement(3)
    np.save(tmp_path / "flow.npy", flow[..., :2].transpose(2, 0, 1))
    found = face_features(FlowMap(tmp_path / "flow.npy"), options())
    np.testing.assert_allclose(found.flow, flow, atol=1e-3)
    assert face_features(FlowMap(tmp_path / "flow.npy"), options(planes=2)).flow.shape == (PX, PX, 2)


def test_maps_are_resized_by_area_and_keep_their_unit() -> None:
    values = np.ones((96, 96, 2), np.float32)
    values[:, ::2] = 3.0
    raw = RawMap(values, None)
    np.testing.assert_array_equal(decode(raw, "rgb", None), values)
    assert decode(raw, "rgb", 1.0).max() == 1.0


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((27, 27, 3)), "27 px"),
        (np.zeros((28, 30, 3)), "shape"),
        (np.zeros((28, 28)), "shape"),
        (np.zeros((28, 28, 4)), "shape"),
        (np.zeros((28, 28, 3)), "same everywhere"),
        (np.full((28, 28, 3), np.nan), "NaN"),
        (np.random.default_rng(0).normal(0, 1e6, (28, 28, 3)), "reaches"),
        (np.array(["a"]), "wanted numbers"),
    ],
)
def test_maps_that_are_none(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "flow.npy", array)
    with pytest.raises(DataError, match=words):
        read_flow_map(tmp_path / "flow.npy")


@pytest.mark.parametrize(("content", "words"), [(b"no picture", "cannot be read"), (None, "no such")])
def test_pictures_of_maps_that_are_none(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "flow.png").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_flow_map(tmp_path / "flow.png")


def test_a_grey_picture_is_no_map(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "flow.png"), np.zeros((28, 28), np.uint8))
    with pytest.raises(DataError, match="1 planes"):
        read_flow_map(tmp_path / "flow.png")


class Face:
    """A simulated person with a movement: its two frames, and a film of a second around them."""

    def __init__(self, folder: Path) -> None:
        clip = draw_clip("calm", 2, 7.0, size=SIZE)
        self.simulator = FaceSimulator(clip.person, clip.scenario, size=SIZE)
        truth = clip.truth()[0]
        begin_s = truth["onset_s"] - 0.3
        self.onset_s, self.apex_s = truth["onset_s"] - begin_s, truth["apex_s"] - begin_s
        self.onset, self.apex = self.simulator.render(truth["onset_s"]), self.simulator.render(truth["apex_s"])
        self.film = folder / "film.avi"
        writer = cv2.VideoWriter(str(self.film), cv2.VideoWriter.fourcc(*"FFV1"), FPS, SIZE, False)
        for i in range(30):
            writer.write(self.simulator.render(begin_s + i / FPS))
        writer.release()


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Face:
    return Face(tmp_path_factory.mktemp("face"))


def pictures(folder: Path, onset: np.ndarray, apex: np.ndarray, *, aligned: bool = False) -> Pictures:
    cv2.imwrite(str(folder / "onset.png"), onset)
    cv2.imwrite(str(folder / "apex.png"), apex)
    return Pictures(folder / "onset.png", folder / "apex.png", aligned)


def test_pictures_as_the_camera_made_them(tmp_path: Path, face: Face) -> None:
    found = face_features(pictures(tmp_path, face.onset, face.apex), options(96, 2))
    live = movement_between(face.onset, face.apex)
    np.testing.assert_allclose(found.flow, cv2.resize(live.flow, (96, 96), interpolation=cv2.INTER_AREA), atol=2e-3)
    assert found.apex.shape == (96, 96)
    assert found.onset.any()
    assert found.remarks == ()


@pytest.mark.parametrize("aligned", [True, False])
def test_aligned_crops(tmp_path: Path, face: Face, aligned: bool) -> None:
    """Crops as a data set brings them: recognised by their black corners where nobody says what they are."""
    live = movement_between(face.onset, face.apex)
    found = face_features(pictures(tmp_path, live.onset_crop, live.apex_crop, aligned=aligned), options(256, 2))
    moved = np.abs(live.flow).max(axis=2) > 0.1
    assert np.corrcoef(found.flow[moved].astype(float).ravel(), live.flow[moved].ravel())[0, 1] > 0.75
    assert not found.flow[0, 0].any()
    assert any("taken as aligned" in remark for remark in found.remarks) != aligned


def test_head_motion_is_taken_out_of_aligned_crops(face: Face) -> None:
    live = movement_between(face.onset, face.apex)
    shifted = np.roll(live.apex_crop, 2, axis=1)
    still, moved = (aligned_movement(live.onset_crop, apex).flow for apex in (live.apex_crop, shifted))
    inside = np.abs(live.flow).max(axis=2) > 0
    assert np.abs(np.median(moved[inside], axis=0)).max() < 0.2
    assert np.median(np.abs(moved - still)[inside]) < 0.2


def test_a_coded_movement_in_a_film(face: Face) -> None:
    source = VideoMoment(face.film, face.onset_s, face.apex_s)
    found = face_features(source, options(96, 2))
    onset, apex = frames_at(face.film, source.onset_s, source.apex_s)
    live = movement_between(onset, apex)
    np.testing.assert_allclose(found.flow, cv2.resize(live.flow, (96, 96), interpolation=cv2.INTER_AREA), atol=2e-3)


def test_a_film_is_decoded_once(face: Face) -> None:
    film = Film(face.film)
    for start_s in (0.21, 0.41, 0.31, 0.62, 0.88):
        stamps = [frame.stamp for frame, _ in zip(film.since(start_s), range(3), strict=False)]
        assert stamps[0] <= start_s < stamps[1] < stamps[2]
    assert film.decoded == 30
    assert next(iter(film.since(0.0))).index == 0


def test_a_film_too_long_to_keep_starts_anew(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.data.films._KEPT_BYTES", 3 * 3 * SIZE[0] * SIZE[1])
    film = Film(face.film)
    late, early = next(iter(film.since(0.8))), next(iter(film.since(0.21)))
    assert (late.index, early.index) == (24, 6)


@pytest.mark.parametrize(("onset_s", "apex_s", "words"), [(20.0, 20.2, "the video ends at"), (0.5, 0.501, "one frame")])
def test_moments_that_are_not_there(face: Face, onset_s: float, apex_s: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        face_features(VideoMoment(face.film, onset_s, apex_s), options())


class FoundAlready:
    """A face chain that knows what is in the film: at its first frame it tells all of it."""

    def __init__(self) -> None:
        self.counters = FaceCounters(frames=30, faces=30)
        self._told = False

    def push(self, frame: VideoFrame) -> list[MicroMovement]:
        if self._told:
            return []
        self._told = True
        return [
            self.movement(0.5, 3.0, "micro"),
            self.movement(0.6, 4.0, "micro"),
            self.movement(0.7, 9.0, "macro"),
            self.movement(2.0, 9.0, "micro"),
        ]

    @staticmethod
    def movement(apex_s: float, score: float, kind: Any) -> MicroMovement:
        crop = np.full((256, 256), 10 * score, np.uint8)
        flow = np.full((256, 256, 2), score, np.float32)
        return MicroMovement(apex_s - 0.2, apex_s, apex_s + 0.2, apex_s + 0.5, score, kind, (), crop, crop, flow)


def test_the_strongest_micro_movement_of_a_stretch_is_taken(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.data.face_features.FacePipeline", FoundAlready)
    found = face_features(VideoSpan(face.film, 0.0, 1.0), options(96, 2))
    assert (found.flow == 4.0).all()
    assert (found.apex == 40).all()
    with pytest.raises(DataError, match=r"no micro-movement found from 0\.8 to 1 s"):
        face_features(VideoSpan(face.film, 0.8, 1.0), options(96, 2))


@pytest.mark.slow
def test_the_spotter_searches_a_film(tmp_path: Path) -> None:
    clip = draw_clip("moderate", 2, 7.0, size=SIZE)
    write_clip(tmp_path / "clip.avi", clip.person, clip.scenario, fps=clip.fps, size=SIZE)
    found = face_features(VideoSpan(tmp_path / "clip.avi", 2.0, 6.0), options(256, 2))
    simulator, true = FaceSimulator(clip.person, clip.scenario, size=SIZE), clip.truth()[0]
    truth = movement_between(simulator.render(true["onset_s"]), simulator.render(true["apex_s"])).flow
    moved = np.hypot(truth[..., 0], truth[..., 1]) > 0.2
    assert np.corrcoef(found.flow[moved].astype(float).ravel(), truth[moved].ravel())[0, 1] > 0.8


def test_frames_in_an_array(tmp_path: Path, face: Face) -> None:
    np.save(tmp_path / "frames.npy", np.stack([face.onset, face.onset, face.apex]))
    found = face_features(FrameArray(tmp_path / "frames.npy", 0, 2, 30.0), options(96, 2))
    expected = face_features(pictures(tmp_path, face.onset, face.apex), options(96, 2))
    np.testing.assert_array_equal(found.flow, expected.flow)
    for onset, apex in ((0, 3), (1, 1), (-1, 2)):
        with pytest.raises(DataError, match="wanted two frames"):
            face_features(FrameArray(tmp_path / "frames.npy", onset, apex, 30.0), options())
    with pytest.raises(DataError, match="no micro-movement"):
        face_features(FrameArray(tmp_path / "frames.npy", None, None, 30.0), options())


def blank(size: tuple[int, ...] = (240, 320)) -> np.ndarray:
    image = np.full(size, 90, np.uint8)
    image[:20] = 60
    return image


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda f: pictures(f, blank(), blank()), "the same picture"),
        (lambda f: pictures(f, blank(), blank() + 1), "no face"),
        (lambda f: pictures(f, blank(), blank((240, 240))), "one size"),
        (lambda f: pictures(f, blank((40, 40)), blank((40, 40)) + 1), "at least"),
        (lambda f: pictures(f, np.zeros((99, 99), np.uint8), blank((99, 99))), "blank"),
        (lambda f: pictures(f, blank(), blank() + 1, aligned=True), "square"),
        (lambda f: Pictures(f / "gone.png", f / "gone.png"), "no such picture"),
        (lambda f: VideoMoment(f / "gone.avi", 0.0, 1.0), "no such video"),
        (lambda f: VideoSpan(f / "gone.avi", 0.0, 1.0), "no such video"),
    ],
)
def test_faces_that_are_none(tmp_path: Path, make: Callable[[Path], FaceSource], words: str) -> None:
    with pytest.raises(DataError, match=words):
        face_features(make(tmp_path), options())


def test_a_map_with_its_pictures(tmp_path: Path, face: Face) -> None:
    crop = movement_between(face.onset, face.apex)
    np.save(tmp_path / "flow.npy", movement(1))
    stills = pictures(tmp_path, crop.onset_crop, crop.apex_crop)
    found: FaceFeatures = face_features(FlowMap(tmp_path / "flow.npy", stills), options())
    np.testing.assert_allclose(found.apex, cv2.resize(crop.apex_crop, (PX, PX), interpolation=cv2.INTER_AREA), atol=1)
    wide = pictures(tmp_path, face.onset, face.apex)
    found = face_features(FlowMap(tmp_path / "flow.npy", wide), options())
    assert not found.apex.any()
    assert "no crops" in found.remarks[0]
