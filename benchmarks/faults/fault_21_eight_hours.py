"""Row 21: hours of a session. Memory must not grow, handles must not leak, the last hour must be as quick as the first.

Full: `emostream replay --speed 10 --loop` of a simulated session (62 channels at 1000 Hz, a film) into `emostream run`,
for eight hours of stream time; processes and latencies are observed from outside. Short: the engine with its outlets
in a process of its own, fed minutes of stream time as fast as it goes.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pylsl

from benchmarks.faults.lab import START_TIMEOUT_S, Process
from benchmarks.faults.row import Outcome, Row
from realtime.errors import EmostreamError

SPEED = 10.0
HOURS = 8.0
SHORT_MINUTES = 4.0
"""What is held goes up and down by some KB: over less than this a megabyte an hour does not stand out."""
MOST_MB_PER_HOUR = 1.0
MOST_RATIO = 1.1
FILLED_HOURS = 2.5
"""Until then what is kept for the summary, 20,000 of each kind at most, fills up, and the allocator settles."""

_FPS = 5.0
"""Fifty frames a second at that speed; of seventy the engine loses a fifth, and its backlog is all that is measured."""

_SAMPLE_S = 2.0
_POLL_S = 0.001
_STALL_S = 1.0
"""Who polls a thousand times a second and misses so long was not let run: the machine stood still."""
_EEG_ROWS = 4096


@dataclass(frozen=True, slots=True)
class Sample:
    """The engine's process at a moment: hours of stream time, resident MB, open handles, threads."""

    hour: float
    rss_mb: float
    handles: int
    threads: int


def replayed(hours: float, speed: float = SPEED) -> Outcome:
    """Real processes over LSL for so many hours of stream time."""
    with tempfile.TemporaryDirectory(prefix="emostream-soak-") as folder:
        session = Path(folder) / "session"
        simulate = ["dataset", "simulate", str(session), "--layout", "session", "--subjects", 1, "--trials", 5]
        with Process(["-m", "emostream", *simulate, "--videos", "--fps", _FPS]) as made:
            if made.process.wait(300.0) != 0:
                raise EmostreamError(f"no session was simulated: {made.said[-300:]}")
        recording = next(session.glob("sub-*/ses-*"))
        replay = ["-m", "emostream", "replay", str(recording), "--speed", speed, "--loop"]
        with Process(replay) as sender, Process(["-m", "emostream", "run", "--headless"]) as engine:
            samples, latencies, beside = _observe(engine, sender, hours, speed)
    return _judge(samples, latencies, hours, beside=beside)


def _observe(
    engine: Process, sender: Process, hours: float, speed: float
) -> tuple[list[Sample], list[tuple[float, float]], dict[str, Any]]:
    """Samples of the engine, (hour, s) from an EEG sample's arrival here to its prediction's, what else was seen."""
    eeg, emotions = _inlet("emostream-eeg", sender), _inlet("emostream-emotions", engine)
    health, told = _inlet("emostream-health", engine), "{}"
    buffer = np.empty((_EEG_ROWS, eeg.channel_count), np.float32)
    arrived: deque[tuple[float, float]] = deque(maxlen=10_000)
    process, samples, latencies = psutil.Process(engine.process.pid), [], []
    lost: dict[str, int] = {}
    stalls: list[tuple[float, float]] = []
    begun_s = polled_s = time.monotonic()
    sampled_s = -math.inf
    while (hour := (time.monotonic() - begun_s) * speed / 3600.0) < hours:
        if (late_s := time.monotonic() - polled_s) > _STALL_S:
            stalls.append((hour, late_s))
        polled_s = time.monotonic()
        for each in (engine, sender):
            if not each.running:
                raise EmostreamError(f"a process ended after {hour:.2f} hours: {each.said[-300:]}")
        _, stamps = eeg.pull_chunk(0.0, _EEG_ROWS, dest_obj=buffer)
        if stamps:
            arrived.append((stamps[-1], pylsl.local_clock()))
        _, stamps = emotions.pull_chunk(0.0, 64)
        now_s = pylsl.local_clock()
        latencies += [(hour, now_s - at) for stamp in stamps if (at := _arrival(arrived, stamp)) is not None]
        if time.monotonic() - sampled_s >= _SAMPLE_S:
            sampled_s = time.monotonic()
            told = ([row[0] for row in health.pull_chunk(0.0, 64)[0] or ()] or [told])[-1]
            samples.append(_sample(process, hour))
            lost = {stream["name"]: int(stream["lost"]) for stream in json.loads(told).get("streams", [])}
        time.sleep(_POLL_S)
    return samples, latencies, {"lost": lost, "stalls": stalls}


def _inlet(name: str, process: Process) -> pylsl.StreamInlet:
    end_s = time.monotonic() + START_TIMEOUT_S
    while not (found := pylsl.resolve_bypred(f"name='{name}'", 1, 1.0)):
        if not process.running or time.monotonic() > end_s:
            raise EmostreamError(f"no stream '{name}': {process.said[-300:]}")
    inlet = pylsl.StreamInlet(found[0], recover=False)
    inlet.open_stream(5.0)
    return inlet


