"""What a device is late by is taken off its stamps, by every reader of it and of no other device."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from realtime.config import LslConfig
from realtime.errors import DataError
from realtime.lsl.discovery import find_stream
from realtime.lsl.inlets import EegReader, VideoReader
from realtime.packets import EegChunk, VideoFrame
from realtime.session.delays import DeviceDelay, Devices

_MEASURED = DeviceDelay(
    delay_s=0.12, spread_s=0.003, flashes=20, against="channel photodiode", measured=datetime(2026, 1, 2, tzinfo=UTC)
)


@pytest.mark.usefixtures("lsl_session")
def test_stamps_are_those_of_the_moment_and_not_of_their_arrival(peers, step_until) -> None:
    peer = peers()
    peer.run(
        'eeg = EegOutlet(EegInfo("amp", "amp", ("Fp1", "Cz"), 100.0))\n'
        'video = VideoOutlet(VideoInfo("cam", "cam-video", 8, 6, 1, 10.0))'
    )
    config = LslConfig(delays={"cam-video": 0.12})
    chunks: list[EegChunk] = []
    frames: list[VideoFrame] = []
    eeg = EegReader(find_stream(source_id="amp"), chunks.append, config)
    video = VideoReader(find_stream(source_id="cam-video"), frames.append, config)
    eeg.step(0.1)
    video.step(0.1)
    t0 = peer.run(
        "t0 = pylsl.local_clock()\n"
        "eeg.push(np.zeros((2, 100)), t0 + np.arange(100) / 100.0)\n"
        "for i in range(5): video.push(VideoFrame(np.zeros((6, 8), np.uint8), t0 + 0.1 * i, i))\n"
        "result = t0"
    )
    step_until(eeg, lambda: eeg.received >= 100)
    step_until(video, lambda: video.received >= 5)
    eeg.stop()
    video.stop()
    assert chunks[0].stamps[0] == pytest.approx(t0, abs=2e-3)
    assert [frame.stamp for frame in frames] == pytest.approx([t0 - 0.12 + 0.1 * i for i in range(5)], abs=2e-3)
    assert np.all(np.diff([frame.stamp for frame in frames]) > 0)


def test_a_measured_delay_is_kept_with_the_recordings(tmp_path: Path) -> None:
    root = tmp_path / "recordings"
    assert Devices.load(root).seconds() == {}
    Devices.load(root).with_delay("cam-video", _MEASURED).save(root)
    Devices.load(root).with_delay("other", _MEASURED.model_copy(update={"delay_s": -0.01})).save(root)
    assert Devices.load(root).seconds() == {"cam-video": 0.12, "other": -0.01}
    assert (root / "devices.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "[]", '{"delays": {"a": {"delay_s": 99}}}', '{"more": 1}'])
def test_a_damaged_file_of_devices_is_told_and_not_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / "devices.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="measure anew"):
        Devices.load(tmp_path)
