"""Several processes train as one would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import SMALL, synthetic_samples
from torch import nn

from models.augmentation import AugmentationOptions
from models.checkpoint import load_checkpoint
from models.training.devices import choose_precision
from models.training.distributed import Alone, joined
from models.training.train import TrainingOptions, train
from realtime.errors import ConfigurationError

OPTIONS = TrainingOptions(
    epochs=3, patience=3, batch_size=25, learning_rate=4e-3, network=SMALL | {"dropout": 0.0}, device="cpu"
)
DROPPING = OPTIONS.model_copy(update={"network": SMALL})

# each process: train; train with dropout; the same, stopped after two epochs and resumed
CHILD = """
import json, sys
from pathlib import Path
import torch
from models_helpers import synthetic_samples
from models.training.distributed import joined
from models.training.train import TrainingOptions, train

class Stop(Exception):
    pass

def stop(report):
    if report.epoch == 2:
        raise Stop

out = Path(sys.argv[1])
plain, dropping = (TrainingOptions.model_validate_json(text) for text in sys.argv[2:])
samples = synthetic_samples(4, 4)
with joined("cpu") as workers:
    run = out / f"of-{workers.rank}"
    found = [train(samples, plain, workers=workers), train(samples, dropping, workers=workers, run_dir=run)]
    shared = out / "shared"
    try:
        train(samples, dropping, stop, workers=workers, run_dir=shared)
    except Stop:
        found.append(train(samples, dropping, workers=workers, run_dir=shared))
    weights = [torch.cat([p.flatten() for p in t.network.state_dict().values()]) for t in found]
    losses = [[r.validation_loss for r in t.history] for t in found]
    (out / f"{workers.rank}.json").write_text(json.dumps({"weights": [w.tolist() for w in weights], "losses": losses}))
"""


COMMAND = """
import sys
from pathlib import Path
from models_helpers import synthetic_samples
from models.training.train import TrainingOptions
from models.training.command import run_training

info = run_training(
    synthetic_samples(4, 4),
    options=TrainingOptions.model_validate_json(sys.argv[2]),
    out=Path(sys.argv[1]) / "both.safetensors",
    name="both",
    trained_on="two processes",
)
print("RESULT", "nothing" if info is None else info.model_id, flush=True)
"""


def _torchrun(folder: Path, code: str, *given: str) -> str:
    """Run code in two processes and return what they printed."""
    script = folder / "child.py"
    here = Path(__file__).parent
    script.write_text(f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parents[1])!r}]\n{code}")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr", "127.0.0.1"]
    command = [*torchrun, "--nproc-per-node", "2", str(script), str(folder), *given]
    return subprocess.run(command, check=True, timeout=110, stdout=subprocess.PIPE, text=True).stdout


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    _torchrun(tmp_path, CHILD, OPTIONS.model_dump_json(), DROPPING.model_dump_json())
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first == second
    plain, dropping, resumed = (np.array(weights) for weights in first["weights"])
    alone = train(synthetic_samples(4, 4), OPTIONS)
    expected = torch.cat([p.flatten() for p in alone.network.state_dict().values()]).numpy()
    # Adam blows up the rounding of near-zero gradients; a process left out would change every weight by a step
    assert np.abs(plain - expected).mean() < 1e-5
    np.testing.assert_allclose(plain, expected, atol=0.5 * OPTIONS.learning_rate)
    np.testing.assert_allclose(first["losses"][0], [r.validation_loss for r in alone.history], rtol=1e-3)
    np.testing.assert_array_equal(dropping, resumed)
    assert first["losses"][1] == first["losses"][2]
    # only the first process writes
    assert (tmp_path / "of-0" / "state.safetensors").is_file()
    assert not (tmp_path / "of-1").exists()


@pytest.mark.slow
def test_two_processes_write_one_checkpoint(tmp_path: Path) -> None:
    printed = _torchrun(tmp_path, COMMAND, OPTIONS.model_dump_json())
    info = load_checkpoint(tmp_path / "both.safetensors").info
    assert sorted(re.findall("RESULT (.+)", printed)) == sorted(["nothing", info.model_id])
    assert info.training["epochs"] == 3
    assert (tmp_path / "both.run" / "metrics.csv").read_text().count("\n") == 4
    # a single process may not take over what two began
    with pytest.raises(ConfigurationError, match="with processes 2, this one has 1"):
        train(synthetic_samples(4, 4), OPTIONS, run_dir=tmp_path / "both.run")


def test_without_torchrun_a_process_is_alone() -> None:
    with joined("cpu", {}) as workers:
        assert workers == Alone(torch.device("cpu"))
        assert workers.share(5).tolist() == [0, 1, 2, 3, 4]
        assert workers.from_first([1.5, 2.0]) == [1.5, 2.0]
        parameter = nn.Parameter(torch.ones(2))
        parameter.grad = torch.full((2,), 3.0)
        assert workers.add_up([parameter], torch.tensor(0.5)) == 0.5
        assert parameter.grad.tolist() == [3.0, 3.0]


def test_several_machines_and_missing_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    torchrun = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2", "RANK": "1", "MASTER_PORT": "1"}
    with pytest.raises(ConfigurationError, match="4 processes on several machines"), joined("cpu", torchrun):
        pass
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    one_machine = torchrun | {"LOCAL_WORLD_SIZE": "4"}
    with (
        pytest.raises(ConfigurationError, match="'cuda' number 1 is wanted, this machine has 1"),
        joined("cuda", one_machine),
    ):
        pass


def test_the_precision_follows_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert choose_precision("auto", cpu) is torch.float32
    assert choose_precision("bfloat16", cpu) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert choose_precision("auto", gpu) is torch.float16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_precision("auto", gpu) is torch.bfloat16


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_is_near_single_precision(precision: str) -> None:
    samples = synthetic_samples(3, 4)
    still = AugmentationOptions(
        channel_dropout=0, short_history=0, time_masking=0, band_offset_sd=0, channel_offset_sd=0, mirror=0, flow_gain=0
    )
    options = OPTIONS.model_copy(update={"augmentation": still, "epochs": 2})
    full = train(samples, options)
    mixed = train(samples, options.model_copy(update={"precision": precision}))
    assert all(p.dtype is torch.float32 for p in mixed.network.parameters())
    for a, b in zip(full.history, mixed.history, strict=True):
        assert b.train_loss == pytest.approx(a.train_loss, rel=0.02)
        assert b.train_loss != a.train_loss
