"""Attributions: complete, zero where nothing was, on what carries the class, summed without loss; and their figures."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import CHANNELS, CLASSES, PX, synthetic_samples
from numpy.typing import NDArray
from torch import Tensor

from models.checkpoint import load_checkpoint
from models.explanation.attribution import (
    FACE_PARTS,
    Explanation,
    band_weight,
    by_channel_and_band,
    by_window,
    channel_weight,
    face_parts,
    importances,
    modality_weight,
    on_face,
    region_weight,
)
from models.explanation.figures import explanation_figures
from models.explanation.gradients import (
    Differentiable,
    ExplanationOptions,
    differentiable,
    explain,
    explain_fit,
    some_of_each_class,
)
from models.network import Batch, HiddenEmotionNet
from models.samples import SampleSet
from models.splits import Split
from models.training.calibration import Calibrated
from models.views import View
from realtime.errors import DataError


@pytest.fixture(scope="module")
def fit(exported_checkpoint: Path) -> Differentiable:
    return differentiable(load_checkpoint(exported_checkpoint))


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    """People that the small network was not trained on, some without EEG and some without a face."""
    return some_of_each_class(synthetic_samples(3, 4, seed=9), 6)


@pytest.fixture(scope="module")
def explanation(fit: Differentiable, samples: SampleSet) -> Explanation:
    return explain(fit, samples)


@dataclass
class Linear:
    """Logits that are sums of known inputs, so that attributions are known too."""

    channels: tuple[str, ...] = CHANNELS
    gain: float = 1.0

    def batch(self, samples: SampleSet) -> Batch:
        n = len(samples)
        faces = samples.flow.astype(np.float32).transpose(0, 3, 1, 2)
        return Batch(
            log_power=torch.from_numpy(samples.log_power.copy()),
            channel_mask=torch.from_numpy(samples.channel_mask.copy()),
            window_mask=torch.from_numpy(samples.window_mask.copy()),
            flow=torch.from_numpy(faces),
            apex=torch.full((n, 1, *faces.shape[2:]), 0.75),
            has_eeg=torch.from_numpy(samples.has_eeg.copy()),
            has_face=torch.from_numpy(samples.has_face.copy()),
        )

    def logits(self, batch: Batch) -> Tensor:
        eeg = torch.where(batch.has_eeg, batch.log_power[:, :, 0].sum(dim=(1, 2)), 0.0)
        face = torch.where(batch.has_face, batch.flow[:, 0].sum(dim=(1, 2)) + batch.apex.sum(dim=(1, 2, 3)), 0.0)
        return self.gain * torch.stack([eeg, face, torch.zeros_like(eeg), torch.zeros_like(eeg)], dim=1)

    def theta(self, batch: Batch) -> None:
        return None


def test_of_a_linear_model_they_are_weight_times_input(samples: SampleSet) -> None:
    found = explain([Linear(gain=1.0), Linear(gain=3.0)], replace(samples, label=np.zeros_like(samples.label)),
                    ExplanationOptions(target="label"))  # fmt: skip
    # mean gain 2, target's logit less the mean of the four
    there = (samples.channel_mask & samples.window_mask[..., None] & samples.has_eeg[:, None, None])[..., None]
    expected = np.where(there, samples.log_power, 0.0) * 2.0 * 0.75
    np.testing.assert_allclose(found.eeg[:, :, 0], expected[:, :, 0], rtol=1e-4, atol=1e-5)
    assert not found.eeg[:, :, 1:].any()
    shown = samples.has_face[:, None, None]
    flow = np.where(shown, samples.flow[..., 0].astype(np.float32), 0.0)
    np.testing.assert_allclose(found.flow[:, 0], flow * 2.0 * -0.25, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.apex[:, 0], np.where(shown, 0.25 * 2.0 * -0.25, 0.0) * np.ones((PX, PX)), rtol=1e-4
    )
    assert not found.flow[:, 1].any()
    assert (found.steps == ExplanationOptions().steps).all()
    assert found.theta is None


def test_they_are_complete(explanation: Explanation) -> None:
    options = ExplanationOptions()
    difference = np.abs(explanation.output - explanation.baseline)
    assert (np.abs(explanation.residual) <= options.tolerance * np.maximum(difference, options.least_difference)).all()
    assert difference.max() > 0.1
    assert (explanation.steps >= options.steps).all()
    assert (explanation.steps <= options.most_steps).all()


def test_the_output_is_what_the_network_says(fit: Differentiable, samples: SampleSet, explanation: Explanation) -> None:
    with torch.no_grad():
        logits = fit.logits(fit.batch(samples)).numpy()
    np.testing.assert_array_equal(explanation.target, logits.argmax(axis=1))
    np.testing.assert_allclose(explanation.output, logits.max(axis=1) - logits.mean(axis=1), atol=1e-4)


def test_nothing_is_attributed_to_what_is_not_there(samples: SampleSet, explanation: Explanation) -> None:
    assert 0 < samples.has_face.sum() < len(samples)
    assert 0 < samples.has_eeg.sum() < len(samples)
    masked = ~(samples.channel_mask & samples.window_mask[..., None] & samples.has_eeg[:, None, None])
    assert not explanation.eeg[masked].any()
    assert not explanation.flow[~samples.has_face].any()
    assert not explanation.apex[~samples.has_face].any()
    assert explanation.eeg[samples.has_eeg].any(axis=(1, 2, 3)).all()
    assert explanation.flow[samples.has_face].any(axis=(1, 2, 3)).all()


def test_they_fall_on_what_carries_the_class(fit: Differentiable) -> None:
    """The small world's EEG differs in parietal alpha, its faces in the motion of the mouth."""
    world = synthetic_samples(3, 4, seed=5, missing=False)
    of_eeg = explain(fit, world, ExplanationOptions(target="label", view="eeg"))
    toward = by_channel_and_band(of_eeg).mean(axis=0)
    carries = np.zeros(toward.shape, bool)
    carries[6:, 1] = True
    positive = np.maximum(toward, 0.0)
    assert positive[carries].sum() / positive.sum() > 3.0 * carries.mean()
    of_face = explain(fit, world, ExplanationOptions(target="label", view="face"))
    weight = region_weight(of_face)
    moved = {"mouth", "mouth_left", "mouth_right", "chin", "jaw_left", "jaw_right"}
    inside = np.array([name in moved for name in weight.names])
    area = face_parts(of_face.flow.shape[-1]).mean(axis=(1, 2))
    assert weight.size[inside].sum() / weight.size.sum() > 2.0 * area[inside].sum()


