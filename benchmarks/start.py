"""How soon `emostream run` answers once the streams it waits for appear.

The command waits; then a simulated participant's EEG, video and truth appear. Another program hears what the engine
says. A stream appears when its outlet was made, by LSL's clock, which all processes of a machine share.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pylsl

from benchmarks.faults.lab import Process
from benchmarks.gui_scene import SESSION
from benchmarks.measure import Timing
from benchmarks.report import Goal, Row
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.lsl.codecs import EMOTION_EXTRAS, decode_emotion
from realtime.lsl.discovery import find_stream
from realtime.lsl.results import EMOTIONS_NAME, HEALTH_NAME
from realtime.packets import Evidence

ROUNDS = 3
WANTED_MS = 3000.0
_WINDOW_MS, _WINDOWS = 1000.0, 3
_PATIENCE_S = 60.0
_IDLE_S, _IDLE_SHARE, _LEAST_CPU_S = 1.0, 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Heard:
    """A prediction: when it was heard, and the stamp of the newest sample that it rests on; ms as in `Start`."""

    at_ms: float
    stamp_ms: float


@dataclass(frozen=True, slots=True)
class Start:
    """One start, ms since the last of the streams appeared.

    Parameters
    ----------
    read_ms : float
        Stamp of the first sample that the engine read.
    first, resting : Heard
        The first prediction, and the first that rests on EEG.
    """

    read_ms: float
    first: Heard
    resting: Heard


def run(_seconds: float) -> list[Row]:
    """Start three times, each of about a quarter of a minute.

    Raises
    ------
    EmostreamError
        A process ended, or there was no prediction within a minute.
    """
    session.configure(session_id=SESSION)
    starts = [start_once() for _ in range(ROUNDS)]
    first, resting = [start.first for start in starts], [start.resting for start in starts]
    return [
        _row("the first prediction", starts, first, 1, "; it says that there is not enough to read yet"),
        _row("the first that rests on EEG", starts, resting, _WINDOWS, ""),
    ]


def _row(what: str, starts: Sequence[Start], heard: Sequence[Heard], windows: int, more: str) -> Row:
    read, newest, at = (
        np.median(times)
        for times in ([s.read_ms for s in starts], [h.stamp_ms for h in heard], [h.at_ms for h in heard])
    )
    return Row(
        name=f"emostream run: streams appear -> {what}",
        ours=Timing.of([h.at_ms for h in heard]),
        floor=Timing.of([windows * _WINDOW_MS]),
        floor_name=f"{windows} s of signal, which it rests on",
        goals=(Goal("median", WANTED_MS),),
        note="EEG, video and truth appear while it waits, and send from 300 ms after; "
        f"{read:.0f} ms until the first sample that it reads, "
        f"{newest - read:.0f} of signal, {at - newest:.0f} until another program has heard{more}",
    )


def start_once() -> Start:
    """Start the engine, let it wait, let the streams appear, and listen."""
    environment = {"EMOSTREAM_SESSION": SESSION}
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as folder:
        config = Path(folder) / "patient.toml"
        config.write_text(f"[lsl]\nresolve_timeout_s = {_PATIENCE_S}\n", encoding="utf-8")
        arguments = ["-m", "emostream", "run", "--headless", "--config", config]
        with Process(arguments, environment=environment) as engine:
            _until_waiting(engine)
            with Process(["-m", "benchmarks.gui_sender"], environment=environment) as sender:
                return _listen(engine, sender)


def _until_waiting(engine: Process) -> None:
    """Until it has loaded everything: it is at work for a while, and then it is not."""
    process, before_s = psutil.Process(engine.process.pid), 0.0
    end_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end_s and engine.running:
        time.sleep(_IDLE_S)
        now_s = sum(process.cpu_times()[:2])
        if now_s > _LEAST_CPU_S and now_s - before_s < _IDLE_SHARE * _IDLE_S:
            return
        before_s = now_s
    raise EmostreamError(f"'emostream run' of the benchmark does not get to wait for streams: {engine.said[-300:]}")


def _listen(engine: Process, sender: Process) -> Start:
    """Hear predictions until one rests on EEG, and what the engine says of its first sample."""
    inlet = _inlet(EMOTIONS_NAME)
    n_classes = (inlet.channel_count - len(EMOTION_EXTRAS)) // 3
    heard: list[tuple[float, float]] = []
    evidence, end_s = Evidence.NOT_ENOUGH, time.monotonic() + _PATIENCE_S
    while evidence is not Evidence.ENOUGH:
        if not (engine.running and sender.running) or time.monotonic() > end_s:
            said = (engine.said + sender.said)[-300:]
            raise EmostreamError(f"no prediction that rests on EEG within {_PATIENCE_S:.0f} s of the streams: {said}")
        row, stamp = inlet.pull_sample(timeout=0.25)
        if row is not None and stamp is not None:
            heard.append((pylsl.local_clock(), stamp))
            evidence = decode_emotion(row, n_classes).evidence
    appeared = max(find_stream(source_id=f"bench-{kind}").created_at() for kind in ("eeg", "video", "truth"))
    first, resting = (Heard(1e3 * (at - appeared), 1e3 * (stamp - appeared)) for at, stamp in (heard[0], heard[-1]))
    return Start(1e3 * (_first_sample() - appeared), first, resting)


def _inlet(name: str) -> pylsl.StreamInlet:
    """Of the first stream of that name that answers: to wait for a second would miss what is said first."""
    found = pylsl.resolve_byprop("name", name, 1, _PATIENCE_S)
    if not found:
        raise EmostreamError(f"no '{name}' within {_PATIENCE_S:.0f} s: did the benchmark's 'emostream run' start?")
    inlet = pylsl.StreamInlet(found[0], recover=False)
    inlet.open_stream(_PATIENCE_S)
    return inlet


def _first_sample() -> float:
    """Stamp of the engine's first EEG sample: it is said with its health, every second."""
    row, _ = _inlet(HEALTH_NAME).pull_sample(timeout=_PATIENCE_S)
    if row is None:
        raise EmostreamError("the engine of the benchmark does not say how it is")
    return float(json.loads(row[0])["inputs"]["eeg_first_s"])
