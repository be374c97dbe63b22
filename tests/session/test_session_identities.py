"""A copy without the face leads to no machine and no person: not one byte of it names them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.eeg.xdf import load_streams, text_of
from realtime.errors import DataError
from realtime.recorder.checksums import verify, write_checksums
from realtime.recorder.export import Copy, export_without_face
from realtime.recorder.identities import Identities
from realtime.review.annotations import read_annotations
from realtime.session.files import RunFiles, runs_in
from realtime.session.folder import claim_run
from realtime.session.metadata import Gap, LeftOut, RecordedStream, SessionMetadata, now
from realtime.session.recorded import _stream_of, measured_delays
from realtime.session.run import Run
from simulators.layouts.xdf_file import XdfStream, write_xdf

HOST, OTHER, GONE, ALLOWED = "LAB-PC-7", "lab-pc-7-cam", "replayed-pc", "guest-notebook.uni.example"
KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kdukj5qsqy8mh5k"
CONSENT, CODER, ACCOUNT = "C-2026-017", "Jane Doe", "jdoe"
STAMPS = 50.0 + np.arange(40) / 10.0
SETTINGS = {"lsl": {"delays": {f"cam@{OTHER}": 0.12}}, "eeg": {"hop_s": 0.05}}


def _numbers(name: str, kind: str, source: str, host: str, **more: Any) -> XdfStream:
    return XdfStream(name, kind, STAMPS, np.ones((40, 2), np.float32), "float32", 10.0, (), source, host, **more)


def _texts(name: str, source: str, host: str, *said: object) -> XdfStream:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in said]
    return XdfStream(name, "Markers", STAMPS[: len(said)], texts, "string", 0.0, (), source, host)


def _streams() -> list[XdfStream]:
    asked = {"film": True, "codec": "ffv1", "consent_id": CONSENT, "encrypt_to": [KEY]}
    alarm = f"the LSL stream of 'EEG' is on another machine, {ALLOWED!r}; see /home/{ACCOUNT}/rec"
    settings = {"settings": {"config": json.dumps(SETTINGS)}}
    channels = [("LAB-PC-7", "microvolts", "EEG"), ("Cz", "microvolts", "EEG")]
    return [
        replace(_numbers("amp", "EEG", "amp-1", HOST), channels=channels),
        _numbers("emostream-emotions", "Emotion", f"emostream-emotions@{HOST}", HOST, desc=settings),
        _numbers("emostream-frames-left", "VideoFrameIndex", f"cam@{OTHER}-frames", OTHER),
        _numbers("emostream-frames-right", "VideoFrameIndex", f"cam@{HOST}-frames", HOST),
        _numbers("emostream-quality", "SignalQuality", f"emostream-quality@{GONE}", HOST),
        _numbers("emostream-face", "FaceMotion", f"lab@{GONE}-face", HOST),
        _numbers(f"Keys of {OTHER}", "Markers", OTHER, OTHER),
        _numbers("emostream-mesh", "FaceMesh", f"emostream-mesh@{HOST}", HOST),
        _texts(
            "emostream-recorder", f"emostream-recorder@{HOST.lower()}-4711", HOST,
            {"event": "record_start", "run": "r", **asked},
            {"event": "recording", **asked, "alarms": [alarm], "streams": {f"x (cam@{OTHER})": {"received": 3}}},
            {"streams": [{"name": "amp", "note": f"clock of {HOST} set"}]},
            {"event": "trial_start", "emotion": "happy"},
            {"event": "x", "deep": {"consent_id": CONSENT, "said": json.dumps({"encrypt_to": [KEY], "host": HOST})}},
            "plain",
        ),
    ]  # fmt: skip


def _recorded(root: Path) -> RunFiles:
    run = Run("01")
    streams = _streams()
    told = tuple(RecordedStream(name=s.name, type=s.type, source_id=s.source_id, samples=40) for s in streams)
    said = SessionMetadata(
        stem=run.stem, subject=run.subject, session=run.session, task=run.task, run=run.run, state="interrupted",
        reason=f"no room in /Users/{ACCOUNT}/rec", consent_id=CONSENT, started=now(), streams=told,
        config={
            "lsl": {"allow": [ALLOWED, f"cam@{OTHER}"], "delays": {f"cam@{OTHER}": 0.12}, "buffer_s": 30.0},
            "session": {"root": f"/home/{ACCOUNT}/rec", "encrypt_to": [KEY]},
        },
        left_out=(LeftOut(name="x", type="Video", reason=f"nobody allowed {ALLOWED}"),),
        delays_s={f"cam@{OTHER}": 0.12}, gaps=(Gap(from_s=1.0, to_s=2.0, reason=f"'C:\\Users\\{ACCOUNT}\\x' is full"),),
        alarms=(f"cam@{OTHER} films nothing",), playlist={"event": "session_start", "encrypt_to": KEY, "host": HOST},
    )  # fmt: skip
    folder = claim_run(root, run, said.content(), free=True)
    write_xdf(folder.file(".xdf"), streams)
    rows = f"onset_s\tapex_s\toffset_s\tcoder\n1\t1.2\t1.4\t{CODER}\n2\t2.2\t2.4\tc2\n3\t3.2\t3.4\t{CODER}\n"
    folder.file("_annotations.tsv").write_text(rows)
    files = RunFiles(folder.path, run.stem)
    write_checksums(files)
    return files


def _export(tmp_path: Path) -> tuple[RunFiles, RunFiles, Copy]:
    original = _recorded(tmp_path / "rec")
    (copy,) = export_without_face([original], tmp_path / "out")
    (files,) = runs_in(tmp_path / "out")
    return original, files, copy


def _named(files: RunFiles) -> dict[str, dict[str, Any]]:
    return {text_of(stream, "name"): stream for stream in load_streams(files.xdf)[0]}


def test_no_byte_of_the_copy_names_a_machine_a_key_a_consent_or_a_coder(tmp_path: Path) -> None:
    original, files, copy = _export(tmp_path)
    secrets = (HOST, OTHER, GONE, ALLOWED, ALLOWED.partition(".")[0], KEY, CONSENT, CODER, ACCOUNT)
    before = b"".join(path.read_bytes() for path in original.all()).lower()
    assert not [word for word in secrets if word.lower().encode() not in before]
    # the label of a channel is what an amplifier says, and stays
    after = b"".join(path.read_bytes() for path in files.all()).lower().replace(b"<label>lab-pc-7</label>", b"")
    assert not [word for word in secrets if word.lower().encode() in after]
    assert verify(files).sound
    left = {each.what: each.why for each in copy.left}
    assert left["6 consent ids and lists of keys in events"] == "they lead to a person or a machine"
    assert "consent id, folders, keys and the list of allowed machines" in left
    assert left["names and addresses of machines"] == "'machine-1' and so on stand in their place"
    assert f"2 coders' names in '{original.stem}_annotations.tsv'" in left


def test_streams_and_delays_belong_together_as_before(tmp_path: Path) -> None:
    original, files, _ = _export(tmp_path)
    before, after = _named(original), _named(files)
    assert set(before) - set(after) == {f"Keys of {OTHER}", "emostream-mesh"}
    assert set(after) - set(before) == {"Keys of machine-2"}
    source = {name: text_of(stream, "source_id") for name, stream in after.items()}
    assert len(set(source.values())) == len(after)
    assert source["amp"] == "amp-1"
    assert source["emostream-emotions"] == "emostream-emotions@machine-1"
    assert source["emostream-recorder"] == "emostream-recorder@machine-1-4711"
    assert source["emostream-frames-left"] == "cam@machine-2-frames"
    assert source["emostream-frames-right"] == "cam@machine-1-frames"
    assert source["emostream-quality"].partition("@")[2] == source["emostream-face"].partition("@")[2][: -len("-face")]
    hosts = {name: text_of(stream, "hostname") for name, stream in after.items()}
    assert (hosts["amp"], hosts["emostream-frames-left"]) == ("machine-1", "machine-2")
    # what finds the index of a film by its camera's source id
    indices = [after[f"emostream-frames-{side}"] for side in ("left", "right")]
    assert _stream_of("", {"source_id": "cam@machine-1"}, indices, alone=False) == 1
    assert measured_delays(files.xdf) == {"cam@machine-2": 0.12}
    settings = after["emostream-emotions"]["info"]["desc"][0]["settings"][0]["config"][0]
    assert json.loads(settings) == {**SETTINGS, "lsl": {"delays": {"cam@machine-2": 0.12}}}
    told = SessionMetadata.load(files.session)
    assert {(s.name, s.source_id) for s in told.streams} == set(source.items())
    assert told.config == {"lsl": {"delays": {"cam@machine-2": 0.12}, "buffer_s": 30.0}}
    assert told.reason == "no room in /Users/somebody/rec"
    for name in ("amp", "emostream-emotions"):
        np.testing.assert_array_equal(before[name]["time_series"], after[name]["time_series"])
        np.testing.assert_array_equal(before[name]["time_stamps"], after[name]["time_stamps"])


def test_events_keep_all_else_and_coders_stay_apart(tmp_path: Path) -> None:
    _, files, _ = _export(tmp_path)
    rows = [row[0] for row in _named(files)["emostream-recorder"]["time_series"]]
    asked = {"film": True, "codec": "ffv1", "consent_id": "", "encrypt_to": []}
    assert json.loads(rows[0]) == {"event": "record_start", "run": "r", **asked}
    assert json.loads(rows[1])["streams"] == {"x (cam@machine-2)": {"received": 3}}
    assert "is on another machine, 'machine-4'; see /home/somebody/rec" in json.loads(rows[1])["alarms"][0]
    assert json.loads(rows[2])["streams"][0] == {"name": "amp", "note": "clock of machine-1 set"}
    assert rows[3] == json.dumps({"event": "trial_start", "emotion": "happy"})
    assert json.loads(json.loads(rows[4])["deep"]["said"]) == {"encrypt_to": [], "host": "machine-1"}
    (table,) = (path for path in files.all() if path.name.endswith("_annotations.tsv"))
    assert [row.coder for row in read_annotations(table)] == ["coder-1", "coder-2", "coder-1"]


def test_a_machine_that_is_called_as_a_word_of_ours_spoils_nothing() -> None:
    identities = Identities()
    identities.learn(["eeg", "happy"], ["emostream-health@eeg-12"])
    said = {"event": "happy", "type": "EEG", "eeg": {"emotion": "happy"}, "name": "emostream-eeg", "host": "EEG"}
    assert identities.said(said) == {**said, "host": "machine-1"}
    assert identities.text("emostream-health@eeg-12", "source_id") == "emostream-health@machine-1-12"
    assert identities.text("emostream-eeg of eeg is gone") == "emostream-machine-1 of machine-1 is gone"
    assert identities.text("eeg2 and eegs, eeg.uni.example") == "eeg2 and eegs, eeg.uni.example"


def test_a_recording_of_more_machines_than_there_are_is_refused() -> None:
    with pytest.raises(DataError, match="more than 256 machines"):
        Identities().learn(f"pc{i}" for i in range(1000))


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a": ', "}")])
def test_what_is_nested_too_deep_to_be_looked_into_is_left_out(opens: str, closes: str, tmp_path: Path) -> None:
    run, text = Run("01"), '{"event": ' + opens * 300 + json.dumps({"consent_id": CONSENT}) + closes * 300 + "}"
    folder = claim_run(tmp_path / "rec", run, b"{}", free=True)
    folder.file("_session.json").unlink()
    write_xdf(folder.file(".xdf"), [_texts("control", "", HOST, text, "plain")])
    list(export_without_face([RunFiles(folder.path, run.stem)], tmp_path / "out"))
    (files,) = runs_in(tmp_path / "out")
    deep, plain = (row[0] for row in _named(files)["control"]["time_series"])
    assert plain == "plain"
    assert json.loads(deep).keys() == {"event"}
    assert CONSENT not in deep
