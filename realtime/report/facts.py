"""`analysis.json` as typed facts; what the report does not know of it is ignored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

FORMAT = "emostream-analysis-1"
_LONGEST = 300

SCALES = ("intensity", "arousal", "valence", "hidden")
"""What is asked unless a playlist says otherwise."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", coerce_numbers_to_str=True)


class Source(_Part):
    """The recording that was analysed."""

    stem: str
    files: list[str] | dict[str, Any] = []
    simulated: bool = False
    subject: str | None = None
    session: str | None = None
    task: str | None = None
    run: int | None = None
    duration_s: FiniteFloat = Field(gt=0)
    started: str | None = None


class Model(_Part):
    """The model whose probabilities these are."""

    id: str
    trained_on: str = ""
    simulated: bool = False
    classes: list[str] = []
    runtime: str = ""


class Span(_Part):
    """A stretch of the session: a trial, a baseline, a rest, a pause, or a note of the operator."""

    kind: Literal["trial", "baseline", "rest", "pause", "note"]
    start_s: FiniteFloat
    end_s: FiniteFloat | None = None
    label: str | None = None
    stimulus: str | None = None
    trial: int | None = None


class SelfReport(_Part):
    """What the participant said after a trial."""

    trial: int | None = None
    time_s: FiniteFloat | None = None
    emotion: str | None = None
    intensity: FiniteFloat | None = None
    arousal: FiniteFloat | None = None
    valence: FiniteFloat | None = None
    hidden: FiniteFloat | None = None
    others: dict[str, FiniteFloat] = {}

    @property
    def ratings(self) -> dict[str, float]:
        """What was rated, by the scale's name."""
        return self.others | {name: value for name in SCALES if (value := getattr(self, name)) is not None}


class Artefacts(_Part):
    """What disturbed the recording."""

    bad_share: dict[str, float | None] = {}
    blinks_and_gaze_shifts: int | None = None
    lost_samples: int | None = None
    lost_frames: int | None = None
    clock_resets: list[FiniteFloat] = []


class LiveMovements(_Part):
    """Movements of the live run: how many, how many of them the analysis has too, and how many it alone has."""

    live: int = 0
    same: int = 0
    only_analysis: int = 0


class AsLive(_Part):
    """How far the analysis gives again what the live run published."""

    from_s: FiniteFloat | None = None
    until_s: FiniteFloat | None = None
    compared: int = 0
    max_difference: FiniteFloat | None = None
    at_s: FiniteFloat | None = None
    only_live: int = 0
    only_analysis: int = 0
    movements: LiveMovements | None = None


class Facts(_Part):
    """All of `analysis.json`."""

    format: Literal["emostream-analysis-1"]
    source: Source
    model: Model
    calibrated: bool | None = None
    config: dict[str, Any] = {}
    software: dict[str, Any] | str = {}
    notes: list[str] = []
    warnings: list[str] = []
    timeline: list[Span] = []
    self_reports: list[SelfReport] = []
    artefacts: Artefacts = Artefacts()
    as_live: AsLive | None = None
    channels: list[str] = []
    model_channels: list[str] = []
    bands: list[tuple[str, float, float]] = []
    classes: list[str] = []

    @property
    def trials(self) -> list[Span]:
        """Trials in time order."""
        return sorted((s for s in self.timeline if s.kind == "trial"), key=lambda span: span.start_s)

    @property
    def remarks(self) -> list[tuple[float, str]]:
        """When somebody noted what, without empty notes; a long one is cut."""
        said = [(s.start_s, " ".join((s.label or "").split())) for s in self.timeline if s.kind == "note"]
        return [(at, f"{text[:_LONGEST]} …" if len(text) > _LONGEST else text) for at, text in said if text]
