"""A camera of 200 frames a second, live: does the engine on one core take every frame, and how often does it look?"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import numpy as np

from benchmarks.face_node import FPS, SIZE, Sent, Taken
from benchmarks.measure import Timing, load
from benchmarks.nodes import answer
from benchmarks.report import Goal, Row
from realtime.errors import EmostreamError

LEAST_HZ = 50.0
SAME_S = 1e-6
_ROOT = Path(__file__).parents[1]
_START_S = 120.0


def run(seconds: float) -> Row:
    """Stream for `seconds`, at least 3: the first evaluated frame needs one 0.2 s before it.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should; its own message is on stderr.
    """
    before = load()
    sent, taken = streamed(max(3.0, seconds))
    return row(sent, taken, f"load {before} to {load()}")


def streamed(seconds: float) -> tuple[Sent, Taken]:
    """Camera and engine in processes of their own, each kept to one core, of which the engine has one for itself.

    Raises
    ------
    EmostreamError
        As `run`.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    env = {**os.environ, "EMOSTREAM_SESSION": f"bench-{uuid.uuid4().hex[:12]}", "OMP_NUM_THREADS": "1"}
    nodes: dict[str, subprocess.Popen[str]] = {}
    try:
        for role, core in (("camera", cores[0]), ("engine", cores[-1])):
            command = [sys.executable, "-m", "benchmarks.face_node", role, f"{seconds:g}", str(core)]
            nodes[role] = subprocess.Popen(
                command, cwd=_ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
        said = {role: answer(role, node, seconds + _START_S) for role, node in nodes.items()}
    finally:
        for node in nodes.values():
            if node.poll() is None:
                node.kill()
            node.communicate()
    return Sent(**said["camera"]), Taken(**said["engine"])


def row(sent: Sent, taken: Taken, where: str) -> Row:
    """What came of it: time on the engine's core a frame, every thread of the process counted.

    Raises
    ------
    EmostreamError
        Too few frames came to say anything.
    """
    indices, stamps = np.array(taken.frames).reshape(-1, 2).T
    evaluated = np.array(taken.evaluated)
    if len(taken.cpu_s) < 2 or len(evaluated) < 2:
        raise EmostreamError(f"{len(indices)} frames of {sent.pushed} arrived, {len(evaluated)} were evaluated")
    off_s = float(np.abs(stamps - (sent.start_s + indices / FPS)).max())
    rate_hz = (len(evaluated) - 1) / float(evaluated[-1] - evaluated[0])
    age = Timing.of(taken.age_ms)
    missed = sent.pushed - len(indices)
    return Row(
        name=f"camera of {FPS:g} frames a second, {SIZE[0]} x {SIZE[1]}, over LSL into the engine on one core, a frame",
        ours=Timing.of([1000.0 * step / FPS for step in np.diff(taken.cpu_s)], "cpu"),
        goals=(Goal("median", 1000.0 / FPS),),
        also={
            "no frame lost": missed == 0 and taken.lost == sent.skipped,
            "every stamp kept": off_s < SAME_S,
            f"at least {LEAST_HZ:g} evaluated a second": rate_hz >= LEAST_HZ,
        },
        note=f"{where}; {sent.pushed} frames sent ({sent.skipped} more left out by the camera itself, too slow), "
        f"{len(indices)} taken, {missed} not ({taken.skipped} of them skipped by the reader), stamps within "
        f"{1e6 * off_s:.2g} us; {rate_hz:.1f} evaluated a second, known {age.median_ms:.1f} ms after the stamp "
        f"(p99 {age.p99_ms:.1f}); reader, engine, network and outlets; simulated face",
    )
