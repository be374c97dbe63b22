"""Test only: a headset, a camera that says it films, and simulated truth, until it is ended."""

from __future__ import annotations

import time

import numpy as np
import pylsl

from realtime.lsl import session
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoFrame, VideoInfo


def main() -> None:
    session.configure()
    eeg = EegOutlet(EegInfo("emostream-eeg", "rec-eeg", ("Fp1", "Fp2", "C3", "C4"), 250.0))
    video = VideoOutlet(VideoInfo("emostream-video", "rec-cam", 8, 6, 1, 25.0))
    truth, films = MarkerOutlet("emostream-truth", "rec-truth"), MarkerOutlet("emostream-films", "rec-cam-films")
    began_s = pylsl.local_clock()

    def film(_name: str, event: dict, _stamp: float) -> None:
        told = {"run": event.get("run"), "camera": ""}
        if event["event"] == "record_start":
            films.push_json({**told, "event": "film_started", "file": "x.mkv", "first_frame_index": 3, "codec": "ffv1"})
        elif event["event"] == "record_stop":
            films.push_json({**told, "event": "film_stopped", "frames": 9, "dropped": 1})

    listener = MarkerListener(("emostream-control",), film)
    listener.start()
    truth.push_json({"event": "trial_start", "emotion": "sad"})
    done = frames = 0
    while True:
        passed_s = pylsl.local_clock() - began_s
        due = int(passed_s * 250.0)
        if due > done:
            stamps = began_s + np.arange(done, due) / 250.0
            eeg.push(np.tile(np.arange(done, due, dtype=np.float32), (4, 1)), stamps)
            done = due
        while frames < int(passed_s * 25.0):
            video.push(VideoFrame(np.zeros((6, 8), np.uint8), began_s + frames / 25.0, frames))
            frames += 1
        time.sleep(0.02)


if __name__ == "__main__":
    main()
