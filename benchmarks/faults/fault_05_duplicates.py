"""Row 5: two outlets of one source_id, before the engine starts and while it runs."""

from __future__ import annotations

from functools import partial

from benchmarks.faults.lab import EMOTIONS, HEALTH, Consumer, Engine, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_FAR = 1_000_000
"""Samples of the second source are numbered from here."""


def _ours(full: bool) -> Outcome:
    name = unique("amp")
    with Source(name) as source, engine_on(source, HEALTH, EMOTIONS) as (_, watch), Source(name, first=_FAR):
        watch.pump(2.5 if full else 1.5)
        beside = watch.health()[-1][1]
        with Engine(name) as late:
            code = late.process.wait(45.0)
            refusal = " ".join(late.said.split())
        killed = source.kill()
        lost = watch.first(killed, lambda link: link["state"] == "lost", 5.0)
        watch.pump(4.0 if full else 2.5)
        after = watch.health(lost)
    switched = any(link["state"] == "live" for _, link in after)
    answered = [at for at, _, _ in watch.predictions(lost + 0.5)]
    figures = {
        "refused_at_start": code == 3 and name in refusal and "share the source_id" in refusal,
        "live_beside_it": beside["state"] == "live" and beside["lost"] == 0,
        "switched": switched or bool(answered),
        "said": after[-1][1]["note"] if after else "",
    }
    met = bool(figures["refused_at_start"] and figures["live_beside_it"] and not figures["switched"])
    at_start = "refused at start" if figures["refused_at_start"] else f"start ended with {code}"
    measured = f"{at_start}; while running pinned by uid, {'switched' if figures['switched'] else 'never switched'}"
    return Outcome(measured, met, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    name = unique("amp")
    with Source(name) as source, Consumer(kind, name) as consumer, Source(name, first=_FAR):
        clock = Watch()
        clock.pump(1.0)
        killed = source.kill()
        clock.pump(5.0)
        report = consumer.ask(since=killed + 0.5)
    switched = report["received"] > 0
    said = report["errors"][0] if report["errors"] else "not a word"
    after = f"switched after {report['first_at'] - killed:.1f} s" if switched else "did not switch"
    return Outcome(f"accepted at start; {after}, {said}", not switched, {"switched": switched})


ROW = Row(
    id=5,
    title="duplicate source_id",
    required="refused at start, or pinned by uid; never switched",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
