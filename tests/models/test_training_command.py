"""What `emostream train` writes, the engine loads."""

from __future__ import annotations

import builtins
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import SMALL, as_movement, as_sequence, synthetic_samples

from models.checkpoint import load_checkpoint
from models.recognizer import load_recognizer
from models.samples import SampleSet
from models.training.command import calibrated, run_personalisation, run_training
from models.training.runlog import epoch_bar
from models.training.train import EpochReport, TrainingOptions, train
from realtime.config import EegConfig
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import ConfigurationError, DataError
from realtime.packets import EegChunk, EegInfo

QUICK = TrainingOptions(epochs=2, batch_size=32, network=SMALL)


def _named(samples: SampleSet) -> SampleSet:
    names = tuple(f"sub-{i:02d}" for i in range(1, len(samples.subjects) + 1))
    return replace(samples, subject=samples.subject - 11, subject_names=names)


def _train(out: Path, samples: SampleSet, options: TrainingOptions = QUICK, **more):
    return run_training(samples, options=options, out=out, name="lab", trained_on="a lab's own people", **more)


def test_a_trained_checkpoint_answers_as_the_training_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = _named(synthetic_samples(4, 3))
    out = tmp_path / "lab.safetensors"
    info = _train(out, samples)
    assert info is not None
    loaded = load_checkpoint(out)
    assert loaded.info == info
    assert (info.classes, info.channels, info.bands) == (samples.classes, samples.channels, samples.bands)
    assert info.simulated
    assert info.trained_on == "a lab's own people (simulated)"
    assert info.data_sha256 == samples.digest()
    assert info.training["validation_people"] == [
        n for n in samples.subject_names if n in info.training["validation_people"]
    ]
    expected = train(samples, QUICK).probabilities(samples)
    for view, answers in calibrated(loaded).probabilities(samples).items():
        np.testing.assert_array_equal(answers, expected[view])
    assert (tmp_path / "lab.run" / "metrics.csv").read_text().count("\n") == 3
    assert "epochs: 100%" in capsys.readouterr().err


def test_the_second_call_goes_on_and_the_third_starts_anew(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 2)
    out, run = tmp_path / "a.safetensors", tmp_path / "run"
    first = _train(out, samples, run_dir=run)
    state = (run / "state.safetensors").stat()
    assert _train(out, samples, run_dir=run) == first
    assert (run / "state.safetensors").stat().st_mtime_ns == state.st_mtime_ns
    assert _train(out, samples, run_dir=run, resume=False) == first
    assert (run / "state.safetensors").stat().st_mtime_ns != state.st_mtime_ns
    with pytest.raises(ConfigurationError, match=r"options\.epochs 2, this one has 3"):
        _train(out, samples, QUICK.model_copy(update={"epochs": 3}), run_dir=run)


def test_a_network_of_one_modality_ignores_the_other_live(tmp_path: Path) -> None:
    samples = synthetic_samples(4, 3, missing=False)
    _train(tmp_path / "eeg.safetensors", samples, QUICK.model_copy(update={"modality": "eeg"}))
    recognizer = load_recognizer(tmp_path / "eeg.safetensors")
    row = int(np.argmax(samples.window_mask.sum(axis=1)))
    both = recognizer.recognize(as_sequence(samples, row), as_movement(samples, row))
    alone = recognizer.recognize(as_sequence(samples, row), None)
    np.testing.assert_array_equal(both.probabilities, alone.probabilities)
    assert set(both.by_modality) == {"eeg"}
    assert not set(recognizer.recognize(None, as_movement(samples, row)).by_modality)


def test_four_channels_and_half_second_hops_run_live(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 3, missing=False)
    muse = ("TP9", "AF7", "AF8", "TP10")
    four = replace(
        samples,
        hop_s=0.5,
        channels=muse,
        log_power=samples.log_power[:, :, -4:],
        channel_mask=samples.channel_mask[:, :, -4:],
    )
    info = _train(tmp_path / "muse.safetensors", four, window_s=2.0)
    assert info is not None
    assert (info.window_s, info.hop_s, info.n_windows) == (2.0, 0.5, 8)
    recognizer = load_recognizer(tmp_path / "muse.safetensors")
    pipeline = EegPipeline(EegInfo("muse", "muse-1", muse, 256.0), recognizer.spec, EegConfig())
    seconds = np.random.default_rng(0).normal(0, 10, (4, 256 * 8)).astype(np.float32)
    pipeline.push(EegChunk(seconds, np.arange(256 * 8) / 256, "muse-1", 0))
    sequence = pipeline.sequence()
    assert sequence.log_power.shape == (8, 4, 3)
    assert sequence.window_mask.all()
    assert recognizer.recognize(sequence, None).probabilities.sum() == pytest.approx(1.0, abs=1e-5)


