"""Windows of the last seconds, kept by their hop number."""

from __future__ import annotations

import numpy as np

from realtime.errors import ConfigurationError
from realtime.interfaces import RecognizerSpec
from realtime.packets import BandPowerWindow, EegSequence, readonly


class WindowHistory:
    """Remembers as many hops as a recogniser's sequence spans. Called from one thread.

    Parameters
    ----------
    spec : RecognizerSpec
        `n_windows`, `hop_s`, `channels` and `bands` are used.
    hop_s : float
        Time between two hops.

    Raises
    ------
    ConfigurationError
        `spec.hop_s` is not a whole number of hops.
    """

    def __init__(self, spec: RecognizerSpec, hop_s: float) -> None:
        step = round(spec.hop_s / hop_s)
        if step < 1 or abs(step * hop_s - spec.hop_s) > 1e-6:
            raise ConfigurationError(
                f"eeg.hop_s is {hop_s:g} s, wanted a whole fraction of the model's window hop of {spec.hop_s:g} s, "
                f"for instance {spec.hop_s / 20:g}"
            )
        self._ages = step * np.arange(spec.n_windows)[::-1]
        size = int(self._ages[0]) + 1
        self._log_power = np.zeros((size, len(spec.channels), len(spec.bands)), dtype=np.float32)
        self._mask = np.zeros((size, len(spec.channels)), dtype=np.bool_)
        self.clear()

    def clear(self) -> None:
        """Forget everything, as when a source starts its count anew."""
        self._hops = np.full(len(self._mask), -1)
        self._newest = 0
        self._end_s = float("nan")

    def add(self, hop: int, window: BandPowerWindow) -> None:
        """Keep the window that ended at hop number `hop`, which is above every earlier one."""
        slot = hop % len(self._hops)
        self._log_power[slot] = window.log_power
        self._mask[slot] = window.mask
        self._hops[slot] = hop
        self.skip(hop, window.end_s)

    def skip(self, hop: int, end_s: float) -> None:
        """Move on to a hop that ended at `end_s` without a window."""
        self._newest = hop
        self._end_s = end_s

    def sequence(self) -> EegSequence:
        """Windows at the newest hop and at whole multiples of `spec.hop_s` before it, oldest first."""
        hops = self._newest - self._ages
        slots = hops % len(self._hops)
        channel_mask = self._mask[slots] & ((hops > 0) & (self._hops[slots] == hops))[:, None]
        log_power = self._log_power[slots]
        if not channel_mask.all():
            log_power[~channel_mask] = 0.0
        window_mask = channel_mask.any(axis=1)
        return EegSequence(readonly(log_power), readonly(channel_mask), readonly(window_mask), self._end_s)
