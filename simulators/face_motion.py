"""When and how much: time courses of facial movements, blinks, speech, gaze, head sway and light.

Pure functions of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.packets import Float64
from simulators.scenario import FacialEvent, Interval

BLINK_CLOSING, BLINK_SHUT = 0.35, 0.15
"""Shares of a blink's length: coming down, and shut; the rest is opening, which is slower."""

SACCADE_S = 0.05
GAZE_PX = 3.2
"""Largest gaze shift from straight ahead, px of the 224 px crop (about 15 degrees)."""

_SPEECH_PX = 7.0  # mean opening of a syllable, px of the 224 px crop
_SPEECH_EDGE_S = 0.12


def course(event: FacialEvent, t_s: float) -> float:
    """How far a movement has gone: raised cosine from 0 at onset to 1 at apex and back to 0 at offset."""
    if not event.onset_s < t_s < event.offset_s:
        return 0.0
    if t_s <= event.apex_s:
        return 0.5 - 0.5 * float(np.cos(np.pi * (t_s - event.onset_s) / (event.apex_s - event.onset_s)))
    return 0.5 + 0.5 * float(np.cos(np.pi * (t_s - event.apex_s) / (event.offset_s - event.apex_s)))


def eye_closure(blinks: Sequence[Interval], t_s: float) -> float:
    """How far the upper lids are down: 0 open to 1 shut."""
    for blink in blinks:
        if blink.start_s < t_s < blink.end_s:
            at = (t_s - blink.start_s) / (blink.end_s - blink.start_s)
            if at < BLINK_CLOSING:
                return 0.5 - 0.5 * float(np.cos(np.pi * at / BLINK_CLOSING))
            opening = max(at - BLINK_CLOSING - BLINK_SHUT, 0.0) / (1.0 - BLINK_CLOSING - BLINK_SHUT)
            return 0.5 + 0.5 * float(np.cos(np.pi * opening))
    return 0.0


