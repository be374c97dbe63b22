"""Cases of one reader, in a process with limits: `python -m benchmarks.fuzz.child`, started by `benchmarks.fuzz.cases`.

Reads a JSON object from the standard input: target, first, count, seed, folder. Notes the number of each case in a file
before it begins, so that the parent knows which one killed the process, and writes what came out as JSON lines.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOM_BYTES = 1 << 30
"""Memory that a case may take beyond what the readers themselves take."""

_LONGEST_S = 20.0
_MOST_LETTERS = 2000
_STARTS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "socket.connect")
_UNPICKLED = ("numpy", "_codecs")


class _SlowError(BaseException):
    """A case that does not end; no reader catches it."""


class Watch:
    """Notes when something starts a program, connects, or unpickles what is no array."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTS:
            self.seen.append(event)
        elif event == "pickle.find_class" and str(arguments[0]).split(".")[0] not in _UNPICKLED:
            self.seen.append(f"unpickled {arguments[0]}.{arguments[1]}")


def outcome_of(read: Any, path: Path, watch: Watch, peer: bool = False) -> tuple[str, str]:
    """Read one file: ('read' or 'refused' or 'finding', detail); `peer` may raise anything but for want of memory."""
    from realtime.errors import EmostreamError

    watch.seen.clear()
    try:
        read(path)
        kind, detail = "read", ""
    except EmostreamError as err:
        kind, detail = "refused", str(err)
        if not detail.isprintable() or len(detail) > _MOST_LETTERS:
            kind, detail = "finding", f"a message of {len(detail)} letters, not one line: {detail[:200]!r}"
        elif _ran_out(err):
            kind, detail = "finding", f"it asked for more than {ROOM_BYTES} bytes"
    except _SlowError as err:
        kind, detail = "finding", str(err)
    except BaseException as err:  # noqa: BLE001  whatever comes out here would be a traceback
        last = traceback.extract_tb(err.__traceback__)[-1]
        kind, detail = "finding", f"{type(err).__name__}: {str(err)[:150]} ({last.filename[-60:]}:{last.lineno})"
        if peer and isinstance(err, Exception) and not _ran_out(err):
            kind = "refused"
    # a pickle that is refused has been asked for its names; nothing is wrong with that
    seen = [one for one in watch.seen if kind != "refused" or not one.startswith("unpickled")]
    return ("finding", f"ran something: {seen[0]}") if seen else (kind, detail)


def _ran_out(err: BaseException | None) -> bool:
    while err is not None:
        if isinstance(err, MemoryError):
            return True
        err = err.__cause__ or err.__context__
    return False


def _too_slow(_number: int, _frame: Any) -> None:
    raise _SlowError(f"not done after {_LONGEST_S:g} s")


def memory() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _peak_kb() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0])


def main() -> None:
    """Run the cases that the standard input asks for."""
    asked = json.loads(sys.stdin.read())
    from benchmarks.fuzz.hostile import hostile
    from benchmarks.fuzz.mutate import mutate
    from benchmarks.fuzz.targets import PEERS, TARGETS

    peer = bool(asked["peer"])
    target, folder = (PEERS if peer else TARGETS)[asked["target"]], Path(asked["folder"])
    path, progress = folder / target.file, folder / "progress"
    honest, built = target.seeds(folder), hostile(asked["target"], folder / "ran")
    watch = Watch()
    # whatever the readers import late is imported now
    for content in honest:
        path.write_bytes(content)
        kind, detail = outcome_of(target.read, path, watch)
        if kind == "finding":
            raise SystemExit(f"the honest file of {target.name} is not read: {detail}")
    limit = memory() + ROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    signal.signal(signal.SIGALRM, _too_slow)
    # from here on the peak is that of the cases
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _peak_kb()
    note = os.open(progress, os.O_WRONLY | os.O_CREAT)
    counts = {"read": 0, "refused": 0, "finding": 0}
    slowest_s = 0.0
    for case in range(asked["first"], asked["first"] + asked["count"]):
        rng = random.Random(f"{asked['seed']}-{target.name}-{case}")
        content = built[case][1] if case < len(built) else mutate(rng, honest)
        path.write_bytes(content)
        os.pwrite(note, b"%-20d" % case, 0)
        signal.setitimer(signal.ITIMER_REAL, _LONGEST_S)
        began = time.process_time()
        kind, detail = outcome_of(target.read, path, watch, peer)
        took_s = time.process_time() - began
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        slowest_s = max(slowest_s, took_s)
        if took_s >= 1.0 and kind != "finding":
            kind, detail = "finding", f"took {took_s:.2f} s"
        if (folder / "ran").exists():
            kind, detail = "finding", "code in the file was run"
            (folder / "ran").unlink()
        counts[kind] += 1
        if kind == "finding":
            print(json.dumps({"case": case, "detail": detail}), flush=True)
    with suppress(BrokenPipeError):
        print(json.dumps({"done": True, **counts, "slowest_s": slowest_s, "grown_mb": (_peak_kb() - before) / 1024}))


if __name__ == "__main__":
    main()
