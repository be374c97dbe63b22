"""Row 1: the consumer stalls (SIGSTOP), shorter and then longer than what is buffered for it."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import Any

from benchmarks.faults.lab import (
    EMOTIONS,
    HEALTH,
    Consumer,
    Process,
    Recorder,
    Source,
    Watch,
    engine_on,
    unique,
)
from benchmarks.faults.row import Outcome, Row

REQUIRED = (
    "nothing lost within a 30 s buffer; past it the exact count of lost samples within 1 s, "
    "and the gap is in the recording"
)
_WITHIN_S = 1.0


def _lengths(full: bool) -> tuple[float, float, float]:
    """Buffer, a stall it covers, and one it does not, s."""
    return (30.0, 10.0, 40.0) if full else (3.0, 1.5, 5.0)


def _ours(full: bool) -> Outcome:
    buffer_s, short_s, long_s = _lengths(full)
    config = f"[lsl]\nbuffer_s = {buffer_s}\n"
    with (
        Source(unique("amp")) as source,
        engine_on(source, HEALTH, EMOTIONS, config=config) as (engine, watch),
        Recorder() as recorder,
    ):
        short = _stall(engine, watch, short_s)
        long = _stall(engine, watch, long_s)
        lost = watch.truly_lost(source)
        watch.pump(1.5)
        rows, _ = recorder.finish()[HEALTH]
    # every report says the newest gaps again
    gaps = {gap["at_s"]: gap["lost"] for row in rows for gap in json.loads(row[0]).get("gaps_found", ())}
    recorded = sum(gaps.values())
    figures: dict[str, Any] = {
        "buffer_s": buffer_s,
        "short_stall_s": short_s,
        "short_lost": short[0],
        "long_stall_s": long_s,
        "long_lost": long[0],
        "counted_after_s": long[1],
        "truly_lost": lost,
        "recorded_gap": recorded,
    }
    exact = figures["long_lost"] == lost == figures["recorded_gap"] and lost > 0
    met = short[0] == 0 and exact and long[1] <= _WITHIN_S
    measured = (
        f"{short_s:g} s: {short[0]} lost; {long_s:g} s with a buffer of {buffer_s:g} s: {long[0]} counted, {lost} "
        f"truly lost, told after {long[1]:.2f} s, gap of {recorded} in the XDF file"
    )
    return Outcome(measured, met, figures)


def _stall(engine: Process, watch: Watch, seconds: float) -> tuple[int, float]:
    """Stop the engine for so long; samples lost as it says, and how long after its waking it said so."""
    before = watch.health()[-1][1]["lost"]
    engine.freeze()
    watch.pump(seconds)
    woken = engine.thaw()
    watch.first(woken, lambda link: link["state"] == "live" and link["age_s"] is not None and link["age_s"] < 0.5, 20.0)
    watch.pump(1.0)
    lost = watch.health()[-1][1]["lost"] - before
    told = watch.first(woken, lambda link: link["lost"] - before == lost, 0.0)
    return lost, (told - woken if lost else 0.0) if math.isfinite(told) else math.inf


def _peer(kind: str, full: bool) -> Outcome:
    buffer_s, short_s, long_s = _lengths(full)
    lost: list[int] = []
    said: list[str] = []
    with Source(unique("amp")) as source, Consumer(kind, source.source_id, buffer_s=buffer_s) as consumer:
        clock = Watch()
        for seconds in (short_s, long_s):
            frozen = consumer.freeze()
            clock.pump(seconds)
            consumer.thaw()
            clock.pump(2.0)
            report = consumer.ask(since=frozen - 1.0)
            lost.append(report["missing"])
            said += report["errors"]
    measured = f"{short_s:g} s: {lost[0]} lost; {long_s:g} s: {lost[1]} lost, {said[0] if said else 'not a word'}"
    return Outcome(
        measured, bool(said) and lost[0] == 0, {"short_lost": lost[0], "long_lost": lost[1], "said": bool(said)}
    )


ROW = Row(
    id=1,
    title="consumer stalls",
    required=REQUIRED,
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
