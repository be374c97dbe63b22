"""What a reader has to know of a file that others will read: a recording's length and triggers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from realtime.eeg.files import MNE_SUFFIXES
from realtime.eeg.recording import UNREADABLE
from realtime.errors import DataError

if TYPE_CHECKING:
    import mne

_CODE_BITS = 0xFF  # BioSemi keeps the state of the amplifier in the bits above


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """A recording's rate and length, and its triggers where they were asked for.

    Parameters
    ----------
    sfreq_hz : float
    duration_s : float
    triggers : tuple of (time_s, code)
        Where the trigger channel takes another value than 0; codes from 1 to 255.
    """

    sfreq_hz: float
    duration_s: float
    triggers: tuple[tuple[float, int], ...] = ()


def is_simulated(folder: Path) -> bool:
    """Whether a data set's folder says that nobody real is in it: it holds 'simulated.json'."""
    return (folder / "simulated.json").is_file()


def recording_facts(path: Path, *, triggers: bool = False) -> RecordingFacts:
    """Read a recording's header and, where asked for, its trigger channel.

    The trigger channel is the one that MNE takes for it (BioSemi calls it 'Status'), or else the last one where its
    name has no letter: in some files of DEAP it is blank.

    Raises
    ------
    DataError
        No such file, unreadable, or triggers were asked for and there is no such channel.
    """
    import mne

    if path.suffix.lower() not in MNE_SUFFIXES:
        raise DataError(f"'{path.name}' is no recording that can be read: wanted {' '.join(sorted(MNE_SUFFIXES))}")
    if not path.is_file():
        raise DataError(f"no recording '{path.name}' in its folder")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # whoever reads the samples tells them
        try:
            raw = mne.io.read_raw(path, preload=False, verbose="ERROR")
            sfreq_hz = float(raw.info["sfreq"])
            found = _triggers(raw, path.name) if triggers else ()
            return RecordingFacts(sfreq_hz, float(raw.n_times / sfreq_hz), found)
        except UNREADABLE as err:
            reason = " ".join(str(err).split())[:200] or type(err).__name__
            raise DataError(f"cannot read '{path.name}': {reason}") from err


def _triggers(raw: mne.io.BaseRaw, name: str) -> tuple[tuple[float, int], ...]:
    kinds = raw.get_channel_types()
    pick = kinds.index("stim") if "stim" in kinds else len(kinds) - 1
    if kinds[pick] != "stim" and any(letter.isalpha() for letter in raw.ch_names[pick]):
        raise DataError(f"'{name}' has no trigger channel; its last channel is '{raw.ch_names[pick]}'")
    values = np.asarray(raw.get_data(picks=np.array([pick])))[0]
    # a channel that is not known as a trigger's may have been scaled from µV to V
    whole = np.allclose(values, np.rint(values), rtol=0.0, atol=1e-8)
    codes = np.rint(values if whole else values * 1e6).astype(np.int64) & _CODE_BITS
    begins = np.flatnonzero(np.diff(codes, prepend=0) != 0)
    sfreq_hz = float(raw.info["sfreq"])
    return tuple((float(i / sfreq_hz), int(codes[i])) for i in begins if codes[i])
