"""Spotter: which motions of the face are movements that go and return, when, and whether they are micro.

A movement must show two opposite lobes in the lag-k flow of its regions, stand above the person's own noise, fit a rise
and fall, and not be explained by a blink, a gaze shift, speech, head motion or a change of light.

References
----------
Moilanen et al. (2014), "Spotting rapid facial movements from videos using appearance-based feature difference
analysis".
He (2021), "Research on micro-expression spotting method based on optical flow features".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from realtime.config import SpotterConfig
from realtime.face.alignment import INTEROCULAR_PX
from realtime.face.noise import MotionNoise
from realtime.face.profile import Hump, find_hump, integrate
from realtime.face.regions import REGIONS
from realtime.packets import Float32, Kind, readonly

_RING_S = 6.0
_AFTER_S = 0.4
_BEFORE_S = 0.4
_MACRO_RETURN_S = 3.5
_BLINK_PX, _BLINK_RATIO, _BLINK_MIN_PX = 1.0, 3.0, 0.35
_CLOSED = 0.72
_HEAD_PX = 12.0
_LIGHT = 0.03
_EYES_WINDOW_S, _BLINK_USUAL = 5.0, 3.0
_GATE_S = 0.1
_OPPOSITE = -0.6
_RETURN_SHARE = 0.35
_MIN_FIT = 0.9
_BUSY_WINDOW_S, _BUSY_SHARE, _RESTLESS = 1.0, 0.3, 0.4
_SINGLE = 0.75
_MIN_HEIGHT = 0.5
_UPPER = tuple(i for i, name in enumerate(REGIONS) if name.startswith(("brow", "eye")))
_LOWER = tuple(i for i, name in enumerate(REGIONS) if name.startswith(("mouth", "chin")))


@dataclass(frozen=True, slots=True)
class Motion:
    """What moved in one evaluated frame against the frame a lag before it, head motion removed; px of the 256 px crop.

    Parameters
    ----------
    stamp, before_s : float
        Stamps of the two frames.
    regions : (10, 2) float32
        Mean displacement of each region.
    eyes : (2, 2) float32
        Mean displacement inside each eye's opening: blinks and gaze shifts.
    head_px : float
        Size of the head motion that was removed.
    light : float
        Relative change of the face's mean brightness.
    openness : (2,) float32
        Height over width of each eye.
    """

    stamp: float
    before_s: float
    regions: Float32
    eyes: Float32
    head_px: float
    light: float
    openness: Float32


@dataclass(frozen=True, slots=True)
class Spotted:
    """A movement found: stamps in s, peak score in multiples of the person's noise, regions strongest first."""

    onset_s: float
    apex_s: float
    offset_s: float
    decided_s: float
    score: float
    kind: Kind
    regions: tuple[str, ...]


@dataclass(slots=True)
class _Sample:
    """A motion as judged: sizes of the regions above noise, gated, and the score made of the strongest.

    `z` rates the lag flow. `returned_z` rates how far a region was, a lag ago, from where it was a lag before that and
    is now: half of the lag flow into that moment minus the lag flow out of it. Drift and sway, which go on, cancel.
    """

    motion: Motion
    z: NDArray[np.float64]
    score: float
    returned_z: NDArray[np.float64]
    returned_score: float
    eyes_busy: bool
    disturbed: bool


@dataclass(slots=True)
class SpotterCounters:
    """Why candidates were turned down: counts since the spotter was built."""

    candidates: int = 0
    not_a_hump: int = 0
    blink: int = 0
    speech: int = 0
    disturbed: int = 0
    spotted: int = 0


