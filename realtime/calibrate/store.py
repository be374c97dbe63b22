"""Calibrations of a study's participants, below the recordings root; the newest counts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from realtime.calibrate.person import PersonCalibration
from realtime.errors import ConfigurationError, DataError
from realtime.session.folder import make_private_folder, open_root
from realtime.session.run import Run


def calibration_folder(root: Path, subject: str) -> Path:
    """Where a participant's calibrations lie, whether there are any or not.

    Raises
    ------
    ConfigurationError
        A subject BIDS does not allow.
    """
    return root / Run(subject).folder.parent / "calibration"


def new_calibration(root: Path, subject: str, now: datetime) -> Path:
    """A free file name for a calibration made now; its folder is made, readable by its owner alone."""
    open_root(root)
    folder = calibration_folder(root, subject)
    make_private_folder(folder, inside=root)
    path = folder / f"sub-{subject}_{now:%Y%m%dT%H%M%S}.npz"
    if path.exists():
        raise DataError(f"there is a calibration '{path}' of this very second: wait a moment, and start again")
    return path


def newest_calibration(root: Path, subject: str) -> Path | None:
    """The file made last, by its name; None where there is none."""
    return max(calibration_folder(root, subject).glob(f"sub-{subject}_*.npz"), default=None, key=lambda path: path.name)


def load_newest(root: Path, subject: str) -> tuple[Path, PersonCalibration]:
    """A participant's newest calibration and where it lies.

    Raises
    ------
    DataError
        There is none, or it cannot be read.
    """
    path = newest_calibration(root, subject)
    if path is None:
        raise DataError(
            f"no calibration of subject '{subject}' in '{root}': "
            f"make one with 'emostream calibrate --subject {subject}'"
        )
    return path, PersonCalibration.load(path)


def choose_calibration(path: Path | None, subject: str | None, root: Path) -> PersonCalibration | None:
    """What `--calibration` or `--subject` asks for; None where neither is given.

    Raises
    ------
    ConfigurationError
        Both are given.
    DataError
        It is not there or cannot be read.
    """
    if path is not None and subject is not None:
        raise ConfigurationError("--calibration and --subject both say which calibration: give one of them")
    if path is not None:
        return PersonCalibration.load(path)
    return None if subject is None else load_newest(root, subject)[1]
