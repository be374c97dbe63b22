"""Checksums of a run's files, in the form of sha256sum, and whether the files are still what they were."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.errors import DataError
from realtime.session.files import RunFiles
from realtime.session.folder import write_new
from realtime.untrusted import is_file

_LINE = re.compile(r"([0-9a-f]{64}) [ *]([^/\\\0]{1,255})")
_MOST_BYTES = 1024 * 1024
_EDITED = ("_annotations.tsv", "_annotations.csv")
"""Files that people go on with after the recording: a later version is news, not damage."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found.

    Parameters
    ----------
    stem : str
    checked : int
        Files that are what they were.
    changed, missing : tuple of str
        Names of files that differ or are gone: damage.
    edited, unlisted : tuple of str
        Names of files that people edit, and of files that came later: no damage.
    """

    stem: str
    checked: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    edited: tuple[str, ...]
    unlisted: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """True where nothing is damaged."""
        return not self.changed and not self.missing


def write_checksums(
    run: RunFiles, skip: Sequence[Path] = (), told: Callable[[Path], object] = lambda _path: None
) -> int:
    """Write '<stem>_checksums.sha256' over all files of a run; how many there are.

    Parameters
    ----------
    run : RunFiles
    skip : sequence of Path
        Files that still change.
    told : callable
        Called with each file before it is read: a film of an hour takes its time.

    Raises
    ------
    DataError
        A file cannot be read, or there is a list already.
    """
    lines = []
    for path in run.all():
        if path in skip or path == run.checksums:
            continue
        told(path)
        lines.append(f"{_digest(path)}  {path.name}\n")
    try:
        write_new(run.checksums, "".join(lines).encode())
    except FileExistsError as err:
        raise DataError(f"'{run.checksums}' is there already: nothing is overwritten") from err
    except OSError as err:
        raise DataError(f"cannot write '{run.checksums}': {err.strerror or err}") from err
    return len(lines)


def verify(run: RunFiles) -> Verdict:
    """Compare a run's files with their checksums.

    Raises
    ------
    DataError
        There is no list, it is damaged, or a file cannot be read.
    """
    listed = _read_list(run)
    changed, missing, edited = [], [], []
    for name, wanted in listed.items():
        path = run.folder / name
        if not is_file(path):
            missing.append(name)
        elif _digest(path) != wanted:
            (edited if name.endswith(_EDITED) else changed).append(name)
    unlisted = [path.name for path in run.all() if path.name not in listed and path != run.checksums]
    sound = len(listed) - len(changed) - len(missing) - len(edited)
    return Verdict(run.stem, sound, tuple(changed), tuple(missing), tuple(edited), tuple(unlisted))


def _read_list(run: RunFiles) -> dict[str, str]:
    try:
        if run.checksums.stat().st_size > _MOST_BYTES:
            raise DataError(f"'{run.checksums}' is larger than {_MOST_BYTES} bytes: it is no list of ours")
        text = run.checksums.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(
            f"'{run.stem}' has no checksums: it is still being recorded, or its recorder was killed; "
            f"where it was, 'emostream session close {run.folder / run.stem}.xdf' completes it"
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise DataError(f"cannot read '{run.checksums}': {err}") from err
    if text and not text.endswith("\n"):
        raise DataError(f"the last line of '{run.checksums}' does not end: it is damaged")
    found = {}
    # by line feeds alone: splitlines takes a changed one for another end of a line
    for number, line in enumerate(text.split("\n")[:-1], 1):
        fits = _LINE.fullmatch(line)
        if fits is None or not fits[2].startswith(run.stem) or not fits[2].isprintable():
            raise DataError(f"line {number} of '{run.checksums}' is damaged: '<sha256>  <file of the run>' is wanted")
        found[fits[2]] = fits[1]
    if not found:
        raise DataError(f"'{run.checksums}' is empty: it is damaged")
    return found


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as err:
        raise DataError(f"cannot read '{path}': {err.strerror or err}") from err
