"""What electrodes and amplifiers do wrong, put on clean samples: a fault begins at a moment and lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float32

Kind = Literal["flat", "railed", "mains", "jump"]

KINDS: tuple[Kind, ...] = ("flat", "railed", "mains", "jump")
RAIL_UV = 187_500.0
"""Full scale of a common 24-bit amplifier at a gain of 24."""

MAINS_UV = 60.0
"""Amplitude of the hum of an electrode that has come off."""

JUMP_UV = 300_000.0
"""How far an electrode's offset jumps where the cable is pulled."""


@dataclass(frozen=True, slots=True)
class ElectrodeFault:
    """A fault of some channels.

    Parameters
    ----------
    kind : 'flat', 'railed', 'mains' or 'jump'
        The input is shorted; the amplifier stays at its rail; the mains hum in; the offset jumps by 300 mV and stays
        there.
    channels : sequence of int
        Rows of the samples.
    from_s : float
        Stamp at which it begins.
    until_s : float
        Stamp at which it is over.
    mains_hz : float
    """

    kind: Kind
    channels: Sequence[int]
    from_s: float
    until_s: float = np.inf
    mains_hz: float = 50.0

    def put_on(self, samples: Float32, stamps: NDArray[np.float64]) -> Float32:
        """A copy with the fault.

        Parameters
        ----------
        samples : (n_channels, n_times) float32
            Microvolts.
        stamps : (n_times,) float64

        Returns
        -------
        (n_channels, n_times) float32
        """
        now = (stamps >= self.from_s) & (stamps < self.until_s)
        if not now.any():
            return samples
        out = samples.copy()
        rows = np.ix_(np.asarray(self.channels), np.flatnonzero(now))
        when_s = stamps[now]
        match self.kind:
            case "flat":
                out[rows] = 0.0
            case "railed":
                out[rows] = RAIL_UV
            case "mains":
                out[rows] += MAINS_UV * np.sin(2.0 * np.pi * self.mains_hz * when_s).astype(np.float32)
            case "jump":
                out[rows] += np.float32(JUMP_UV)
        return out
