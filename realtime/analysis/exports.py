"""Copies of a session for other programs: coding sheet, BIDS, EEGLAB, MNE."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.analysis.coding_sheet import Coded, coding_rows, write_coding_sheet
from realtime.analysis.out import Place
from realtime.analysis.source import Source
from realtime.errors import ConfigurationError, DataError
from realtime.extras import require_extra
from realtime.packets import MicroMovement, Result
from realtime.review.annotations import annotations_path, read_annotations

if TYPE_CHECKING:
    from realtime.analysis.eeg_copy import EegCopy

KINDS: tuple[str, ...] = ("sheet", "bids", "set", "fif")


def chosen_exports(text: str | None, source: Source, place: Place | None) -> frozenset[str]:
    """Which copies are written.

    By default the coding sheet, and BIDS where the session lies in a recordings root: that is what makes the root a
    BIDS dataset, and BrainVision, which it holds, is read by EEGLAB and MNE alike. The other two repeat it, so they
    are on request.

    Parameters
    ----------
    text : str or None
        'sheet,bids,set,fif', some of them, or 'none'; None for the default.
    source : Source
    place : Place or None

    Raises
    ------
    ConfigurationError
        An unknown kind, one that cannot be made of this source, or one whose libraries are not installed.
    """
    if text is None:
        own = {"sheet"} if source.video is not None else set()
        return _possible(own | ({"bids"} if place is not None and source.eeg is not None else set()))
    wanted = {part.strip().lower() for part in text.split(",")} - {"", "none"}
    if unknown := sorted(wanted - set(KINDS)):
        raise ConfigurationError(f"--export '{unknown[0]}': wanted {', '.join(KINDS)}, or none")
    if "bids" in wanted and place is None:
        raise ConfigurationError("--export bids needs a session in a recordings root (sourcedata/sub-xx/ses-yy)")
    if source.eeg is None and (lacking := sorted(wanted & {"bids", "set", "fif"})):
        raise ConfigurationError(f"--export {lacking[0]} is of EEG, and there is none here")
    return _possible(wanted)


def _possible(wanted: set[str]) -> frozenset[str]:
    for kind in sorted(wanted & {"bids", "set"}):
        require_extra(kind, f"the copy '{kind}' (leave it out with --export)")
    return frozenset(wanted)


@dataclass(slots=True)
class FoundMovements:
    """A sink that keeps the times of the movements found."""

    coded: list[Coded] = field(default_factory=list)

    def write(self, result: Result) -> None:
        """Keep a movement."""
        if isinstance(result, MicroMovement):
            self.coded.append(Coded.found(result))


class Exports:
    """The copies of one analysis.

    Parameters
    ----------
    source : Source
    kinds : collection of str
        From `chosen_exports`.
    place : Place or None
    """

    def __init__(self, source: Source, kinds: Iterable[str], place: Place | None) -> None:
        self._source, self._kinds, self._place = source, frozenset(kinds), place
        self.found = FoundMovements()
        self.notes: list[str] = []
        """What was remarked."""
        self.written: list[Path] = []
        """Files outside the analysis folder."""

    def write(self, folder: Path) -> None:
        """Write all of them; call it when the analysis is over.

        Raises
        ------
        ConfigurationError, DataError
            A library is missing, or the disk refuses it.
        """
        if "sheet" in self._kinds:
            self._write_sheet(folder)
        if self._kinds & {"bids", "set", "fif"}:
            with tempfile.TemporaryDirectory(prefix=".copy-", dir=folder) as own:
                self._write_eeg(folder, Path(own))

    def _write_sheet(self, folder: Path) -> None:
        source = self._source
        metadata, run = source.metadata, self._place.run if self._place else None
        rows = coding_rows(
            self._movements(),
            source.timeline,
            subject=f"sub-{run.subject}" if run else source.stem,
            film=source.files[-1].name,
            started=metadata.started if metadata else None,
        )
        write_coding_sheet(folder, rows)

    def _movements(self) -> list[Coded]:
        """Reviewed movements where anybody has let some count, else the candidates found."""
        recording = self._source.session.xdf if self._source.session else self._source.files[-1]
        try:
            reviewed = Coded.reviewed(read_annotations(annotations_path(recording)))
        except DataError as err:
            self.notes.append(f"the coding sheet holds what was found, for the annotations cannot be read: {err}")
            reviewed = []
        if reviewed:
            self.notes.append(f"the coding sheet holds the {len(reviewed)} reviewed movements")
            return reviewed
        return self.found.coded

    def _write_eeg(self, folder: Path, own: Path) -> None:
        from realtime.analysis.eeg_copy import EegCopy, write_fif, write_set

        source = self._source
        assert source.eeg is not None
        copy = EegCopy(source.eeg, source.timeline, source.zero_s, own)
        for kind, write in (("set", write_set), ("fif", write_fif)):
            if kind in self._kinds:
                (folder / "eeg").mkdir(exist_ok=True)
                name = f"{source.stem}_eeg.set" if kind == "set" else f"{source.stem}_eeg.fif"
                write(copy.raw(), folder / "eeg" / name)
        if "bids" in self._kinds:
            self._write_bids(copy)

    def _write_bids(self, copy: EegCopy) -> None:
        from realtime.analysis.bids import is_there, write_bids

        assert self._place is not None
        root, run = self._place.root, self._place.run
        if is_there(root, run):
            self.notes.append("the BIDS copy of the EEG was there already and was left as it is")
            return
        source = self._source
        simulated = source.timeline.simulated or (source.metadata is not None and source.metadata.simulated)
        self.written = write_bids(root, run, copy.raw(), source.timeline.self_reports, simulated=simulated)
