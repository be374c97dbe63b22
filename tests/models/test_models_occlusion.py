"""What mattered to one live answer, found by asking again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models_helpers import BANDS, CLASSES, as_movement, as_sequence, synthetic_samples

from models.explanation.attribution import FACE_PARTS
from models.explanation.occlusion import OcclusionProbe
from models.recognizer import load_recognizer
from models.samples import SampleSet


@pytest.fixture(scope="module")
def world() -> SampleSet:
    """The small world: parietal alpha and the motion of the mouth carry the class."""
    return synthetic_samples(2, 4, seed=21, missing=False)


@pytest.fixture
def probe(exported_checkpoint: Path) -> OcclusionProbe:
    return OcclusionProbe(load_recognizer(exported_checkpoint))


def test_names_what_is_there_and_nothing_else(probe: OcclusionProbe, world: SampleSet) -> None:
    row = int(np.flatnonzero(world.window_mask.sum(axis=1) >= 3)[0])
    eeg, movement = as_sequence(world, row), as_movement(world, row)
    both = probe.ask(eeg, movement)
    assert both is not None
    assert both.answer in CLASSES
    assert both.strength > 0.0
    assert set(both.modalities) == {"eeg", "face"}
    assert set(both.bands) == {name for name, _, _ in BANDS}
    assert set(both.regions) == set(FACE_PARTS)
    alone = probe.ask(eeg, None)
    assert alone is not None
    assert set(alone.bands) == set(both.bands)
    assert not alone.regions
    assert not alone.modalities
    assert probe.ask(None, None) is None
    assert probe.ask(replace(eeg, window_mask=np.zeros(8, bool)), None) is None


def test_a_part_that_was_neutral_already_loses_nothing(probe: OcclusionProbe, world: SampleSet) -> None:
    still = replace(as_movement(world, 0), flow=np.zeros_like(as_movement(world, 0).flow))
    found = probe.ask(None, still)
    assert found is not None
    assert set(found.regions.values()) == {0.0}


def test_what_carries_the_class_matters_most(probe: OcclusionProbe, world: SampleSet) -> None:
    bands, regions = [], []
    for row in np.flatnonzero(world.window_mask.sum(axis=1) >= 3):
        of_eeg, of_face = probe.ask(as_sequence(world, row), None), probe.ask(None, as_movement(world, row))
        assert of_eeg is not None
        assert of_face is not None
        bands.append(of_eeg.bands)
        regions.append(of_face.regions)
    mean_of_band = {name: np.mean([found[name] for found in bands]) for name in bands[0]}
    assert max(mean_of_band, key=mean_of_band.__getitem__) == "alpha"
    mean_of_region = {name: np.mean([found[name] for found in regions]) for name in regions[0]}
    assert max(mean_of_region, key=mean_of_region.__getitem__) in ("mouth", "mouth_left", "mouth_right", "chin")
