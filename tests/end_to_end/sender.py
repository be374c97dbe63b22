"""Run as a process of its own: sends a recording and a video over LSL from their first sample, once both are read."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pylsl

from realtime.eeg.files import read_recording
from realtime.face.capture import FileCapture
from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoInfo
from simulators.pushers import EegPusher, VideoPusher
from simulators.streams import PushedStreams


def main(recording: str, video: str, seconds: float) -> None:
    session.configure()
    eeg, film = read_recording(Path(recording)), FileCapture(video)
    rate, size = eeg.info.sfreq_hz, film.info
    samples = EegOutlet(EegInfo("sent-eeg", "sent-eeg", eeg.info.channels, rate))
    frames = VideoOutlet(VideoInfo("sent-video", "sent-video", size.width, size.height, size.planes, size.fps))
    for outlet in (samples, frames):
        if not outlet.wait_for_consumers(60.0):
            sys.exit("nobody reads")
    pictures = ((frame.stamp, frame.image) for frame in film)
    pushers = [
        EegPusher(samples, lambda first, n: eeg.samples_uv[:, first : first + n], rate, round(seconds * rate)),
        VideoPusher(frames, lambda _index: next(pictures, None)),
    ]
    streams = PushedStreams(pushers, [samples.close, frames.close], pylsl.local_clock)
    streams.start()
    while pushers[0].state == "running":
        time.sleep(0.05)
    # until the test has everything and ends this process
    time.sleep(60.0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
