"""One process of the latency benchmark: `python -m benchmarks.lsl_node send|raw|reader|prediction SECONDS`.

The last sample of a push carries the push's number in the first channel. Sender and receivers note LSL's clock, which
all processes of a machine share, and print {number: seconds} as JSON when they are done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
import pylsl

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.packets import EegChunk, EegInfo, Evidence, Prediction

ROLES = ("raw", "reader", "prediction")
LEAD_IN_S = 4.0
"""The first pushes are not measured: connections are made, and a prediction needs three windows."""

SFREQ_HZ, PUSH = 1000.0, 20
_END = -1.0
_PATIENCE_S = 60.0
_BUFFER = 250


def send(seconds: float) -> dict[str, dict[int, float]]:
    """Push three streams in turn, each 20 samples every 20 ms; returns when which push was made.

    Raises
    ------
    EmostreamError
        A receiver did not come.
    """
    from realtime.lsl.outlets import EegOutlet

    names = tuple(MODEL_CHANNELS)
    outlets = {role: EegOutlet(EegInfo(f"bench-{role}", f"bench-{role}", names, SFREQ_HZ)) for role in ROLES}
    for role, outlet in outlets.items():
        if not outlet.wait_for_consumers(_PATIENCE_S):
            raise EmostreamError(f"the receiver '{role}' did not open its stream within {_PATIENCE_S:.0f} s")
    noise = np.random.default_rng(0).normal(0.0, 10.0, (64, len(names), PUSH)).astype(np.float32)
    noise[:, 0] = 0.0
    pushed: dict[str, dict[int, float]] = {role: {} for role in ROLES}
    period_s = PUSH / SFREQ_HZ
    begun = time.perf_counter() + 0.5
    for number in range(1, int(seconds / period_s) + 1):
        for place, (role, outlet) in enumerate(outlets.items()):
            samples = noise[number % len(noise)]
            samples[0, -1] = number
            time.sleep(max(0.0, begun + (number + place / len(ROLES)) * period_s - time.perf_counter()))
            at = pylsl.local_clock()
            outlet.push(samples, at)
            if number * period_s > LEAD_IN_S:
                pushed[role][number] = at
    for outlet in outlets.values():
        outlet.push(np.full((len(names), 1), _END, np.float32))
    time.sleep(1.0)
    return pushed


class Arrivals:
    """When which push arrived; called by one receiver with each piece of the first channel."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self.newest = 0
        self.ended = False

    def note(self, first_channel: np.ndarray, at: float) -> int:
        """Take the numbers in; returns the oldest push that has a sample among them."""
        oldest = 0
        for value in first_channel[first_channel != 0]:
            if value == _END:
                self.ended = True
                continue
            self.newest = int(value)
            oldest = oldest or self.newest
            self.times[self.newest] = at
        return oldest or self.newest + 1


def receive_raw(deadline: float) -> dict[int, float]:
    """The floor: a blocking `pull_chunk` into a buffer, nothing else."""
    from realtime.lsl.discovery import find_stream

    info = find_stream(name="bench-raw", timeout_s=_PATIENCE_S)
    inlet = pylsl.StreamInlet(info, max_buflen=30, recover=False)
    buffer, arrivals = np.empty((_BUFFER, info.channel_count()), np.float32), Arrivals()
    while not arrivals.ended and time.monotonic() < deadline:
        _, stamps = inlet.pull_chunk(timeout=0.25, max_samples=_BUFFER, min_samples=1, dest_obj=buffer, as_numpy=True)
        at = pylsl.local_clock()
        arrivals.note(buffer[: len(stamps), 0], at)
    return arrivals.times


def receive_chunks(deadline: float) -> dict[int, float]:
    """Our reader, to its callback."""
    arrivals = Arrivals()

    def on_chunk(chunk: EegChunk) -> None:
        at = pylsl.local_clock()
        arrivals.note(chunk.samples[0], at)

    _read("reader", on_chunk, arrivals, deadline)
    return arrivals.times


def receive_predictions(deadline: float) -> dict[int, float]:
    """Our reader and the engine with its network, to the prediction."""
    from benchmarks.checkpoint import PATH
    from models.recognizer import load_recognizer
    from realtime.engine import Engine

    recognizer = load_recognizer(PATH)
    engine = Engine(recognizer, eeg=EegInfo("bench-prediction", "", tuple(MODEL_CHANNELS), SFREQ_HZ), has_video=False)
    arrivals, predicted = Arrivals(), {}

    def on_chunk(chunk: EegChunk) -> None:
        results = engine.push_eeg(chunk)
        at = pylsl.local_clock()
        oldest = arrivals.note(chunk.samples[0], at)
        if any(isinstance(item, Prediction) and item.evidence is Evidence.ENOUGH for item in results):
            predicted[oldest] = at

    _read("prediction", on_chunk, arrivals, deadline)
    return predicted


def _read(role: str, on_chunk: Callable[[EegChunk], None], arrivals: Arrivals, deadline: float) -> None:
    from realtime.lsl.discovery import find_stream
    from realtime.lsl.inlets import EegReader

    reader = EegReader(find_stream(name=f"bench-{role}", timeout_s=_PATIENCE_S), on_chunk)
    while not arrivals.ended and time.monotonic() < deadline:
        reader.step()
    reader.stop()


def main() -> None:
    """Play the role that the command line names."""
    role, seconds = sys.argv[1], float(sys.argv[2])
    session.configure()
    deadline = time.monotonic() + seconds + _PATIENCE_S
    try:
        match role:
            case "send":
                times: object = send(seconds)
            case "raw":
                times = receive_raw(deadline)
            case "reader":
                times = receive_chunks(deadline)
            case _:
                times = receive_predictions(deadline)
    except EmostreamError as err:
        print(f"benchmarks: {err}", file=sys.stderr)
        sys.exit(err.exit_code)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
