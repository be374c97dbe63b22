"""A whole lab session with BrainFlow's synthetic board and a simulated face, from calibration to training."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
import pyxdf
from e2e import Command, beside, emostream, new_session, read_summary

from realtime.eeg.xdf import load_streams, read_xdf
from realtime.films.film_reader import FilmReader
from realtime.session.recorded import find_films, find_session, is_index_or_markers

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

ELECTRODES = "Fp1,Fp2,F3,F4,C3,C4,P3,P4,O1,O2,F7,F8,T7,T8,P7,P8"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which a participant was calibrated, shown three clips, recorded and recognised live."""
    folder = tmp_path_factory.mktemp("session")
    name = new_session()

    def do(*arguments: object) -> None:
        done = emostream(*arguments, folder=folder, session=name)
        assert done.code == 0, (arguments, done.err)

    headset = ("headset", "--board", "synthetic", "--channels", ELECTRODES)
    face = ("simulate", "face", "--recipe", "macro", "--seed", 2, "--root", "rec", "--seconds", 300)
    with beside(folder, *headset, session=name), beside(folder, *face, session=name):
        do("calibrate", "--subject", "01", "--root", "rec", "--seconds", 25)
        do("present", "--example", "demo")
        engine = ("run", "--headless", "--subject", "01", "--root", "rec", "--summary", "run.json")
        recorder = ("record", "--subject", "01", "--root", "rec", "--consent", "C-1", "--headless")
        with Command(*engine, folder=folder, session=name) as live:
            live.until_recognising()
            with Command(*recorder, "--summary", "record.json", folder=folder, session=name) as record:
                show = ("--no-window", "--auto-answers", "--wait-for-recording", "--summary", "present.json")
                do("present", "demo/playlist.toml", "--subject", "01", *show)
                # the face moves every few seconds: at least one movement is found live in what is recorded
                seen = _movements(live)
                live.until(lambda: _movements(live) > seen)
                record.send(signal.SIGINT)
                assert record.wait().code == 130, record.said
            live.send(signal.SIGINT)
            assert live.wait().code == 130, live.said
    return folder


def _movements(live: Command) -> int:
    """How many the engine has found, as its text view says."""
    return int(live.said.rpartition("| movements ")[2].split()[0])


def _session(folder: Path) -> Path:
    return folder / "rec" / "sourcedata" / "sub-01" / "ses-01"


def _emostream(folder: Path, *arguments: object):
    done = emostream(*arguments, folder=folder)
    assert done.code == 0, (arguments, done.err)
    return done


def _film_begins_s(folder: Path) -> float:
    """Seconds from the first EEG sample to the film's first frame."""
    xdf = find_session(_session(folder)).xdf
    marks, _ = load_streams(xdf, dejitter=False, wanted=is_index_or_markers)
    films, _ = find_films(xdf, marks, read_xdf(xdf).origin_s)
    with FilmReader(films[0]) as reader:
        return reader.first_s


def test_everything_is_in_the_recording(recorded: Path) -> None:
    _emostream(recorded, "session", "verify", "rec")
    told = json.loads(next(_session(recorded).glob("*_session.json")).read_text(encoding="utf-8"))
    assert (told["subject"], told["consent_id"], told["state"]) == ("01", "C-1", "complete")
    assert told["calibration"] is not None
    assert told["simulated"] is True
    files = find_session(_session(recorded))
    streams, _ = pyxdf.load_xdf(files.xdf)
    names = {stream["info"]["name"][0]: len(stream["time_stamps"]) for stream in streams}
    assert names["emostream-stimulus"] >= 15
    assert min(names[f"emostream-{name}"] for name in ("eeg", "frames", "emotions", "bandpower")) > 20
    assert "emostream-video" not in names, "pixels are in the film"
    marks, _ = load_streams(files.xdf, dejitter=False, wanted=is_index_or_markers)
    films, problems = find_films(files.xdf, marks, 0.0)
    assert problems == []
    with FilmReader(films[0]) as reader:
        frames = sum(1 for _ in reader)
        assert frames == films[0].frames, "every frame of the film has its stamp in the recording"
        assert reader.absent == 0


def test_the_analysis_gives_the_live_answers_again_and_a_coder_trains_on_it(recorded: Path) -> None:
    _emostream(recorded, "analyze", _session(recorded))
    out = next((recorded / "rec" / "derivatives").rglob("analysis.json")).parent
    as_live = json.loads((out / "analysis.json").read_text(encoding="utf-8"))["as_live"]
    assert as_live["compared"] > 50
    assert as_live["max_difference"] < 1e-5
    movements = as_live["movements"]
    assert movements["same"] == movements["live"] > 0, "the face moves, and the analysis finds what was found live"
    assert movements["only_analysis"] == 0
    assert (out / "report.html").stat().st_size > 100_000
    assert list((recorded / "rec" / "sub-01").rglob("*_eeg.vhdr"))
    accept = ("--accept", 1, "--label", "sad", "--action-units", "AU4")
    _emostream(recorded, "annotate", _session(recorded), "--headless", *accept)
    _emostream(recorded, "report", out, "--annotations", next(_session(recorded).glob("*_annotations.tsv")))
    # one participant is no training set: two simulated ones join
    _emostream(recorded, "dataset", "simulate", "others", "--layout", "session", "--subjects", 2, "--trials", 3)
    for number in ("01", "02"):
        other = recorded / "others" / f"sub-{number}" / "ses-01"
        target = recorded / "rec" / "sourcedata" / f"sub-9{number}" / "ses-01"
        target.mkdir(parents=True)
        for file in other.iterdir():
            shutil.copy(file, target / file.name.replace(f"sub-{number}", f"sub-9{number}"))
    classes = ("--classes", "happy,sad,fear,disgust,angry")
    train = ("train", "--dataset", "rec", *classes, "--recipe", "network", "--epochs", 1, "--out", "mine.safetensors")
    done = _emostream(recorded, *train)
    assert "3 people" in done.out
    _emostream(recorded, "analyze", _session(recorded), "--model", "mine.safetensors", "--out", "again")
    assert "accepted 1," in (recorded / "again" / "report.html").read_text(encoding="utf-8"), "the review is in it"


def test_the_session_is_replayed_as_it_was(recorded: Path) -> None:
    name = new_session()
    # from where the film begins: the recorder asks the cameras once it is connected to them and to the headset
    with beside(recorded, "replay", _session(recorded), "--start", _film_begins_s(recorded), session=name):
        run = ("run", "--headless", "--seconds", 6, "--summary", "replayed.json")
        done = emostream(*run, folder=recorded, session=name)
    assert done.code == 0, done.err
    summary = read_summary(recorded / "replayed.json")
    assert summary["eeg"]["channels"] == 16
    assert summary["eeg"]["lost"] == 0
    assert summary["video"]["faces"] > 50
    assert summary["predictions"]["count"] > 10
