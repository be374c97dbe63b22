"""Processor, memory, other programs, the disk of the recordings, and the clocks."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.doctor.findings import Finding, fail, ok, warn

_BUSY_PERCENT = 50.0
_GIB = 2**30
# an hour of 64 channels at 1000 Hz is 1 GB; a lossless film of 640x480 at 30 Hz some 10 to 20
_LITTLE_DISK, _TOO_LITTLE_DISK = 30 * _GIB, 2 * _GIB
_LITTLE_MEMORY, _TOO_LITTLE_MEMORY = 2 * _GIB, _GIB // 2
_STEP_S = 0.02
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Busy:
    """A process and the share of one core it takes, percent."""

    name: str
    pid: int
    percent: float


def check_processor(cores: int, load: float, environment: Mapping[str, str]) -> list[Finding]:
    """Whether there are cores left, and whether libraries would fight for them.

    Parameters
    ----------
    cores : int
    load : float
        Processes that wanted to run, mean over a minute.
    environment : mapping
    """
    findings = []
    if cores < 2:
        advice = "run engine, dashboard and camera on two machines (--network), or without the dashboard"
        findings.append(warn("processor", f"{cores} core", advice))
    elif load > cores:
        advice = "close what is not needed: answers come late when the machine is busy"
        findings.append(warn("processor", f"{cores} cores, {load:.1f} programs want to run", advice))
    else:
        findings.append(ok("processor", f"{cores} cores, load {load:.1f}"))
    threads = environment.get("OMP_NUM_THREADS", "")
    if threads not in ("", "1"):
        found = f"OMP_NUM_THREADS is {threads}"
        findings.append(warn("threads", found, "unset it: threads that spin for one another make answers late"))
    else:
        findings.append(ok("threads", "one a computation, as it should be"))
    return findings


def check_busy(processes: Sequence[Busy]) -> Finding:
    """Other programs that take much of a core now."""
    busy = sorted((p for p in processes if p.percent >= _BUSY_PERCENT), key=lambda p: -p.percent)
    if not busy:
        return ok("other programs", f"none takes {_BUSY_PERCENT:.0f} % of a core")
    named = ", ".join(f"{p.name} ({p.pid}) {p.percent:.0f} %" for p in busy[:_MOST_NAMED])
    return warn(
        "other programs", f"of a core: {named}", "close them during a session, where they are not yours to need"
    )


def check_memory(available: int, total: int) -> Finding:
    """Whether memory is left, bytes."""
    found = f"{available / _GIB:.1f} of {total / _GIB:.1f} GiB free"
    if available < _TOO_LITTLE_MEMORY:
        return fail("memory", found, "close other programs: the engine and the dashboard take 0.5 GiB each")
    if available < _LITTLE_MEMORY:
        return warn("memory", found, "close other programs before a long session")
    return ok("memory", found)


def check_disk(root: Path, free: int, writable: bool, mode: int | None) -> list[Finding]:
    """Whether recordings can be written, for long, and are private.

    Parameters
    ----------
    root : Path
        The recordings root.
    free : int
        Bytes.
    writable : bool
        Whether the folder, or the one it would be made in, can be written to.
    mode : int or None
        Permissions of the folder; None where it is not there yet.
    """
    if not writable:
        return [fail("recordings", f"'{root}' cannot be written to", "choose another with --root or [session] root")]
    findings = []
    found = f"{free / _GIB:.0f} GiB free at '{root}'"
    if free < _TOO_LITTLE_DISK:
        findings.append(fail("disk", found, "make room: an hour with film takes 10 to 20 GiB"))
    elif free < _LITTLE_DISK:
        findings.append(warn("disk", found, "enough for an hour or two with film, which takes 10 to 20 GiB an hour"))
    else:
        findings.append(ok("disk", found))
    if mode is not None and mode & (stat.S_IRWXG | stat.S_IRWXO):
        findings.append(
            warn("privacy", f"'{root}' is open to other users ({stat.filemode(mode)})", f"chmod 700 '{root}'")
        )
    else:
        findings.append(ok("privacy", "recordings are, or will be, readable by you alone"))
    return findings


def check_clock(before_s: float, after_s: float, seconds: float) -> Finding:
    """Whether the wall clock stepped against the monotonic one.

    Parameters
    ----------
    before_s, after_s : float
        Wall clock minus monotonic clock, at two moments.
    seconds : float
        Between them.
    """
    step_s = after_s - before_s
    if abs(step_s) > _STEP_S:
        found = f"the wall clock moved by {1e3 * step_s:+.0f} ms within {seconds:.1f} s"
        advice = "let the time service settle before a session; LSL's clock is not touched, the times of files are"
        return warn("wall clock", found, advice)
    return ok("wall clock", f"steady over {seconds:.1f} s")


def look_at_disk(root: Path) -> list[Finding]:
    """`check_disk` of a recordings root; nothing is made."""
    there = root.absolute()
    while not there.exists():
        there = there.parent
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    mode = stat.S_IMODE(root.stat().st_mode) | stat.S_IFDIR if root.is_dir() else None
    return check_disk(root, shutil.disk_usage(there).free, writable, mode)


def look_at_machine(environment: Mapping[str, str]) -> list[Finding]:
    """`check_processor` and `check_memory` of this machine."""
    import psutil

    memory = psutil.virtual_memory()
    load = psutil.getloadavg()[0]
    return [
        *check_processor(psutil.cpu_count() or 1, load, environment),
        check_memory(memory.available, memory.total),
    ]


class Watch:
    """Watches the clock and other programs between its making and `findings`."""

    def __init__(self, wall: Callable[[], float] = time.time, monotonic: Callable[[], float] = time.monotonic) -> None:
        import psutil

        self._wall, self._monotonic = wall, monotonic
        self._since_s = monotonic()
        self._before_s = wall() - self._since_s
        own = os.getpid()
        self._processes = [p for p in psutil.process_iter(["name"]) if p.pid != own]
        for process in self._processes:
            _percent(process)

    def findings(self) -> list[Finding]:
        """What was seen since."""
        now_s = self._monotonic()
        busy = [Busy(str(p.info["name"]), p.pid, percent) for p in self._processes if (percent := _percent(p))]
        return [check_busy(busy), check_clock(self._before_s, self._wall() - now_s, now_s - self._since_s)]


def _percent(process: object) -> float:
    """Share of a core since the last call; 0 where the process is gone or somebody else's."""
    import psutil

    try:
        return float(process.cpu_percent())  # type: ignore[attr-defined]
    except psutil.Error:
        return 0.0
