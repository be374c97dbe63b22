"""The simulated data set before it is written: the same people, sessions and coded movements in every layout.

One sample is one coded micro-movement with the EEG around it. The person hides the emotion of the clip; what leaks onto
the face is right in three cases of four, and what it does to the EEG is partly the person's own: given the emotion, the
two are drawn independently of each other, so that neither says all and both together say more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import ConfigurationError
from simulators.cohort import filed_person
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.person import EFFECT_CLASSES, Person
from simulators.scenario import (
    ACTION_UNITS,
    DEMO_CLASSES,
    LEAK_PX,
    MICROS_A_TRIAL,
    FacialEvent,
    Scenario,
    make_scenario,
)

COHORT_EFFECT_DB = 3.4
"""Size of the EEG effects of the people in files, dB: with `CohortOptions.idiosyncrasy`, `misleading` and the rest a
choice of the simulation, not of nature. Made on development seeds 9000 to 9003, 0 and 1, so that either modality alone
leaves room. On seeds 2 and 3, not looked at before, over 10 folds of subjects: shrinkage LDA on the log power of the
last 12 s 0.78 and 0.72, extremely randomised trees on the flow 0.67 and 0.67, both 0.86 and 0.83 accuracy."""

DECISION_S = 0.6
"""Apex to decision: a sample's EEG ends so long after its movement's apex, as it does live."""

SEQUENCE_S = 40.0
"""Length of a sample's EEG."""

_SYLLABLES = ("ba", "do", "fi", "gu", "ka", "le", "mo", "nu", "pi", "ra", "so", "ti", "va", "we", "xo", "zu")
_CODER_SD_S = 0.008  # a coder is off by about a frame of 150 Hz video
_RANGES: dict[str, tuple[float, float]] = {
    "subjects": (1, len(_SYLLABLES) ** 2),
    "trials": (1, 48),
    "seconds": (6.0, 600.0),
    "rest_s": (1.0, 60.0),
    "sfreq_hz": (100.0, 10_000.0),
    "fps": (1.0, 1000.0),
    "leak_after": (0.0, 0.7),
    "misleading": (0.0, 1.0),
    "misleading_class": (0.0, 1.0),
    "leak_px": (0.01, 20.0),
    "effect_db": (0.0, 20.0),
    "idiosyncrasy": (0.0, 2.0),
    "macros": (0.0, 1.0),
    "lost": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class CohortOptions:
    """What a simulated data set holds.

    Parameters
    ----------
    subjects : int
        1 to 256.
    trials : int
        Clips that each subject watches, one emotion each.
    seconds : float
        Length of a clip, s; at least 6.
    classes : tuple of str
        Emotions to hide, each as often as the others.
    seed : int
        Another seed is other people.
    rest_s : float
        Mean rest between clips, s.
    sfreq_hz : float
        Rate of the EEG where the layout does not fix it.
    videos : bool
        Whether the clips' videos are written: 3 ms and 30 kB a frame.
    fps : float
        Of the videos.
    leaks : tuple of float
        Share of clips with 0, 1, 2, ... micro-movements.
    leak_after : float
        Share of a clip that passes before its first micro-movement: films need time to work.
    misleading : float
        Share of micro-movements that belong to another emotion or to none.
    misleading_class : float
        Share of those that belong to another emotion.
    leak_px : float
        Median amplitude of a micro-movement, px of a 224 px face crop.
    effect_db : float
        Size of what an emotion does to the EEG, dB.
    idiosyncrasy : float
        How much of that is the person's own: 0 nothing but its size, 1 as in the demonstration.
    macros : float
        Share of clips with a macro-expression early in them.
    lost : float
        Share of clips without a marker in the EEG, and share of movements without stills: recordings go wrong.

    Raises
    ------
    ConfigurationError
        A number out of its range; names it.
    """

    subjects: int = 20
    trials: int = 20
    seconds: float = 24.0
    classes: tuple[str, ...] = DEMO_CLASSES
    seed: int = 0
    rest_s: float = 4.0
    sfreq_hz: float = 1000.0
    videos: bool = False
    fps: float = 150.0
    leaks: tuple[float, ...] = MICROS_A_TRIAL
    leak_after: float = 0.4
    misleading: float = 0.38
    misleading_class: float = 0.2
    leak_px: float = LEAK_PX
    effect_db: float = COHORT_EFFECT_DB
    idiosyncrasy: float = 0.6
    macros: float = 0.1
    lost: float = 0.02

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "leaks", tuple(self.leaks))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigurationError(f"simulated cohort: {name} {value:g}, wanted {low:g} to {high:g}")
        if not self.leaks or min(self.leaks) < 0 or abs(sum(self.leaks) - 1.0) > 1e-6:
            raise ConfigurationError(f"simulated cohort: leaks {self.leaks}, wanted shares that sum to 1")
        unknown = [name for name in self.classes if name not in EFFECT_CLASSES]
        if unknown or not self.classes or len(set(self.classes)) != len(self.classes):
            raise ConfigurationError(
                f"simulated people hide {', '.join(EFFECT_CLASSES)}, each named once; got {', '.join(self.classes)}"
            )


