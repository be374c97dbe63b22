"""The recogniser, run by torch and by ONNX Runtime: calibrated, honest about missing evidence, equal to the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import CHANNELS, CLASSES, as_movement, as_sequence

from models.checkpoint import Checkpoint, load_checkpoint
from models.inference import predict_logits, prepare
from models.recognizer import ExportedRecognizer, NetworkRecognizer, TorchRecognizer, load_recognizer
from models.samples import SampleSet
from models.views import softmax
from realtime.errors import CheckpointError, DataError
from realtime.interfaces import ForesightedRecognizer, ManyRecognizer, Recognizer
from realtime.packets import Evidence


@pytest.fixture(scope="session")
def samples(small_samples: SampleSet) -> SampleSet:
    return small_samples


@pytest.fixture(scope="module")
def checkpoint(exported_checkpoint: Path) -> Checkpoint:
    return load_checkpoint(exported_checkpoint)


@pytest.fixture(params=[TorchRecognizer, ExportedRecognizer])
def recognizer(request: pytest.FixtureRequest, exported_checkpoint: Path) -> Iterator[NetworkRecognizer]:
    threads = torch.get_num_threads()
    yield request.param.from_checkpoint(exported_checkpoint)
    torch.set_num_threads(threads)


def test_is_a_recognizer_that_says_what_runs_it(recognizer: NetworkRecognizer) -> None:
    seam: Recognizer = recognizer
    assert seam.spec.classes == CLASSES
    name, version = recognizer.spec.runtime.split()
    assert name == ("torch" if isinstance(recognizer, TorchRecognizer) else "onnxruntime")
    assert version[0].isdigit()


def test_torch_is_kept_on_one_thread(exported_checkpoint: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        TorchRecognizer.from_checkpoint(exported_checkpoint)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


def test_equals_the_network_under_every_view(
    recognizer: NetworkRecognizer, checkpoint: Checkpoint, samples: SampleSet
) -> None:
    logits = predict_logits(checkpoint.network, prepare(samples, checkpoint.normaliser, 32))
    usable = np.flatnonzero((samples.window_mask & samples.channel_mask.any(axis=2)).sum(axis=1) >= 3)
    assert len(usable) > 20
    for row in usable[:12]:
        expected = {v: softmax(z[row], checkpoint.info.temperature[v]) for v, z in logits.items()}
        eeg, movement = as_sequence(samples, row), as_movement(samples, row)
        fused = recognizer.recognize(eeg, movement)
        np.testing.assert_allclose(fused.probabilities, expected["both"], atol=2e-3)
        assert set(fused.by_modality) == {"eeg", "face"}
        for view in ("eeg", "face"):
            np.testing.assert_allclose(fused.by_modality[view], expected[view], atol=2e-3)
        alone = recognizer.recognize(eeg, None)
        np.testing.assert_allclose(alone.probabilities, fused.by_modality["eeg"], atol=1e-6)
        assert set(alone.by_modality) == {"eeg"}
        face = recognizer.recognize(None, movement)
        np.testing.assert_allclose(face.probabilities, fused.by_modality["face"], atol=1e-6)
        assert set(face.by_modality) == {"face"}


def test_many_questions_at_once_have_the_answers_of_one_at_a_time(
    recognizer: NetworkRecognizer, samples: SampleSet
) -> None:
    assert isinstance(recognizer, ManyRecognizer)
    movements = [as_movement(samples, row) for row in range(3)]
    questions = [
        (as_sequence(samples, row) if row % 5 else None, movements[row % 3] if row % 4 else None) for row in range(24)
    ]
    for one, question in zip(recognizer.recognize_many(questions), questions, strict=True):
        alone = recognizer.recognize(*question)
        np.testing.assert_array_equal(one.probabilities, alone.probabilities)
        assert one.evidence is alone.evidence
        assert one.by_modality.keys() == alone.by_modality.keys()


def test_probabilities_are_probabilities(recognizer: NetworkRecognizer, samples: SampleSet) -> None:
    for row in range(8):
        found = recognizer.recognize(as_sequence(samples, row), as_movement(samples, row))
        for p in (found.probabilities, *found.by_modality.values()):
            assert p.dtype == np.float32
            assert p.shape == (4,)
            assert p.sum() == pytest.approx(1.0, abs=1e-5)
            assert not p.flags.writeable


@pytest.mark.parametrize("n_windows", [0, 1, 2])
def test_too_few_windows_and_no_movement_is_not_enough(
    recognizer: NetworkRecognizer, samples: SampleSet, n_windows: int
) -> None:
    eeg = replace(as_sequence(samples, 0), window_mask=np.arange(8) >= 8 - n_windows)
    found = recognizer.recognize(eeg, None)
    assert found.evidence is Evidence.NOT_ENOUGH
    np.testing.assert_array_equal(found.probabilities, np.full(4, 0.25, np.float32))
    assert not found.by_modality
    with_face = recognizer.recognize(eeg, as_movement(samples, 0))
    assert with_face.evidence is Evidence.ENOUGH
    assert set(with_face.by_modality) == {"face"}


def test_nothing_at_all_is_not_enough(recognizer: NetworkRecognizer) -> None:
    found = recognizer.recognize(None, None)
    assert found.evidence is Evidence.NOT_ENOUGH
    assert found.probabilities.sum() == pytest.approx(1.0)


def test_windows_without_any_good_channel_do_not_count(recognizer: NetworkRecognizer, samples: SampleSet) -> None:
    mask = np.zeros((8, len(CHANNELS)), bool)
    mask[-2:] = True
    eeg = replace(as_sequence(samples, 0), window_mask=np.ones(8, bool), channel_mask=mask)
    assert recognizer.recognize(eeg, None).evidence is Evidence.NOT_ENOUGH


def test_masked_values_may_be_anything(recognizer: NetworkRecognizer, samples: SampleSet) -> None:
    row = int(np.flatnonzero(samples.window_mask.sum(axis=1) == 5)[0])
    eeg = as_sequence(samples, row)
    hidden = ~(eeg.channel_mask & eeg.window_mask[:, None])
    clean = recognizer.recognize(eeg, None).probabilities
    for garbage in (1e6, np.nan, -np.inf):
        dirty = replace(eeg, log_power=np.where(hidden[..., None], garbage, eeg.log_power).astype(np.float32))
        np.testing.assert_array_equal(recognizer.recognize(dirty, None).probabilities, clean)


def test_a_new_movement_is_not_answered_with_the_last_one(recognizer: NetworkRecognizer, samples: SampleSet) -> None:
    first, second = as_movement(samples, 0), as_movement(samples, int(np.flatnonzero(samples.label % 2)[0]))
    a = recognizer.recognize(None, first).probabilities
    b = recognizer.recognize(None, second).probabilities
    assert np.abs(a - b).max() > 1e-4
    np.testing.assert_array_equal(recognizer.recognize(None, first).probabilities, a)
    np.testing.assert_array_equal(recognizer.recognize(None, first).probabilities, a)


def test_a_movement_told_of_before_is_not_encoded_again(
    exported_checkpoint: Path, samples: SampleSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    surprised, foresighted = (load_recognizer(exported_checkpoint) for _ in range(2))
    assert isinstance(foresighted, NetworkRecognizer)
    assert isinstance(foresighted, ForesightedRecognizer)
    eeg, rows = as_sequence(samples, 0), range(17)
    movements = [as_movement(samples, row) for row in rows]
    wanted = [surprised.recognize(eeg, movement).probabilities for movement in movements]
    run, asked = foresighted._run, []
    monkeypatch.setattr(foresighted, "_run", lambda part, *inputs: (asked.append(part), run(part, *inputs))[1])
    foresighted.expect(movements[0])
    foresighted.expect(movements[1])
    # the older one is asked about until the newer one may be
    for row in (0, 0, 1, 1):
        np.testing.assert_array_equal(foresighted.recognize(eeg, movements[row]).probabilities, wanted[row])
    assert asked.count("face") == 2
    for row in rows:
        foresighted.expect(movements[row])
    assert asked.count("face") == 17
    # few are kept, and the first is not among them any more
    np.testing.assert_array_equal(foresighted.recognize(eeg, movements[0]).probabilities, wanted[0])
    assert asked.count("face") == 18


def test_wrong_shapes_and_values_are_named(recognizer: NetworkRecognizer, samples: SampleSet) -> None:
    eeg = as_sequence(samples, 0)
    with pytest.raises(DataError, match=r"shape \(8, 9, 3\), model test-.* wants \(8, 10, 3\)"):
        recognizer.recognize(replace(eeg, log_power=eeg.log_power[:, :9], channel_mask=eeg.channel_mask[:, :9]), None)
    everything = replace(
        eeg,
        window_mask=np.ones(8, bool),
        channel_mask=np.ones((8, len(CHANNELS)), bool),
        log_power=np.full_like(eeg.log_power, np.nan),
    )
    with pytest.raises(DataError, match="EEG given to the network is not finite"):
        recognizer.recognize(everything, None)
    one = eeg.log_power.copy()
    one[np.nonzero(eeg.channel_mask & eeg.window_mask[:, None])[0][-1]] = np.inf
    with pytest.raises(DataError, match="not finite"):
        recognizer.recognize(replace(eeg, log_power=one), None)
    movement = as_movement(samples, 0)
    for ask in (recognizer.expect, lambda m: recognizer.recognize(None, m)):
        with pytest.raises(DataError, match="flow given to the network is not finite"):
            ask(replace(movement, flow=np.full_like(movement.flow, np.nan)))


@pytest.mark.parametrize("load", [TorchRecognizer.from_checkpoint, ExportedRecognizer.from_checkpoint, load_recognizer])
def test_loading_passes_errors_on(tmp_path: Path, load: Callable[[Path], NetworkRecognizer]) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load(tmp_path / "none.safetensors")
