"""Recordings: every file MNE or pyxdf reads, as µV with markers."""

from __future__ import annotations

import math
import re
import struct
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.eeg.montage import is_brain, is_eog, name_list
from realtime.eeg.recording import Recording, implausible, release, room_for, unreadable
from realtime.errors import DataError
from realtime.mat_file import check_mat, is_hdf5
from realtime.packets import EegChunk, EegInfo, Float32, readonly

if TYPE_CHECKING:
    import mne

MNE_SUFFIXES = frozenset({".set", ".vhdr", ".edf", ".bdf", ".fif", ".cdt", ".cnt", ".gdf"})
EEG_SUFFIXES = MNE_SUFFIXES | {".xdf", ".xdfz"}
"""File name endings of the recordings that can be read."""

_CUT = re.compile(r"boundary|^New Segment", re.IGNORECASE)
_READ_S = 30.0
_SMALL_SAMPLES, _MOST_SAMPLES_A_BYTE = 2**22, 16
_MOST_CHANNELS = 2048


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
            room = _room_of(path)
            raw = mne.io.read_raw(path, preload=False, verbose="WARNING")
            recording = _from_raw(raw, path, room)
        except DataError:
            raise
        except Exception as err:  # of damaged files, MNE raises even that
            raise unreadable(path, err) from err
    remarks = tuple(dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught))
    return replace(recording, notes=(*recording.notes, *remarks))


def _room_of(path: Path) -> int:
    """Bytes that a recording holds, beside what lies in other files.

    Raises
    ------
    ValueError
        What its header says cannot be.
    """
    suffix = path.suffix.lower()
    if suffix == ".set":
        return _require_set(path)
    if suffix in (".edf", ".bdf"):
        with path.open("rb") as file:
            count = file.read(256)[252:].strip()
        # MNE's time grows with the square of the names
        if not count.isdigit() or not 0 < int(count) <= _MOST_CHANNELS:
            raise ValueError(f"its header says it has {count!r} channels, wanted 1 to {_MOST_CHANNELS}")
    if suffix == ".fif":
        _require_fif(path)
    return path.stat().st_size


def _require_fif(path: Path) -> None:
    """Refuse a FIF file with a tag larger than itself, or whose tags go in a circle: MNE would take all memory."""
    size, place = path.stat().st_size, 0
    with path.open("rb") as file:
        while place + 16 <= size:
            file.seek(place)
            _, _, count, following = struct.unpack(">iiii", file.read(16))
            if not 0 <= count <= size - place - 16:
                raise ValueError(f"byte {place} begins a tag of {count} bytes, and the file has {size}")
            if following < 0:  # the last one
                return
            if 0 < following <= place:
                raise ValueError(f"byte {place} begins a tag that is followed by itself")
            place = following or place + 16 + count


def _require_set(path: Path) -> int:
    """Refuse an EEGLAB file that SciPy would stumble over, or that says it has more than it holds; bytes it holds.

    Raises
    ------
    ValueError
        It is damaged.
    """
    samples = sum(file.stat().st_size for file in path.parent.glob("*.fdt"))
    if is_hdf5(path):
        return path.stat().st_size + samples
    facts = check_mat(path)
    said = [facts.scalars.get(f"EEG.{n}", facts.scalars.get(n, 1.0)) for n in ("nbchan", "pnts", "trials")]
    if not (min(said) >= 0 and math.prod(said) <= facts.bytes + samples):
        raise ValueError(f"it says that it has {said[0]:g} channels of {said[1]:g} samples, and is smaller than that")
    return facts.bytes + samples


def _require_room(raw: mne.io.BaseRaw, n_channels: int, room: int) -> None:
    """Refuse a header that says there are far more samples than there are bytes.

    A slow channel beside a fast one is brought to its rate, so there may be some more.
    """
    room += sum(Path(name).stat().st_size for name in raw.filenames if name is not None)
    if raw.n_times * n_channels > _SMALL_SAMPLES + _MOST_SAMPLES_A_BYTE * room:
        raise ValueError(f"it says that it has {n_channels} channels of {raw.n_times} samples in {room} bytes")


def _from_raw(raw: mne.io.BaseRaw, path: Path, room: int) -> Recording:
    sfreq_hz = float(raw.info["sfreq"])
    types = raw.get_channel_types()
    eog = [i for i, name in enumerate(raw.ch_names) if types[i] == "eog" or (types[i] == "eeg" and is_eog(name))]
    eeg = [i for i, name in enumerate(raw.ch_names) if types[i] == "eeg" and is_brain(name)]
    if not eeg or not raw.n_times:
        raise DataError(
            f"no EEG in '{path}': {raw.n_times} samples of {len(types)} channels, types {', '.join(sorted(set(types)))}"
        )
    _require_room(raw, len(eeg) + len(eog), room)
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
