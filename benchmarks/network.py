"""The network behind the engine's recogniser, one question at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from benchmarks.checkpoint import measured_checkpoint
from benchmarks.measure import interleave
from benchmarks.report import Goal, Row
from models.checkpoint import Checkpoint
from models.inference import softmax
from models.network import Batch
from models.recognizer import TorchRecognizer
from realtime.packets import EegSequence, Float32, MicroMovement

EAGER = "plain forward pass, torch eager"


def run(seconds: float) -> list[Row]:
    """Measure for `seconds` a row."""
    checkpoint = measured_checkpoint()
    return [
        network_row(checkpoint, "EEG alone", seconds),
        network_row(checkpoint, "EEG + new movement", seconds),
        network_row(checkpoint, "EEG + the movement of last time", seconds),
    ]


def network_row(checkpoint: Checkpoint, question: str, seconds: float) -> Row:
    """One question to the recogniser: normalising, network, calibrated probabilities of each modality.

    The peer is one forward pass of the whole network on a batch of one that is already normalised: it answers one view,
    the recogniser up to three, and it encodes the movement every time, the recogniser a new one only.
    """
    recognizer = TorchRecognizer(checkpoint)
    eeg = _sequence(checkpoint)
    movement = None if question == "EEG alone" else _movement(0)
    fresh = question == "EEG + new movement"
    movements = [_movement(seed) for seed in range(4)]
    batch = _batch(checkpoint, eeg, movement)
    turn = 0

    def ours() -> object:
        nonlocal turn
        turn += 1
        return recognizer.recognize(eeg, movements[turn % len(movements)] if fresh else movement)

    def eager() -> Tensor:
        with torch.inference_mode():
            return checkpoint.network(batch)

    difference = _difference(recognizer, checkpoint, eeg, movement, eager)
    timings = interleave({"ours": ours, EAGER: eager}, seconds, rounds=20)
    info = checkpoint.info
    return Row(
        name=f"network, batch 1, one thread: {question}",
        ours=timings["ours"],
        peers={EAGER: timings[EAGER]},
        goals=(Goal("p99", 1.5),),
        max_difference=difference,
        note=f"{info.model_id} ({info.trained_on}); equal to the peer within {difference:.1e}",
    )


def _difference(
    recognizer: TorchRecognizer,
    checkpoint: Checkpoint,
    eeg: EegSequence,
    movement: MicroMovement | None,
    eager: Callable[[], Tensor],
) -> float:
    """Largest difference between the recogniser's probabilities and those of the plain forward pass."""
    temperature = checkpoint.info.temperature["eeg" if movement is None else "both"]
    plain: Float32 = softmax(eager().numpy()[0], temperature)
    return float(np.abs(recognizer.recognize(eeg, movement).probabilities - plain).max())


def _sequence(checkpoint: Checkpoint) -> EegSequence:
    """A full sequence, drawn around the normaliser's mean."""
    info, normaliser = checkpoint.info, checkpoint.normaliser
    rng = np.random.default_rng(0)
    z = rng.normal(0.0, 1.0, (info.n_windows, len(info.channels), len(info.bands)))
    power = (normaliser.mean + normaliser.sd * z).astype(np.float32)
    return EegSequence(power, np.ones(z.shape[:2], np.bool_), np.ones(info.n_windows, np.bool_), end_s=0.0)


def _movement(seed: int) -> MicroMovement:
    """A movement of 256 px crops as the spotter hands it over, noise in place of a face."""
    rng = np.random.default_rng(seed)
    return MicroMovement(
        onset_s=0.0,
        apex_s=0.2,
        offset_s=0.4,
        decided_s=0.5,
        score=9.0,
        kind="micro",
        regions=("mouth",),
        onset_crop=rng.integers(0, 255, (256, 256), np.uint8),
        apex_crop=rng.integers(0, 255, (256, 256), np.uint8),
        flow=rng.normal(0.0, 0.5, (256, 256, 2)).astype(np.float32),
    )


def _batch(checkpoint: Checkpoint, eeg: EegSequence, movement: MicroMovement | None) -> Batch:
    """The same question as a prepared batch of one; where there is no movement its arrays are not looked at."""
    normaliser, px = checkpoint.normaliser, checkpoint.network.config.face_px
    shown = movement or _movement(0)
    return Batch(
        log_power=torch.from_numpy(normaliser.log_power(eeg.log_power, eeg.channel_mask))[None],
        channel_mask=torch.from_numpy(eeg.channel_mask)[None],
        window_mask=torch.from_numpy(eeg.window_mask)[None],
        flow=torch.from_numpy(normaliser.flow(shown.flow, px))[None],
        apex=torch.from_numpy(normaliser.image(shown.apex_crop, px))[None],
        has_eeg=torch.tensor([True]),
        has_face=torch.tensor([movement is not None]),
    )