@dataclass(frozen=True, slots=True)
class Speech:
    """Mouth opening while speaking: syllables at 3 to 5 Hz of changing size, drawn per interval."""

    intervals: tuple[Interval, ...]
    seed: tuple[int, ...]

    def opening(self, t_s: float) -> float:
        """Gap between the lips, px of the 224 px crop, not negative."""
        for number, said in enumerate(self.intervals):
            if said.start_s < t_s < said.end_s:
                rng = np.random.default_rng([*self.seed, 31, number])
                rate_hz, wobble, phase = rng.uniform(3.2, 4.8), rng.uniform(0.2, 0.5), rng.uniform(0.0, 2 * np.pi)
                at = t_s - said.start_s
                syllable = 0.5 - 0.5 * np.cos(2 * np.pi * rate_hz * at)
                size = 1.0 + 0.45 * np.sin(2 * np.pi * wobble * rate_hz * at + phase)
                edge = min(1.0, at / _SPEECH_EDGE_S, (said.end_s - t_s) / _SPEECH_EDGE_S)
                return float(_SPEECH_PX * syllable * size * edge)
        return 0.0


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where the eyes look: a new target at each shift, reached by a saccade; straight ahead before the first one."""

    shifts_s: tuple[float, ...]
    seed: tuple[int, ...]

    def at(self, t_s: float) -> tuple[float, float]:
        """Iris displacement (dx, dy), px of the 224 px crop."""
        last = int(np.searchsorted(self.shifts_s, t_s, side="right")) - 1
        if last < 0:
            return 0.0, 0.0
        share = min((t_s - self.shifts_s[last]) / SACCADE_S, 1.0)
        share = share * share * (3.0 - 2.0 * share)
        before, after = self._target(last - 1), self._target(last)
        return before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])

    def _target(self, number: int) -> tuple[float, float]:
        if number < 0:
            return 0.0, 0.0
        rng = np.random.default_rng([*self.seed, 32, number])
        # half of the shifts go back to the screen's middle
        size = rng.uniform(0.5, 1.0) * GAZE_PX if number % 2 == 0 else rng.uniform(0.0, 0.2) * GAZE_PX
        angle = rng.uniform(0.0, 2 * np.pi)
        return float(size * np.cos(angle)), float(0.35 * size * np.sin(angle))


@dataclass(frozen=True, slots=True)
class Sway:
    """Head motion of somebody who sits still: four slow sinusoids in each degree of freedom.

    Parameters
    ----------
    amplitudes, rates_hz, phases : (6, 4) float64
        Rows: x and y (px of the 224 px crop), rotation (rad), log scale, yaw and pitch (px by which the tip of the nose
        moves against the edges of the cheeks); columns: sinusoids.
    """

    amplitudes: Float64
    rates_hz: Float64
    phases: Float64

    @classmethod
    def draw(cls, sway_px: float, seed: Sequence[int]) -> Sway:
        """`sway_px` is the RMS length of the translation; rotation, scale and turning out of the plane go with it."""
        rng = np.random.default_rng([*seed, 33])
        rates = rng.uniform((0.04, 0.1, 0.2, 0.4), (0.1, 0.2, 0.4, 0.7), (6, 4))
        weights = rng.uniform(0.6, 1.0, (6, 4)) * (1.0, 0.7, 0.4, 0.2)
        weights /= np.sqrt(0.5 * np.sum(weights**2, axis=1, keepdims=True))
        share = rng.uniform(0.5, 0.87)
        rms = np.array([share, np.sqrt(1.0 - share**2), 0.0025, 0.0015, 0.45, 0.25]) * sway_px
        return cls(weights * rms[:, None], rates, rng.uniform(0.0, 2 * np.pi, (6, 4)))

    def pose(self, t_s: float) -> tuple[float, float, float, float, float, float]:
        """(dx, dy, rotation, log scale, yaw, pitch) at `t_s`."""
        pose = np.sum(self.amplitudes * np.sin(2 * np.pi * self.rates_hz * t_s + self.phases), axis=1)
        dx, dy, turn, grow, yaw, pitch = pose.tolist()
        return dx, dy, turn, grow, yaw, pitch


@dataclass(frozen=True, slots=True)
class Restlessness:
    """A face is never quite still: muscle tone wanders a little, mostly slower than an expression.

    Parameters
    ----------
    amplitudes, rates_hz, phases : (n_movements, 3) float64
        Px of the 224 px crop, of each movement's three sinusoids.
    """

    amplitudes: Float64
    rates_hz: Float64
    phases: Float64

    @classmethod
    def draw(cls, sway_px: float, n_movements: int, seed: Sequence[int]) -> Restlessness:
        """People who sway more twitch more: each movement's RMS is 0.02 to 0.06 times `sway_px`."""
        rng = np.random.default_rng([*seed, 37])
        rates = rng.uniform((0.1, 0.3, 0.8), (0.3, 0.8, 1.6), (n_movements, 3))
        weights = np.array([1.0, 0.6, 0.35]) / np.sqrt(0.5 * (1.0 + 0.36 + 0.1225))
        rms = rng.uniform(0.02, 0.06, (n_movements, 1)) * sway_px
        return cls(weights * rms, rates, rng.uniform(0.0, 2 * np.pi, (n_movements, 3)))

    def at(self, t_s: float) -> Float64:
        """Size of each movement, (n_movements,) px of the 224 px crop; either sign."""
        return np.sum(self.amplitudes * np.sin(2 * np.pi * self.rates_hz * t_s + self.phases), axis=1)


@dataclass(frozen=True, slots=True)
class Light:
    """Slow change of brightness, partly from one side, and a small flicker on top.

    Parameters
    ----------
    drift : float
        Largest slow change, as a share of the brightness.
    phases : (4,) float64
        Of the two slow waves, the side wave and the flicker.
    """

    drift: float
    phases: Float64

    @classmethod
    def draw(cls, drift: float, seed: Sequence[int]) -> Light:
        return cls(drift, np.random.default_rng([*seed, 34]).uniform(0.0, 2 * np.pi, 4))

    def gain(self, t_s: float) -> tuple[float, float]:
        """(gain in the middle of the picture, what it gains more from left to right edge / 2)."""
        waves = np.sin(2 * np.pi * np.array([0.03, 0.11, 0.05, 7.3]) * t_s + self.phases)
        slow = 0.45 * waves[0] + 0.25 * waves[1]
        flicker = 0.05 * waves[3]
        return 1.0 + self.drift * float(slow + flicker), self.drift * 0.25 * float(waves[2])
