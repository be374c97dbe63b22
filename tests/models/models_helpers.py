"""A small world in which EEG and face each tell a part of the class, so that only both together tell all of it."""

from __future__ import annotations

import numpy as np

from models.samples import SampleSet
from realtime.packets import EegSequence, MicroMovement

CLASSES = ("happy", "sad", "fear", "disgust")
CHANNELS = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")
BANDS = (("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("beta", 14.0, 30.0))
N_WINDOWS = 8
PX = 48

SMALL = {
    "face_px": 32,
    "glimpse_px": 8,
    "tcn_width": 24,
    "tcn_levels": 3,
    "token_width": 16,
    "heads": 2,
    "dropout": 0.1,
}
"""NetworkConfig fields of a network that trains in seconds."""


def synthetic_samples(
    n_subjects: int = 6, per_class: int = 6, seed: int = 0, noise: float = 1.0, *, missing: bool = True
) -> SampleSet:
    """EEG tells label // 2 (parietal alpha), the face tells label % 2 (which way the lower face moves).

    Subjects differ in offset; a fifth of the samples lack EEG and a fifth lack a face where `missing`.
    """
    rng = np.random.default_rng(seed)
    label = np.tile(np.repeat(np.arange(4), per_class), n_subjects)
    n = len(label)
    subject = np.repeat(np.arange(n_subjects), 4 * per_class) + 11
    power = rng.normal(0.0, 0.5 * noise, (n, N_WINDOWS, len(CHANNELS), len(BANDS))).astype(np.float32)
    power += rng.normal(0.0, 0.3, (n_subjects, 1, len(CHANNELS), len(BANDS))).astype(np.float32)[subject - 11]
    power[:, :, 6:, 1] += (np.float32(0.8) * (label // 2))[:, None, None]
    y, x = np.mgrid[0:PX, 0:PX]
    mouth = np.exp(-((y - 0.7 * PX) ** 2 + (x - 0.5 * PX) ** 2) / (0.15 * PX) ** 2).astype(np.float32)
    flow = rng.normal(0.0, 0.1 * noise, (n, PX, PX, 2)).astype(np.float32)
    flow[..., 1] += (np.where(label % 2, 0.5, -0.5)[:, None, None] * mouth).astype(np.float32)
    has_eeg, has_face = np.ones(n, bool), np.ones(n, bool)
    if missing:
        lacking = rng.permutation(n)
        has_eeg[lacking[: n // 5]] = False
        has_face[lacking[n // 5 : 2 * (n // 5)]] = False
    window_mask = np.arange(N_WINDOWS)[None, :] >= rng.integers(0, N_WINDOWS - 2, n)[:, None]
    return SampleSet(
        classes=CLASSES,
        channels=CHANNELS,
        bands=BANDS,
        log_power=power,
        channel_mask=rng.random((n, 1, len(CHANNELS))).repeat(N_WINDOWS, 1) > 0.1,
        window_mask=window_mask,
        has_eeg=has_eeg,
        onset=rng.integers(0, 255, (n, PX, PX), np.uint8),
        apex=rng.integers(0, 255, (n, PX, PX), np.uint8),
        flow=flow.astype(np.float16),
        has_face=has_face,
        label=label.astype(np.int64),
        subject=subject.astype(np.int64),
        group=np.arange(n) // 3,
        simulated=True,
    )


def as_sequence(samples: SampleSet, row: int) -> EegSequence:
    """One sample's EEG as the engine hands it over."""
    return EegSequence(samples.log_power[row], samples.channel_mask[row], samples.window_mask[row], end_s=float(row))


def as_movement(samples: SampleSet, row: int) -> MicroMovement:
    """One sample's face as the spotter hands it over."""
    return MicroMovement(
        onset_s=0.0,
        apex_s=0.2,
        offset_s=0.4,
        decided_s=0.5,
        score=9.0,
        kind="micro",
        regions=("mouth",),
        onset_crop=samples.onset[row],
        apex_crop=samples.apex[row],
        flow=samples.flow[row].astype(np.float32),
    )
