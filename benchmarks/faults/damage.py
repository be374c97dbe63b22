"""A simulated session, recorded and sealed, and damaged copies of it: cut, with one bit changed, with a hole."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from realtime.films.film import FilmWriter
from realtime.packets import VideoFrame
from realtime.recorder.checksums import write_checksums
from realtime.session.files import RunFiles
from realtime.session.metadata import FilmRecord, SessionMetadata, now
from realtime.session.run import Run
from simulators.layouts.xdf_file import XdfStream, write_xdf

Kind = Literal["cut", "flip", "hole"]
KINDS: tuple[Kind, ...] = ("cut", "flip", "hole")

RATE_HZ, FPS, SECONDS = 250.0, 30.0, 12.0
CHUNK_S = 0.5
"""What a recorder writes at once, and so what one lost chunk costs."""

_HOLE = 4096


@dataclass(frozen=True, slots=True)
class Damage:
    """One damage: its kind, the file's name, the byte it begins at, and the content after it."""

    kind: Kind
    name: str
    place: int
    content: bytes


def record(folder: Path) -> RunFiles:
    """A sealed session of 12 s in `folder`: EEG of 8 channels, emotions, markers, the index of a film, the film."""
    run = Run("01")
    files = RunFiles(folder, run.stem)
    write_xdf(files.xdf, _streams(), CHUNK_S)
    film = folder / f"{run.stem}_video.mkv"
    rng = np.random.default_rng(1)
    with FilmWriter(film, 64, 48, 1, FPS) as writer:
        for i in range(round(SECONDS * FPS)):
            writer.push(VideoFrame(rng.integers(0, 255, (48, 64), dtype=np.uint8), i / FPS, i))
    film.with_suffix(".json").write_text(json.dumps({"source_id": "cam", "first_frame_index": 0}), encoding="utf-8")
    streams = {"stem": run.stem, "subject": run.subject, "session": run.session, "task": run.task, "run": run.run}
    known = SessionMetadata.model_validate(
        {**streams, "started": now(), "state": "complete", "consent_id": "simulated", "simulated": True}
    )
    known.model_copy(update={"films": (FilmRecord(camera="", file=film.name),)}).save(files.session)
    write_checksums(files)
    return files


def _streams() -> list[XdfStream]:
    rng = np.random.default_rng(0)
    n = round(SECONDS * RATE_HZ)
    # as a device's stamps are: no two intervals alike
    stamps = np.asarray(1000.0 + np.arange(n) / RATE_HZ + rng.uniform(0.0, 2e-4, n), np.float64)
    channels = [(name, "microvolts", "EEG") for name in ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")]
    eeg = XdfStream(
        "emostream-eeg", "EEG", stamps, rng.normal(0, 20, (n, 8)).astype("f4"), "float32", RATE_HZ, channels, "amp"
    )
    frames = 1000.0 + np.arange(round(SECONDS * FPS)) / FPS
    index = XdfStream(
        "emostream-frames", "VideoFrameIndex", frames, np.arange(len(frames), dtype=float)[:, None], "double64", FPS,
        [("frame_index", "", "VideoFrameIndex")], "cam-frames",
    )  # fmt: skip
    answers = np.asarray(1000.0 + np.arange(1.0, SECONDS, 0.2), np.float64)
    emotions = XdfStream("emostream-emotions", "Emotion", answers, rng.random((len(answers), 21), "f4"), "float32")
    told = [json.dumps({"event": "note", "text": f"{i}"}) for i in range(10)]
    marks = XdfStream(
        "emostream-control", "Markers", np.asarray(1000.5 + 1.1 * np.arange(10), np.float64), told, "string"
    )
    return [eeg, index, emotions, marks]


def damages(files: RunFiles, count: int, seed: int = 0) -> list[Damage]:
    """So many copies, each with one damage; the kinds in turn, most of them in the XDF file."""
    contents = {path.name: path.read_bytes() for path in files.all() if path != files.checksums}
    film = next(name for name in contents if name.endswith(".mkv"))
    made = []
    for i in range(count):
        rng = random.Random(f"{seed}-{i}")
        name = rng.choices((files.xdf.name, film, files.session.name), (8, 1, 1))[0]
        made.append(_damage(rng, KINDS[i % 3], name, contents[name]))
    return made


def list_damages(files: RunFiles, bits: int | None, seed: int = 0) -> list[Damage]:
    """The list of checksums with each bit of it changed, or so many; and cut, and with a hole, at ten places each."""
    rng, name, content = random.Random(f"list-{seed}"), files.checksums.name, files.checksums.read_bytes()
    places = range(8 * len(content))
    ends = [8 * at for at, byte in enumerate(content) if byte == ord("\n")]
    chosen = places if bits is None else sorted({*ends, *rng.sample(places, bits)})
    made = []
    for bit in chosen:
        out = bytearray(content)
        out[bit // 8] ^= 1 << bit % 8
        made.append(Damage("flip", name, bit // 8, bytes(out)))
    return made + [_damage(rng, kind, name, content) for kind in ("cut", "hole") for _ in range(10)]


def _damage(rng: random.Random, kind: Kind, name: str, content: bytes) -> Damage:
    out = bytearray(content)
    if kind == "cut":
        place = rng.randrange(len(out))
        del out[place:]
    elif kind == "flip":
        place = rng.randrange(len(out))
        out[place] ^= 1 << rng.randrange(8)
    else:
        # a file that is smaller than a hole becomes nothing but one
        place = rng.randrange(max(1, len(out) - _HOLE))
        out[place : place + _HOLE] = bytes(len(out[place : place + _HOLE]))
    return Damage(kind, name, place, bytes(out))
