"""Finds the reader for a data set on disk."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from models.data.rows import Dataset
from realtime.errors import ConfigurationError, DataError

KINDS: dict[str, str] = {
    "manifest": "a table with one row a sample: manifest.csv, .tsv or .parquet, or a folder with it",
    "mes-eeg": "MEs-EEG: EEGLAB or Curry recordings, clips, onset and apex stills, coding_file_combined.xlsx",
    "deap": "DEAP: s01.dat, .mat or .bdf, with face_video where there is one",
    "mahnob": "MAHNOB-HCI: numbered session folders with session.xml",
    "hed": "HED: arrays or pictures of hidden emotions with an index file",
    "session": "sessions recorded here: XDF, video, annotations",
    "bids": "BIDS-EEG",
}
"""Kinds of data sets that can be read, and what each looks like."""

_SCHEMED = ("deap", "hed")


def open_dataset(
    path: Path, kind: str | None = None, scheme: str | None = None, *, eeg_only: bool = False, macro: bool = False
) -> Dataset:
    """Read a data set's rows; nothing large is loaded yet.

    Parameters
    ----------
    path : Path
        Folder or file.
    kind : str, optional
        One of `KINDS`; found out by looking where not given.
    scheme : str, optional
        What labels are made of, where a data set has ratings instead: 'valence', 'arousal', 'quadrant'.

    eeg_only, macro : bool
        Of MEs-EEG: also clips without a coded movement; also coded macro-expressions.

    Raises
    ------
    DataError
        Not there, of no kind known, or unreadable.
    ConfigurationError
        No such kind, several that fit, or an option of another kind.
    """
    if kind is not None and kind not in KINDS:
        raise ConfigurationError(f"no kind of data set '{kind}'; there are: {', '.join(KINDS)}")
    if not path.exists():
        raise DataError(f"no data set '{path}': there is no such file or folder")
    chosen = kind or _recognised(path)
    if scheme is not None and chosen not in _SCHEMED:
        raise ConfigurationError(f"--scheme is for {' and '.join(_SCHEMED)}, whose labels are ratings; got '{chosen}'")
    if (eeg_only or macro) and chosen != "mes-eeg":
        raise ConfigurationError(f"--eeg-only and --macro are for mes-eeg, got '{chosen}'")
    options: dict[str, Any] = {} if scheme is None else {"scheme": scheme}
    options |= {"eeg_only": eeg_only, "macro": macro} if chosen == "mes-eeg" else {}
    return _module(chosen).read(path, **options)


def _recognised(path: Path) -> str:
    fitting = [kind for kind in KINDS if _module(kind).recognises(path)]
    # a manifest is put there on purpose, whatever else lies beside it
    if "manifest" in fitting:
        return "manifest"
    if not fitting:
        known = "; ".join(f"{kind}: {what}" for kind, what in KINDS.items())
        raise DataError(f"'{path}' is no data set of a known kind. Known are {known}")
    if len(fitting) > 1:
        raise ConfigurationError(f"'{path}' looks like {' and like '.join(fitting)}; say which with --kind")
    return fitting[0]


def _module(kind: str) -> ModuleType:
    return importlib.import_module(f"models.data.{kind.replace('-', '_')}")
