"""Any frame of a film by its number, in every kind of coding, and where it lies in a recording."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from gui.annotate.film import FilmFrames
from gui.annotate.sources import Target, open_target
from realtime.errors import ConfigurationError, DataError
from realtime.face.capture import FileCapture
from realtime.review.candidates import Known
from realtime.session.recorded import Film

_FRAMES = 100


def _film(path: Path, codec: str, pixels: str, *, reorder: int = 0, holes: tuple[int, ...] = ()) -> Path:
    """Frame k shows its number as seven black or white bars, at k / 30 s; frames of `holes` are not in the film."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.codec_context.gop_size = 40
        if codec == "libx264":
            stream.options = {"x264-params": "scenecut=0"}
        stream.codec_context.max_b_frames = reorder
        stream.codec_context.time_base = Fraction(1, 30)
        for k in range(_FRAMES):
            if k in holes:
                continue
            grey = np.repeat([[235 if k >> bit & 1 else 16 for bit in range(8)]], 48, axis=0).repeat(8, axis=1)
            grey = grey.astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixels)
            frame.pts, frame.time_base = k, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _number(image: np.ndarray) -> int:
    grey = image if image.ndim == 2 else image.mean(axis=2)
    return sum(1 << bit for bit in range(8) if grey[:, 8 * bit + 2 : 8 * bit + 6].mean() > 128)


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "reorder"),
    [
        ("a.mkv", "ffv1", "gray", 0),
        ("a.avi", "ffv1", "bgr0", 0),
        ("a.mp4", "libx264", "yuv420p", 3),
        ("b.mkv", "libx264", "yuv420p", 3),
        ("b.avi", "mjpeg", "yuvj420p", 0),
    ],
)
def test_every_order_of_asking_gives_the_frame_of_that_number(
    name: str, codec: str, pixels: str, reorder: int, tmp_path: Path
) -> None:
    frames = FilmFrames(_film(tmp_path / name, codec, pixels, reorder=reorder), cache_bytes=16 * 3 * 64 * 48)
    assert len(frames) == _FRAMES
    assert frames.times_s == pytest.approx(np.arange(_FRAMES) / 30, abs=6e-4)
    asked = [99, 0, 50, 49, 48, 47, 10, 11, 12, 40, 39, 80, 79, *np.random.default_rng(0).integers(0, 100, 30)]
    assert [_number(frames.frame(int(k))) for k in asked] == asked
    assert frames.frame(5).shape == ((48, 64) if pixels == "gray" else (48, 64, 3))
    with pytest.raises(DataError, match="no frame 100 in"):
        frames.frame(100)
    frames.close()


def test_a_film_that_is_to_be_turned_is_shown_as_the_spotter_sees_it(tmp_path: Path) -> None:
    path = _film(tmp_path / "a.mp4", "libx264", "yuv420p")
    raw = path.read_bytes()
    at = raw.index(b"tkhd") + 44  # the matrix of the track's header: a quarter turn
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    path.write_bytes(raw[:at] + turn + raw[at + 36 :])
    frames = FilmFrames(path)
    seen = [frame.image for frame, _ in zip(FileCapture(path), range(6), strict=False)]
    assert frames.frame(5).shape == (64, 48, 3)
    assert np.array_equal(frames.frame(5), seen[5])
    frames.close()


def test_steps_back_are_in_memory_and_the_memory_is_bounded(tmp_path: Path) -> None:
    frames = FilmFrames(_film(tmp_path / "a.mp4", "libx264", "yuv420p", reorder=2), cache_bytes=20 * 3 * 64 * 48)
    frames.frame(39)
    before = frames.decoded
    for k in range(38, 25, -1):
        frames.frame(k)
    assert frames.decoded == before
    assert frames.cached(30) is not None
    assert sum(frames.cached(k) is not None for k in range(_FRAMES)) <= 20
    frames.close()


def test_frames_without_times_of_their_own_are_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"stored out of order without times of their own; convert it: 'ffmpeg"):
        FilmFrames(_film(tmp_path / "a.avi", "libx264", "yuv420p", reorder=3))


def test_what_is_no_film_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.avi").write_text("no film")
    with pytest.raises(DataError, match="cannot read the film"):
        FilmFrames(tmp_path / "a.avi")
    with pytest.raises(DataError, match="no film '"):
        FilmFrames(tmp_path / "b.avi")


def test_a_film_cut_off_in_the_middle_gives_what_is_left_of_it(tmp_path: Path) -> None:
    whole = _film(tmp_path / "a.mkv", "ffv1", "gray").read_bytes()
    (tmp_path / "b.mkv").write_bytes(whole[: len(whole) * 3 // 4])
    frames = FilmFrames(tmp_path / "b.mkv")
    last = len(frames) - 2
    assert 30 < last < _FRAMES
    assert _number(frames.frame(last)) == last
    frames.close()


def test_a_frames_time_is_that_of_its_number_at_the_camera(tmp_path: Path) -> None:
    path = _film(tmp_path / "a.mkv", "ffv1", "gray", holes=(3, 4))
    frames = FilmFrames(path)
    # the film begins with the camera's frame 10; the recording lost the stamp of frame 12, and ends before the film
    indices = np.array([10, 11, *range(13, 105)])
    stamps_s = 2.0 + (indices - 10) * 0.034
    camera = Film(path, "", 30.0, _FRAMES, 10, indices, stamps_s)
    target = Target("a", tmp_path / "a.tsv", path, camera, Known())
    times_s = target.times_of(frames)
    assert len(times_s) == _FRAMES - 2
    shown = [_number(frames.frame(k)) for k in (0, 1, 2, 3, 97)]
    assert shown == [0, 1, 2, 5, 99]
    assert times_s[[0, 1, 2, 3, 97]] == pytest.approx([2.0 + 0.034 * k for k in shown])
    frames.close()


def test_a_loose_film_is_reviewed_from_its_first_frame(tmp_path: Path) -> None:
    path = _film(tmp_path / "clip.avi", "mjpeg", "yuvj420p")
    target = open_target(path)
    assert (target.table.name, target.film, target.camera) == ("clip_annotations.tsv", path, None)
    assert target.times_of(SimpleNamespace(times_s=np.arange(3.0))).tolist() == [0, 1, 2]  # type: ignore[arg-type]
    assert open_target(path, coder="c2", blind=True).table.name == "clip_annotations_c2.tsv"
    with pytest.raises(ConfigurationError, match="--blind needs --coder"):
        open_target(path, blind=True)
    with pytest.raises(ConfigurationError, match="a pseudonym such as c1"):
        open_target(path, coder="../x")
    with pytest.raises(DataError, match="neither a recording"):
        open_target(Path(__file__))