def test_short_sequences_need_no_more_windows_than_they_have(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 3, missing=False)
    last = slice(-2, None)
    two = replace(
        samples,
        log_power=samples.log_power[:, last],
        channel_mask=samples.channel_mask[:, last],
        window_mask=samples.window_mask[:, last],
    )
    info = _train(tmp_path / "a.safetensors", two)
    assert info is not None
    assert info.min_windows == 2


def test_tensorboard_gets_every_epoch(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    samples = synthetic_samples(3, 2)
    _train(tmp_path / "a.safetensors", samples, run_dir=tmp_path / "run", tensorboard=True)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {"train/loss", "validation/loss", "uf1/both", "uf1/eeg", "uf1/face"}
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2]


def test_tensorboard_that_is_not_installed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args, **kwargs):
        if "tensorboard" in name:
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"'tensorboard', which is not installed.*metrics\.csv"):
        _train(tmp_path / "a.safetensors", synthetic_samples(3, 2), tensorboard=True)


def test_a_resumed_bar_starts_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    report = EpochReport(3, 4, 1.0, 1.0, {"both": 0.5, "eeg": float("nan"), "face": 0.25}, True, 0.1)
    with epoch_bar(4) as progress:
        progress(report)
    shown = capsys.readouterr().err
    assert "3/4" in shown
    assert "uf1 eeg" not in shown
    with epoch_bar(4, shown=False) as progress:
        progress(report)
    assert capsys.readouterr().err == ""


def test_personalisation_writes_a_checkpoint_that_says_so(tmp_path: Path) -> None:
    samples = _named(synthetic_samples(4, 4))
    base, out = tmp_path / "base.safetensors", tmp_path / "mine.safetensors"
    first = _train(base, samples)
    assert first is not None
    info = run_personalisation(base, samples, "sub-02", out, trials=3)
    mine = samples.of_subjects((1,))
    assert info.training["trials"] == 3
    assert info.training["calibration"] == mine.sample[np.isin(mine.group, np.unique(mine.group)[:3])].tolist()
    assert info.trained_on == "a lab's own people (simulated); personalised on 3 trials of sub-02 (simulated)"
    assert info.model_id.startswith(f"{first.model_id}-sub-02-")
    json.dumps(info.training, allow_nan=False)
    loaded = load_checkpoint(out)
    weights = {
        name
        for name, value in loaded.network.state_dict().items()
        if not torch.equal(value, load_checkpoint(base).network.state_dict()[name])
    }
    assert weights == {"fusion.classify.2.weight", "fusion.classify.2.bias"}
    assert loaded.info.simulated
    real = replace(samples, simulated=False)
    assert not run_personalisation(base, real, "sub-02", out).simulated


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    samples = _named(synthetic_samples(3, 2))
    base = tmp_path / "base.safetensors"
    _train(base, samples)
    with pytest.raises(DataError, match="no samples of 'sub-09'; there are those of sub-01, sub-02, sub-03"):
        run_personalisation(base, samples, "sub-09", tmp_path / "b.safetensors")
    with pytest.raises(ConfigurationError, match="is the base checkpoint"):
        run_personalisation(base, samples, "sub-01", base)
    with pytest.raises(ConfigurationError, match=r"wanted one that ends in \.safetensors"):
        _train(tmp_path / "a.pt", samples)
    other = replace(samples, bands=tuple((n, lo, hi + 1) for n, lo, hi in samples.bands))
    with pytest.raises(DataError, match=r"samples have 'hop_s' 0\.5, .* was trained with 1\.0"):
        run_personalisation(base, replace(samples, hop_s=0.5), "sub-01", tmp_path / "b.safetensors")
    with pytest.raises(DataError, match="samples have 'bands'"):
        run_personalisation(base, other, "sub-01", tmp_path / "b.safetensors")
