"""The video reader against real outlets in another process."""

from __future__ import annotations

import time

import numpy as np
import pylsl
import pytest

from realtime.lsl.inlets import VideoReader
from realtime.packets import VideoFrame

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("lsl_session")]


def _reader(source_id: str, frames: list[VideoFrame]) -> VideoReader:
    (info,) = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
    return VideoReader(info, frames.append)


def test_video_frames_come_back_bit_for_bit_and_lost_ones_are_counted(peers, step_until) -> None:
    peer = peers()
    peer.run("""
info = VideoInfo("emostream-video", "cam-1", 40, 30, 3, 25.0)
video = VideoOutlet(info)
def image(i):
    return np.random.default_rng(i).integers(0, 256, (30, 40, 3)).astype(np.uint8)
""")
    frames: list[VideoFrame] = []
    reader = _reader("cam-1", frames)
    assert (reader.info.width, reader.info.height, reader.info.planes, reader.info.fps) == (40, 30, 3, 25.0)
    reader.step(0.05)
    peer.run("for i in (0, 1, 2, 6, 7): video.push(VideoFrame(image(i), 100.0 + i / 25, i))")
    step_until(reader, lambda: reader.received == 5)
    reader.stop()
    assert [f.index for f in frames] == [0, 1, 2, 6, 7]
    assert [f.stamp for f in frames] == pytest.approx([100.0 + i / 25 for i in (0, 1, 2, 6, 7)], abs=1e-3)
    for frame in frames:
        expected = np.random.default_rng(frame.index).integers(0, 256, (30, 40, 3)).astype(np.uint8)
        assert np.array_equal(frame.image, expected)
    assert (reader.lost, reader.health().gaps, reader.skipped) == (3, 1, 0)


def test_video_reader_that_is_behind_goes_to_the_newest_frame(peers, step_until) -> None:
    peer = peers()
    peer.run("video = VideoOutlet(VideoInfo('emostream-video', 'cam-2', 8, 4, 1, 30.0))")
    frames: list[VideoFrame] = []
    reader = _reader("cam-2", frames)
    reader.step(0.05)
    peer.run("for i in range(5): video.push(VideoFrame(np.full((4, 8), i, np.uint8), 10.0 + i / 30, i))")
    step_until(reader, lambda: reader.received == 5)
    peer.run("for i in range(5, 45): video.push(VideoFrame(np.full((4, 8), i, np.uint8), 10.0 + i / 30, i))")
    deadline = time.monotonic() + 10.0
    while reader._connection.available() < 40:
        assert time.monotonic() < deadline, "the frames did not arrive"
        time.sleep(0.01)
    step_until(reader, lambda: frames[-1].index == 44)
    reader.stop()
    assert reader.received == 45
    assert 0 < reader.skipped == reader.lost < 40
    assert np.array_equal(frames[-1].image, np.full((4, 8), 44))


def test_frames_of_a_restarted_source_keep_its_own_earlier_times(peers, step_until) -> None:
    """A replay that runs ahead of time and is started again stamps its frames before the last ones."""
    opened = "video = VideoOutlet(VideoInfo('emostream-video', 'cam-3', 8, 4, 1, 30.0))"
    pushed = "for i in range(3): video.push(VideoFrame(np.full((4, 8), i, np.uint8), start + i / 30, i))"
    peer = peers()
    peer.run(opened)
    frames: list[VideoFrame] = []
    reader = _reader("cam-3", frames)
    reader.step(0.05)
    peer.run(pushed, start=500.0)
    step_until(reader, lambda: reader.received == 3)
    peer.run("video.close()")
    step_until(reader, lambda: reader.state == "lost")
    peer.run(opened)
    step_until(reader, lambda: reader.state != "lost")
    peer.run(pushed, start=100.0)
    step_until(reader, lambda: reader.received == 6)
    reader.stop()
    wanted = [*(500.0 + np.arange(3) / 30), *(100.0 + np.arange(3) / 30)]
    assert [f.stamp for f in frames] == pytest.approx(wanted, abs=1e-3)
