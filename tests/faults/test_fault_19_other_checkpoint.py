"""Row 19: a checkpoint for other channels, bands, classes or rates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.faults.fault_19_other_checkpoint import ROW, save
from models.checkpoint import load_checkpoint
from realtime.errors import CheckpointError


def test_every_edited_or_unfitting_field_is_named() -> None:
    figures = ROW.ours(False).figures
    assert int(figures["tried"]) >= 30
    assert figures["first"] == ""
    assert figures["not_refused_by_field"] == 0


def test_names_in_another_order_are_refused_though_every_size_fits(tmp_path: Path) -> None:
    path = save(tmp_path)
    about = path.with_suffix(".json")
    said = json.loads(about.read_text(encoding="utf-8"))
    said["classes"] = said["classes"][::-1]
    about.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(CheckpointError, match="'classes' was changed after the training"):
        load_checkpoint(path)


def test_what_an_older_version_wrote_without_a_seal_is_read(tmp_path: Path) -> None:
    path = save(tmp_path)
    about = path.with_suffix(".json")
    said = json.loads(about.read_text(encoding="utf-8"))
    assert set(said.pop("seal")) >= {"classes", "channels", "bands", "n_windows", "window_s", "hop_s"}
    about.write_text(json.dumps(said), encoding="utf-8")
    assert load_checkpoint(path).info.classes == ("happy", "sad", "fear")


def test_what_is_for_the_reader_alone_may_be_edited(tmp_path: Path) -> None:
    path = save(tmp_path)
    about = path.with_suffix(".json")
    said = json.loads(about.read_text(encoding="utf-8"))
    said["training"]["note"] = "from the lab"
    about.write_text(json.dumps(said), encoding="utf-8")
    assert load_checkpoint(path).info.training["note"] == "from the lab"
