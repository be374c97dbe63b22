"""The recordings root: a BIDS dataset with the originals in sourcedata, private, in which nothing is ever overwritten.

Folders are made 0700 and files 0600 whatever the umask. A run is claimed by the one program that makes its
'<stem>_session.json', so two recorders can never write the same files.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from realtime.errors import ConfigurationError, DataError
from realtime.session.run import Run

FOLDER_MODE = 0o700
FILE_MODE = 0o600

BIDS_VERSION = "1.10.0"

_MOST_RUNS = 9999
_ABSENT = "n/a"
_README = """Recordings made with emostream, as a BIDS dataset.

sourcedata/    the originals: one XDF file a run with every stream on one clock, films, what is known of the session,
               annotations, checksums. 'emostream session verify FOLDER' checks them.
sub-*/         the EEG as BIDS, written by 'emostream analyze'.
derivatives/   tables and reports, written by 'emostream analyze'.

Participants are pseudonyms. Who is behind one is not written down here, and must not be.
"""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the files of a claimed run lie.

    Parameters
    ----------
    root : Path
        The recordings root.
    run : Run
    """

    root: Path
    run: Run

    @property
    def path(self) -> Path:
        """The session folder."""
        return self.root / self.run.folder

    def file(self, ending: str) -> Path:
        """A file of the run: its stem and `ending`, for instance ``.xdf`` or ``_video.mkv``."""
        return self.path / f"{self.run.stem}{ending}"


def open_root(root: Path) -> Path:
    """Make the recordings root where it is not there yet, with the files BIDS wants at its top.

    Returns
    -------
    Path
        The root, absolute.

    Raises
    ------
    ConfigurationError
        It cannot be made or written to.
    """
    root = root.absolute()
    description = {
        "Name": "emostream recordings",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [{"Name": "emostream"}],
    }
    make_private_folder(root)
    for name, text in (
        ("dataset_description.json", json.dumps(description, indent=2) + "\n"),
        ("participants.tsv", "participant_id\n"),
        ("README", _README),
        (".bidsignore", "*.xdf\n*_session.json\n"),
    ):
        if not (root / name).exists():
            try:
                write_new(root / name, text.encode())
            except FileExistsError:  # another program made it in this moment
                continue
            except OSError as err:
                raise _unusable(root, err) from err
    return root


def claim_run(root: Path, wanted: Run, metadata: bytes, *, free: bool) -> RunFolder:
    """Take a run for oneself: makes the root, the session folder and '<stem>_session.json', and names the participant.

    Parameters
    ----------
    root : Path
        The recordings root.
    wanted : Run
    metadata : bytes
        First content of '<stem>_session.json'.
    free : bool
        Take the next free run number from `wanted.run` on; otherwise exactly `wanted`.

    Raises
    ------
    ConfigurationError
        The run was recorded before (the message names the next free number), or the root cannot be written to.
    """
    root = open_root(root)
    make_private_folder(root / wanted.folder, inside=root)
    run = next_run(root, wanted) if free else wanted
    while True:
        folder = RunFolder(root, run)
        if not files_of_run(folder):
            try:
                write_new(folder.file("_session.json"), metadata)
                break
            except FileExistsError:  # another recorder was quicker
                pass
            except OSError as err:
                raise _unusable(root, err) from err
        if not free:
            raise _recorded_before(root, run)
        run = next_run(root, run)
    _name_participant(root, f"sub-{run.subject}")
    return folder


def require_free(root: Path, run: Run) -> None:
    """Refuse a run that was recorded before, sooner than `claim_run` does.

    Raises
    ------
    ConfigurationError
        Naming the next free number.
    """
    if files_of_run(RunFolder(root, run)):
        raise _recorded_before(root, run)


def _recorded_before(root: Path, run: Run) -> ConfigurationError:
    return ConfigurationError(
        f"'{run.stem}' was recorded before and nothing is overwritten; "
        f"the next free run is {next_run(root, run).run}: use --run, or leave it out"
    )


