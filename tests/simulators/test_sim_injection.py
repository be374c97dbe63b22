"""Movements in existing footage: what was asked for is in the pixels, everything else is as it was filmed."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from realtime.errors import DataError
from realtime.face.alignment import Alignment
from realtime.face.capture import FileCapture
from realtime.face.flow import dense_flow
from realtime.packets import VideoFrame
from simulators.events import FacialEvent
from simulators.injection import FaceTrack, inject, inject_file, smoothed
from simulators.mesh import anchors
from simulators.movements import draw_events
from simulators.movies import BackAndForth, write_movie
from simulators.portrait import load_portrait
from simulators.puppet import Puppet
from simulators.scenario import Scenario

FPS = 20.0
EVENT = FacialEvent(0.5, 0.7, 0.95, "micro", (12,), "left", 1.0)


def filmed(seconds: float, noise_sd: float = 1.5) -> list[VideoFrame]:
    """Footage of somebody who sways: another generator's faces would do, real ones do in the tests below."""
    scenario = Scenario(seconds, (), (), (), (), (), (), (), 1.0, 0.0, 7)
    still = load_portrait()[0:300, 80:380].astype(np.uint8)
    puppet = Puppet(still, scenario, fps=FPS, size=(320, 240), face_px=130.0, noise_sd=noise_sd)
    return [VideoFrame(puppet.frame(i), i / FPS, i) for i in range(puppet.n_frames)]


@pytest.fixture(scope="module")
def footage() -> list[VideoFrame]:
    return filmed(1.5)


@pytest.fixture(scope="module")
def face(footage: list[VideoFrame]) -> FaceTrack:
    return FaceTrack.of(footage)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, footage: list[VideoFrame]) -> Path:
    path = tmp_path_factory.mktemp("footage") / "filmed.avi"
    write_movie(path, (frame.image for frame in footage), FPS, ())
    return path


@pytest.mark.parametrize(("unit", "anchor"), [(12, "mouth_corner"), (4, "brow_inner"), (17, "chin")])
def test_measured_flow_is_what_was_injected(footage: list[VideoFrame], face: FaceTrack, unit: int, anchor: str) -> None:
    event = replace(EVENT, action_units=(unit,), amplitude_px=2.0)
    apex = round(event.apex_s * FPS)
    before, after = footage[apex].image, list(inject(footage, face, [event]))[apex].image
    mesh, alignment = face.mesh(0.6), face.alignment(apex)
    assert mesh is not None
    flow = dense_flow(alignment.crop(before), alignment.crop(after))
    inner = slice(64, -64)
    true = event.amplitude_px * mesh.movement((unit,), "left")[inner, inner]
    x, y = np.round(anchors(mesh.rest)[f"{anchor}_left"]).astype(int)
    there = np.s_[y - 8 : y + 8, x - 8 : x + 8]
    wanted = true[there].mean((0, 1))
    np.testing.assert_allclose(flow[there].mean((0, 1)), wanted, atol=0.3 * np.hypot(*wanted))
    assert 1.0 < np.hypot(*wanted) / mesh.scale < 4.0


def test_what_no_movement_touches_stays_to_the_bit(footage: list[VideoFrame], face: FaceTrack) -> None:
    warped = list(inject(footage, face, [EVENT]))
    assert [frame.index for frame in warped] == [frame.index for frame in footage]
    for before, after in zip(footage, warped, strict=True):
        inside = EVENT.onset_s < before.stamp < EVENT.offset_s
        assert inside != np.array_equal(before.image, after.image)
        assert np.array_equal(before.image[:40], after.image[:40])
    again = list(inject(footage, face, [EVENT]))
    assert all(np.array_equal(a.image, b.image) for a, b in zip(warped, again, strict=True))


