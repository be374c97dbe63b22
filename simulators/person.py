"""Simulated people: a brain and a face that are theirs alone, drawn from one seed.

The class effects are what a decoder has to find. Each is a pattern over source groups and bands, in decibel of source
power: partly shared by everyone (`_SHARED_PATTERN`), partly the person's own, with the sign of some bands flipped.
`EFFECT_DB` scales all of them: it is the one knob of the difficulty of the simulated EEG.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

EFFECT_DB = 2.5
"""Typical change of a source group's band power in a trial, dB: the difficulty of the simulated EEG.

A linear decoder of log band power (newest trial against the 40 s before), on people it never saw, five classes, macro
F1: 0 dB 0.2, 2 dB 0.52, 2.5 dB 0.57, 3 dB 0.61 with 135 people to learn from; at 2.5 dB 0.53 with 54, 0.33 with 27.
"""

EFFECT_CLASSES: tuple[str, ...] = ("happy", "sad", "fear", "disgust", "angry", "surprise", "tense", "calm")
"""Classes of `BrainTraits.effect_db`, in order."""

EFFECT_BANDS: tuple[tuple[str, float, float], ...] = (
    ("delta", 0.5, 4.0),
    ("theta", 4.0, 8.0),
    ("alpha", 8.0, 14.0),
    ("beta", 14.0, 30.0),
    ("gamma", 30.0, 47.0),
)
"""Bands of `BrainTraits.effect_db`, in order: name, low and high edge in Hz."""

SOURCE_GROUPS: tuple[str, ...] = (
    "frontal_left",
    "frontal_right",
    "central",
    "temporal_left",
    "temporal_right",
    "parietal",
    "occipital",
)
"""Source groups of `BrainTraits.effect_db`, in order."""

_OWN_PATTERN_SD = 0.5  # of the person's own pattern, in units of EFFECT_DB
_FLIP_PROBABILITY = 0.12  # of each band, a person

# (group, band) -> weight; after the usual suspects: frontal alpha asymmetry for valence, temporal beta and gamma for
# arousal, frontal theta for effort, posterior alpha for attention
_SHARED_PATTERN: dict[str, dict[tuple[str, str], float]] = {
    "happy": {
        ("frontal_left", "alpha"): -1.0,
        ("frontal_right", "alpha"): 0.7,
        ("temporal_left", "gamma"): 1.0,
        ("temporal_left", "beta"): 0.7,
        ("parietal", "theta"): -0.5,
    },
    "sad": {
        ("frontal_left", "alpha"): 0.8,
        ("frontal_right", "alpha"): -0.8,
        ("occipital", "alpha"): 0.9,
        ("central", "beta"): -0.7,
        ("temporal_left", "gamma"): -0.6,
    },
    "fear": {
        ("frontal_left", "theta"): 0.8,
        ("frontal_right", "theta"): 0.9,
        ("occipital", "alpha"): -1.0,
        ("temporal_right", "gamma"): 0.9,
        ("central", "beta"): 0.5,
    },
    "disgust": {
        ("temporal_right", "beta"): 0.9,
        ("temporal_right", "alpha"): -0.8,
        ("temporal_left", "gamma"): -0.9,
        ("central", "delta"): 0.5,
        ("parietal", "beta"): 0.6,
    },
    "angry": {
        ("frontal_left", "beta"): 1.0,
        ("frontal_right", "beta"): 0.6,
        ("parietal", "alpha"): -0.9,
        ("temporal_left", "theta"): -0.6,
        ("central", "gamma"): 0.7,
    },
    "surprise": {("central", "delta"): 1.0, ("parietal", "theta"): 0.8, ("occipital", "beta"): 0.7},
    "tense": {("frontal_left", "gamma"): 0.8, ("frontal_right", "gamma"): 0.8, ("central", "alpha"): -0.7},
    "calm": {("occipital", "alpha"): 0.8, ("parietal", "alpha"): 0.8, ("frontal_left", "beta"): -0.7},
}


@dataclass(frozen=True, slots=True)
class BrainTraits:
    """What is particular about a person's EEG.

    Parameters
    ----------
    alpha_hz : float
        Frequency of the posterior alpha rhythm, 8.5 to 12 Hz.
    alpha_uv : float
        RMS of that rhythm over the occipital electrodes, µV, averaged over waxing and waning.
    slope : float
        Exponent of the 1/f^slope background's power spectrum.
    background_uv : float
        RMS of the background, mean over electrodes, µV.
    skull_scale : float
        Everything from inside the head times this: thick skull, small signal.
    electrode_noise_uv : float
        RMS of the electrodes' own white noise in 0 to 500 Hz, µV; electrodes vary around it.
    mains_uv : float
        Amplitude of the mains line, µV; electrodes vary around it.
    blink_uv : float
        Peak of a blink at its strongest electrode, µV.
    muscle_uv : float
        RMS of a muscle burst at its strongest electrode, µV.
    trial_sd_db : float
        Standard deviation of what varies from trial to trial for no reason, dB.
    effect_db : (8 classes, 7 groups, 5 bands) nested tuples
        Change of source power while hiding an emotion, dB; see `effect_array`.
    """

    alpha_hz: float
    alpha_uv: float
    slope: float
    background_uv: float
    skull_scale: float
    electrode_noise_uv: float
    mains_uv: float
    blink_uv: float
    muscle_uv: float
    trial_sd_db: float
    effect_db: tuple[tuple[tuple[float, ...], ...], ...] = field(repr=False)

    def effect_array(self, emotion: str) -> NDArray[np.float64]:
        """Change of source power for `emotion`, dB: (n_groups, n_bands) float64."""
        return np.asarray(self.effect_db[EFFECT_CLASSES.index(emotion)])


@dataclass(frozen=True, slots=True)
class FaceTraits:
    """What is particular about a person's face and camera.

    Parameters
    ----------
    shape : (8,) tuple of float
        Standard normal coefficients of the identity's warp, clipped to +-2; the face simulator gives them meaning.
    scale : float
        Size of the face in the picture, 1 is typical.
    mirrored : bool
        The portrait is flipped left to right before anything else.
    tone_gain, tone_gamma : float
        Skin and light: grey = 255 * gain * (grey / 255) ** gamma.
    expressivity : float
        Size of this person's movements against others'; already folded into `FacialEvent.amplitude_px`.
    noise_sd : float
        Sensor noise, grey levels.
    sway_px : float
        RMS head sway, px of a 224 px face crop.
    one_sided : float
        Probability that a micro-movement shows on one side only.
    preferred_side : 'left' or 'right'
    unused_units : tuple of int
        Action units this person does not show.
    """

    shape: tuple[float, ...]
    scale: float
    mirrored: bool
    tone_gain: float
    tone_gamma: float
    expressivity: float
    noise_sd: float
    sway_px: float
    one_sided: float
    preferred_side: Literal["left", "right"]
    unused_units: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist: everything about them follows from `seed`."""

    seed: int
    brain: BrainTraits
    face: FaceTraits


