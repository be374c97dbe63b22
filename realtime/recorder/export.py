"""A copy of recorded runs to hand on: EEG, markers and predictions stay, nothing by which a face is known again.

Names of machines and coders are replaced, the same all over the copy, so that streams and decisions stay apart.

What is copied is named, not what is left out: a stream of a kind that nobody thought of stays at home.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from realtime.errors import ConfigurationError, DataError
from realtime.films.names import film_name
from realtime.recorder.checksums import write_checksums
from realtime.recorder.choice import FACE_TYPES, PIXELS
from realtime.recorder.identities import Identities
from realtime.recorder.padding import FLUSH
from realtime.recorder.rewriting import copy_streams, learn_machines
from realtime.recorder.xdf_chunks import StreamCount, XdfTail
from realtime.review.annotations import Annotation, read_annotations, render_annotations
from realtime.session.files import RunFiles
from realtime.session.folder import make_private_folder, open_root, write_new
from realtime.session.metadata import SessionMetadata

WITH_FACE = (*FACE_TYPES, PIXELS)
"""Types of streams that show a face, or its shape."""

SHARED = (
    *("EEG", "ECG", "EKG", "EMG", "EOG", "EDA", "GSR", "PPG", "Resp", "Respiration", "Temperature", "Impedance"),
    *("Markers", "Emotion", "BandPower", "SignalQuality", "FaceMotion", "VideoFrameIndex"),
)
"""Types of streams that are copied; others by their name only."""

_TOLD = ("streams", "left_out", "delays_s", "playlist", "gaps", "alarms", "notes", "reason", "model")
_TO_SOMEBODY = "they lead to a person or a machine"
_COPIED = "_calibration.npz"
_TABLES = ("_annotations.tsv", "_annotations.csv")


@dataclass(frozen=True, slots=True)
class Left:
    """What of a run is not in its copy, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A run's copy: its stem, and what was left out."""

    stem: str
    left: tuple[Left, ...]


