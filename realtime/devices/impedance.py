"""Electrode impedances on LSL, from boards that measure them. Most do so instead of EEG, never beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.devices.board_node import BoardNode
from realtime.devices.boards import Batch, BoardLayout
from realtime.devices.supervision import Incident, Link, Patience
from realtime.errors import DataError
from realtime.lsl.base import Outlet
from realtime.lsl.description import ChannelDescription, make_info

IMPEDANCE_NAME = "emostream-impedance"
IMPEDANCE_TYPE = "Impedance"

_EVERY_S = 1.0
_PATIENCE = Patience(stall_s=10.0, replace_s=20.0, retry_s=1.0, open_s=60.0)  # some take seconds for each electrode


class ImpedanceOutlet(Outlet):
    """Electrode impedances as a stream of type 'Impedance', ohm, once a second; NaN where none was measured."""

    def __init__(self, labels: Sequence[str], source_id: str) -> None:
        channels = [ChannelDescription(label, "ohms", IMPEDANCE_TYPE) for label in labels]
        info = make_info(
            IMPEDANCE_NAME, IMPEDANCE_TYPE, channels, rate_hz=1.0, channel_format="float32", source_id=source_id
        )
        super().__init__(info, max_buffered=600)

    def push(self, ohms: NDArray[np.float32], stamp: float) -> None:
        """Send one value an electrode: (n_electrodes,) float32."""
        self._push_rows(ohms[None], stamp)


class ImpedanceMeter:
    """One value a second for each electrode: the median of what the board said, where it said anything but zero."""

    def __init__(self, count: int) -> None:
        self._parts: list[NDArray[np.float64]] = []
        self._due_s = math.nan
        self._count = count

    def add(self, ohms: NDArray[np.float64], stamp: float) -> NDArray[np.float32] | None:
        """Take (n_electrodes, n_times) in, the newest stamped `stamp`; the values of a second that is over."""
        self._parts.append(ohms)
        if math.isnan(self._due_s):
            self._due_s = stamp + _EVERY_S
        if stamp < self._due_s:
            return None
        self._due_s = max(self._due_s + _EVERY_S, stamp)
        together = np.concatenate(self._parts, axis=1)
        self._parts.clear()
        said = [row[row != 0.0] for row in together]
        return np.array([np.median(row) if row.size else np.nan for row in said], np.float32)


class ImpedanceNode(BoardNode):
    """A board that measures impedances: `start`, then `step` some times a second, `stop`.

    Stream 'emostream-impedance', source id `tag` plus '-impedance'. No EEG is sent: what the board gives in its place
    meanwhile is none.

    Parameters
    ----------
    layout : BoardLayout
    open_board : callable
        Opens the board in its impedance mode.
    tag : str
    say : callable, optional
        Takes a line for whoever sits at the headset; any thread.
    patience : Patience
    clock : callable
        LSL seconds.

    Raises
    ------
    DataError
        The board measures none.
    """

    def __init__(
        self,
        layout: BoardLayout,
        open_board: Callable[[], Link[Batch]],
        *,
        tag: str = "emostream-headset",
        say: Callable[[str], object] = lambda _line: None,
        patience: Patience = _PATIENCE,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        if not layout.impedance_rows:
            raise DataError(f"board '{layout.name}' measures no impedance: 'emostream headset --list' shows which do")
        super().__init__(layout, open_board, f"{tag}-impedance", say, patience, clock)
        self._meter = ImpedanceMeter(len(layout.impedance_rows))
        self._outlet: ImpedanceOutlet | None = None
        self.newest: dict[str, float] = {}
        """The last value of each electrode, ohm; NaN where none was measured."""

    def summary(self) -> dict[str, Any]:
        """The newest values, for a JSON file."""
        return {
            "headset": {"board": self._layout.name, "impedance_ohm": dict(self.newest)},
            "sent": {"values an electrode": self._outlet.pushed if self._outlet is not None else 0},
        }

    def _outlets(self) -> Sequence[Outlet]:
        return [self._outlet] if self._outlet is not None else []

    def _take(self, batch: Batch) -> None:
        layout = self._layout
        if self._outlet is None:
            self._outlet = ImpedanceOutlet(layout.impedance_labels, self._source_id)
            self._say(f"on LSL: {IMPEDANCE_NAME} (source id {self._source_id}), and no EEG meanwhile; Ctrl-C ends it")
        stamp = float(batch.arrived[-1])
        ohms = self._meter.add(batch.rows[list(layout.impedance_rows)], stamp)
        if ohms is None:
            return
        self.newest = dict(zip(layout.impedance_labels, ohms.tolist(), strict=True))
        self._outlet.push(ohms, stamp)
        self._say(", ".join(f"{label} {_shown(value)}" for label, value in self.newest.items()))

    def _report(self, incident: Incident) -> None:
        self._say(f"{self._supervisor.name} is {incident.kind}: {incident.reason} ({incident.away_s:.1f} s)")


def _shown(ohms: float) -> str:
    return "-" if math.isnan(ohms) else f"{ohms / 1e3:.1f} kΩ"
