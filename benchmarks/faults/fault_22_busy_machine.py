"""Row 22: busy processes beside the engine. Answers stay quick; the screen is given up first, then video, EEG never.

A headset, a simulated face and `emostream run` as processes; then processes that do nothing but count.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pylsl

from benchmarks.faults.lab import EMOTIONS, HEALTH, START_TIMEOUT_S, Process, Source, Watch, unique
from benchmarks.faults.peers.priority import FIRST, first
from benchmarks.faults.row import Outcome, Row

MOST_P99_MS = 50.0
LEAST_ANSWERS_PER_S = 4.5
SPINNERS = 2

_SETTLE_S = 1.0


@contextmanager
def spinning(count: int) -> Iterator[None]:
    """So many processes that do nothing but count."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def beside(spinners: Sequence[int], seconds: float) -> dict[str, float | int | bool]:
    """Run beside each number of spinners in turn; the last one's figures, and in what order things were given up."""
    with (
        Source(unique("row22"), prefix=FIRST) as source,
        Process(["-m", "emostream", "simulate", "face", "--tag", unique("row22")]),
        Process(["-m", "emostream", "run", "--headless", "--eeg", source.name]) as engine,
    ):
        watch = Watch(HEALTH, EMOTIONS, "emostream-face", alive=engine)
        watch.until(lambda: watch.heard["emostream-face"], START_TIMEOUT_S, "a frame that was looked at")
        watch.until(lambda: watch.predictions(), START_TIMEOUT_S, "a prediction")
        watch.pump(_SETTLE_S)
        begun_s = pylsl.local_clock()
        for count in spinners:
            with spinning(count), first():
                begun_s = pylsl.local_clock()
                watch.pump(seconds)
        answers = watch.predictions(begun_s)
        latencies = [1e3 * (at - stamp) for at, stamp, _ in answers]
        shed = [report["shed"] for report in _reports(watch)]
        lost = [report["streams"][0]["lost"] for report in _reports(watch)]
    return {
        "p50_ms": float(np.median(latencies)),
        "p99_ms": float(np.percentile(latencies, 99)),
        "answers_per_s": len(answers) / seconds,
        "eeg_lost": lost[-1] - lost[0],
        "screen_given_up": any(each["screen"] for each in shed),
        "video_every_most": max(each["video_every"] for each in shed),
        "order_kept": _in_order(shed),
    }


def _reports(watch: Watch) -> list[dict[str, Any]]:
    return [told for _, _, row in watch.heard[HEALTH] if "shed" in (told := json.loads(row[0]))]


def _in_order(shed: Sequence[dict[str, Any]]) -> bool:
    """Video never without the screen, and never sooner: levels move by what lies between two reports at most."""
    alone = any(each["video_every"] > 1 and not each["screen"] for each in shed)
    jumped = any(not a["screen"] and b["video_every"] > 4 for a, b in pairwise(shed))
    return not (alone or jumped)


def ours(full: bool) -> Outcome:
    """Two spinners; full: for half a minute, and with eight before them, so that something has to be given up."""
    figures = beside([SPINNERS], 3.0) if not full else beside([8, SPINNERS], 30.0)
    met = figures["p99_ms"] <= MOST_P99_MS and figures["eeg_lost"] == 0 and bool(figures["order_kept"])
    met = met and figures["answers_per_s"] >= LEAST_ANSWERS_PER_S and math.isfinite(figures["p50_ms"])
    given = "the screen" if figures["screen_given_up"] else "nothing"
    if figures["video_every_most"] > 1:
        given += f", then video (1 frame of {figures['video_every_most']})"
    said = (
        f"{SPINNERS} spinners beside it: p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms, "
        f"{figures['answers_per_s']:.1f} answers a second, {figures['eeg_lost']} EEG samples lost; given up: {given}"
    )
    return Outcome(said, met, figures)


ROW = Row(
    22,
    "two busy processes beside it",
    "p99 at most 50 ms; the screen sheds first, then video, never EEG",
    ours,
)
