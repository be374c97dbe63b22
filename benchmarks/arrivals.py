"""What the processes of the latency benchmark agree on: streams, rates, how a push is told by its samples.

The last sample of a push carries the push's number in the first channel, whose other samples are 0. No LSL here: a peer
brings a liblsl of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

OURS = ("raw", "reader", "prediction")
PEERS = ("mne-lsl", "loop")
LEAD_IN_S = 4.0
"""The first pushes are not measured: connections are made, and a prediction needs three windows."""

SFREQ_HZ, PUSH = 1000.0, 20
END = -1.0
PATIENCE_S = 60.0

Answers = dict[str, dict[int, float]]
"""LSL seconds of each answer by the push that it rests on, under the name of what was answered."""


def stream_name(role: str) -> str:
    """Name, and source id, of the stream that a receiver reads."""
    return f"bench-{role}"


class Arrivals:
    """When which push arrived; called by one receiver with each piece of the first channel."""

    def __init__(self) -> None:
        self.times: dict[int, float] = {}
        self.newest = 0
        self.ended = False

    def note(self, first_channel: np.ndarray, at: float) -> int:
        """Take the numbers in; returns the oldest push that has a sample among them."""
        oldest = 0
        for value in first_channel[first_channel != 0]:
            if value == END:
                self.ended = True
                continue
            self.newest = int(value)
            oldest = oldest or self.newest
            self.times[self.newest] = at
        return oldest or self.newest + 1


def newest_push(first_channel: NDArray[np.floating]) -> int:
    """The push to which the newest sample of a window belongs; 0 where the window tells of none.

    Parameters
    ----------
    first_channel : (n_times,)
    """
    told = np.flatnonzero(first_channel > 0)
    if not told.size:
        return 0
    last = int(told[-1])
    return int(first_channel[last]) + (last < len(first_channel) - 1)
