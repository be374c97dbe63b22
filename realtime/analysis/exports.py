"""Copies of a session for other programs: coding sheet, BIDS, EEGLAB, MNE."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.analysis.coding_sheet import Coded, coding_rows, write_coding_sheet
from realtime.analysis.movement_events import write_movement_events
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
    told = source.eeg is not None or bool(source.timeline.self_reports)
    if text is None:
        own = {"sheet"} if source.video is not None else set()
        return _possible(own | ({"bids"} if place is not None and told else set()))
    wanted = {part.strip().lower() for part in text.split(",")} - {"", "none"}
    if unknown := sorted(wanted - set(KINDS)):
        raise ConfigurationError(f"--export '{unknown[0]}': wanted {', '.join(KINDS)}, or none")
    if "bids" in wanted and place is None:
        raise ConfigurationError("--export bids needs a session in a recordings root (sourcedata/sub-xx/ses-yy)")
    if source.eeg is None and (lacking := sorted(wanted & {"set", "fif"})):
        raise ConfigurationError(f"--export {lacking[0]} is of EEG, and there is none here")
    if "bids" in wanted and not told:
        raise ConfigurationError("--export bids is of EEG and self reports, and there are none here")
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
    line_hz : int
        Mains frequency where it was recorded; 0 where nobody says.
    """

    def __init__(self, source: Source, kinds: Iterable[str], place: Place | None, *, line_hz: int = 0) -> None:
        self._source, self._kinds, self._place = source, frozenset(kinds), place
        self._line_hz = line_hz
        self.found = FoundMovements()
        self.notes: list[str] = []
        """What was remarked."""
        self.written: list[Path] = []
        """Files outside the analysis folder."""
        self.review: Path | None = None
        """The table of annotations, where a coder has decided on any movement."""

    def write(self, folder: Path) -> None:
        """Write all of them; call it when the analysis is over.

        Raises
        ------
        ConfigurationError, DataError
            A library is missing, or the disk refuses it.
        """
        movements = self._movements()
        place_s: Callable[[float], float] = float
        if self._source.eeg is not None and self._kinds & {"bids", "set", "fif"}:
            with tempfile.TemporaryDirectory(prefix=".copy-", dir=folder) as own:
                place_s = self._write_eeg(folder, Path(own), movements).place_s
        elif "bids" in self._kinds:
            self._write_bids(None)
        if "sheet" in self._kinds:
            self._write_sheet(folder, movements)
            write_movement_events(folder, movements, place_s, reviewed=self.review is not None)

    def _write_sheet(self, folder: Path, movements: Sequence[Coded]) -> None:
        source = self._source
        metadata, run = source.metadata, self._place.run if self._place else None
        rows = coding_rows(
            movements,
            source.timeline,
            subject=f"sub-{run.subject}" if run else source.stem,
            film=source.files[-1].name,
            started=metadata.started if metadata else None,
        )
        write_coding_sheet(folder, rows)

    def _movements(self) -> list[Coded]:
        """What counts of what a coder decided on, be it nothing; the candidates found where nobody has."""
        table = annotations_path(self._source.session.xdf if self._source.session else self._source.files[-1])
        try:
            rows = [row for row in read_annotations(table) if row.kind != "trial"]
        except DataError as err:
            self.notes.append(f"only what was found is told, for the annotations cannot be read: {err}")
            return self.found.coded
        waiting = sum(row.status == "candidate" for row in rows)
        if waiting == len(rows):
            return self.found.coded
        self.review = table
        reviewed = Coded.reviewed(rows)
        if self._kinds & {"sheet", "set", "fif"}:
            left_out = f"; {waiting} that nobody has reviewed are left out" if waiting else ""
            self.notes.append(f"the coding sheet holds the {len(reviewed)} reviewed movements{left_out}")
        return reviewed

    def _write_eeg(self, folder: Path, own: Path, movements: Sequence[Coded]) -> EegCopy:
        from realtime.analysis.eeg_copy import EegCopy, write_fif, write_set

        source = self._source
        assert source.eeg is not None
        copy = EegCopy(source.eeg, source.timeline, source.zero_s, own, line_hz=self._line_hz)
        for kind, write in (("set", write_set), ("fif", write_fif)):
            if kind in self._kinds:
                (folder / "eeg").mkdir(exist_ok=True)
                name = f"{source.stem}_eeg.set" if kind == "set" else f"{source.stem}_eeg.fif"
                write(copy.raw(movements), folder / "eeg" / name)
        if "bids" in self._kinds:
            self._write_bids(copy)
        return copy

    def _write_bids(self, copy: EegCopy | None) -> None:
        from realtime.analysis.bids import is_there, write_bids

        assert self._place is not None
        root, run = self._place.root, self._place.run
        raw = None
        if copy is not None and is_there(root, run):
            self.notes.append("the BIDS copy of the EEG was there already and was left as it is")
        elif copy is not None:
            raw = copy.raw()
        source = self._source
        simulated = source.timeline.simulated or (source.metadata is not None and source.metadata.simulated)
        self.written = write_bids(root, run, raw, source.timeline.self_reports, simulated=simulated)
