"""Sealed runs: what differs, what is missing, what may change; the commands; a copy without the face."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from fake_labrecorder import FakeInfo, file_header, footer, samples, stream_header

from realtime.eeg.xdf import load_streams
from realtime.errors import ConfigurationError, DataError
from realtime.recorder import closing, commands
from realtime.recorder.checksums import verify, write_checksums
from realtime.recorder.closing import close_orphan, close_run
from realtime.recorder.privacy import export
from realtime.recorder.xdf_chunks import XdfTail
from realtime.session.files import RunFiles, run_of
from realtime.session.folder import RunFolder, claim_run
from realtime.session.metadata import FilmRecord, Gap, SessionMetadata, now
from realtime.session.run import Run

INFOS = [
    FakeInfo("emostream-eeg"),
    FakeInfo("emostream-mesh", "FaceMesh", 30.0, "mesh"),
    FakeInfo("emostream-movement-images", "MovementImages", 0.0, "images"),
    FakeInfo("emostream-flush", "Markers", 0.0, "flush"),
]


def _metadata(run: Run, **more: object) -> SessionMetadata:
    said = {"stem": run.stem, "subject": run.subject, "session": run.session, "task": run.task, "run": run.run}
    return SessionMetadata(**said, started=now(), consent_id="C-1", **more)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run that is still being recorded: its XDF file, a film, annotations."""
    run = Run("01")
    made = claim_run(tmp_path / "rec", run, _metadata(run).content(), free=True)
    content = file_header()
    for i, info in enumerate(INFOS, 1):
        content += stream_header(i, info) + samples(i, 5.0, range(50), info.rate) + footer(i, 50)
    made.file(".xdf").write_bytes(content)
    made.file("_video.mkv").write_bytes(b"film" * 1000)
    made.file("_video.json").write_text(json.dumps({"source_id": "cam-1", "frames": 3, "sha256": "0" * 64}))
    return made


def _close(folder: RunFolder, **options: object) -> SessionMetadata:
    tail = XdfTail(folder.file(".xdf"), float)
    tail.step()
    known = SessionMetadata.load(folder.file("_session.json"))
    film = FilmRecord(camera="", file=folder.file("_video.mkv").name)
    known = known.model_copy(update={"films": (film,), **options})
    return close_run(folder, known, list(tail.streams.values()), pause=lambda _s: None)


def _files(folder: RunFolder) -> RunFiles:
    return run_of(folder.path)


def test_a_closed_run_says_what_is_in_it_and_is_sealed_as_sha256sum_reads_it(folder: RunFolder) -> None:
    told = _close(folder)
    assert SessionMetadata.load(folder.file("_session.json")) == told
    assert told.state == "complete"
    assert {stream.name: stream.samples for stream in told.streams}["emostream-eeg"] == 50
    assert told.films[0].source_id == "cam-1"
    verdict = verify(_files(folder))
    assert (verdict.sound, verdict.checked, verdict.unlisted) == (True, 4, ())
    command = ["sha256sum", "--quiet", "-c", _files(folder).checksums.name]
    assert subprocess.run(command, cwd=folder.path, check=False).returncode == 0
    with pytest.raises(DataError, match="nothing is overwritten"):
        write_checksums(_files(folder))


def test_a_gap_makes_it_interrupted(folder: RunFolder) -> None:
    told = _close(folder, gaps=(Gap(from_s=1.0, to_s=2.5, reason="LabRecorder was killed"),))
    assert (told.state, told.reason) == ("interrupted", "LabRecorder was killed")


def test_every_flipped_bit_is_found_and_what_people_edit_is_no_damage(folder: RunFolder) -> None:
    annotations = folder.file("_annotations.tsv")
    annotations.write_text("onset_s\n")
    _close(folder)
    xdf = folder.file(".xdf")
    content = xdf.read_bytes()
    for place in range(0, len(content), 97):
        xdf.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        assert verify(_files(folder)).changed == (xdf.name,)
    xdf.write_bytes(content)
    annotations.write_text("onset_s\n1.0\n")
    folder.file("_later.tsv").write_text("x")
    verdict = verify(_files(folder))
    assert (verdict.sound, verdict.edited, verdict.unlisted) == (
        True,
        (annotations.name,),
        (folder.file("_later.tsv").name,),
    )
    folder.file("_video.mkv").unlink()
    assert verify(_files(folder)).missing == (folder.file("_video.mkv").name,)


@pytest.mark.parametrize("text", ["", "hello\n", f"{'0' * 64}  ../../etc/passwd\n", f"{'0' * 64}  other.xdf\n"])
def test_a_list_that_is_damaged_is_refused(folder: RunFolder, text: str) -> None:
    _close(folder)
    _files(folder).checksums.write_text(text)
    with pytest.raises(DataError, match="damaged"):
        verify(_files(folder))


