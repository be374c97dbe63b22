"""What every node has that keeps a board open and sends what it says: start, step, stop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack

import pylsl

from realtime.devices.boards import Batch, BoardLayout
from realtime.devices.supervision import Incident, Link, Patience, Supervisor
from realtime.errors import ConfigurationError
from realtime.lsl.base import Outlet

_LOOK_S = 0.5


class BoardNode(ABC):
    """A supervised board and the streams made of it: `start`, then `step` some times a second, `stop`.

    Parameters
    ----------
    layout : BoardLayout
    open_board : callable
        Opens the board.
    source_id : str
        Of its main stream, which must not be on LSL yet.
    say : callable
        Takes a line for whoever sits at the headset; any thread.
    patience : Patience
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        layout: BoardLayout,
        open_board: Callable[[], Link[Batch]],
        source_id: str,
        say: Callable[[str], object],
        patience: Patience,
        clock: Callable[[], float],
    ) -> None:
        self._layout, self._source_id, self._say = layout, source_id, say
        self._supervisor: Supervisor[Batch] = Supervisor(
            f"headset '{layout.name}'", open_board, self._take, self._report, patience=patience, clock=clock
        )

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self._supervisor.state not in ("ended", "failed")

    def start(self) -> None:
        """Open the board and begin.

        Raises
        ------
        ConfigurationError
            Another program already sends under this source id.
        """
        if pylsl.resolve_byprop("source_id", self._source_id, 1, _LOOK_S):
            raise ConfigurationError(f"'{self._source_id}' is on LSL already: give this one a --tag")
        self._say(f"opening {self._supervisor.name}")
        self._supervisor.start()

    def step(self) -> None:
        """Watch the board."""
        self._supervisor.step()

    def stop(self) -> None:
        """Let the board go and withdraw the streams; safe to call twice.

        Raises
        ------
        EmostreamError
            The board failed for good.
        """
        with ExitStack() as stack:
            for outlet in self._outlets():
                stack.callback(outlet.close)
            stack.callback(self._supervisor.stop)

    @abstractmethod
    def _outlets(self) -> Iterable[Outlet]:
        """The streams that are open."""

    @abstractmethod
    def _take(self, batch: Batch) -> None:
        """Send what the board said. The reading thread."""

    @abstractmethod
    def _report(self, incident: Incident) -> None:
        """Tell what went wrong. Any thread."""
