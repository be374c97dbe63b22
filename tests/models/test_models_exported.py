"""The exported network: the same tokens and probabilities as torch, its files checked, no torch needed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import as_movement, as_sequence
from numpy.typing import NDArray

from models.checkpoint import load_checkpoint, save_checkpoint
from models.checkpoint_info import PARTS, exported_path, read_checkpoint
from models.eager import EagerRuntime
from models.export import export_checkpoint
from models.exported import OnnxRuntime
from models.recognizer import ExportedRecognizer, TorchRecognizer, load_recognizer
from models.samples import SampleSet
from models.views import softmax
from realtime.errors import CheckpointError
from realtime.packets import EegSequence, MicroMovement

_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runtimes(exported_checkpoint: Path) -> tuple[EagerRuntime, OnnxRuntime]:
    threads = torch.get_num_threads()
    checkpoint = load_checkpoint(exported_checkpoint)
    eager = EagerRuntime(checkpoint.network)
    torch.set_num_threads(threads)
    return eager, OnnxRuntime(exported_checkpoint, checkpoint.info)


@pytest.fixture
def copied(exported_checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint of this test's own."""
    for file in exported_checkpoint.parent.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / exported_checkpoint.name


def _eeg_input(rng: np.random.Generator, windows: int) -> tuple[NDArray, ...]:
    """`windows` of 8 at the end, after one that never is; channels and single windows masked at random."""
    there = np.append(False, (np.arange(8) >= 8 - windows) & (rng.random(8) > 0.2))
    mask = there[:, None] & (rng.random((9, 10)) > 0.3)
    z = np.where(mask[..., None], 2.0 * rng.normal(size=(9, 10, 3)), 0.0)
    return tuple(np.asarray(array, np.float32) for array in (z.reshape(9, 30), mask, mask.any(axis=1)))


def _face_input(rng: np.random.Generator, size: float) -> tuple[NDArray, NDArray]:
    flow = size * rng.normal(size=(1, 2, 32, 32))
    return flow.astype(np.float32), rng.random((1, 1, 32, 32)).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("windows", [0, 1, 3, 8])
def test_parts_equal_eager_within_1e_5(runtimes: tuple[EagerRuntime, OnnxRuntime], seed: int, windows: int) -> None:
    rng = np.random.default_rng([seed, windows])
    eeg_input = _eeg_input(rng, windows)
    # 0 is the flow of nobody moving, 20 far beyond where the network clamps it
    face_input = _face_input(rng, [0.0, 0.1, 1.0, 3.0, 8.0, 20.0][seed])
    answers = []
    for runtime in runtimes:
        alone, *eeg = runtime.run("eeg", *eeg_input)
        shown, *face = runtime.run("face", *face_input)
        (both,) = runtime.run("fusion", *eeg, *face)
        assert alone.dtype == shown.dtype == both.dtype == np.float32
        answers.append((softmax(np.concatenate([alone, shown, both])), eeg[0].reshape(9, 16), face[0].reshape(-1, 16)))
    for found, expected in zip(*answers, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_answers_equal_eager_within_1e_5(exported_checkpoint: Path, small_samples: SampleSet) -> None:
    eager = TorchRecognizer.from_checkpoint(exported_checkpoint)
    exported = load_recognizer(exported_checkpoint)
    assert isinstance(exported, ExportedRecognizer)
    for row in range(0, len(small_samples), 3):
        eeg, movement = as_sequence(small_samples, row), as_movement(small_samples, row)
        for question in ((eeg, movement), (eeg, None), (None, movement)):
            a, b = exported.recognize(*question), eager.recognize(*question)
            np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=0, atol=1e-5)
            assert a.evidence is b.evidence
            assert a.by_modality.keys() == b.by_modality.keys()


def test_the_shipped_checkpoint_is_exported_and_equal() -> None:
    path = _ROOT / "models" / "checkpoints" / "demonstration.safetensors"
    eager, exported = TorchRecognizer.from_checkpoint(path), load_recognizer(path)
    assert isinstance(exported, ExportedRecognizer), "export it again after training: models.export.export_checkpoint"
    assert all(exported_path(path, part).stat().st_size < 5_000_000 for part in PARTS)
    spec, rng = exported.spec, np.random.default_rng(0)
    mean, sd = eager.normaliser.mean, eager.normaliser.sd
    crop = rng.integers(0, 255, (256, 256), np.uint8)
    for windows in (3, 20, 40):
        z = rng.normal(size=(spec.n_windows, len(spec.channels), len(spec.bands)))
        mask = rng.random(z.shape[:2]) > 0.2
        eeg = EegSequence((mean + sd * z).astype(np.float32), mask, np.arange(spec.n_windows) >= 40 - windows, 0.0)
        flow = rng.normal(0.0, 0.3, (256, 256, 2)).astype(np.float32)
        movement = MicroMovement(0.0, 0.2, 0.4, 0.5, 9.0, "micro", (), crop, crop, flow)
        for question in ((eeg, movement), (eeg, None), (None, movement)):
            a, b = exported.recognize(*question), eager.recognize(*question)
            np.testing.assert_allclose(a.probabilities, b.probabilities, rtol=0, atol=1e-5)


