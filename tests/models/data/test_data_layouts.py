"""Every simulated layout is recognised as itself alone, and becomes samples through the same chain."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from models.data.build import build_samples
from models.data.readers import KINDS, open_dataset
from simulators.cohort_files import CohortOptions
from simulators.dataset import write_cohort

_EEG = CohortOptions(subjects=2, trials=2, seconds=6.0, rest_s=1.0, sfreq_hz=250.0, lost=0.0)
_LAYOUTS = ("session", "deap", "mahnob", "hed", "bids")


@pytest.mark.parametrize("layout", _LAYOUTS)
def test_a_layout_is_recognised_as_itself_alone_and_its_eeg_is_built(layout: Any, tmp_path: Path) -> None:
    out = write_cohort(_EEG, tmp_path / "data", layout)
    fitting = [
        kind for kind in KINDS if importlib.import_module(f"models.data.{kind.replace('-', '_')}").recognises(out)
    ]
    assert fitting == [layout]
    dataset = open_dataset(out)
    assert (dataset.name, dataset.simulated, dataset.subjects) == (layout, True, ("sub-01", "sub-02"))
    built = build_samples(dataset, jobs=1, progress=False)
    assert len(built.samples) == len(dataset.rows) >= 4
    assert built.samples.has_eeg.all()
    assert not built.samples.has_face.any()
    assert built.samples.subject_names == ("sub-01", "sub-02")
    lost = [p for p in built.problems if p.kind == "excluded" and p not in dataset.problems]
    assert not lost, lost


@pytest.mark.slow
@pytest.mark.parametrize("layout", _LAYOUTS)
def test_a_layout_with_films_gives_faces_too(layout: Any, tmp_path: Path) -> None:
    options = CohortOptions(
        subjects=1,
        trials=2,
        seconds=8.0,
        rest_s=1.0,
        sfreq_hz=250.0,
        lost=0.0,
        videos=True,
        fps=30.0,
        leaks=(0.0, 0.0, 1.0),
    )
    dataset = open_dataset(write_cohort(options, tmp_path / "data", layout))
    assert all(row.face is not None for row in dataset.rows)
    built = build_samples(dataset, jobs=1, progress=False)
    assert built.samples.has_eeg.all()
    assert built.samples.has_face.any()
