"""Activity of the brain's sources: 1/f background, alpha rhythm, and what an emotion does to them.

Noise with a wanted spectrum is made in two-second segments, each from its own seed, that overlap by half under a sine
window: neighbouring segments are independent, so the sum is stationary, any second can be made on its own, and no
filter state is carried.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from simulators.head import HeadModel
from simulators.person import EFFECT_BANDS, SOURCE_GROUPS, Person
from simulators.scenario import Scenario, Trial

EFFECT_ONSET_S = 1.0
"""An emotion's effect rises and falls smoothly over this time, s."""

_KNOTS = 50  # gains are worked out so often a second and interpolated
_ALPHA_SD_HZ = 0.7
_RHYTHM = {"occipital": 1.0, "parietal": 0.7, "central": 0.35}  # share of alpha amplitude; elsewhere:
_RHYTHM_ELSEWHERE = 0.2
_WAXING = 0.45  # standard deviation of alpha's log amplitude
_ANATOMY_DB = 1.0  # between people, per group and band
_DRIFT_DB = 0.7  # slow wandering of vigilance, per group and band
_VIGOR_SD = 0.2  # of the log of an effect's size from trial to trial
_REFERENCE_HZ = 100.0  # background_uv counts power up to here
_FLAT_BELOW_HZ = 0.5

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


class SourceActivity:
    """Time courses of a person's sources in one session; one thread.

    Parameters
    ----------
    person : Person
    scenario : Scenario
    head : HeadModel
    rate : int
        Samples a second.
    """

    def __init__(self, person: Person, scenario: Scenario, head: HeadModel, rate: int) -> None:
        self._person, self._scenario, self._head, self._rate = person, scenario, head, rate
        self._amplitudes = _component_amplitudes(person, rate)
        rng = np.random.default_rng([person.seed, 31])
        self._scale = _source_scales(rng, person, head)
        self._anatomy_db = rng.normal(0.0, _ANATOMY_DB, (len(SOURCE_GROUPS), len(EFFECT_BANDS)))
        rng = np.random.default_rng([scenario.seed, person.seed, 32])
        self._drift = _Wander(rng, (len(SOURCE_GROUPS), len(EFFECT_BANDS)), slowest_s=120.0, fastest_s=25.0)
        self._waxing = _Wander(rng, (len(SOURCE_GROUPS),), slowest_s=20.0, fastest_s=3.0)
        self._patterns_db = [self._trial_pattern(rng, trial) for trial in scenario.trials]
        window = np.sin(np.pi * (np.arange(2 * rate) + 0.5) / (2 * rate))
        self._window = window.astype(np.float32)
        self._segments: dict[int, Float32] = {}

    def second(self, k: int) -> Float32:
        """Activity (n_sources, rate) float32 of the second that starts at `k` s."""
        noise = self._segment(k - 1)[..., self._rate :] + self._segment(k)[..., : self._rate]
        self._segments = {i: s for i, s in self._segments.items() if i >= k}
        gain = self._gains(k)[:, self._head.group]
        bands = len(EFFECT_BANDS)
        out = noise[-1].copy()
        for c in range(bands):
            out += noise[c] * gain[c]
        out += noise[bands] * gain[bands]
        return out

    def gain_db(self, times: Float64) -> Float64:
        """Change of source power in dB at `times` (s) against the person's long-term mean: (n_times, groups, bands)."""
        gain = self._drift(times) * _DRIFT_DB
        for trial, pattern in zip(self._scenario.trials, self._patterns_db, strict=True):
            if trial.start_s < times.max() and times.min() < trial.end_s + EFFECT_ONSET_S:
                gain += _envelope(times, trial)[:, None, None] * pattern
        return gain

    def _trial_pattern(self, rng: np.random.Generator, trial: Trial) -> Float64:
        vigor = rng.lognormal(0.0, _VIGOR_SD)
        effect = self._person.brain.effect_array(trial.emotion)
        return vigor * effect + rng.normal(0.0, self._person.brain.trial_sd_db, effect.shape)

    def _gains(self, k: int) -> Float32:
        """Amplitude gains (n_bands + 1, n_groups, rate): the bands' and, last, the alpha rhythm's."""
        knots = k + np.arange(_KNOTS + 1) / _KNOTS
        change = self.gain_db(knots)
        bands = 10.0 ** ((change + self._anatomy_db) / 20.0)
        alpha = [name for name, _, _ in EFFECT_BANDS].index("alpha")
        # the mean square of a log-normal is exp(2 sd^2)
        waxing = np.exp(_WAXING * self._waxing(knots) - _WAXING**2)
        rhythm = 10.0 ** (change[:, :, alpha] / 20.0) * waxing
        at_knots = np.concatenate((bands.transpose(2, 1, 0), rhythm.T[None]))
        position = np.arange(self._rate) * (_KNOTS / self._rate)
        left = position.astype(np.intp)
        share = position - left
        return (at_knots[..., left] * (1.0 - share) + at_knots[..., left + 1] * share).astype(np.float32)

    def _segment(self, k: int) -> Float32:
        """Windowed noise (n_components, n_sources, 2 * rate) of the two seconds from `k` s on."""
        if k not in self._segments:
            rng = np.random.default_rng([self._scenario.seed, self._person.seed, 33, k + 1])
            n_sources = len(self._head.group)
            spectrum = np.zeros((len(self._amplitudes), n_sources, self._rate + 1), np.complex64)
            for c, amplitude in enumerate(self._amplitudes):
                used = np.flatnonzero(amplitude)
                draw = rng.standard_normal((n_sources, len(used), 2), np.float32).view(np.complex64)[..., 0]
                spectrum[c][:, used] = draw * amplitude[used] * self._scale[c][:, None]
            noise = np.asarray(scipy.fft.irfft(spectrum, 2 * self._rate, axis=-1, overwrite_x=True))
            self._segments[k] = noise * self._window
        return self._segments[k]


