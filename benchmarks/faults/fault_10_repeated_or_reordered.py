"""Row 10: samples are sent twice, or in the wrong order."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

from benchmarks.faults.lab import EMOTIONS, HEALTH, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_REPEATED = 20
_SWAPPED = 10


def _ours(_full: bool) -> Outcome:
    with Source(unique("amp")) as source, engine_on(source, HEALTH, EMOTIONS) as (_, watch):
        # that stamps come from a sample clock is known after a second
        watch.pump(2.0)
        source.ask(repeat=_REPEATED)
        watch.pump(0.5)
        source.ask(swap=_SWAPPED)
        watch.pump(0.5)
        missing = watch.truly_lost(source)
        link = watch.health()[-1][1]
        stamps = [stamp for _, stamp, _ in watch.predictions()]
    monotone = all(b > a for a, b in pairwise(stamps))
    figures = {
        "sent_twice": _REPEATED,
        "repeated": link["repeated"],
        "out_of_order": _SWAPPED,
        "late": link["late"],
        "dropped_and_not_counted": missing - link["lost"],
        "lost": link["lost"],
        "monotone": monotone,
    }
    exact = link["repeated"] == _REPEATED and link["late"] == _SWAPPED
    measured = (
        f"{link['repeated']} of {_REPEATED} repeated and {link['late']} of {_SWAPPED} late samples dropped and "
        f"counted, {link['lost']} missing in order, stamps {'' if monotone else 'not '}monotone"
    )
    return Outcome(measured, exact and missing == link["lost"] and monotone, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    with Source(unique("amp")) as source, Consumer(kind, source.source_id) as consumer:
        clock = Watch()
        clock.pump(2.0)
        at = source.ask(repeat=_REPEATED)["at"]
        source.ask(swap=_SWAPPED)
        clock.pump(1.0)
        report = consumer.ask(since=at - 0.5)
    said = report["errors"][0] if report["errors"] else "not a word"
    return Outcome(f"numbers go back {report['back']} times, all samples handed on, {said}", report["back"] == 0)


ROW = Row(
    id=10,
    title="repeated or reordered samples",
    required="dropped and counted",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
