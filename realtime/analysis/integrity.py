"""Is a recorded session what it was recorded as? What is not is refused, unless the user wants what is left."""

from __future__ import annotations

from pathlib import Path

from realtime.errors import DataError
from realtime.films.film_reader import FilmReader
from realtime.films.names import film_name
from realtime.recorder.checksums import verify
from realtime.recorder.xdf_chunks import chunks
from realtime.session.files import RunFiles
from realtime.session.metadata import SessionMetadata
from realtime.session.recorded import Film, SessionFiles
from realtime.untrusted import is_file

_MAGIC_BYTES = 4
_LAST_S = 2.0
_ANYWAY = "--partial analyses what is left"


def require_whole(session: SessionFiles, metadata: SessionMetadata | None, *, video: bool) -> None:
    """Refuse a session of which something is missing, cut short or changed.

    By its checksums, where its recorder wrote them at the end; else by the end of the XDF file, and by the films that
    the session says it has.

    Parameters
    ----------
    session : SessionFiles
    metadata : SessionMetadata or None
    video : bool
        Whether films are wanted.

    Raises
    ------
    DataError
        One line; names the file.
    """
    run = RunFiles(session.folder, session.stem)
    if run.checksums.is_file():
        verdict = verify(run)
        for names, what in ((verdict.missing, "is missing"), (verdict.changed, "is not as it was recorded")):
            _refuse([name for name in names if video or not _is_film(name)], what, session.folder)
        return
    if session.xdf.suffix.lower() == ".xdf":
        _require_whole_xdf(session.xdf)
    if metadata is not None and video:
        said = [Path(film.file).name for film in metadata.films if film.file and not film.failed]
        _refuse([name for name in said if not is_file(session.folder / name)], "is missing", session.folder)


def require_whole_film(film: Film) -> None:
    """Refuse a film that ends before the frames which its header says it has.

    Raises
    ------
    DataError
        Cut short.
    """
    last_s = float(film.stamps_s[film.indices - film.first_index < film.frames].max(initial=-1.0))
    with FilmReader(film) as reader:
        reader.seek(min(last_s, reader.last_s) - _LAST_S)
        if reader.read() is None:
            raise DataError(f"'{film.path.name}' is cut short: take it from a copy, or {_ANYWAY}")


def _is_film(name: str) -> bool:
    return film_name(Path(name)) is not None


def _refuse(names: list[str], what: str, folder: Path) -> None:
    if names:
        where = "--no-video leaves films out" if _is_film(names[0]) else _ANYWAY
        raise DataError(f"'{names[0]}' in '{folder}' {what}: take it from a copy, or {where}")


def _require_whole_xdf(path: Path) -> None:
    size, whole = path.stat().st_size, _MAGIC_BYTES
    with path.open("rb") as file:
        for chunk in chunks(file, _MAGIC_BYTES, size):
            whole = chunk.end
    if size > _MAGIC_BYTES and whole < size:
        raise DataError(f"'{path}' is cut short in the middle of a chunk: take it from a copy, or {_ANYWAY}")
