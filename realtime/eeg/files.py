"""Recordings: every file MNE or pyxdf reads, as µV with markers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.eeg.montage import is_brain, is_eog, name_list
from realtime.eeg.recording import UNREADABLE, Recording, implausible, release, room_for, unreadable
from realtime.errors import DataError
from realtime.packets import EegChunk, EegInfo, Float32, readonly

if TYPE_CHECKING:
    import mne

MNE_SUFFIXES = frozenset({".set", ".vhdr", ".edf", ".bdf", ".fif", ".cdt", ".cnt", ".gdf"})
EEG_SUFFIXES = MNE_SUFFIXES | {".xdf", ".xdfz"}
"""File name endings of the recordings that can be read."""

_CUT = re.compile(r"boundary|^New Segment", re.IGNORECASE)
_READ_S = 30.0


def read_recording(path: Path | str) -> Recording:
    """Read an EEG recording.

    Parameters
    ----------
    path : path
        .set .vhdr .edf .bdf .fif .cdt .cnt .gdf (through MNE), .xdf (through pyxdf).

    Raises
    ------
    DataError
        Not there, of an unknown kind, damaged, or without EEG; one line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"no recording '{path}': there is no such file")
    suffix = path.suffix.lower()
    if suffix not in EEG_SUFFIXES:
        raise DataError(f"'{path}' is not a recording that can be read: wanted {' '.join(sorted(EEG_SUFFIXES))}")
    if suffix not in MNE_SUFFIXES:
        from realtime.eeg.xdf import read_xdf

        return read_xdf(path)
    return _read_mne(path)


def iter_chunks(recording: Recording, chunk_s: float = 0.05, start_s: float = 0.0) -> Iterator[EegChunk]:
    """A recording as the chunks a live stream would have brought.

    Parameters
    ----------
    recording : Recording
    chunk_s : float
        Length of a chunk, at least one sample; the last one, and those before a gap, are shorter.
    start_s : float
        Stamp of the first sample.

    Yields
    ------
    EegChunk
        `first_index` counts the samples lost in gaps, and no chunk spans one.
    """
    length = max(1, round(chunk_s * recording.info.sfreq_hz))
    edges = [0, *(index for index, _ in recording.gaps), recording.samples_uv.shape[1]]
    lost = [0, *np.cumsum([count for _, count in recording.gaps], dtype=int).tolist()]
    for begin, end, missing in zip(edges[:-1], edges[1:], lost, strict=True):
        for first in range(begin, end, length):
            part = slice(first, min(first + length, end))
            yield EegChunk(
                recording.samples_uv[:, part],
                start_s + recording.stamps_s[part],
                recording.info.source_id,
                first + missing,
            )


def _read_mne(path: Path) -> Recording:
    import mne

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            raw = mne.io.read_raw(path, preload=False, verbose="WARNING")
            recording = _from_raw(raw, path)
        except UNREADABLE as err:
            raise unreadable(path, err) from err
    remarks = tuple(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
    return replace(recording, notes=(*recording.notes, *remarks))


def _from_raw(raw: mne.io.BaseRaw, path: Path) -> Recording:
    sfreq_hz = float(raw.info["sfreq"])
    types = raw.get_channel_types()
    eog = [i for i, name in enumerate(raw.ch_names) if types[i] == "eog" or (types[i] == "eeg" and is_eog(name))]
    eeg = [i for i, name in enumerate(raw.ch_names) if types[i] == "eeg" and is_brain(name)]
    if not eeg or not raw.n_times:
        raise DataError(
            f"no EEG in '{path}': {raw.n_times} samples of {len(types)} channels, types {', '.join(sorted(set(types)))}"
        )
    samples = _read_blocks(raw, eeg, sfreq_hz)
    left_out = [raw.ch_names[i] for i in range(len(types)) if i not in eeg and i not in eog]
    return Recording(
        info=EegInfo(path.stem, path.name, tuple(raw.ch_names[i] for i in eeg), sfreq_hz),
        samples_uv=readonly(samples, np.float32),
        stamps_s=readonly(np.arange(raw.n_times) / sfreq_hz, np.float64),
        markers=_markers(raw),
        gaps=_boundaries(raw, sfreq_hz),
        eog_names=tuple(raw.ch_names[i] for i in eog),
        eog_uv=readonly(_read_blocks(raw, eog, sfreq_hz), np.float32) if eog else None,
        notes=((f"left out, as no EEG: {name_list(left_out)}",) if left_out else ()) + implausible(samples),
    )


def _read_blocks(raw: mne.io.BaseRaw, picks: list[int], sfreq_hz: float) -> Float32:
    """(n_picks, n_times) float32 µV, read a piece at a time; on disk, in a file without a name, where it is large."""
    out = room_for(len(picks), raw.n_times)
    step = max(1, int(_READ_S * sfreq_hz))
    for start in range(0, raw.n_times, step):
        stop = min(start + step, raw.n_times)
        out[:, start:stop] = np.asarray(raw.get_data(picks=np.array(picks), start=start, stop=stop)) * 1e6
        release(out)
    return out


def _markers(raw: mne.io.BaseRaw) -> tuple[tuple[float, str], ...]:
    """Annotations and, where a trigger channel says anything, its steps."""
    import mne

    first_s = raw.first_samp / float(raw.info["sfreq"])
    # annotations count from the recording's start or, with a date, from the first sample kept in memory
    shift_s = first_s if raw.info["meas_date"] is not None else 0.0
    found = [
        (float(onset) - shift_s, str(text))
        for onset, text in zip(raw.annotations.onset, raw.annotations.description, strict=True)
    ]
    if not found and "stim" in raw.get_channel_types():
        events = mne.find_events(raw, shortest_event=1, initial_event=True, verbose="ERROR")
        found = [((sample - raw.first_samp) / float(raw.info["sfreq"]), str(code)) for sample, _, code in events]
    return tuple(sorted(found))


def _boundaries(raw: mne.io.BaseRaw, sfreq_hz: float) -> tuple[tuple[int, int], ...]:
    """Where a recording was cut: EEGLAB 'boundary' and BrainVision 'New Segment' after the start."""
    cuts = {round(onset * sfreq_hz) for onset, text in _markers(raw) if _CUT.search(text)}
    return tuple((index, 1) for index in sorted(cuts) if 0 < index < raw.n_times)