def test_the_same_question_gets_the_same_bits(exported_checkpoint: Path, small_samples: SampleSet) -> None:
    question = as_sequence(small_samples, 5), as_movement(small_samples, 5)
    one, other = (load_recognizer(exported_checkpoint).recognize(*question).probabilities for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_exporting_again_gives_the_same_bytes(copied: Path) -> None:
    before = {part: exported_path(copied, part).read_bytes() for part in PARTS}
    info = export_checkpoint(copied)
    assert {part: exported_path(copied, part).read_bytes() for part in PARTS} == before
    assert info == read_checkpoint(copied).info


def test_an_export_says_whose_it_is(exported_checkpoint: Path) -> None:
    onnx = pytest.importorskip("onnx")
    info = read_checkpoint(exported_checkpoint).info
    assert info.export_sha256.keys() == set(PARTS)
    for part in PARTS:
        content = exported_path(exported_checkpoint, part).read_bytes()
        notes = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
        assert notes == {"model_id": info.model_id, "weights_sha256": info.weights_sha256}
        # the exporter would write down where each node's source lies on this machine
        assert b".py" not in content


@pytest.mark.parametrize("part", PARTS)
def test_another_file_under_its_name_is_refused(copied: Path, part: str) -> None:
    file = copied.with_suffix(f".{part}.onnx")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CheckpointError, match=rf"net\.{part}\.onnx.*export_sha256\.{part} is .*its JSON says"):
        load_recognizer(copied)


def test_a_named_export_that_is_gone_never_becomes_torch(copied: Path) -> None:
    copied.with_suffix(".face.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"lacks its exported 'net\.face\.onnx'.*emostream export"):
        load_recognizer(copied)


def test_parts_arranged_otherwise_are_refused(copied: Path) -> None:
    # as one that an earlier version exported
    eeg, fusion = exported_path(copied, "eeg"), exported_path(copied, "fusion")
    fusion.write_bytes(eeg.read_bytes())
    json_file = copied.with_suffix(".json")
    content = json.loads(json_file.read_text())
    content["export_sha256"]["fusion"] = content["export_sha256"]["eeg"]
    json_file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"takes power, mask, window, wanted eeg_tokens.*emostream export net\."):
        load_recognizer(copied)


def test_a_part_that_the_json_does_not_name_is_refused(copied: Path) -> None:
    json_file = copied.with_suffix(".json")
    content = json.loads(json_file.read_text())
    del content["export_sha256"]["fusion"]
    json_file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="names no export of its part 'fusion'"):
        load_recognizer(copied)


def test_what_is_no_onnx_file_is_refused_in_one_line(copied: Path) -> None:
    import hashlib

    copied.with_suffix(".eeg.onnx").write_bytes(b"not a graph")
    json_file = copied.with_suffix(".json")
    content = json.loads(json_file.read_text())
    content["export_sha256"]["eeg"] = hashlib.sha256(b"not a graph").hexdigest()
    json_file.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"ONNX Runtime refuses '.*net\.eeg\.onnx'"):
        load_recognizer(copied)


def test_training_again_forgets_the_export(copied: Path, small_samples: SampleSet) -> None:
    old = load_checkpoint(copied)
    info = old.info
    save_checkpoint(
        copied, old.network, old.normaliser, name="again", trained_on=info.trained_on, simulated=True,
        classes=info.classes, channels=info.channels, bands=info.bands, temperature=info.temperature, data_sha256="",
    )  # fmt: skip
    recognizer = load_recognizer(copied)
    assert isinstance(recognizer, TorchRecognizer)
    assert recognizer.recognize(as_sequence(small_samples, 0), None).probabilities.sum() == pytest.approx(1.0, abs=1e-5)


_WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path

class NotInstalled(PathFinder):
    @classmethod
    def find_spec(cls, name, *args):
        hidden = name.split(".")[0] in ("torch", "onnx", "onnxscript")
        return None if hidden else super().find_spec(name, *args)

sys.meta_path[:] = [NotInstalled if finder is PathFinder else finder for finder in sys.meta_path]
import numpy as np
import emostream
import realtime.live, realtime.analysis.analyze
from models.recognizer import load_recognizer
from realtime.errors import CheckpointError
from realtime.packets import EegSequence, MicroMovement
path = Path(sys.argv[1])
recognizer = load_recognizer(path)
spec = recognizer.spec
shape = (spec.n_windows, len(spec.channels), len(spec.bands))
eeg = EegSequence(np.ones(shape, np.float32), np.ones(shape[:2], bool), np.ones(shape[0], bool), 0.0)
crop = np.zeros((256, 256), np.uint8)
movement = MicroMovement(0.0, 0.2, 0.4, 0.5, 9.0, "micro", (), crop, crop, np.ones((256, 256, 2), np.float32))
answer = recognizer.recognize(eeg, movement)
assert set(answer.by_modality) == {"eeg", "face"}
print(recognizer.spec.runtime.split()[0], abs(float(answer.probabilities.sum()) - 1.0) < 1e-5)
try:
    load_recognizer(Path(sys.argv[2]))
except CheckpointError as err:
    print(err)
"""


def test_runs_where_torch_is_not_installed(exported_checkpoint: Path, copied: Path) -> None:
    json_file = copied.with_suffix(".json")
    json_file.write_text(json.dumps(json.loads(json_file.read_text()) | {"export_sha256": {}}))
    command = [sys.executable, "-c", _WITHOUT_TORCH, str(exported_checkpoint), str(copied)]
    said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    first, second = said.stdout.splitlines()
    assert first == "onnxruntime True"
    assert "is not exported and torch is not installed here: run 'emostream export" in second


def test_answering_does_not_import_torch(exported_checkpoint: Path) -> None:
    code = (
        "import sys, emostream, realtime.live, realtime.analysis.analyze; from pathlib import Path; "
        "from models.recognizer import load_recognizer; load_recognizer(Path(sys.argv[1])); "
        "print(sorted({'torch', 'onnx', 'onnxscript'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, str(exported_checkpoint)]
    said = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
