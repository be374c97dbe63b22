"""A recording's start hands the streams over to an engine that has seen nothing, at one moment for all of them."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pylsl
import pytest
from fakes import CHANNELS, AlphaRecognizer

from realtime.config import Config, LslConfig
from realtime.live import LiveSession, Wanted
from realtime.lsl.inlets import EegReader, VideoReader
from realtime.packets import EegChunk, VideoFrame

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("lsl_session")]

_OPEN = """
eeg = EegOutlet(EegInfo("amp", "over-eeg", tuple(labels), 250.0))
video = VideoOutlet(VideoInfo("emostream-video", "over-video", 8, 6, 1, 25.0))
result = pylsl.local_clock()
"""
_PUSH = """
for i in range(first, first + n, 10):
    eeg.push(np.ones((len(labels), 10)) * np.arange(i, i + 10), t0 + np.arange(i, i + 10) / 250.0)
    if i // 10 not in (31, 32):
        video.push(VideoFrame(np.full((6, 8), i // 10 % 250, np.uint8), t0 + i / 250.0, i // 10))
"""


def test_packets_from_a_moment_on_go_to_another_consumer(peers, step_until) -> None:
    peer = peers()
    t0 = peer.run(_OPEN, labels=list(CHANNELS))
    (eeg_info,) = pylsl.resolve_byprop("source_id", "over-eeg", 1, 10.0)
    (video_info,) = pylsl.resolve_byprop("source_id", "over-video", 1, 10.0)
    before: list[EegChunk | VideoFrame] = []
    chunks: list[EegChunk] = []
    frames: list[VideoFrame] = []
    eeg, video = EegReader(eeg_info, before.append), VideoReader(video_info, before.append, max_backlog_s=10.0)
    readers = (eeg, video)
    for reader in readers:
        reader.step(0.05)
    for first in range(0, 400, 20):
        peer.run(_PUSH, labels=list(CHANNELS), t0=t0, first=first, n=20)
        if first == 100:
            # asked for early: it begins with what is stamped 0.8 s, sample 200, frame 20
            eeg.hand_over(chunks.append, t0 + 0.8)
            video.hand_over(frames.append, t0 + 0.8)
        for reader, wanted in (
            (eeg, first + 20),
            (video, (first + 20) // 10 - sum(31 + i < (first + 20) // 10 for i in (0, 1))),
        ):
            step_until(reader, lambda reader=reader, wanted=wanted: reader.received >= wanted)
    for reader in readers:
        reader.stop()
    samples = np.concatenate([chunk.samples[0] for chunk in chunks])
    assert samples[0] == 200.0
    assert len(samples) == 200
    assert chunks[0].stamps[0] == pytest.approx(t0 + 0.8, abs=1e-6)
    assert frames[0].index == 20
    assert list(video.missed) == [(31, 32)]
    assert (eeg.received, eeg.lost, video.lost) == (400, 0, 2)


def test_the_engine_begins_anew_with_a_recording(peers) -> None:
    peer = peers()
    t0 = peer.run(_OPEN, labels=list(CHANNELS))
    peer.run("recorder = MarkerOutlet('emostream-recorder')")
    session = LiveSession(AlphaRecognizer(), Wanted(video=False), Config(lsl=LslConfig(resolve_timeout_s=10.0)))
    first = session.runner.engine
    session.start()

    def until(condition: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 20.0
        while not condition():
            assert time.monotonic() < end_s
            session.runner.check()
            time.sleep(0.02)

    try:
        until(lambda: bool(session._listener and session._listener.heard))
        peer.run(_PUSH, labels=list(CHANNELS), t0=t0, first=0, n=300)
        until(lambda: session.runner.health()[0].received == 300)
        assert first.beginning.eeg_s == pytest.approx(t0, abs=1e-6)
        event = {"event": "recording_started", "run": "sub-01_ses-01_task-suppression_run-01", "streams": []}
        peer.run("recorder.push_json(event, stamp)", event=event, stamp=t0 + 1.3)
        until(lambda: session.runner.engine is not first)
        peer.run(_PUSH, labels=list(CHANNELS), t0=t0, first=300, n=300)
        until(lambda: session.runner.health()[0].received == 600)
        peer.run("recorder.push_json(event)", event={"event": "recording", "run": event["run"]})
    finally:
        session.stop()
    # the next pull that begins at the moment or after it
    assert t0 + 1.3 <= session.runner.beginning.eeg_s <= t0 + 1.6
    assert session.runner.health()[0].lost == 0
