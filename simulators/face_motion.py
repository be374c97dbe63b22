"""When and how much: time courses of facial movements, blinks, speech, gaze, head sway and light.

Pure functions of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.packets import Float64
from simulators.distractors import HeadGesture
from simulators.events import FacialEvent, Interval, Shape

BLINK_CLOSING, BLINK_SHUT = 0.35, 0.15
"""Shares of a blink's length: coming down, and shut; the rest is opening, which is slower."""

SACCADE_S = 0.05
GAZE_PX = 3.2
"""Largest gaze shift from straight ahead, px of the 224 px crop (about 15 degrees)."""

_SPEECH_PX = 7.0  # mean opening of a syllable, px of the 224 px crop
_SPEECH_EDGE_S = 0.12
_BEND: dict[Shape, float] = {"early": 0.6, "late": 1.6}  # time is bent by this power
_SPRING = 6.0
_PLATEAU, _PLATEAU_EDGE = 0.35, 0.96  # share of each flank, and what is left at its edge
_CHEW_PX = 5.0  # how far the chin goes, px of the 224 px crop
_STAY = 0.3  # share of a head gesture that goes there, and that comes back; between, it stays

Pose = tuple[float, float, float, float, float, float]
"""Head: (dx, dy, rotation, log scale, yaw, pitch), units as in `Sway`."""


def course(event: FacialEvent, t_s: float) -> float:
    """How far a movement has gone: 0 until its onset, 1 at its apex, 0 from its offset on, and monotonic between.

    `event.shape` is the way there: 'cosine' raised cosines; 'early' quick at first and slow at last, both ways; 'late'
    the reverse; 'plateau' nearly still about its apex; 'release' a raised cosine up and a return like that of an
    overdamped spring.
    """
    if not event.onset_s < t_s < event.offset_s:
        return 0.0
    rising = t_s <= event.apex_s
    if event.shape == "cosine":
        if rising:
            return 0.5 - 0.5 * float(np.cos(np.pi * (t_s - event.onset_s) / (event.apex_s - event.onset_s)))
        return 0.5 + 0.5 * float(np.cos(np.pi * (t_s - event.apex_s) / (event.offset_s - event.apex_s)))
    if rising:
        return _rise(event.shape, (t_s - event.onset_s) / (event.apex_s - event.onset_s))
    return _fall(event.shape, (t_s - event.apex_s) / (event.offset_s - event.apex_s))


def _ease(share: float) -> float:
    return 0.5 - 0.5 * float(np.cos(np.pi * share))


def _rise(shape: Shape, at: float) -> float:
    if shape == "plateau":
        return _dome(1.0 - at)
    return _ease(at ** _BEND.get(shape, 1.0))


def _fall(shape: Shape, at: float) -> float:
    if shape == "plateau":
        return _dome(at)
    if shape == "release":
        return (_spring(at) - _spring(1.0)) / (1.0 - _spring(1.0))
    return 1.0 - _ease(at ** _BEND.get(shape, 1.0))


def _spring(at: float) -> float:
    """Critically damped return: starts at rest, ends like an exponential."""
    return float((1.0 + _SPRING * at) * np.exp(-_SPRING * at))