def test_a_view_explains_that_view(fit: Differentiable, samples: SampleSet) -> None:
    both = samples.take(samples.has_eeg & samples.has_face).take([0, 1])
    eeg = explain(fit, both, ExplanationOptions(view="eeg"))
    assert not eeg.flow.any()
    assert not eeg.has_face.any()
    face = explain(fit, both, ExplanationOptions(view="face"))
    assert not face.eeg.any()
    own = explain(fit, both, ExplanationOptions(view="face", picture="own"))
    assert not own.apex.any()
    with pytest.raises(DataError, match="have nothing that the network reads in the view 'face'; leave them out"):
        explain(fit, samples, ExplanationOptions(view="face"))
    with pytest.raises(DataError, match="the sample set is empty"):
        explain(fit, samples.take(np.zeros(len(samples), bool)))


def test_whatever_was_fitted_is_explained(fit: Differentiable, samples: SampleSet, exported_checkpoint: Path) -> None:
    stored = load_checkpoint(exported_checkpoint)
    info = stored.info
    network = Calibrated(stored.network, stored.normaliser, info.temperature, info.classes, info.channels, "both")
    answered = network.probabilities(samples)["both"]
    by_gradient = explain_fit(network, samples, samples, most=2)
    assert len(by_gradient) == 2 * len(CLASSES)
    assert by_gradient.theta is not None
    assert set(by_gradient.target) <= set(answered.argmax(axis=1))

    class WithoutGradients:
        split = Split((), (), (), 0)

        def probabilities(self, some: SampleSet) -> dict[View, NDArray[np.float32]]:
            return network.probabilities(some)

    by_parts = explain_fit(WithoutGradients(), samples, samples, most=2)
    np.testing.assert_array_equal(by_parts.target, by_gradient.target)
    assert np.abs(by_parts.residual).max() < 0.05
    assert by_parts.theta is None


