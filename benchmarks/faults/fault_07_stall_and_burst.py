"""Row 7: the headset's program stalls for 2 s (SIGSTOP) and then sends everything at once."""

from __future__ import annotations

import math
from functools import partial

from benchmarks.faults.lab import EMOTIONS, HEALTH, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_STALL_S = 2.0
_CAUGHT_UP_S = 1.0
_FRESH_S = 0.25


def _ours(_full: bool) -> Outcome:
    with Source(unique("amp")) as source, engine_on(source, HEALTH, EMOTIONS) as (_, watch):
        watch.pump(1.0)
        frozen = source.freeze()
        watch.pump(_STALL_S)
        woken = source.thaw()
        stale = [at for at, link in watch.health(frozen) if link["state"] == "stale" and at < woken]
        # a prediction whose newest sample is fresh: what had gathered has been worked off
        fresh = math.inf
        if math.isfinite(watch.when(lambda: _fresh(watch, woken), 10.0)):
            fresh = _fresh(watch, woken)[0]
        watch.first(woken, lambda link: link["state"] == "live", 5.0)
        truth = watch.truly_lost(source)
        lost = watch.health()[-1][1]["lost"]
    figures = {
        "stale_after_s": stale[0] - frozen if stale else math.inf,
        "truly_lost": truth,
        "lost": lost,
        "caught_up_s": fresh - woken,
    }
    met = bool(stale) and truth == lost == 0 and figures["caught_up_s"] <= _CAUGHT_UP_S
    measured = (
        f"'stale' after {figures['stale_after_s']:.2f} s of the stall, {truth} samples lost and {lost} called lost, "
        f"caught up after {figures['caught_up_s']:.2f} s"
    )
    return Outcome(measured, met, figures)


def _fresh(watch: Watch, woken: float) -> list[float]:
    return [at for at, stamp, _ in watch.predictions(woken) if at - stamp < _FRESH_S]


def _peer(kind: str, _full: bool) -> Outcome:
    with Source(unique("amp")) as source, Consumer(kind, source.source_id) as consumer:
        clock = Watch()
        clock.pump(1.0)
        frozen = source.freeze()
        clock.pump(_STALL_S)
        source.thaw()
        clock.pump(1.0)
        report = consumer.ask(since=frozen - 0.5)
    told = bool(report["errors"])
    said = report["errors"][0] if told else "no sign of the stall"
    return Outcome(f"{report['missing']} samples lost, {said}", told, {"lost": report["missing"]})


ROW = Row(
    id=7,
    title="stall, then burst",
    required="stale flag during it, nothing lost, caught up within 1 s",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
