"""The demonstration checkpoint that ships with the package: trained on simulated people and on no one else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.checkpoint_info import CheckpointInfo
from models.samples import SampleSet, concatenate
from models.training.command import run_training
from models.training.options import TrainingOptions
from realtime.eeg.bands import BAND_PRESETS
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.interfaces import RecognizerSpec

FACE_PX = 96
"""Side of flow and apex picture in the network; `models.samples.shrink_face` stores samples at the same size."""

NETWORK = {"face_px": FACE_PX, "tcn_width": 32, "tcn_levels": 5}
"""Of `models.config.NetworkConfig`: a quarter of the reference's width learns as much here (docs/decisions/0016)."""

DEMONSTRATION = RecognizerSpec(
    model_id="demonstration",
    trained_on="simulated people only (demonstration)",
    simulated=True,
    classes=("happy", "sad", "fear", "disgust", "angry"),
    channels=tuple(MODEL_CHANNELS),
    bands=tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"]),
)
"""What the demonstration checkpoint is asked for."""


def as_samples(parts: Sequence[dict[str, Any]]) -> SampleSet:
    """Join the people that `simulators.dataset` made; a trial's number becomes unique over all of them."""
    spec = DEMONSTRATION
    numbered = [part | {"group": part["group"] + 1_000_000 * part["subject"]} for part in parts]
    return concatenate(
        [
            SampleSet(classes=spec.classes, channels=spec.channels, bands=spec.bands, simulated=True, **part)
            for part in numbered
        ]
    )


def train_demonstration(
    samples: SampleSet, out: Path, *, options: TrainingOptions | None = None, run_dir: Path | None = None
) -> CheckpointInfo:
    """Train on simulated people, write the checkpoint and export it.

    Parameters
    ----------
    samples : SampleSet
        From `as_samples`.
    out : Path
        The .safetensors file; its .json and .onnx are written beside it.
    options : TrainingOptions, optional
    run_dir : Path, optional
        As in `models.training.command.run_training`.
    """
    info = run_training(
        samples,
        options=options or TrainingOptions(epochs=16, network=NETWORK),
        out=out,
        name=DEMONSTRATION.model_id,
        trained_on=DEMONSTRATION.trained_on,
        run_dir=run_dir,
        export=True,
    )
    assert info is not None, "one process, so it is the first"
    return info
