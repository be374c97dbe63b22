"""The engine with its outlets as a process: `python -m benchmarks.faults.peers.soak_node MINUTES`.

Fed a simulated person's EEG and face over and over, as fast as it goes. After each five seconds of stream time it says
what its pushes took of the processor and what Python and numpy hold, and waits for a line, so that it can be looked at
while it stands still.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import tracemalloc

import numpy as np

from benchmarks.checkpoint import PATH
from models.recognizer import load_recognizer
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.engine import Engine
from realtime.face.regions import REGIONS
from realtime.lsl import session
from realtime.lsl.sink import LslSink
from realtime.packets import EegChunk, Prediction, VideoFrame
from realtime.summary import Tally
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.person import make_person
from simulators.scenario import make_scenario

SFREQ_HZ, FPS = 250.0, 1.0
REPORT_S = 5.0
_CHANNELS = 16
_LOOP_S = 20
_KEPT = 50
"""What a live run keeps, 20,000, takes more than an hour to fill: here ten seconds must do."""


def main(minutes: float) -> None:
    """Feed, report, wait."""
    session.configure()
    tracemalloc.start(1)
    person = make_person(21)
    scenario = make_scenario(person, 60.0, 21)
    eeg = EegSimulator(person, scenario, SFREQ_HZ, MODEL_CHANNELS[:_CHANNELS])
    face = FaceSimulator(person, scenario, FPS, (320, 240))
    samples = eeg.samples(0, int(_LOOP_S * SFREQ_HZ))
    pictures = [face.frame(index) for index in range(int(_LOOP_S * FPS))]
    recognizer = load_recognizer(PATH)
    engine = Engine(recognizer, eeg=eeg.info, has_video=True)
    sinks = (Tally(recognizer.spec, capacity=_KEPT), LslSink(recognizer.spec, eeg.info, regions=REGIONS))
    n, taken_s, told_s, index = int(SFREQ_HZ / 50), [], REPORT_S, 0
    while (now_s := index / SFREQ_HZ) < 60.0 * minutes:
        stamps = (index + np.arange(n)) / SFREQ_HZ
        place = index % samples.shape[1]
        begun_s = time.thread_time()
        results = engine.push_eeg(EegChunk(samples[:, place : place + n], stamps, "soak", index))
        took_s = time.thread_time() - begun_s
        if any(isinstance(result, Prediction) for result in results):
            taken_s.append(took_s)
        if now_s * FPS == (frame := int(now_s * FPS)):
            results += engine.push_frame(VideoFrame(pictures[frame % len(pictures)], now_s, frame))
        for result in results:
            for sink in sinks:
                sink.write(result)
        index += n
        if index / SFREQ_HZ >= told_s:
            gc.collect()
            held_mb = tracemalloc.get_traced_memory()[0] / 1e6
            print(json.dumps({"hour": told_s / 3600.0, "latency_s": taken_s, "held_mb": held_mb}), flush=True)
            sys.stdin.readline()
            told_s, taken_s = told_s + REPORT_S, []
    sinks[1].close()
    print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]))
