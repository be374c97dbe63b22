"""One small trained checkpoint, exported once for the whole run: the export takes seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from models_helpers import BANDS, CHANNELS, CLASSES, SMALL, synthetic_samples

from models.samples import SampleSet


@pytest.fixture(scope="session")
def small_samples() -> SampleSet:
    """Four people of `models_helpers`, nothing missing."""
    return synthetic_samples(4, 3, missing=False)


@pytest.fixture(scope="session")
def exported_checkpoint(small_samples: SampleSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A .safetensors file with its .json and its .onnx files beside it; not to be written to."""
    from models.checkpoint import save_checkpoint
    from models.export import export_checkpoint
    from models.training.train import TrainingOptions, train

    trained = train(small_samples, TrainingOptions(epochs=4, batch_size=16, learning_rate=3e-3, network=SMALL))
    path = tmp_path_factory.mktemp("checkpoint") / "net.safetensors"
    save_checkpoint(
        path, trained.network, trained.normaliser, name="test", trained_on="nobody", simulated=True,
        classes=CLASSES, channels=CHANNELS, bands=BANDS, temperature={"both": 0.7, "eeg": 1.3, "face": 2.0},
        data_sha256=small_samples.digest(),
    )  # fmt: skip
    export_checkpoint(path)
    return path
