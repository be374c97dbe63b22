"""Checkpoints come back as they were, and whatever does not fit is named."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import BANDS, CHANNELS, CLASSES, N_WINDOWS, SMALL, synthetic_samples
from safetensors.torch import load_file, save_file

from models.checkpoint import CheckpointInfo, load_checkpoint, save_checkpoint
from models.inference import predict_logits, prepare
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import fit_normaliser
from realtime.errors import CheckpointError

TEMPERATURE = {"both": 1.5, "eeg": 2.0, "face": 0.8}


def _save(path: Path, seed: int = 0) -> CheckpointInfo:
    torch.manual_seed(seed)
    config = NetworkConfig(
        n_classes=len(CLASSES), n_channels=len(CHANNELS), n_bands=len(BANDS), n_windows=N_WINDOWS, **SMALL
    )
    samples = synthetic_samples(2, 2)
    return save_checkpoint(
        path,
        HiddenEmotionNet(config),
        fit_normaliser(samples, samples.subjects),
        name="test",
        trained_on="two people who do not exist",
        simulated=True,
        classes=CLASSES,
        channels=CHANNELS,
        bands=BANDS,
        temperature=TEMPERATURE,
        data_sha256=samples.digest(),
        training={"note": "none"},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    out = tmp_path / "folder" / "net.safetensors"
    _save(out)
    return out


def _edit(path: Path, **changes: object) -> None:
    content = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps(content | changes))


def test_round_trip(path: Path) -> None:
    loaded = load_checkpoint(path)
    torch.manual_seed(0)
    config = loaded.info.network
    samples = synthetic_samples(2, 2)
    original = HiddenEmotionNet(config)
    for name, value in original.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value), name
    fitted = fit_normaliser(samples, samples.subjects)
    np.testing.assert_array_equal(loaded.normaliser.mean, fitted.mean)
    np.testing.assert_array_equal(loaded.normaliser.sd, fitted.sd)
    assert loaded.normaliser.flow_scale_px == fitted.flow_scale_px
    a = predict_logits(loaded.network, prepare(samples, loaded.normaliser, 32))
    b = predict_logits(original, prepare(samples, fitted, 32))
    for view, logits in b.items():
        np.testing.assert_array_equal(a[view], logits)
    assert loaded.info.temperature == TEMPERATURE
    assert not loaded.network.training


def test_says_what_it_is(path: Path) -> None:
    said = json.loads(path.with_suffix(".json").read_text())
    assert said["simulated"] is True
    assert said["trained_on"] == "two people who do not exist"
    assert said["classes"] == list(CLASSES)
    assert said["channels"] == list(CHANNELS)
    assert said["data_sha256"] == synthetic_samples(2, 2).digest()
    assert said["model_id"] == f"test-{said['weights_sha256'][:8]}"
    spec = load_checkpoint(path).info.spec
    assert (spec.classes, spec.bands, spec.n_windows, spec.simulated) == (CLASSES, BANDS, N_WINDOWS, True)


def test_nothing_half_written_stays(path: Path) -> None:
    assert sorted(p.name for p in path.parent.iterdir()) == ["net.json", "net.safetensors"]
    (path.parent / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write checkpoint"):
        _save(path.parent / "file" / "net.safetensors")
    with pytest.raises(CheckpointError, match=r"is named \*.safetensors"):
        _save(path.parent / "net.pt")
    assert sorted(p.name for p in path.parent.iterdir()) == ["file", "net.json", "net.safetensors"]


def test_same_network_same_file(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    _save(again)
    assert again.read_bytes() == path.read_bytes()
    assert again.with_suffix(".json").read_bytes() == path.with_suffix(".json").read_bytes()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", ("calm", "happy", "fear", "disgust")),
        ("channels", CHANNELS[::-1]),
        ("bands", (("theta", 4.0, 8.0), ("alpha", 8.0, 13.0), ("beta", 13.0, 30.0))),
        ("n_windows", 40),
        ("window_s", 2.0),
        ("hop_s", 0.5),
    ],
)
def test_mismatch_with_what_is_wanted_is_named(path: Path, field: str, value: object) -> None:
    spec = load_checkpoint(path).info.spec
    assert load_checkpoint(path, spec).info.spec == spec
    with pytest.raises(CheckpointError, match=f"'{field}' is .* wanted"):
        load_checkpoint(path, replace(spec, **{field: value}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ["a", "b"]}, "'classes' counts 2, its network 4"),
        ({"channels": ["Cz"]}, "'channels' counts 1, its network 10"),
        ({"n_windows": 9}, "'n_windows' counts 9, its network 8"),
        ({"temperature": {"both": 1.0, "eeg": 1.0}}, "'temperature' must be positive for 'face'"),
        ({"simulated": None}, "simulated: "),
        ({"format": 2}, "format: "),
        ({"surprise": 1}, "surprise: Extra inputs"),
        ({"flow_scale_px": -1}, "flow_scale_px: "),
        ({"weights_sha256": "0" * 64}, "weights_sha256 is .* not of one training"),
    ],
)
def test_json_that_does_not_fit_is_named(path: Path, changes: dict[str, object], message: str) -> None:
    _edit(path, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def _resave(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    import hashlib

    save_file(tensors, path)
    _edit(path, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_tensors_that_do_not_fit_are_named(path: Path) -> None:
    tensors = load_file(path)
    name = "fusion.classify.2.bias"
    _resave(path, {k: v for k, v in tensors.items() if k != name})
    with pytest.raises(CheckpointError, match=f"lacks the tensor '{name}'"):
        load_checkpoint(path)
    _resave(path, tensors | {name: torch.zeros(9)})
    with pytest.raises(CheckpointError, match=rf"'{name}' has shape \(9,\), wanted \(4,\)"):
        load_checkpoint(path)
    _resave(path, tensors | {name: torch.full((4,), torch.nan)})
    with pytest.raises(CheckpointError, match=f"'{name}' is not finite"):
        load_checkpoint(path)
    _resave(path, tensors | {"extra": torch.zeros(1)})
    with pytest.raises(CheckpointError, match="'extra' that its network does not know"):
        load_checkpoint(path)


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("the pickle was read",))


def test_pickle_under_another_name_is_refused_unread(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(CheckpointError, match="holds a pickle, not safetensors; it was not read"):
        load_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Bomb()))
    with pytest.raises(CheckpointError, match="holds a pickle, not safetensors; it was not read"):
        load_checkpoint(path)
    renamed = path.rename(path.with_suffix(".pt"))
    with pytest.raises(CheckpointError, match=r"wanted a \*.safetensors file"):
        load_checkpoint(renamed)


def test_absent_or_broken_files_get_one_line(path: Path) -> None:
    with pytest.raises(CheckpointError, match="make one with 'emostream train --simulated'"):
        load_checkpoint(path.with_name("none.safetensors"))
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(CheckpointError, match="weights_sha256"):
        load_checkpoint(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="not safetensors"):
        load_checkpoint(path)
    path.write_bytes(whole)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(CheckpointError, match="the file: Invalid JSON"):
        load_checkpoint(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match="keep the two files together"):
        load_checkpoint(path)
