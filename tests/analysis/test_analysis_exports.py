"""Copies of a session's EEG for MNE, EEGLAB and BIDS tools hold what was recorded, where it was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import mne
import numpy as np
import pytest
from bids_validator import BIDSValidator
from fakes import CHANNELS
from live_run import FIRST_S, STEM, LiveRun, record, texts

from realtime.analysis.exports import Exports, chosen_exports
from realtime.analysis.out import place_of
from realtime.analysis.session_source import open_session
from realtime.analysis.source import Source, open_loose
from realtime.errors import ConfigurationError
from realtime.session.recorded import find_session

_HOLE = slice(1500, 1540)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveRun, Source, Path]:
    """A session in a recordings root, its source, and the folder of its copies."""
    root = tmp_path_factory.mktemp("root")
    report = {"event": "self_report", "trial": 1, "emotion": "sad", "intensity": 4, "hidden": 2}
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
    exports = Exports(source, chosen_exports("bids,set,fif", source, place), place)
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
    assert (told["Manufacturer"], told["Simulated"], told["PowerLineFrequency"]) == ("n/a", False, 50)
    reports = (root / "sub-01" / "ses-01" / "beh" / f"{STEM}_beh.tsv").read_text(encoding="utf-8").splitlines()
    assert reports[1].split("\t")[2:] == ["sad", "4.0", "n/a", "n/a", "2.0"]


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
