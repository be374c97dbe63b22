"""Outlets in processes of their own, driven line by line, so that tests need no sleeps to know what was sent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).with_name("lsl_peer.py")
_ROOT = Path(__file__).parents[2]


class Peer:
    """A process that opens outlets; `run` executes statements there and returns what they put into `result`."""

    def __init__(self, *, bare: bool = False, environment: dict[str, str] | None = None) -> None:
        env = {**os.environ, "PYTHONPATH": str(_ROOT), **(environment or {})}
        self._process = subprocess.Popen(
            [sys.executable, str(_SCRIPT), *(["--bare"] if bare else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        self._frozen = False

    def run(self, code: str, **values: object) -> object:
        return self._ask({"code": code, "values": values})

    def reset(self) -> bool:
        """Forget everything, for the next test; False where the process is gone or has been tampered with."""
        if self._process.poll() is not None or self._frozen:
            return False
        self._ask({"code": "", "values": {}, "reset": True})
        return True

    def _ask(self, request: dict[str, object]) -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the peer process ended"
        reply = json.loads(line)
        assert "error" not in reply, reply["error"]
        return reply["result"]

    def freeze(self) -> None:
        self._frozen = True
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                stream.close()


@pytest.fixture(scope="session")
def _idle_peers() -> Iterator[list[Peer]]:
    """Peers that wait for their next test: a process takes a second to start."""
    idle: list[Peer] = []
    yield idle
    for peer in idle:
        peer.kill()


@pytest.fixture
def peers(_idle_peers: list[Peer]) -> Iterator[Callable[..., Peer]]:
    """Factory of peers; those without options are used again by the next test."""
    plain: list[Peer] = []
    special: list[Peer] = []

    def start(**options: object) -> Peer:
        if options:
            special.append(Peer(**options))  # type: ignore[arg-type]
            return special[-1]
        plain.append(_idle_peers.pop() if _idle_peers else Peer())
        return plain[-1]

    yield start
    for peer in special:
        peer.kill()
    for peer in plain:
        if peer.reset():
            _idle_peers.append(peer)
        else:
            peer.kill()


@pytest.fixture(scope="session")
def lsl_session() -> None:
    """This process in the test run's own LSL session."""
    from realtime.lsl import session

    session.configure()


@pytest.fixture
def lsl_environment(tmp_path: Path) -> dict[str, str]:
    """Environment that takes other LSL programs into the test run's session."""
    from realtime.lsl import session

    path = tmp_path / "lsl_api.cfg"
    path.write_text(session.config_text(), encoding="utf-8")
    return {"LSLAPICFG": str(path)}


@pytest.fixture
def step_until() -> Callable[..., None]:
    """Steps a reader until a condition holds; fails after `timeout_s`."""

    def run(reader: object, condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            reader.step(0.2)  # type: ignore[attr-defined]
            assert time.monotonic() < end, f"not reached within {timeout_s} s: {reader.health()}"  # type: ignore[attr-defined]

    return run
