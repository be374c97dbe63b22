"""What a coder and the live chain would have of a simulated session: log band power and aligned pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from realtime.config import EegConfig
from realtime.eeg.bands import BAND_PRESETS
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.face.movement import MovementImages, movement_between
from realtime.face.tracker import FaceTracker
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegChunk, EegInfo, Float32
from simulators.cohort_files import SEQUENCE_S, CodedMovement, SimulatedSession
from simulators.eeg import EegSimulator

_HOP_S = 0.25
_RATE_HZ = 250.0  # a fifth of the time of 1000 Hz; the bands end at 47 Hz

SPEC = RecognizerSpec(
    model_id="simulated",
    trained_on="nobody",
    simulated=True,
    classes=("any", "other"),
    channels=tuple(MODEL_CHANNELS),
    bands=tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"]),
    n_windows=round(SEQUENCE_S),
)
"""Channels, bands and windows of `log_power_at`."""


class Aligned(NamedTuple):
    """A coded movement and its pictures; None where no face was found."""

    movement: CodedMovement
    images: MovementImages | None


def log_power_at(session: SimulatedSession, ends_s: Sequence[float]) -> list[Float32]:
    """The windows of 1 s that the live chain would have at each moment.

    Parameters
    ----------
    session : SimulatedSession
    ends_s : sequence of float
        Ascending, s from the session's start.

    Returns
    -------
    list of (n_windows, 62, 5) float32
        log10 µV²/Hz, 40 windows or as many as there were; NaN where a channel was bad.
    """
    eeg = session.eeg(_RATE_HZ)
    info = EegInfo("simulated", session.pseudonym, tuple(eeg.channels), _RATE_HZ)
    pipeline = EegPipeline(info, SPEC, EegConfig(hop_s=_HOP_S))
    found: list[Float32] = []
    chunks = _chunks(eeg, info, session.duration_s)
    now_s = -1.0
    for end_s in ends_s:
        while now_s + _HOP_S < end_s and (chunk := next(chunks, None)) is not None:
            pipeline.push(chunk)
            now_s = float(chunk.stamps[-1])
        sequence = pipeline.sequence()
        power = np.where(sequence.channel_mask[..., None], sequence.log_power, np.float32(np.nan))
        found.append(power[int(np.argmax(sequence.window_mask)) :])
    return found


def aligned_movements(session: SimulatedSession) -> Iterator[Aligned]:
    """Onset and apex crop and the flow between them of every micro-movement, as `realtime.face` makes them."""
    face, tracker = session.face(), FaceTracker()
    for movement in session.micros:
        onset, apex = face.render(movement.onset_s), face.render(movement.apex_s)
        tracked = tracker.track(onset)
        images = movement_between(onset, apex, tracked.landmarks) if tracked is not None else None
        yield Aligned(movement, images)


def _chunks(eeg: EegSimulator, info: EegInfo, duration_s: float) -> Iterator[EegChunk]:
    step = round(_HOP_S * eeg.sfreq_hz)
    for first in range(0, int(duration_s * eeg.sfreq_hz) - step + 1, step):
        stamps = (first + np.arange(step)) / eeg.sfreq_hz
        yield EegChunk(eeg.samples(first, step), stamps, info.source_id, first)
