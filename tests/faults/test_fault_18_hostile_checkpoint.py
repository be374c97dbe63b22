"""Row 18: a pickle under another name."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults.fault_18_hostile_checkpoint import ROW, pickles, readers


def test_pickles_under_other_names_are_refused_and_none_is_run() -> None:
    figures = ROW.ours(False).figures
    assert int(figures["tried"]) >= 180
    assert figures["programs_run"] == 0
    assert figures["first"] == ""
    assert figures["not_refused_by_name"] == 0


def test_the_program_would_run(tmp_path: Path) -> None:
    """Else the row would prove nothing."""
    import pickle

    mark = tmp_path / "ran"
    pickle.loads(pickles(mark)["pickle protocol 4"])
    assert mark.exists()


def test_each_place_that_keeps_files_is_tried() -> None:
    kept = {"checkpoint", "calibration", "EEG calibration", "finished fold", "EEG features", "face features"}
    assert kept | {"training state", "samples"} <= readers().keys()


@pytest.mark.parametrize("peer", ["torch.load(weights_only=False)", "joblib.load"])
def test_what_others_load_with_does_run_it(peer: str) -> None:
    assert ROW.peers[peer](False).met is False