class Spotter:
    """Causal and deterministic; `push` motions in order, from one thread.

    Parameters
    ----------
    config : SpotterConfig
    """

    def __init__(self, config: SpotterConfig | None = None) -> None:
        self._config = config or SpotterConfig()
        self._noise = MotionNoise(len(REGIONS))
        self._return_noise = MotionNoise(len(REGIONS))
        self._eyes: deque[tuple[float, float, float]] = deque()
        self._samples: deque[_Sample] = deque()
        self._taken_until_s = -np.inf
        self._blink_s = -np.inf
        self._judged_s = -np.inf
        self.region_z: Float32 = readonly(np.zeros(len(REGIONS)), np.float32)
        self.counters = SpotterCounters()

    def restart(self) -> None:
        """Forget the motion so far, after a gap or a lost face; the person's noise is kept."""
        self._samples.clear()

    def push(self, motion: Motion) -> list[Spotted]:
        """Take one motion; return the movements that can be decided now (none, or one)."""
        self._samples.append(self._judge(motion))
        while self._samples[0].motion.stamp < motion.stamp - _RING_S:
            self._samples.popleft()
        if self._noise.learned_s < self._config.min_noise_s:
            return []
        due = [s for s in self._samples if self._judged_s < s.motion.stamp <= motion.stamp - _AFTER_S]
        found = []
        for sample in due:
            self._judged_s = sample.motion.stamp
            spotted = self._returned_at(sample)
            if spotted is not None:
                found.append(spotted)
        return found

    def _judge(self, motion: Motion) -> _Sample:
        """Rate one motion against the person's noise, and learn from it where nothing disturbs."""
        sizes = np.hypot(motion.regions[:, 0], motion.regions[:, 1])
        into = next((s for s in reversed(self._samples) if s.motion.stamp <= motion.before_s), None)
        if into is not None and into.motion.stamp < motion.before_s:
            into = None
        return_px = np.zeros_like(sizes)
        if into is not None:
            return_px = np.hypot(*((into.motion.regions - motion.regions) / 2).T)
        if self._eyes_move(motion, sizes):
            self._blink_s = motion.stamp
            self._blot_out_eyes(motion.stamp - _GATE_S)
        eyes_busy = motion.stamp - self._blink_s <= _GATE_S
        disturbed = motion.head_px > _HEAD_PX or abs(motion.light) > _LIGHT
        z = self._noise.z(sizes, motion.head_px)
        returned_z = self._return_noise.z(return_px, motion.head_px)
        self.region_z = readonly(z, np.float32)
        ready = self._noise.learned_s >= self._config.min_noise_s
        eyes_were_busy, was_disturbed = (into.eyes_busy, into.disturbed) if into is not None else (False, True)
        if not (eyes_busy or disturbed):
            self._noise.add(motion.stamp, sizes, motion.head_px)
            if not (eyes_were_busy or was_disturbed):
                self._return_noise.add(motion.stamp, return_px, motion.head_px)
        z = _gated(z, ready and not disturbed, eyes_busy)
        returned_z = _gated(returned_z, ready and not (disturbed or was_disturbed), eyes_busy or eyes_were_busy)
        return _Sample(motion, z, _score(z), returned_z, _score(returned_z), eyes_busy, disturbed)

    def _blot_out_eyes(self, since_s: float) -> None:
        """A blink begins before it is seen: its first frames are taken out of what has not been judged yet."""
        for sample in self._samples:
            if sample.motion.stamp >= since_s:
                sample.eyes_busy = True
                sample.z, sample.returned_z = _gated(sample.z, True, True), _gated(sample.returned_z, True, True)
                sample.score, sample.returned_score = _score(sample.z), _score(sample.returned_z)

    def _eyes_move(self, motion: Motion, sizes: Float32) -> bool:
        """A blink or a gaze shift: the opening moves far, or much more than what surrounds it, or it is closed."""
        inside = float(np.hypot(motion.eyes[:, 0], motion.eyes[:, 1]).max())
        around = float(sizes[list(_UPPER)].max())
        openness = float(motion.openness.mean())
        self._eyes.append((motion.stamp, openness, inside))
        while self._eyes[0][0] < motion.stamp - _EYES_WINDOW_S:
            self._eyes.popleft()
        _, usual_openness, usual_inside = np.median(np.array(self._eyes), axis=0)
        # a restless head shakes the eyes' openings too: what is usual is no blink
        unusual = inside > _BLINK_USUAL * usual_inside
        moved = inside > _BLINK_PX or (inside > _BLINK_MIN_PX and inside > _BLINK_RATIO * around)
        return bool((moved and unusual) or openness < _CLOSED * usual_openness)

    def _returned_at(self, back: _Sample) -> Spotted | None:
        """Take `back` for the return of a movement and look for its beginning."""
        at = back.motion.stamp
        if back.returned_score >= self._config.on_z and self._is_peak(back, "returned_score"):
            into = next((s for s in self._samples if s.motion.stamp >= back.motion.before_s), None)
            group = _strongest(back.returned_z)
            if into is not None and into.motion.stamp > self._taken_until_s and self._opposite(into, back, group):
                return self._accepted(into, back, group, back.returned_score)
        if back.score < self._config.on_z or not self._is_peak(back, "score"):
            return None
        earliest = max(at - _MACRO_RETURN_S, self._taken_until_s)
        for lobe in self._samples:
            if not earliest < lobe.motion.stamp < at - self._config.lag_s or lobe.score < self._config.on_z:
                continue
            group = _strongest(np.minimum(lobe.z, back.z))
            if group and self._is_peak(lobe, "score") and self._opposite(lobe, back, group):
                return self._accepted(lobe, back, group, max(lobe.score, back.score))
        return None

    def _accepted(self, into: _Sample, back: _Sample, group: list[int], score: float) -> Spotted | None:
        spotted = self._movement(into, back, group, score)
        if spotted is not None:
            self._taken_until_s = spotted.offset_s
            self.counters.spotted += 1
        return spotted

    def _is_peak(self, sample: _Sample, name: Literal["score", "returned_score"]) -> bool:
        reach = self._config.lag_s / 2
        at = sample.motion.stamp
        near = [getattr(s, name) for s in self._samples if abs(s.motion.stamp - at) <= reach]
        return getattr(sample, name) >= max(near)

    def _opposite(self, into: _Sample, back: _Sample, group: list[int]) -> bool:
        there, again = into.motion.regions[group].ravel(), back.motion.regions[group].ravel()
        far, near = float(np.linalg.norm(there)), float(np.linalg.norm(again))
        return float(there @ again) <= _OPPOSITE * far * near and min(far, near) >= _RETURN_SHARE * max(far, near)

    def _movement(self, into: _Sample, back: _Sample, group: list[int], score: float) -> Spotted | None:
        self.counters.candidates += 1
        hump, height_px = self._hump(into, back, group)
        if hump is None or hump.fit < _MIN_FIT:
            self.counters.not_a_hump += 1
            return None
        if not self._undisturbed(hump, group, score):
            return None
        # both ends are known to about half a frame
        frame_s = float(np.median(np.diff([s.motion.stamp for s in self._samples])))
        short = hump.offset_s - hump.onset_s <= self._config.micro_max_s + frame_s
        short = short and back.motion.stamp - into.motion.stamp <= self._config.opposite_lobe_s
        small = height_px <= self._config.max_displacement * INTEROCULAR_PX
        return Spotted(
            hump.onset_s,
            hump.apex_s,
            hump.offset_s,
            self._samples[-1].motion.stamp,
            score,
            "micro" if short and small else "macro",
            tuple(REGIONS[i] for i in group),
        )

    def _hump(self, into: _Sample, back: _Sample, group: list[int]) -> tuple[Hump | None, float]:
        """Integrate the regions' motion along the movement's own direction over the time around it."""
        first = into.motion.stamp - self._config.lag_s - _BEFORE_S
        window = [s.motion for s in self._samples if first <= s.motion.stamp <= back.motion.stamp + _AFTER_S]
        if any(b.stamp - a.stamp > self._config.lag_s for a, b in pairwise(window)):
            return None, 0.0
        direction = (into.motion.regions[group] - back.motion.regions[group]).ravel().astype(np.float64)
        direction /= np.linalg.norm(direction)
        stamps = np.array([m.stamp for m in window])
        known = {m.stamp: i for i, m in enumerate(window)}
        before = np.array([known.get(m.before_s, -1) for m in window])
        steps = np.array([m.regions[group].ravel() @ direction for m in window])
        position = integrate(stamps, before, steps)
        hump = find_hump(stamps, position, into.motion.before_s, back.motion.stamp)
        if hump is not None and hump.height_px < _MIN_HEIGHT * max(steps[known[into.motion.stamp]], 0.0):
            hump = None
        strongest = np.hypot(*direction.reshape(-1, 2).T).max()
        return hump, 0.0 if hump is None else hump.height_px * float(strongest)

    def _undisturbed(self, hump: Hump, group: list[int], score: float) -> bool:
        during = [s for s in self._samples if hump.onset_s - _GATE_S <= s.motion.stamp <= hump.offset_s + _GATE_S]
        if any(s.disturbed for s in during):
            self.counters.disturbed += 1
            return False
        if group[0] in _UPPER and any(s.eyes_busy for s in during):
            self.counters.blink += 1
            return False
        if group[0] in _LOWER and self._speaking(hump, score):
            self.counters.speech += 1
            return False
        return True

    def _speaking(self, hump: Hump, score: float) -> bool:
        """The mouth keeps moving before the movement, or goes on after it: somebody talks or chews."""
        before_s, after_s = hump.onset_s, hump.offset_s + self._config.lag_s
        lower = [(s.motion.stamp, float(s.z[list(_LOWER)].max())) for s in self._samples]
        before = [z >= 0.5 * self._config.on_z for at, z in lower if before_s - _BUSY_WINDOW_S <= at <= before_s]
        after = [z for at, z in lower if after_s < at]
        return (bool(before) and float(np.mean(before)) > _BUSY_SHARE) or max(after, default=0.0) > _RESTLESS * score


def _gated(z: NDArray[np.float64], usable: bool, eyes_busy: bool) -> NDArray[np.float64]:
    z = z.copy() if usable else np.zeros_like(z)
    if eyes_busy:
        z[list(_UPPER)] = 0.0
    return z


def _score(z: NDArray[np.float64]) -> float:
    """Mean of the two strongest regions; one that stands out alone counts for three quarters of itself."""
    second, first = np.sort(z)[-2:]
    return float(max((first + second) / 2, _SINGLE * first))


def _strongest(z: NDArray[np.float64]) -> list[int]:
    """Regions that take part, strongest first: at most four, at least half as far above noise as the strongest."""
    order = np.argsort(-z, kind="stable")[:4]
    return [int(i) for i in order if z[i] > 0 and z[i] >= 0.5 * z[order[0]]]
