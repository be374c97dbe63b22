"""An ensemble's checkpoint: what was fitted answers on torch, ONNX Runtime and live; what is hostile does not."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models_helpers import CHANNELS, CLASSES, as_movement, as_sequence, synthetic_samples
from safetensors.numpy import load_file, save_file

import models.training.small_sets
from models.checkpoint import load_checkpoint
from models.explanation.occlusion import OcclusionProbe
from models.export import export_checkpoint
from models.recognizer import load_recognizer
from models.samples import SampleSet
from models.small.ensemble import fit_ensemble
from models.small.experts import AskedEnsemble
from models.small.face_experts import load_ensemble
from models.small.flow_input import face_maps
from models.small.maps import live_map, mirror_image, sample_maps, standardised
from models.small.options import EnsembleOptions
from models.small.recognizer import EnsembleRecognizer
from models.small.stored import read_ensemble
from models.training.small_sets import run_ensemble
from realtime.errors import CheckpointError, ConfigurationError, DataError
from realtime.interfaces import Recognizer
from realtime.packets import Evidence

QUICK = EnsembleOptions.model_validate(
    {
        "face": {
            "networks": 1, "fresh_networks": 1, "epochs": 2, "fresh_epochs": 2, "kernel_views": 1,
            "kernels": ["motion", "map"],
        }
    }
)  # fmt: skip
NO_NETWORKS = EnsembleOptions.model_validate({"face": {"networks": 0, "fresh_networks": 0, "kernels": ["map"]}})


def write(folder: Path, samples: SampleSet, options: EnsembleOptions = QUICK, **more: Any) -> Path:
    out = folder / "small.safetensors"
    run_ensemble(samples, out=out, name="small", trained_on="a few", options=options, progress=False, **more)
    return out


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    return synthetic_samples(4, 3, missing=False)


@pytest.fixture(scope="module")
def fitted(samples: SampleSet) -> AskedEnsemble:
    return fit_ensemble(samples, QUICK)


@pytest.fixture(scope="module")
def eager_path(samples: SampleSet, fitted: AskedEnsemble, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:  # fitting takes seconds
        patch.setattr(models.training.small_sets, "fit_ensemble", lambda *given, **more: fitted)
        return write(tmp_path_factory.mktemp("ensemble"), samples)


@pytest.fixture(scope="module")
def exported_path(eager_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    for file in eager_path.parent.iterdir():
        shutil.copy(file, folder)
    export_checkpoint(folder / eager_path.name)
    return folder / eager_path.name


@pytest.fixture(params=["eager", "exported"])
def recognizer(request: pytest.FixtureRequest, eager_path: Path, exported_path: Path) -> EnsembleRecognizer:
    found = load_recognizer(eager_path if request.param == "eager" else exported_path)
    assert isinstance(found, EnsembleRecognizer)
    assert found.spec.runtime.split()[0] == ("torch" if request.param == "eager" else "onnxruntime")
    return found


@pytest.fixture
def copied(eager_path: Path, tmp_path: Path) -> Path:
    for file in eager_path.parent.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / eager_path.name


def test_maps_are_those_of_training(samples: SampleSet) -> None:
    rows = np.arange(6)
    maps = face_maps(samples, rows)
    np.testing.assert_allclose(sample_maps(samples, rows), maps.numpy(), atol=2e-6)
    np.testing.assert_allclose(live_map(samples.flow[3].astype(np.float32), 48)[0], maps[3].numpy(), atol=2e-6)
    assert not standardised(np.ones((1, 3, 28, 28), np.float32)).any()
    np.testing.assert_array_equal(mirror_image(mirror_image(maps.numpy())), maps.numpy())


def test_what_is_read_answers_as_what_was_fitted(eager_path: Path, fitted: AskedEnsemble, samples: SampleSet) -> None:
    asked, stored = load_ensemble(eager_path)
    expected = fitted.probabilities(samples)
    for view, answers in asked.probabilities(samples).items():
        np.testing.assert_array_equal(answers, expected[view])
    info = stored.info
    assert (info.classes, info.channels, info.bands) == (samples.classes, samples.channels, samples.bands)
    assert (info.simulated, info.trained_on, info.modality) == (True, "a few (simulated)", "both")
    assert info.data_sha256 == samples.digest()
    assert info.model_id == f"small-{info.weights_sha256[:8]}"
    json.dumps(info.training, allow_nan=False)


def test_live_answers_are_those_of_the_evaluation(
    recognizer: EnsembleRecognizer, fitted: AskedEnsemble, samples: SampleSet
) -> None:
    seam: Recognizer = recognizer
    assert seam.spec.classes == CLASSES
    expected = fitted.probabilities(samples)
    usable = np.flatnonzero((samples.window_mask & samples.channel_mask.any(axis=2)).sum(axis=1) >= 3)
    assert len(usable) > 20
    for row in usable[:12]:
        fused = recognizer.recognize(as_sequence(samples, row), as_movement(samples, row))
        np.testing.assert_allclose(fused.probabilities, expected["both"][row], atol=1e-5)
        assert set(fused.by_modality) == {"eeg", "face"}
        for view, answer in fused.by_modality.items():
            np.testing.assert_allclose(answer, expected[view][row], atol=1e-5)  # type: ignore[index]
            assert answer.dtype == np.float32
            assert not answer.flags.writeable
        for one in (
            recognizer.recognize(as_sequence(samples, row), None),
            recognizer.recognize(None, as_movement(samples, row)),
        ):
            (modality,) = one.by_modality
            np.testing.assert_array_equal(one.probabilities, fused.by_modality[modality])


def test_evidence_is_judged_as_for_the_network(recognizer: EnsembleRecognizer, samples: SampleSet) -> None:
    eeg, movement = as_sequence(samples, 0), as_movement(samples, 0)
    few = replace(eeg, window_mask=np.arange(8) >= 6)
    for nothing in ((None, None), (few, None)):
        found = recognizer.recognize(*nothing)
        assert found.evidence is Evidence.NOT_ENOUGH
        np.testing.assert_array_equal(found.probabilities, np.full(4, 0.25, np.float32))
    assert set(recognizer.recognize(few, movement).by_modality) == {"face"}


def test_masked_values_may_be_anything_and_others_are_refused(
    recognizer: EnsembleRecognizer, samples: SampleSet
) -> None:
    row = int(np.flatnonzero(samples.window_mask.sum(axis=1) == 5)[0])
    eeg = as_sequence(samples, row)
    hidden = ~(eeg.channel_mask & eeg.window_mask[:, None])
    clean = recognizer.recognize(eeg, None).probabilities
    for garbage in (1e6, np.nan, -np.inf):
        dirty = replace(eeg, log_power=np.where(hidden[..., None], garbage, eeg.log_power).astype(np.float32))
        np.testing.assert_array_equal(recognizer.recognize(dirty, None).probabilities, clean)
    with pytest.raises(DataError, match="not finite"):
        recognizer.recognize(replace(eeg, log_power=np.full_like(eeg.log_power, np.nan)), None)
    movement = as_movement(samples, row)
    for bad in (np.nan, np.inf, 1e30):
        with pytest.raises(DataError, match="not finite"):
            recognizer.recognize(None, replace(movement, flow=np.full_like(movement.flow, bad)))
    with pytest.raises(DataError, match=r"shape \(8, 9, 3\), model small-.* wants \(8, 10, 3\)"):
        recognizer.recognize(replace(eeg, log_power=eeg.log_power[:, :9], channel_mask=eeg.channel_mask[:, :9]), None)


def test_a_new_movement_is_not_answered_with_the_last_one(recognizer: EnsembleRecognizer, samples: SampleSet) -> None:
    first, second = as_movement(samples, 0), as_movement(samples, int(np.flatnonzero(samples.label % 2)[0]))
    a = recognizer.recognize(None, first).probabilities
    assert np.abs(a - recognizer.recognize(None, second).probabilities).max() > 1e-4
    np.testing.assert_array_equal(recognizer.recognize(None, first).probabilities, a)
    np.testing.assert_array_equal(recognizer.recognize(None, first).probabilities, a)


def test_an_ensemble_of_one_modality_ignores_the_other(samples: SampleSet, tmp_path: Path) -> None:
    eeg_only = load_recognizer(write(tmp_path, samples, modality="eeg"))
    both = eeg_only.recognize(as_sequence(samples, 4), as_movement(samples, 4))
    assert set(both.by_modality) == {"eeg"}
    assert eeg_only.spec.runtime.startswith("numpy ")
    assert not eeg_only.recognize(None, as_movement(samples, 4)).by_modality
    info = export_checkpoint(tmp_path / "small.safetensors")
    assert not info.export_sha256
    assert not list(tmp_path.glob("*.onnx"))
    face_only = load_recognizer(write(tmp_path, samples, NO_NETWORKS, modality="face"))
    assert face_only.spec.runtime.startswith("numpy ")
    assert set(face_only.recognize(as_sequence(samples, 4), as_movement(samples, 4)).by_modality) == {"face"}


def test_it_can_be_asked_what_mattered(exported_path: Path, samples: SampleSet) -> None:
    row = int(np.argmax(samples.window_mask.sum(axis=1)))
    found = OcclusionProbe(load_recognizer(exported_path)).ask(as_sequence(samples, row), as_movement(samples, row))
    assert found is not None
    assert set(found.modalities) == {"eeg", "face"}


def test_what_does_not_fit_is_named(eager_path: Path) -> None:
    spec = read_ensemble(eager_path).info.spec
    assert load_recognizer(eager_path, spec).spec.model_id == spec.model_id
    with pytest.raises(CheckpointError, match=r"'hop_s' is 1\.0, wanted 0\.5"):
        load_recognizer(eager_path, replace(spec, hop_s=0.5))
    with pytest.raises(CheckpointError, match="'kind' is 'ensemble', wanted 'network'"):
        load_checkpoint(eager_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "forest"}, "kind: Input should be 'network' or 'ensemble'"),
        ({"modality": "eeg"}, "'modality' is 'eeg', 'face' says otherwise"),
        ({"face": None}, "'modality' is 'both', 'face' says otherwise"),
        ({"temperature": {"both": 1.0, "eeg": 1.0}}, "'temperature' must be positive for 'face'"),
        ({"temperature": {"both": 1.0, "eeg": 1.0, "face": float("inf")}}, r"temperature\.face: .*finite"),
        ({"face.tuned": 2}, "lacks the tensor 'face.network.2"),
        ({"face.tuned": 10**6}, r"face\.tuned: Input should be less than or equal to 64"),
        ({"face.kernels.0.rows": 10**9}, r"face\.kernels\.0\.rows: Input should be less"),
        ({"face.kernels.0.rows": 3}, r"tensor 'face\.kernel\.0\.support' has shape"),
        ({"face.kernels.0.gamma": -1.0}, r"face\.kernels\.0\.gamma: Input should be greater than 0"),
        ({"face.kernels.0.reads": "map"}, r"tensor 'face\.kernel\.0\.components' has shape"),
        ({"eeg.kernel": None}, r"'eeg\.kernel' and 'eeg\.options\.kernel' contradict"),
        ({"eeg.options.recent": [-1]}, r"eeg\.options\.recent\.0: Input should be greater"),
        ({"n_windows": 40}, r"tensor 'eeg\.kernel\.support' has shape"),
        ({"n_windows": 10**12}, "n_windows: Input should be less"),
        ({"eeg.options.kernel": False, "eeg.options.linear": False}, "no EEG expert"),
        ({"surprise": 1}, "surprise: Extra inputs are not permitted"),
        ({"classes": ["sad"]}, "'classes' counts 1, wanted 2"),
    ],
)
def test_a_hostile_description_is_refused_and_the_field_named(
    copied: Path, change: dict[str, Any], message: str
) -> None:
    file = copied.with_suffix(".json")
    content = json.loads(file.read_text())
    for dotted, value in change.items():
        *way, last = (int(part) if part.isdigit() else part for part in dotted.split("."))
        at = content
        for part in way:
            at = at[part]
        at[last] = value
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        load_recognizer(copied)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("eeg.mean", np.full(90, np.nan), "'eeg.mean' is not finite"),
        ("eeg.mean", np.zeros(90, np.int64), "'eeg.mean' is int64, wanted float32 or float64"),
        ("eeg.offset", np.zeros(9), r"'eeg.offset' has shape \(9,\), wanted \(4,\)"),
        ("eeg.slope", None, "lacks the tensor 'eeg.slope'"),
        ("face.network.0.classify.bias", np.zeros(5, np.float32), r"classify.bias' has shape \(5,\), wanted \(4,\)"),
        ("face.network.0.classify.bias", np.zeros(4, np.int8), "classify.bias' is int8"),
        ("face.network.motion.0.weight", None, "lacks the tensor 'face.network.motion.0.weight'"),
        ("more", np.zeros(3), "has a tensor 'more'"),
        ("normaliser.sd", np.zeros((len(CHANNELS), 3), np.float32), "'normaliser.sd' must be positive"),
    ],
)
def test_hostile_tensors_are_refused_and_named(copied: Path, name: str, value: np.ndarray | None, message: str) -> None:
    arrays = load_file(copied)
    arrays.pop(name, None)
    if value is not None:
        arrays[name] = value
    save_file(arrays, copied)
    with pytest.raises(CheckpointError, match="weights_sha256"):
        load_recognizer(copied)
    file = copied.with_suffix(".json")
    content = json.loads(file.read_text()) | {"weights_sha256": hashlib.sha256(copied.read_bytes()).hexdigest()}
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        load_recognizer(copied)


def test_numbers_that_numpy_does_not_know_are_refused(copied: Path) -> None:
    from safetensors.torch import save_file as save_torch

    save_torch({"eeg.mean": torch.zeros(60, dtype=torch.bfloat16)}, copied)
    file = copied.with_suffix(".json")
    content = json.loads(file.read_text()) | {"weights_sha256": hashlib.sha256(copied.read_bytes()).hexdigest()}
    file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="tensors of type"):
        load_recognizer(copied)


def test_an_export_that_is_another_is_refused(exported_path: Path, tmp_path: Path) -> None:
    for file in exported_path.parent.iterdir():
        shutil.copy(file, tmp_path)
    graph = tmp_path / "small.face.onnx"
    content = graph.read_bytes()
    graph.write_bytes(content + b"\0")
    with pytest.raises(CheckpointError, match=r"export_sha256\.face"):
        load_recognizer(tmp_path / exported_path.name)
    graph.unlink()
    with pytest.raises(CheckpointError, match=r"lacks its exported 'small\.face\.onnx'"):
        load_recognizer(tmp_path / exported_path.name)


def test_it_answers_where_neither_torch_nor_sklearn_is(exported_path: Path, samples: SampleSet) -> None:
    program = """
import sys
from pathlib import Path
for name in ("torch", "sklearn", "onnx"):
    sys.modules[name] = None
import numpy as np
from models.recognizer import load_recognizer
from realtime.packets import EegSequence
recognizer = load_recognizer(Path(sys.argv[1]))
spec = recognizer.spec
shape = (spec.n_windows, len(spec.channels), len(spec.bands))
eeg = EegSequence(np.zeros(shape, np.float32), np.ones(shape[:2], bool), np.ones(shape[0], bool), 0.0)
print(recognizer.recognize(eeg, None).probabilities.sum() > 0.99, spec.runtime)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported_path)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.startswith("True onnxruntime"), done.stderr


def test_one_process_fits_it(samples: SampleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigurationError, match="leave out torchrun"):
        write(tmp_path, samples)
