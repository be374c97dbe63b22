"""Row 22: busy processes beside the engine. Answers stay quick; the screen is given up first, then video, EEG never.

A headset, a simulated face and `emostream run` as processes; then processes that do nothing but count. Whether these
make EEG late enough for anything to be given up is the machine's affair, so at the end the headset itself is late: its
samples come 0.1 s after their time, as they come through on a machine that is far too busy, and everything is given up.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pylsl

from benchmarks.faults.lab import EMOTIONS, HEALTH, POWERS, START_TIMEOUT_S, Process, Source, Watch, unique
from benchmarks.faults.peers.priority import FIRST, first
from benchmarks.faults.row import Outcome, Row

MOST_P99_MS = 50.0
LEAST_ANSWERS_PER_S = 4.5
SPINNERS = 2

MOST_POWERS_PER_S = 10.0
MOST_FRAMES_PER_S = 20.0
"""While all is given up: a quarter of 20 band powers a second, one of three of 30 frames."""

_MOST_EVERY = 3
"""Of 30 frames a second ten are always looked at."""
_SETTLE_S = 1.0
_FACE = "emostream-face"
_LATE_S = 0.1
_GIVING_UP_S = 6.0
_COUNTED_S = 1.5


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


def beside(spinners: Sequence[int], seconds: float) -> dict[str, Any]:
    """Run beside each number of spinners in turn, then with a late headset.

    The figures are those of the last spinners; what was given up and in what order is that of all the time.
    """
    with (
        Source(unique("row22"), prefix=FIRST) as source,
        Process(["-m", "emostream", "simulate", "face", "--tag", unique("row22")]),
        Process(["-m", "emostream", "run", "--headless", "--eeg", source.name]) as engine,
    ):
        watch = Watch(HEALTH, EMOTIONS, POWERS, _FACE, alive=engine)
        watch.until(lambda: watch.heard[_FACE], START_TIMEOUT_S, "a frame that was looked at")
        watch.until(lambda: watch.predictions(), START_TIMEOUT_S, "a prediction")
        watch.pump(_SETTLE_S)
        begun_s = pylsl.local_clock()
        for count in spinners:
            with spinning(count), first():
                begun_s = pylsl.local_clock()
                watch.pump(seconds)
        answers = watch.predictions(begun_s)
        latencies = [1e3 * (at - stamp) for at, stamp, _ in answers]
        busy = [report["shed"] for report in _reports(watch)]
        late = _late_headset(source, watch)
        shed = [report["shed"] for report in _reports(watch)]
        lost = [report["streams"][0]["lost"] for report in _reports(watch)]
    return late | {
        "p50_ms": float(np.median(latencies)),
        "p99_ms": float(np.percentile(latencies, 99)),
        "answers_per_s": len(answers) / seconds,
        "eeg_lost": lost[-1] - lost[0],
        "screen_given_up": any(each["screen"] for each in busy),
        "video_every_most": max(each["video_every"] for each in busy),
        "order_kept": in_order(shed),
        "order": _order(shed),
    }


def _late_headset(source: Source, watch: Watch) -> dict[str, Any]:
    """Samples come late until all is given up; what goes on then, a second."""
    since_s = pylsl.local_clock()
    source.ask(late=_LATE_S)
    watch.when(lambda: _reports(watch)[-1]["shed"]["video_every"] >= _MOST_EVERY, _GIVING_UP_S)
    told_s = pylsl.local_clock()
    watch.pump(_COUNTED_S)
    counted = {name: sum(at >= told_s for at, _, _ in watch.heard[name]) for name in (EMOTIONS, POWERS, _FACE)}
    shed = [report["shed"] for report in _reports(watch) if report["at"] >= since_s]
    return {
        "late_screen_given_up": any(each["screen"] for each in shed),
        "late_video_every": max((each["video_every"] for each in shed), default=1),
        "late_answers_per_s": counted[EMOTIONS] / _COUNTED_S,
        "late_powers_per_s": counted[POWERS] / _COUNTED_S,
        "late_frames_per_s": counted[_FACE] / _COUNTED_S,
    }


def _reports(watch: Watch) -> list[dict[str, Any]]:
    return [told | {"at": at} for at, _, row in watch.heard[HEALTH] if "shed" in (told := json.loads(row[0]))]


def in_order(shed: Sequence[dict[str, Any]]) -> bool:
    """The screen was given up, alone at first; video only after a report in which the screen was, and never without."""
    given = any(each["screen"] for each in shed)
    alone = any(each["video_every"] > 1 and not each["screen"] for each in shed)
    together = any(not a["screen"] and b["video_every"] > 1 for a, b in pairwise(shed))
    return given and not (alone or together) and shed[0]["video_every"] == 1


def _order(shed: Sequence[dict[str, Any]]) -> str:
    """What was given up, in words, as the reports said it one after the other."""
    found = [(bool(each["screen"]), int(each["video_every"])) for each in shed]
    words = (f"1 frame of {every}" if every > 1 else "screen" if screen else "all kept" for screen, every in found)
    return ", ".join(word for word, _ in groupby(words))


def ours(full: bool) -> Outcome:
    """Two spinners; full: for half a minute, and with eight before them, beside which the screen has to be given up."""
    figures = beside([SPINNERS], 3.0) if not full else beside([8, SPINNERS], 30.0)
    given_up = bool(figures["late_screen_given_up"]) and figures["late_video_every"] >= _MOST_EVERY
    if full:
        given_up = given_up and bool(figures["screen_given_up"])
    met = figures["p99_ms"] <= MOST_P99_MS and figures["eeg_lost"] == 0 and bool(figures["order_kept"])
    met = met and figures["answers_per_s"] >= LEAST_ANSWERS_PER_S and math.isfinite(figures["p50_ms"]) and given_up
    given = "the screen" if figures["screen_given_up"] else "nothing"
    if figures["video_every_most"] > 1:
        given += f", then video (1 frame of {figures['video_every_most']})"
    said = (
        f"{SPINNERS} spinners beside it: p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms, "
        f"{figures['answers_per_s']:.1f} answers a second, {figures['eeg_lost']} EEG samples lost; given up: {given}; "
        f"with a headset {1e3 * _LATE_S:.0f} ms late at the end: {figures['order']}"
    )
    return Outcome(said, met, figures)


ROW = Row(
    22,
    "two busy processes beside it",
    "p99 at most 50 ms; the screen sheds first, then video, never EEG",
    ours,
)
