"""Row 24: what lies on the disk after a session, who can read it, and what a copy without the face holds.

Full: `emostream simulate` and `emostream record` as users run them, with a umask that would leave everything open.
Short: the same folder, film, encryption, sealing and export, without the wait for LSL and LabRecorder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.lab import Process
from benchmarks.faults.peers.outlet import StubOutlet
from benchmarks.faults.row import Outcome, Row
from realtime.errors import DataError, EmostreamError
from realtime.face.capture import FileCapture
from realtime.films.decryption import new_identity, readable, unlocked
from realtime.films.filming import FilmOnRequest
from realtime.films.names import ENCRYPTED, film_name
from realtime.packets import VideoFrame
from realtime.recorder.checksums import verify
from realtime.recorder.closing import close_run
from realtime.recorder.export import WITH_FACE, export_without_face
from realtime.recorder.xdf_chunks import MAGIC, SAMPLES, XdfTail, chunks
from realtime.session.events import CONTROL
from realtime.session.files import RunFiles, runs_in
from realtime.session.folder import claim_run, write_new
from realtime.session.metadata import FilmRecord, SessionMetadata, delete_after, now
from realtime.session.run import Run
from simulators.layouts.xdf_file import Format, XdfStream, write_xdf

CONSENT = "C-2026-017"
HOST, ALLOWED, CODER = "lab-pc-7", "guest-notebook", "Jane Doe"
NOTE = "moved when somebody was named"
DAYS = 30
FRAMES = 60
_MATROSKA = b"\x1a\x45\xdf\xa3"


class _Said:
    """Where the camera's events go."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def push_json(self, event: dict[str, Any]) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass


def _film(root: Path, run: Run, **request: object) -> _Said:
    """A camera that is asked to film, by these words."""
    said, rng = _Said(), np.random.default_rng(24)
    camera = FilmOnRequest(StubOutlet(), root, simulated=True, markers=said, listen=False)
    camera.take(CONTROL, {"event": "record_start", "run": run.stem, **request}, 0.0)
    for index in range(FRAMES):
        camera.push(VideoFrame(rng.integers(0, 255, (48, 64), dtype=np.uint8), index / 30.0, index))
    camera.close()
    return said


def _recorded(root: Path, public_key: str) -> None:
    """One run with an encrypted film and a stream of each kind that shows a face."""
    run, started = Run("01"), now()
    known = SessionMetadata(
        stem=run.stem,
        subject=run.subject,
        session=run.session,
        task=run.task,
        run=run.run,
        consent_id=CONSENT,
        retention_days=DAYS,
        delete_after=delete_after(started, DAYS),
        started=started,
        simulated=True,
        config={"lsl": {"allow": [ALLOWED]}, "session": {"encrypt_to": [public_key]}},
        alarms=(f"emostream-emotions@{HOST} is gone; {ALLOWED} is not allowed",),
    )
    folder = claim_run(root, run, known.content(), free=True)
    said = _film(root, run, consent_id=CONSENT, encrypt_to=[public_key])
    started_event = next(event for event in said.events if event["event"] == "film_started")
    stamps = 100.0 + np.arange(200) / 50.0
    images = [np.full((2, 16), value, np.int32) for value in (3, 4)]
    asked = {"event": "record_start", "consent_id": CONSENT, "encrypt_to": [public_key], "from": f"control@{HOST}-12"}
    events = [json.dumps(said) for said in ({"event": "note", "text": NOTE}, asked)]
    streams = [
        XdfStream("emostream-eeg", "EEG", stamps, np.zeros((200, 8), np.float32), "float32", 50.0, hostname=HOST),
        _named("emostream-emotions", "Emotion", stamps[::10], np.ones((20, 3), np.float32), "float32"),
        _named("emostream-control", "Markers", stamps[:2], events, "string"),
        XdfStream("emostream-mesh", "FaceMesh", stamps[:2], images[0].astype(np.float32), "float32", 0.0),
        XdfStream("emostream-movement-images", "MovementImages", stamps[:2], images[1], "int32", 0.0),
        XdfStream("another-camera", "Pictures", stamps[:2], images[1], "int32", 0.0),
    ]
    write_xdf(folder.file(".xdf"), streams)
    folder.file(".xdf").chmod(0o600)
    rows = f"onset_s\tapex_s\toffset_s\tcoder\n1\t1.2\t1.4\t{CODER}\n"
    write_new(folder.file("_annotations.tsv"), rows.encode())
    tail = XdfTail(folder.file(".xdf"), float)
    tail.step()
    film = FilmRecord(camera="", file=started_event["file"], first_frame_index=0, frames=FRAMES, dropped=0)
    close_run(folder, known.model_copy(update={"films": (film,)}), list(tail.streams.values()))


def _named(name: str, kind: str, stamps: np.ndarray, samples: Any, form: Format) -> XdfStream:
    """A stream whose source id and header name a machine."""
    return XdfStream(name, kind, stamps, samples, form, source_id=f"{name}@{HOST}", hostname=HOST)