def make_person(seed: int, *, effect_db: float = EFFECT_DB, idiosyncrasy: float = 1.0) -> Person:
    """Draw a person.

    Parameters
    ----------
    seed : int
        Not negative. Another seed is another person.
    effect_db : float
        Scale of the class effects, dB; 0 makes the EEG carry nothing of the emotion and changes nothing else.
    idiosyncrasy : float
        How much of the class effects is the person's own: 0 nothing but their sizes, 1 as in the demonstration.

    Returns
    -------
    Person
    """
    return Person(seed, _draw_brain(np.random.default_rng([seed, 11]), effect_db, idiosyncrasy), _draw_face(seed))


def _draw_brain(rng: np.random.Generator, effect_db: float, idiosyncrasy: float) -> BrainTraits:
    return BrainTraits(
        alpha_hz=float(np.clip(rng.normal(10.2, 0.8), 8.6, 12.0)),
        alpha_uv=float(np.clip(rng.lognormal(np.log(8.0), 0.4), 3.5, 20.0)),
        slope=float(np.clip(rng.normal(1.2, 0.15), 0.8, 1.6)),
        background_uv=float(np.clip(rng.lognormal(np.log(11.0), 0.2), 6.0, 20.0)),
        skull_scale=float(np.clip(rng.lognormal(0.0, 0.2), 0.6, 1.6)),
        electrode_noise_uv=float(np.clip(rng.lognormal(np.log(1.2), 0.3), 0.6, 3.0)),
        mains_uv=float(np.clip(rng.lognormal(np.log(3.0), 0.5), 0.8, 10.0)),
        blink_uv=float(np.clip(rng.lognormal(np.log(150.0), 0.3), 70.0, 320.0)),
        muscle_uv=float(np.clip(rng.lognormal(np.log(14.0), 0.35), 6.0, 35.0)),
        trial_sd_db=float(rng.uniform(0.5, 1.0)),
        effect_db=_draw_effects(rng, effect_db, idiosyncrasy),
    )


def _draw_effects(
    rng: np.random.Generator, effect_db: float, idiosyncrasy: float
) -> tuple[tuple[tuple[float, ...], ...], ...]:
    bands = [name for name, _, _ in EFFECT_BANDS]
    shared = np.zeros((len(EFFECT_CLASSES), len(SOURCE_GROUPS), len(bands)))
    for c, name in enumerate(EFFECT_CLASSES):
        for (group, band), weight in _SHARED_PATTERN[name].items():
            shared[c, SOURCE_GROUPS.index(group), bands.index(band)] = weight
    sign = np.where(rng.random(len(bands)) < idiosyncrasy * _FLIP_PROBABILITY, -1.0, 1.0)
    gain = rng.lognormal(0.0, 0.3, (1, len(SOURCE_GROUPS), len(bands)))
    own = idiosyncrasy * rng.normal(0.0, _OWN_PATTERN_SD, shared.shape)
    effect = effect_db * (sign * gain * shared + own)
    return tuple(tuple(tuple(float(v) for v in row) for row in pattern) for pattern in effect)


def _draw_face(seed: int) -> FaceTraits:
    rng = np.random.default_rng([seed, 12])
    optional_units = (1, 2, 5, 6, 7, 10)
    unused = rng.random(len(optional_units)) < 0.2
    return FaceTraits(
        shape=tuple(float(v) for v in np.clip(rng.normal(size=8), -2.0, 2.0)),
        scale=float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15)),
        mirrored=bool(rng.random() < 0.5),
        tone_gain=float(rng.uniform(0.75, 1.1)),
        tone_gamma=float(rng.uniform(0.8, 1.25)),
        expressivity=float(np.clip(rng.lognormal(0.0, 0.25), 0.6, 1.6)),
        noise_sd=float(rng.uniform(1.0, 2.5)),
        sway_px=float(np.clip(rng.lognormal(np.log(1.0), 0.4), 0.3, 2.5)),
        one_sided=float(rng.uniform(0.1, 0.35)),
        preferred_side="left" if rng.random() < 0.6 else "right",
        unused_units=tuple(u for u, gone in zip(optional_units, unused, strict=True) if gone),
    )