class _Wander:
    """Smooth wandering with variance 1 and mean 0: sums of sinusoids, known at any time without history."""

    def __init__(self, rng: np.random.Generator, shape: tuple[int, ...], *, slowest_s: float, fastest_s: float) -> None:
        self._omega = 2 * np.pi * np.exp(rng.uniform(np.log(1 / slowest_s), np.log(1 / fastest_s), (*shape, 5)))
        self._phase = rng.uniform(0.0, 2 * np.pi, (*shape, 5))

    def __call__(self, times: Float64) -> Float64:
        at = times.reshape(-1, *(1,) * self._omega.ndim)
        return np.sin(self._omega * at + self._phase).sum(axis=-1) * np.sqrt(2.0 / 5.0)


def _envelope(times: Float64, trial: Trial) -> Float64:
    """0 before, 1 in, 0 after a trial, with smooth flanks of `EFFECT_ONSET_S` that start at its start and its end."""
    rise = np.clip((times - trial.start_s) / EFFECT_ONSET_S, 0.0, 1.0)
    fall = np.clip((times - trial.end_s) / EFFECT_ONSET_S, 0.0, 1.0)
    return _smooth(rise) - _smooth(fall)


def _smooth(x: Float64) -> Float64:
    return x * x * (3.0 - 2.0 * x)


def _component_amplitudes(person: Person, rate: int) -> list[Float32]:
    """Spectral amplitudes (rate + 1,) of bands, alpha rhythm and the rest, for RMS 1 of background and of rhythm."""
    freqs = np.arange(rate + 1) / 2.0  # segments last 2 s
    power = np.maximum(freqs, _FLAT_BELOW_HZ) ** -person.brain.slope
    power[0] = power[-1] = 0.0
    power /= power[freqs <= _REFERENCE_HZ].sum()
    components = [np.where((freqs >= low) & (freqs < high), power, 0.0) for _, low, high in EFFECT_BANDS]
    bump = np.exp(-0.5 * ((freqs - person.brain.alpha_hz) / _ALPHA_SD_HZ) ** 2)
    bump[bump < 1e-4] = 0.0
    rest = power - np.sum(components, axis=0)
    # irfft divides by 2 * rate and counts every bin twice: amplitude * sqrt(power / 4) * 2 * rate
    return [(np.sqrt(p / 4.0) * 2 * rate).astype(np.float32) for p in (*components, bump / bump.sum(), rest)]


def _source_scales(rng: np.random.Generator, person: Person, head: HeadModel) -> Float32:
    """RMS (n_components, n_sources) of each component's sources, from the µV the person has at the electrodes."""
    brain = person.brain
    n_sources = len(head.group)
    own = rng.lognormal(0.0, 0.25, n_sources)
    background = brain.background_uv * brain.skull_scale * own / np.sqrt((own**2).mean())
    share = np.array([_RHYTHM.get(SOURCE_GROUPS[g], _RHYTHM_ELSEWHERE) for g in head.group])
    rhythm = share * brain.alpha_uv * brain.skull_scale / np.sqrt((head.occipital * share**2).sum())
    scales = np.tile(background, (len(EFFECT_BANDS) + 2, 1))
    scales[len(EFFECT_BANDS)] = rhythm
    return scales.astype(np.float32)
