"""Simulated people in three sets that never meet: a checkpoint's, those nobody trains on, and those of data files.

`emostream train --simulated` takes people from the first set only, `demo`, `simulate` and `evaluate --simulated` from
the second only, `dataset simulate` from the third: what is trained on its files may be shown the other two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from realtime.analysis.feeding import feed, in_time_order
from realtime.config import Config
from realtime.engine import Engine
from realtime.errors import CheckpointError, ConfigurationError
from realtime.face.metrics import spotting_scores
from realtime.interfaces import Recognizer, RecognizerSpec
from realtime.packets import EegChunk, EegInfo, Marker, VideoFrame
from realtime.summary import Tally
from realtime.truth import TrialAnswer, Truth, answer_trials
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.person import EFFECT_DB, Person, make_person
from simulators.scenario import DEMO_CLASSES, Scenario, make_scenario
from simulators.streams import Filming, SimulatedParticipant

_UNSEEN = 1_000_000
"""Seeds of people from here on are never trained on."""

_IN_FILES = 1_000_000_000_000
"""Seeds of people in simulated data sets on disk."""

_MOST_COHORTS = 100_000_000
_CHUNK = 50
_FPS = 30.0


def training_person(index: int) -> Person:
    """The `index`-th person of the training set.

    Raises
    ------
    ValueError
        The index reaches into the set that must stay unseen.
    """
    if not 0 <= index < _UNSEEN:
        raise ValueError(f"training person {index}: wanted an index from 0 to {_UNSEEN - 1}")
    return make_person(index)


def unseen_person(seed: int, index: int = 0) -> Person:
    """A person no checkpoint was trained on: the `index`-th of the cohort `seed`.

    Raises
    ------
    ConfigurationError
        A seed that would lead into another set, or an index beyond the cohort.
    """
    _check_member(seed, index)
    return make_person(_UNSEEN + 1000 * seed + index)


def filed_person(seed: int, index: int, *, effect_db: float = EFFECT_DB, idiosyncrasy: float = 1.0) -> Person:
    """The `index`-th person of the simulated data set `seed`; see `make_person` for what an emotion does to their EEG.

    Raises
    ------
    ConfigurationError
        A seed or an index that would lead into another set.
    """
    _check_member(seed, index)
    return make_person(_IN_FILES + 1000 * seed + index, effect_db=effect_db, idiosyncrasy=idiosyncrasy)


def _check_member(seed: int, index: int) -> None:
    if not (0 <= seed < _MOST_COHORTS and 0 <= index < 1000):
        raise ConfigurationError(
            f"simulated person {index} of cohort {seed}: wanted a seed from 0 to {_MOST_COHORTS - 1} "
            "and an index from 0 to 999"
        )


def require_simulated_classes(spec: RecognizerSpec) -> None:
    """Refuse a checkpoint for other emotions than simulated people hide: its answers could not be compared with them.

    Raises
    ------
    CheckpointError
        Names both sets of classes.
    """
    if spec.classes != DEMO_CLASSES:
        raise CheckpointError(
            f"checkpoint '{spec.model_id}': 'classes' are {', '.join(spec.classes)}, simulated people hide "
            f"{', '.join(DEMO_CLASSES)}; use --model with a checkpoint for these"
        )


def unseen_participant(
    seed: int, *, tag: str, duration_s: float = 3600.0, film: Filming | None = None
) -> SimulatedParticipant:
    """An unseen person's session, ready to be put on LSL and filmed by `film`; source ids begin with `tag`."""
    person = unseen_person(seed)
    return SimulatedParticipant(person, make_scenario(person, duration_s, seed), tag=tag, film=film, obedient=True)


@dataclass(frozen=True, slots=True)
class SessionScore:
    """One unseen person's session through the engine.

    Parameters
    ----------
    subject : int
    answers : tuple of TrialAnswer
        One a trial.
    spotting : dict
        Micro-movements found against those made, see `spotting_scores`.
    """

    subject: int
    answers: tuple[TrialAnswer, ...]
    spotting: dict[str, float]


def score_session(
    subject: int, person: Person, scenario: Scenario, recognizer: Recognizer, config: Config | None = None
) -> SessionScore:
    """Run one simulated session through the very engine that runs live, as fast as it goes."""
    eeg = EegSimulator(person, scenario)
    info = EegInfo("simulated", f"person-{person.seed}", tuple(eeg.channels), eeg.sfreq_hz)
    engine = Engine(recognizer, eeg=info, has_video=True, config=config)
    tally = Tally(recognizer.spec)
    face = FaceSimulator(person, scenario, fps=_FPS)
    feed(engine, in_time_order(_chunks(eeg, info, scenario), _frames(face, scenario)), [tally])
    truth = scenario_truth(scenario)
    made = [movement for movement in truth.movements if movement.kind == "micro"]
    found = [movement for movement in tally.movements if movement.kind == "micro"]
    return SessionScore(
        subject=subject,
        answers=tuple(answer_trials(truth, tuple(tally.predictions), recognizer.spec.classes)),
        spotting=spotting_scores(found, made, minutes=scenario.duration_s / 60.0),
    )


def _chunks(eeg: EegSimulator, info: EegInfo, scenario: Scenario) -> Iterator[EegChunk]:
    total = int(scenario.duration_s * eeg.sfreq_hz)
    for first in range(0, total - _CHUNK + 1, _CHUNK):
        stamps = (first + np.arange(_CHUNK)) / eeg.sfreq_hz
        yield EegChunk(eeg.samples(first, _CHUNK), stamps, info.source_id, first)


def _frames(face: FaceSimulator, scenario: Scenario) -> Iterator[VideoFrame]:
    for index in range(int(scenario.duration_s * _FPS)):
        yield VideoFrame(face.frame(index), index / _FPS, index)


def scenario_truth(scenario: Scenario, start_s: float = 0.0) -> Truth:
    """The scenario as the truth stream would have told it, `start_s` being its beginning."""
    truth = Truth()
    for trial in scenario.trials:
        said = json.dumps({"event": "trial_start", "emotion": trial.emotion})
        truth.push(Marker(said, start_s + trial.start_s))
        truth.push(Marker(json.dumps({"event": "trial_end", "emotion": trial.emotion}), start_s + trial.end_s))
    for event in scenario.movements:
        times = {key: start_s + getattr(event, key) for key in ("onset_s", "apex_s", "offset_s")}
        truth.push(Marker(json.dumps({"event": "movement", "kind": event.kind, **times}), start_s + event.offset_s))
    return truth


def score_cohort(
    seed: int, subjects: int, duration_s: float, make_recognizer: Callable[[], Recognizer], *, jobs: int = -1
) -> list[SessionScore]:
    """Score one session of each of `subjects` unseen people, in `jobs` processes."""
    run: Any = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_score_unseen)(seed, index, make_recognizer, duration_s) for index in range(subjects)
    )
    return list(tqdm(run, total=subjects, desc="simulated people", unit="person"))


def _score_unseen(seed: int, index: int, make_recognizer: Callable[[], Recognizer], duration_s: float) -> SessionScore:
    recognizer = make_recognizer()
    person = unseen_person(seed, index)
    scenario = make_scenario(person, duration_s, seed, classes=recognizer.spec.classes)
    return score_session(index, person, scenario, recognizer)