def next_run(root: Path, after: Run) -> Run:
    """The first run from `after` on of which no file exists.

    Raises
    ------
    ConfigurationError
        All numbers are taken.
    """
    for number in range(after.run, _MOST_RUNS + 1):
        run = replace(after, run=number)
        if not files_of_run(RunFolder(root, run)):
            return run
    raise ConfigurationError(f"all {_MOST_RUNS} runs of '{after.stem}' are taken: use another session or task")


def files_of_run(folder: RunFolder) -> list[Path]:
    """Every file and folder that belongs to a run, sorted; a stem that another one begins with is told apart."""
    return files_with_stem(folder.path, folder.run.stem)


def files_with_stem(folder: Path, stem: str) -> list[Path]:
    """Files and folders of `folder` whose names are `stem` followed by '_' or '.', sorted."""
    belongs = re.compile(re.escape(stem) + r"[._].+")
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if belongs.fullmatch(path.name))


def make_private_folder(path: Path, *, inside: Path | None = None) -> None:
    """Make a folder and its missing parents, each 0700 whatever the umask; what is there stays as it is.

    Parameters
    ----------
    path : Path
    inside : Path, optional
        `path` must lie in it once links are followed.

    Raises
    ------
    ConfigurationError
        It cannot be made, or lies elsewhere.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            folder.chmod(FOLDER_MODE)
    except OSError as err:
        raise _unusable(path, err) from err
    if not path.is_dir() or not os.access(path, os.W_OK | os.X_OK):
        reason = "may not be written to" if path.is_dir() else "is no folder"
        raise ConfigurationError(f"'{path}' {reason}: choose another with --root")
    if inside is not None and not path.resolve().is_relative_to(inside.resolve()):
        raise ConfigurationError(f"'{path}' leads out of '{inside}': a link is in the way; remove it")


def open_new(path: Path) -> BinaryIO:
    """Open a file for writing that does not exist yet, 0600 whatever the umask.

    Raises
    ------
    FileExistsError
        It is there: nothing is overwritten.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return os.fdopen(descriptor, "wb")


def write_new(path: Path, content: bytes) -> None:
    """Write a file that does not exist yet, 0600, whole or not at all.

    Raises
    ------
    FileExistsError
        It is there: nothing is overwritten.
    OSError
        It cannot be written.
    """
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)  # unlike a rename, it refuses a name that is taken
    finally:
        temporary.unlink(missing_ok=True)


def replace_own(path: Path, content: bytes) -> None:
    """Replace a file by its next version, 0600, whole or not at all: only for files that say how things stand.

    Raises
    ------
    OSError
        It cannot be written; the version before is still there.
    """
    temporary = _write_beside(path, content)
    try:
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_beside(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open_new(temporary) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _name_participant(root: Path, participant: str) -> None:
    """Add a pseudonym to participants.tsv; columns that others added are kept, and what they say."""
    path = root / "participants.tsv"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        header = lines[0].split("\t") if lines else ["participant_id"]
        if "participant_id" not in header:
            raise DataError(f"'{path}' has no column 'participant_id', which BIDS asks for: repair it, or move it away")
        column = header.index("participant_id")
        if any(cells[column : column + 1] == [participant] for cells in (line.split("\t") for line in lines[1:])):
            return
        row = [participant if name == "participant_id" else _ABSENT for name in header]
        table = [*(lines or ["participant_id"]), "\t".join(row)]
        replace_own(path, ("\n".join(table) + "\n").encode())
    except (OSError, UnicodeDecodeError) as err:
        raise DataError(f"cannot name {participant} in '{path}': {err}") from err


def _unusable(path: Path, err: OSError) -> ConfigurationError:
    return ConfigurationError(f"cannot write in '{path}': {err.strerror or err}; choose another folder with --root")
