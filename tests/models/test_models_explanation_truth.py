"""Attributions of the demonstration checkpoint against what the simulator did. Slow; simulated people only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.checkpoint import load_checkpoint
from models.demonstration import DEMONSTRATION, FACE_PX, as_samples
from models.explanation.attribution import by_channel_and_band, on_face
from models.explanation.gradients import ExplanationOptions, differentiable, explain, some_of_each_class
from models.samples import SampleSet, resize_by_area, shrink_face
from realtime.face.alignment import Alignment
from realtime.face.movement import movement_between
from realtime.face.tracker import FaceTracker
from simulators.cohort import training_person
from simulators.dataset import simulate_person
from simulators.face import FaceSimulator
from simulators.head import head_model
from simulators.person import _SHARED_PATTERN, EFFECT_BANDS, SOURCE_GROUPS
from simulators.scenario import make_scenario

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_PATH = Path(__file__).parents[2] / "models" / "checkpoints" / "demonstration.safetensors"
_FIRST = 620
"""The checkpoint was trained on people 0 to 239."""


def _movements(people: int) -> tuple[SampleSet, NDArray[np.bool_], NDArray[np.bool_]]:
    """Micro-movements of simulated people; where the skin truly moved by a quarter of the most; where the face is."""
    spec, tracker = DEMONSTRATION, FaceTracker()
    rows = []
    for index in range(_FIRST, _FIRST + people):
        person = training_person(index)
        scenario = make_scenario(person, 120.0, seed=index, classes=spec.classes)
        simulator = FaceSimulator(person, scenario)
        for event in scenario.movements:
            label = next((t.emotion for t in scenario.trials if t.start_s <= event.apex_s <= t.end_s), None)
            if event.kind != "micro" or label is None:
                continue
            onset, apex = simulator.render(event.onset_s), simulator.render(event.apex_s)
            tracked = tracker.track(onset)
            assert tracked is not None
            images = movement_between(onset, apex, tracked.landmarks)
            moved = np.linalg.norm(simulator.displacement(event, event.apex_s), axis=-1)
            moved = Alignment.fit(tracked.landmarks).crop((255.0 * moved / moved.max()).astype(np.uint8))
            flow, small = shrink_face(images.flow, images.apex_crop, FACE_PX)
            truth = resize_by_area(moved.astype(np.float32), FACE_PX) > 0.25 * 255.0
            oval = resize_by_area((images.apex_crop > 0).astype(np.float32), FACE_PX) > 0.5
            rows.append((flow, small, spec.classes.index(label), index, truth & oval, oval))
    flow, apex, label, subject, truth, oval = (np.array(column) for column in zip(*rows, strict=True))
    n, shape = len(rows), (spec.n_windows, len(spec.channels))
    samples = SampleSet(
        classes=spec.classes, channels=spec.channels, bands=spec.bands, simulated=True,
        log_power=np.zeros((n, *shape, len(spec.bands)), np.float32), channel_mask=np.zeros((n, *shape), bool),
        window_mask=np.zeros((n, spec.n_windows), bool), has_eeg=np.zeros(n, bool), onset=apex, apex=apex, flow=flow,
        has_face=np.ones(n, bool), label=label, subject=subject, group=np.arange(n),
    )  # fmt: skip
    return samples, truth, oval


def test_faces_are_explained_by_the_skin_that_moved() -> None:
    samples, truth, oval = _movements(4)
    found = explain(differentiable(load_checkpoint(_PATH)), samples, ExplanationOptions(view="face"))
    positive = np.maximum(on_face(found), 0.0)
    share = (positive * truth).sum(axis=(1, 2)) / positive.sum(axis=(1, 2))
    area = truth.sum(axis=(1, 2)) / oval.sum(axis=(1, 2))
    motion = np.linalg.norm(samples.flow.astype(np.float32), axis=-1)
    moving = (motion * truth).sum(axis=(1, 2)) / motion.sum(axis=(1, 2))
    assert len(samples) > 20
    assert share.mean() > 2.5 * area.mean()
    # not just because that is where the flow is: noise moves everywhere
    assert share.mean() > 1.3 * moving.mean()


def test_eeg_is_explained_by_the_sources_that_changed() -> None:
    spec = DEMONSTRATION
    parts = [simulate_person(index, spec, shrink_face, duration_s=120.0) for index in range(_FIRST, _FIRST + 6)]
    samples = some_of_each_class(as_samples(parts), 16)
    found = explain(differentiable(load_checkpoint(_PATH)), samples, ExplanationOptions(target="label", view="eeg"))
    head = head_model(tuple(samples.channels))
    seen = np.stack([(head.leadfield[:, head.group == g] ** 2).sum(axis=1) for g in range(len(SOURCE_GROUPS))], axis=1)
    seen /= seen.sum(axis=1, keepdims=True)
    bands = [name for name, _, _ in EFFECT_BANDS]
    ratios = []
    for index, name in enumerate(found.classes):
        pattern = np.zeros((len(SOURCE_GROUPS), len(bands)))
        for (group, band), weight in _SHARED_PATTERN[name].items():
            pattern[SOURCE_GROUPS.index(group), bands.index(band)] = abs(weight)
        changed = seen @ pattern
        cells = changed > 0.25 * changed.max()
        toward = np.maximum(by_channel_and_band(found)[found.target == index].mean(axis=0), 0.0)
        ratios.append(toward[cells].sum() / toward.sum() / cells.mean())
    assert min(ratios) > 1.0
    assert np.mean(ratios) > 1.8
