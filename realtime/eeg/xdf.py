"""XDF recordings, as LabRecorder writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.montage import is_brain, is_eog
from realtime.eeg.recording import UNREADABLE, Recording, implausible, release, room_for, unreadable
from realtime.eeg.xdf_clock import Marks, apart_s, mend_leaps, sentences
from realtime.eeg.xdf_content import LATEST_S
from realtime.eeg.xdf_samples import Samples
from realtime.eeg.xdf_sound import DAMAGED, SoundXdf, sound_xdf
from realtime.errors import DataError
from realtime.packets import EegInfo, Float32, Float64, readonly

# jitter is smoothed within stretches that no step longer than this parts: a gap must stay one
_BREAKS: dict[str, Any] = {"jitter_break_threshold_seconds": 0.25, "jitter_break_threshold_samples": 1}
_RATE_TOLERANCE = 0.01
_IN_MEMORY_BYTES = 64 * 2**20
_BLOCK = 1 << 16
_LONE_S, _LONE_SAMPLES = 1.0, 10.0  # a stamp farther from both its neighbours, which are close, is damaged


def read_xdf(path: Path) -> Recording:
    """Read the EEG stream of an XDF file, found by its type, and all text markers.

    Of several EEG streams the longest is taken and the others are named in `notes`. Clock resets of the sender are
    mended by pyxdf, those of a source's own clock here (`realtime.eeg.xdf_clock`); they are reported in `warnings`, as
    are gaps and a rate that is not the nominal one.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        Damaged, or without a numeric EEG stream that holds samples.
    """
    streams, remarks = load_streams(path)
    eeg, others = eeg_stream(streams, path)
    return _from_stream(eeg, streams, path, (*remarks, *others))


def load_streams(
    path: Path,
    *,
    dejitter: bool = True,
    synchronize: bool = True,
    wanted: Callable[[dict[str, Any]], bool] | None = None,
) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Streams of an XDF file on one clock, as pyxdf gives them, and what it remarked.

    The numbers of a large file are on disk, in files without a name, so that an hour of 64 channels takes the memory
    of its stamps.

    Parameters
    ----------
    path : Path
    dejitter : bool
        Whether stamps of streams of a nominal rate are smoothed between gaps; those of a camera, taken at the grab,
        are better left as they are.
        Either way, what a source's clock was set by is taken off those of regular streams, and told in 'clock_leaps'
        and 'clock_apart_s' of a stream's info (`realtime.eeg.xdf_clock`).
    synchronize : bool
        Whether stamps are moved to the recorder's clock; on one machine there is one clock, and they are best as sent.
    wanted : callable, optional
        Which streams to read, by `name`, `type`, `source_id` and `channel_format` of their headers; default all.

    Raises
    ------
    DataError
        Damaged, or no XDF.
    """
    with open_xdf(path) as file:
        return file.load(dejitter=dejitter, synchronize=synchronize, wanted=wanted)


@contextmanager
def open_xdf(path: Path) -> Iterator[XdfFile]:
    """An XDF file of which several lots of streams are loaded: what holds of it is found once.

    Raises
    ------
    DataError
        Damaged, or no XDF.
    """
    with ExitStack() as stack:
        try:
            sound, file = stack.enter_context(sound_xdf(path))
        except UNREADABLE as err:
            raise unreadable(path, err) from err
        yield XdfFile(path, sound, file)


