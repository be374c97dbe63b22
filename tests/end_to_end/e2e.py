"""Starts `python -m emostream ...` as a user does, each scene in its own LSL session; never leaves one behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended: exit code and what it said."""

    code: int
    out: str
    err: str


class Command:
    """A running `emostream`; a context manager that ends it and all its descendants.

    Parameters
    ----------
    arguments : str
    folder : Path
        Where it runs; what it says is kept in files there.
    session : str, optional
        LSL session, default the test run's own.
    without : sequence of str
        Environment variables that it shall not see.
    """

    def __init__(
        self, *arguments: object, folder: Path, session: str | None = None, without: tuple[str, ...] = ()
    ) -> None:
        log = folder / f".log-{uuid.uuid4().hex[:8]}"
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        environment |= {} if session is None else {"EMOSTREAM_SESSION": session}
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "emostream", *map(str, arguments)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=folder,
                env={name: value for name, value in environment.items() if name not in without},
            )
        self._descendants: set[psutil.Process] = set()

    @property
    def said(self) -> str:
        """What it said on stderr so far."""
        return self._err.read_text(encoding="utf-8", errors="replace")

    def descendants(self) -> set[psutil.Process]:
        """Every process it has been seen to start, also those that have ended."""
        if self.process.poll() is None:
            self._descendants |= set(psutil.Process(self.process.pid).children(recursive=True))
        return self._descendants

    def until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until a condition holds; fails where it does not, or where the command ends first."""
        end_s = time.monotonic() + timeout_s
        while not condition():
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.said}"
            assert time.monotonic() < end_s, f"not reached within {timeout_s} s; it said: {self.said}"
            time.sleep(0.05)
        self.descendants()

    def until_recognising(self) -> None:
        """Wait for the text view's first line about live streams."""
        self.until(lambda: " live " in self.said)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command itself."""
        self.descendants()
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 60.0) -> Done:
        """Wait for its end."""
        self.descendants()
        code = self.process.wait(timeout_s)
        return Done(code, self._out.read_text(encoding="utf-8", errors="replace"), self.said)

    def left_behind(self) -> list[psutil.Process]:
        """Descendants that still run, a moment after its end."""
        _, alive = psutil.wait_procs(self._descendants, timeout=1.0)
        return alive

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        descendants = self.descendants()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10.0)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in descendants:
            if process.is_running():
                process.kill()
        for log in (self._out, self._err):
            log.unlink(missing_ok=True)


def emostream(
    *arguments: object,
    folder: Path,
    session: str | None = None,
    timeout_s: float = 60.0,
    without: tuple[str, ...] = (),
) -> Done:
    """Run a command to its end."""
    with Command(*arguments, folder=folder, session=session, without=without) as command:
        return command.wait(timeout_s)


class Forks:
    """Runs short commands, each in a process of its own that is forked from one which has already imported everything.

    A context manager. For tests of many command lines: what a fresh interpreter would say is the same, but later.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def run(self, *arguments: object, folder: Path, logs: Path, without: tuple[str, ...] = ()) -> Done:
        """Run a command to its end in `folder`; what it says goes through files in `logs`."""
        out, err = logs / "out", logs / "err"
        request = {
            "arguments": list(map(str, arguments)),
            "folder": str(folder),
            "session": new_session(),
            "without": without,
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return Done(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))

    def __enter__(self) -> Forks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in psutil.Process(self._process.pid).children(recursive=True):
            process.kill()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def new_session() -> str:
    """Name of an LSL session in which nothing else runs."""
    return f"test-{uuid.uuid4().hex[:12]}"


@contextmanager
def beside(folder: Path, *arguments: object, session: str) -> Iterator[Command]:
    """A command that runs beside others and must still run when they are done."""
    with Command(*arguments, folder=folder, session=session) as command:
        yield command
        assert command.process.poll() is None, f"ended with {command.process.returncode}: {command.said}"


def read_summary(path: Path) -> dict[str, Any]:
    """A JSON summary; strict, so NaN would fail."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{path.name} holds {constant}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def check_predictions(summary: dict[str, Any], per_s: float = 3.9) -> None:
    """At least `per_s` predictions a second, the last one a probability distribution over the model's classes."""
    said = summary["predictions"]
    assert said["per_s"] >= per_s
    probabilities = said["last"]["probabilities"]
    assert list(probabilities) == summary["model"]["classes"]
    assert all(0.0 <= p <= 1.0 for p in probabilities.values())
    assert abs(sum(probabilities.values()) - 1.0) < 1e-5
    assert said["last"]["evidence"] == "enough"


def check_latencies(summary: dict[str, Any], *names: str) -> None:
    """The named latencies were measured; how good they are is for the benchmark to say."""
    for name in names:
        measured = summary["latency_ms"][name]
        assert 0.0 < measured["p50"] <= measured["p99"], (name, measured)
    assert summary["process"]["cpu_percent"] > 0.0
    assert summary["process"]["peak_rss_mb"] > 0.0
