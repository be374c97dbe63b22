"""Training data from simulated people: in memory, through the very functions that run live, or as files on disk.

EEG goes through `realtime.eeg.pipeline`, faces through `realtime.face.movement_between`; only the spotter is replaced:
onset and apex are the true ones, shifted by a frame or so, with some pairs of frames in which nothing moved, as the
spotter too finds some.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from tqdm import tqdm

from models.data.manifest import write_manifest
from realtime.config import EegConfig, EngineConfig
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import ConfigurationError, DataError
from realtime.face.movement import movement_between
from realtime.face.tracker import FaceTracker
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegChunk, EegInfo, EegSequence, Float32, UInt8
from simulators.cohort import training_person
from simulators.cohort_files import CohortOptions
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.layouts import mark_simulated
from simulators.layouts.manifest import write_features
from simulators.scenario import FacialEvent, Scenario, Trial, make_scenario

Shrink = Callable[[Float32, UInt8], tuple[NDArray[np.float16], UInt8]]
"""(256, 256, 2) flow px and (256, 256) crop -> what the network reads, from `models.samples`."""

_ASK_AFTER_S = (3.0, 5.0, 7.0, 9.0, 11.0)
_FALSE_MOVEMENTS = 0.12
_JITTER_S = 1 / 30
_HOP_S = 0.25
_ENGINE = EngineConfig()
_FOUND_AFTER_S = 0.6  # apex to decision and from there to use


Layout = Literal["manifest", "mes-eeg", "session", "deap", "mahnob", "hed", "bids"]
"""Layouts of `write_cohort`, named as their readers."""

LAYOUTS: tuple[Layout, ...] = get_args(Layout)

Face = tuple[float, NDArray[np.float16], UInt8, UInt8]
"""Apex in s, flow, onset and apex picture."""


@dataclass(frozen=True, slots=True)
class _Row:
    subject: int
    group: int
    label: int
    eeg: EegSequence
    face: Face | None


def simulate_person(
    index: int,
    spec: RecognizerSpec,
    shrink: Shrink,
    *,
    duration_s: float = 150.0,
) -> dict[str, NDArray]:
    """Samples of one person of the training set.

    Parameters
    ----------
    index : int
        See `simulators.cohort.training_person`.
    spec : RecognizerSpec
        Classes, channels, bands and windows to prepare.
    shrink : callable
        Reduces flow and apex crop to the network's size.
    duration_s : float
        Length of the session.

    Returns
    -------
    dict of arrays
        As `models.samples.SampleSet`, first axis samples.
    """
    person = training_person(index)
    rng = np.random.default_rng([index, 77])
    scenario = make_scenario(person, duration_s, seed=index, classes=spec.classes)
    rows: list[_Row] = []
    sequences = _ask(EegSimulator(person, scenario), scenario, spec)
    faces = _faces(index, scenario, shrink, rng)
    for group, (trial, asked) in enumerate(zip(scenario.trials, sequences, strict=True)):
        for now_s, sequence in asked:
            usable = [f for f in faces[group] if _FOUND_AFTER_S <= now_s - f[0] <= _ENGINE.movement_max_age_s]
            face = usable[int(rng.integers(len(usable)))] if usable else None
            rows.append(_Row(index, group, spec.classes.index(trial.emotion), sequence, face))
    return _stack(rows, spec)


def simulate_people(people: int, spec: RecognizerSpec, shrink: Shrink, *, jobs: int = -1) -> list[dict[str, NDArray]]:
    """`simulate_person` for the first `people` of the training set, in `jobs` processes, with a progress bar."""
    run: Any = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(simulate_person)(index, spec, shrink) for index in range(people)
    )
    return list(tqdm(run, total=people, desc="simulated people", unit="person"))


def layout_named(name: str) -> Layout:
    """The layout of this name.

    Raises
    ------
    ConfigurationError
        There is none.
    """
    for layout in LAYOUTS:
        if layout == name:
            return layout
    raise ConfigurationError(f"no layout '{name}': wanted one of {', '.join(LAYOUTS)}")


def write_cohort(options: CohortOptions, out: Path, layout: Layout = "manifest", *, jobs: int = 1) -> Path:
    """Write a simulated data set, whole or not at all.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        A folder that is not there yet, or empty.
    layout : Layout
    jobs : int
        Processes.

    Returns
    -------
    Path
        What a reader is given: `out`.

    Raises
    ------
    ConfigurationError
        Something is in the folder already, or the layout has no room for what was asked.
    DataError
        The folder cannot be written to.
    """
    out = out.absolute()
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ConfigurationError(f"'{out}' is there already and not empty: name another folder, or remove it")
        partial = out.with_name(f".{out.name}.part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _write_layout(options, partial, layout, jobs)
            mark_simulated(partial, layout, options)
            if out.exists():
                out.rmdir()
            partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as err:
        raise DataError(f"cannot write a data set to '{out}': {err.strerror or err}") from err
    return out


def _write_layout(options: CohortOptions, out: Path, layout: Layout, jobs: int) -> None:
    if layout == "manifest":
        write_manifest(out / "manifest.csv", write_features(options, out, jobs=jobs))
    else:
        importlib.import_module(f"simulators.layouts.{layout.replace('-', '_')}").write(options, out, jobs=jobs)


def _ask(eeg: EegSimulator, scenario: Scenario, spec: RecognizerSpec) -> list[list[tuple[float, EegSequence]]]:
    """For each trial, the sequences the network would read at a few moments of it."""
    info = EegInfo("simulated", "training", tuple(eeg.channels), eeg.sfreq_hz)
    pipeline = EegPipeline(info, spec, EegConfig(hop_s=_HOP_S))
    step = round(_HOP_S * eeg.sfreq_hz)
    moments = [[t.start_s + after for after in _ASK_AFTER_S if t.start_s + after < t.end_s] for t in scenario.trials]
    asked: list[list[tuple[float, EegSequence]]] = [[] for _ in scenario.trials]
    for first in range(0, int(scenario.duration_s * eeg.sfreq_hz) - step + 1, step):
        stamps = (first + np.arange(step)) / eeg.sfreq_hz
        pipeline.push(EegChunk(eeg.samples(first, step), stamps, info.source_id, first))
        now_s = float(stamps[-1])
        for group, times in enumerate(moments):
            if times and now_s >= times[0]:
                asked[group].append((times.pop(0), pipeline.sequence()))
    return asked


def _faces(index: int, scenario: Scenario, shrink: Shrink, rng: np.random.Generator) -> list[list[Face]]:
    """For each trial, the movements in it as the network would see them."""
    simulator = FaceSimulator(training_person(index), scenario)
    tracker = FaceTracker()
    found: list[list[Face]] = []
    for trial in scenario.trials:
        times = [_jittered(event, rng) for event in _within(scenario, trial)]
        if rng.random() < _FALSE_MOVEMENTS * max(1, len(times)):
            start = rng.uniform(trial.start_s, trial.end_s - 1.0)
            times.append((start, start + 0.2))
        found.append([face for pair in times if (face := _face(simulator, tracker, shrink, *pair)) is not None])
    return found


def _within(scenario: Scenario, trial: Trial) -> list[FacialEvent]:
    return [m for m in scenario.movements if m.kind == "micro" and trial.start_s <= m.apex_s <= trial.end_s]


def _jittered(event: FacialEvent, rng: np.random.Generator) -> tuple[float, float]:
    onset = event.onset_s + rng.uniform(-_JITTER_S, _JITTER_S)
    apex = max(event.apex_s + rng.uniform(-_JITTER_S, _JITTER_S), onset + _JITTER_S)
    return max(onset, 0.0), apex


def _face(simulator: FaceSimulator, tracker: FaceTracker, shrink: Shrink, onset_s: float, apex_s: float) -> Face | None:
    onset, apex = simulator.render(onset_s), simulator.render(apex_s)
    tracked = tracker.track(onset)
    if tracked is None:
        return None
    images = movement_between(onset, apex, tracked.landmarks)
    flow, apex_crop = shrink(images.flow, images.apex_crop)
    _, onset_crop = shrink(images.flow, images.onset_crop)
    return apex_s, flow, onset_crop, apex_crop


def _stack(rows: Sequence[_Row], spec: RecognizerSpec) -> dict[str, NDArray]:
    n, windows, channels, bands = len(rows), spec.n_windows, len(spec.channels), len(spec.bands)
    px = next((row.face[1].shape[0] for row in rows if row.face is not None), 1)
    out: dict[str, NDArray] = {
        "log_power": np.zeros((n, windows, channels, bands), np.float32),
        "channel_mask": np.zeros((n, windows, channels), bool),
        "window_mask": np.zeros((n, windows), bool),
        "has_eeg": np.zeros(n, bool),
        "onset": np.zeros((n, px, px), np.uint8),
        "apex": np.zeros((n, px, px), np.uint8),
        "flow": np.zeros((n, px, px, 2), np.float16),
        "has_face": np.zeros(n, bool),
    }
    for key in ("label", "subject", "group"):
        out[key] = np.array([getattr(row, key) for row in rows], np.int64)
    for i, row in enumerate(rows):
        out["log_power"][i], out["channel_mask"][i] = row.eeg.log_power, row.eeg.channel_mask
        out["window_mask"][i], out["has_eeg"][i] = row.eeg.window_mask, True
        if row.face is not None:
            _, out["flow"][i], out["onset"][i], out["apex"][i] = row.face
            out["has_face"][i] = True
    return out