def _arrival(arrived: deque[tuple[float, float]], stamp: float) -> float | None:
    """When the first EEG stamped so or later came; None where that is not known any more, or not yet."""
    found = None
    for last, at in reversed(arrived):
        if last < stamp:
            return found
        found = at
    return None


def _sample(process: psutil.Process, hour: float) -> Sample:
    with process.oneshot():
        return Sample(hour, process.memory_info().rss / 1e6, process.num_fds(), process.num_threads())


def short(minutes: float) -> Outcome:
    """The engine and its outlets in a process of its own, as fast as it goes; see `peers.soak_node`."""
    with Process(["-m", "benchmarks.faults.peers.soak_node", minutes]) as node:
        samples, latencies, held = [], [], []
        process = psutil.Process(node.process.pid)
        while "done" not in (told := node.hear()):
            samples.append(_sample(process, told["hour"]))
            held.append((told["hour"], told["held_mb"]))
            latencies += [(told["hour"], value) for value in told["latency_s"]]
            node.process.stdin.write("\n")  # type: ignore[union-attr]
            node.process.stdin.flush()  # type: ignore[union-attr]
    # in minutes the allocators' own steps are larger than a megabyte an hour: what is held is counted instead
    return _judge(samples, latencies, minutes / 60.0, held)


def _judge(
    samples: Sequence[Sample],
    latencies: Sequence[tuple[float, float]],
    hours: float,
    held: Sequence[tuple[float, float]] | None = None,
    beside: Mapping[str, Any] | None = None,
) -> Outcome:
    """Slope over what comes after the stores have filled; the first hour (or sixth of it all) against the last."""
    part = 1.0 if hours >= 2.0 else hours / 6.0
    filled = FILLED_HOURS if hours > FILLED_HOURS + 1.0 else 0.6 * hours
    used = held or [(s.hour, s.rss_mb) for s in samples]
    later = np.array([(hour, mb) for hour, mb in used if hour >= filled])
    slope = float(np.polyfit(later[:, 0], later[:, 1], 1)[0])
    medians, (first, last) = np.array(
        [
            np.percentile([s for hour, s in latencies if low <= hour <= low + part], (50, 99)) * 1e3
            for low in (0.02 * hours, hours - part)
        ]
    ).T.tolist()
    # a few come and go where LSL looks for streams: what counts is that they do not become more
    begin, end = ([s for s in samples if low <= s.hour <= low + part] for low in (0.02 * hours, hours - part))
    handles, threads = (
        [max(getattr(s, kind) for s in group) for group in (begin, end)] for kind in ("handles", "threads")
    )
    figures = {
        "stream_hours": hours,
        "mb_per_hour": slope,
        "rss_first_mb": samples[0].rss_mb,
        "rss_last_mb": samples[-1].rss_mb,
        "handles_first": handles[0],
        "handles_last": handles[1],
        "threads_first": threads[0],
        "threads_last": threads[1],
        "p99_first_ms": first,
        "p99_last_ms": last,
        "p99_ratio": last / first,
        "p50_first_ms": medians[0],
        "p50_last_ms": medians[1],
        "predictions": len(latencies),
        "by_hour": _by_hour(latencies),
    } | dict(beside or {})
    met = slope < MOST_MB_PER_HOUR and handles[1] <= handles[0] and last <= MOST_RATIO * first
    said = (
        f"{hours:.2g} h of stream time: {slope:+.2f} MB/h, {handles[1]} handles at the end, {handles[0]} at the begin, "
        f"p99 {last:.2f} ms in the last {part:.2g} h, {first:.2f} in the first"
        + "".join(f", {count} lost of {name}" for name, count in (beside or {}).get("lost", {}).items())
    )
    return Outcome(said, met, figures)


def _by_hour(latencies: Sequence[tuple[float, float]]) -> list[dict[str, float]]:
    """Median and p99, ms, of each whole hour."""
    hours = np.floor([hour for hour, _ in latencies])
    waits_ms = 1e3 * np.array([wait for _, wait in latencies])
    return [
        dict(zip(("p50_ms", "p99_ms"), np.percentile(waits_ms[hours == hour], (50, 99)).tolist(), strict=True))
        for hour in np.unique(hours)
    ]


def ours(full: bool) -> Outcome:
    """Eight hours at ten times real time, or minutes as fast as they go (then in time of the processor)."""
    return replayed(HOURS) if full else short(SHORT_MINUTES)


def main() -> None:
    """`python -m benchmarks.faults.fault_21_eight_hours HOURS`: another length than the row's."""
    import sys

    from benchmarks.faults import suite

    suite.join_session()
    outcome = replayed(float(sys.argv[1]))
    print(json.dumps({"measured": outcome.measured, "met": outcome.met, **outcome.figures}), flush=True)


ROW = Row(
    21,
    "eight hours",
    "memory slope under 1 MB/h, handles constant, last-hour p99 at most 1.1 x the first",
    ours,
)

if __name__ == "__main__":
    main()
