"""Class lists: presets, any names, and where labels go."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.data.classes import PRESETS, class_list, classify
from models.data.rows import EegArray, Row
from realtime.errors import ConfigurationError


def labelled(*labels: str) -> list[Row]:
    source = EegArray(Path("eeg.npy"))
    return [Row(f"s{i}", "sub-01", "g", label, source, None, f"row {i}") for i, label in enumerate(labels)]


def test_presets_are_the_published_ones() -> None:
    assert {key: len(names) for key, names in PRESETS.items()} == {"3": 3, "5": 5, "7": 7, "8": 8}
    assert set(PRESETS["8"]) - set(PRESETS["7"]) == {"calm"}
    for names in PRESETS.values():
        assert [class_list(names).index(name) for name in names] == list(range(len(names)))


def test_fine_emotions_fall_into_three_classes() -> None:
    three = class_list("3")
    assert three.index("Happiness") == three.index("positive") == 1
    assert three.index("surprise") == three.index("Surprised") == 2
    assert three.index("repression") == 0
    for label in ("sad", "disgust", "fear", "angry", "tense", "contempt", "ANGER", "sadness", "neg"):
        assert three.index(label) == 0
    assert three.index("calm") is None


def test_contempt_is_not_tense() -> None:
    assert class_list("7").index("contempt") is None
    assert class_list("7").index("tense") == 6


def test_no_list_takes_labels_as_they_are() -> None:
    found = class_list(None, ["b", "a", "happy", "happiness"])
    assert found.names == ("a", "b", "happiness", "happy")
    assert [found.index(name) for name in found.names] == [0, 1, 2, 3]


def test_spellings_of_one_label_are_one_class_and_that_is_said() -> None:
    rows = labelled("Happy", "happy ", "sad")
    found = class_list(None, [row.label for row in rows])
    assert found.names == ("Happy", "sad")
    placed, [problem] = classify(rows, found)
    assert [index for _, index in placed] == [0, 0, 1]
    assert problem.message == "labels taken as classes: 'happy ' as 'Happy'"


def test_own_names_in_own_order() -> None:
    assert class_list("calm, happy").names == ("calm", "happy")
    assert class_list(["rest", "task"]).index("TASK ") == 1
    assert class_list("anger,joy").index("angry") == 0


@pytest.mark.parametrize("wanted", ["4", "", "happy", "happy,happiness", "a,A", ["x"]])
def test_lists_that_cannot_be(wanted: str | list[str]) -> None:
    with pytest.raises(ConfigurationError, match="classes"):
        class_list(wanted)


def test_labels_without_a_place_are_counted() -> None:
    placed, problems = classify(labelled("happy", "calm", "sad", "calm", "bored"), class_list("3"))
    assert [(row.sample, index) for row, index in placed] == [("s0", 1), ("s2", 0)]
    excluded = [problem for problem in problems if problem.kind == "excluded"]
    assert [problem.where for problem in excluded] == ["row 1", "row 3", "row 4"]
    assert [problem.kind for problem in problems[-2:]] == ["kept", "kept"]
    assert problems[-2].message == "labels taken as classes: 'happy' as 'positive', 'sad' as 'negative'"
    assert "3 of 5 rows" in problems[-1].message
    assert "'bored' 1, 'calm' 2" in problems[-1].message
