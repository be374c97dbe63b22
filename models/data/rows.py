"""What every reader of a data set returns: one row a sample, and what was wrong with the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class EegArray:
    """EEG in a NumPy file.

    Parameters
    ----------
    path : Path
        .npy, or .npz or .mat with `key`.
    sfreq_hz : float or None
        Rate of (n_channels, n_times) volts; None where the array is (n_windows, n_channels, n_bands) log10 µV²/Hz.
    channels : tuple of str
        Names in the array's order; empty where the source gives none.
    key : str
        Variable inside an .npz or .mat.
    index : int or None
        Entry of the variable's first axis.
    unit : 'V', 'uV' or None
        Of the samples; None where the source does not say: volts, unless they can only be microvolts.
    """

    path: Path
    sfreq_hz: float | None = None
    channels: tuple[str, ...] = ()
    key: str = ""
    index: int | None = None
    unit: Literal["V", "uV"] | None = None


@dataclass(frozen=True, slots=True)
class EegRecording:
    """A stretch of a recording that `realtime.eeg.files.read_recording` reads; seconds from its first sample."""

    path: Path
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class Pictures:
    """Onset and apex as still pictures.

    Parameters
    ----------
    onset, apex : Path
    aligned : bool
        True where both are crops of one size under one warp already, black outside the face.
    """

    onset: Path
    apex: Path
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class FlowMap:
    """Onset-to-apex motion as (px, px, 2 or 3) u, v(, strain).

    Parameters
    ----------
    path : Path
        .npy, or a 3-channel picture of any linear coding.
    pictures : Pictures or None
        The stills it was measured on, where there are any.
    """

    path: Path
    pictures: Pictures | None = None


@dataclass(frozen=True, slots=True)
class VideoMoment:
    """A coded movement in a video; seconds from its first frame."""

    path: Path
    onset_s: float
    apex_s: float


@dataclass(frozen=True, slots=True)
class VideoSpan:
    """A stretch of video in which the spotter has to find the movement; seconds from the first frame."""

    path: Path
    start_s: float
    stop_s: float


@dataclass(frozen=True, slots=True)
class FrameArray:
    """Frames in a NumPy or MATLAB file: (n_frames, height, width[, 3]) uint8, with the onset's and the apex's index."""

    path: Path
    onset: int | None
    apex: int | None
    fps: float
    key: str = ""
    index: int | None = None


EegSource = EegArray | EegRecording
FaceSource = FlowMap | Pictures | VideoMoment | VideoSpan | FrameArray


@dataclass(frozen=True, slots=True)
class Row:
    """One sample, not read yet.

    Parameters
    ----------
    sample : str
        Unique in the data set.
    subject : str
        Pseudonym, 'sub-01'; never a name.
    group : str
        What must never be parted over folds: the trial or recording that the sample comes from.
    label : str
        As the source calls it; `models.data.classes` maps it.
    eeg : EegSource or None
    face : FaceSource or None
        A row has at least one of the two.
    where : str
        For messages: 'manifest.csv row 12'.
    """

    sample: str
    subject: str
    group: str
    label: str
    eeg: EegSource | None
    face: FaceSource | None
    where: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row or a file, and what became of it.

    Parameters
    ----------
    where : str
        'manifest.csv row 12'; pseudonyms only.
    field : str
        Column or part: 'label', 'eeg', 'apex'.
    message : str
        What, got, wanted.
    kind : 'excluded', 'kept' or 'fatal'
        The row was left out; it was kept with a remark; the data set cannot be used.
    """

    where: str
    field: str
    message: str
    kind: Literal["excluded", "kept", "fatal"] = "excluded"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Rows of a data set and every problem found on the way; nothing is left out without one.

    Parameters
    ----------
    name : str
        'manifest', 'mes-eeg', 'session', 'deap', 'mahnob', 'hed', 'bids'.
    rows : tuple of Row
    problems : tuple of Problem
    simulated : bool
        True where the data say that no real person is among the subjects.
    """

    name: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()
    simulated: bool = False

    @property
    def subjects(self) -> tuple[str, ...]:
        """Distinct pseudonyms, sorted."""
        return tuple(sorted({row.subject for row in self.rows}))

    @property
    def labels(self) -> tuple[str, ...]:
        """Distinct labels, sorted."""
        return tuple(sorted({row.label for row in self.rows}))


def pseudonyms(names: Sequence[str]) -> dict[str, str]:
    """Name -> 'sub-01', 'sub-02', ... in the order of the distinct names, so that it is the same every time.

    Numbers in a name count as numbers: '2' comes before '10'.
    """
    distinct = sorted(set(names), key=_in_order)
    width = max(2, len(str(len(distinct))))
    return {name: f"sub-{i:0{width}d}" for i, name in enumerate(distinct, 1)}


def _in_order(name: str) -> tuple[list[int | str], str]:
    parts = re.split(r"(\d+)", name)
    return [int(part) if i % 2 else part for i, part in enumerate(parts)], name
