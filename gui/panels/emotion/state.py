"""The current state: what is recognised now, how sure, on what it rests and how old that is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PyQt5.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.panels.base import Panel, age_text
from gui.panels.emotion.bars import ClassBars
from gui.panels.emotion.history import STALE_AFTER_S
from gui.panels.emotion.words import LARGEST_PX, RESTS_ON, Badge, Badges, Headline
from gui.streams.messages import EmotionModel, EmotionSample
from gui.theme import Theme

READS = "reads"
_NOTHING = f"{RESTS_ON} nothing"
DEMONSTRATION = "demonstration model: trained on simulated people"
_WIDEST = "100% · confidence 100%"
_CAUTION = "It shows how the parts work together; what it says of a real person means nothing."


@dataclass(frozen=True, slots=True)
class Reading:
    """What the panel says: one word or two, what it rests on, a line on how sure it is, how it is meant."""

    headline: str
    basis: str
    detail: str
    status: Literal["waiting", "not enough", "stale", "uncertain", "current"]
    winner: int = -1
    """Class of the highest probability, where one is claimed."""


def read_state(
    model: EmotionModel | None, sample: EmotionSample | None, now_s: float, uncertain_below: float = 0.0
) -> Reading:
    """Put the newest prediction into words.

    Parameters
    ----------
    model, sample : EmotionModel, EmotionSample or None
        None before the first prediction.
    now_s : float
        LSL seconds.
    uncertain_below : float
        A state of less confidence is called uncertain.
    """
    if model is None or sample is None:
        return Reading("waiting for the engine", _NOTHING, "start 'emostream run'", "waiting")
    age = now_s - sample.stamp
    if age > STALE_AFTER_S:
        return Reading("stale", f"{_NOTHING}: engine or input is silent", f"no prediction for {age_text(age)}", "stale")
    if not sample.enough:
        return Reading("not enough evidence", _basis(sample, READS), "nothing is claimed", "not enough")
    top = int(np.nanargmax(sample.probabilities))
    detail = f"{sample.probabilities[top]:.0%} · confidence {sample.confidence:.0%}"
    if sample.confidence < uncertain_below:
        detail = f"confidence {sample.confidence:.0%} < {uncertain_below:.0%}"
        return Reading("uncertain", _basis(sample), detail, "uncertain")
    return Reading(model.names[top], _basis(sample), detail, "current", top)


def _basis(sample: EmotionSample, verb: str = RESTS_ON) -> str:
    """'rests on EEG and face', 'rests on EEG alone'."""
    match sample.used_eeg, sample.used_face:
        case True, True:
            return f"{verb} EEG and face"
        case True, False:
            return f"{verb} EEG alone"
        case False, True:
            return f"{verb} the face alone"
        case _:
            return f"{verb} nothing"


def modality_badges(sample: EmotionSample | None, now_s: float) -> tuple[Badge, ...]:
    """EEG and face as badges; without a sample, or a stale one, neither is used."""
    if sample is None or now_s - sample.stamp > STALE_AFTER_S:
        return (Badge("EEG", False, "unused"), Badge("face", False, "unused"))
    since = max(0.0, now_s - sample.stamp)
    return (
        Badge("EEG", sample.used_eeg, _age(sample.eeg_age_s, since, "old") if sample.used_eeg else "unused"),
        Badge("face", sample.used_face, _age(sample.face_age_s, since, "ago") if sample.used_face else "unused"),
    )


def _age(used_age_s: float, since_s: float, word: str) -> str:
    return f"{age_text((used_age_s if math.isfinite(used_age_s) else 0.0) + since_s)} {word}"


class StatePanel(Panel):
    """The newest prediction, as large as there is room for, beside the probability of every class."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Hidden emotion now", theme)
        self.model: EmotionModel | None = None
        self.sample: EmotionSample | None = None
        self.truth: str | None = None
        self.uncertain_below = 0.0
        """A state of less confidence is called uncertain."""
        self._headline, self.badges = Headline(theme), Badges(theme)
        self._basis = ""
        self._detail = Headline(theme, 20, (10, LARGEST_PX))
        self._truth, self._demonstration = Headline(theme, 19, (10, 14)), Headline(theme, 18, (10, 13))
        for line in (self._truth, self._demonstration):
            line.setFixedHeight(line.minimumHeight())
            line.setVisible(False)
        self._demonstration.show_text(DEMONSTRATION, theme.warn)
        self._demonstration.setToolTip(_CAUTION)
        words = QVBoxLayout()
        words.setSpacing(2)
        for widget, share in ((self._headline, 60), (self._detail, 16), (self.badges, 18)):
            words.addWidget(widget, share)
        self.bars = ClassBars(theme)
        body = QWidget()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(14)
        columns.addLayout(words, 12)
        columns.addWidget(self.bars, 9)
        self.add(body)
        self.add(self._truth, 0)
        self.add(self._demonstration, 0)
        self.setAccessibleName("Hidden emotion now")

    @property
    def headline(self) -> str:
        """Large text as shown."""
        return self._headline.text

    @property
    def basis(self) -> str:
        """What the prediction rests on, in words."""
        return self._basis

    @property
    def detail(self) -> str:
        """How sure it is, or why nothing is claimed, as shown."""
        return self._detail.text

    @property
    def truth_text(self) -> str:
        """What is known of the truth, as shown."""
        return self._truth.text

    @property
    def headline_px(self) -> int:
        """Size of the large text at present."""
        return self._headline.font_px()

    def take(self, model: EmotionModel, sample: EmotionSample) -> None:
        """Remember the newest prediction."""
        self.model, self.sample = model, sample

    def set_truth(self, emotion: str | None) -> None:
        """The simulated participant's true emotion: '' between trials or unknown, None without a simulator."""
        self.truth = emotion

    def adopt(self, before: StatePanel) -> None:
        """Go on with the limit of the panel this one replaces."""
        self.uncertain_below = before.uncertain_below

    def refresh(self, now_s: float) -> None:
        """Show the newest prediction as of `now_s`."""
        reading = read_state(self.model, self.sample, now_s, self.uncertain_below)
        classes = self.model.names if self.model else ()
        color = {"current": self.theme.text, "stale": self.theme.bad}.get(reading.status, self.theme.muted)
        if reading.status == "current":
            color = self.theme.class_color(reading.winner).name()
        # one size for all classes: a short name is no louder than a long one
        self._headline.show_text(reading.headline, color, classes if reading.status == "current" else ())
        self._basis = reading.basis
        self._detail.show_text(reading.detail, self.theme.text, (_WIDEST,))
        lead = READS if reading.status == "not enough" else RESTS_ON
        self.badges.show_badges(modality_badges(self.sample, now_s), lead)
        self._demonstration.setVisible(self.model is not None and self.model.simulated)
        self._show_truth(reading)
        claimed = None if reading.status == "not enough" else self.sample
        self.bars.show_sample(classes, claimed, dimmed=reading.status not in ("current", "uncertain"))
        said = "; ".join((reading.headline, reading.detail, reading.basis))
        if said != self.accessibleDescription():
            self.setAccessibleDescription(said)

    def _show_truth(self, reading: Reading) -> None:
        self._truth.setVisible(self.truth is not None)
        if self.truth is None:
            return
        words = f"simulated truth: {self.truth or 'none told yet'}"
        if self.truth and reading.status == "current" and self.model is not None:
            agrees = self.truth == self.model.classes[reading.winner]
            words += " (agrees)" if agrees else " (differs)"
        self._truth.show_text(words, self.theme.truth)
