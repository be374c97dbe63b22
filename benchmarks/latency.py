"""From a push in one process to a result in another: the raw pull, our reader, the whole engine, and peers.

One process sends, the others receive. Each receiver has a stream of its own and the streams are pushed in turn, so
that a push wakes one receiver, and a busy moment of the machine falls on all of them. The peers come after ours, in the
same run and beside a raw pull of their own: one of them polls a thousand times a second, which is no idle machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arrivals import LEAD_IN_S, OURS, PEERS, Answers
from benchmarks.checkpoint import PATH
from benchmarks.faults.lab import installed
from benchmarks.measure import Timing
from benchmarks.nodes import answer
from benchmarks.report import Goal, Row
from models.checkpoint_info import read_checkpoint
from realtime.lsl import session

_ROOT = Path(__file__).parents[1]
_START_S = 90.0
_PEERS_LONGER = 3.0  # the loop answers once a second
_NAMES = {"mne-lsl": "mne-lsl StreamLSL polled at 50 ms, batched welch", "loop": "a second collected, welch a channel"}
_PACKAGES = {"mne-lsl": "mne_lsl", "loop": "pylsl"}
_FLOOR = "raw pylsl pull"


def run(seconds: float) -> list[Row]:
    """Stream for `seconds` after the lead-in that the first prediction needs; three times as long to the peers.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should; its own message is on stderr.
    """
    ours = _stream(seconds + LEAD_IN_S, OURS)
    there = [role for role in PEERS if installed(_PACKAGES[role])]
    peers = _stream(_PEERS_LONGER * seconds + LEAD_IN_S, ("raw", *there))
    return [_reader_row(ours), _prediction_row(ours, peers), _waiting_row(ours, peers)]


@dataclass(frozen=True, slots=True)
class Streamed:
    """What one round told.

    Parameters
    ----------
    pushed : mapping of receiver -> {push: s}
        When which push was made for it.
    answers : mapping of what -> {push: s}
        When what rests on that push, as its newest, was there.
    """

    pushed: Mapping[str, Mapping[int, float]]
    answers: Mapping[str, Mapping[int, float]]

    def newest_ms(self, what: str, role: str) -> Timing:
        """From the push of the newest sample that an answer rests on to the answer."""
        pushed = self.pushed[role]
        return Timing.of([1000.0 * (at - pushed[n]) for n, at in sorted(self.answers[what].items()) if n in pushed])

    def every_ms(self, what: str, role: str) -> Timing:
        """From each push to the first answer that rests on it, the wait for that answer included."""
        answers = sorted(self.answers[what].items())
        waits: list[float] = []
        place = 0
        for number, at in sorted(self.pushed[role].items()):
            while place < len(answers) and answers[place][0] < number:
                place += 1
            if place < len(answers):
                waits.append(1000.0 * (answers[place][1] - at))
        return Timing.of(waits)


def _reader_row(ours: Streamed) -> Row:
    timing = ours.newest_ms("reader", "reader")
    return Row(
        name="EEG pushed -> EegReader's callback",
        ours=timing,
        floor=ours.newest_ms("raw", "raw"),
        floor_name=_FLOOR,
        goals=(Goal("over floor", 3), Goal("p99", 5.0)),
        note="62 channels x 1000 Hz in pushes of 20 samples; its own process, own LSL session, loopback; units, "
        f"gap-aware stamps and counters included; {timing.count} of {len(ours.pushed['reader'])} pushes arrived",
    )


def _prediction_row(ours: Streamed, peers: Streamed) -> Row:
    raw, beside = ours.newest_ms("raw", "raw"), peers.newest_ms("raw", "raw")
    return Row(
        name="EEG pushed -> prediction out, network included",
        ours=ours.newest_ms("prediction", "prediction"),
        floor=raw,
        floor_name=_FLOOR,
        peers={_NAMES[role]: peers.newest_ms(role, role) for role in PEERS if role in peers.answers},
        goals=(
            Goal("over floor", 3),
            Goal("p99", 5.0),
            Goal("below peer", 10, _NAMES["mne-lsl"]),
            Goal("below peer", 75, _NAMES["loop"]),
        ),
        note="the newest sample that an answer rests on; the whole live runner, to its outlet; only pushes that end in "
        f"a prediction (5 a second); {read_checkpoint(PATH).info.model_id}; peers make band powers alone, of the "
        f"newest second, in the same bands; raw pull beside them {beside.median_ms:.2f} ms{_absent(peers)}",
    )


def _waiting_row(ours: Streamed, peers: Streamed) -> Row:
    predictions = ours.every_ms("prediction", "prediction")
    return Row(
        name="EEG pushed -> the first band powers that rest on it",
        ours=ours.every_ms("powers", "prediction"),
        peers={_NAMES[role]: peers.every_ms(role, role) for role in PEERS if role in peers.answers},
        note="every push, the wait for the next answer included: ours come every 50 ms, cleaned and judged; our "
        f"predictions, every 200 ms: {predictions.median_ms:.0f} ({predictions.p99_ms:.0f}){_absent(peers)}",
    )


def _absent(peers: Streamed) -> str:
    return "".join(f"; {role} is not installed" for role in PEERS if role not in peers.answers)


def _stream(seconds: float, roles: tuple[str, ...]) -> Streamed:
    """A sender and these receivers, a process each."""
    tag = f"bench-{uuid.uuid4().hex[:12]}"
    nodes: dict[str, subprocess.Popen[str]] = {}
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as folder:
        # mne-lsl's own liblsl reads its session from a file
        config = Path(folder) / "lsl_api.cfg"
        config.write_text(session.config_text(session=tag), encoding="utf-8")
        env = {**os.environ, "EMOSTREAM_SESSION": tag, "LSLAPICFG": str(config), "OMP_NUM_THREADS": "1"}
        try:
            for role in ("send", *roles):
                nodes[role] = subprocess.Popen(
                    [sys.executable, "-m", *_module(role, f"{seconds:g}", roles)],
                    cwd=_ROOT,
                    env=env | {"MNE_LSL_LOG_LEVEL": "ERROR"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            said = {role: _answers(role, node, seconds + _START_S) for role, node in nodes.items()}
        finally:
            for node in nodes.values():
                if node.poll() is None:
                    node.kill()
                    node.wait()
    pushed = said.pop("send")
    return Streamed(pushed, {what: times for answers in said.values() for what, times in answers.items()})


def _module(role: str, seconds: str, roles: tuple[str, ...]) -> list[str]:
    if role in PEERS:
        return ["benchmarks.peer_node", role, seconds]
    return ["benchmarks.lsl_node", role, seconds, *(roles if role == "send" else ())]


def _answers(role: str, node: subprocess.Popen[str], timeout_s: float) -> Answers:
    """What a process printed: its times."""
    said = answer(role, node, timeout_s)
    return {what: {int(number): at for number, at in times.items()} for what, times in said.items()}
