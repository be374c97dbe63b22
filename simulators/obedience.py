"""A simulated participant that does what `emostream calibrate` asks for: closes the eyes, blinks, clenches the teeth.

Heard live, so it is added to the EEG as it is sent. The face does not follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import signal

from realtime.packets import Float32, Float64
from simulators.head import head_model
from simulators.person import Person

_LATE_S = 0.5
"""People take a moment to do as they are told."""

_BLINK_EVERY_S, _BLINK_S = 2.0, 0.3
_ALPHA_RISE = 3.0
_CLENCH_UV = 25.0
_MUSCLE_HZ = 25.0


class Obedience:
    """What a person's EEG gains while they follow a calibration's phases.

    `hear` may be called from another thread than `response`.

    Parameters
    ----------
    person : Person
    channels : tuple of str
    sfreq_hz : float
    """

    def __init__(self, person: Person, channels: tuple[str, ...], sfreq_hz: float) -> None:
        head = head_model(channels)
        behind = np.clip(-head.positions[:, 1], 0.0, None)
        aside = np.abs(head.positions[:, 0])
        self._back = (behind / behind.max()) ** 2
        self._temples = (aside > 0.85 * aside.max()).astype(np.float64)
        self._lids = head.blink.astype(np.float64)
        self._brain = person.brain
        self._phase = ("", 0.0, 0.0)
        self._rng = np.random.default_rng([person.seed, 41])
        self._muscles = signal.butter(2, _MUSCLE_HZ, "highpass", fs=sfreq_hz, output="sos")

    def hear(self, _stream: str, event: dict[str, Any], stamp: float) -> None:
        """Take an event of the calibration's marker stream; others mean nothing."""
        if event["event"] == "calibration_phase":
            seconds = event.get("seconds")
            if isinstance(seconds, int | float) and 0 < seconds < 3600:
                self._phase = (str(event.get("phase")), stamp + _LATE_S, stamp + seconds)

    def response(self, times_s: Float64) -> Float32 | None:
        """(n_channels, n_times) µV to add at some LSL times; None while nothing is asked for."""
        name, start_s, end_s = self._phase
        doing = (times_s >= start_s) & (times_s < end_s)
        if not doing.any():
            return None
        since = times_s - start_s
        match name:
            case "eyes_closed":
                waxing = 1.0 + 0.3 * np.sin(2 * np.pi * 0.4 * since)
                wave = _ALPHA_RISE * self._brain.alpha_uv * waxing * np.sin(2 * np.pi * self._brain.alpha_hz * since)
                added = np.outer(self._back, wave * np.sqrt(2.0))
            case "blink":
                at = np.mod(since, _BLINK_EVERY_S) / _BLINK_S
                added = np.outer(self._lids, self._brain.blink_uv * np.where(at < 1.0, np.sin(np.pi * at) ** 2, 0.0))
            case "clench":
                noise = self._rng.standard_normal((len(self._temples), len(times_s)))
                added = _CLENCH_UV * self._temples[:, None] * np.asarray(signal.sosfilt(self._muscles, noise, axis=1))
            case _:
                return None
        return (added * doing).astype(np.float32)
