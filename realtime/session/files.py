"""Which runs lie in a folder, and which files belong to each; `recorded` finds what a reader of one needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from realtime.errors import ConfigurationError, DataError
from realtime.session.folder import files_with_stem
from realtime.session.run import Run

_XDF_SUFFIXES = (".xdf", ".xdfz")
_PART = re.compile(r"(.+)_part-[0-9]{2}")
_SESSION = "_session.json"
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A recorded run's files; those named may be absent on the disk.

    Parameters
    ----------
    folder : Path
    stem : str
        What the name of every file of the run begins with.
    """

    folder: Path
    stem: str

    @property
    def run(self) -> Run | None:
        """What the stem says; None where it is not of our form."""
        try:
            return Run.parse(self.stem)
        except ConfigurationError:
            return None

    @property
    def xdf(self) -> Path:
        """The recording."""
        return self.folder / f"{self.stem}.xdf"

    @property
    def session(self) -> Path:
        """What is known of the session, JSON."""
        return self.folder / f"{self.stem}{_SESSION}"

    @property
    def checksums(self) -> Path:
        """Checksums of the others, in the form of sha256sum."""
        return self.folder / f"{self.stem}_checksums.sha256"

    def all(self) -> list[Path]:
        """Every file of the run that is there, sorted."""
        return [path for path in files_with_stem(self.folder, self.stem) if path.is_file()]


def run_of(path: Path, run: int | None = None) -> RunFiles:
    """The one run of a file of it, or of a folder with one run in it.

    Parameters
    ----------
    path : Path
    run : int, optional
        Which of several runs in a folder.

    Raises
    ------
    DataError
        Nothing there, or several runs and none chosen.
    """
    found = runs_in(path)
    if run is not None:
        found = [files for files in found if files.run is not None and files.run.run == run]
    if not found:
        raise DataError(f"no recorded run in '{path}': give a session folder or its .xdf file")
    if len(found) > 1:
        names = ", ".join(files.xdf.name for files in found[:_MOST_NAMED])
        raise DataError(f"{len(found)} runs in '{path}': {names}; give the .xdf file of one")
    return found[0]


def runs_in(path: Path) -> list[RunFiles]:
    """All runs of a file or a folder, by stem; in a recordings root those of all its sessions.

    Raises
    ------
    DataError
        There is no such path.
    """
    if not path.exists():
        raise DataError(f"there is no '{path}': give a session folder, its .xdf file or a recordings root")
    if path.is_file():
        return [RunFiles(path.parent, stem) for stem in [_stem_of(path)] if stem]
    deeper = ("ses-*", "sub-*/ses-*", "sourcedata/sub-*/ses-*")
    folders = [path, *sorted(f for pattern in deeper for f in path.glob(pattern) if f.is_dir())]
    return [RunFiles(folder, stem) for folder in folders for stem in _stems(folder)]


def _stems(folder: Path) -> list[str]:
    begun = [p for p in folder.iterdir() if p.is_file() and _begins_run(p)]
    return sorted({stem for stem in map(_stem_of, begun) if stem})


def _begins_run(path: Path) -> bool:
    return path.suffix.lower() in _XDF_SUFFIXES or path.name.endswith(_SESSION)


def _stem_of(path: Path) -> str:
    """The stem of a run from the name of one of its files; '' where it is none."""
    if path.suffix.lower() in _XDF_SUFFIXES:
        part = _PART.fullmatch(path.stem)
        return part.group(1) if part else path.stem
    if path.name.endswith(_SESSION):
        return path.name.removesuffix(_SESSION)
    stems = [stem for stem in _stems(path.parent) if path.name.startswith((f"{stem}_", f"{stem}."))]
    return max(stems, key=len, default="")
