"""The headless view: what the dashboard shows, as text.

A live table on a terminal; elsewhere a line every 5 s and whenever a stream comes or goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from realtime.interfaces import RecognizerSpec
from realtime.packets import Evidence, MicroMovement, Prediction, StreamHealth, StreamState
from realtime.shedding import Shed

_LINE_EVERY_S = 5.0
_STALE_S = 2.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How a session stands.

    Parameters
    ----------
    prediction : Prediction or None
        The newest.
    truth : str or None
        The hidden emotion of a simulated participant.
    movement : MicroMovement or None
        The last.
    movements : int
        How many there were.
    health : sequence of StreamHealth
    names : mapping
        Name of a class -> what it is called on screens.
    uncertain_below : float
        A state of less confidence is called uncertain.
    shed : Shed
        What a busy engine gives up.
    """

    prediction: Prediction | None
    truth: str | None
    movement: MicroMovement | None
    movements: int
    health: Sequence[StreamHealth]
    names: Mapping[str, str]
    uncertain_below: float
    shed: Shed

    def name_of(self, emotion: str) -> str:
        """What a class is called."""
        return self.names.get(emotion, emotion)

    @property
    def given_up(self) -> str:
        """What a busy engine gives up, in words; '' where it is nothing."""
        if not self.shed.screen:
            return ""
        video = f" and looks at one frame of {self.shed.video_every}" if self.shed.video_every > 1 else ""
        return f"busy: sends less to screens{video}"


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

    def show(self, now_s: float, standing: Standing) -> None:
        """Show how it stands at `now_s`."""
        if self._live:
            self._live.update(self._table(now_s, standing), refresh=True)
            return
        states: list[StreamState] = [h.state for h in standing.health]
        if now_s >= self._next_line_s or states != self._states:
            self._states = states
            self._next_line_s = now_s + _LINE_EVERY_S
            self._console.print(self._line(now_s, standing), highlight=False, soft_wrap=True)

    def _answer(self, now_s: float, standing: Standing) -> str:
        prediction = standing.prediction
        if prediction is not None and (age_s := now_s - prediction.stamp) > _STALE_S:
            return f"no prediction for {age_s:.0f} s"
        if prediction is None or prediction.evidence is Evidence.NOT_ENOUGH:
            return "not enough evidence yet"
        if prediction.confidence < standing.uncertain_below:
            return f"uncertain: confidence {prediction.confidence:.2f}"
        best = int(prediction.probabilities.argmax())
        name = standing.name_of(self._spec.classes[best])
        return f"{name} {prediction.probabilities[best]:.2f} from {' + '.join(prediction.modalities)}"

    def _line(self, now_s: float, standing: Standing) -> str:
        streams = ", ".join(f"{h.name} {h.state} {h.rate_hz:.0f} Hz lost {h.lost}" for h in standing.health)
        truth = standing.truth and f"simulated truth: {standing.name_of(standing.truth)}"
        notes = [h.note for h in standing.health if h.note]
        parts = (
            self._answer(now_s, standing),
            truth,
            f"movements {standing.movements}",
            streams,
            standing.given_up,
            *notes,
        )
        return " | ".join(part for part in parts if part)

    def _table(self, now_s: float, standing: Standing) -> Group:
        prediction, movement = standing.prediction, standing.movement
        emotions = Table("emotion", "probability", "", box=None)
        if prediction is not None:
            for name, p in zip(self._spec.classes, prediction.probabilities, strict=True):
                mark = " <- simulated truth" if name == standing.truth else ""
                emotions.add_row(standing.name_of(name), f"{p:.2f}", "█" * round(30 * float(p)) + mark)
        streams = Table("stream", "state", "received", "lost", "age ms", "Hz", box=None)
        for h in standing.health:
            style = None if h.state == "live" else "bold red"
            age = f"{1e3 * h.age_s:.0f}" if h.received else "-"
            row = (h.name, h.state, str(h.received), str(h.lost), age, f"{h.rate_hz:.1f}")
            streams.add_row(*row, style=style)
        last = "none yet"
        if movement is not None:
            ago = now_s - movement.apex_s
            last = f"{movement.kind} {', '.join(movement.regions)}, score {movement.score:.1f}, {ago:.0f} s ago"
        notes = [h.note for h in standing.health if h.note]
        return Group(
            Text(self._answer(now_s, standing), style="bold"),
            emotions,
            Text(f"movements {standing.movements}, last: {last}"),
            streams,
            *(Text(note, style="bold red") for note in [standing.given_up, *notes] if note),
        )
