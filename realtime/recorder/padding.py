"""Padding that the recorder sends and has recorded, so that LabRecorder writes small streams to the disk in time."""

from __future__ import annotations

import numpy as np
import pylsl

from realtime.lsl.base import Outlet
from realtime.lsl.description import make_info

FLUSH = "emostream-flush"
"""Name of the two streams.

LabRecorder keeps what is shorter than a kilobyte in memory until eight have come together, which are ten seconds of
four channels at 50 Hz; a longer chunk takes all before it along to the disk. So a recorder that is killed loses no more
of a small stream than of a large one, and a file that does not grow is one that cannot.
"""

_BYTES = 540
"""Two of five a second and stream make more than a kilobyte in each of LabRecorder's half seconds."""

_BUFFERED = 64


class PaddingOutlet(Outlet):
    """A stream of type 'Padding', 540 zero bytes a sample, irregular; to be recorded and never to be read.

    Parameters
    ----------
    source_id : str
    """

    def __init__(self, source_id: str) -> None:
        info = make_info(FLUSH, "Padding", _BYTES, rate_hz=0.0, channel_format="int8", source_id=source_id)
        super().__init__(info, max_buffered=_BUFFERED)
        self._row = np.zeros((1, _BYTES), np.int8)

    def push(self) -> None:
        """Send some, stamped now."""
        self._push_rows(self._row, pylsl.local_clock())
