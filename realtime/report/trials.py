"""What was answered in each trial, and how it agrees with the stimulus and with what the participant said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Bool, Float64
from realtime.report.facts import SelfReport, Span
from realtime.report.folder import Analysis, FoundMovement, Table
from realtime.truth import SETTLE_S

VIEWS = ("fused", "eeg", "face")
PREFIX = {"fused": "p", "eeg": "eeg", "face": "face"}
"""What the columns of each view begin with in the table of predictions."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The mean probabilities over a trial and the class they favour."""

    name: str
    probabilities: Float64

    @property
    def probability(self) -> float:
        """That of the favoured class."""
        return float(self.probabilities.max())


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: what was shown, what was answered, what the participant said.

    Parameters
    ----------
    number : int
        As the markers count, else from 1 in time order.
    start_s, end_s : float
    emotion, stimulus : str
        '' where the markers did not tell.
    answers : mapping
        'fused', 'eeg', 'face' -> Answer, where there was evidence.
    confidence : float
        Mean over the predictions with evidence; NaN without any.
    movements : tuple of FoundMovement
        Whose apex lies in the trial.
    said : SelfReport or None
    """

    number: int
    start_s: float
    end_s: float
    emotion: str
    stimulus: str
    answers: Mapping[str, Answer]
    confidence: float
    movements: tuple[FoundMovement, ...]
    said: SelfReport | None

    @property
    def felt(self) -> str:
        """The emotion the participant reported; '' without a report."""
        return (self.said.emotion or "") if self.said is not None else ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often two columns of the trials agree, over the trials that have both.

    Parameters
    ----------
    title : str
    right, total : int
    guessed : float
        Right answers to expect of someone who guesses among the model's classes; NaN where none of the two is the
        model's.
    p : float
        Probability of as many right guesses or more; NaN likewise.
    """

    title: str
    right: int
    total: int
    guessed: float
    p: float


def trial_rows(analysis: Analysis) -> list[Trial]:
    """Every trial of the session, in time order."""
    spans = analysis.facts.trials
    return [
        _trial(analysis, order if span.trial is None else span.trial, span, spans)
        for order, span in enumerate(spans, 1)
    ]


def _trial(analysis: Analysis, number: int, span: Span, spans: Sequence[Span]) -> Trial:
    end_s = span.end_s if span.end_s is not None else analysis.facts.source.duration_s
    table = analysis.predictions
    return Trial(
        number=number,
        start_s=span.start_s,
        end_s=end_s,
        emotion=span.label or "",
        stimulus=span.stimulus or "",
        answers={} if table is None else _answers(table, analysis.facts.classes, span.start_s, end_s),
        confidence=float("nan") if table is None else _confidence(table, span.start_s, end_s),
        movements=tuple(m for m in analysis.movements if span.start_s <= m.apex_s <= end_s),
        said=_report(analysis.facts.self_reports, number, end_s, spans),
    )


def settled(table: Table, start_s: float, end_s: float) -> Bool:
    """Predictions with evidence of a stretch, without the first seconds that rest mostly on those before it."""
    time_s = table["time_s"]
    return (time_s >= start_s + SETTLE_S) & (time_s <= end_s) & (table["evidence"] == 1)


def _answers(table: Table, classes: Sequence[str], start_s: float, end_s: float) -> dict[str, Answer]:
    """Mean probabilities of each view; the fused one of the best informed predictions, as `realtime.truth` pools them.

    Predictions before a trial's first movement know less and are many, so they count only where there are no others.
    """
    inside = settled(table, start_s, end_s)
    used = {"eeg": table["used_eeg"] == 1, "face": table["used_face"] == 1}
    informed = used["eeg"].astype(int) + used["face"].astype(int)
    best = inside & (informed == informed[inside].max()) if inside.any() else inside
    wanted = {"fused": best, "eeg": inside & used["eeg"], "face": inside & used["face"]}
    out = {}
    for view, rows in wanted.items():
        values = probabilities(table, classes, view)
        if values is None:
            continue
        values = values[rows]
        values = values[np.isfinite(values).all(axis=1)]
        if len(values):
            mean = values.mean(axis=0)
            out[view] = Answer(classes[int(mean.argmax())], mean)
    return out


def probabilities(table: Table, classes: Sequence[str], view: str) -> NDArray[np.floating] | None:
    """(n, n_classes) probabilities of 'fused', 'eeg' or 'face'; None where the table does not have the view."""
    names = [f"{PREFIX[view]}_{name}" for name in classes]
    if not names or any(name not in table for name in names):
        return None
    return np.stack([np.asarray(table[name], np.float64) for name in names], axis=1)


def _confidence(table: Table, start_s: float, end_s: float) -> float:
    inside = settled(table, start_s, end_s)
    return float(np.mean(table["confidence"][inside])) if inside.any() else float("nan")


def _report(reports: Sequence[SelfReport], number: int, end_s: float, spans: Sequence[Span]) -> SelfReport | None:
    """A trial's report: the one given before the next trial, or of its number where reports have no time."""
    after = [span.start_s for span in spans if span.start_s >= end_s]
    until_s = min(after, default=float("inf"))
    for report in reports:
        if report.time_s is not None:
            if end_s <= report.time_s <= until_s:
                return report
        elif report.trial == number:
            return report
    return None


def agreements(trials: Sequence[Trial], classes: Sequence[str]) -> list[Agreement]:
    """The model against the stimulus and the self-report, each view of it; and the self-report against the stimulus."""
    titles = {"fused": "model", "eeg": "EEG alone", "face": "face alone"}
    views = ("fused", "eeg", "face") if any(len(t.answers) > 2 for t in trials) else ("fused",)
    rows = []
    for against in ("stimulus", "self-report"):
        for view in views:
            answered = [t for t in trials if view in t.answers]
            pairs = [(t.answers[view].name, t.emotion if against == "stimulus" else t.felt) for t in answered]
            rows.append(_agreement(f"{titles[view]} and {against}", pairs, classes))
    rows.append(_agreement("self-report and stimulus", [(t.felt, t.emotion) for t in trials], ()))
    return [row for row in rows if row.total]


def _agreement(title: str, pairs: Sequence[tuple[str, str]], classes: Sequence[str]) -> Agreement:
    """Count the pairs that have both; guessing is over the classes the model can answer."""
    from scipy.stats import binom

    known = [(a, b) for a, b in pairs if a and b]
    right, total = sum(_same(a, b) for a, b in known), len(known)
    if not classes:
        return Agreement(title, right, total, float("nan"), float("nan"))
    chance = 1.0 / len(classes)
    # a truth that is no class of the model cannot be guessed
    possible = sum(any(_same(truth, name) for name in classes) for _, truth in known)
    return Agreement(title, right, total, chance * possible, float(binom.sf(right - 1, possible, chance)))


def _same(a: str, b: str) -> bool:
    return a.strip().lower() == b.strip().lower()
