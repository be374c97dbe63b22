"""The current state: what is recognised now, how sure, on what it rests and how old that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from gui.messages import EmotionModel, EmotionSample
from gui.panels.base import Panel, age_text
from gui.theme import Theme, font

STALE_AFTER_S = 1.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What the panel says: one word or line, two lines below it, how it is meant."""

    headline: str
    basis: str
    detail: str
    status: Literal["waiting", "not enough", "stale", "current"]


def read_state(model: EmotionModel | None, sample: EmotionSample | None, now_s: float) -> Reading:
    """Put the newest prediction into words.

    Parameters
    ----------
    model, sample : EmotionModel, EmotionSample or None
        None before the first prediction.
    now_s : float
        LSL seconds.
    """
    if model is None or sample is None:
        return Reading(
            "waiting for the engine", "no predictions on the network yet", "start 'emostream run'", "waiting"
        )
    age = now_s - sample.stamp
    if age > STALE_AFTER_S:
        return Reading(
            "no current prediction", f"the last one is {age_text(age)} old", "engine or input is silent", "stale"
        )
    if not sample.enough:
        return Reading("not enough evidence yet", _basis(sample, age), "nothing is claimed yet", "not enough")
    top = int(np.nanargmax(sample.probabilities))
    detail = f"{sample.probabilities[top]:.0%} probable · confidence {sample.confidence:.0%}"
    return Reading(model.classes[top], _basis(sample, age), detail, "current")


def _basis(sample: EmotionSample, age_s: float) -> str:
    """'rests on EEG (0.1 s old) and face (movement 3.2 s ago)'."""
    parts = []
    if sample.used_eeg:
        parts.append(f"EEG ({age_text(_sum(sample.eeg_age_s, age_s))} old)")
    if sample.used_face:
        parts.append(f"face (movement {age_text(_sum(sample.face_age_s, age_s))} ago)")
    return "rests on " + " and ".join(parts) if parts else "rests on nothing yet"


def _sum(used_age_s: float, sample_age_s: float) -> float:
    return (used_age_s if math.isfinite(used_age_s) else 0.0) + max(0.0, sample_age_s)


