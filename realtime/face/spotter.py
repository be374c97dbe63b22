"""Spotter: which motions of the face are movements that go and return, when, and whether they are micro.

A candidate shows two opposite lobes in the lag-k flow of its regions and stands above the person's own noise; a rise
and a fall are fitted to it, and what speaks for and against it is weighed (`evidence`).

References
----------
Moilanen et al. (2014), "Spotting rapid facial movements from videos using appearance-based feature difference
analysis".
He (2021), "Research on micro-expression spotting method based on optical flow features".
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import Literal

import numpy as np

from realtime.config import SpotterConfig
from realtime.face.alignment import INTEROCULAR_PX
from realtime.face.evidence import Evidence, opposition, weigh
from realtime.face.eyes import EyeWatch
from realtime.face.motion import Motion, Sample, lengths, strongest
from realtime.face.noise import LearnedNoise, MotionNoise
from realtime.face.profile import Hump, find_hump, integrate, refined
from realtime.face.regions import REGIONS
from realtime.packets import Float32, Kind, readonly

_RING_S = 6.0
_AFTER_S = 0.4
_BEFORE_S = 0.4
_FIT_BEFORE_S, _FIT_AFTER_S = 0.35, 0.15
_MACRO_RETURN_S = 3.5
_SMOOTH_S = 0.09
_GATE_S = 0.1
_NEIGHBOUR_S = 0.04
_HEAD_PX = 12.0
_LIGHT = 0.1
_OPPOSITE, _BALANCE = 0.3, 0.2
_LEAST_LIKE = 0.7
_LEAST_HEIGHT = 0.5
_STRETCH = 1.2


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may be a movement: its course, kind and regions, its score in multiples of noise, its evidence."""

    hump: Hump
    kind: Kind
    regions: tuple[int, ...]
    score: float
    evidence: Evidence


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


@dataclass(frozen=True, slots=True)
class FaceNoise:
    """A person's noise: of the motion over a lag, and of its return."""

    motion: LearnedNoise
    returned: LearnedNoise


@dataclass(slots=True)
class SpotterCounters:
    """What became of the candidates: counts since the spotter was built."""

    candidates: int = 0
    not_a_hump: int = 0
    disturbed: int = 0
    unlikely: int = 0
    spotted: int = 0