def _recorded_live(root: Path, public_key: str) -> None:
    """The commands, with everything open that they do not close themselves."""
    with _umask(0), Process(["-m", "emostream", "simulate", "--tag", "row24", "--root", str(root)]) as sender:
        request = ["--subject", "01", "--root", str(root), "--consent", CONSENT, "--retention-days", DAYS]
        record = ["-m", "emostream", "record", *request, "--encrypt-to", public_key, "--seconds", 8]
        with Process(record) as recorder:
            if recorder.process.wait(120.0) != 0 or not sender.running:
                raise EmostreamError(f"nothing was recorded: {recorder.said[-400:]}")
        sender.process.send_signal(signal.SIGINT)
        sender.process.wait(20.0)


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def ours(full: bool) -> Outcome:
    """Look at the disk after a recording, with and without consent, and at a copy without the face."""
    with tempfile.TemporaryDirectory(prefix="emostream-private-") as text, _umask(0):
        folder = Path(text)
        root, key = folder / "recordings", folder / "key"
        public_key = new_identity(key)
        (_recorded_live if full else _recorded)(root, public_key)
        (run,) = runs_in(root)
        told = SessionMetadata.load(run.session)
        figures: dict[str, float | int | str | bool] = {
            "open_files": _open(root, files=True, mode=0o600),
            "open_folders": _open(root, files=False, mode=0o700),
            "films_without_consent": _films_without_consent(folder / "other"),
            "days_kept": (told.delete_after - told.started.date()).days if told.delete_after is not None else -1,
            **_encrypted(run, key, folder),
            **_shared(run, folder / "shared", (public_key, CODER, ALLOWED, socket.gethostname() if full else HOST)),
        }
    nothing = ("open_files", "open_folders", "films_without_consent", "films_in_the_clear", "opened_without_key")
    nothing += ("opened_with_other_key", "face_in_copy", "words_in_copy", "names_in_copy")
    wanted = {**dict.fromkeys(nothing, 0), "days_kept": DAYS}
    met = all(figures[name] == value for name, value in wanted.items())
    met = met and figures["frames_decrypted"] == figures["frames_recorded"] and bool(figures["original_sound"])
    counted = f"{figures['frames_decrypted']} of {figures['frames_recorded']}"
    said = (
        f"{figures['open_files']} files and {figures['open_folders']} folders open to others, "
        f"{figures['films_without_consent']} films without a consent id, kept {figures['days_kept']} days; encrypted "
        f"film (age): {counted} frames with the key, none without; copy: {figures['face_in_copy']} streams or files of "
        f"the face, {figures['names_in_copy']} names of machines or people and public keys, "
        f"{figures['kept_streams']} streams kept (simulated)"
    )
    return Outcome(said, met, figures)


def _open(root: Path, *, files: bool, mode: int) -> int:
    """How many have any other mode."""
    found = [path for path in (root, *root.rglob("*")) if path.is_file() == files]
    return sum(stat.S_IMODE(path.stat().st_mode) != mode for path in found)


def _films_without_consent(root: Path) -> int:
    """Cameras that are asked without a consent id, in three ways."""
    for number, request in enumerate(({}, {"consent_id": ""}, {"consent_id": None, "film": True}), 1):
        _film(root, Run("02", run=number), **request)
    return sum(film_name(path) is not None for path in root.rglob("*")) if root.exists() else 0


def _encrypted(run: RunFiles, key: Path, folder: Path) -> dict[str, int]:
    """What of the film is in the clear anywhere, and what opens it."""
    (film,) = (path for path in run.all() if path.suffix == ENCRYPTED)
    about = json.loads(film.with_name(f"{film_name(film)}.json").read_text(encoding="utf-8"))
    other = folder / "other-key"
    new_identity(other)
    clear = [path for path in run.folder.rglob("*") if path.is_file() and _MATROSKA in path.read_bytes()[:4096]]
    with unlocked(key):
        frames = sum(1 for _ in FileCapture(readable(film)))
        shown = readable(film)
    clear += [shown] if shown.exists() else []
    return {
        "films_in_the_clear": len(clear),
        "frames_recorded": about["frames"],
        "frames_decrypted": frames,
        "opened_without_key": int(_opens(film, None)),
        "opened_with_other_key": int(_opens(film, other)),
    }


def _opens(film: Path, key: Path | None) -> bool:
    try:
        with unlocked(key):
            return readable(film).exists()
    except DataError:
        return False


def _shared(run: RunFiles, out: Path, names: Sequence[str]) -> dict[str, int | bool]:
    """What of the face, of notes, of the consent id and of names is in a copy without the face."""
    list(export_without_face([run], out))
    (copy,) = runs_in(out)
    tail = XdfTail(copy.xdf, float)
    tail.step()
    types = [stream.type for stream in tail.streams.values()]
    films = [path for path in out.rglob("*") if film_name(path) is not None]
    content = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    return {
        "face_in_copy": sum(kind in (*WITH_FACE, "Pictures") for kind in types) + len(films) + content.count(_MATROSKA),
        "words_in_copy": content.count(NOTE.encode()) + content.count(CONSENT.encode()),
        "names_in_copy": sum(_times(name, copy) for name in names),
        "kept_streams": len(types),
        "eeg_in_copy": types.count("EEG"),
        "copy_sound": verify(copy).sound,
        "original_sound": verify(run).sound,
    }


def _times(name: str, copy: RunFiles) -> int:
    """How often a name stands in a copy, in whatever but samples of numbers: two letters are among those by chance."""
    texts = [path.read_bytes() for path in copy.all() if path != copy.xdf]
    tail = XdfTail(copy.xdf, float)
    tail.step()
    numbers = {number for number, stream in tail.streams.items() if stream.channel_format != "string"}
    with copy.xdf.open("rb") as file:
        for chunk in chunks(file, len(MAGIC), tail.whole):
            file.seek(chunk.content)
            content = file.read(chunk.end - chunk.content)
            if chunk.tag != SAMPLES or int.from_bytes(content[:4], "little") not in numbers:
                texts.append(content)
    word = re.compile(rb"(?<![0-9a-z])" + re.escape(name.encode()) + rb"(?![0-9a-z])", re.IGNORECASE)
    return sum(len(word.findall(text)) for text in texts)


ROW = Row(
    24,
    "privacy",
    "files 0600, folders 0700; no face video without a consent id; retention date; video can be encrypted; "
    "export without face",
    ours,
)