def _dome(away: float) -> float:
    """1 at the apex (0), a little less to the plateau's edge, 0 at the movement's end (1)."""
    if away < _PLATEAU:
        return 1.0 - (1.0 - _PLATEAU_EDGE) * _ease(away / _PLATEAU)
    return _PLATEAU_EDGE * (1.0 - _ease((away - _PLATEAU) / (1.0 - _PLATEAU)))


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
class Articulation:
    """What lips do beside opening while somebody speaks: spread, round and press, a few times a second.

    Parameters
    ----------
    intervals : tuple of Interval
        The speech.
    size_px : float
        Typical size, px of the 224 px crop; 0 for none.
    seed : tuple of int
    """

    intervals: tuple[Interval, ...]
    size_px: float
    seed: tuple[int, ...]

    def at(self, t_s: float) -> tuple[float, float, float]:
        """(spreading or rounding, pressing, brows), px of the 224 px crop; either sign."""
        for number, said in enumerate(self.intervals):
            if self.size_px and said.start_s < t_s < said.end_s:
                rng = np.random.default_rng([*self.seed, 38, number])
                rates, phases = rng.uniform((1.2, 2.2, 0.4), (2.6, 4.5, 1.1)), rng.uniform(0.0, 2 * np.pi, (2, 3))
                at = t_s - said.start_s
                waves = np.sin(2 * np.pi * rates * at + phases[0]) * (1.0 + 0.5 * np.sin(1.9 * rates * at + phases[1]))
                edge = min(1.0, at / _SPEECH_EDGE_S, (said.end_s - t_s) / _SPEECH_EDGE_S)
                wide, press, brows = (self.size_px * edge * waves * (1.0, 0.5, 0.35)).tolist()
                return wide, press, brows
        return 0.0, 0.0, 0.0


@dataclass(frozen=True, slots=True)
class Chewing:
    """The jaw at work behind shut lips: one to two strokes a second, with the mouth's corners along."""

    intervals: tuple[Interval, ...]
    seed: tuple[int, ...]

    def at(self, t_s: float) -> tuple[float, float, float]:
        """(chin down, left corner out, right corner out), px of the 224 px crop."""
        for number, meal in enumerate(self.intervals):
            if meal.start_s < t_s < meal.end_s:
                rng = np.random.default_rng([*self.seed, 39, number])
                rate_hz, side = rng.uniform(1.1, 1.8), rng.uniform(-1.0, 1.0)
                at = t_s - meal.start_s
                edge = min(1.0, at / 0.3, (meal.end_s - t_s) / 0.3)
                stroke = edge * _CHEW_PX * _ease(2.0 * rate_hz * at)
                return stroke, stroke * (0.3 + 0.2 * side), stroke * (0.3 - 0.2 * side)
        return 0.0, 0.0, 0.0


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

    def pose(self, t_s: float) -> Pose:
        """(dx, dy, rotation, log scale, yaw, pitch) at `t_s`."""
        pose = np.sum(self.amplitudes * np.sin(2 * np.pi * self.rates_hz * t_s + self.phases), axis=1)
        dx, dy, turn, grow, yaw, pitch = pose.tolist()
        return dx, dy, turn, grow, yaw, pitch


def gesture_pose(gestures: Sequence[HeadGesture], t_s: float) -> Pose:
    """Sum of the head gestures at `t_s`, to be added to the sway.

    A head rolls and nods about the neck: what moves the face down also tips it, what turns it carries it aside.
    """
    pose = np.zeros(6)
    for gesture in gestures:
        if not gesture.start_s < t_s < gesture.end_s:
            continue
        length = gesture.end_s - gesture.start_s
        at = (t_s - gesture.start_s) / length
        if gesture.kind == "nod":
            cycles = max(1, round(1.4 * length))
            size = gesture.size_px * float(np.sin(np.pi * at) ** 2 * np.sin(2 * np.pi * cycles * at)) * 1.3
        else:
            size = gesture.size_px * _ease(min(1.0, at / _STAY, (1.0 - at) / _STAY))
        pose += size * np.array(_GESTURES[gesture.kind])
    dx, dy, turn, grow, yaw, pitch = pose.tolist()
    return dx, dy, turn, grow, yaw, pitch


_GESTURES: dict[str, Pose] = {
    "nod": (0.03, 1.0, 0.0005, 0.0015, 0.02, 0.3),
    "turn": (1.0, 0.1, 0.0012, -0.001, 0.45, 0.03),
    "tilt": (0.25, 0.05, 0.0055, 0.0, 0.05, 0.0),
    "lean": (0.1, 0.3, 0.0004, 0.0075, 0.03, 0.06),
}
"""Pose of a gesture of 1 px: about a px of the face's middle for nod and turn, of its edge for tilt and lean."""


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
