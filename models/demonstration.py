"""The demonstration checkpoint that ships with the package: trained on simulated people and on no one else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import NDArray
from tqdm import tqdm

from models.checkpoint import CheckpointInfo, save_checkpoint
from models.samples import SampleSet, concatenate
from models.training import EpochReport, Trained, TrainingOptions, train
from realtime.eeg.bands import BAND_PRESETS
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.interfaces import RecognizerSpec

FACE_PX = 96
"""Side of flow and apex picture in the network; `models.samples.shrink_face` stores samples at the same size."""

DEMONSTRATION = RecognizerSpec(
    model_id="demonstration",
    trained_on="simulated people only (demonstration)",
    simulated=True,
    classes=("happy", "sad", "fear", "disgust", "angry"),
    channels=tuple(MODEL_CHANNELS),
    bands=tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"]),
)
"""What the demonstration checkpoint is asked for."""


def as_samples(parts: Sequence[dict[str, NDArray]]) -> SampleSet:
    """Join the people that `simulators.dataset` made; a trial's number becomes unique over all of them."""
    spec = DEMONSTRATION
    numbered = [part | {"group": part["group"] + 1_000_000 * part["subject"]} for part in parts]
    return concatenate(
        [
            SampleSet(classes=spec.classes, channels=spec.channels, bands=spec.bands, simulated=True, **part)
            for part in numbered
        ]
    )


def train_demonstration(samples: SampleSet, out: Path, *, options: TrainingOptions | None = None) -> CheckpointInfo:
    """Train on simulated people and write the checkpoint.

    Parameters
    ----------
    samples : SampleSet
        From `as_samples`.
    out : Path
        The .safetensors file; its .json is written beside it.
    """
    options = options or TrainingOptions(epochs=16, network={"face_px": FACE_PX})
    with tqdm(total=options.epochs, desc="epochs", unit="epoch") as bar:

        def report(epoch: EpochReport) -> None:
            bar.update()
            bar.set_postfix({f"uf1 {view}": f"{value:.3f}" for view, value in epoch.uf1.items()})

        trained = train(samples, options, report)
    return _save(trained, samples, out)


def _save(trained: Trained, samples: SampleSet, out: Path) -> CheckpointInfo:
    spec = DEMONSTRATION
    best = min(trained.history, key=lambda epoch: epoch.validation_loss)
    return save_checkpoint(
        out,
        trained.network,
        trained.normaliser,
        name=spec.model_id,
        trained_on=spec.trained_on,
        simulated=True,
        classes=spec.classes,
        channels=spec.channels,
        bands=spec.bands,
        temperature=trained.temperature,
        data_sha256=samples.digest(),
        training={
            "people": len(samples.subjects),
            "samples": len(samples),
            "epochs": len(trained.history),
            "validation_uf1_simulated": best.uf1,
            "options": trained.options.model_dump(mode="json"),
        },
    )