@dataclass(frozen=True, slots=True)
class CodedMovement:
    """A movement as a coder wrote it down; seconds from the session's start.

    Parameters
    ----------
    number : int
        Counts the session's coded movements from 0.
    trial : int
        Index into `SimulatedSession.clips`.
    kind : 'micro' or 'macro'
    onset_s, apex_s, offset_s : float
        A frame or so beside the true ones.
    action_units : tuple of int
    has_stills : bool
        False: the onset and apex pictures were lost.
    """

    number: int
    trial: int
    kind: Literal["micro", "macro"]
    onset_s: float
    apex_s: float
    offset_s: float
    action_units: tuple[int, ...]
    has_stills: bool = True


@dataclass(frozen=True, slots=True)
class SimulatedClip:
    """A clip that was shown.

    Parameters
    ----------
    number : int
        Counts from 0.
    emotion : str
        That the person hid.
    start_s, end_s : float
        From the session's start.
    has_eeg : bool
        False: its marker was lost, so that its EEG cannot be found.
    """

    number: int
    emotion: str
    start_s: float
    end_s: float
    has_eeg: bool = True


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """One subject's session.

    Parameters
    ----------
    index : int
        Of the subject, from 0.
    pseudonym : str
        What a reader must call them: 'sub-01'.
    name : str
        What the licensed layout's file names call them: invented, and never to be seen in a reader's output.
    options : CohortOptions
    person : Person
    scenario : Scenario
        The truth.
    clips : tuple of SimulatedClip
    movements : tuple of CodedMovement
        In clips, in order of time.
    """

    index: int
    pseudonym: str
    name: str
    options: CohortOptions
    person: Person
    scenario: Scenario
    clips: tuple[SimulatedClip, ...]
    movements: tuple[CodedMovement, ...]

    @property
    def micros(self) -> tuple[CodedMovement, ...]:
        """The micro-movements alone: a sample each."""
        return tuple(movement for movement in self.movements if movement.kind == "micro")

    @property
    def duration_s(self) -> float:
        """Length of the session, a whole number of seconds."""
        return self.scenario.duration_s

    def eeg(self, sfreq_hz: float | None = None, channels: tuple[str, ...] = MODEL_CHANNELS) -> EegSimulator:
        """The EEG at any rate and electrodes: `samples(first, n)` is (n_channels, n) float32 µV."""
        return EegSimulator(self.person, self.scenario, sfreq_hz or self.options.sfreq_hz, channels)

    def face(self, size: tuple[int, int] = (640, 480)) -> FaceSimulator:
        """The face on camera: `render(t_s)` is (height, width) uint8."""
        return FaceSimulator(self.person, self.scenario, fps=self.options.fps, size=size)


def invented_name(index: int) -> str:
    """A lower-case string in place of a person's name, as the licensed layout has it; later ones sort later."""
    high, low = divmod(index, len(_SYLLABLES))
    return f"noone{_SYLLABLES[high]}{_SYLLABLES[low]}"


