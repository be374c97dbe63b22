"""Test only: a process that publishes every stream of the contract with made-up numbers, as a live session would.

Run as ``python tests/gui/fake_streams.py --seconds 20``; nothing in it is a person, a model or a recording.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import pylsl
from skimage import data

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.face.layout import REGIONS
from realtime.interfaces import RecognizerSpec
from realtime.lsl.outlets import EegOutlet, LslSink, MarkerOutlet, VideoOutlet
from realtime.lsl.session import configure
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegInfo,
    Evidence,
    FaceObservation,
    MicroMovement,
    Prediction,
    Quality,
    StreamHealth,
    VideoFrame,
    VideoInfo,
)

CLASSES = ("happy", "sad", "fear", "disgust", "angry")
BANDS = (("delta", 0.5, 4.0), ("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("beta", 14.0, 30.0), ("gamma", 30.0, 47.0))
CHANNELS = (*MODEL_CHANNELS, "M1", "M2")
SFREQ_HZ, FPS, TRIAL_S, MOVE_S = 1000.0, 30.0, 14.0, 6.0
BAD = {"T7": Quality.FLAT, "CB1": Quality.MAINS | Quality.NOISY, "O2": Quality.RAILED}
SILENT_S = (-24.0, -20.0)
LACKING_S = (-60.0, -48.0)


class FakeStreams:
    """All outlets, fed second by second of a made-up session; time 0 is the moment everybody was connected."""

    def __init__(self, *, truth: bool) -> None:
        self.rng = np.random.default_rng(3)
        spec = RecognizerSpec("fake-1", "nothing (a test)", True, CLASSES, MODEL_CHANNELS, BANDS)
        info = EegInfo("emostream-eeg", "fake-eeg", CHANNELS, SFREQ_HZ)
        self.sink = LslSink(spec, info, regions=REGIONS, source_id="fake-engine")
        self.eeg = EegOutlet(info)
        self.video = VideoOutlet(VideoInfo("emostream-video", "fake-video", 640, 480, 1, FPS))
        self.truth = MarkerOutlet("emostream-truth", "fake-truth") if truth else None
        grey = data.astronaut().mean(axis=2).astype(np.uint8)
        self.portrait = np.pad(grey[:480], ((0, 0), (64, 64)), mode="edge")
        self.crop = np.ascontiguousarray(grey[0:256, 96:352])
        turn = np.linspace(0, 2 * np.pi, 468)
        self.mesh = np.stack([287 + 68 * np.sin(turn), 125 - 92 * np.cos(turn)], 1).astype(np.float32)
        self.sent = {"eeg": 0, "video": 0, "predictions": 0}
        self.worst_push_s = 0.0

    def send_eeg(self, first: int, count: int, start_s: float) -> None:
        """Sines, drift and noise, in µV."""
        t = (first + np.arange(count)) / SFREQ_HZ
        row = np.arange(len(CHANNELS))[:, None]
        x = 25 * np.sin(2 * np.pi * (9.5 + 0.02 * row) * t + row) * (0.6 + 0.4 * np.sin(0.7 * t + 0.1 * row))
        x = x + 300 * np.sin(0.02 * t + row) + self.rng.normal(0, 9, (len(CHANNELS), count))
        x[:9] += 120 * np.exp(-((((t + 1.3) % 4) - 2) ** 2) / 0.01)
        x[CHANNELS.index("T7")] = 0.01
        x[CHANNELS.index("CB1")] += 150 * np.sin(2 * np.pi * 50 * t)
        self._timed(self.eeg.push, x, start_s + t)
        self.sent["eeg"] += count

    def send_frame(self, index: int, stamp: float) -> None:
        """The portrait, shaking by a pixel, with face score, motion and mesh."""
        image = np.roll(self.portrait, int(2 * math.sin(index / 9)), axis=1)
        self._timed(self.video.push, VideoFrame(image, stamp, index))
        motion = (1.2 + self.rng.gamma(1.5, 1.0, len(REGIONS))).astype(np.float32)
        motion[:2] += 9 * max(0.0, math.sin(index / 20)) ** 8
        self.sink.write(FaceObservation(stamp, 0.97, self.mesh, None, motion))
        self.sent["video"] += 1

    def send_prediction(self, at_s: float, stamp: float) -> None:
        """A wandering softmax that leans to the true emotion."""
        lean = np.zeros(len(CLASSES))
        lean[int((at_s + 1000) // TRIAL_S) % len(CLASSES)] = 1.6
        alone = {
            "eeg": _softmax(lean + np.sin(at_s / 3 + np.arange(5))),
            "face": _softmax(0.5 * lean + np.cos(at_s / 5 + np.arange(5))),
        }
        enough = not LACKING_S[0] <= at_s < LACKING_S[1]
        fused = 0.5 * (alone["eeg"] + alone["face"]) if enough else np.full(5, 0.2, np.float32)
        confidence = 1 + float((fused * np.log(fused)).sum() / math.log(5)) if enough else 0.0
        self.sink.write(
            Prediction(
                stamp,
                fused,
                confidence,
                ("eeg", "face") if enough else ("eeg",),
                Evidence.ENOUGH if enough else Evidence.NOT_ENOUGH,
                "fake-1",
                0.03,
                at_s % MOVE_S if enough else math.nan,
                by_modality=alone,
            )
        )
        self.sent["predictions"] += 1

    def send_movement(self, stamp: float, number: int) -> None:
        """Two bumps of flow, found at `stamp`, and the same as truth a little earlier."""
        y, x = np.mgrid[-1:1:256j, -1:1:256j]
        bump = np.exp(-((x - 0.35) ** 2 + (y - 0.3) ** 2) / 0.03) - np.exp(-((x + 0.3) ** 2 + (y + 0.35) ** 2) / 0.04)
        flow = np.stack([0.6 * bump, -1.1 * bump + self.rng.normal(0, 0.04, bump.shape)], -1).astype(np.float32)
        kind = "macro" if number % 3 == 2 else "micro"
        length = 1.1 if kind == "macro" else 0.36
        times = (stamp - 0.3 - length, stamp - 0.3 - 0.5 * length, stamp - 0.3)
        regions = ("mouth_right", "brow_left")
        apex = np.roll(self.crop, 2, axis=0)
        score = 7.5 + number % 5
        self.sink.write(MicroMovement(*times, stamp, score, kind, regions, self.crop, apex, flow))
        if self.truth is not None:
            keys = dict(zip(("onset_s", "apex_s", "offset_s"), (t - 0.05 for t in times), strict=True))
            self.truth.push_json({"event": "movement", **keys, "kind": kind, "action_units": [12]}, stamp - 0.2)

    def send_trial(self, number: int, stamp: float) -> None:
        """The end of one trial and the start of the next."""
        if self.truth is not None:
            if number:
                self.truth.push_json({"event": "trial_end", "emotion": CLASSES[(number - 1) % 5]}, stamp)
            self.truth.push_json({"event": "trial_start", "emotion": CLASSES[number % 5]}, stamp)

    def send_bands(self, at_s: float, stamp: float) -> None:
        """1/f by band with a slow wave over the head; bad channels masked."""
        row = np.arange(62)[:, None]
        level = np.array([1.5, 0.9, 1.0, 0.2, -0.6]) + 0.5 * np.sin(row / 10 + at_s + np.arange(5))
        good = np.array([name not in BAD for name in MODEL_CHANNELS])
        self.sink.write(BandPowerWindow(np.where(good[:, None], level, 0), stamp, good))

    def send_health(self, now: float) -> None:
        """Quality and link health."""
        flags = np.array([BAD.get(name, Quality.GOOD) for name in CHANNELS], np.uint8)
        self.sink.write(ChannelQuality(flags, now))
        rows = [
            StreamHealth("emostream-eeg", "live", self.sent["eeg"], 0, 0, 0.004, SFREQ_HZ),
            StreamHealth("emostream-video", "stale", self.sent["video"], 12, 1, 1.4, 24.1),
        ]
        self.sink.write_health(rows, {"p50": 3.1, "p99": 9.4})

    def close(self) -> None:
        """Withdraw all streams, before the interpreter takes liblsl apart."""
        for outlet in (self.sink, self.eeg, self.video, self.truth):
            if outlet is not None:
                outlet.close()

    def _timed(self, push, *values) -> None:
        begun = time.perf_counter()
        push(*values)
        self.worst_push_s = max(self.worst_push_s, time.perf_counter() - begun)

    def run(self, seconds: float, history_s: float) -> None:
        """Send `history_s` of the past at once when somebody listens, then the present in real time."""
        if history_s:
            self.eeg.wait_for_consumers(60.0)
            time.sleep(2.0)
            print("somebody listens", flush=True)
        zero = pylsl.local_clock()
        past = min(history_s, 10.0)
        if past:
            self.send_eeg(0, int(past * SFREQ_HZ), zero - past)
        done = {"eeg": int(past * SFREQ_HZ), "frame": 0, "hop": 0, "move": 0, "trial": 0, "band": 0, "health": 0}
        done["hop"] = self._past(history_s, zero, done)
        while (at := pylsl.local_clock() - zero) < seconds:
            due = int((at + past) * SFREQ_HZ)
            if due > done["eeg"]:
                self.send_eeg(done["eeg"], due - done["eeg"], zero - past)
                done["eeg"] = due
            while done["frame"] < int(at * FPS):
                self.send_frame(done["frame"], zero + done["frame"] / FPS)
                done["frame"] += 1
            while done["hop"] < int(at * 4):
                self.send_prediction(done["hop"] / 4, zero + done["hop"] / 4)
                done["hop"] += 1
            self._rest(at, zero, done)
            time.sleep(0.012)

    def _past(self, history_s: float, zero: float, done: dict[str, int]) -> int:
        for hop in range(-int(history_s * 4), 0):
            at = hop / 4
            time.sleep(0.005)  # an inlet of an irregular stream holds a hundred samples
            if at % TRIAL_S < 0.25:
                self.send_trial(done["trial"], zero + at)
                done["trial"] += 1
            if not SILENT_S[0] <= at < SILENT_S[1]:
                self.send_prediction(at, zero + at)
            if at % MOVE_S < 0.25:
                self.send_movement(zero + at, done["move"])
                done["move"] += 1
        return 0

    def _rest(self, at: float, zero: float, done: dict[str, int]) -> None:
        if done["band"] < int(at * 20):
            done["band"] = int(at * 20)
            self.send_bands(at, zero + at)
        if done["health"] < int(at * 2) + 1:
            done["health"] = int(at * 2) + 1
            self.send_health(zero + at)
        if int(at / MOVE_S) > int(max(0.0, at - 0.02) / MOVE_S):
            self.send_movement(zero + at, done["move"])
            done["move"] += 1


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return (e / e.sum()).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--history", type=float, default=60.0)
    parser.add_argument("--no-truth", action="store_true")
    parser.add_argument("--stats", type=Path)
    chosen = parser.parse_args()
    configure()
    streams = FakeStreams(truth=not chosen.no_truth)
    streams.run(chosen.seconds, chosen.history)
    if chosen.stats:
        chosen.stats.write_text(json.dumps({**streams.sent, "worst_push_s": streams.worst_push_s}), encoding="utf-8")
    streams.close()


if __name__ == "__main__":
    main()
