"""A recorded session reviewed: what was found live, the film by the recording's stamps, what training learns of it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from display import needs_display, virtual_display
from PyQt5.QtGui import QImage
from typer.testing import CliRunner

from gui.annotate.commands import agreement, annotate
from gui.annotate.film import FilmFrames
from gui.annotate.sources import open_target
from models.data import session
from models.data.rows import EegRecording, VideoMoment
from realtime.errors import ConfigurationError, DataError
from realtime.session.metadata import SessionMetadata, now
from realtime.session.run import Run
from simulators.layouts.film_file import write_film
from simulators.layouts.xdf_file import XdfStream, write_xdf

ROOT = Path(__file__).parents[2]
_ORIGIN_S, _RATE, _LATE_S = 700.0, 100, 8.0
_STEM = "sub-01_ses-01_task-suppression_run-01"


def _movement(onset_s: float, kind: str = "micro") -> dict[str, object]:
    times = {"onset_s": onset_s, "apex_s": onset_s + 0.2, "offset_s": onset_s + 0.4, "decided_s": onset_s + 1.0}
    return {"event": "movement", "kind": kind, "score": 6.5, "regions": ["chin"], **times}


def _texts(name: str, told: list[tuple[float, dict[str, object]]]) -> XdfStream:
    stamps = _ORIGIN_S + np.array([time_s for time_s, _ in told])
    return XdfStream(name, "Markers", stamps, [json.dumps(said) for _, said in told], "string")


def _streams(*, named: bool = False) -> list[XdfStream]:
    """60 s of EEG; 3 s of frames that begin 8 s later; two movements found, the engine's clock 5000 s ahead."""
    n = 60 * _RATE
    samples = np.random.default_rng(0).normal(0, 20, (n, 8)).astype(np.float32)
    channels = [(name, "microvolts", "EEG") for name in ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")]
    eeg = XdfStream("cap", "EEG", _ORIGIN_S + np.arange(n) / _RATE, samples, "float32", _RATE, channels)
    stamps_s = _ORIGIN_S + _LATE_S + np.arange(90) / 29.0
    frames = XdfStream(
        "emostream-frames", "VideoFrameIndex", stamps_s, np.arange(90, dtype=np.float64)[:, None], "double64", 30.0
    )
    found = [(10.0 + k + 1.0, _movement(10.0 + k + 5000)) for k in (-1.0, 0.0)]
    trials: list[tuple[float, dict[str, object]]] = [
        (5.0, {"event": "trial_start", "emotion": "sad"}),
        (25.0, {"event": "trial_end"}),
    ]
    if named:
        eeg, frames = replace(eeg, source_id="cap-eeg"), replace(frames, source_id="cam-video-frames")
    return [eeg, frames, _texts("emostream-movements", found), _texts("emostream-stimulus", trials)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The streams, and the film of the frames."""
    made = tmp_path / "recordings" / Run("01").folder
    made.mkdir(parents=True)
    write_xdf(made / f"{_STEM}.xdf", _streams())
    write_film(made / f"{_STEM}_video.avi", (np.full((48, 64), 20 + 2 * k, np.uint8) for k in range(90)), 30.0)
    return made


def _command(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(annotate)
    done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_training_learns_from_what_was_accepted_and_from_nothing_else(folder: Path) -> None:
    said = _command(str(folder), "--accept", "2", "--reject", "1", "--action-units", "4", "--coder", "c1")
    assert "2 movements: 1 accepted, 1 rejected, 0 to review" in said
    assert stat.S_IMODE((folder / f"{_STEM}_annotations.tsv").stat().st_mode) == 0o600
    data = session.read(folder)
    (row,) = data.rows
    assert row.label == "sad"
    assert isinstance(row.eeg, EegRecording)
    assert row.eeg.stop_s == pytest.approx(10.2 + 0.6, abs=1e-3)
    assert isinstance(row.face, VideoMoment)
    assert (row.face.onset_s, row.face.apex_s) == pytest.approx((58 / 30, 64 / 30), abs=1e-3)
    told = [problem.message for problem in data.problems]
    assert "1 rejected: left out" in told


def test_two_coders_are_compared_on_the_command_line(folder: Path) -> None:
    for coder, edits in (("c1", ["--accept", "1"]), ("c2", ["--accept", "2"])):
        _command(str(folder), "--blind", "--coder", coder, "--reject", "1" if coder == "c2" else "2", *edits)
    tables = [str(folder / f"{_STEM}_annotations_{coder}.tsv") for coder in ("c1", "c2")]
    app = typer.Typer()
    app.command()(agreement)
    summary = folder / "agreement.json"
    done = CliRunner().invoke(app, [*tables, "--summary", str(summary)])
    assert done.exit_code == 0, done.output
    assert "accepted or not: 0.0 % the same, Cohen's kappa -1.00" in done.output
    assert json.loads(summary.read_text(encoding="utf-8"))["decision"]["only_first"] == 1
    assert session.read(folder).rows[0].face is None, "a blind coder's table is not learnt from"


def test_where_nothing_was_reviewed_nothing_is_learnt_and_it_is_said(folder: Path) -> None:
    (folder / f"{_STEM}_annotations.tsv").write_text(
        "onset_s\tapex_s\toffset_s\tkind\tstatus\n9\t9.2\t9.4\tmicro\tcandidate\n10\t10.2\t10.4\tmicro\tmaybe\n"
    )
    data = session.read(folder)
    (row,) = data.rows
    assert row.face is None, "the trial's own EEG alone"
    told = [problem.message for problem in data.problems]
    assert "1 found by the spotter and not reviewed: left out" in told
    assert "status 'maybe', wanted nothing, accepted, rejected, candidate" in told


def test_found_live_or_analysed_movements_lie_on_the_film_by_the_recordings_stamps(folder: Path) -> None:
    target = open_target(folder)
    assert [c.apex_s for c in target.known.candidates] == pytest.approx([9.2, 10.2], abs=1e-6)
    assert [(t.onset_s, t.label) for t in target.known.trials] == [(pytest.approx(5.0), "sad")]
    assert "these are the movements found live" in target.notices[-1]
    assert target.film is not None
    frames = FilmFrames(target.film)
    times_s = target.times_of(frames)
    assert times_s[[0, 89]] == pytest.approx([_LATE_S, _LATE_S + 89 / 29.0], abs=1e-6)
    frames.close()
    derived = folder.parents[2] / Run("01").derivatives
    derived.mkdir(parents=True)
    (derived / "movements.csv").write_text("onset_s,apex_s,offset_s,kind,score\n9.0,9.21,9.5,micro,7\n")
    again = open_target(folder / f"{_STEM}.xdf")
    assert [c.apex_s for c in again.known.candidates] == [9.21]
    assert again.known.trials == target.known.trials
    with pytest.raises(ConfigurationError, match="no film of a camera 'left'; there are: ''"):
        open_target(folder, camera="left")


def _first_frame_s(folder: Path) -> float:
    target = open_target(folder)
    assert target.film is not None
    frames = FilmFrames(target.film)
    first_s = float(target.times_of(frames)[0])
    frames.close()
    return first_s


def test_a_measured_delay_is_taken_off_where_a_coder_looks_and_where_training_learns(folder: Path) -> None:
    write_xdf(folder / f"{_STEM}.xdf", _streams(named=True))
    told = SessionMetadata(
        stem=_STEM,
        subject="01",
        session="01",
        task="suppression",
        run=1,
        started=now(),
        delays_s={"cam-video": 0.1, "cap-eeg": 0.02},
    )
    (folder / f"{_STEM}_session.json").write_bytes(told.content())
    assert _first_frame_s(folder) == pytest.approx(_LATE_S - 0.1 + 0.02, abs=1e-6)
    target = open_target(folder)
    assert [c.apex_s for c in target.known.candidates] == pytest.approx([9.22, 10.22], abs=1e-6)
    _command(str(folder), "--accept", "2")
    (row,) = session.read(folder).rows
    assert isinstance(row.face, VideoMoment)
    # 2.32 s after the first frame at 29 a second, of a film of 30 a second
    assert row.face.apex_s == pytest.approx(67 / 30, abs=1e-3)


def test_an_analysis_that_counts_from_another_moment_is_moved(folder: Path) -> None:
    derived = folder.parents[2] / Run("01").derivatives
    derived.mkdir(parents=True)
    (derived / "movements.csv").write_text("onset_s,apex_s,offset_s,kind,score\n1.0,1.2,1.4,micro,7\n")
    spans = [
        {"kind": "trial", "start_s": -3.0, "end_s": 17.0, "label": "sad"},
        {"kind": "trial", "start_s": -9.0, "end_s": -8.5, "label": "over before"},
    ]
    told = {"source": {"zero_lsl_s": _ORIGIN_S + _LATE_S, "duration_s": 50.0}, "timeline": spans}
    (derived / "analysis.json").write_text(json.dumps(told), encoding="utf-8")
    known = open_target(folder).known
    assert [c.apex_s for c in known.candidates] == pytest.approx([9.2], abs=1e-6)
    assert [(t.onset_s, t.offset_s) for t in known.trials] == [pytest.approx((5.0, 25.0), abs=1e-6)]


def test_without_eeg_time_begins_with_the_film_as_in_the_analysis(folder: Path) -> None:
    write_xdf(folder / f"{_STEM}.xdf", _streams()[1:])
    assert _first_frame_s(folder) == 0.0
    assert [c.apex_s for c in open_target(folder).known.candidates] == pytest.approx([1.2, 2.2], abs=1e-6)


def test_trials_of_a_simulated_person_give_way_to_those_that_were_presented(folder: Path) -> None:
    truth = _texts("emostream-truth", [(9.0, {"event": "trial_start", "emotion": "fear"})])
    write_xdf(folder / f"{_STEM}.xdf", [*_streams(), truth])
    known = open_target(folder).known
    assert known.simulated
    assert [(t.onset_s, t.offset_s, t.label) for t in known.trials] == [
        (pytest.approx(5.0), pytest.approx(25.0), "sad")
    ]


def test_a_session_without_a_film_or_a_damaged_one_is_told_in_one_line(folder: Path) -> None:
    (folder / f"{_STEM}_video.avi").unlink()
    assert "no film beside the recording" in " ".join(open_target(folder).notices)
    assert "to review" in _command(str(folder), "--headless")
    xdf = folder / f"{_STEM}.xdf"
    xdf.write_bytes(b"XDF?" + xdf.read_bytes()[4:])
    with pytest.raises(DataError) as caught:
        open_target(folder)
    assert "\n" not in str(caught.value)


@needs_display
@pytest.mark.xvfb
def test_the_window_opens_on_a_real_display(folder: Path, tmp_path: Path) -> None:
    shot = folder / "shot.png"
    command = [sys.executable, str(ROOT / "emostream.py"), "annotate", str(folder), "--theme", "light"]
    with virtual_display("1280x720") as display:
        environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        (runtime := tmp_path / "runtime").mkdir(mode=0o700)
        environment["XDG_RUNTIME_DIR"] = str(runtime)
        done = subprocess.run(
            [*command, "--seconds", "1.5", "--screenshot", str(shot)],
            env=environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    image = QImage(str(shot))
    assert (image.width(), image.height()) == (1280, 720), "as large as the screen, and no larger"
    colors = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
    assert len(colors) > 60
