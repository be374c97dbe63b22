"""The self-report: by mouse or by keyboard alone, with large targets and names for screen readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PyQt5.QtCore import QPoint, QRect, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen, QPixmap
from PyQt5.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from gui.present.pictures import rating_picture
from gui.theme import font
from realtime.session.playlist import Scale, Screen, SelfReport

_TARGET_PX = 46
_TALL_PX = 72
_PICTURE_PX = 40
_CHOSEN = "#1f6fb2"
_HINT = "Mouse, or keys: Tab to the next question, arrows or digits to choose, Enter to continue"
_STEPS: dict[int, int] = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}
_WIDEST_PX = 1100


class Choice(QRadioButton):
    """A radio button that looks like a key: picture above its label, the whole of it a target.

    Parameters
    ----------
    label : str
    name : str
        What a screen reader says.
    picture : QPixmap, optional
    screen : Screen
        Its colours.
    """

    def __init__(self, label: str, name: str, picture: QPixmap | None, screen: Screen) -> None:
        super().__init__(label)
        self._picture, self._ink = picture, QColor(screen.text)
        self.setAccessibleName(name)
        self.setMinimumHeight(_TARGET_PX if picture is None else _TALL_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)

    def sizeHint(self) -> QSize:
        """As high as a finger, as wide as the row allows."""
        return QSize(40, self.minimumHeight())

    def hitButton(self, a0: QPoint) -> bool:
        """All of it."""
        return self.rect().contains(a0)

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Arrows are the row's: Qt's own only move the keyboard where nothing is chosen yet."""
        assert e is not None
        if e.key() in _STEPS:
            e.ignore()
        else:
            super().keyPressEvent(e)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Chosen: filled and bold. With the keyboard: a thick frame."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = QColor(self._ink)
        edge.setAlphaF(1.0 if self.hasFocus() or self.isChecked() else 0.7 if self.underMouse() else 0.35)
        fill = QColor(_CHOSEN) if self.isChecked() else QColor(self._ink.red(), self._ink.green(), self._ink.blue(), 20)
        width = 4.0 if self.hasFocus() else 2.0
        painter.setPen(QPen(edge, width))
        painter.setBrush(fill)
        inset = width / 2
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), 9.0, 9.0)
        painter.setPen(QColor("#ffffff") if self.isChecked() else self._ink)
        painter.setFont(font(17, bold=self.isChecked()))
        words = QRect(self.rect())
        if self._picture is not None:
            side = _PICTURE_PX
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(QRect((self.width() - side) // 2, 6, side, side), self._picture)
            words.setTop(side + 4)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignCenter), self.text())
        painter.end()


class ChoiceRow(QWidget):
    """A question and its answers in a row, of which one is chosen: arrows move, digits choose, a click does as well.

    Parameters
    ----------
    key : str
        Its name in the answers.
    question : str
    values : sequence
        What each answer stands for.
    labels : sequence of str
        What stands on each.
    names : sequence of str
        What a screen reader says of each.
    screen : Screen
        Colours.
    pictures : sequence of QPixmap, optional
    ends : (low, high), optional
        Words at both ends.
    """

    chosen = pyqtSignal()

    def __init__(
        self,
        key: str,
        question: str,
        values: Sequence[object],
        labels: Sequence[str],
        names: Sequence[str],
        screen: Screen,
        pictures: Sequence[QPixmap] = (),
        ends: tuple[str, str] = ("", ""),
    ) -> None:
        super().__init__()
        self.key = key
        self._values = list(values)
        self._group = QButtonGroup(self)
        self._buttons: list[Choice] = []
        self._question = _label(question, "question")
        self._question.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._question)
        row = QHBoxLayout()
        row.setSpacing(6)
        for index, label in enumerate(labels):
            button = Choice(label, names[index], pictures[index] if pictures else None, screen)
            self._group.addButton(button, index)
            self._buttons.append(button)
            row.addWidget(button, 1)
        layout.addLayout(row)
        if any(ends):
            words = QHBoxLayout()
            words.addWidget(_label(ends[0], "anchor"))
            words.addStretch(1)
            words.addWidget(_label(ends[1], "anchor"))
            layout.addLayout(words)
        self._group.buttonClicked.connect(lambda _button: self._choose())

    @property
    def value(self) -> object | None:
        """What was chosen; None where nothing was."""
        index = self._group.checkedId()
        return None if index < 0 else self._values[index]

    def set_value(self, value: object) -> None:
        """Choose an answer.

        Raises
        ------
        ValueError
            There is no such answer.
        """
        self._buttons[self._values.index(value)].setChecked(True)
        self._choose()

    def focus(self) -> None:
        """Take the keyboard."""
        button = next((button for button in self._buttons if button.isChecked()), self._buttons[0])
        button.setFocus(Qt.FocusReason.TabFocusReason)

    def show_missing(self, missing: bool) -> None:
        """Say that an answer is wanted."""
        if self._question.property("missing") != missing:
            self._question.setProperty("missing", missing)
            style = self._question.style()
            assert style is not None
            style.unpolish(self._question)
            style.polish(self._question)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """A digit chooses that answer, an arrow the neighbour of the one with the keyboard."""
        assert a0 is not None
        number = int(a0.text()) if a0.text().isascii() and a0.text().isdigit() else 0
        if (step := _STEPS.get(a0.key())) is not None:
            here = next((i for i, button in enumerate(self._buttons) if button.hasFocus()), 0)
            number = 1 + min(max(here + step, 0), len(self._buttons) - 1)
        if 1 <= number <= len(self._values):
            self._buttons[number - 1].click()
            self._buttons[number - 1].setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(a0)

    def _choose(self) -> None:
        self.show_missing(False)
        self.chosen.emit()