def test_resampling_shifts_every_frame_alike(footage: list[VideoFrame], face: FaceTrack) -> None:
    plain, shifted = footage[2].image, list(inject(footage[:3], face, [], resample=True))[2].image
    y, x = np.mgrid[0:240, 0:320]
    ramp = VideoFrame((20 + 0.5 * x + 0.25 * y).astype(np.uint8), 0.0, 0)
    moved = next(inject([ramp], face, [], resample=True)).image
    # a ramp sampled 0.37 px to the right and 0.29 px below is lighter by what it rises there
    change = moved[20:-20, 20:-20].astype(float) - ramp.image[20:-20, 20:-20]
    assert change.mean() == pytest.approx(0.37 * 0.5 + 0.29 * 0.25, abs=0.02)
    assert not np.array_equal(plain, shifted)

    def sharpness(image: np.ndarray) -> float:
        return float(np.var(np.diff(image.astype(float), axis=1)))

    frames = list(inject(footage, face, [EVENT], resample=True))
    calm, moving = (sharpness(frames[i].image) for i in (2, round(EVENT.apex_s * FPS)))
    assert moving == pytest.approx(calm, rel=0.05)
    assert calm < 0.97 * sharpness(plain)


def test_colour_and_grey_are_warped_alike(footage: list[VideoFrame], face: FaceTrack) -> None:
    colour = [replace(frame, image=np.repeat(frame.image[..., None], 3, axis=2)) for frame in footage]
    grey, rgb = (list(inject(frames, face, [EVENT]))[14].image for frames in (footage, colour))
    assert np.array_equal(rgb[..., 1], grey)


def test_the_jitter_of_landmarks_does_not_move_the_field(face: FaceTrack) -> None:
    raw = np.array([0.0, 1.0, 0.0, -1.0] * 10)
    fits = [Alignment.fit(face.shapes[0] / 0.9 + [50.0 + jitter, 30.0]) for jitter in raw]
    rough = np.std([fit.tx for fit in fits])
    rows = np.array([(fit.a, fit.b, fit.tx, fit.ty) for fit in fits])
    assert np.std(smoothed(np.arange(40) / FPS, rows)[5:-5, 2]) < 0.2 * rough
    rows[10:12] = np.nan
    calm = smoothed(np.arange(40) / FPS, rows)
    assert np.array_equal(np.isnan(calm[:, 0]), np.isnan(rows[:, 0]))


def test_movements_are_only_where_there_is_a_calm_face() -> None:
    stamps = np.arange(0.0, 60.0, 1 / FPS)
    tracked = (stamps % 20.0) < 12.0
    rows = np.where(tracked[:, None], [[0.5, 0.0, 0.0, 0.0]], np.nan)
    unrest = np.where(stamps % 20.0 < 3.0, 9.0, 0.5)
    gone = FaceTrack(stamps, tracked, rows, np.zeros((60, 468, 2), np.float32), unrest, (320, 240))
    events = [event for seed in range(5) for event in gone.draw(seed)]
    assert len(events) > 15
    for event in events:
        assert event.onset_s % 20.0 > 3.4
        assert event.offset_s % 20.0 < 12.0
        assert event.onset_s // 20.0 == event.offset_s // 20.0
    assert any(event.onset_s % 20.0 < 3.0 for seed in range(20) for event in gone.draw(seed, calm_px=10.0))
    assert gone.draw(3) == gone.draw(3)
    assert gone.draw(3) != gone.draw(4)


def test_drawn_movements_are_those_of_the_literature() -> None:
    events = [event for seed in range(30) for event in draw_events(60.0, seed)]
    micros, macros = ([e for e in events if e.kind == kind] for kind in ("micro", "macro"))
    rise = np.array([e.apex_s - e.onset_s for e in micros])
    total = np.array([e.offset_s - e.onset_s for e in micros])
    size = np.array([e.amplitude_px for e in micros])
    assert np.all((rise > 0.0699) & (rise < 0.4001) & (rise < total) & (total > 0.2199) & (total < 0.5))
    assert 0.17 < np.median(rise) < 0.25
    assert np.all((size >= 0.15) & (size <= 1.2))
    assert np.median(size) == pytest.approx(np.sqrt(0.15 * 1.2), rel=0.2)
    assert all(0.7 <= e.offset_s - e.onset_s <= 1.5 and 2.0 <= e.amplitude_px <= 5.0 for e in macros)
    assert 0.05 < len(macros) / len(events) < 0.2
    for seed in range(10):
        mine = draw_events(60.0, seed)
        assert mine[0].onset_s >= 3.5
        assert all(b.onset_s - a.offset_s >= 1.5 for a, b in pairwise(mine))