class Spotter:
    """Causal and deterministic; `push` motions in order, from one thread.

    Parameters
    ----------
    config : SpotterConfig
    noise : FaceNoise, optional
        The person's, from a calibration: it is known from the first frame on what is more than noise.
    """

    def __init__(self, config: SpotterConfig | None = None, noise: FaceNoise | None = None) -> None:
        self._config = config or SpotterConfig()
        self._noise = MotionNoise(len(REGIONS), noise and noise.motion)
        self._return_noise = MotionNoise(len(REGIONS), noise and noise.returned)
        self._eyes = EyeWatch()
        self._samples: deque[Sample] = deque()
        self._taken_until_s = -np.inf
        self._blink_s = -np.inf
        self._smoothed_s = -np.inf
        self._judged_s = -np.inf
        self._ready = False
        self.region_z: Float32 = readonly(np.zeros(len(REGIONS)), np.float32)
        self.counters = SpotterCounters()

    def restart(self) -> None:
        """Forget the motion so far, after a gap or a lost face; the person's noise is kept."""
        self._samples.clear()

    def set_limits(self, config: SpotterConfig) -> None:
        """Decide by on_z, macro_z and min_confidence of another configuration from the next motion on."""
        self._config = config

    @property
    def eyes_busy(self) -> bool:
        """Whether a blink or a gaze shift is under way at the newest motion."""
        return bool(self._samples) and self._samples[-1].eyes_busy

    def noise(self) -> FaceNoise:
        """What was learnt of the person's noise."""
        return FaceNoise(self._noise.learned(), self._return_noise.learned())

    def push(self, motion: Motion) -> list[Spotted]:
        """Take one motion; return the movements that can be decided now (none, or one)."""
        self._samples.append(self._measured(motion))
        while self._samples[0].stamp < motion.stamp - _RING_S:
            self._samples.popleft()
        for sample in self._since(self._smoothed_s):
            if self._smoothed_s < sample.stamp <= motion.stamp - _SMOOTH_S:
                self._learn(sample)
                self._smoothed_s = sample.stamp
        if self._noise.learned_s < self._config.min_noise_s:
            return []
        if not self._ready:
            # what happened while the noise was being learned is rated as soon as it is known
            for sample in self._samples:
                self._rate(sample)
            self._ready = True
        found = []
        for sample in self._since(self._judged_s):
            if not self._judged_s < sample.stamp <= motion.stamp - _AFTER_S:
                continue
            self._judged_s = sample.stamp
            for candidate in self.candidates_at(sample):
                if candidate.evidence.confidence >= self._config.min_confidence:
                    found.append(self._spotted(candidate))
                    break
                self.counters.unlikely += 1
        return found

    def _since(self, stamp: float) -> list[Sample]:
        """Samples of this stamp or later, in order; from the newest on, for of six seconds few are asked for."""
        found = list(takewhile(lambda sample: sample.motion.stamp >= stamp, reversed(self._samples)))
        found.reverse()
        return found

    def _measured(self, motion: Motion) -> Sample:
        """One motion and what is wrong with it."""
        self.region_z = readonly(self._noise.z(lengths(motion.regions)), np.float32)
        # where frames were lost the very frame may have no motion of its own; its neighbour will do
        newer = self._since(motion.before_s - 2 * _NEIGHBOUR_S)
        near = (s for s in newer if abs(s.stamp - motion.before_s) <= _NEIGHBOUR_S)
        into = min(near, key=lambda s: abs(s.stamp - motion.before_s), default=None)
        if self._eyes.push(motion):
            self._blink_s = motion.stamp
            # a blink begins before it is seen: what was rated without knowing of it is rated again
            for sample in self._since(motion.stamp - _GATE_S):
                if not sample.eyes_busy:
                    sample.eyes_busy = True
                    self._rate(sample)
        eyes_busy = motion.stamp - self._blink_s <= _GATE_S
        disturbed = motion.head_px > _HEAD_PX or abs(motion.light) > _LIGHT
        if into is None:
            return Sample(motion, None, eyes_busy, False, disturbed, True)
        own_back = np.asarray((into.motion.regions - motion.regions) / 2, np.float32)
        return Sample(motion, own_back, eyes_busy, into.eyes_busy, disturbed, into.disturbed)

    def _learn(self, sample: Sample) -> None:
        """Smooth a sample, learn its noise where nothing disturbs, and rate it."""
        newer = self._since(sample.stamp - 2 * _SMOOTH_S)
        sample.smooth([s for s in newer if abs(s.stamp - sample.stamp) < _SMOOTH_S], _SMOOTH_S)
        if not (sample.eyes_busy or sample.disturbed):
            self._noise.add(sample.stamp, lengths(sample.flow))
            if not (sample.eyes_were_busy or sample.was_disturbed):
                self._return_noise.add(sample.stamp, lengths(sample.back))
        self._rate(sample)

    def _rate(self, sample: Sample) -> None:
        sample.rate(self._noise.z(lengths(sample.flow)), self._return_noise.z(lengths(sample.back)))

    def candidates_at(self, back: Sample) -> list[Candidate]:
        """Take `back` for the return of a movement: one that began a lag ago, then those that began earlier."""
        found = []
        if back.back_score >= self._config.on_z and self._is_peak(back, "back_score"):
            into = next((s for s in self._samples if s.stamp >= back.motion.before_s), None)
            if into is not None and into.stamp > self._taken_until_s:
                found.append(self._candidate(into, back, strongest(back.back_z), slow=False))
        if back.score >= self._config.on_z and self._is_peak(back, "score"):
            earliest = max(back.stamp - _MACRO_RETURN_S, self._taken_until_s)
            for into in self._samples:
                if not earliest < into.stamp < back.stamp - self._config.lag_s or into.score < self._config.on_z:
                    continue
                group = strongest(np.minimum(into.z, back.z))
                if group and self._is_peak(into, "score"):
                    found.append(self._candidate(into, back, group, slow=True))
        return [candidate for candidate in found if candidate is not None]

    def _is_peak(self, sample: Sample, name: Literal["score", "back_score"]) -> bool:
        reach = self._config.lag_s / 2
        newer = self._since(sample.stamp - 2 * reach)
        near = [getattr(s, name) for s in newer if abs(s.stamp - sample.stamp) <= reach]
        return getattr(sample, name) >= max(near)

    def _candidate(self, into: Sample, back: Sample, group: list[int], *, slow: bool) -> Candidate | None:
        cosine, balance = opposition(into, back, group)
        if cosine < _OPPOSITE or balance < _BALANCE:
            return None
        self.counters.candidates += 1
        hump, share = self._hump(into, back, group)
        if hump is None or hump.offset_s <= self._taken_until_s:
            self.counters.not_a_hump += 1
            return None
        start, end = hump.onset_s - _GATE_S, hump.offset_s + _GATE_S
        if any(s.disturbed for s in self._samples if start <= s.stamp <= end):
            self.counters.disturbed += 1
            return None
        score = max(into.score, back.score) if slow else back.back_score
        kind = self._kind(hump, hump.height_px * share, back.stamp - into.stamp)
        if kind == "macro" and score < self._config.macro_z:
            # slow and small is what drift looks like by chance
            self.counters.unlikely += 1
            return None
        evidence = weigh(self._samples, group, hump, score, self._config.lag_s)
        return Candidate(hump, kind, tuple(group), score, evidence)

    def _kind(self, hump: Hump, strongest_px: float, lobes_s: float) -> Kind:
        # both ends are known to about half a frame, and what stays at its apex fits a longer rise and fall
        frame_s = float(np.median(np.diff([s.stamp for s in self._samples])))
        short = hump.offset_s - hump.onset_s <= _STRETCH * self._config.micro_max_s + frame_s
        short = short and lobes_s <= self._config.opposite_lobe_s
        return "micro" if short and strongest_px <= self._config.max_displacement * INTEROCULAR_PX else "macro"

    def _hump(self, into: Sample, back: Sample, group: list[int]) -> tuple[Hump | None, float]:
        """The course of the regions' motion along its own direction, and the strongest region's share of it."""
        first = into.stamp - self._config.lag_s - _BEFORE_S
        window = [s.motion for s in self._samples if first <= s.stamp <= back.stamp + _AFTER_S]
        if any(b.stamp - a.stamp > self._config.lag_s for a, b in pairwise(window)):
            return None, 0.0
        direction = (into.flow[group] - back.flow[group]).ravel().astype(np.float64)
        direction /= np.linalg.norm(direction)
        stamps, before = (np.array([getattr(m, name) for m in window]) for name in ("stamp", "before_s"))
        steps = np.array([m.regions[group].ravel() @ direction for m in window])
        known = {stamp: i for i, stamp in enumerate(stamps)}
        position = integrate(stamps, np.array([known.get(at, -1) for at in before]), steps)
        rough = find_hump(stamps, position, into.motion.before_s, back.stamp)
        if rough is None or rough.fit < _LEAST_LIKE:
            return None, 0.0
        if rough.height_px < _LEAST_HEIGHT * max(float(steps[known[into.stamp]]), 0.0):
            return None, 0.0
        near = (stamps >= rough.onset_s - _FIT_BEFORE_S) & (before <= rough.offset_s + _FIT_AFTER_S)
        hump = refined(rough, stamps[near], before[near], steps[near])
        return hump, float(np.hypot(*direction.reshape(-1, 2).T).max())

    def _spotted(self, candidate: Candidate) -> Spotted:
        hump = candidate.hump
        self._taken_until_s = hump.offset_s
        self.counters.spotted += 1
        return Spotted(
            hump.onset_s,
            hump.apex_s,
            hump.offset_s,
            self._samples[-1].stamp,
            candidate.score,
            candidate.kind,
            tuple(REGIONS[i] for i in candidate.regions),
        )
