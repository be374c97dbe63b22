"""A BrainFlow board on LSL: EEG in microvolts with its gaps, electrode impedances, and what goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.devices.board_node import BoardNode
from realtime.devices.boards import Batch, BoardLayout
from realtime.devices.impedance import IMPEDANCE_NAME, ImpedanceMeter, ImpedanceOutlet
from realtime.devices.samples import CounterRule, SampleClock
from realtime.devices.supervision import Incident, Link, Patience
from realtime.lsl.base import Outlet
from realtime.lsl.outlets import EegOutlet, MarkerOutlet
from realtime.packets import EegInfo

EEG_NAME = "emostream-eeg"
STATE_NAME = "emostream-headset"
"""Markers about headsets: lost, back."""

_LEARN_S = 1.2
_RATE_AFTER_S = 20.0
_RATE_TOLERANCE = 0.01
_PATIENCE = Patience(stall_s=1.0, replace_s=3.0, retry_s=1.0, open_s=60.0)  # a radio link takes its time to be found


class HeadsetNode(BoardNode):
    """One board on LSL: `start`, then `step` some times a second, `stop`.

    Streams 'emostream-eeg', 'emostream-impedance' where the board measures it beside, and markers 'emostream-headset';
    source ids are `tag` plus '-eeg', '-impedance', '-state'. The first second is kept to learn how the board counts.

    Parameters
    ----------
    layout : BoardLayout
    open_board : callable
        Opens the board.
    tag : str
    say : callable, optional
        Takes a line for whoever sits at the headset; any thread.
    patience : Patience
    clock : callable
        LSL seconds.
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
        super().__init__(layout, open_board, f"{tag}-eeg", say, patience, clock)
        self._tag, self._clock = tag, clock
        self._first: list[Batch] = []
        self._learnt = 0
        self._samples: SampleClock | None = None
        self._eeg: EegOutlet | None = None
        self._impedance: ImpedanceOutlet | None = None
        self._markers: MarkerOutlet | None = None
        self._meter: ImpedanceMeter | None = None
        electrodes = zip(layout.impedance_rows, layout.impedance_labels, strict=True)
        self._beside = {row: label for row, label in electrodes if row not in layout.rows}
        self._attempts = 1
        self._back: Incident | None = None
        self._lost_before = 0
        self._started_s = math.nan
        self._rate_told = False
        self.incidents: list[dict[str, Any]] = []
        """The last hundred things that went wrong, as they were told."""

    def summary(self) -> dict[str, Any]:
        """Counts, rates and incidents, for a JSON file."""
        layout, samples = self._layout, self._samples
        lost = samples.lost - self._lost_before if samples is not None else 0
        pushed = self._eeg.pushed if self._eeg is not None else 0
        return {
            "headset": {
                "board": layout.name,
                "channels": list(layout.labels),
                "types": list(layout.types),
                "sfreq_hz": layout.sfreq_hz,
                "measured_sfreq_hz": samples.rate_hz if samples is not None else None,
                "losses": "counted by the board" if samples is not None and samples.counted else "told by time",
                "impedance": list(self._beside.values()) if self._impedance is not None else [],
            },
            "sent": {"samples": pushed, "lost on the way": lost},
            "incidents": list(self.incidents),
        }

    def _outlets(self) -> Iterator[Outlet]:
        yield from (outlet for outlet in (self._eeg, self._impedance, self._markers) if outlet is not None)

    def _take(self, batch: Batch) -> None:
        """Learn how the board counts, then send. The reading thread."""
        if self._samples is None:
            self._first.append(batch)
            self._learnt += batch.rows.shape[1]
            if self._learnt < _LEARN_S * self._layout.sfreq_hz:
                return
            self._publish()
            return
        if self._supervisor.attempts != self._attempts:
            self._attempts = self._supervisor.attempts
            self._samples.restart()
        before = self._samples.lost
        stamps = self._samples.map(self._numbers(batch.rows), batch.arrived)
        self._tell(batch, stamps, self._samples.lost - before)
        assert self._eeg is not None
        self._eeg.push(batch.rows[list(self._layout.rows)], stamps)
        self._measure(batch.rows, float(stamps[-1]))

    def _publish(self) -> None:
        """Open the streams; the first second warms the clock up and is not sent."""
        layout = self._layout
        rows = np.concatenate([batch.rows for batch in self._first], axis=1)
        arrived = np.concatenate([batch.arrived for batch in self._first])
        self._first.clear()
        numbers = self._numbers(rows)
        rule = CounterRule.learn(numbers) if layout.package_row is not None else None
        self._samples = SampleClock(layout.sfreq_hz, rule)
        self._samples.map(numbers, arrived)
        self._lost_before = self._samples.lost
        info = EegInfo(EEG_NAME, self._source_id, layout.labels, layout.sfreq_hz)
        self._markers = MarkerOutlet(STATE_NAME, f"{self._tag}-state", clock=self._clock)
        if self._beside and rows[list(self._beside)].any():  # most boards measure either, and say zero here
            self._impedance = ImpedanceOutlet(tuple(self._beside.values()), f"{self._tag}-impedance")
            self._meter = ImpedanceMeter(len(self._beside))
        self._eeg = EegOutlet(info, types=layout.types, clock=self._clock)
        self._started_s = self._clock()
        others = len(layout.rows) - layout.n_eeg
        also = f" and {others} others" if others else ""
        self._say(
            f"{layout.name}: {layout.n_eeg} EEG channels{also} at {layout.sfreq_hz:g} Hz: {', '.join(layout.labels)}"
        )
        if rule is None:
            self._say("this board does not count its packages: lost samples are told by time alone")
        shown = f"{EEG_NAME}, {IMPEDANCE_NAME}" if self._impedance is not None else EEG_NAME
        self._say(f"on LSL: {shown} (source id {info.source_id}); Ctrl-C ends it")

    def _numbers(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        row = self._layout.package_row
        return rows[row] if row is not None else np.zeros(rows.shape[1])

    def _measure(self, rows: NDArray[np.float64], stamp: float) -> None:
        if self._impedance is None or self._meter is None:
            return
        ohms = self._meter.add(rows[list(self._beside)], stamp)
        if ohms is not None:
            self._impedance.push(ohms, stamp)

    def _tell(self, batch: Batch, stamps: NDArray[np.float64], lost: int) -> None:
        assert self._samples is not None
        if self._back is not None:
            away_s, self._back = self._back.away_s, None
            self._say(f"{self._supervisor.name} is back after {away_s:.1f} s")
            self._mark("headset_back", away_s=round(away_s, 3), lost=lost)
        elif lost:
            self._say(
                f"{lost} samples were lost on the way from the headset, {self._samples.lost - self._lost_before} in all"
            )
            self._mark("headset_samples_lost", lost=lost, at_s=float(stamps[0]))
        rate = self._samples.rate_hz
        if not self._rate_told and self._clock() - self._started_s > _RATE_AFTER_S:
            self._rate_told = True
            if abs(rate / self._layout.sfreq_hz - 1.0) > _RATE_TOLERANCE:
                self._say(f"the board says {self._layout.sfreq_hz:g} Hz and gives {rate:.2f}")

    def _report(self, incident: Incident) -> None:
        """Any thread, one at a time."""
        if self._samples is None:
            return
        if incident.kind == "back":
            self._back = incident
            return
        self._say(f"{self._supervisor.name} is lost: {incident.reason}; trying again")
        self._mark("headset_lost", reason=incident.reason)

    def _mark(self, event: str, **values: object) -> None:
        told = {"event": event, "board": self._layout.name, **values}
        self.incidents = [*self.incidents[-99:], {**told, "told_s": self._clock()}]
        if self._markers is not None and not self._markers.closed:
            self._markers.push_json(told)
