"""What reaches the electrodes and is not brain: blinks, gaze, muscles, speech, popping electrodes.

Pure functions: an artefact is drawn from its own seed, so that it looks the same whichever block asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulators.head import HeadModel
from simulators.person import Person
from simulators.scenario import Scenario

_GAZE_S = 3.0
_POP_S = 2.5
_MUSCLE_BAND_HZ = (20.0, 250.0)
_MUSCLE_REACH_M = 0.035
_SPEECH_SHARE = 0.5  # of a muscle burst's amplitude
_SYLLABLES_HZ = 4.5


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artefact: `ordinal` counts those of its kind and seeds it; times are seconds of the scenario."""

    kind: Literal["blink", "gaze", "muscle", "speech", "pop"]
    ordinal: int
    start_s: float
    end_s: float


def list_artifacts(scenario: Scenario) -> tuple[Artifact, ...]:
    """All artefacts of a session in order of their start."""
    found = [
        *(Artifact("blink", i, e.start_s, e.end_s) for i, e in enumerate(scenario.blinks)),
        *(Artifact("muscle", i, e.start_s, e.end_s) for i, e in enumerate(scenario.muscle)),
        *(Artifact("speech", i, e.start_s, e.end_s) for i, e in enumerate(scenario.speech)),
        *(Artifact("gaze", i, at, at + _GAZE_S) for i, at in enumerate(scenario.gaze_shifts_s)),
        *(Artifact("pop", i, at, at + _POP_S) for i, at in enumerate(scenario.pops_s)),
    ]
    return tuple(sorted(found, key=lambda artifact: artifact.start_s))


def render_artifact(
    artifact: Artifact, person: Person, scenario: Scenario, head: HeadModel, sfreq_hz: float
) -> tuple[int, NDArray[np.float32]]:
    """Draw an artefact at the electrodes.

    Parameters
    ----------
    artifact : Artifact
    person, scenario, head
        Whose it is, and where the electrodes are.
    sfreq_hz : float

    Returns
    -------
    first : int
        Index of the first sample.
    wave : (n_channels, n_times) float32
        µV, to be added.
    """
    first = int(np.ceil(artifact.start_s * sfreq_hz))
    times = np.arange(first, int(np.ceil(artifact.end_s * sfreq_hz))) / sfreq_hz - artifact.start_s
    length = artifact.end_s - artifact.start_s
    kind_seed = {"blink": 21, "gaze": 22, "muscle": 23, "speech": 24, "pop": 25}[artifact.kind]
    rng = np.random.default_rng([scenario.seed, person.seed, kind_seed, artifact.ordinal])
    brain = person.brain
    match artifact.kind:
        case "blink":
            wave = np.outer(head.blink, brain.blink_uv * rng.uniform(0.8, 1.2) * _lid(times, length))
        case "gaze":
            signed = rng.choice((-1.0, 1.0)) * rng.uniform(0.1, 0.3) * brain.blink_uv
            wave = np.outer(head.gaze, signed * _saccade(times, length))
        case "pop":
            wave = np.zeros((len(head.channels), len(times)))
            wave[rng.integers(len(head.channels))] = _pop(rng, times, length)
        case "muscle" | "speech":
            wave = _muscle(rng, head, len(times), sfreq_hz) * brain.muscle_uv * rng.uniform(0.5, 1.0)
            wave *= np.sin(np.pi * times / length) ** 0.5
            if artifact.kind == "speech":
                wave *= _SPEECH_SHARE * (0.6 + 0.4 * np.sin(2 * np.pi * _SYLLABLES_HZ * times))
    return first, np.ascontiguousarray(wave, np.float32)


def _lid(times: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """Closing takes 40 % of a blink, opening 60 %: raised cosines that meet."""
    closing = 0.4 * length
    phase = np.where(times < closing, times / closing, 1.0 + (times - closing) / (length - closing))
    return 0.5 - 0.5 * np.cos(np.pi * phase)


def _saccade(times: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    """A 40 ms step that the amplifier's coupling lets decay, faded out before it is cut."""
    step = np.clip(times / 0.04, 0.0, 1.0) * np.exp(-times / 1.2)
    return step * np.clip((length - times) / 0.5, 0.0, 1.0)


def _pop(rng: np.random.Generator, times: NDArray[np.float64], length: float) -> NDArray[np.float64]:
    size = rng.choice((-1.0, 1.0)) * np.exp(rng.uniform(np.log(80.0), np.log(400.0)))
    return size * np.exp(-times / rng.uniform(0.1, 0.4)) * np.clip((length - times) / 0.2, 0.0, 1.0)


def _muscle(rng: np.random.Generator, head: HeadModel, n_times: int, sfreq_hz: float) -> NDArray[np.float64]:
    """Broadband noise, RMS 1 at a place on the rim of the cap, where muscles are."""
    height = head.positions[:, 2]
    rim = np.flatnonzero(height <= np.quantile(height, 0.4))
    place = head.positions[rng.choice(rim)]
    weight = np.exp(-0.5 * ((head.positions - place) ** 2).sum(axis=1) / _MUSCLE_REACH_M**2)
    spectrum = np.fft.rfft(rng.standard_normal((len(height), n_times)), axis=1)
    freqs = np.fft.rfftfreq(n_times, 1.0 / sfreq_hz)
    inside = (freqs >= _MUSCLE_BAND_HZ[0]) & (freqs <= _MUSCLE_BAND_HZ[1])
    noise = np.fft.irfft(spectrum * inside, n_times, axis=1)
    return weight[:, None] * noise / max(float(noise.std()), 1e-12)
