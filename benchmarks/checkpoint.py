"""The network that is measured: the demonstration checkpoint, or an untrained one of the same shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint
from models.demonstration import DEMONSTRATION, FACE_PX
from models.inference import VIEWS
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser

PATH = Path(__file__).parents[1] / "models" / "checkpoints" / "demonstration.safetensors"


def measured_checkpoint() -> Checkpoint:
    """The demonstration checkpoint where it lies in this checkout, else an untrained network of its shape.

    Its weights do not change how long it takes; `info.trained_on` says which of the two it is.

    Raises
    ------
    CheckpointError
        The file is there and cannot be read.
    """
    return load_checkpoint(PATH) if PATH.exists() else untrained()


def untrained() -> Checkpoint:
    """A network of the demonstration's shape with the weights that it starts from."""
    spec = DEMONSTRATION
    n_channels, n_bands = len(spec.channels), len(spec.bands)
    config = NetworkConfig(
        n_classes=len(spec.classes), n_channels=n_channels, n_bands=n_bands, n_windows=spec.n_windows, face_px=FACE_PX
    )
    info = CheckpointInfo(
        model_id="untrained",
        trained_on="nothing: untrained, for timing only",
        simulated=True,
        classes=spec.classes,
        channels=spec.channels,
        bands=spec.bands,
        n_windows=spec.n_windows,
        window_s=spec.window_s,
        hop_s=spec.hop_s,
        flow_scale_px=1.0,
        temperature=dict.fromkeys(VIEWS, 1.0),
        data_sha256="",
        weights_sha256="",
        network=config,
    )
    zeros, ones = np.zeros((n_channels, n_bands), np.float32), np.ones((n_channels, n_bands), np.float32)
    return Checkpoint(HiddenEmotionNet(config).eval(), Normaliser(zeros, ones, 1.0), info)
