"""What is outgrown: several engines told apart, and archives that come out the same however many processes work."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from benchmarks import archive, machines
from realtime.errors import EmostreamError


def test_engines_are_told_apart_by_their_source_ids() -> None:
    seen = ["p1-eeg", "p1@here-emotions", "p2@here-emotions", "p1@here-health", "p11@here-emotions"]
    assert machines.own_streams("p1", seen, "here") == ["p1@here-emotions", "p1@here-health"]
    with pytest.raises(EmostreamError, match="cannot be told apart: 1 source ids twice, 'p1@here-health'"):
        machines.own_streams("p2", [*seen, "p1@here-health"], "here")


@pytest.mark.end_to_end
@pytest.mark.slow
def test_two_engines_beside_one_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = machines.run(2, 12.0, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))["engines"] == found["engines"]
    for engine in found["engines"]:
        assert engine["eeg_lost"] == 0
        assert engine["streams"] == 4
        assert engine["predictions"] > 0
        assert engine["wanted_per_s"] == 5.0
    assert "simulated" in capsys.readouterr().out


def _tables(folder: Path, value: float) -> Path:
    folder.mkdir()
    for name in ("predictions", "quality"):
        table = pyarrow.table({"time_s": [0.0, float("nan")], "value": [1.0, value], "what": ["a", "b"]})
        parquet.write_table(table, folder / f"{name}.parquet")
    return folder


def test_tables_are_compared_number_by_number(tmp_path: Path) -> None:
    one, same, other = (_tables(tmp_path / name, value) for name, value in (("a", 2.0), ("b", 2.0), ("c", 2.5)))
    assert archive.largest_difference(one, same) == 0.0
    assert archive.largest_difference(one, other) == 0.5
    with pytest.raises(EmostreamError, match=r"in what the table 'predictions\.parquet' lacks"):
        archive.largest_difference(one, _tables(tmp_path / "d", float("nan")))
    with pytest.raises(EmostreamError, match="no table in"):
        archive.largest_difference(tmp_path / "none", one)


@pytest.mark.slow
def test_two_processes_give_the_results_of_one() -> None:
    (row,) = archive.run(0.1)
    assert row.max_difference == 0.0
    assert row.peers.keys() == {"one process"}
