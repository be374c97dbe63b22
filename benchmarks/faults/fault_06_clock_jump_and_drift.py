"""Row 6: the headset's clock is set by 10 s while it sends; another drifts by 100 ppm for an hour.

The jump goes through the engine, live. The hour is simulated: stamps and arrivals of 3600 s through the two classes
that the reader of EEG maps stamps with, against the true times, which are those of the video.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from benchmarks.faults.lab import EMOTIONS, HEALTH, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row
from realtime.lsl.arrival import ArrivalClock
from realtime.lsl.clock import GapAwareClock

_WITHIN_S = 1.0
_FRAME_S = 1.0 / 30.0
_JUMPS_S = (10.0, -10.0)
_DRIFT = 1e-4
_RATE_HZ = 250.0


def _ours(full: bool) -> Outcome:
    detected: list[float] = []
    with Source(unique("amp")) as source, engine_on(source, HEALTH, EMOTIONS) as (_, watch):
        watch.pump(1.5)
        for number, jump_s in enumerate(_JUMPS_S, 1):
            at = source.ask(shift=jump_s)["at"]
            told = watch.first(at, lambda link, number=number: link["clock_jumps"] >= number, 5.0)
            detected.append(told - at)
            watch.pump(2.0)
        link = watch.health()[-1][1]
        entries = watch.predictions()
    stamps = np.array([stamp for _, stamp, _ in entries])
    # between jumps of 10 s a prediction is as fresh as before: the stamps follow the true time
    lags = np.array([arrival - stamp for arrival, stamp, _ in entries])
    hour_s = 3600.0
    drift = max(_drift_error(sign * _DRIFT, hour_s, 0.1) for sign in ((1.0, -1.0) if full else (1.0,)))
    figures = {
        "detected_after_s": max(detected),
        "monotone": bool(np.all(np.diff(stamps) > 0)),
        "lost": link["lost"],
        "largest_lag_s": float(np.abs(lags).max()),
        "drift_error_ms": 1e3 * drift,
        "simulated_s": hour_s,
    }
    met = max(detected) <= _WITHIN_S and figures["monotone"] and drift <= _FRAME_S and link["lost"] == 0
    met = met and figures["largest_lag_s"] < 1.0
    measured = (
        f"+10 s and -10 s detected after {max(detected):.2f} s, time {'' if figures['monotone'] else 'not '}monotone, "
        f"{link['lost']} samples called lost; 100 ppm: at most {1e3 * drift:.1f} ms off within a simulated hour"
    )
    return Outcome(measured, bool(met), figures)


def _drift_error(drift: float, seconds: float, chunk_s: float) -> float:
    """Largest error of mapped stamps, s, of a clock that runs fast by `drift`, for so long."""
    rng = np.random.default_rng(6)
    arrival, line = ArrivalClock(1.0 / _RATE_HZ), GapAwareClock(_RATE_HZ)
    per_chunk = round(chunk_s * _RATE_HZ)
    delays = 8e-4 + rng.exponential(1.5e-3, math.ceil(seconds / chunk_s))
    worst = now = 0.0
    for i, delay in enumerate(delays):
        true = np.arange(i * per_chunk, (i + 1) * per_chunk) / _RATE_HZ
        now = max(now, float(true[-1]) + delay)
        mapped = line.map(arrival.follow(true * (1.0 + drift), now))
        worst = max(worst, float(np.abs(mapped.stamps - true).max()))
    return worst


def _peer(kind: str, _full: bool) -> Outcome:
    more = ("--cleaned",) if kind == "pylsl" else ()
    with Source(unique("amp")) as source, Consumer(kind, source.source_id, more=more) as consumer:
        clock = Watch()
        clock.pump(1.0)
        since = source.ask(report=True)["at"]
        for jump_s in _JUMPS_S:
            source.ask(shift=jump_s)
            clock.pump(2.0)
        report = consumer.ask(since=since)
    said = report["errors"][0] if report["errors"] else "not a word"
    off, back = report["off_s"], report["stamps_back_s"]
    return Outcome(
        f"stamps up to {off:.1f} s off the time of arrival and {back:.1f} s back at once, {said}",
        bool(report["errors"]) and back == 0.0 and off <= _FRAME_S,
        {"off_s": off, "back_s": back},
    )


ROW = Row(
    id=6,
    title="clock jump of 10 s; 100 ppm drift",
    required="detected within 1 s, time stays monotone, EEG-video error at most one frame after one simulated hour",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
