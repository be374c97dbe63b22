"""How a command starts, watches and ends its child processes, by their own id, and ends in order itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType

from realtime.errors import EmostreamError

_GRACE_S = 5.0
_ORDERLY_END_S = 10.0
_CHILD = "EMOSTREAM_CHILD"
_SWITCH_S = 0.0002
_NICE = -5


class Children:
    """Runs emostream commands beside this one; a context manager that ends them on the way out."""

    def __init__(self) -> None:
        self._children: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, *arguments: str) -> None:
        """Start `emostream ARGUMENTS` in a process of its own, with this interpreter and environment."""
        command = [sys.executable, "-m", "emostream", *arguments]
        # a session of its own: Ctrl-C reaches this process first, which then ends its children in order;
        # the pipe says nothing and breaks when this process ends, however it does
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={**os.environ, _CHILD: "1"},
            start_new_session=True,
        )
        self._children.append((arguments[0], child))

    def check(self, essential: Sequence[str]) -> None:
        """Raise where one of the named commands has ended by itself.

        Raises
        ------
        EmostreamError
            With the command's name and exit code; its own message is already on stderr.
        """
        for name, child in self._children:
            code = child.poll()
            if name in essential and code not in (None, 0):
                raise EmostreamError(f"'emostream {name}', which this command needs, ended with exit code {code}")

    def running(self, name: str) -> bool:
        """Whether a child of that name still runs."""
        return any(child.poll() is None for known, child in self._children if known == name)

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, child in self._children:
            if child.poll() is None:
                child.terminate()
        for _, child in self._children:
            try:
                child.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdin is not None:
                child.stdin.close()


def end_with_parent() -> None:
    """End this process in order, as SIGTERM does, when the command that started it as a child is gone, even killed.

    Does nothing in a process that `Children` did not start.
    """
    if os.environ.pop(_CHILD, None) is None:
        return

    def watch() -> None:
        # the unbuffered file: a reader that holds the lock of sys.stdin would hang the interpreter's end
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="emostream-parent", daemon=True).start()


def take_precedence() -> None:
    """Let the threads that this one starts wait for as little as can be: one another, other programs, tidying up.

    A thread that wants Python's lock asks for it after a fifth of a millisecond instead of five. Before other programs
    they go where the system allows it, which on Linux is a limit of the user's ('nice' in limits.conf) or root. What
    was made until now, libraries above all, is not gone through again for garbage, which would stop all threads.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
    if hasattr(os, "setpriority"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in order; an impatient second one does not cut the summary short."""
    first_s: float | None = None

    def interrupt(_signal: int, _frame: object) -> None:
        nonlocal first_s
        now_s = time.monotonic()
        if first_s is None or now_s - first_s > _ORDERLY_END_S:
            first_s = first_s or now_s
            raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def quiet_libraries() -> None:
    """Keep others' chatter off stderr, where it would stand beside our one line; whoever sets these gets it back."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "8")
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_DISABLE", "1")
