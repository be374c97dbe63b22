"""Row 8: samples of one channel are NaN, then infinite."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.faults.lab import EMOTIONS, HEALTH, POWERS, Consumer, Source, Watch, engine_on, unique
from benchmarks.faults.row import Outcome, Row

_HOP_S, _WINDOW_S = 0.05, 1.0
_CHANNEL = 3
_SAMPLES = 5
_VALUES = ("nan", "inf")


def _ours(_full: bool) -> Outcome:
    masked: list[float] = []
    unmasked_for: list[float] = []
    masked_for: list[float] = []
    others = True
    with Source(unique("amp")) as source, engine_on(source, HEALTH, POWERS, EMOTIONS) as (_, watch):
        watch.until(lambda: bool(len(watch.powers()[2]) and watch.powers()[2][-1, _CHANNEL]), 10.0, "a good channel")
        for value in _VALUES:
            first = source.ask(bad=[_CHANNEL, value, _SAMPLES])["stamp"]
            last = first + (_SAMPLES - 1) / source.rate_hz
            watch.pump(2.5)
            _, stamps, valid = watch.powers()
            channel = valid[:, _CHANNEL]
            after = stamps >= first
            bad = stamps[after & ~channel]
            begun = float(bad[0]) if len(bad) else math.inf
            good = stamps[after & channel & (stamps < begun)]
            masked.append(begun - first)
            # a busy engine computes every window and publishes one in four: what counts is that none is wrong
            unmasked_for.append(float(good[-1]) - first if len(good) else 0.0)
            masked_for.append(float(bad[-1]) - last if len(bad) and channel[-1] else math.inf)
            others &= bool(valid[after][:, [c for c in range(16) if c != _CHANNEL]].all())
        rows = [row for _, _, row in watch.predictions()]
        finite = all(_finite(row, watch.labels[EMOTIONS]) for row in rows) and _powers_sound(watch)
    period = 1.0 / source.rate_hz
    figures = {
        "masked_after_s": max(masked),
        "unmasked_for_s": max(unmasked_for),
        "masked_for_s": max(masked_for),
        "output_finite": finite,
        "others_kept": others,
        "predictions": len(rows),
    }
    met = math.isfinite(max(masked)) and max(unmasked_for) <= _HOP_S
    met = met and max(masked_for) <= _WINDOW_S + _HOP_S + period and others and finite and len(rows) > 0
    measured = (
        f"first masked window {1e3 * max(masked):.0f} ms after the first bad sample and none without the mask "
        f"{1e3 * _HOP_S:.0f} ms after it; masked until {max(masked_for):.3f} s after the last, "
        f"{'every' if finite else 'not every'} column of {len(rows)} predictions finite"
    )
    return Outcome(measured, met, figures)


def _finite(row: Sequence[float], labels: Sequence[str]) -> bool:
    """Every column of a prediction, but for those of what it does not rest on: these are NaN, and never infinite."""
    cells = dict(zip(labels, row, strict=True))
    absent: set[str] = set()
    for name in ("eeg", "face"):
        if not cells[f"used_{name}"]:
            absent |= {label for label in labels if label.endswith(f"_{name}")} - {f"used_{name}"} | {f"{name}_age_s"}
    return all(math.isnan(cell) if label in absent else math.isfinite(cell) for label, cell in cells.items())


def _powers_sound(watch: Watch) -> bool:
    """Band powers: a channel's bands are all numbers or, where it is masked, all NaN; never infinite."""
    rows = np.array([row for _, _, row in watch.heard[POWERS]]).reshape(-1, len(watch.channels), len(watch.bands))
    masked = np.isnan(rows)
    return bool(not np.isinf(rows).any() and (masked.all(axis=2) == masked.any(axis=2)).all())


def _mne_lsl(_full: bool) -> Outcome:
    with Source(unique("amp")) as source, Consumer("mne-lsl", source.source_id, more=("--cleaned",)) as consumer:
        clock = Watch()
        clock.pump(1.0)
        at = source.ask(bad=[_CHANNEL, "nan", _SAMPLES])["at"]
        clock.pump(5.0)
        report = consumer.ask(since=at + 3.0)
    share = report["not_finite"] / max(1, report["received"])
    measured = f"after its own band-pass {100 * share:.0f} % of the samples are not finite 3 to 5 s later"
    return Outcome(measured, bool(report["received"] and share == 0.0), {"share_not_finite": float(np.round(share, 3))})


ROW = Row(
    id=8,
    title="NaN or Inf sample",
    required="channel masked within a hop, back within a window plus a hop, output always finite",
    ours=_ours,
    peers={"mne-lsl": _mne_lsl},
)
