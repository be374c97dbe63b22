"""What every key does: one table for the window, its help and the documentation."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from gui.theme import Theme

_K = Qt.Key

ACTIONS: dict[Qt.Key, str] = {
    _K.Key_Left: "back",
    _K.Key_Right: "forward",
    _K.Key_Home: "go_onset",
    _K.Key_End: "go_offset",
    _K.Key_B: "blink",
    _K.Key_O: "set_onset",
    _K.Key_A: "set_apex",
    _K.Key_F: "set_offset",
    _K.Key_Return: "accept",
    _K.Key_Enter: "accept",
    _K.Key_Backspace: "reject",
    _K.Key_X: "reject",
    _K.Key_N: "add",
    _K.Key_BracketLeft: "previous",
    _K.Key_BracketRight: "next",
    _K.Key_PageUp: "previous",
    _K.Key_PageDown: "next",
    _K.Key_Space: "play",
    _K.Key_S: "speed",
    _K.Key_L: "loop",
    _K.Key_V: "view",
    _K.Key_Z: "zoom",
    _K.Key_E: "to_emotion",
    _K.Key_K: "kind",
    _K.Key_I: "to_units",
    _K.Key_C: "to_comment",
    _K.Key_U: "undo",
    _K.Key_Question: "help",
    _K.Key_Escape: "to_film",
}
"""Key -> name of the window's method, where no text is being typed."""

WITH_CONTROL: dict[Qt.Key, str] = {
    _K.Key_S: "save",
    _K.Key_Z: "undo",
    _K.Key_Y: "redo",
}
"""The same with Ctrl, also while text is being typed."""

HELP: tuple[tuple[str, str], ...] = (
    ("← →", "one frame; with Shift ten"),
    ("Home End", "the event's onset, its offset"),
    ("B", "blink between onset and apex"),
    ("O A F", "set onset, apex, offset at this frame"),
    ("Space", "play or stop"),
    ("S L", "speed 0.1×, 0.25×, 1×; loop over the event"),
    ("V Z", "film, arrows of motion, onset beside apex; the face alone"),
    ("[ ]  PgUp PgDown", "previous, next event"),
    ("Enter", "accept, and on to the next to review"),
    ("Backspace X", "reject, and on; the row stays in the table"),
    ("N", "new event with its apex at this frame"),
    ("E I C K", "emotion, action units, comment; micro or macro"),
    ("Enter Esc", "in a field: keep, leave; back to the film"),
    ("U Ctrl+Z", "take the last change back; Ctrl+Y does it again"),
    ("Ctrl+S", "save the table; every change is in the journal before"),
    ("?", "this help"),
)


class HelpDialog(QDialog):
    """The keys, in a window of their own that Escape closes."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys")
        rows = "".join(
            f"<tr><td style='padding:3px 18px 3px 0; color:{theme.accent}'><b>{keys}</b></td>"
            f"<td style='padding:3px 0'>{what}</td></tr>"
            for keys, what in HELP
        )
        text = QLabel(f"<table>{rows}</table>")
        text.setTextFormat(Qt.TextFormat.RichText)
        text.setAccessibleName("keys: " + "; ".join(f"{keys}: {what}" for keys, what in HELP))
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 14, 18, 16)
        box.addWidget(text)
