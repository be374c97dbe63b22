"""Completing what is known of a run when its recording is over, and sealing it with checksums."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from realtime.errors import ConfigurationError, DataError
from realtime.films.names import ENCRYPTED, beside_film
from realtime.recorder.checksums import write_checksums
from realtime.recorder.padding import FLUSH
from realtime.recorder.xdf_chunks import StreamCount, join_parts
from realtime.session.files import RunFiles
from realtime.session.folder import RunFolder
from realtime.session.metadata import FilmRecord, ModelRecord, RecordedStream, SessionMetadata, now
from realtime.untrusted import is_file, read_json

_TRUTH = "emostream-truth"
_BYTES_A_SECOND = 20e6
_FILM_WAIT_S = 30.0
_MOST_JSON = 1024 * 1024


def close_run(
    folder: RunFolder,
    known: SessionMetadata,
    counts: Sequence[StreamCount],
    late: Collection[tuple[str, str]] = (),
    *,
    failed: bool = False,
    pause: Callable[[float], object] = time.sleep,
) -> SessionMetadata:
    """Write the last version of '<stem>_session.json' and the checksums.

    Parameters
    ----------
    folder : RunFolder
    known : SessionMetadata
        The version before, with gaps and reason.
    counts : sequence of StreamCount
        What is in the recording.
    late : collection of (name, source id)
        Streams that appeared after its begin.
    failed : bool
        Whether it ended against the operator's will.
    pause : callable
        Waits so many seconds: a camera reads its film once more when it ends it.

    Raises
    ------
    DataError
        Nothing can be written.
    """
    _wait_for_films(folder, {film.file for film in known.films if film.failed}, pause)
    streams = tuple(
        RecordedStream(
            name=s.name,
            type=s.type,
            source_id=s.source_id,
            channels=s.channels,
            rate_hz=s.rate_hz,
            samples=s.samples,
            first_s=s.first_s,
            late=(s.name, s.source_id) in late,
        )
        for s in sorted(counts, key=lambda s: (s.name, s.source_id))
    )
    model = next((s.model for s in counts if s.model is not None), None)
    state = "failed" if failed else "interrupted" if known.gaps or known.reason else "complete"
    complete = known.model_copy(
        update={
            "state": state,
            "reason": known.reason or "; ".join(dict.fromkeys(gap.reason for gap in known.gaps)),
            "ended": now(),
            "streams": streams,
            "films": tuple(_with_source(folder, film) for film in known.films),
            "simulated": any(s.name == _TRUTH for s in counts),
            "model": ModelRecord(id=model[0], trained_on=model[1], simulated=model[2] == "1") if model else None,
        }
    )
    complete.save(folder.file("_session.json"))
    write_checksums(RunFiles(folder.path, folder.run.stem))
    return complete


def close_orphan(files: RunFiles) -> SessionMetadata:
    """Complete a run whose recorder was killed: join its parts, count its streams, write its checksums.

    Raises
    ------
    ConfigurationError
        It is being recorded right now, or was completed before.
    DataError
        Its files are damaged.
    """
    known = SessionMetadata.load(files.session)
    run = files.run
    if files.checksums.exists() or known.state != "recording" or run is None:
        raise ConfigurationError(f"'{files.stem}' was completed before ({known.state}): there is nothing to close")
    _require_still(files)
    counts = join_parts(files.xdf, sorted(files.folder.glob(f"{files.stem}_part-[0-9][0-9].xdf")), (FLUSH,))
    root = files.folder.parents[len(run.folder.parts) - 1]
    told = known.model_copy(update={"reason": "the program that recorded was killed"})
    return close_run(RunFolder(root, run), told, counts)


def _require_still(files: RunFiles, seconds: float = 1.2) -> None:
    before = [(path, path.stat().st_size) for path in files.all()]
    time.sleep(seconds)
    if growing := [path.name for path, size in before if path.exists() and path.stat().st_size != size]:
        raise ConfigurationError(f"'{growing[0]}' still grows: it is being recorded; stop its recorder first")


def _wait_for_films(folder: RunFolder, failed: Collection[str], pause: Callable[[float], object]) -> None:
    """Until every camera of this machine has written the checksum of its film; a killed one never does."""
    for about in folder.path.glob(f"{folder.run.stem}*_video.json"):
        written = [about.with_suffix(ending) for ending in (".mkv", f".mkv{ENCRYPTED}")]
        film = next((path for path in written if path.exists()), written[0])
        if film.name in failed:
            continue
        waits_s = _FILM_WAIT_S + (film.stat().st_size / _BYTES_A_SECOND if film.exists() else 0.0)
        while waits_s > 0.0 and not _sealed(about):
            pause(0.1)
            waits_s -= 0.1


def _sealed(about: Path) -> bool:
    told = _told(about)
    return told.get("sha256") is not None or "frames" not in told


def _with_source(folder: RunFolder, film: FilmRecord) -> FilmRecord:
    """With the source id of its camera, where the film was written here; a name from the network is no path."""
    about = beside_film(folder.path / Path(film.file).name)
    source = _told(about).get("source_id") if film.file and is_file(about) else None
    return film.model_copy(update={"source_id": source}) if isinstance(source, str) else film


def _told(about: Path) -> dict[str, Any]:
    try:
        told = read_json(about, _MOST_JSON)
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read '{about}': {err}") from err
    return told if isinstance(told, dict) else {}
