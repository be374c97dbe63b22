"""A copy without the face: chosen by kind, words and ids taken out; runs over their date; films in the clear."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from realtime.eeg.xdf import load_streams
from realtime.errors import ConfigurationError, DataError
from realtime.recorder import privacy
from realtime.recorder.checksums import verify, write_checksums
from realtime.recorder.export import Copy, export_without_face, require_faceless
from realtime.recorder.identities import Identities
from realtime.recorder.rewriting import copy_streams
from realtime.recorder.xdf_chunks import XdfTail
from realtime.session.files import RunFiles, runs_in
from realtime.session.folder import claim_run
from realtime.session.metadata import SessionMetadata, delete_after, now
from realtime.session.run import Run
from simulators.layouts.xdf_file import XdfStream, write_xdf

NOTE = {"event": "note", "text": "Somebody laughed", "at_s": 3.5}
STAMPS = 50.0 + np.arange(40) / 10.0


def _stream(name: str, kind: str, value: float = 1.0) -> XdfStream:
    return XdfStream(name, kind, STAMPS, np.full((40, 2), value, np.float32), "float32", 10.0)


def _texts(name: str, *said: str) -> XdfStream:
    return XdfStream(name, "Markers", STAMPS[: len(said)], list(said), "string")


def _recorded(root: Path, subject: str = "01", days: int | None = None, started_before_days: int = 0) -> RunFiles:
    run, started = Run(subject), now() - timedelta(days=started_before_days)
    said = SessionMetadata(
        stem=run.stem,
        subject=run.subject,
        session=run.session,
        task=run.task,
        run=run.run,
        state="complete",
        consent_id="C-17",
        started=started,
        retention_days=days,
        delete_after=delete_after(started, days),
        config={"session": {"root": "/home/somebody/recordings"}, "eeg": {"hop_s": 0.05}},
    )
    folder = claim_run(root, run, said.content(), free=True)
    event = json.dumps({"event": "record_start", "consent_id": "C-17"})
    streams = [
        _stream("amp", "EEG"),
        _stream("heart", "ECG"),
        _stream("emostream-mesh", "FaceMesh"),
        _stream("other-camera", "Video"),
        _stream("gaze", "Gaze"),
        _texts("emostream-control", json.dumps(NOTE), event, "plain"),
    ]
    write_xdf(folder.file(".xdf"), streams)
    rows = "onset_s\tapex_s\toffset_s\tcomment\n1\t1.2\t1.4\tlooks like somebody\n2\t2.2\t2.4\tn/a\n"
    folder.file("_annotations.tsv").write_text(rows)
    folder.file("_video.mkv.age").write_bytes(b"age-encryption.org/v1")
    folder.file("_video.json").write_text("{}")
    files = RunFiles(folder.path, run.stem)
    write_checksums(files)
    return files


def _export(root: Path, out: Path, **options: object) -> tuple[RunFiles, Copy]:
    (copy,) = export_without_face(runs_in(root), out, **options)  # type: ignore[arg-type]
    (files,) = runs_in(out)
    return files, copy


def _names(files: RunFiles) -> dict[str, dict]:
    return {stream["info"]["name"][0]: stream for stream in load_streams(files.xdf)[0]}


def test_what_is_copied_is_chosen_by_its_kind_and_the_rest_is_listed_with_why(tmp_path: Path) -> None:
    original = _recorded(tmp_path / "rec")
    before = {path.name: path.read_bytes() for path in original.all()}
    files, copy = _export(tmp_path / "rec", tmp_path / "out")
    streams = _names(files)
    assert set(streams) == {"amp", "heart", "emostream-control"}
    np.testing.assert_array_equal(streams["amp"]["time_series"], np.ones((40, 2), np.float32))
    left = {each.what: each.why for each in copy.left}
    assert left["stream 'emostream-mesh'"] == "shows the face, or its shape"
    assert "of which nobody knows" in left["stream 'other-camera'"]
    assert "of which nobody knows" in left["stream 'gaze'"]
    assert left[f"'{original.stem}_video.mkv.age'"] == "a film of the face"
    assert sorted(path.name.removeprefix(files.stem) for path in files.all()) == [
        ".xdf",
        "_annotations.tsv",
        "_checksums.sha256",
        "_session.json",
    ]
    assert verify(files).sound
    assert {path.name: path.read_bytes() for path in original.all()} == before


def test_words_that_may_name_somebody_and_what_leads_to_a_person_stay_at_home(tmp_path: Path) -> None:
    _recorded(tmp_path / "rec")
    files, copy = _export(tmp_path / "rec", tmp_path / "out")
    note, event, plain = (row[0] for row in _names(files)["emostream-control"]["time_series"])
    assert json.loads(note) == {**NOTE, "text": ""}
    assert json.loads(event) == {"event": "record_start", "consent_id": ""}
    assert plain == "plain"
    told = SessionMetadata.load(files.session)
    assert (told.consent_id, told.config) == (None, {"eeg": {"hop_s": 0.05}})
    content = b"".join(path.read_bytes() for path in files.all())
    assert not [word for word in (b"Somebody", b"somebody", b"C-17") if word in content]
    assert any("words of 1 notes" in each.what for each in copy.left)
    assert any("1 comments" in each.what for each in copy.left)


def test_notes_and_streams_of_other_kinds_come_along_where_asked_for_but_never_the_face(tmp_path: Path) -> None:
    _recorded(tmp_path / "rec")
    files, copy = _export(tmp_path / "rec", tmp_path / "out", also=("gaze", "emostream-mesh"), notes=True)
    streams = _names(files)
    assert set(streams) == {"amp", "heart", "gaze", "emostream-control"}
    assert json.loads(streams["emostream-control"]["time_series"][0][0]) == NOTE
    assert "looks like somebody" in (files.folder / f"{files.stem}_annotations.tsv").read_text()
    assert "C-17" not in files.xdf.read_bytes().decode("latin-1")
    assert not any("words" in each.what or "comments" in each.what for each in copy.left)


def test_a_copy_is_whole_or_not_there(tmp_path: Path) -> None:
    _recorded(tmp_path / "rec")
    damaged = _recorded(tmp_path / "rec", "02")
    content = damaged.xdf.read_bytes()
    damaged.xdf.write_bytes(content[:200] + b"\x09" + content[201:])
    with pytest.raises(DataError):
        list(export_without_face(runs_in(tmp_path / "rec"), tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    damaged.xdf.unlink()
    with pytest.raises(DataError, match="is missing"):
        list(export_without_face(runs_in(tmp_path / "rec"), tmp_path / "out"))
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigurationError, match="is there already"):
        list(export_without_face(runs_in(tmp_path / "rec"), tmp_path / "out"))
    with pytest.raises(ConfigurationError, match="use --without-face"):
        privacy.export(tmp_path / "rec", tmp_path / "new", False)


def test_the_last_look_finds_a_face(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="shows a face in 'emostream-mesh'"):
        require_faceless(_recorded(tmp_path / "rec"))


def test_texts_that_are_cut_off_within_a_chunk_are_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    write_xdf(path, [_texts("control", json.dumps(NOTE))])
    content = path.read_bytes()
    place = content.index(b'{"event"')
    # the length before the text says more than the chunk holds
    path.write_bytes(content[: place - 1] + b"\xff" + content[place:])
    tail = XdfTail(path, float)
    tail.step()
    with pytest.raises(DataError, match="holds no texts of markers"):
        copy_streams(path, tmp_path / "b.xdf", set(tail.streams), Identities(), blank_notes=True)


def test_runs_over_their_date_are_listed_and_deleted_only_where_somebody_agrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "rec"
    over, kept, endless = _recorded(root, "01", 5, 7), _recorded(root, "02", 5, 5), _recorded(root, "03", None, 999)
    computed = root / over.run.derivatives if over.run is not None else root
    computed.mkdir(parents=True)
    (computed / "predictions.csv").write_text("x")
    privacy.expired(root)
    said = capsys.readouterr().out
    assert over.stem in said
    assert kept.stem not in said
    assert endless.stem not in said
    assert over.xdf.exists()
    answers = iter([False, True])
    monkeypatch.setattr(privacy.typer, "confirm", lambda *_args, **_options: next(answers))
    privacy.expired(root, delete=True)
    assert over.xdf.exists()
    privacy.expired(root, delete=True)
    assert not over.all()
    assert not computed.exists()
    assert kept.xdf.exists()
    assert endless.xdf.exists()


def test_a_run_that_cannot_be_read_hides_no_other_that_is_over_its_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, over = _recorded(tmp_path / "rec", "01"), _recorded(tmp_path / "rec", "02", 5, 7)
    damaged.session.write_text("{")
    with pytest.raises(DataError, match=r"1 runs in .* do not say until when"):
        privacy.expired(tmp_path / "rec")
    said = capsys.readouterr().out
    assert f"{over.stem}: could be kept until" in said
    assert "NOT KNOWN: " in said


def test_films_are_decrypted_into_a_private_folder_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("pyrage", reason="pip install emostream[privacy]")
    from realtime.films.encryption import encrypting, parse_recipients

    run = _recorded(tmp_path / "rec")
    film = run.folder / f"{run.stem}_video.mkv.age"
    film.unlink()
    privacy.new_key(tmp_path / "key")
    public = (tmp_path / "key").read_text().split("public key: ")[1].split()[0]
    with encrypting(parse_recipients([public]))(film) as file:
        file.write(b"moving pictures")
    privacy.decrypt(tmp_path / "rec", tmp_path / "clear", tmp_path / "key")
    clear = tmp_path / "clear" / film.stem
    assert clear.read_bytes() == b"moving pictures"
    assert (clear.stat().st_mode & 0o777, clear.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with pytest.raises(ConfigurationError, match="is there already"):
        privacy.decrypt(tmp_path / "rec", tmp_path / "clear", tmp_path / "key")
    film.unlink()
    with pytest.raises(DataError, match="no encrypted film"):
        privacy.decrypt(tmp_path / "rec", tmp_path / "new", tmp_path / "key")