def simulated_session(options: CohortOptions, index: int) -> SimulatedSession:
    """The session of subject `index`; the same on every machine."""
    person = filed_person(options.seed, index, effect_db=options.effect_db, idiosyncrasy=options.idiosyncrasy)
    lead_in_s = min(8.0, options.seconds)
    most_s = lead_in_s + options.trials * (options.seconds + 1.2 * options.rest_s)
    drawn = make_scenario(
        person,
        float(np.ceil(most_s)) + 1.0,
        options.seed,
        classes=options.classes,
        trial_s=(options.seconds, options.seconds),
        rest_s=options.rest_s,
        lead_in_s=lead_in_s,
        leaks=options.leaks,
        leak_after_s=options.leak_after * options.seconds,
        misleading=options.misleading,
        misleading_class=options.misleading_class,
        leak_px=options.leak_px,
    )
    scenario = _with_macros(_shortened(drawn, options.trials), person, options)
    rng = np.random.default_rng([options.seed, person.seed, 91])
    heard = rng.random(len(scenario.trials)) >= options.lost
    clips = tuple(
        SimulatedClip(i, trial.emotion, trial.start_s, trial.end_s, bool(heard[i]))
        for i, trial in enumerate(scenario.trials)
    )
    return SimulatedSession(
        index=index,
        pseudonym=f"sub-{index + 1:0{max(2, len(str(options.subjects)))}d}",
        name=invented_name(index),
        options=options,
        person=person,
        scenario=scenario,
        clips=clips,
        movements=_coded(scenario, clips, options.lost, rng),
    )


def cohort(options: CohortOptions) -> Iterator[SimulatedSession]:
    """The sessions of all subjects, one at a time."""
    for index in range(options.subjects):
        yield simulated_session(options, index)


def _shortened(scenario: Scenario, trials: int) -> Scenario:
    """The scenario up to a moment after trial number `trials`: rests vary, so it was drawn a little too long."""
    kept = scenario.trials[:trials]
    end_s = float(np.ceil(kept[-1].end_s + 1.0))
    return replace(
        scenario,
        duration_s=end_s,
        trials=kept,
        movements=tuple(m for m in scenario.movements if m.offset_s < end_s),
        blinks=tuple(b for b in scenario.blinks if b.end_s < end_s),
        speech=tuple(s for s in scenario.speech if s.end_s < end_s),
        muscle=tuple(m for m in scenario.muscle if m.end_s < end_s),
        gaze_shifts_s=tuple(t for t in scenario.gaze_shifts_s if t < end_s),
        pops_s=tuple(t for t in scenario.pops_s if t < end_s),
    )


def _with_macros(scenario: Scenario, person: Person, options: CohortOptions) -> Scenario:
    """The scenario with a macro-expression early in some clips: somebody could not hide it. They are coded as such."""
    rng = np.random.default_rng([options.seed, person.seed, 90])
    added: list[FacialEvent] = []
    for trial in scenario.trials:
        chance, place, size = rng.random(), rng.uniform(0.1, 0.2), float(rng.uniform(2.0, 5.0))
        units = ACTION_UNITS[trial.emotion]
        if chance < options.macros and units:
            onset_s = trial.start_s + place * options.seconds
            amplitude = size * person.face.expressivity
            added.append(FacialEvent(onset_s, onset_s + 0.5, onset_s + 1.1, "macro", units, "both", amplitude))
    movements = sorted((*scenario.movements, *added), key=lambda event: event.onset_s)
    return replace(scenario, movements=tuple(movements))


def _coded(
    scenario: Scenario, clips: tuple[SimulatedClip, ...], lost: float, rng: np.random.Generator
) -> tuple[CodedMovement, ...]:
    found: list[CodedMovement] = []
    for event in scenario.movements:
        trial = next((c.number for c in clips if c.start_s <= event.onset_s and event.offset_s <= c.end_s), None)
        if trial is None:
            continue
        slips = rng.normal(0.0, _CODER_SD_S, 3).tolist()
        onset_s = max(event.onset_s + slips[0], clips[trial].start_s)
        apex_s = max(event.apex_s + slips[1], onset_s + 0.04)
        offset_s = max(event.offset_s + slips[2], apex_s + 0.04)
        kept = bool(rng.random() >= lost)
        found.append(CodedMovement(len(found), trial, event.kind, onset_s, apex_s, offset_s, event.action_units, kept))
    return tuple(found)
