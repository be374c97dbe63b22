"""Which recording: labels, stems and where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.errors import ConfigurationError
from realtime.session.events import own_source_id, parse_event
from realtime.session.run import Run


def test_a_stem_names_its_run_and_back() -> None:
    run = Run("07", "pre", "suppression", 3)
    assert run.stem == "sub-07_ses-pre_task-suppression_run-03"
    assert Run.parse(run.stem) == run
    assert run.folder == Path("sourcedata/sub-07/ses-pre")
    assert run.derivatives == Path("derivatives/emostream/sub-07/ses-pre") / run.stem


@pytest.mark.parametrize(
    "stem", ["", "x", "../sub-01_ses-01_task-a_run-01", "sub-01_ses-01_task-a_run-01/..", "sub-0 1"]
)
def test_no_path_hides_in_a_stem(stem: str) -> None:
    with pytest.raises(ConfigurationError, match="names no run"):
        Run.parse(stem)


def test_a_presentation_to_somebody_else_is_told() -> None:
    run = Run("07", "02")
    assert not run.presented_otherwise({})
    assert not run.presented_otherwise({"subject": "07", "session": "02"})
    said = run.presented_otherwise({"subject": "01", "session": "02"})
    assert said.startswith("the presentation is that of subject '01', session '02'")
    assert "--subject 07 --session 02" in said


@pytest.mark.parametrize("wrong", [{"subject": "a-b"}, {"session": ""}, {"task": "a/b"}, {"run": 0}, {"run": 10_000}])
def test_labels_are_those_bids_allows(wrong: dict) -> None:
    with pytest.raises(ConfigurationError):
        Run(**{"subject": "01", **wrong})


@pytest.mark.parametrize(
    "text", ["", "hello", "[1]", '{"a": 1}', '{"event": 3}', "[" * 100_000, '{"event": ' + "1" * 70_000]
)
def test_other_texts_are_no_events(text: str) -> None:
    assert parse_event(text) is None


def test_an_event_is_an_object_with_a_name() -> None:
    assert parse_event('{"event": "note", "text": "x"}') == {"event": "note", "text": "x"}
    assert own_source_id("record") != own_source_id("present")
