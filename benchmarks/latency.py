"""From a push in one process to a result in another: the raw pull, our reader, the whole engine.

One process sends, three receive. Each receiver has a stream of its own and the streams are pushed in turn, so that a
push wakes one receiver, and a busy moment of the machine falls on all three.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

from benchmarks.checkpoint import PATH
from benchmarks.lsl_node import LEAD_IN_S, ROLES
from benchmarks.measure import Timing
from benchmarks.report import Goal, Row
from models.checkpoint_info import read_checkpoint
from realtime.errors import EmostreamError

_ROOT = Path(__file__).parents[1]
_START_S = 90.0


def run(seconds: float) -> list[Row]:
    """Stream for `seconds` after the lead-in that the first prediction needs.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should; its own message is on stderr.
    """
    latencies_ms, n_pushed = _stream(seconds + LEAD_IN_S)
    timings = {role: Timing.of(times) for role, times in latencies_ms.items()}
    model = read_checkpoint(PATH).info
    common = "62 channels x 1000 Hz in pushes of 20 samples; its own process, own LSL session, loopback"
    raw = timings["raw"]
    return [
        Row(
            name="EEG pushed -> EegReader's callback",
            ours=timings["reader"],
            floor=raw,
            floor_name="raw pylsl pull",
            goals=(Goal("over floor", 3), Goal("p99", 5.0)),
            note=f"{common}; units, gap-aware stamps and counters included; "
            f"{timings['reader'].count} of {n_pushed} pushes arrived",
        ),
        Row(
            name="EEG pushed -> prediction out, network included",
            ours=timings["prediction"],
            floor=raw,
            floor_name="raw pylsl pull",
            goals=(Goal("over floor", 3), Goal("p99", 5.0)),
            note=f"{common}; only the pushes that end in a prediction (4 a second); {model.model_id}",
        ),
    ]


def _stream(seconds: float) -> tuple[dict[str, list[float]], int]:
    """Milliseconds from push to arrival, a list a receiver, and how many pushes each receiver was sent."""
    env = {**os.environ, "EMOSTREAM_SESSION": f"bench-{uuid.uuid4().hex[:12]}", "OMP_NUM_THREADS": "1"}
    nodes: dict[str, subprocess.Popen[str]] = {}
    try:
        for role in ("send", *ROLES):
            command = [sys.executable, "-m", "benchmarks.lsl_node", role, f"{seconds:g}"]
            nodes[role] = subprocess.Popen(
                command, cwd=_ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
        said = {role: _answer(role, node, seconds + _START_S) for role, node in nodes.items()}
    finally:
        for node in nodes.values():
            if node.poll() is None:
                node.kill()
                node.wait()
    pushed = said.pop("send")
    latencies_ms = {
        role: [1000.0 * (at - pushed[role][number]) for number, at in arrivals.items() if number in pushed[role]]
        for role, arrivals in said.items()
    }
    return latencies_ms, len(pushed["reader"])


def _answer(role: str, node: subprocess.Popen[str], timeout_s: float) -> dict:
    """What a process printed: its times."""
    try:
        text, _ = node.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as err:
        raise EmostreamError(f"the benchmark's '{role}' process did not end within {timeout_s:.0f} s") from err
    if node.returncode != 0:
        raise EmostreamError(f"the benchmark's '{role}' process ended with exit code {node.returncode}")
    return json.loads(text)