class ClassBars(QWidget):
    """One row a class: line sample, name, probability bar, with what EEG alone and the face alone say as marks."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.classes: tuple[str, ...] = ()
        self.sample: EmotionSample | None = None
        self.dimmed = False
        self.setMinimumHeight(96)

    def show_sample(self, classes: tuple[str, ...], sample: EmotionSample | None, *, dimmed: bool) -> None:
        """Set what is drawn; `dimmed` where it is not to be read as current."""
        self.classes, self.sample, self.dimmed = classes, sample, dimmed
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        if not self.classes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        row = min(30.0, (self.height() - 18.0) / len(self.classes))
        painter.setFont(font(12 if row >= 16 else 11))
        name_width = max(painter.fontMetrics().horizontalAdvance(name) for name in self.classes) + 8
        left = 34 + name_width
        bar = QRectF(left, 0, max(20.0, self.width() - left - 46), max(6.0, row * 0.5))
        for index, name in enumerate(self.classes):
            bar.moveTop(index * row + 0.5 * (row - bar.height()))
            self._paint_class(painter, index, name, bar, row)
        self._paint_key(painter, len(self.classes) * row + 13)

    def _paint_class(self, painter: QPainter, index: int, name: str, bar: QRectF, row: float) -> None:
        theme, middle = self.theme, bar.center().y()
        painter.setOpacity(0.45 if self.dimmed else 1.0)
        painter.setPen(theme.class_pen(index, 2.5))
        painter.drawLine(QPointF(2, middle), QPointF(28, middle))
        painter.setPen(QColor(theme.text))
        painter.drawText(QRectF(34, middle - row / 2, bar.left() - 38, row), Qt.AlignmentFlag.AlignVCenter, name)
        painter.fillRect(bar, QColor(theme.grid))
        if self.sample is None or not np.isfinite(self.sample.probabilities[index]):
            return
        value = float(self.sample.probabilities[index])
        painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * value, bar.height()), theme.class_color(index))
        painter.drawText(
            QRectF(bar.right() + 4, middle - row / 2, 42, row),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
            f"{value:.0%}",
        )
        for alone, shape in ((self.sample.by_eeg[index], "eeg"), (self.sample.by_face[index], "face")):
            if np.isfinite(alone):
                _mark(painter, theme, QPointF(bar.left() + bar.width() * float(alone), bar.bottom()), shape)

    def _paint_key(self, painter: QPainter, baseline: float) -> None:
        """Say what the two marks are, under the last row."""
        painter.setOpacity(1.0)
        painter.setFont(font(10))
        right = self.width() - 4.0
        for x, shape, words in ((right - 150, "eeg", "EEG alone"), (right - 66, "face", "face alone")):
            _mark(painter, self.theme, QPointF(x, baseline - 4), shape)
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(QPointF(x + 8, baseline), words)


def _mark(painter: QPainter, theme: Theme, at: QPointF, shape: str) -> None:
    painter.setPen(QPen(QColor(theme.panel), 1))
    painter.setBrush(QColor(theme.text))
    if shape == "eeg":
        up = [QPointF(at.x(), at.y() - 4), QPointF(at.x() - 4, at.y() + 4), QPointF(at.x() + 4, at.y() + 4)]
        painter.drawPolygon(QPolygonF(up))
    else:
        painter.drawEllipse(at, 3.5, 3.5)


class StatePanel(Panel):
    """The newest prediction, large, beside the probability of every class."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Hidden emotion now", theme)
        self.model: EmotionModel | None = None
        self.sample: EmotionSample | None = None
        self.truth: str | None = None
        self._headline = QLabel()
        self._basis = QLabel()
        self._detail = QLabel()
        self._truth = QLabel()
        for label, size, bold in ((self._headline, 34, True), (self._basis, 12, False), (self._detail, 13, False)):
            label.setFont(font(size, bold=bold))
            label.setWordWrap(True)
        self._truth.setFont(font(13, bold=True))
        self._truth.setStyleSheet(f"color: {theme.truth};")
        words = QVBoxLayout()
        words.setSpacing(3)
        words.addStretch(1)
        for label in (self._headline, self._detail, self._basis, self._truth):
            words.addWidget(label)
        words.addStretch(1)
        self.bars = ClassBars(theme)
        body = QWidget()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(14)
        columns.addLayout(words, 10)
        columns.addWidget(self.bars, 11)
        self.add(body)

    @property
    def headline(self) -> str:
        """Large text as shown."""
        return self._headline.text()

    @property
    def basis(self) -> str:
        """What the prediction rests on, as shown."""
        return self._basis.text()

    @property
    def truth_text(self) -> str:
        """What is known of the truth, as shown."""
        return self._truth.text()

    def take(self, model: EmotionModel, sample: EmotionSample) -> None:
        """Remember the newest prediction."""
        self.model, self.sample = model, sample

    def set_truth(self, emotion: str | None) -> None:
        """The simulated participant's true emotion: '' between trials or unknown, None without a simulator."""
        self.truth = emotion

    def refresh(self, now_s: float) -> None:
        """Show the newest prediction as of `now_s`."""
        reading = read_state(self.model, self.sample, now_s)
        color = {"current": self.theme.text, "stale": self.theme.bad}.get(reading.status, self.theme.muted)
        if reading.status == "current" and self.model is not None:
            color = self.theme.class_color(self.model.classes.index(reading.headline)).name()
        self._headline.setFont(font(38 if reading.status == "current" else 23, bold=True))
        self._headline.setStyleSheet(f"color: {color};")
        self._headline.setText(reading.headline)
        self._basis.setText(reading.basis)
        self._detail.setText(reading.detail)
        self._show_truth(reading)
        classes = self.model.classes if self.model else ()
        claimed = None if reading.status == "not enough" else self.sample
        self.bars.show_sample(classes, claimed, dimmed=reading.status != "current")

    def _show_truth(self, reading: Reading) -> None:
        self._truth.setVisible(self.truth is not None)
        if self.truth is None:
            return
        if not self.truth:
            self._truth.setText("true emotion: none told yet")
        elif reading.status == "current":
            agrees = self.truth == reading.headline
            self._truth.setText(f"true emotion: {self.truth} ({'agrees' if agrees else 'differs'})")
        else:
            self._truth.setText(f"true emotion: {self.truth}")