def test_weights_at_random_explain_nothing(fit: Differentiable, exported_checkpoint: Path) -> None:
    """Adebayo et al. (2018), "Sanity checks for saliency maps": attributions must be those of what was learnt."""
    stored = load_checkpoint(exported_checkpoint)
    torch.manual_seed(1)
    untrained = differentiable(replace(stored, network=HiddenEmotionNet(stored.info.network)))
    world = synthetic_samples(3, 4, seed=5, missing=False)
    options = ExplanationOptions(target="label", view="eeg")
    learnt, drawn = (by_channel_and_band(explain(which, world, options)).mean(axis=0) for which in (fit, untrained))
    assert learnt[6:, 1].sum() > 3.0 * abs(drawn[6:, 1].sum())
    assert abs(np.corrcoef(learnt.ravel(), drawn.ravel())[0, 1]) < 0.5


def test_channels_are_matched_by_name(fit: Differentiable, samples: SampleSet, explanation: Explanation) -> None:
    turned = samples.with_channels(CHANNELS[::-1])
    assert turned.channels != samples.channels
    found = explain(fit, turned)
    assert found.channels == CHANNELS
    np.testing.assert_allclose(found.eeg, explanation.eeg, atol=1e-6)


def test_sums_lose_nothing(explanation: Explanation) -> None:
    eeg = explanation.eeg.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(by_channel_and_band(explanation).sum(axis=(1, 2)), eeg, atol=1e-4)
    np.testing.assert_allclose(by_window(explanation).sum(axis=1), eeg, atol=1e-4)
    mean = modality_weight(explanation)
    assert mean.toward.sum() == pytest.approx(explanation.total.mean(), abs=1e-4)
    has = explanation.has_eeg
    assert band_weight(explanation).toward.sum() == pytest.approx(eeg[has].mean(), abs=1e-4)
    assert channel_weight(explanation).toward.sum() == pytest.approx(eeg[has].mean(), abs=1e-4)
    face = on_face(explanation)[explanation.has_face].sum(axis=(1, 2))
    assert region_weight(explanation).toward.sum() == pytest.approx(face.mean(), abs=1e-4)
    assert sum(region_weight(explanation).shares().values()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("px", [28, 32, 96])
def test_every_pixel_is_in_one_part_of_the_face(px: int) -> None:
    masks = face_parts(px)
    assert masks.shape == (len(FACE_PARTS), px, px)
    assert (masks.sum(axis=0) == 1).all()
    assert masks.any(axis=(1, 2)).all()
    left, right = masks[FACE_PARTS.index("cheek_left")], masks[FACE_PARTS.index("cheek_right")]
    np.testing.assert_array_equal(left, right[:, ::-1])
    # the person's own left is on the right side of an unmirrored picture
    assert np.flatnonzero(left.any(axis=0)).min() > px // 2


def test_importances_are_plain_data(explanation: Explanation) -> None:
    found = json.loads(json.dumps(importances(explanation)))
    assert found["simulated"] is True
    assert found["samples"] == len(explanation)
    assert 0.0 <= found["completeness"]["median"] <= found["completeness"]["largest"]
    assert set(found["all"]) == {"modalities", "bands", "channels", "regions"}
    assert set(found["all"]["regions"]) == set(FACE_PARTS)
    assert set(found["classes"]) == {CLASSES[index] for index in set(explanation.target.tolist())}
    one = found["all"]["bands"]["alpha"]
    assert one["size"] >= abs(one["toward"])


def test_figures_show_what_was_explained(explanation: Explanation) -> None:
    titles = [title for title, _ in explanation_figures(explanation)]
    assert (
        titles[0] == f"What moved the decisions (simulated people, {len(explanation)} samples, attribution in logits)"
    )
    assert len(titles) == 5
    without_face = replace(explanation, has_face=np.zeros(len(explanation), bool), theta=None)
    assert [title for title, _ in explanation_figures(without_face)] == titles[:4]
    nameless = replace(without_face, channels=tuple(f"x{i}" for i in range(len(CHANNELS))))
    titles = [title for title, _ in explanation_figures(nameless)]
    assert len(titles) == 3
    assert "too few electrodes with a known place" in titles[1]


def test_figures_can_be_saved_and_name_the_classes(explanation: Explanation, tmp_path: Path) -> None:
    classes = {CLASSES[index] for index in set(explanation.target.tolist())}
    for number, (_, figure) in enumerate(explanation_figures(explanation)):
        figure.savefig(tmp_path / f"{number}.svg")
        assert (tmp_path / f"{number}.svg").stat().st_size > 5_000
        if number in (1, 4):
            shown = {ax.get_title().split("\n")[0] for ax in figure.axes}
            assert classes <= shown
