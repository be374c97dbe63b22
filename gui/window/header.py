"""The line at the top: the menu, what is shown (badges), what was just done, a note, and the recording."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QMenu, QSizePolicy, QToolButton, QWidget

from gui.panels.base import NoteLabel
from gui.session.record import RecordControl
from gui.streams.messages import EmotionModel
from gui.theme import Theme, scaled

DEMONSTRATION = "demonstration model - trained on simulated people"
DEMONSTRATION_SHORT = "demonstration model"
PARTICIPANT = "SIMULATED PARTICIPANT"
HINT = "?  help    N  note    Space  pause"
SAID_S = 8.0
_ROOMY_PX = 1100


class Header(QWidget):
    """The line at the top of the window. GUI thread.

    Parameters
    ----------
    theme : Theme
    clock : callable
        LSL seconds.
    send : callable
        Sends an operator's action: (JSON text, LSL stamp).
    """

    noted = pyqtSignal(str)
    """A note was written."""

    def __init__(self, theme: Theme, clock: Callable[[], float], send: Callable[[str, float], None]) -> None:
        super().__init__()
        self._said_until, self._bad = -1.0, False
        self.menu = QMenu(self)
        self.button = QToolButton()
        self.button.setText("☰ emostream")
        self.button.setAccessibleName("Menu")
        self.button.setToolTip("Menu (F10)")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(self.menu)
        self.button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._model_badge = _badge(DEMONSTRATION, "model")
        self._truth_badge = _badge(PARTICIPANT, "truth")
        self._pause_badge = _badge("DISPLAY PAUSED", "paused")
        self._model = NoteLabel(theme)
        self.said = NoteLabel(theme)
        self.record = RecordControl(theme, clock, send)
        self.note = QLineEdit()
        self.note.setAccessibleName("Note about the moment N was pressed")
        self.note.setPlaceholderText("note: Enter sends it, Esc drops it")
        self.note.setMinimumWidth(300)
        self.note.setMaxLength(500)
        self.note.setVisible(False)
        self.note.returnPressed.connect(lambda: self.noted.emit(self.note.text().strip()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (self.button, self._model_badge, self._truth_badge, self._pause_badge):
            row.addWidget(widget)
        row.addWidget(self._model, 2)
        row.addWidget(self.said, 3)
        row.addWidget(self.note)
        row.addWidget(self.record)
        self.said.show_text(HINT, "")

    def badges(self) -> tuple[str, ...]:
        """Texts of the badges that are visible."""
        shown = (self._model_badge, self._truth_badge, self._pause_badge)
        return tuple(badge.text() for badge in shown if not badge.isHidden())

    @property
    def simulated(self) -> bool:
        """Whether the participant is said to be simulated."""
        return not self._truth_badge.isHidden()

    @property
    def noting(self) -> bool:
        """Whether a note is being written."""
        return not self.note.isHidden()

    def set_theme(self, theme: Theme) -> None:
        """Show everything in the colours of a theme."""
        self.said.set_theme(theme)
        self._model.set_theme(theme)
        self._fit_badge()
        self.record.set_theme(theme)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """A badge that would take the place of what is said is shorter."""
        super().resizeEvent(a0)
        self._fit_badge()

    def _fit_badge(self) -> None:
        self._model_badge.setText(DEMONSTRATION if self.width() >= scaled(_ROOMY_PX) else DEMONSTRATION_SHORT)
        self._model_badge.setToolTip(DEMONSTRATION)

    def show_truth(self, present: bool) -> None:
        """Say that the participant is simulated, or not."""
        self._truth_badge.setVisible(present)

    def show_paused(self, paused: bool) -> None:
        """Say that the display stands still, or not."""
        self._pause_badge.setVisible(paused)

    def show_model(self, model: EmotionModel) -> None:
        """Say which model answers, and that one for demonstration is one."""
        self._model_badge.setVisible(model.simulated)
        if model.model_id:
            self._model.show_text(f"model {model.model_id}", "")
            self._model.setToolTip(f"model {model.model_id}, trained on {model.trained_on}")

    def say(self, text: str, now_s: float, *, bad: bool = False) -> None:
        """Say what was just done, for some seconds."""
        self._said_until, self._bad = now_s + SAID_S, bad
        self.said.show_text(text, "bad" if bad else "")
        self.said.setAccessibleName(text)

    def refresh(self, now_s: float) -> None:
        """Show how the recording stands, and take down what was said long enough."""
        self.record.refresh()
        if now_s > self._said_until:
            self.said.show_text("" if self.record.busy else HINT, "")

    def begin_note(self) -> None:
        """Open the field for a note."""
        self.note.setVisible(True)
        self.note.setFocus()

    def end_note(self) -> None:
        """Close it, whatever is in it."""
        self.note.clear()
        self.note.setVisible(False)


def _badge(text: str, kind: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("badge")
    label.setProperty("kind", kind)
    # a badge is never cut off: what it says must be read
    label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    label.setVisible(False)
    return label