def test_a_file_gets_its_truth(clip: Path, tmp_path: Path, footage: list[VideoFrame]) -> None:
    out = tmp_path / "injected.avi"
    truth = json.loads(inject_file(clip, out, [EVENT], resample=False).read_text(encoding="utf-8"))
    assert [(each["onset_s"], each["offset_s"], each["regions"]) for each in truth] == [(0.5, 0.95, ["mouth_left"])]
    frames = list(FileCapture(out))
    assert len(frames) == len(footage)
    changed = [i for i, frame in enumerate(frames) if not np.array_equal(frame.image, footage[i].image)]
    assert changed == [i for i in range(len(footage)) if 0.5 < i / FPS < 0.95]
    empty = inject_file(clip, tmp_path / "untouched.avi", (), at_least_s=2.0)
    assert json.loads(empty.read_text(encoding="utf-8")) == []
    assert len(list(FileCapture(tmp_path / "untouched.avi"))) == 2 * FPS
    one, two = (
        json.loads(inject_file(clip, out, seed=s, resample=False, at_least_s=5.0).read_text(encoding="utf-8"))
        for s in (1, 1)
    )
    assert one == two
    assert one


def test_short_footage_is_played_back_and_forth(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = list(BackAndForth(FileCapture(clip), 3.0))
    assert [frame.index for frame in twice] == list(range(60))
    assert [frame.stamp for frame in twice] == pytest.approx([i / FPS for i in range(60)])
    assert all(np.array_equal(twice[29 + k].image, twice[29 - k].image) for k in range(1, 30))
    assert len(list(BackAndForth(FileCapture(clip), 0.5))) == 30
    monkeypatch.setattr(BackAndForth, "MOST_BYTES", 1_000_000)
    with pytest.raises(DataError, match="more than 1 MB of frames"):
        list(BackAndForth(FileCapture(clip), 3.0))


def test_what_cannot_be_done_says_why(footage: list[VideoFrame], face: FaceTrack, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no frames"):
        FaceTrack.of([])
    with pytest.raises(DataError, match="there are more"):
        list(inject([*footage, footage[0]], face, []))
    with pytest.raises(DataError, match="no such folder"):
        write_movie(tmp_path / "nowhere" / "a.avi", [footage[0].image], FPS, ())
    with pytest.raises(DataError, match="no pictures"):
        write_movie(tmp_path / "a.avi", [], FPS, ())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
def test_a_filmed_face_leaves_and_only_it_moves(data_dir: Path, tmp_path: Path) -> None:
    video = data_dir / "face" / "single_face.mp4"
    event = replace(EVENT, action_units=(4,), side="both", amplitude_px=2.0)
    inject_file(video, tmp_path / "real.avi", [event], resample=False)
    pairs = list(zip(FileCapture(video), FileCapture(tmp_path / "real.avi"), strict=True))
    same = [np.array_equal(a.image, b.image) for a, b in pairs]
    assert same == [not event.onset_s < a.index / 30.0 < event.offset_s for a, _ in pairs]
    before, after = pairs[21][0].image, pairs[21][1].image
    face = FaceTrack.of([pairs[i][0] for i in range(30)])
    x, y = np.round(anchors(face.shapes[0])["brow_inner_left"]).astype(int)
    flow = dense_flow(face.alignment(21).crop(before), face.alignment(21).crop(after))
    assert flow[y - 6 : y + 6, x - 6 : x + 6, 1].mean() > 1.0
