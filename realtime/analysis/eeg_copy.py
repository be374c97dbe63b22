"""A recording's EEG as files that EEGLAB, MNE and BIDS tools read: a block at a time, whatever its length.

The copy holds what was recorded, unfiltered, on a regular grid of its nominal rate: a lost sample repeats the one
before and is annotated 'BAD_lost', so that nothing after it shifts. Events lie at the sample they were sent at.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.analysis.coding_sheet import Coded
from realtime.analysis.timeline import Timeline
from realtime.analysis.tracks import EegTrack
from realtime.eeg.montage import is_eog
from realtime.errors import DataError
from realtime.packets import Float32, Float64

if TYPE_CHECKING:
    import mne

_MONTAGE = "standard_1005"
_HEAD_S = 1.0
_LONGEST_HOLE_S = 600.0


class EegCopy:
    """The EEG of a track as BrainVision files in a folder, and as an MNE object that reads them.

    Parameters
    ----------
    track : EegTrack
    timeline : Timeline
        Its spans become events.
    zero_s : float
        Stamp of the timeline's zero.
    folder : Path
        Where the files are written.
    line_hz : int
        Mains frequency where it was recorded; 0 where nobody says.

    Raises
    ------
    ConfigurationError
        A library is missing.
    DataError
        The disk is full, or a hole in the recording is longer than ten minutes.
    """

    def __init__(self, track: EegTrack, timeline: Timeline, zero_s: float, folder: Path, *, line_hz: int) -> None:
        self._track, self._timeline, self._zero_s, self._folder = track, timeline, zero_s, folder
        self._line_hz = line_hz or None
        self._rate_hz = track.info.sfreq_hz
        self._holes: list[tuple[int, int]] = []
        self._stamps: Float64 = np.empty(0)
        self._places: Float64 = np.empty(0)
        with refusing_disk():
            count = self._write_samples()
            self._write_headers(count)

    @property
    def header(self) -> Path:
        """The .vhdr file."""
        return self._folder / "copy.vhdr"

    def raw(self, movements: Sequence[Coded] = ()) -> mne.io.BaseRaw:
        """The copy, opened with MNE: channel types, electrode places and annotations are set, no sample is read.

        Movements become annotations, too: 'micro/sad' from onset to offset.
        """
        import mne

        with quiet():
            raw = mne.io.read_raw_brainvision(self.header, preload=False, verbose="ERROR")
            raw.set_channel_types({name: "eog" for name in raw.ch_names if is_eog(name)}, verbose="ERROR")
            montage = mne.channels.make_standard_montage(_MONTAGE)
            if any(name.lower() in {known.lower() for known in montage.ch_names} for name in raw.ch_names):
                raw.set_montage(montage, match_case=False, on_missing="ignore", verbose="ERROR")
            raw.info["line_freq"] = self._line_hz
            raw.set_annotations(self._annotations(movements))
        return raw

    def place_s(self, time_s: float) -> float:
        """Where in the copy a moment of the timeline is, s from its first sample."""
        place = np.interp(time_s + self._zero_s, self._stamps, self._places)
        return float(place) / self._rate_hz

    def _write_samples(self) -> int:
        """Append all samples to the .eeg file, float32 µV, channel after channel of each sample; returns how many."""
        count, last = 0, None
        stamps: list[float] = []
        places: list[int] = []
        with (self._folder / "copy.eeg").open("wb") as file:
            first_index: int | None = None
            for chunk in self._track.anew().chunks():
                first_index = chunk.first_index if first_index is None else first_index
                hole = chunk.first_index - first_index - count
                if hole > 0 and last is not None:
                    count += self._fill(file, last, hole, count)
                stamps += [float(chunk.stamps[0]), float(chunk.stamps[-1])]
                places += [count, count + chunk.stamps.size - 1]
                np.ascontiguousarray(chunk.samples.T, "<f4").tofile(file)
                last = chunk.samples[:, -1]
                count += chunk.stamps.size
        self._stamps, self._places = np.array(stamps), np.array(places, np.float64)
        order = np.argsort(self._stamps, kind="stable")
        self._stamps, self._places = self._stamps[order], self._places[order]
        return count

    def _fill(self, file: object, last: Float32, hole: int, at: int) -> int:
        if hole > _LONGEST_HOLE_S * self._rate_hz:
            raise DataError(
                f"{hole} samples are missing in one place: longer than {_LONGEST_HOLE_S:g} s is no hole to fill; "
                "leave the copies of the EEG out with --export sheet"
            )
        np.repeat(last[None].astype("<f4"), hole, axis=0).tofile(file)  # type: ignore[arg-type]
        self._holes.append((at, hole))
        return hole

    def _write_headers(self, count: int) -> None:
        """The headers by pybv: that of the markers from one channel of zeros, that of the channels from a second."""
        from pybv import write_brainvision

        rate_hz, names = self._rate_hz, list(self._track.info.channels)
        own = self._folder / "headers"
        own.mkdir()
        events = [
            {
                "onset": min(round(onset_s * rate_hz), count - 1),
                "duration": 1,
                "type": "Comment",
                "description": text,
            }
            for onset_s, _, text, _ in self._events()
        ]
        common = {"folder_out": own, "sfreq": rate_hz, "fname_base": "copy", "overwrite": True, "resolution": 1.0}
        common |= {"fmt": "binary_float32", "unit": "µV"}
        head = np.zeros((len(names), max(1, round(_HEAD_S * rate_hz))))
        with quiet():
            write_brainvision(data=head, ch_names=names, **common)
            (own / "copy.vhdr").rename(self.header)
            write_brainvision(data=np.zeros((1, count)), ch_names=["x"], events=events, **common)
        (own / "copy.vmrk").rename(self._folder / "copy.vmrk")

    def _events(self) -> list[tuple[float, float, str, dict[str, str]]]:
        """(onset s in the copy, duration s, text, further columns) of each span, in order of time."""
        found = []
        end_s = float(self._stamps.max()) - self._zero_s
        for span in self._timeline.spans:
            if not -1.0 / self._rate_hz <= span.start_s <= end_s:
                continue
            onset_s = self.place_s(span.start_s)
            duration_s = 0.0 if span.kind == "note" else self.place_s(min(span.end_s or end_s, end_s)) - onset_s
            text = f"{span.kind}/{span.label}" if span.label else span.kind
            more: dict[str, str] = {
                "kind": span.kind,
                "label": span.label or "n/a",
                "stimulus": span.stimulus or "n/a",
                "trial": "n/a" if span.trial is None else str(span.trial),
            }
            found.append((onset_s, max(0.0, duration_s), text.replace(",", ";"), more))
        return found

    def _annotations(self, movements: Sequence[Coded]) -> mne.Annotations:
        import mne

        empty: dict[str, str] = {"kind": "artefact", "label": "n/a", "stimulus": "n/a", "trial": "n/a"}
        holes = [(at / self._rate_hz, n / self._rate_hz, "BAD_lost", empty) for at, n in self._holes]
        moved = []
        for one in movements:
            onset_s, offset_s = self.place_s(one.onset_s), self.place_s(one.offset_s)
            text = f"{one.kind}/{one.label}" if one.label else one.kind
            more = empty | {"kind": one.kind, "label": one.label or "n/a"}
            moved.append((onset_s, offset_s - onset_s, text.replace(",", ";"), more))
        rows = sorted([*self._events(), *holes, *moved], key=lambda row: row[0])
        return mne.Annotations(
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            extras=[row[3] for row in rows],
        )


def write_fif(raw: mne.io.BaseRaw, path: Path) -> None:
    """Write MNE's own format, a block at a time."""
    with quiet(), refusing_disk():
        raw.save(path, buffer_size_sec=10, verbose="ERROR")


def write_set(raw: mne.io.BaseRaw, path: Path) -> None:
    """Write EEGLAB's format; all of it is in memory meanwhile, 16 bytes a number."""
    import mne

    with quiet(), refusing_disk():
        mne.export.export_raw(path, raw, fmt="eeglab", verbose="ERROR")


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings of the libraries about what is as it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def refusing_disk() -> Iterator[None]:
    """What the disk refuses, in one line."""
    try:
        yield
    except OSError as err:
        raise DataError(f"cannot write a copy of the EEG: {err.strerror or err}; free space") from err
