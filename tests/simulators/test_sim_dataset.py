"""Training rows: what a face is paired with. The signals themselves are tested where they are made."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.config import EngineConfig
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegSequence
from simulators import dataset
from simulators.scenario import DEMO_CLASSES, Scenario

SPEC = RecognizerSpec("test", "nobody", True, DEMO_CLASSES, ("Cz", "Oz"), (("alpha", 8.0, 14.0),), n_windows=2)
AFTER_S = (1.0, 4.0, 8.0, 9.5)
APEX_AFTER_S = (0.7, 3.6, 9.4)  # the last is recent when the next trial begins


def test_a_face_is_paired_with_eeg_of_its_own_trial_and_never_before_it_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sessions: list[Scenario] = []
    asked: dict[float, float] = {}
    apexes: list[tuple[int, float]] = []

    def ask(eeg: object, scenario: Scenario, spec: object) -> list[list[tuple[float, EegSequence]]]:
        sessions.append(scenario)
        moments = [[trial.start_s + after for after in AFTER_S] for trial in scenario.trials]
        return [[(now_s, _sequence(now_s)) for now_s in of_trial] for of_trial in moments]

    def faces(index: int, scenario: Scenario, shrink: object, rng: object) -> list[list[dataset.Face]]:
        found = []
        for group, trial in enumerate(scenario.trials):
            found.append([_face(trial.start_s + after, len(apexes) + i) for i, after in enumerate(APEX_AFTER_S)])
            apexes.extend((group, trial.start_s + after) for after in APEX_AFTER_S)
        return found

    def _sequence(now_s: float) -> EegSequence:
        asked[float(np.float32(now_s))] = now_s
        power = np.full((2, 2, 1), now_s, np.float32)
        return EegSequence(power, np.ones((2, 2), bool), np.ones(2, bool), now_s)

    def _face(apex_s: float, number: int) -> dataset.Face:
        picture = np.full((4, 4), number, np.uint8)
        return apex_s, np.full((4, 4, 2), number, np.float16), picture, picture

    monkeypatch.setattr(dataset, "_ask", ask)
    monkeypatch.setattr(dataset, "_faces", faces)
    rows = dataset.simulate_person(3, SPEC, lambda flow, crop: (flow, crop), duration_s=100.0)  # type: ignore[arg-type]
    (scenario,) = sessions
    assert len(rows["label"]) == len(AFTER_S) * len(scenario.trials)
    ages = []
    for i, group in enumerate(rows["group"]):
        now_s = asked[float(rows["log_power"][i, 0, 0, 0])]
        trial = scenario.trials[group]
        assert trial.start_s <= now_s
        assert SPEC.classes[rows["label"][i]] == trial.emotion
        if rows["has_face"][i]:
            number = int(rows["apex"][i, 0, 0])
            assert (rows["onset"][i] == number).all()
            assert (rows["flow"][i] == number).all()
            of_group, apex_s = apexes[number]
            assert of_group == group
            ages.append(now_s - apex_s)
        else:
            assert not rows["flow"][i].any()
    assert len(ages) == 3 * len(scenario.trials), "only the first moment is too early for any face"
    assert min(ages) >= 0.4
    assert max(ages) <= EngineConfig().movement_max_age_s
