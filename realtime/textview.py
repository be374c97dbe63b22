"""The headless view: what the dashboard shows, as text.

A live table on a terminal; elsewhere a line every 5 s and whenever a stream comes or goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime.interfaces import RecognizerSpec
from realtime.packets import Evidence, MicroMovement, Prediction, StreamHealth, StreamState

_LINE_EVERY_S = 5.0
_STALE_S = 2.0


class TextView:
    """Shows the newest prediction, the last movement and the streams; a context manager, called from one thread."""

    def __init__(self, spec: RecognizerSpec, console: Console | None = None) -> None:
        self._spec = spec
        self._console = console or Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False) if self._console.is_terminal else None
        self._next_line_s = 0.0
        self._states: list[StreamState] = []

    def __enter__(self) -> TextView:
        note = " (trained on simulation)" if self._spec.simulated else ""
        said = f"model {self._spec.model_id}{note}: {', '.join(self._spec.classes)}"
        self._console.print(said, highlight=False, soft_wrap=True)
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(
        self,
        now_s: float,
        prediction: Prediction | None,
        truth: str | None,
        movement: MicroMovement | None,
        movements: int,
        health: Sequence[StreamHealth],
    ) -> None:
        """Show the state at `now_s`; `truth` is the hidden emotion of a simulated participant."""
        if self._live:
            self._live.update(self._table(now_s, prediction, truth, movement, movements, health), refresh=True)
            return
        states: list[StreamState] = [h.state for h in health]
        if now_s >= self._next_line_s or states != self._states:
            self._states = states
            self._next_line_s = now_s + _LINE_EVERY_S
            line = self._line(now_s, prediction, truth, movements, health)
            self._console.print(line, highlight=False, soft_wrap=True)

    def _answer(self, now_s: float, prediction: Prediction | None) -> str:
        if prediction is not None and (age_s := now_s - prediction.stamp) > _STALE_S:
            return f"no prediction for {age_s:.0f} s"
        if prediction is None or prediction.evidence is Evidence.NOT_ENOUGH:
            return "not enough evidence yet"
        best = int(prediction.probabilities.argmax())
        return (
            f"{self._spec.classes[best]} {prediction.probabilities[best]:.2f} from {' + '.join(prediction.modalities)}"
        )

    def _line(
        self,
        now_s: float,
        prediction: Prediction | None,
        truth: str | None,
        movements: int,
        health: Sequence[StreamHealth],
    ) -> str:
        streams = ", ".join(f"{h.name} {h.state} {h.rate_hz:.0f} Hz lost {h.lost}" for h in health)
        told = f" | simulated truth: {truth}" if truth else ""
        notes = "".join(f" | {h.note}" for h in health if h.note)
        return f"{self._answer(now_s, prediction)}{told} | movements {movements} | {streams}{notes}"

    def _table(
        self,
        now_s: float,
        prediction: Prediction | None,
        truth: str | None,
        movement: MicroMovement | None,
        movements: int,
        health: Sequence[StreamHealth],
    ) -> Group:
        emotions = Table("emotion", "probability", "", box=None)
        if prediction is not None:
            for name, p in zip(self._spec.classes, prediction.probabilities, strict=True):
                mark = " <- simulated truth" if name == truth else ""
                emotions.add_row(name, f"{p:.2f}", "█" * round(30 * float(p)) + mark)
        streams = Table("stream", "state", "received", "lost", "age ms", "Hz", box=None)
        for h in health:
            style = None if h.state == "live" else "bold red"
            age = f"{1e3 * h.age_s:.0f}" if h.received else "-"
            row = (h.name, h.state, str(h.received), str(h.lost), age, f"{h.rate_hz:.1f}")
            streams.add_row(*row, style=style)
        last = "none yet"
        if movement is not None:
            ago = now_s - movement.apex_s
            last = f"{movement.kind} {', '.join(movement.regions)}, score {movement.score:.1f}, {ago:.0f} s ago"
        return Group(
            Text(self._answer(now_s, prediction), style="bold"),
            emotions,
            Text(f"movements {movements}, last: {last}"),
            streams,
            *(Text(h.note, style="bold red") for h in health if h.note),
        )
