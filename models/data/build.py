"""Rows -> one sample set, with every loss reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.eeg_features import EegFeatures
from models.data.rows import Dataset, Problem
from models.data.survey import BuildOptions, Survey, survey
from models.samples import SampleSet
from models.scale_out import ScaleOut
from realtime.errors import DataError

__all__ = ["BuildOptions", "Built", "build_samples"]


@dataclass(frozen=True, slots=True)
class Built:
    """Samples, and everything that was wrong on the way to them."""

    samples: SampleSet
    problems: tuple[Problem, ...]


def build_samples(
    dataset: Dataset,
    options: BuildOptions | None = None,
    *,
    cache: Path | None = None,
    jobs: int = -1,
    scale: ScaleOut | None = None,
    progress: bool = True,
) -> Built:
    """Read every row's EEG and face and put them together.

    Parameters
    ----------
    dataset : Dataset
    options : BuildOptions, optional
    cache : Path, optional
        Folder for features: what is there already under the same content and options is not computed again.
    jobs : int
        Processes on this machine; -1 for all cores.
    scale : ScaleOut, optional
        Another backend, Dask or Ray, instead of `jobs`; its workers need to see the same files, the cache's too.
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    Built
        The same samples whatever `jobs`, `scale` and the cache are.

    Raises
    ------
    DataError
        The data set cannot be used, or not one sample is left.
    ConfigurationError
        Classes that cannot be, or a cluster that does not answer.
    WeightsError
        The face networks' weights are needed and not there.
    """
    for problem in dataset.problems:
        if problem.kind == "fatal":
            raise DataError(f"{problem.where}: {problem.field}: {problem.message}")
    where = scale or ScaleOut(jobs=jobs)
    found = survey(dataset, options or BuildOptions(), cache=cache, scale=where, progress=progress)
    if not found.whole:
        first = _first(found.problems)
        raise DataError(f"no sample is left of '{dataset.name}' with {len(dataset.rows)} rows{first}")
    return Built(_assemble(found, dataset.simulated), found.problems)


def _first(problems: Sequence[Problem]) -> str:
    lost = [problem for problem in problems if problem.kind == "excluded"]
    return f"; the first of {len(lost)} problems: {lost[0].where}: {lost[0].field}: {lost[0].message}" if lost else ""


def _assemble(found: Survey, simulated: bool) -> SampleSet:
    whole, channels = found.whole, found.channels
    n, px = len(whole), found.face.px
    n_windows = max((len(part.eeg.mask) for _, _, part in whole if part.eeg is not None), default=1)
    shape = (n, n_windows, len(channels))
    power, mask = np.zeros((*shape, len(found.eeg.bands)), np.float32), np.zeros(shape, np.bool_)
    onset, apex = np.zeros((n, px, px), np.uint8), np.zeros((n, px, px), np.uint8)
    flow = np.zeros((n, px, px, found.face.planes), np.float16)
    place = {name: i for i, name in enumerate(channels)}
    for i, (_, _, part) in enumerate(whole):
        if part.eeg is not None:
            _put(part.eeg, place, power[i], mask[i])
        if part.face is not None:
            onset[i], apex[i], flow[i] = part.face.onset, part.face.apex, part.face.flow
    subjects = sorted({row.subject for row, _, _ in whole})
    groups = {key: i for i, key in enumerate(dict.fromkeys((row.subject, row.group) for row, _, _ in whole))}
    window_mask: NDArray[np.bool_] = np.any(mask, axis=2)
    return SampleSet(
        classes=found.classes.names,
        channels=channels,
        bands=found.eeg.bands,
        log_power=power,
        channel_mask=mask,
        window_mask=window_mask,
        has_eeg=np.any(window_mask, axis=1),
        onset=onset,
        apex=apex,
        flow=flow,
        has_face=np.array([part.face is not None for _, _, part in whole]),
        label=np.array([label for _, label, _ in whole], np.int64),
        subject=np.array([subjects.index(row.subject) for row, _, _ in whole], np.int64),
        group=np.array([groups[row.subject, row.group] for row, _, _ in whole], np.int64),
        simulated=simulated,
        subject_names=tuple(subjects),
        hop_s=found.eeg.hop_s,
        sample=np.array([row.sample for row, _, _ in whole], np.str_),
    )


def _put(eeg: EegFeatures, place: dict[str, int], power: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
    """Write one sample's windows at the end of (n_windows, n_channels[, n_bands]) arrays, channels by name."""
    pairs = [(place[name], k) for k, name in enumerate(eeg.channels) if name in place]
    if not pairs:
        return
    to, source = (np.array(part) for part in zip(*pairs, strict=True))
    first = len(mask) - len(eeg.mask)
    power[first:, to] = eeg.log_power[:, source]
    mask[first:, to] = eeg.mask[:, source]
