"""The frame of `bench faults`: every row is there, and what was not measured is never met."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.faults import suite
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import ConfigurationError, DataError


def _row(number: int, met: bool, **peers: bool) -> Row:
    contenders = {name: lambda _full, met=met: Outcome("so much", met) for name, met in peers.items()}
    return Row(number, f"fault {number}", "nothing happens", lambda _full: Outcome("done", met, {"x": 1}), contenders)


def test_every_row_of_the_matrix_is_there_with_its_own_number() -> None:
    assert suite.row_numbers() == list(range(1, suite.COUNT + 1))
    for number in suite.row_numbers():
        row = suite.load_row(number)
        assert row.id == number
        assert row.title
        assert row.required


def test_the_score_counts_rows_that_were_not_run_as_not_met(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {1: _row(1, True, pylsl=False), 2: _row(2, False, pylsl=True, pyxdf=False), 3: _row(3, True)}
    monkeypatch.setattr(suite, "row_numbers", lambda: list(rows))
    monkeypatch.setattr(suite, "load_row", rows.__getitem__)
    monkeypatch.setattr(suite, "join_session", lambda: None)
    path = tmp_path / "f.json"
    suite.run((2, 1, 1), False, path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["score"] == "1/24"
    assert [row["id"] for row in found["rows"]] == [1, 2]
    assert found["rows"][0]["figures"] == {"x": 1}
    assert found["rows"][1]["peers"]["pylsl"] == {"measured": "so much", "met": True, "figures": {}}
    assert found["peers"] == {"pylsl": "1/2", "pyxdf": "0/1"}
    assert "emostream 1/24" in capsys.readouterr().out
    with pytest.raises(ConfigurationError, match="no row 9; there are 1, 2, 3"):
        suite.run((9,), False, None)


def test_a_row_that_breaks_is_not_met_and_says_why() -> None:
    def broken(_full: bool) -> Outcome:
        raise DataError("the file\nis damaged")

    assert suite.measure(broken, False) == Outcome("could not be measured: the file is damaged", False)
    assert not_installed("pyxdf") == Outcome("pyxdf is not installed", False)


@pytest.mark.parametrize(("text", "rows"), [("1", (1,)), ("1,5, 8-10", (1, 5, 8, 9, 10))])
def test_rows_are_numbers_and_ranges(text: str, rows: tuple[int, ...]) -> None:
    assert suite.parse_rows(text) == rows


@pytest.mark.parametrize("text", ["", "a", "1-", "1,,2", "-3", "1-b"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="numbers and ranges are wanted"):
        suite.parse_rows(text)


def test_a_peer_that_is_not_installed_is_said_so_and_not_asked() -> None:
    def asked(_full: bool) -> Outcome:
        raise AssertionError("it is not there")

    assert suite._peer("no-such-package", asked, False) == Outcome("no-such-package is not installed", False)
    assert suite._peer("mne", lambda _full: Outcome("there", True), False).met
