"""Several participants at once: `python -m benchmarks machines [--seconds S] [--summary FILE]`.

Where one machine is outgrown, each participant has an engine on a machine of its own, and all meet over LSL. Here the
machines are processes of this one: a simulated participant and an `emostream run` each, all in one LSL session on the
loopback, each engine bound to its participant's source ids and publishing under a name of its own. What is measured is
whether they keep apart and keep up; the network between machines is not in it, and the processes share this machine's
cores, which separate machines would not.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import load, machine
from realtime.config import EngineConfig
from realtime.errors import EmostreamError

_ROOT = Path(__file__).parents[1]
_START_S, _GRACE_S = 90.0, 10.0
_SESSION = f"machines-{uuid.uuid4().hex[:12]}"
_LOOK = """
import json, sys, time
from realtime.lsl import session
from realtime.lsl.discovery import list_streams
session.configure()
end_s = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end_s:
    found = list_streams(1.0)
    if sum(info.name() == sys.argv[3] for info in found) == int(sys.argv[1]):
        break
else:
    sys.exit(3)
print(json.dumps([info.source_id() for info in list_streams(2.0)]))
"""
PEOPLE = 3


@dataclass(frozen=True, slots=True)
class Engine:
    """What one participant's engine made of it.

    Parameters
    ----------
    name : str
    predictions : int
    per_s, wanted_per_s : float
        From the first prediction to the last, and what the engine's hop asks for.
    eeg_lost, video_lost : int
        Samples and frames that were sent and did not arrive; None where there was no camera.
    latency_ms, latency_p99_ms : float
        EEG sample to prediction.
    cpu_percent : float
        Of one core.
    accuracy : float or None
        Against this participant's truth; chance where engines were mixed up.
    streams : int
        Of this engine alone, as another program sees them, each source id once.
    """

    name: str
    predictions: int
    per_s: float
    wanted_per_s: float
    eeg_lost: int
    video_lost: int | None
    latency_ms: float
    latency_p99_ms: float
    cpu_percent: float
    accuracy: float | None
    streams: int


def run(people: int, seconds: float, summary: Path | None, *, video: bool = False) -> dict[str, Any]:
    """Run `people` engines for `seconds`, print a line each, write the summary.

    Parameters
    ----------
    people : int
    seconds : float
        Of recognition, after the streams are there.
    summary : Path or None
    video : bool
        With a camera each, too.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should, or engines cannot be told apart.
    """
    about = machine()
    engines = measure(people, seconds, video=video)
    for engine in engines:
        truth = "" if engine.accuracy is None else f", {engine.accuracy:.0%} of them right"
        frames = "" if engine.video_lost is None else f" and {engine.video_lost} frames"
        print(
            f"{engine.name}: {engine.predictions} predictions, {engine.per_s:.2f} a second of "
            f"{engine.wanted_per_s:g}{truth}; lost {engine.eeg_lost} samples{frames}; "
            f"latency {engine.latency_ms:.1f} ms (p99 {engine.latency_p99_ms:.1f}); "
            f"{engine.cpu_percent:.0f} % of a core; {engine.streams} streams of its own"
        )
    found = {
        "machine": about | {"load_after": load()},
        "simulated": "participants; and machines: processes of one machine on the loopback",
        "engines": [asdict(engine) for engine in engines],
    }
    print(f"simulated: {found['simulated']}; {about['cores']} cores, load {about['load_before']} before")
    if summary is not None:
        from realtime.output import write_json

        write_json(summary, found)
    return found


def measure(people: int, seconds: float, *, video: bool) -> list[Engine]:
    """Start participants and engines, look at their streams from a further process, and take the engines' summaries."""
    names = [f"p{number}" for number in range(1, people + 1)]
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as place, ExitStack() as stack:
        folder = Path(place)
        for number, name in enumerate(names, 1):
            _start(stack, folder / f"{name}.simulate.err", "simulate", "--seed", f"{number}", "--tag", name)
        # the truth is a participant's last stream: an engine that finds the EEG before it goes without
        _seen("emostream-truth", people)
        engines = {
            name: _start(stack, folder / f"{name}.err", *_engine(name, seconds, folder, video)) for name in names
        }
        seen = _seen("emostream-emotions", people)
        for name, engine in engines.items():
            if engine.wait(seconds + _START_S):
                said = (folder / f"{name}.err").read_text(encoding="utf-8").strip().splitlines()
                raise EmostreamError(f"the engine '{name}' ended with exit code {engine.returncode}: {said[-1:]}")
        told = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    return [_engine_of(name, told[name], own_streams(name, seen, socket.gethostname())) for name in names]


def _engine_of(name: str, told: Mapping[str, Any], streams: Sequence[str]) -> Engine:
    latency = told["latency_ms"]["eeg_to_prediction"]
    return Engine(
        name=name,
        predictions=told["predictions"]["count"],
        per_s=told["predictions"]["per_s"],
        wanted_per_s=1.0 / EngineConfig().prediction_hop_s,
        eeg_lost=told["eeg"]["lost"],
        video_lost=told["video"]["lost"] if told["video"] else None,
        latency_ms=latency["p50"],
        latency_p99_ms=latency["p99"],
        cpu_percent=told["process"]["cpu_percent"],
        accuracy=told.get("truth", {}).get("accuracy"),
        streams=len(streams),
    )


def own_streams(name: str, seen: Sequence[str], host: str) -> list[str]:
    """Source ids of one engine's streams among all of a session.

    Raises
    ------
    EmostreamError
        Two streams share one source id: whoever reads the one may be given the other.
    """
    if doubled := sorted({source for source in seen if seen.count(source) > 1}):
        raise EmostreamError(f"engines cannot be told apart: {len(doubled)} source ids twice, '{doubled[0]}' for one")
    return [source for source in seen if source.startswith(f"{name}@{host}-")]


def _engine(name: str, seconds: float, folder: Path, video: bool) -> list[str]:
    camera = ["--video-source", f"{name}-video"] if video else ["--no-video"]
    kept = ["--seconds", f"{seconds:g}", "--summary", str(folder / f"{name}.json")]
    return ["run", "--headless", "--name", name, "--eeg-source", f"{name}-eeg", *camera, *kept]


def _seen(name: str, count: int) -> list[str]:
    """Source ids of all streams, once so many of that name are there, as a program beside them sees them."""
    command = [sys.executable, "-c", _LOOK, str(count), f"{_START_S:g}", name]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmostreamError(f"{count} streams '{name}' were wanted, and not there within {_START_S:g} s")
    return json.loads(done.stdout)


def _start(stack: ExitStack, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """`emostream ARGUMENTS` in a process that ends with the stack at the latest."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "emostream", *arguments],
            cwd=log.parent,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    stack.callback(_end, process)
    return process


def _environment() -> dict[str, str]:
    return {**os.environ, "EMOSTREAM_SESSION": _SESSION, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
