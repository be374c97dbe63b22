"""Copies of a session's EEG for MNE, EEGLAB and BIDS tools hold what was recorded, where it was recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import mne
import numpy as np
import pytest
from bids_validator import BIDSValidator
from fakes import CHANNELS
from live_run import FIRST_S, STEM, LiveRun, record, texts

from realtime.analysis.coding_sheet import Coded
from realtime.analysis.exports import Exports, chosen_exports
from realtime.analysis.out import Place, place_of
from realtime.analysis.session_source import open_session
from realtime.analysis.source import Source, open_loose
from realtime.analysis.timeline import Timeline
from realtime.errors import ConfigurationError
from realtime.review.annotations import Annotation, annotations_path, save_annotations
from realtime.session.recorded import find_session

_HOLE = slice(1500, 1540)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveRun, Source, Path]:
    """A session in a recordings root, its source, and the folder of its copies."""
    root = tmp_path_factory.mktemp("root")
    report = {"event": "self_report", "trial": 1, "emotion": "sad", "intensity": 4, "hidden": 2, "dominance": 7}
    stimulus = texts(
        "emostream-stimulus",
        (FIRST_S + 3.0, {"event": "trial_start", "trial": 1, "emotion": "sad", "stimulus": "a.mp4"}),
        (FIRST_S + 8.0, {"event": "trial_end", "trial": 1, "emotion": "sad"}),
        (FIRST_S + 9.0, report),
    )
    run = record(root / "sourcedata" / "sub-01" / "ses-01", stimulus, seconds=10.0)
    source = open_session(find_session(run.xdf))
    folder = root / "copies"
    folder.mkdir()
    place = place_of(run.xdf)
    exports = Exports(source, chosen_exports("bids,set,fif", source, place), place, line_hz=60)
    exports.write(folder)
    assert exports.notes == []
    again = Exports(source, {"bids"}, place)
    again.write(folder)
    assert again.written == []
    assert again.notes == ["the BIDS copy of the EEG was there already and was left as it is"]
    return run, source, root


def _check(raw: mne.io.BaseRaw, run: LiveRun) -> None:
    """Samples lie where they were recorded, the hole is filled and named, the trial is where it was sent."""
    data = raw.get_data(picks="eeg") * 1e6
    n = run.samples_uv.shape[1]
    assert raw.ch_names == list(CHANNELS)
    assert data.shape == (len(CHANNELS), n + 40)
    np.testing.assert_allclose(data[:, :1500], run.samples_uv[:, :1500], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(data[:, 1540:], run.samples_uv[:, 1500:], rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        data[:, _HOLE], np.repeat(run.samples_uv[:, 1499:1500], 40, axis=1), rtol=1e-4, atol=1e-3
    )
    places = {
        str(text): float(onset) for onset, text in zip(raw.annotations.onset, raw.annotations.description, strict=True)
    }
    assert places["BAD_lost"] == pytest.approx(1500 / 250.0)
    assert places["trial/sad"] == pytest.approx(3.0, abs=3e-3)


def test_mne_reads_its_copy(made: tuple[LiveRun, Source, Path]) -> None:
    run, _, root = made
    raw = mne.io.read_raw_fif(root / "copies" / "eeg" / f"{STEM}_eeg.fif", verbose="ERROR")
    _check(raw, run)
    assert np.isfinite([channel["loc"][:3] for channel in raw.info["chs"]]).all()
    raw.close()


def test_eeglab_s_copy_is_read(made: tuple[LiveRun, Source, Path]) -> None:
    run, _, root = made
    _check(mne.io.read_raw_eeglab(root / "copies" / "eeg" / f"{STEM}_eeg.set", verbose="ERROR"), run)


def test_the_bids_copy_is_read_and_its_names_are_valid(made: tuple[LiveRun, Source, Path]) -> None:
    import mne_bids

    run, _, root = made
    where = mne_bids.BIDSPath(root=root, subject="01", session="01", task="suppression", run="01", datatype="eeg")
    (header,) = (root / "sub-01" / "ses-01" / "eeg").glob("*.vhdr")
    _check(mne_bids.read_raw_bids(where, verbose="ERROR"), run)
    markers = mne.io.read_raw_brainvision(header, verbose="ERROR").annotations.description
    assert "Comment/trial/sad" in markers
    files = [path.relative_to(root).as_posix() for path in (root / "sub-01").rglob("*") if path.is_file()]
    assert len(files) >= 9
    assert all(BIDSValidator().is_bids(f"/{name}") for name in files)
    assert all((root / name).stat().st_mode & 0o777 == 0o600 for name in files)
    events = (header.parent / f"{STEM}_events.tsv").read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(events[0].split("\t"), line.split("\t"), strict=True)) for line in events[1:]]
    trial = next(row for row in rows if row["kind"] == "trial")
    assert (trial["label"], trial["stimulus"], trial["trial"]) == ("sad", "a.mp4", "1")
    assert float(trial["duration"]) == pytest.approx(5.0, abs=5e-3)
    told = json.loads((header.parent / f"{STEM}_eeg.json").read_text(encoding="utf-8"))
    assert (told["Manufacturer"], told["Simulated"], told["PowerLineFrequency"]) == ("n/a", False, 60)
    reports = (root / "sub-01" / "ses-01" / "beh" / f"{STEM}_beh.tsv").read_text(encoding="utf-8").splitlines()
    assert reports[0].endswith("valence\thidden\tdominance")
    assert reports[1].split("\t")[2:] == ["sad", "4.0", "n/a", "n/a", "2.0", "7.0"]


def _movements(source: Source, folder: Path, *rows: Annotation) -> tuple[list[str], list[list[str]], list[str]]:
    """The movements that are events and annotations of the copies with these rows reviewed, and what was noted."""
    folder.mkdir()
    assert source.session is not None
    table = annotations_path(source.session.xdf)
    exports = Exports(source, {"sheet", "fif"}, None, line_hz=50)
    exports.found.coded.append(Coded(3.0, 3.2, 3.4, "micro"))
    try:
        save_annotations(table, rows)
        exports.write(folder)
    finally:
        table.unlink()
    raw = mne.io.read_raw_fif(folder / "eeg" / f"{STEM}_eeg.fif", verbose="ERROR")
    found = [text for text in raw.annotations.description if text.startswith("m")]
    raw.close()
    lines = (folder / "movements_events.tsv").read_text(encoding="utf-8").splitlines()
    assert list(json.loads((folder / "movements_events.json").read_text())) == lines[0].split("\t")
    return found, [line.split("\t") for line in lines[1:]], exports.notes


def test_movements_are_events_at_the_places_of_the_copy(made: tuple[LiveRun, Source, Path], tmp_path: Path) -> None:
    _, source, _ = made
    accepted = Annotation(7.0, 7.2, 7.5, "sad", "micro", "AU4", "accepted")
    rejected = Annotation(2.0, 2.2, 2.4, status="rejected")
    waiting = Annotation(8.0, 8.2, 8.4, status="candidate")
    found, ((onset, duration, *coded),), notes = _movements(source, tmp_path / "some", accepted, rejected, waiting)
    assert found == ["micro/sad"]
    # beyond the hole, which the copy fills
    assert (float(onset), float(duration)) == pytest.approx((7.0, 0.5), abs=4e-3)
    assert [coded[0], *coded[2:]] == ["micro", "sad", "AU4", "reviewed"]
    assert notes == ["the coding sheet holds the 1 reviewed movements; 1 that nobody has reviewed are left out"]
    found, rows, _ = _movements(source, tmp_path / "none", waiting)
    assert (found, [row[2:] for row in rows]) == (["micro"], [["micro", rows[0][3], "n/a", "n/a", "candidate"]])


def test_what_a_coder_rejected_does_not_come_back(made: tuple[LiveRun, Source, Path], tmp_path: Path) -> None:
    found, rows, notes = _movements(made[1], tmp_path / "all", Annotation(3.0, 3.2, 3.4, status="rejected"))
    assert (found, rows) == ([], [])
    assert notes == ["the coding sheet holds the 0 reviewed movements"]


def test_self_reports_are_written_without_eeg_and_beside_eeg_that_is_there(
    made: tuple[LiveRun, Source, Path], tmp_path: Path
) -> None:
    run, source, root = made
    there = place_of(run.xdf)
    assert there is not None
    alone, folder = replace(source, eeg=None), tmp_path / "copies"
    assert chosen_exports(None, alone, there) == {"bids"}
    folder.mkdir()
    names = [f"{STEM}_beh.json", f"{STEM}_beh.tsv"]
    for name, one in (("face", alone), ("again", source)):
        place = Place(tmp_path / name, there.run)
        part = place.root / "sub-01" / "ses-01"
        if one.eeg is not None:
            (part / "eeg").mkdir(parents=True)
            (part / "eeg" / f"{STEM}_eeg.vhdr").touch()
        exports = Exports(one, {"bids"}, place)
        exports.write(folder)
        assert [path.name for path in exports.written] == names
        told = (part / "beh" / names[1]).read_bytes()
        assert told == (root / "sub-01" / "ses-01" / "beh" / names[1]).read_bytes()
        (part / "beh" / names[1]).write_text("the user's own", encoding="utf-8")
        exports.write(folder)
        assert exports.written == []
        assert (part / "beh" / names[1]).read_text(encoding="utf-8") == "the user's own"
    with pytest.raises(ConfigurationError, match="of EEG and self reports, and there are none"):
        chosen_exports("bids", replace(alone, timeline=Timeline()), there)


def test_nothing_is_left_beside_the_copies(made: tuple[LiveRun, Source, Path]) -> None:
    _, _, root = made
    assert sorted(path.name for path in root.iterdir()) == ["copies", "sourcedata", "sub-01"]
    assert [path.name for path in (root / "copies").iterdir()] == ["eeg"]


def test_what_is_copied_by_default_and_what_cannot_be(made: tuple[LiveRun, Source, Path], tmp_path: Path) -> None:
    run, source, _ = made
    place = place_of(run.xdf)
    assert chosen_exports(None, source, place) == {"bids"}
    assert chosen_exports(None, source, None) == set()
    assert chosen_exports("none", source, place) == set()
    assert chosen_exports("Sheet, FIF", source, None) == {"sheet", "fif"}
    with pytest.raises(ConfigurationError, match="--export 'edf': wanted sheet, bids, set, fif, or none"):
        chosen_exports("edf", source, place)
    with pytest.raises(ConfigurationError, match="in a recordings root"):
        chosen_exports("bids", open_loose([run.xdf]), None)