class ReportForm(QWidget):
    """All questions on one page; `submitted` carries the answers. GUI thread.

    Parameters
    ----------
    report : SelfReport
    screen : Screen
        Its colours.
    """

    submitted = pyqtSignal(dict)

    def __init__(self, report: SelfReport, screen: Screen) -> None:
        super().__init__()
        self.setObjectName("form")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Self-report")
        self.setStyleSheet(_style(screen))
        self._report, self._screen = report, screen
        self._hint = _label("", "anchor")
        self._done = QPushButton("Continue")
        self._done.setObjectName("continue")
        self._done.setMinimumSize(220, 52)
        self._done.setAccessibleDescription("Sends your answers and goes on")
        self._done.clicked.connect(self.submit)
        self._page = QWidget()
        self._page.setMaximumWidth(_WIDEST_PX)
        self._list = QVBoxLayout(self._page)
        self._list.setSpacing(14)
        self._rows = [*self._choices(), *(self._scale(scale) for scale in report.scales)]
        self._lay_out()

    def _lay_out(self) -> None:
        whole = QWidget()
        whole.setObjectName("form")
        around = QHBoxLayout(whole)
        around.setContentsMargins(32, 16, 32, 16)
        around.addStretch(1)
        around.addWidget(self._page, 1000)
        around.addStretch(1)
        # a small screen scrolls, and follows the keyboard
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(whole)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)
        self._list.addStretch(1)
        for row in self._rows:
            self._list.addWidget(row)
            row.chosen.connect(self._show_hint)
        self._list.addWidget(self._done, 0, Qt.AlignmentFlag.AlignHCenter)
        self._list.addWidget(self._hint, 0, Qt.AlignmentFlag.AlignHCenter)
        self._list.addStretch(1)
        self._show_hint()

    def _show_hint(self) -> None:
        self._hint.setText(_HINT)

    def begin(self) -> None:
        """Put the keyboard on the first question."""
        self._rows[0].focus()

    def answers(self) -> dict[str, Any]:
        """What was answered so far."""
        return {row.key: row.value for row in self._rows if row.value is not None}

    def fill(self, answers: Mapping[str, Any]) -> None:
        """Answer as given."""
        for row in self._rows:
            row.set_value(answers[row.key])

    def submit(self) -> None:
        """Send the answers, or say which are missing and go there."""
        missing = [row for row in self._rows if row.value is None]
        for row in self._rows:
            row.show_missing(row in missing)
        if missing:
            self._hint.setText("Please answer every question")
            missing[0].focus()
        else:
            self.submitted.emit(self.answers())

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Enter continues."""
        assert a0 is not None
        if a0.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.submit()
        else:
            super().keyPressEvent(a0)

    def _choices(self) -> list[ChoiceRow]:
        emotions = self._report.emotions
        if not emotions:
            return []
        names = [f"{self._report.question} {emotion}" for emotion in emotions]
        return [ChoiceRow("emotion", self._report.question, emotions, emotions, names, self._screen)]

    def _scale(self, scale: Scale) -> ChoiceRow:
        points = range(1, scale.points + 1)
        labels = [str(point) for point in points]
        words = {1: f", {scale.low}", scale.points: f", {scale.high}"}
        names = [f"{scale.question} {point} of {scale.points}{words.get(point, '')}" for point in points]
        color = self._screen.text
        shares = [(point - 1) / (scale.points - 1) for point in points]
        drawn = [] if scale.pictures == "none" else [rating_picture(scale.pictures, share, color) for share in shares]
        ends = (scale.low, scale.high)
        return ChoiceRow(scale.key, scale.question, list(points), labels, names, self._screen, drawn, ends)


def _label(text: str, kind: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(kind)
    return label


def _style(screen: Screen) -> str:
    text, ground = screen.text, screen.background
    return f"""
    QWidget#form {{ background: {ground}; }}
    QLabel {{ color: {text}; }}
    QLabel#question {{ font-size: 19px; font-weight: 600; }}
    QLabel#question[missing="true"] {{ color: #ffb454; text-decoration: underline; }}
    QLabel#anchor {{ font-size: 14px; color: {text}; }}
    QPushButton#continue {{
        color: #ffffff; background: {_CHOSEN}; border: 2px solid {_CHOSEN}; border-radius: 8px;
        font-size: 18px; font-weight: 600;
    }}
    QPushButton#continue:focus, QPushButton#continue:hover {{ border: 3px solid {text}; }}
    """
