"""One process of the latency benchmark: `python -m benchmarks.lsl_node send|raw|reader|prediction SECONDS`.

`send` is told the receivers, too. Sender and receivers note LSL's clock, which all processes of a machine share, and
print {what: {push: seconds}} as JSON when they are done.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack

import numpy as np
import pylsl

from benchmarks.arrivals import END, LEAD_IN_S, PATIENCE_S, PUSH, SFREQ_HZ, Answers, Arrivals, stream_name
from realtime.config import Config
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.engine import Engine
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.packets import BandPowerWindow, EegChunk, EegInfo, Evidence, Prediction, Result
from realtime.processes import take_precedence
from realtime.runner import LiveRunner

_BUFFER = 250
_STEP_S = 0.2


def send(seconds: float, roles: Sequence[str]) -> Answers:
    """Push a stream for each receiver in turn, each 20 samples every 20 ms; returns when which push was made.

    Raises
    ------
    EmostreamError
        A receiver did not come.
    """
    from realtime.lsl.outlets import EegOutlet

    names = tuple(MODEL_CHANNELS)
    outlets = {role: EegOutlet(EegInfo(stream_name(role), stream_name(role), names, SFREQ_HZ)) for role in roles}
    for role, outlet in outlets.items():
        if not outlet.wait_for_consumers(PATIENCE_S):
            raise EmostreamError(f"the receiver '{role}' did not open its stream within {PATIENCE_S:.0f} s")
    noise = np.random.default_rng(0).normal(0.0, 10.0, (64, len(names), PUSH)).astype(np.float32)
    noise[:, 0] = 0.0
    pushed: Answers = {role: {} for role in roles}
    period_s = PUSH / SFREQ_HZ
    begun = time.perf_counter() + 0.5
    for number in range(1, int(seconds / period_s) + 1):
        for place, (role, outlet) in enumerate(outlets.items()):
            samples = noise[number % len(noise)]
            samples[0, -1] = number
            time.sleep(max(0.0, begun + (number + place / len(roles)) * period_s - time.perf_counter()))
            at = pylsl.local_clock()
            outlet.push(samples, at)
            if number * period_s > LEAD_IN_S:
                pushed[role][number] = at
    for outlet in outlets.values():
        outlet.push(np.full((len(names), 1), END, np.float32))
    time.sleep(1.0)
    return pushed


def receive_raw(deadline: float) -> Answers:
    """The floor: a blocking `pull_chunk` into a buffer, nothing else."""
    from realtime.lsl.discovery import find_stream

    info = find_stream(name=stream_name("raw"), timeout_s=PATIENCE_S)
    inlet = pylsl.StreamInlet(info, max_buflen=30, recover=False)
    buffer, arrivals = np.empty((_BUFFER, info.channel_count()), np.float32), Arrivals()
    while not arrivals.ended and time.monotonic() < deadline:
        _, stamps = inlet.pull_chunk(timeout=0.25, max_samples=_BUFFER, min_samples=1, dest_obj=buffer, as_numpy=True)
        at = pylsl.local_clock()
        arrivals.note(buffer[: len(stamps), 0], at)
    return {"raw": arrivals.times}


def receive_chunks(deadline: float) -> Answers:
    """Our reader, to its callback."""
    from realtime.lsl.discovery import find_stream
    from realtime.lsl.inlets import EegReader

    arrivals = Arrivals()

    def on_chunk(chunk: EegChunk) -> None:
        at = pylsl.local_clock()
        arrivals.note(chunk.samples[0], at)

    reader = EegReader(find_stream(name=stream_name("reader"), timeout_s=PATIENCE_S), on_chunk)
    while not arrivals.ended and time.monotonic() < deadline:
        reader.step()
    reader.stop()
    return {"reader": arrivals.times}


class _Moments:
    """A sink behind the outlets: when what of a chunk had gone out, and with that, what rests on which push."""

    def __init__(self) -> None:
        self.at: dict[str, float] = {}
        self.arrivals = Arrivals()
        self.answers: Answers = {"prediction": {}, "powers": {}}

    def write(self, result: Result) -> None:
        match result:
            case Prediction(evidence=Evidence.ENOUGH):
                self.at["prediction"] = pylsl.local_clock()
            case BandPowerWindow():
                self.at["powers"] = pylsl.local_clock()


class _MeasuredRunner(LiveRunner):
    """The runner of `emostream run`, which notes to which push each prediction belongs."""

    moments = _Moments()

    def _on_chunk(self, engine: Engine, chunk: EegChunk) -> None:
        moments = self.moments
        moments.at.clear()
        super()._on_chunk(engine, chunk)
        oldest = moments.arrivals.note(chunk.samples[0], pylsl.local_clock())
        for what, at in moments.at.items():
            moments.answers[what][oldest] = at


def receive_predictions(deadline: float) -> Answers:
    """The live runner as `emostream run` has it: reader, engine with its network, outlets."""
    from benchmarks.checkpoint import PATH
    from models.recognizer import load_recognizer
    from realtime.lsl.discovery import find_stream
    from realtime.lsl.sink import LslSink

    recognizer, moments = load_recognizer(PATH), _MeasuredRunner.moments
    with ExitStack() as stack:

        def sinks(eeg: EegInfo | None) -> tuple[LslSink, _Moments]:
            sink = LslSink(recognizer.spec, eeg)
            stack.callback(sink.close)
            return sink, moments

        info = find_stream(name=stream_name("prediction"), timeout_s=PATIENCE_S)
        runner = _MeasuredRunner(recognizer, eeg=info, video=None, truth=None, sinks=sinks, config=Config())
        take_precedence()
        runner.start()
        stack.callback(runner.stop)
        while not moments.arrivals.ended and time.monotonic() < deadline:
            time.sleep(_STEP_S)
            runner.check()
        return moments.answers


def main() -> None:
    """Play the role that the command line names."""
    role, seconds = sys.argv[1], float(sys.argv[2])
    session.configure()
    deadline = time.monotonic() + seconds + PATIENCE_S
    if role in ("raw", "reader"):
        # what `emostream run` is given, the floor is given too
        take_precedence()
    try:
        match role:
            case "send":
                times = send(seconds, sys.argv[3:])
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
