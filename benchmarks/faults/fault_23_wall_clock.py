"""Row 23: the machine's wall clock is set while the engine runs. LSL's clock, which everything rests on, goes on.

`time.time` and `datetime.now` of the child are moved from outside, by a module that Python loads before any of ours.
"""

from __future__ import annotations

import math
import tempfile
from functools import partial
from itertools import pairwise
from pathlib import Path

from benchmarks.faults.lab import (
    EMOTIONS,
    HEALTH,
    START_TIMEOUT_S,
    Consumer,
    Engine,
    Source,
    Watch,
    unique,
)
from benchmarks.faults.row import Outcome, Row

_WATCHED_S = 3.0
_HOUR_S = 3600.0
_SITE = """
import os, time
_true, _file = time.time, os.environ["FAULT_WALL_CLOCK"]
def _now():
    try:
        with open(_file) as file:
            return _true() + float(file.read() or 0)
    except OSError:
        return _true()
time.time = _now
time.time_ns = lambda: int(_now() * 1e9)
"""


def _ours(_full: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder, Source(unique("amp")) as source:
        hand, environment = _wall_clock(Path(folder))
        with Engine(source.name, environment=environment) as engine:
            watch = Watch(HEALTH, EMOTIONS, alive=engine)
            watch.until(watch.predictions, START_TIMEOUT_S, "a prediction")
            watch.pump(1.0)
            spans = []
            for shift_s in (_HOUR_S, -_HOUR_S):
                hand.write_text(str(shift_s))
                begun = source.ask(report=True)["at"]
                watch.pump(_WATCHED_S)
                spans.append((begun, watch.health(begun), watch.predictions(begun)))
            running = engine.running
    states = {link["state"] for _, links, _ in spans for _, link in links}
    lost = spans[-1][1][-1][1]["lost"]
    stamps = [stamp for _, _, entries in spans for _, stamp, _ in entries]
    steps = [b - a for a, b in pairwise(stamps)]
    figures = {
        "states": ", ".join(sorted(states)),
        "lost": lost,
        "predictions": len(stamps),
        "longest_step_s": max(steps, default=math.inf),
        "monotone": all(step > 0 for step in steps),
        "running": running,
    }
    met = states == {"live"} and lost == 0 and figures["monotone"] and figures["longest_step_s"] < 0.5 and running
    apart = figures["longest_step_s"]
    measured = f"+1 h and -1 h: state {figures['states']}, {lost} lost, predictions at most {apart:.2f} s apart"
    return Outcome(measured, bool(met), figures)


def _wall_clock(folder: Path) -> tuple[Path, dict[str, str]]:
    """The file that says by how much the clock is wrong, and the environment of a child that believes it."""
    hand = folder / "shift"
    hand.write_text("0")
    (folder / "sitecustomize.py").write_text(_SITE)
    return hand, {"PYTHONPATH": str(folder), "FAULT_WALL_CLOCK": str(hand)}


def _peer(kind: str, _full: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder, Source(unique("amp")) as source:
        hand, environment = _wall_clock(Path(folder))
        with Consumer(kind, source.source_id, environment=environment) as consumer:
            clock = Watch()
            clock.pump(1.0)
            at = source.ask(report=True)["at"]
            hand.write_text(str(_HOUR_S))
            clock.pump(_WATCHED_S)
            report = consumer.ask(since=at)
    met = (
        report["received"] > 0 and report["missing"] == 0 and report["stamps_forward_s"] < 0.5 and not report["errors"]
    )
    return Outcome(f"{report['missing']} lost, stamps as before" if met else str(report["errors"]), met)


ROW = Row(
    id=23,
    title="wall clock changes",
    required="no effect",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
