"""EEG of a row -> windows of log band power, in the same units and by the same spectral code as live."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from models.data.arrays import load_array
from models.data.rows import EegArray, EegRecording, EegSource
from realtime.config import EegConfig
from realtime.eeg.bands import Band, SpectralKernel
from realtime.eeg.files import iter_chunks, read_recording
from realtime.eeg.montage import canonical_name, is_brain, is_eog, name_list
from realtime.eeg.pipeline import EegPipeline
from realtime.eeg.quality import QualityMonitor
from realtime.eeg.recording import Recording
from realtime.errors import ConfigurationError, DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import Bool, EegInfo, Float32, Float64, Quality, UInt8

WINDOW_S = 1.0
LEAD_IN_S = 10.0
"""What the causal filters are shown before a sample starts; their slowest, 0.5 Hz, has settled in half of it."""

_GRID_S = 0.25
_SLACK_S = 0.02
# run both ways, this lets through what the live filter of 0.5 Hz does: 94 % of the power at 1 Hz
_HIGHPASS_HZ = 0.42
_HIGHPASS_FROM_S = 6.0
_NO_SIGNAL = np.uint8(Quality.FLAT | Quality.RAILED | Quality.NOT_FINITE)
_PLAUSIBLE_UV = (0.05, 5_000.0)
_NO_EEG = re.compile(r"EMG|GSR|EDA|RESP|PLETH|PPG|BVP|TEMP", re.IGNORECASE)
_LOG_POWER_RANGE = (-8.0, 9.0)


@dataclass(frozen=True, slots=True)
class EegOptions:
    """How EEG becomes windows.

    Parameters
    ----------
    bands : tuple of (name, low_hz, high_hz)
    n_windows : int
        At most so many, the newest.
    hop_s : float
        Between the ends of two windows of 1 s.
    """

    bands: tuple[tuple[str, float, float], ...]
    n_windows: int
    hop_s: float


@dataclass(frozen=True, slots=True)
class EegFeatures:
    """Windows of one sample, oldest first, as many as there are.

    Parameters
    ----------
    channels : tuple of str
        Canonical names; 'ch1', 'ch2', ... where the source has none.
    log_power : (n_windows, n_channels, n_bands) float32
        log10 µV²/Hz; 0 where masked.
    mask : (n_windows, n_channels) bool
        True where the channel is good in that window.
    remarks : tuple of str
        What is odd about the sample, though it is kept.
    """

    channels: tuple[str, ...]
    log_power: Float32
    mask: Bool
    remarks: tuple[str, ...] = ()


def eeg_features(source: EegSource, options: EegOptions) -> EegFeatures:
    """Read one sample's EEG.

    Raises
    ------
    DataError
        Unreadable, not of the shape, rate or length wanted, or without a single good channel in any window.
    """
    if isinstance(source, EegRecording):
        found = _from_recording(source, options)
    elif (array := load_array(source.path, source.key, source.index)).ndim == 3:
        found = _from_log_power(array, source, options)
    else:
        found = _from_array(array, source, options)
    if not found.mask.any():
        raise DataError(f"no channel is good in any of the {len(found.mask)} windows" + _because(found.remarks))
    return found


def _because(remarks: Sequence[str]) -> str:
    return f": {'; '.join(remarks)}" if remarks else ""


def _from_log_power(array: NDArray[Any], source: EegArray, options: EegOptions) -> EegFeatures:
    n_windows, n_channels, n_bands = array.shape
    if n_bands != len(options.bands):
        names = ", ".join(name for name, _, _ in options.bands)
        raise DataError(f"array of shape {array.shape}: {n_bands} bands on the last axis, wanted {names}")
    if not n_windows or not n_channels:
        raise DataError(f"array of shape {array.shape} holds nothing; wanted (windows, channels, bands)")
    remarks = []
    if source.sfreq_hz is not None:
        remarks.append(f"{array.shape} is taken as (windows, channels, bands) of log power; its sfreq_hz means nothing")
    power = np.asarray(array[-options.n_windows :], np.float64)
    if n_windows > options.n_windows:
        remarks.append(f"{n_windows} windows: the last {options.n_windows} are used")
    good: Bool = np.asarray(np.isfinite(power).all(axis=2), np.bool_)
    if not good.all():
        remarks.append(f"{(~good).sum()} of {good.size} channel windows hold NaN or infinite power and are masked")
    low, high = _LOG_POWER_RANGE
    if good.any() and not low < (middle := float(np.median(power[good]))) < high:
        remarks.append(f"median power is {middle:.3g}, no log10 of µV²/Hz: wanted {low:g} to {high:g}")
    clean = np.where(good[..., None], power, 0.0).astype(np.float32)
    return EegFeatures(_names(source.channels, n_channels), clean, good, tuple(remarks))


def _is_scalp(name: str) -> bool:
    return is_brain(name) and not _NO_EEG.search(name)


def _names(given: Sequence[str], n_channels: int) -> tuple[str, ...]:
    if given and len(given) != n_channels:
        raise DataError(f"{len(given)} channel names for {n_channels} channels: {name_list(given)}; is it transposed?")
    names = tuple(canonical_name(name) for name in given) or tuple(f"ch{i}" for i in range(1, n_channels + 1))
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"two channels are named '{doubled[0]}'; every name may be there once")
    return names


def _from_array(array: NDArray[Any], source: EegArray, options: EegOptions) -> EegFeatures:
    if array.ndim != 2:
        raise DataError(
            f"array of shape {array.shape}: wanted (channels, times), or (windows, channels, bands) of log power"
        )
    if source.sfreq_hz is None:
        raise DataError(f"array of shape {array.shape} without sfreq_hz: wanted the sampling rate of (channels, times)")
    names = _names(source.channels, array.shape[0])
    scalp = [i for i, name in enumerate(names) if _is_scalp(name)]
    if not scalp:
        raise DataError(f"none of the channels is EEG: {name_list(names)}")
    x_uv, remarks = _in_uv(np.asarray(array, np.float64)[scalp], source.unit)
    if len(scalp) < len(names):
        left_out = [name for name in names if not _is_scalp(name)]
        remarks.append(f"left out, as no EEG: {name_list(left_out)}")
    return array_windows(x_uv, source.sfreq_hz, [names[i] for i in scalp], options, remarks)


def _in_uv(x: Float64, unit: str | None) -> tuple[Float64, list[str]]:
    """Samples in µV; what they are in is told by their size where the source does not say."""
    finite = np.where(np.isfinite(x), x, np.nan)
    there = np.isfinite(finite).any(axis=1)
    if not there.any():
        raise DataError(f"all {x.shape[0]} channels are NaN")
    spread = float(np.median(np.nanstd(finite[there], axis=1)))
    low, high = _PLAUSIBLE_UV
    scale = 1.0 if unit == "uV" else 1e6
    if spread == 0 or low <= spread * scale <= high:
        return x * scale, []
    other = 1e6 / scale
    if unit is None and low <= spread <= high:
        return x, [f"typical standard deviation {spread:.3g}: taken as µV, not V; give 'unit' to be sure"]
    plausible = low <= spread * other <= high
    fix = f"it would be plausible in {'µV' if scale > 1 else 'V'}" if plausible else "check the unit"
    raise DataError(f"typical standard deviation {spread * scale:.3g} µV, wanted {low:g} to {high:g} µV; {fix}")


def array_windows(
    x_uv: Float64, sfreq_hz: float, names: Sequence[str], options: EegOptions, remarks: Sequence[str] = ()
) -> EegFeatures:
    """Windows of a piece of EEG that is there as a whole.

    The slow part is taken out without delay: a straight line, and from 6 s on also what is below 0.5 Hz, by a filter
    run both ways. (On shorter pieces that filter's ends would reach everywhere; each window loses its mean anyway.) No
    notch: a line at 50 or 60 Hz is outside every band, and the Hann window keeps it there. The last window ends
    with the piece.

    Parameters
    ----------
    x_uv : (n_channels, n_times) float64
        µV; NaN where there is nothing.
    sfreq_hz : float
    names : sequence of str
    options : EegOptions
    remarks : sequence of str
        Said of the piece already.

    Raises
    ------
    DataError
        Shorter than one window, or too slow for the bands.
    """
    kernel = _kernel(sfreq_hz, options.bands)
    n_times = x_uv.shape[1]
    if n_times < kernel.n_times:
        turned = "; is it (times, channels)?" if len(x_uv) >= kernel.n_times else ""
        length = f"{n_times} samples at {sfreq_hz:g} Hz are {n_times / sfreq_hz:.3g} s"
        raise DataError(f"{length}; wanted {WINDOW_S:g} s at least{turned}")
    step = options.hop_s * sfreq_hz
    count = int((n_times - kernel.n_times) / step + 1e-9) + 1
    said = list(remarks)
    if count > options.n_windows:
        said.append(f"{n_times / sfreq_hz:.4g} s of EEG: the last {options.n_windows} windows are used")
        count = options.n_windows
    ends = [n_times - round(i * step) for i in reversed(range(count))]
    windows = [slice(end - kernel.n_times, end) for end in ends]
    flags = _judged(x_uv, windows, sfreq_hz)
    mask = (flags & _NO_SIGNAL) == 0
    clean = _without_drift(x_uv, sfreq_hz)
    power = np.stack([kernel.log_power(kernel.coefficients(clean[:, part])) for part in windows])
    said += _about_quality(flags, names)
    return EegFeatures(tuple(names), np.where(mask[..., None], power, np.float32(0.0)), mask, tuple(said))


@lru_cache(maxsize=8)
def _kernel(sfreq_hz: float, bands: tuple[tuple[str, float, float], ...]) -> SpectralKernel:
    try:
        return SpectralKernel(int(WINDOW_S * sfreq_hz), sfreq_hz, [Band(*band) for band in bands])
    except ConfigurationError as err:  # of the data here, not of what the user configured
        raise DataError(str(err)) from err


def _judged(raw_uv: Float64, windows: Sequence[slice], sfreq_hz: float) -> UInt8:
    """Quality flags of each window, judged as live: (n_windows, n_channels) uint8."""
    monitor = QualityMonitor(len(raw_uv), sfreq_hz, EegConfig())
    flags = []
    for part in windows:
        monitor.reset()
        flags.append(monitor.push(raw_uv[:, part]))
    return np.stack(flags)


def _about_quality(flags: UInt8, names: Sequence[str]) -> list[str]:
    """What is masked, and what would be masked live but stays, as whoever cut the piece chose it."""
    said = []
    for flag, what in (
        (Quality.NOT_FINITE, "NaN samples: masked"),
        (Quality.FLAT, "flat: masked"),
        (Quality.RAILED, "railed: masked"),
        (Quality.NOISY, "above 300 µV: kept"),
        (Quality.MAINS, "mostly mains hum: kept"),
    ):
        hit = (flags & np.uint8(flag)) != 0
        if hit.any():
            which = [name for name, any_window in zip(names, hit.any(axis=0), strict=True) if any_window]
            said.append(f"{int(hit.sum())} of {hit.size} channel windows {what} ({name_list(which, 6)})")
    return said


def _without_drift(x_uv: Float64, sfreq_hz: float) -> Float64:
    finite = np.isfinite(x_uv)
    if not finite.all():
        # what is filled in lies in masked windows; the line keeps the filter from ringing into good ones
        x_uv = np.stack([_bridged(row, ok) for row, ok in zip(x_uv, finite, strict=True)])
    x = signal.detrend(x_uv, axis=1)
    if x.shape[1] < _HIGHPASS_FROM_S * sfreq_hz:
        return x
    sos = signal.butter(2, _HIGHPASS_HZ, "highpass", fs=sfreq_hz, output="sos")
    return np.asarray(signal.sosfiltfilt(sos, x, axis=1, padlen=int(2 * sfreq_hz)))


def _bridged(row: Float64, finite: Bool) -> Float64:
    at = np.flatnonzero(finite)
    return np.interp(np.arange(row.size), at, row[at]) if at.size else np.zeros_like(row)


@lru_cache(maxsize=1)
def _recording(path: Path, _stamp: tuple[int, int]) -> Recording:
    return read_recording(path)


def _from_recording(source: EegRecording, options: EegOptions) -> EegFeatures:
    if not source.path.is_file():
        raise DataError("no such recording")
    stat = source.path.stat()
    # rows come file by file: one recording is kept
    recording = _recording(source.path, (stat.st_mtime_ns, stat.st_size))
    end_s = recording.duration_s
    if source.start_s + WINDOW_S > end_s:
        raise DataError(f"starts at {source.start_s:g} s, but the recording ends at {end_s:.6g} s")
    remarks = [*recording.warnings, *(note for note in recording.notes if not note.startswith("left out"))]
    stop_s = min(source.stop_s, end_s)
    if stop_s < source.stop_s - 1e-6:
        remarks.append(f"wanted up to {source.stop_s:g} s, but the recording ends at {end_s:.6g} s")
    if stop_s - source.start_s < WINDOW_S - 1e-9:
        raise DataError(f"{stop_s - source.start_s:.3g} s of EEG; wanted {WINDOW_S:g} s at least")
    names = [canonical_name(name) for name in recording.info.channels]
    picked = [i for i, name in enumerate(names) if names.index(name) == i and not is_eog(name)]
    if len(picked) < EegConfig().min_channels:
        return _piece_of(recording, source.start_s, stop_s, picked, options, remarks)
    return _live_sequence(recording, source.start_s, stop_s, [names[i] for i in picked], options, remarks)


def _piece_of(
    recording: Recording, start_s: float, stop_s: float, picked: list[int], options: EegOptions, remarks: list[str]
) -> EegFeatures:
    """Too few channels for the live chain: the piece is treated as an array."""
    sfreq_hz = recording.info.sfreq_hz
    first, last = np.searchsorted(recording.stamps_s, [start_s - 0.5 / sfreq_hz, stop_s - 0.5 / sfreq_hz])
    x = np.asarray(recording.samples_uv[picked, first:last], np.float64)
    if any(first < index < last for index, _ in recording.gaps):
        raise DataError(f"there is a gap in the recording between {start_s:g} and {stop_s:g} s")
    names = [canonical_name(recording.info.channels[i]) for i in picked]
    return array_windows(x, sfreq_hz, names, options, remarks)


def _live_sequence(
    recording: Recording, start_s: float, stop_s: float, wanted: list[str], options: EegOptions, remarks: list[str]
) -> EegFeatures:
    """The sequence that the live chain would hold at `stop_s`, without the windows that reach before `start_s`."""
    sfreq_hz = recording.info.sfreq_hz
    grid_s = _GRID_S if abs(options.hop_s / _GRID_S - round(options.hop_s / _GRID_S)) < 1e-9 else options.hop_s
    spec = RecognizerSpec("", "", False, (), tuple(wanted), options.bands, options.n_windows, WINDOW_S, options.hop_s)
    info = EegInfo(recording.info.name, recording.info.source_id, recording.info.channels, sfreq_hz)
    try:
        pipeline = EegPipeline(info, spec, EegConfig(hop_s=grid_s))
    except ConfigurationError as err:
        raise DataError(str(err)) from err
    length_s = min(stop_s, (options.n_windows - 1) * options.hop_s + WINDOW_S + LEAD_IN_S)
    # the stretch starts a whole number of hops before its end, so that a window ends at `stop_s`
    begin_s = stop_s - int(length_s / grid_s + 1e-9) * grid_s
    first, last = np.searchsorted(recording.stamps_s, [begin_s - 0.5 / sfreq_hz, stop_s - 0.5 / sfreq_hz])
    # a hop ends on a sample of the decimated grid, which may lie a few samples on
    last += round(sfreq_hz / pipeline.sfreq_out_hz) - 1
    for chunk in iter_chunks(_cut(recording, int(first), int(last)), chunk_s=1.0):
        pipeline.push(chunk)
    sequence = pipeline.sequence()
    ends_s = recording.stamps_s[first] + sequence.end_s - options.hop_s * np.arange(options.n_windows)[::-1]
    inside = ends_s - WINDOW_S > start_s - _SLACK_S
    mask = sequence.channel_mask & inside[:, None]
    if lost := int(inside.sum() - mask.any(axis=1).sum()):
        remarks.append(f"{lost} of {int(inside.sum())} windows have no good channel, or span a gap, and are masked")
    bad = inside.sum() and 1.0 - mask[inside].mean()
    if bad > 0 and not lost:
        remarks.append(f"{100 * bad:.3g} % of the channel windows are of bad quality and are masked")
    kept = np.flatnonzero(inside)
    power = np.where(mask[..., None], sequence.log_power, np.float32(0.0))
    return EegFeatures(pipeline.channel_map.model_names, power[kept], mask[kept], tuple(remarks))


def _cut(recording: Recording, first: int, last: int) -> Recording:
    inside = tuple((index - first, lost) for index, lost in recording.gaps if first < index < last)
    part = slice(first, last)
    stamps = recording.stamps_s[part]
    return replace(recording, samples_uv=recording.samples_uv[:, part], stamps_s=stamps - stamps[0], gaps=inside)