class XdfFile:
    """What `open_xdf` opened; one thread.

    Parameters
    ----------
    path : Path
        For messages.
    sound : SoundXdf
    file : BinaryIO
        Just what holds.
    """

    def __init__(self, path: Path, sound: SoundXdf, file: BinaryIO) -> None:
        self._path, self._sound, self._file = path, sound, file

    def load(
        self,
        *,
        dejitter: bool = True,
        synchronize: bool = True,
        wanted: Callable[[dict[str, Any]], bool] | None = None,
    ) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        """As `load_streams`."""
        import pyxdf

        sound = self._sound
        options: dict[str, Any] = {"dejitter_timestamps": dejitter, "synchronize_clocks": synchronize}
        options |= {"verbose": False, **_BREAKS}
        chosen = [int(head["stream_id"]) for head in sound.heads if wanted is None or wanted(head)]
        if wanted is not None and not chosen:
            return [], sound.remarks
        large = sound.size > _IN_MEMORY_BYTES
        try:
            with _remarks() as remarks, closing(Samples(self._file, sound.streams, chosen, on_disk=large)) as samples:
                streams, _ = pyxdf.load_xdf(samples.rest, on_chunk=samples.take, **options)
                samples.give_back(streams)
        except UNREADABLE as err:
            raise unreadable(self._path, err) from err
        mended = [text for stream in streams if (text := _mend_lone_stamps(stream))]
        for stream in streams:
            _mend_leaps(stream, sound.marks)
        return streams, (*sound.remarks, *remarks, *mended)


def damage_in(remarks: Iterable[str]) -> tuple[str, ...]:
    """Of the remarks of `load_streams`, those on what is lost; the others are pyxdf's on clocks."""
    return tuple(remark for remark in remarks if remark.startswith(DAMAGED))


def _mend_lone_stamps(stream: dict[str, Any]) -> str:
    """Put stamps of a regular stream that lie far from both neighbours between these; a remark where there are any.

    One changed bit in a stamp would otherwise be a gap of hours, and move everything after it.
    """
    stamps = np.asarray(stream["time_stamps"], np.float64)
    rate_hz = float(text_of(stream, "nominal_srate") or 0.0)
    if rate_hz <= 0 or len(stamps) < 4:
        return ""
    far_s = max(_LONE_S, _LONE_SAMPLES / rate_hz)
    before, after = np.r_[stamps[1], stamps[:-1]], np.r_[stamps[1:], stamps[-2]]
    around = np.abs(after - before)
    # at an end, what is close to its one neighbour must be close to the next one too
    around[[0, -1]] = np.abs(stamps[[1, -2]] - stamps[[2, -3]])
    lone = (np.abs(stamps - before) > far_s) & (np.abs(stamps - after) > far_s) & (around < far_s)
    if not lone.any():
        return ""
    places = np.arange(len(stamps))
    step_s = float(np.median(np.diff(stamps[~lone])))
    mended = np.where(lone, np.interp(places, places[~lone], stamps[~lone]), stamps)
    if lone[0]:
        mended[0] = mended[1] - step_s
    if lone[-1]:
        mended[-1] = mended[-2] + step_s
    stream["time_stamps"] = mended
    return f"{DAMAGED}'{text_of(stream, 'name')}': stamps far from those around them, mended: {np.count_nonzero(lone)}"


def _mend_leaps(stream: dict[str, Any], marks: Marks) -> None:
    """Take off what the clock of a regular stream's source was set by; the leaps are put beside pyxdf's segments."""
    stamps = np.asarray(stream["time_stamps"], np.float64)
    if float(text_of(stream, "nominal_srate") or 0.0) <= 0 or not np.isfinite(stamps).all():
        return
    info, number = stream["info"], int(stream["info"]["stream_id"])
    info["clock_apart_s"] = apart_s(stamps, number, marks)
    stream["time_stamps"], info["clock_leaps"] = mend_leaps(stamps, number, marks)


