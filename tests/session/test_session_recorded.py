"""A session's films: which frame is where, what is missing, and what cannot be used."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.films.film_reader import FilmReader
from realtime.packets import UInt8
from realtime.session.recorded import Film, film_of, find_films, find_session

FPS = 30.0


def picture(number: int, planes: int) -> UInt8:
    """Noise in the low bits, a number in the high ones: nothing but the very frame equals it."""
    noise = np.random.default_rng(number).integers(0, 8, (48, 64, planes), np.uint8)
    shown = (noise + np.uint8(8 * (number % 30))).astype(np.uint8)
    return shown[..., 0] if planes == 1 else shown


def write_matroska(path: Path, count: int, planes: int = 1, holes: tuple[int, ...] = (), gop: int = 12) -> Path:
    """A lossless film whose frame k lies at k / FPS; `holes` were dropped."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=round(FPS), options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray" if planes == 1 else "bgr0"
        for k in (k for k in range(count) if k not in holes):
            frame = av.VideoFrame.from_ndarray(picture(k, planes), format="gray" if planes == 1 else "rgb24")
            frame = frame if planes == 1 else frame.reformat(format="bgr0")
            frame.pts, frame.time_base = k, Fraction(1, round(FPS))
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film(path: Path, indices: NDArray[np.int64], first: int, frames: int, planes: int = 1) -> Film:
    return Film(path, "", FPS, frames, first, indices, 5.0 + (indices - first) / 29.8, planes, "video", "cam")


@pytest.mark.parametrize("planes", [1, 3])
def test_every_frame_has_its_own_stamp_and_number_bit_for_bit(tmp_path: Path, planes: int) -> None:
    path = write_matroska(tmp_path / "x.mkv", 120, planes, holes=(30, 31, 77))
    # the recorder missed frames too, began before the film and ended after it
    indices = np.array([k for k in range(90, 230) if k not in (150, 180)])
    with FilmReader(film(path, indices, 100, 120, planes)) as reader:
        frames = list(reader)
        assert reader.read() is None
        assert reader.absent == 3
        assert (reader.info.width, reader.info.height, reader.info.planes) == (64, 48, planes)
        assert (reader.first_s, reader.last_s) == (5.0, pytest.approx(5.0 + 119 / 29.8))
    assert [f.index for f in frames] == [k for k in range(100, 220) if k not in (130, 131, 150, 177, 180)]
    for frame in frames:
        assert frame.stamp == pytest.approx(5.0 + (frame.index - 100) / 29.8)
        np.testing.assert_array_equal(frame.image, picture(frame.index - 100, planes))


def test_any_place_is_found_again_and_again(tmp_path: Path) -> None:
    path = write_matroska(tmp_path / "x.mkv", 300, holes=(100, 101))
    with FilmReader(film(path, np.arange(300), 0, 300)) as reader:
        for target in (0, 250, 10, 11, 75, 299, 99, 102, 5, 5):
            reader.seek(5.0 + target / 29.8 - 1e-6)
            frame = reader.read()
            assert frame is not None
            assert frame.index == target
            np.testing.assert_array_equal(frame.image, picture(target, 1))
        assert reader.seek(5.0 + 20 / 29.8 - 1e-6) == 14
        assert reader.seek(99.0) == 280
        assert reader.read() is None
        reader.seek(0.0)
        assert next(iter(reader)).index == 0


def test_a_film_of_other_frames_is_refused(tmp_path: Path) -> None:
    path = write_matroska(tmp_path / "x.mkv", 10)
    with pytest.raises(DataError, match=r"none of the 10 frames of .x\.mkv. is among those of the recording"):
        FilmReader(film(path, np.arange(50, 60), 0, 10))
    path.write_bytes(b"")
    with pytest.raises(DataError, match="holds no frame"):
        FilmReader(film(path, np.arange(10), 0, 10))


def index_stream(name: str, source_id: str, count: int = 10) -> dict[str, object]:
    info = {"name": [name], "type": ["VideoFrameIndex"], "source_id": [source_id], "desc": [None]}
    return {"info": info, "time_series": np.arange(count)[:, None].astype(float), "time_stamps": np.arange(count) / FPS}


def test_cameras_are_told_apart_by_the_source_id_beside_the_film(tmp_path: Path) -> None:
    for camera, source_id in (("left", "cam-b"), ("right", "cam-a")):
        write_matroska(tmp_path / f"run_{camera}_video.mkv", 10)
        told = {"source_id": source_id, "planes": 1, "first_frame_index": 2, "frames": None}
        (tmp_path / f"run_{camera}_video.json").write_text(json.dumps(told))
    (tmp_path / "run.xdf").touch()
    (tmp_path / "run_part-02.xdf").touch()
    assert find_session(tmp_path).films == (
        ("left", tmp_path / "run_left_video.mkv"),
        ("right", tmp_path / "run_right_video.mkv"),
    )
    streams = [index_stream("frames 1", "cam-a-frames"), index_stream("frames 2", "cam-b-frames")]
    films, problems = find_films(tmp_path / "run.xdf", streams, 0.0)
    assert not problems
    found = {f.camera: f for f in films}
    assert (found["left"].index_name, found["right"].index_name) == ("frames 2", "frames 1")
    assert (found["left"].source_id, found["left"].first_index, found["left"].planes) == ("cam-b", 2, 1)
    assert found["left"].at(5 / FPS) == pytest.approx(3 / FPS)
    with pytest.raises(DataError, match=r"frame -2 at 0\.000 s is none of the 10"):
        found["left"].at(0.0)


def test_a_film_is_not_paired_with_a_guess(tmp_path: Path) -> None:
    write_matroska(tmp_path / "run_left_video.mkv", 10)
    (tmp_path / "run.xdf").touch()
    films, problems = find_films(tmp_path / "run.xdf", [index_stream("a", "x"), index_stream("b", "y")], 0.0)
    assert not films
    assert problems[0].startswith("no stream of type 'VideoFrameIndex' belongs to the film of left")
    assert len(problems) == 3


def test_a_film_elsewhere_with_a_broken_description_is_refused(tmp_path: Path) -> None:
    path = write_matroska(tmp_path / "x.mkv", 10)
    assert film_of(path, index_stream("a", "x"), 0.0).frames == 10
    path.with_suffix(".json").write_text("{")
    with pytest.raises(DataError, match="JSON file beside it cannot be read"):
        film_of(path, index_stream("a", "x"), 0.0)
