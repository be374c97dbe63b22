"""Video files as frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.capture import FileCapture, next_stamp


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for value in range(12):
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 2] = 20 * value
        writer.write(image)
    writer.release()
    return path


def test_frames_come_in_order_with_their_own_times_as_rgb(clip: Path):
    capture = FileCapture(clip, start_s=7.0)
    frames = list(capture)
    assert [f.index for f in frames] == list(range(12))
    assert np.diff([f.stamp for f in frames]) == pytest.approx(0.05, abs=1e-3)
    assert frames[0].stamp == pytest.approx(7.0, abs=0.051)
    assert frames[10].image[..., 0].mean() == pytest.approx(200, abs=8)
    assert frames[10].image[..., 2].mean() < 12
    assert (capture.info.width, capture.info.height, capture.info.planes, capture.fps) == (64, 48, 3, 20.0)
    assert len(list(capture)) == 12


def _stamps(own: list[float], fps: float) -> list[float]:
    stamps: list[float] = []
    for index, said in enumerate(own):
        stamps.append(next_stamp(said, stamps[-1] if stamps else -np.inf, index, fps))
    return stamps


def test_films_of_varying_rate_keep_their_own_times():
    # a browser's recording states 1000 frames a second; a telephone's is 12 s off its nominal rate in the end
    for own, fps in ((np.arange(900) / 30.0, 1000.0), (np.arange(900) / 25.0, 37.5)):
        assert _stamps(own.tolist(), fps) == own.tolist()


def test_times_that_make_no_sense_give_way_to_the_nominal_rate():
    nominal = [i / 20.0 for i in range(100)]
    assert _stamps([0.0] * 100, 20.0) == pytest.approx(nominal)
    assert _stamps([1e9] * 100, 20.0) == pytest.approx(nominal)
    stamps = _stamps([0.0, 0.05, 0.05, 0.02, 0.2], 20.0)
    assert (np.diff(stamps) > 0).all()
    assert stamps[-1] == 0.2


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(DataError, match=r"no video file .*gone\.mp4"):
        FileCapture(tmp_path / "gone.mp4")


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 50])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"notes\.mp4"):
        FileCapture(path)


def test_a_video_without_frames_is_refused(tmp_path: Path):
    path = tmp_path / "empty.avi"
    cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48)).release()
    with pytest.raises(DataError, match=r"empty\.avi"):
        FileCapture(path)


@pytest.mark.real_data
def test_real_recordings_have_strictly_increasing_stamps(data_dir: Path):
    for name, count in (("single_face.mp4", 72), ("no_face.mp4", 95)):
        stamps = [f.stamp for f in FileCapture(data_dir / "face" / name)]
        assert len(stamps) == count
        assert (np.diff(stamps) > 0).all()
