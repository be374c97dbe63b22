"""Shapley values of parts: complete in every order, exact for what adds up, the same sums and figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models_helpers import BANDS, CHANNELS, synthetic_samples
from numpy.typing import NDArray

from models.explanation.attribution import FACE_PARTS, band_weight, by_channel_and_band, importances, region_weight
from models.explanation.figures import explanation_figures
from models.explanation.gradients import some_of_each_class
from models.explanation.parts import PartOptions, explain_parts, place_on_head
from models.samples import SampleSet
from models.splits import Split
from models.views import VIEWS, View, softmax
from realtime.errors import DataError


class Adding:
    """Log-odds of the first class: alpha of the parietal and occipital electrodes, and flow of the lower face."""

    split = Split((11, 12), (13,), (), 0)

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        alpha = np.where(samples.window_mask[:, :, None], samples.log_power[:, :, 6:, 1], 0.0).mean(axis=(1, 2))
        lower = samples.flow[:, samples.flow.shape[1] * 5 // 8 :, :, 1].astype(np.float32).mean(axis=(1, 2))
        score = np.where(samples.has_eeg, alpha, 0.0) + np.where(samples.has_face, 3.0 * lower, 0.0)
        logits = np.stack([score, *(np.zeros_like(score) for _ in samples.classes[1:])], axis=1)
        answers: dict[View, NDArray[np.float32]] = dict.fromkeys(VIEWS, softmax(logits))
        answers["eeg"] = np.where(samples.has_eeg[:, None], answers["eeg"], np.nan)
        return answers


@pytest.fixture(scope="module")
def world() -> SampleSet:
    return some_of_each_class(synthetic_samples(3, 4, seed=3, noise=0.3), 6)


def test_they_are_complete_in_every_order(world: SampleSet) -> None:
    for orders in (1, 2, 3):
        found = explain_parts(Adding(), world, world, PartOptions(orders=orders, seed=orders))
        assert np.abs(found.residual).max() < 2e-3
        assert np.abs(found.output - found.baseline).max() > 0.1


def test_they_fall_on_the_parts_that_count(world: SampleSet) -> None:
    found = explain_parts(Adding(), world, world, PartOptions(orders=2))
    cells = np.abs(by_channel_and_band(found)).max(axis=0)
    counts = np.zeros(cells.shape, bool)
    counts[6:, 1] = True
    # five places: frontal, central, parietal and occipital electrodes, left and right
    assert cells[counts].min() > 1e-3
    assert cells[~counts].max() < 1e-5
    weight = region_weight(found)
    sizes = dict(zip(weight.names, weight.size, strict=True))
    assert sizes["mouth"] + sizes["chin"] + sizes["elsewhere"] + sizes["jaw_left"] + sizes["jaw_right"] > 0.01
    assert max(sizes["brow_left"], sizes["forehead"], sizes["eye_right"]) < 1e-3
    assert max(band_weight(found).shares().items(), key=lambda item: item[1])[0] == "alpha"


def test_the_same_seed_gives_the_same_values(world: SampleSet) -> None:
    a, b = (explain_parts(Adding(), world, world, PartOptions(orders=2, seed=4)) for _ in range(2))
    np.testing.assert_array_equal(a.eeg, b.eeg)
    np.testing.assert_array_equal(a.flow, b.flow)


def test_a_view_explains_that_view(world: SampleSet) -> None:
    with pytest.raises(DataError, match="have no answer under the view 'eeg'; leave them out"):
        explain_parts(Adding(), world, world, PartOptions(view="eeg"))
    eeg = explain_parts(Adding(), world.only("eeg"), world, PartOptions(view="eeg", orders=1))
    assert not eeg.flow.any()
    assert not eeg.has_face.any()
    face = explain_parts(Adding(), world.only("face"), world, PartOptions(view="face", orders=1))
    assert not face.eeg.any()
    assert set(importances(face)["all"]["regions"]) == set(FACE_PARTS)


def test_what_does_not_fit_is_refused(world: SampleSet) -> None:
    with pytest.raises(DataError, match="the sample set is empty"):
        explain_parts(Adding(), world.take(np.zeros(len(world), bool)), world)
    with pytest.raises(DataError, match="the reference has other channels"):
        explain_parts(Adding(), world, world.with_channels(CHANNELS[::-1]))
    with pytest.raises(DataError, match="the reference has no EEG"):
        explain_parts(Adding(), world, replace(world.only("face")))


def test_figures_are_those_of_gradients_without_the_time(world: SampleSet) -> None:
    titles = [title for title, _ in explanation_figures(explain_parts(Adding(), world, world, PartOptions(orders=1)))]
    assert [title.split(":")[0].split(" (")[0] for title in titles] == [
        "What moved the decisions",
        "EEG",
        "EEG",
        "Face",
    ]
    assert not any("when" in title for title in titles)


@pytest.mark.parametrize(
    ("channel", "place"),
    [
        ("Fp1", "frontal left"), ("AF4", "frontal right"), ("Fz", "frontal middle"), ("FC3", "central left"),
        ("FT8", "temporal right"), ("T3", "temporal left"), ("CPz", "parietal middle"), ("P6", "parietal right"),
        ("Oz", "occipital middle"), ("CB1", "occipital left"), ("left ear", "other"), ("X1", "other"),
    ],
)  # fmt: skip
def test_electrodes_have_places(channel: str, place: str) -> None:
    assert place_on_head(channel) == place


def test_bands_are_named(world: SampleSet) -> None:
    found = explain_parts(Adding(), world, world, PartOptions(orders=1))
    assert band_weight(found).names == tuple(name for name, _, _ in BANDS)
