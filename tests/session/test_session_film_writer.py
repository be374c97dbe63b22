"""Films: every bit back, every hole where it belongs, nothing overwritten, and whatever was written can be opened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.faults.peers.disk import disk
from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.face.films import film_facts
from realtime.films.film import Codec, FilmWriter
from realtime.films.film_reader import FilmReader
from realtime.packets import VideoFrame
from realtime.session.recorded import Film

SHAPES = {1: (48, 64), 3: (48, 64, 3)}


def pictures(count: int, planes: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(planes)
    return [rng.integers(0, 256, SHAPES[planes], dtype=np.uint8) for _ in range(count)]


@pytest.mark.parametrize("planes", [1, 3])
def test_every_bit_comes_back_with_its_number(tmp_path: Path, planes: int) -> None:
    images = pictures(30, planes)
    indices = [i for i in range(1000, 1046) if i % 3]  # the camera lost every third
    path = tmp_path / "film.mkv"
    with FilmWriter(path, 64, 48, planes, 29.97) as writer:
        for image, index in zip(images, indices, strict=False):
            given = image.copy()
            assert writer.push(VideoFrame(given, 7.0 + index / 29.97, index))
            given[:] = 0  # whoever made the picture uses its memory again
    assert (writer.first_index, writer.frames, writer.dropped) == (1000, 30, 0)
    film = FileCapture(path)
    assert (film.info.planes, film.fps) == (planes, 29.97)
    back = list(film)
    assert len(back) == 30
    for frame, image in zip(back, images, strict=True):
        np.testing.assert_array_equal(frame.image, image)
    assert [round(frame.stamp * 29.97) + 1000 for frame in back] == indices[:30]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("planes", [1, 3])
def test_a_grey_film_is_read_as_the_recording_says_its_pictures_were(tmp_path: Path, planes: int) -> None:
    images = pictures(12)
    path = tmp_path / "film.mkv"
    with FilmWriter(path, 64, 48, 1, 20.0) as writer:
        for index, image in enumerate(images):
            writer.push(VideoFrame(image, index / 20, index))
    film = Film(path, "v", 20.0, 12, 0, np.arange(12), 100.0 + np.arange(12) / 20, planes=planes)
    with FilmReader(film) as reader:
        back = [frame.image for frame in reader]
        reader.seek(0.0)
        again = reader.read()
    for image, read in zip(images, back, strict=True):
        np.testing.assert_array_equal(read, image if planes == 1 else np.repeat(image[..., None], 3, axis=2))
    assert again is not None
    np.testing.assert_array_equal(again.image, back[0])


def test_long_holes_and_long_films_keep_their_numbers(tmp_path: Path) -> None:
    numbers = [*range(20), *range(3000, 3020), *range(500_000, 500_020)]
    (image,) = pictures(1)
    with FilmWriter(tmp_path / "long.mkv", 64, 48, 1, 149.83) as writer:
        for number in numbers:
            writer.push(VideoFrame(image, number / 149.83, number))
    film = FileCapture(tmp_path / "long.mkv")
    assert [round(frame.stamp * film.fps) for frame in film] == numbers


@pytest.mark.parametrize("planes", [1, 3])
def test_h264_is_near_and_smaller(tmp_path: Path, planes: int) -> None:
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(48), np.arange(64)) * 2
    still = ramp if planes == 1 else np.stack([ramp, ramp[::-1], 255 - ramp], axis=-1)
    images = [np.clip(still + rng.normal(0, 2, SHAPES[planes]), 0, 255).astype(np.uint8) for _ in range(30)]
    sizes = {}
    for codec in cast(tuple[Codec, ...], ("ffv1", "h264")):
        path = tmp_path / f"{codec}.mkv"
        with FilmWriter(path, 64, 48, planes, 30.0, codec) as writer:
            for index, image in enumerate(images):
                writer.push(VideoFrame(image, index / 30.0, index))
        sizes[codec] = path.stat().st_size
    back = [frame.image if planes == 3 else frame.image[..., 0] for frame in FileCapture(tmp_path / "h264.mkv")]
    assert len(back) == 30
    assert np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(back, images, strict=True)]) < 8.0
    assert sizes["h264"] < sizes["ffv1"] / 2


def test_nothing_is_overwritten_and_no_film_is_made_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match="exists already and nothing is overwritten"):
        FilmWriter(path, 64, 48, 1, 30.0)
    assert path.read_bytes() == b"mine"
    with pytest.raises(DataError, match="cannot make the film"):
        FilmWriter(tmp_path / "nowhere" / "film.mkv", 64, 48, 1, 30.0)
    for wrong in ((0, 48, 1, 30.0), (64, 48, 2, 30.0), (64, 48, 1, 0.0), (64, 48, 1, float("nan"))):
        with pytest.raises(DataError, match="no film of"):
            FilmWriter(tmp_path / "wrong.mkv", *wrong)
    with pytest.raises(DataError, match="even sizes"):
        FilmWriter(tmp_path / "odd.mkv", 63, 48, 1, 30.0, "h264")
    with pytest.raises(DataError, match=r"ends in \.mkv"):
        FilmWriter(tmp_path / "film.avi", 64, 48, 1, 30.0)
    FilmWriter(tmp_path / "empty.mkv", 64, 48, 1, 30.0).close()
    with FilmWriter(tmp_path / "size.mkv", 64, 48, 1, 30.0) as writer, pytest.raises(DataError, match="frame 3 is"):
        writer.push(VideoFrame(np.zeros((48, 65), np.uint8), 0.0, 3))
    assert [p.name for p in tmp_path.iterdir()] == ["film.mkv"]


def test_a_full_disk_is_told_of_at_once_and_what_was_written_can_be_opened(tmp_path: Path) -> None:
    ends: list[str | None] = []
    path = tmp_path / "film.mkv"
    writer = FilmWriter(path, 64, 48, 3, 30.0, open_file=disk(room=60_000), on_end=ends.append)
    for index, image in enumerate(pictures(30, 3)):
        writer.push(VideoFrame(image, index / 30.0, index))
    with pytest.raises(DataError, match="ended before its time: No space left on device"):
        writer.close()
    assert ends == ["No space left on device"]
    assert writer.frames + writer.dropped <= 30
    assert not writer.push(VideoFrame(pictures(1, 3)[0], 2.0, 60))
    whole = list(FileCapture(path))
    assert 3 <= len(whole) <= 6
    np.testing.assert_array_equal(whole[0].image, pictures(1, 3)[0])


def test_a_slow_disk_never_holds_the_camera_up_and_what_is_dropped_is_a_hole(tmp_path: Path) -> None:
    gate, now = threading.Event(), [100.0]
    image = pictures(1)[0]
    path = tmp_path / "film.mkv"
    writer = FilmWriter(
        path, 64, 48, 1, 30.0, queue_bytes=4 * image.nbytes, open_file=disk(gate=gate), clock=lambda: now[0]
    )
    taken = []
    for index in range(20):
        now[0] += 0.1
        taken.append(writer.push(VideoFrame(image, index / 30.0, index)))
    dropped, behind_s = taken.count(False), writer.behind_s
    gate.set()
    assert 13 <= dropped <= 16
    assert behind_s > 1.0
    end = time.monotonic() + 10.0
    while writer.behind_s > 0.0:
        assert time.monotonic() < end
        time.sleep(0.005)
    writer.push(VideoFrame(image, 20 / 30.0, 20))
    writer.close()
    assert (writer.frames, writer.dropped) == (21 - dropped, dropped)
    film = FileCapture(path)
    assert [round(frame.stamp * 30.0) for frame in film] == [i for i, ok in enumerate([*taken, True]) if ok]


_KILLED = """
import sys
from pathlib import Path
import numpy as np
from realtime.packets import VideoFrame
from realtime.films.film import FilmWriter
rng = np.random.default_rng(0)
writer = FilmWriter(Path(sys.argv[1]), 64, 48, 1, 30.0)
for index in range(10**6):
    writer.push(VideoFrame(rng.integers(0, 256, (48, 64), dtype=np.uint8), index / 30.0, index))
    while writer.frames < index - 2:
        pass
    if index % 10 == 0:
        print(index, flush=True)
"""


def test_what_was_filmed_before_the_program_was_killed_can_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout is not None
    index = 0
    while index < 200:
        index = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    back = list(FileCapture(path))
    assert len(back) > 200 - 30  # a second at most is lost
    rng = np.random.default_rng(0)
    for frame in back:
        np.testing.assert_array_equal(frame.image, rng.integers(0, 256, (48, 64), dtype=np.uint8))
    assert film_facts(path).frames == len(back)