def eeg_stream(streams: list[dict[str, Any]], path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The longest numeric stream of type 'EEG', and a note on each other one.

    Raises
    ------
    DataError
        There is none that holds samples.
    """
    eeg = [s for s in streams if text_of(s, "type").upper() == "EEG" and isinstance(s["time_series"], np.ndarray)]
    eeg = [s for s in eeg if len(s["time_stamps"]) > 1]
    if not eeg:
        found = ", ".join(f"'{text_of(s, 'type')}' ({text_of(s, 'name')}, {len(s['time_stamps'])})" for s in streams)
        raise DataError(f"no EEG stream with samples in '{path}'; found types (name, samples): {found or 'none'}")
    eeg.sort(key=lambda s: len(s["time_stamps"]), reverse=True)
    return eeg[0], tuple(f"a second EEG stream, '{text_of(s, 'name')}', was left out" for s in eeg[1:])


def _from_stream(
    stream: dict[str, Any], streams: list[dict[str, Any]], path: Path, notes: tuple[str, ...]
) -> Recording:
    name = text_of(stream, "name")
    nominal_hz = float(text_of(stream, "nominal_srate") or 0.0)
    raw_stamps = np.asarray(stream["time_stamps"], dtype=np.float64)
    if not (np.isfinite(raw_stamps).all() and np.abs(raw_stamps).max() < LATEST_S):
        raise DataError(f"stamps of the EEG stream '{name}' of '{path}' are no times: the file is damaged")
    stamps, reversals = increasing(raw_stamps)
    interval_s = float(np.median(np.diff(stamps)))
    sfreq_hz = nominal_hz or round(1.0 / interval_s, 3)
    labels, types, factors = channels_of(stream, path)
    data = np.asarray(stream["time_series"])
    eog = [i for i, label in enumerate(labels) if types[i] == "EOG" or is_eog(label)]
    eeg = [i for i, label in enumerate(labels) if types[i] in {"", "EEG"} and is_brain(label) and i not in eog]
    if not eeg:
        raise DataError(f"the EEG stream '{name}' of '{path}' has no channel of type EEG; found {', '.join(types)}")
    samples = _microvolts(data, eeg, factors)
    gaps = _gaps(stamps, interval_s)
    warnings = _timing_warnings(stream, stamps, interval_s, reversals, gaps)
    return Recording(
        info=EegInfo(name, path.name, tuple(labels[i] for i in eeg), sfreq_hz),
        samples_uv=readonly(samples),
        stamps_s=readonly(stamps - stamps[0]),
        markers=_markers(streams, float(stamps[0])),
        gaps=gaps,
        eog_names=tuple(labels[i] for i in eog),
        eog_uv=readonly(_microvolts(data, eog, factors)) if eog else None,
        warnings=warnings,
        notes=notes + implausible(samples),
        origin_s=float(stamps[0]),
        resets_s=tuple(float(stamps[at] - stamps[0]) for at in set_at(stream)),
    )


def _microvolts(data: NDArray, picks: list[int], factors: Float64) -> Float32:
    """(n_picks, n_times) float32 µV of (n_times, n_channels), a block at a time."""
    out = room_for(len(picks), len(data))
    with np.errstate(all="ignore"):  # a damaged file may hold any bits; what is not finite is masked later
        for first in range(0, len(data), _BLOCK):
            block = data[first : first + _BLOCK, picks] * factors[picks]
            out[:, first : first + _BLOCK] = block.T
            release(data)
            release(out)
    return out


def channels_of(stream: dict[str, Any], path: Path) -> tuple[list[str], list[str], Float64]:
    """Label, upper-case type and factor to µV of each channel; EEG001 and so on, in µV, where nothing is said."""
    from realtime.lsl.inlets import microvolts_per_unit

    count = int(text_of(stream, "channel_count"))
    described = _described(stream)
    if len(described) != count:
        described = [{}] * count
    labels = [text_of(c, "label") or f"EEG{i + 1:03d}" for i, c in enumerate(described)]
    types = [text_of(c, "type").upper() for c in described]
    factors = np.ones(count)
    for i, channel in enumerate(described):
        if types[i] in {"", "EEG", "EOG"}:
            try:
                factors[i] = microvolts_per_unit(text_of(channel, "unit"))
            except DataError as err:
                raise DataError(f"channel '{labels[i]}' of '{path}': {err}") from err
    return labels, types, factors


def _described(stream: dict[str, Any]) -> list[dict[str, Any]]:
    """desc/channels/channel of a stream's header, or nothing where any of it is absent."""
    node: Any = stream["info"]
    for key in ("desc", "channels"):
        found = node.get(key) if isinstance(node, dict) else None
        node = found[0] if found else None
    return list(node.get("channel") or []) if isinstance(node, dict) else []


def text_of(node: dict[str, Any], key: str) -> str:
    """Text of an element of a stream's header as pyxdf gives it, a list of one; '' where it is absent or empty."""
    found = node.get("info", node).get(key)
    return str(found[0]).strip() if found and found[0] is not None else ""


def section_of(node: dict[str, Any], section: str) -> dict[str, str]:
    """Texts of desc/<section> of a stream's header; empty where any of it is absent."""
    found: Any = node.get("info", node)
    for key in ("desc", section):
        within = found.get(key) if isinstance(found, dict) else None
        found = within[0] if within else None
    return {key: text_of(found, key) for key in found} if isinstance(found, dict) else {}


def set_at(stream: dict[str, Any]) -> list[int]:
    """Samples at which the clock of a stream's sender was reset or set, and mended."""
    info = stream["info"]
    resets = [begin for begin, _ in info.get("clock_segments", [])[1:]]
    return sorted({*resets, *(leap.at for leap in info.get("clock_leaps", ()) if leap.set_s)})


def increasing(stamps: Float64) -> tuple[Float64, int]:
    """Stamps made strictly increasing, and at how many places time went back."""
    steps = np.diff(stamps)
    back = steps <= 0
    if not back.any():
        return stamps, 0
    steps[back] = np.median(steps[~back]) if (~back).any() else 1e-3
    return np.concatenate([stamps[:1], stamps[0] + np.cumsum(steps)]), int(np.count_nonzero(back))


def _gaps(stamps: Float64, interval_s: float) -> tuple[tuple[int, int], ...]:
    lost = np.rint(np.diff(stamps) / interval_s).astype(int) - 1
    return tuple((int(i) + 1, int(lost[i])) for i in np.flatnonzero(lost > 0))


def _timing_warnings(
    stream: dict[str, Any], stamps: Float64, interval_s: float, reversals: int, gaps: tuple[tuple[int, int], ...]
) -> tuple[str, ...]:
    name, nominal_hz = text_of(stream, "name"), float(text_of(stream, "nominal_srate") or 0.0)
    found = []
    for begin, _ in stream["info"].get("clock_segments", [])[1:]:
        found.append(f"'{name}': the sender's clock was reset at {stamps[begin] - stamps[0]:.1f} s; times were mended")
    found += sentences(name, stream["info"], stamps)
    if reversals:
        found.append(f"'{name}': time went back {reversals} times; those samples follow on at the usual interval")
    if gaps:
        found.append(f"'{name}': {sum(lost for _, lost in gaps)} samples missing, in places: {len(gaps)}")
    if nominal_hz and abs(1.0 / interval_s / nominal_hz - 1.0) > _RATE_TOLERANCE:
        found.append(f"'{name}': {1.0 / interval_s:.2f} Hz by its stamps, {nominal_hz:g} Hz by its description")
    return tuple(found)


def _markers(streams: list[dict[str, Any]], origin_s: float) -> tuple[tuple[float, str], ...]:
    """Texts of all marker streams, in seconds from `origin_s`."""
    found = []
    for stream in streams:
        if isinstance(stream["time_series"], list) or "marker" in text_of(stream, "type").lower():
            for stamp, values in zip(stream["time_stamps"], stream["time_series"], strict=True):
                texts = values if isinstance(values, list | np.ndarray) else [values]
                found += [(float(stamp) - origin_s, str(text)) for text in texts if str(text)]
    return tuple(sorted(found))


@contextmanager
def _remarks() -> Iterator[list[str]]:
    """Collect what pyxdf logs as warnings instead of printing it."""
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = Collector(logging.WARNING)
    logger = logging.getLogger("pyxdf")
    propagate = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield found
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate
