"""Every row of a data set tried: what could be made of it and what was wrong, for `build` and `check` alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.data.classes import ClassList, class_list, classify
from models.data.eeg_features import EegOptions
from models.data.face_features import FaceOptions
from models.data.features import RowFeatures, batches, extract
from models.data.plan import plan_eeg, plan_face
from models.data.rows import Dataset, Problem, Row
from models.scale_out import ScaleOut, spread
from realtime.eeg.bands import BAND_PRESETS
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import DataError

_MAX_CHANNELS = 512


class BuildOptions(BaseModel):
    """How a data set becomes samples."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: str | tuple[str, ...] | None = Field(
        default=None, description="preset 3, 5, 7, 8, or names; none: the labels as they are"
    )
    bands: Literal["default", "classic"] = Field(default="default", description="preset of frequency bands")
    n_windows: int = Field(default=40, ge=1, le=600, description="EEG windows of a sample, at most; the newest")
    hop_s: float | None = Field(
        default=None, ge=0.1, le=10, description="between EEG windows; none: 1 s, or 0.5 s where most pieces are < 5 s"
    )
    channels: Literal["found", "model"] | tuple[str, ...] = Field(
        default="found", description="EEG channels: those found, the 62 of the demonstration model, or names"
    )
    face_px: int | None = Field(
        default=None,
        ge=28,
        le=256,
        description="side of the stored faces; none: that of the flow maps up to 128, or 96",
    )
    png_planes: Literal["auto", "rgb", "bgr"] = Field(
        default="auto",
        description="planes of flow maps: u, v, strain or strain, v, u; auto: as the maps themselves say",
    )


Whole = tuple[Row, int, RowFeatures]
"""A row, its class and its features."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a data set has to offer.

    Parameters
    ----------
    classes : ClassList
    channels : tuple of str
        EEG channels of the samples to be made; 'none' alone where nobody has EEG.
    eeg, face : EegOptions, FaceOptions
        How the features were made.
    whole : tuple of (Row, int, RowFeatures)
        Rows that a sample can be made of.
    problems : tuple of Problem
        The reader's and those found since.
    """

    classes: ClassList
    channels: tuple[str, ...]
    eeg: EegOptions
    face: FaceOptions
    whole: tuple[Whole, ...]
    problems: tuple[Problem, ...]


def survey(
    dataset: Dataset,
    options: BuildOptions,
    *,
    cache: Path | None = None,
    scale: ScaleOut,
    progress: bool = True,
) -> Survey:
    """Compute every row's features; parameters as in `build_samples`.

    Raises
    ------
    ConfigurationError
        Classes that cannot be, or a cluster that does not answer.
    DataError
        EEG channels that do not fit together.
    WeightsError
        The face networks' weights are needed and not there.
    """
    classes = class_list(options.classes, dataset.labels)
    placed, problems = classify(dataset.rows, classes)
    problems = [*dataset.problems, *problems]
    rows = [row for row, _ in placed]
    bands = tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS[options.bands])
    eeg_options = plan_eeg(rows, bands, options.n_windows, options.hop_s)
    face_options, remarks = plan_face(rows, options.face_px, options.png_planes)
    problems += remarks
    found = _run(rows, eeg_options, face_options, cache, scale, progress)
    for part in found:
        problems += part.problems
    pairs = zip(placed, found, strict=True)
    whole = [(row, label, part) for (row, label), part in pairs if part.eeg is not None or part.face is not None]
    channels, more = _channels(whole, options)
    whole, lost = _with_a_wanted_channel(whole, channels)
    return Survey(classes, channels, eeg_options, face_options, tuple(whole), (*problems, *more, *lost))


def _run(
    rows: Sequence[Row],
    eeg_options: EegOptions,
    face_options: FaceOptions,
    cache: Path | None,
    scale: ScaleOut,
    progress: bool,
) -> list[RowFeatures]:
    """Features of all rows, in their order, wherever and in whatever order they are made."""
    from tqdm import tqdm

    todo = batches(rows)
    out: dict[int, RowFeatures] = {}
    shared = (eeg_options, face_options, cache)
    items = [(number, [rows[i] for i in part]) for number, part in enumerate(todo)]
    with (
        closing(spread(_batch, shared, items, scale)) as done,
        tqdm(total=len(rows), desc="features", unit="row", disable=not progress) as bar,
    ):
        for number, features in done:
            out.update(zip(todo[number], features, strict=True))
            bar.update(len(features))
    return [out[i] for i in range(len(rows))]


def _batch(
    shared: tuple[EegOptions, FaceOptions, Path | None], item: tuple[int, list[Row]]
) -> tuple[int, list[RowFeatures]]:
    """A batch of rows, in whichever process: its number and its features."""
    number, rows = item
    return number, extract(rows, *shared)


def _channels(whole: Sequence[Whole], options: BuildOptions) -> tuple[tuple[str, ...], list[Problem]]:
    """Names of the sample set's EEG channels, and which of those found have no place among them."""
    found: dict[str, int] = {}
    for _, _, part in whole:
        for name in part.eeg.channels if part.eeg is not None else ():
            found[name] = found.get(name, 0) + 1
    differing: list[Problem] = []
    of_samples = {frozenset(part.eeg.channels) for _, _, part in whole if part.eeg is not None}
    if len(of_samples) > 1:
        everywhere = len(frozenset.intersection(*of_samples))
        message = f"not all samples have the same EEG channels: {everywhere} of {len(found)} are in every one"
        differing.append(Problem("data set", "channels", message, "kept"))
    if options.channels == "found":
        if len(found) > _MAX_CHANNELS:
            raise DataError(
                f"{len(found)} different EEG channel names; wanted {_MAX_CHANNELS} at most: name them alike"
            )
        model = [name for name in MODEL_CHANNELS if name in found]
        return tuple(model if len(model) == len(found) else found) or ("none",), differing
    wanted = MODEL_CHANNELS if options.channels == "model" else options.channels
    if unused := [name for name in found if name not in wanted]:
        message = f"{len(unused)} of {len(found)} channels are not wanted and left out: {', '.join(unused[:12])}"
        differing.append(Problem("data set", "channels", message, "kept"))
    return tuple(wanted), differing


def _with_a_wanted_channel(whole: Sequence[Whole], channels: tuple[str, ...]) -> tuple[list[Whole], list[Problem]]:
    """Leave out the EEG of samples that have no good channel among those wanted, and samples that then have nothing."""
    wanted, kept, problems = set(channels), [], []
    for row, label, part in whole:
        eeg = part.eeg
        if eeg is None or any(eeg.mask[:, i].any() for i, name in enumerate(eeg.channels) if name in wanted):
            kept.append((row, label, part))
            continue
        message = f"none of the wanted channels is there and good; the sample has {', '.join(eeg.channels[:8])}"
        if part.face is None:
            problems.append(Problem(row.where, "channels", message))
        else:
            problems.append(Problem(row.where, "channels", f"{message}; the sample goes on without EEG", "kept"))
            kept.append((row, label, RowFeatures(None, part.face, part.problems)))
    return kept, problems