@pytest.mark.parametrize("end", [b"", b"\x0b", b"\x0c", b"\x1e"])
def test_a_list_whose_last_line_does_not_end_is_damaged(folder: RunFolder, end: bytes) -> None:
    """A changed bit makes a vertical tab of a line feed, at which Python's lines end as well."""
    _close(folder)
    path = _files(folder).checksums
    path.write_bytes(path.read_bytes()[:-1] + end)
    with pytest.raises(DataError, match="damaged"):
        verify(_files(folder))


def test_the_commands_name_what_is_wrong_and_end_with_4(folder: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="1 of 1 runs not checked"):
        commands.verify_command(folder.root)
    assert "NOT CHECKED" in (told := capsys.readouterr().out)
    assert "no checksums" in told
    _close(folder)
    commands.verify_command(folder.path)
    commands.list_command(folder.root)
    said = capsys.readouterr().out
    assert "4 files as recorded" in said
    assert "1 runs in" in said
    folder.file(".xdf").write_bytes(b"XDF:")
    with pytest.raises(DataError, match="1 of 1 runs damaged") as caught:
        commands.verify_command(folder.file(".xdf"))
    assert caught.value.exit_code == 4
    assert f"DIFFERS: {folder.file('.xdf').name}" in capsys.readouterr().out


def test_a_damaged_run_is_not_hidden_behind_one_that_was_not_closed(
    folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be compared once ended the command before the others had a line."""
    others = []
    for number in (2, 3):
        run = Run("01", run=number)
        made = claim_run(folder.root, run, _metadata(run).content(), free=False)
        made.file(".xdf").write_bytes(folder.file(".xdf").read_bytes())
        made.file("_video.mkv").write_bytes(b"film")
        _close(made)
        others.append(made)
    others[0].file(".xdf").write_bytes(b"XDF:")
    with pytest.raises(DataError) as caught:
        commands.verify_command(folder.root)
    assert caught.value.exit_code == 4
    unclosed, damaged, sound = (each.run.stem for each in (folder, *others))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{unclosed}: NOT CHECKED: '{unclosed}' has no checksums")
    assert f"{damaged}: 2 files as recorded; DIFFERS: {damaged}.xdf" in lines
    assert f"{sound}: 3 files as recorded" in lines
    assert f"1 of 3 runs damaged: {damaged};" in str(caught.value)
    assert f"1 of 3 runs not checked, see above: {unclosed}" in str(caught.value)


def test_a_run_whose_recorder_was_killed_is_joined_and_closed_once(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing.time, "sleep", lambda _s: None)
    part = folder.file("_part-02.xdf")
    part.write_bytes(file_header() + stream_header(1, INFOS[0]) + samples(1, 9.0, range(10), 100.0))
    told = close_orphan(_files(folder))
    assert (told.state, told.reason) == ("interrupted", "the program that recorded was killed")
    assert {stream.name: stream.samples for stream in told.streams}["emostream-eeg"] == 60
    assert not part.exists()
    assert verify(_files(folder)).sound
    with pytest.raises(ConfigurationError, match="completed before"):
        close_orphan(_files(folder))


def test_a_run_that_is_being_recorded_is_not_closed(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def grow(_seconds: float) -> None:
        with folder.file(".xdf").open("ab") as file:
            file.write(b"x")

    monkeypatch.setattr(closing.time, "sleep", grow)
    with pytest.raises(ConfigurationError, match="still grows"):
        close_orphan(_files(folder))


def test_the_copy_without_the_face_keeps_eeg_and_markers_alone(
    folder: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _close(folder)
    out = tmp_path / "handed-on"
    export(folder.root, out, True)
    copy = run_of(out / Run("01").folder)
    names = sorted(path.name.removeprefix(copy.stem) for path in copy.all())
    assert names == [".xdf", "_checksums.sha256", "_session.json"]
    assert [stream["info"]["name"][0] for stream in load_streams(copy.xdf)[0]] == ["emostream-eeg"]
    told = SessionMetadata.load(copy.session)
    assert told.films == ()
    said = capsys.readouterr().out
    assert "emostream-mesh" in said
    assert "emostream-movement-images" in said
    assert verify(copy).sound
    assert verify(_files(folder)).sound
    assert not [path for path in (out, *out.rglob("*")) if path.stat().st_mode & 0o077]
    with pytest.raises(ConfigurationError, match="there already"):
        export(folder.root, out, True)


def test_metadata_that_is_damaged_names_the_key(folder: RunFolder) -> None:
    path = folder.file("_session.json")
    told = json.loads(path.read_text())
    for change, key in (({"run": "x"}, "run"), ({"colour": 1}, "colour"), ({"format": "2"}, "format")):
        path.write_text(json.dumps({**told, **change}))
        with pytest.raises(DataError, match=f"damaged or of another version: {key}"):
            SessionMetadata.load(path)
    path.write_text("{")
    with pytest.raises(DataError):
        SessionMetadata.load(path)
