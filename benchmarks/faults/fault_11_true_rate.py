"""Row 11: the headset's true rate is 90 % or 110 % of what it announces."""

from __future__ import annotations

from functools import partial

from benchmarks.faults.lab import HEALTH, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_WITHIN = 1e-3
_AFTER_S = 10.0
_NOMINAL_HZ = 250.0


def _ours(full: bool) -> Outcome:
    shares = (0.9, 0.95, 1.02, 1.1) if full else (0.9,)
    errors: dict[str, float] = {}
    warned, lost = True, 0
    for share in shares:
        true_hz = share * _NOMINAL_HZ
        with Source(unique("amp"), true_hz=true_hz) as source, engine_on(source, HEALTH) as (_, watch):
            live = next(at for at, link in watch.health() if link["state"] == "live")
            watch.pump(max(0.0, live + _AFTER_S - watch.health()[-1][0]))
            watch.pump(0.3)
            link = watch.health()[-1][1]
        errors[f"error_at_{share:g}"] = abs(link["rate_hz"] / true_hz - 1.0)
        warned &= source.name in link["note"] and f"announces {_NOMINAL_HZ:g} Hz" in link["note"]
        lost += link["lost"]
    worst = max(errors.values())
    figures = errors | {"worst_error": worst, "warned": warned, "lost": lost}
    measured = (
        f"{', '.join(f'{100 * share:g} %' for share in shares)}: effective rate within {100 * worst:.4f} % after 10 s, "
        f"{'warned' if warned else 'no warning'}, {lost} samples called lost"
    )
    return Outcome(measured, worst <= _WITHIN and warned and lost == 0, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    true_hz = 0.9 * _NOMINAL_HZ
    with Source(unique("amp"), true_hz=true_hz) as source, Consumer(kind, source.source_id) as consumer:
        Watch().pump(3.0)
        report = consumer.ask(since=source.begun_s)
    said = report["errors"][0] if report["errors"] else f"says {_NOMINAL_HZ:g} Hz all the time, no warning"
    return Outcome(f"true rate {true_hz:g} Hz: {said}", bool(report["errors"]), {"said": bool(report["errors"])})


ROW = Row(
    id=11,
    title="true rate 90-110 % of nominal",
    required="effective rate within 0.1 % after 10 s, warning",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl"), "mne-lsl": partial(_peer, "mne-lsl")},
)
