"""Emotion traces: one line a class over seconds to hours, broken wherever there is nothing to stand on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent, QResizeEvent
from PyQt5.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QWidget

from gui.panels.base import Level, Panel, age_text
from gui.panels.choices import ChoiceButton, choice_style
from gui.panels.emotion.axis import DEFAULT_SPAN, SPANS, axis_start, clock_text
from gui.panels.emotion.canvas import EmotionCanvas
from gui.panels.emotion.history import SOURCES, STALE_AFTER_S, EmotionHistory, Source
from gui.panels.emotion.picture import Picture
from gui.panels.emotion.trials import TrialBand, TruthBand
from gui.streams.messages import EmotionModel, EmotionSample, TruthEvent
from gui.streams.session_messages import StimulusEvent
from gui.theme import Theme, scaled

HISTORY_S = 60.0
VIEWS: tuple[tuple[str, tuple[Source, ...], bool], ...] = (
    ("fused", ("fused",), False),
    ("EEG alone", ("eeg",), False),
    ("face alone", ("face",), False),
    ("compare three", SOURCES, False),
    ("class by class", ("fused",), True),
)
"""What the operator may look at: name, a plot for each source, whether each class has a plot of its own instead."""

_ROOMY_PX = 390
KEYS = "1-5 span · C compare · A clock or ago · F freeze · Shift+arrows back and forth · arrows read out"


class TracesPanel(Panel):
    """Probabilities over time with their confidence and what they rest on; trials, and what a simulator says is true.

    Parameters
    ----------
    theme : Theme
    wall_clock : callable, optional
        Seconds since 1970.
    """

    axis_changed = pyqtSignal()
    """Span, moment or kind of the time axis changed."""

    def __init__(self, theme: Theme, wall_clock: Callable[[], float] = time.time) -> None:
        super().__init__("Emotion traces", theme)
        self.model: EmotionModel | None = None
        self.history: EmotionHistory | None = None
        self.truth = TruthBand()
        self.trials = TrialBand()
        self.span = DEFAULT_SPAN
        self.view = 0
        self.clock = False
        self.uncertain_below = 0.0
        """A state of less confidence is called uncertain, and dotted."""
        self._wall_clock = wall_clock
        self._wall_s = 0.0
        self._now_s = 0.0
        self._held_s: float | None = None
        self.canvas = EmotionCanvas(theme)
        self.add(self._controls(), 0)
        self.add(self.canvas, 1)
        self.setFocusProxy(self.canvas)
        self.setAccessibleName("Emotion traces")
        self.setAccessibleDescription(f"Probability of each emotion over time. Keys: {KEYS}")

    def _controls(self) -> QWidget:
        bar = QWidget()
        row = self._row = QHBoxLayout(bar)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        self._span_buttons = QButtonGroup(self)
        for index, (name, _) in enumerate(SPANS):
            button = _toggle(name, f"Show {'everything' if name == 'all' else 'the last ' + name} (key {index + 1})")
            button.setChecked(index == self.span)
            self._span_buttons.addButton(button, index)
            row.addWidget(button)
        self._span_buttons.idClicked.connect(self.set_span)
        row.addSpacing(6)
        views = [(name, index) for index, (name, *_) in enumerate(VIEWS)]
        self._view_button = ChoiceButton("What the traces show (key C)", self.theme, views, self.view)
        self._view_button.chosen.connect(self.set_view)
        row.addWidget(self._view_button)
        row.addStretch(1)
        self._clock_button = _toggle("clock", "The time axis tells the clock, or how long ago (key A)")
        self._clock_button.clicked.connect(self.set_clock)
        self._freeze_button = _toggle("freeze", "Hold the picture still; predictions are still kept (key F)")
        self._freeze_button.clicked.connect(self.set_frozen)
        row.addWidget(self._clock_button)
        row.addWidget(self._freeze_button)
        # a button that grew bold when checked would push its neighbours
        style = choice_style(self.theme) + "QPushButton:checked { font-weight: normal; padding: 1px 7px; }"
        for part in (bar, self._clock_button, self._freeze_button):
            part.setStyleSheet(style)
        return bar

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """The last two buttons stand beside the title where one row is too short for all."""
        super().resizeEvent(a0)
        row = self._row if self.width() >= scaled(_ROOMY_PX) else self._title_row
        for button in (self._clock_button, self._freeze_button):
            if row.indexOf(button) < 0:
                row.addWidget(button)

    # -- what comes in --------------------------------------------------------------------------------------------

    def take(self, model: EmotionModel, sample: EmotionSample) -> None:
        """Add a prediction; another model starts the picture anew, for its numbers are not comparable."""
        known, history = self.model, self.history
        if known is None or history is None or (model.classes, model.model_id) != (known.classes, known.model_id):
            if history is not None and sample.stamp <= history.last_s:
                return  # of a model that went before, told again to a panel made anew
            history = EmotionHistory(len(model.classes))
        self.model, self.history = model, history
        history.push(sample)

    def take_truth(self, event: TruthEvent) -> None:
        """Take what the simulator says."""
        self.truth.push(event)

    def take_stimulus(self, event: StimulusEvent) -> None:
        """Take what the presentation says: its trials are shaded under their own name."""
        if event.event == "trial_start":
            self.trials.begin(event.stamp, " ".join(part for part in (event.trial, event.text) if part))
        elif event.event in ("trial_end", "session_end"):
            self.trials.finish(event.stamp)

    def adopt(self, before: TracesPanel) -> None:
        """Go on with the memory and the settings of the panel this one replaces."""
        self.model, self.history = before.model, before.history
        self.truth, self.trials = before.truth, before.trials
        self._now_s, self._wall_s, self._held_s = before._now_s, before._wall_s, before._held_s
        self.span, self.view, self.clock = before.span, before.view, before.clock
        self.uncertain_below = before.uncertain_below
        self._show_settings()

    # -- settings -------------------------------------------------------------------------------------------------

    @property
    def frozen(self) -> bool:
        """True while the picture is held."""
        return self._held_s is not None

    @property
    def axis_now(self) -> tuple[float, float, float | None]:
        """LSL seconds at both edges of the time axis, and the clock's offset where it tells the clock."""
        end_s = self._held_s if self._held_s is not None else self._now_s
        first_s = self.history.first_s if self.history else float("nan")
        return axis_start(SPANS[self.span][1], first_s, end_s), end_s, self._wall_s if self.clock else None

    @property
    def truth_on_screen(self) -> bool:
        """True where the picture holds something that only a simulator knows."""
        start_s, end_s, _ = self.axis_now
        return bool(self.truth.spans(start_s, end_s))

    def gutters(self) -> tuple[float, float]:
        """Pixels left and right of the time axis."""
        return self.canvas.gutters(self.model.names if self.model else ())

    def set_span(self, index: int) -> None:
        """Choose how far back the axis reaches, by its place in `SPANS`."""
        self.span = min(max(index, 0), len(SPANS) - 1)
        self._show_settings()

    def set_view(self, index: int) -> None:
        """Choose fused, EEG alone, face alone, all three or class by class, by its place in `VIEWS`."""
        self.view = index % len(VIEWS)
        self._show_settings()

    def set_clock(self, clock: bool) -> None:
        """Let the axis tell the clock, or how long ago."""
        self.clock = clock
        self._show_settings()

    def set_frozen(self, frozen: bool) -> None:
        """Hold the picture still, or let it go on; predictions are kept either way."""
        self._held_s = self._now_s if frozen else None
        self._show_settings()

    def look(self, parts: int) -> None:
        """Hold the picture and move it by quarters of the span, back where negative; past the present it goes on."""
        start_s, end_s, _ = self.axis_now
        moved = end_s + 0.25 * parts * (end_s - start_s)
        if self.history is not None:
            moved = max(moved, min(self._now_s, self.history.first_s + 0.25 * (end_s - start_s)))
        self._held_s = moved if moved < self._now_s else None
        self._show_settings()

    def _show_settings(self) -> None:
        for index, button in enumerate(self._span_buttons.buttons()):
            button.setChecked(index == self.span)
        self._view_button.set_value(self.view)
        self._clock_button.setChecked(self.clock)
        self._freeze_button.setChecked(self.frozen)
        self.axis_changed.emit()
        self._show()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Take the keys of span, view, clock and freeze."""
        if a0 is None or not self._obeys(a0):
            super().keyPressEvent(a0)

    def _obeys(self, event: QKeyEvent) -> bool:
        key, shift = event.key(), event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        if shift and key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.look(-1 if key == Qt.Key.Key_Left else 1)
        elif event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        elif Qt.Key.Key_1 <= key < Qt.Key.Key_1 + len(SPANS):
            self.set_span(key - Qt.Key.Key_1)
        elif key == Qt.Key.Key_C:
            self.set_view(self.view + 1)
        elif key == Qt.Key.Key_A:
            self.set_clock(not self.clock)
        elif key == Qt.Key.Key_F:
            self.set_frozen(not self.frozen)
        else:
            return False
        return True

    # -- what is shown --------------------------------------------------------------------------------------------

    def refresh(self, now_s: float) -> None:
        """Draw the time that ends at `now_s`; held, the picture stays and the note goes on."""
        self.keep_time(now_s)
        if not self.frozen:
            self._show()
        self.set_note(*self._words(now_s))

    def keep_time(self, now_s: float) -> None:
        """Let the axis end at `now_s`, where it is not held: other panels go by it while this one is not seen."""
        self._now_s = now_s
        if not self.frozen:
            self._wall_s = self._wall_clock() - now_s

    def _show(self) -> None:
        if self.model is None or self.history is None:
            return
        start_s, end_s, _ = self.axis_now
        picture = Picture(
            self.model,
            self.history,
            start_s,
            end_s,
            self._wall_s,
            self.clock,
            *VIEWS[self.view][1:],
            self.trials.spans(start_s, end_s),
            self.truth.spans(start_s, end_s),
            self.uncertain_below,
        )
        self.canvas.show_picture(picture)

    def _words(self, now_s: float) -> tuple[str, Level]:
        if self.history is None or not len(self.history):
            return "waiting for predictions", ""
        silent_s = now_s - self.history.last_s
        stale = f"stale: no predictions for {age_text(silent_s)}" if silent_s > STALE_AFTER_S else ""
        if self._held_s is not None:
            held = f"held at {clock_text(self._held_s + self._wall_s)}, {age_text(now_s - self._held_s)} ago"
            return (f"{held} · {stale}", "bad") if stale else (f"{held} · predictions are still kept", "warn")
        if stale:
            return stale, "bad"
        newest = next(iter(self.history.samples(self.history.last_s, now_s)), None)
        return ("not enough evidence", "warn") if newest is not None and not newest.enough else ("", "")

    def export_rows(self) -> Iterator[tuple[str | float, ...]]:
        """The predictions on the screen, for a CSV file: a header, then a row each.

        Probabilities are nan where there was not enough evidence, or where a modality alone said nothing. `clock` is
        local time, `time_s` LSL seconds. The predictions are taken now; any thread may turn them into rows.
        """
        start_s, end_s, _ = self.axis_now
        samples = self.history.samples(start_s, end_s) if self.history is not None else iter(())
        return self._rows(self.model, samples, self._wall_s)

    @staticmethod
    def _rows(
        model: EmotionModel | None, samples: Iterator[EmotionSample], wall_s: float
    ) -> Iterator[tuple[str | float, ...]]:
        classes = model.classes if model else ()
        alone = [f"{kind}_{name}" for kind in ("p", "eeg", "face") for name in classes]
        uses = ("confidence", "used_eeg", "used_face", "enough_evidence", "eeg_age_s", "face_age_s")
        yield ("time_s", *alone, *uses, "clock", "model", "simulated_model")
        if model is None:
            return
        for sample in samples:
            shares = (*sample.probabilities, *sample.by_eeg, *sample.by_face, sample.confidence)
            yield (
                sample.stamp,
                *(float(share) for share in shares),
                *(int(flag) for flag in (sample.used_eeg, sample.used_face, sample.enough)),
                sample.eeg_age_s,
                sample.face_age_s,
                datetime.fromtimestamp(sample.stamp + wall_s).isoformat(timespec="milliseconds"),
                model.model_id,
                int(model.simulated),
            )


def _toggle(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setAccessibleDescription(tip)
    return button
