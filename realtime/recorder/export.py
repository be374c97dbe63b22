"""A copy of recorded runs without the face: no film, no picture and no shape of it; EEG, markers and numbers stay."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from realtime.errors import ConfigurationError, DataError
from realtime.recorder.checksums import write_checksums
from realtime.recorder.choice import FACE_TYPES, PIXELS
from realtime.recorder.padding import FLUSH
from realtime.recorder.xdf_chunks import MAGIC, OF_A_STREAM, XdfTail, chunks, copy_bytes
from realtime.session.files import RunFiles
from realtime.session.folder import make_private_folder, open_new, open_root, write_new
from realtime.session.metadata import SessionMetadata

WITH_FACE = (*FACE_TYPES, PIXELS)
"""Types of streams that are left out."""

_COPIED = ("_calibration.npz", "_annotations.tsv", "_annotations.csv")


def export_without_face(runs: Sequence[RunFiles], out: Path) -> Iterator[str]:
    """Copy runs to a recordings root of their own, without what shows the face; gives the stem of each that is done.

    Parameters
    ----------
    runs : sequence of RunFiles
    out : Path
        Must not be there yet.

    Raises
    ------
    ConfigurationError
        `out` is there, or cannot be made.
    DataError
        A recording is damaged or still goes on, or the disk is full.
    """
    if out.exists():
        raise ConfigurationError(f"'{out}' is there already and nothing is overwritten: name a new folder")
    for run in runs:
        if not run.xdf.is_file():
            raise DataError(f"the recording '{run.xdf}' is missing: there is nothing to copy")
    root = open_root(out)
    for run in runs:
        known = run.run
        folder = root / known.folder if known is not None else root / "sourcedata" / run.stem
        make_private_folder(folder)
        copy = RunFiles(folder, run.stem)
        try:
            left = copy_without(run.xdf, copy.xdf)
            for ending in _COPIED:
                if (source := run.folder / f"{run.stem}{ending}").is_file():
                    write_new(folder / source.name, source.read_bytes())
            if run.session.is_file():
                write_new(copy.session, _without_face(SessionMetadata.load(run.session), left).content())
        except OSError as err:
            raise DataError(f"cannot copy '{run.stem}' to '{out}': {err.strerror or err}") from err
        write_checksums(copy)
        yield run.stem


def copy_without(source: Path, target: Path, types: Sequence[str] = WITH_FACE) -> tuple[str, ...]:
    """Copy an XDF file but for streams of some types; the names of those.

    Raises
    ------
    DataError
        It is damaged.
    FileExistsError
        `target` is there.
    OSError
        It cannot be written.
    """
    tail = XdfTail(source, float)
    tail.step()
    left = {s.number: s.name for s in tail.streams.values() if s.type in types or s.name == FLUSH}
    with source.open("rb") as file, open_new(target) as copy:
        copy.write(MAGIC)
        for chunk in chunks(file, len(MAGIC), tail.whole):
            if chunk.tag in OF_A_STREAM:
                file.seek(chunk.content)
                if struct.unpack("<I", file.read(4))[0] in left:
                    continue
            file.seek(chunk.start)
            copy_bytes(file, copy, chunk.end - chunk.start)
    return tuple(sorted(name for name in left.values() if name != FLUSH))


def _without_face(known: SessionMetadata, left: Sequence[str]) -> SessionMetadata:
    note = f"copied without the face: no film, no streams {', '.join(left) or '(there were none of it)'}"
    kept = tuple(stream for stream in known.streams if stream.type not in WITH_FACE)
    return known.model_copy(update={"films": (), "streams": kept, "notes": (*known.notes, note)})
