"""The recordings root: private whatever the umask, in BIDS' form, and nothing in it is ever overwritten."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.session.files import run_of, runs_in
from realtime.session.folder import claim_run, make_private_folder, next_run, open_new, replace_own, write_new
from realtime.session.run import Run


@pytest.fixture(params=[0o000, 0o277])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """The most open and a very closed one."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def _modes(root: Path) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {"folders": set(), "files": set()}
    for path in (root, *root.rglob("*")):
        found["folders" if path.is_dir() else "files"].add(stat.S_IMODE(path.lstat().st_mode))
    return found


@pytest.mark.usefixtures("umask")
def test_folders_are_0700_and_files_0600_whatever_the_umask(tmp_path: Path) -> None:
    folder = claim_run(tmp_path / "a" / "rec", Run("01"), b"{}", free=True)
    with open_new(folder.file("_video.mkv")) as file:
        file.write(b"x")
    replace_own(folder.file("_session.json"), b'{"a": 1}')
    assert _modes(tmp_path / "a") == {"folders": {0o700}, "files": {0o600}}


def test_the_root_is_a_bids_dataset_and_participants_are_pseudonyms(tmp_path: Path) -> None:
    root = tmp_path / "rec"
    folder = claim_run(root, Run("07", "pre"), b"{}", free=True)
    assert folder.path == root / "sourcedata" / "sub-07" / "ses-pre"
    told = json.loads((root / "dataset_description.json").read_text())
    assert (told["DatasetType"], told["BIDSVersion"]) == ("raw", "1.10.0")
    assert (root / "participants.tsv").read_text() == "participant_id\nsub-07\n"
    (root / "participants.tsv").write_text("participant_id\tage\nsub-07\t31\n")
    claim_run(root, Run("07", "post"), b"{}", free=True)
    claim_run(root, Run("08"), b"{}", free=True)
    assert (root / "participants.tsv").read_text() == "participant_id\tage\nsub-07\t31\nsub-08\tn/a\n"


def test_a_table_without_participants_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("who\nme\n")
    with pytest.raises(DataError, match="no column 'participant_id'"):
        claim_run(tmp_path, Run("01"), b"{}", free=True)
    assert (tmp_path / "participants.tsv").read_text() == "who\nme\n"


def test_a_run_that_exists_is_refused_with_the_next_free_number_or_the_next_is_taken(tmp_path: Path) -> None:
    first = claim_run(tmp_path, Run("01"), b"first", free=True)
    second = claim_run(tmp_path, Run("01"), b"second", free=True)
    assert [folder.run.run for folder in (first, second)] == [1, 2]
    second.file("_video.mkv").write_bytes(b"film of a run of another's")
    (first.path / f"{Run('01', run=3).stem}.xdf").write_bytes(b"XDF:")
    with pytest.raises(ConfigurationError, match="next free run is 4"):
        claim_run(tmp_path, Run("01", run=2), b"again", free=False)
    assert claim_run(tmp_path, Run("01", run=9), b"{}", free=False).run.run == 9
    assert next_run(tmp_path, Run("01")).run == 4
    assert next_run(tmp_path, Run("01", task="rest")).run == 1
    assert first.file("_session.json").read_bytes() == b"first"


def test_of_two_recorders_only_one_gets_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claim_run(tmp_path, Run("01"), b"quicker", free=True)
    # the other looked before the first had claimed
    monkeypatch.setattr("realtime.session.folder.files_of_run", lambda folder, seen=[]: seen.append(1) or [])
    with pytest.raises(ConfigurationError, match="recorded before"):
        claim_run(tmp_path, Run("01"), b"slower", free=False)
    assert run_of(tmp_path / Run("01").folder).session.read_bytes() == b"quicker"


def test_new_files_replace_none_and_follow_no_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link"):
        with pytest.raises(FileExistsError):
            write_new(tmp_path / name, b"new")
        with pytest.raises(FileExistsError):
            open_new(tmp_path / name)
    assert (tmp_path / "there").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


def test_a_link_that_leads_out_of_the_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "rec" / "sourcedata").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigurationError, match="leads out of"):
        claim_run(tmp_path / "rec", Run("01"), b"{}", free=True)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError):
        make_private_folder(tmp_path / "file" / "x")


def test_runs_are_found_from_any_of_their_files_their_folder_or_the_root(tmp_path: Path) -> None:
    for run in (Run("01"), Run("01"), Run("02")):
        folder = claim_run(tmp_path, run, b"{}", free=True)
        for ending in (".xdf", "_part-02.xdf", "_video.mkv"):
            folder.file(ending).write_bytes(b"x")
    stems = [Run("01").stem, Run("01", run=2).stem, Run("02").stem]
    assert [files.stem for files in runs_in(tmp_path)] == stems
    home = tmp_path / Run("01").folder
    assert [files.stem for files in runs_in(home)] == stems[:2]
    for name in (".xdf", "_part-02.xdf", "_video.mkv", "_session.json"):
        assert run_of(home / f"{stems[1]}{name}").run == Run("01", run=2)
    assert len(run_of(home, 1).all()) == 4
    with pytest.raises(DataError, match="2 runs in"):
        run_of(home)
    with pytest.raises(DataError, match="there is no"):
        runs_in(tmp_path / "nowhere")
