"""Row 4: the headset comes back with 16 channels for 8, or another rate."""

from __future__ import annotations

from functools import partial

from benchmarks.faults.lab import EMOTIONS, HEALTH, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_WITHIN_S = 3.0
_WATCHED_S = 5.0


def _ours(full: bool) -> Outcome:
    name = unique("amp")
    changes = {"channels": ({"channels": 16}, "channels instead of"), "rate": ({"rate_hz": 500.0}, "a rate of 500 Hz")}
    refused: dict[str, float] = {}
    predictions = 0
    with Source(name, channels=8) as source, engine_on(source, HEALTH, EMOTIONS) as (engine, watch):
        source.kill()
        for change, (options, words) in changes.items() if full else [*changes.items()][:1]:
            with Source(name, **{"channels": 8, **options}) as other:
                found = watch.first(
                    other.begun_s,
                    lambda link, words=words: (
                        name in link["note"] and words in link["note"] and link["state"] == "lost"
                    ),
                    10.0,
                )
                refused[change] = found - other.begun_s
                watch.pump(1.0)
                predictions += len(watch.predictions(found))
        running = engine.running
    worst = max(refused.values())
    figures = {f"refused_{change}_after_s": seconds for change, seconds in refused.items()}
    figures |= {"refused_after_s": worst, "predictions_from_it": predictions, "running": running}
    note = watch.health()[-1][1]["note"]
    measured = f'refused by name after {worst:.2f} s: "{note}"; {predictions} predictions from it'
    return Outcome(measured, worst <= _WITHIN_S and predictions == 0 and running, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    name = unique("amp")
    with Source(name, channels=8) as source, Consumer(kind, name) as consumer:
        clock = Watch()
        clock.pump(1.0)
        source.kill()
        clock.pump(0.5)
        with Source(name, channels=16) as other:
            clock.pump(_WATCHED_S)
            report = consumer.ask(since=other.begun_s)
    said = report["errors"][0] if report["errors"] else "no error"
    return Outcome(f"{said} in {_WATCHED_S:g} s, {report['received']} samples", bool(report["errors"]))


ROW = Row(
    id=4,
    title="headset restarts with other channels or rate",
    required="refused by name within 3 s",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
