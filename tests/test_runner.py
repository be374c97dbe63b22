"""What the live runner does with an engine's results; the readers around it are tested in `tests/lsl`."""

from __future__ import annotations

import numpy as np
from fakes import make_spec

from realtime.packets import BandPowerWindow, ChannelQuality, Evidence, Prediction, Result
from realtime.runner import LiveRunner
from realtime.shedding import Shedding
from realtime.summary import Tally


class _Kept:
    """A sink that keeps what it is given, and how much was counted by then."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.results: list[Result] = []
        self.counted: list[int] = []

    def write(self, result: Result) -> None:
        self.results.append(result)
        self.counted.append(self.tally.prediction_count)


def test_predictions_are_out_before_anything_else_and_before_they_are_counted() -> None:
    spec = make_spec()
    runner = object.__new__(LiveRunner)
    runner.tally, runner._shedding, runner._clock = Tally(spec), Shedding(), lambda: 3.0
    sink = _Kept(runner.tally)
    runner._sinks = (sink,)
    power = np.zeros((len(spec.channels), len(spec.bands)), np.float32)
    answer, nan = np.full(2, 0.5, np.float32), float("nan")
    results: list[Result] = []
    for stamp in (1.0, 2.0):
        results += [
            ChannelQuality(np.zeros(3, np.uint8), stamp),
            BandPowerWindow(power, stamp, power[:, 0] == 0),
            Prediction(stamp, answer, 0.0, ("eeg",), Evidence.ENOUGH, "fake", 0.0, nan),
        ]
    runner._publish(results)
    kinds = [Prediction, Prediction, ChannelQuality, BandPowerWindow, ChannelQuality, BandPowerWindow]
    assert [type(result) for result in sink.results] == kinds
    assert [result.latency_s for result in sink.results if isinstance(result, Prediction)] == [2.0, 1.0]
    assert sink.counted == [0, 1, 2, 2, 2, 2], "each is counted when it is out"
    assert list(runner.tally.latency_s) == [2.0, 1.0]
    assert (runner.tally.first_s, runner.tally.last_s) == (1.0, 2.0)