def export_without_face(
    runs: Sequence[RunFiles], out: Path, *, also: Sequence[str] = (), notes: bool = False
) -> Iterator[Copy]:
    """Copy runs to a recordings root of their own, and look whether a face is in it; all of them, or none is left.

    Parameters
    ----------
    runs : sequence of RunFiles
    out : Path
        Must not be there yet.
    also : sequence of str
        Names of streams of other types that are copied as well; one that shows the face never is.
    notes : bool
        Whether the words of notes and comments are copied: they may name somebody.

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
    identities = Identities()
    try:
        root = open_root(out)
        for run in runs:
            try:
                copy, left = _copy(run, root, also, notes, identities)
            except OSError as err:
                raise DataError(f"cannot copy '{run.stem}' to '{out}': {err.strerror or err}") from err
            require_faceless(copy)
            write_checksums(copy)
            yield Copy(run.stem, left)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)  # ours alone: it was not there before
        raise


def require_faceless(run: RunFiles) -> None:
    """Look once more, at what is on the disk.

    Raises
    ------
    DataError
        A film, a picture or the shape of a face is in it.
    """
    tail = XdfTail(run.xdf, float)
    tail.step()
    shown = [stream.name for stream in tail.streams.values() if stream.type in WITH_FACE]
    shown += [path.name for path in run.all() if film_name(path) is not None]
    if shown:
        raise DataError(f"the copy of '{run.stem}' shows a face in '{shown[0]}': it is removed; tell us of this defect")


def _copy(
    run: RunFiles, root: Path, also: Sequence[str], notes: bool, identities: Identities
) -> tuple[RunFiles, tuple[Left, ...]]:
    known = SessionMetadata.load(run.session) if run.session.is_file() else None
    folder = root / run.run.folder if run.run is not None else root / "sourcedata" / run.stem
    make_private_folder(folder)
    copy = RunFiles(folder, run.stem)
    tail = XdfTail(run.xdf, float)
    tail.step()
    learn_machines(run.xdf, identities)
    if known is not None:
        sources = {stream.source_id for stream in tail.streams.values()}
        identities.learn(host for host in _allowed(known) if "@" not in host and host not in sources)
    why = {stream.number: _why_left(stream, also) for stream in tail.streams.values()}
    kept = frozenset(number for number, reason in why.items() if not reason)
    removed = identities.removed
    blanked = copy_streams(run.xdf, copy.xdf, kept, identities, blank_notes=not notes)
    removed = identities.removed - removed
    left = [
        Left(f"stream '{stream.name}'", why[stream.number])
        for stream in tail.streams.values()
        if why[stream.number] and stream.name != FLUSH
    ]
    left += [Left(f"the words of {blanked} notes", "they may name somebody: --notes copies them")] if blanked else []
    left += [Left(f"{removed} consent ids and lists of keys in events", _TO_SOMEBODY)] if removed else []
    for path in run.all():
        if path in (run.xdf, run.session, run.checksums):
            continue
        left += _copy_beside(path, folder / path.name, notes, identities)
    if known is not None:
        shared = _shareable(known, {tail.streams[n].name for n in kept}, identities)
        write_new(copy.session, shared.content())
        left.append(Left("consent id, folders, keys and the list of allowed machines", _TO_SOMEBODY))
    if identities.machines:
        left.append(Left("names and addresses of machines", "'machine-1' and so on stand in their place"))
    return copy, tuple(left)


def _allowed(known: SessionMetadata) -> list[str]:
    """Machines on the list of those whose streams may be read."""
    lsl = known.config.get("lsl")
    allow = lsl.get("allow") if isinstance(lsl, dict) else None
    return [host for host in allow if isinstance(host, str)] if isinstance(allow, list) else []


def _why_left(stream: StreamCount, also: Sequence[str]) -> str:
    if stream.type in WITH_FACE:
        return "shows the face, or its shape"
    if stream.name == FLUSH:
        return "padding of a recorder"
    if stream.type in SHARED or stream.name in also:
        return ""
    return f"of type '{stream.type}', of which nobody knows what it shows: --also copies it"


def _copy_beside(path: Path, target: Path, notes: bool, identities: Identities) -> list[Left]:
    """Copy a file that belongs to a run where it may be; what of it was left out."""
    if path.name.endswith(_COPIED):
        write_new(target, path.read_bytes())
        return []
    if path.name.endswith(_TABLES):
        rows = read_annotations(path)
        worded = 0 if notes else sum(bool(row.comment) for row in rows)
        coders = {row.coder for row in rows if row.coder}
        write_new(target, render_annotations([_anonymous(row, notes, identities) for row in rows]).encode())
        left = [Left(f"{worded} comments in '{path.name}'", "they may name somebody")] if worded else []
        instead = "'coder-1' and so on stand in their place"
        return left + ([Left(f"{len(coders)} coders' names in '{path.name}'", instead)] if coders else [])
    if film_name(path) is not None:
        return [Left(f"'{path.name}'", "a film of the face")]
    why = "says of the film" if path.name.endswith("_video.json") else "not known to be without the face"
    return [Left(f"'{path.name}'", why)]


def _anonymous(row: Annotation, notes: bool, identities: Identities) -> Annotation:
    return replace(row, coder=identities.coder(row.coder), comment=row.comment if notes else "")


def _shareable(known: SessionMetadata, kept: set[str], identities: Identities) -> SessionMetadata:
    config = {section: values for section, values in known.config.items() if section != "session"}
    if isinstance(lsl := config.get("lsl"), dict):
        config["lsl"] = {key: value for key, value in lsl.items() if key != "allow"}
    streams = tuple(stream for stream in known.streams if stream.name in kept)
    told = known.model_copy(update={"streams": streams}).model_dump(mode="json", include=set(_TOLD))
    clean = identities.said({**told, "config": config})
    notes = [*clean["notes"], "copied without the face by 'emostream session export'"]
    same = known.model_dump(mode="json", exclude={"films", "consent_id"})
    return SessionMetadata.model_validate({**same, **clean, "notes": notes})
