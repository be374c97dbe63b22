"""The whole dashboard on a live session: frame rate with every panel open, and what the window does to the engine."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pylsl

from benchmarks.gui_scene import SESSION, Scene, Seen, scene
from benchmarks.gui_sender import CHANNELS, FPS, SFREQ_HZ
from benchmarks.measure import Timing, load
from benchmarks.report import Goal, Row
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.lsl.discovery import find_stream
from realtime.lsl.results import EMOTIONS_NAME

PHASES = ("none", "open", "hidden", "stopped")
ROUNDS = 3
SETTLE_S = 2.0
"""Of each phase, not measured: a window that opens or goes is work of its own."""

OFTEN_S = 0.05
"""From answer to answer, a quarter of what is usual: a p99 wants many of them."""

LEAST_FRAMES = 30.0
UNCHANGED = 1.2
"""How many times as large the engine's p99 may be beside a window: a machine in use differs by as much from itself."""

STEADY = 2.0
"""Where the p99 without a window differs more from round to round, a verdict on one with a window is worth nothing."""

_WORDS = {"open": "window open, every panel", "hidden": "window hidden", "stopped": "window stopped with SIGSTOP"}
_PATIENCE_S = 90.0


class Listener:
    """Hears the engine's predictions as any other program does: when each came, and how old it was then."""

    def __init__(self) -> None:
        info = find_stream(name=EMOTIONS_NAME, timeout_s=_PATIENCE_S)
        self._inlet = pylsl.StreamInlet(info, max_buflen=30, recover=False)
        self._inlet.open_stream(timeout=_PATIENCE_S)
        self.heard: list[tuple[float, float]] = []
        """Monotonic time of arrival; milliseconds since the newest EEG sample it rests on."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="bench-listener", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ending.is_set():
            _, stamp = self._inlet.pull_sample(timeout=0.25)
            if stamp is not None:
                self.heard.append((time.monotonic(), 1000.0 * (pylsl.local_clock() - stamp)))

    def between(self, start_s: float, end_s: float) -> list[float]:
        """Latencies of what came between two moments, ms."""
        return [latency_ms for at_s, latency_ms in self.heard if start_s <= at_s < end_s]

    def close(self) -> None:
        """Stop listening."""
        self._ending.set()
        self._thread.join()
        self._inlet.close_stream()


def run(seconds: float) -> list[Row]:
    """Measure phases of twice so many seconds, three times each, in turn.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should.
    """
    session.configure(session_id=SESSION)
    before = load()
    with scene(OFTEN_S) as processes:
        listener = Listener()
        try:
            rounds_ms, seen = _rounds(processes, listener, 2.0 * seconds)
        finally:
            listener.close()
        where = f"{processes.platform}; load {before} to {load()}"
    return [*_frame_rows(seen, where), *_latency_rows(rounds_ms, where)]


def _rounds(processes: Scene, listener: Listener, phase_s: float) -> tuple[dict[str, list[list[float]]], list[Seen]]:
    rounds_ms: dict[str, list[list[float]]] = {phase: [] for phase in PHASES}
    seen: list[Seen] = []
    while not listener.heard:
        processes.check()
        time.sleep(0.1)
    for _ in range(ROUNDS):
        rounds_ms["none"].append(_phase(processes, listener, phase_s))
        window = processes.window()
        window.until_drawing()
        begun = time.monotonic() + SETTLE_S
        rounds_ms["open"].append(_phase(processes, listener, phase_s))
        seen += [second for second in window.seconds if second.at_s > begun + 1.0]
        window.order("hide")
        rounds_ms["hidden"].append(_phase(processes, listener, phase_s))
        window.process.send_signal(signal.SIGSTOP)
        rounds_ms["stopped"].append(_phase(processes, listener, phase_s))
        window.close()
    return rounds_ms, seen


def _phase(processes: Scene, listener: Listener, phase_s: float) -> list[float]:
    time.sleep(SETTLE_S)
    start_s = time.monotonic()
    time.sleep(phase_s)
    processes.check()
    found = listener.between(start_s, time.monotonic())
    if not found:
        raise EmostreamError(f"no prediction within {phase_s:.0f} s of the dashboard's benchmark: is the machine free?")
    return found


def _frame_rows(seen: Sequence[Seen], where: str) -> list[Row]:
    frames = [second.frames for second in seen]
    turns = [value for second in seen for value in second.turn_ms]
    video = np.mean([second.video_frames for second in seen])
    cpu = 100.0 * np.mean([b.cpu_s - a.cpu_s for a, b in pairwise(seen) if b.at_s - a.at_s < 2.0])
    scale = f"{len(CHANNELS)} channels x {SFREQ_HZ:g} Hz x 10 s, video at {FPS:g} a second, every panel open"
    return [
        Row(
            name=f"dashboard, {scale}: time from frame to frame",
            ours=Timing.of([1000.0 / max(1, count) for count in frames]),
            goals=(Goal("median", 1000.0 / LEAST_FRAMES),),
            note=f"{where}; means of a second each; {np.mean(frames):.1f} frames and {video:.1f} pictures of the "
            f"video a second; {cpu:.0f} % of a core; a turn of the timer takes {np.median(turns):.1f} ms, "
            f"p99 {np.percentile(turns, 99):.1f}",
        ),
        Row(
            name="EEG panel in that window: taking up what is new, and painting",
            ours=Timing.of([value for second in seen for value in second.work_ms]),
            goals=(Goal("median", 10),),
            note=where,
        ),
    ]


def _latency_rows(rounds_ms: Mapping[str, list[list[float]]], where: str) -> list[Row]:
    timings = {phase: Timing.of([value for part in parts for value in part]) for phase, parts in rounds_ms.items()}
    alone, each = timings["none"], sorted(Timing.of(part).p99_ms for part in rounds_ms["none"])
    steady = each[-1] <= STEADY * each[0]
    busy = "" if steady else "; not judged: the machine is too busy to tell"
    made = []
    for phase, words in _WORDS.items():
        ours = timings[phase]
        made.append(
            Row(
                name=f"EEG sample -> prediction heard by another program, {words}",
                ours=ours,
                floor=alone,
                floor_name="no window",
                goals=(Goal("p99 over floor", UNCHANGED),) if steady else (),
                note=f"{where}; {1 / OFTEN_S:g} answers a second; p99 {ours.p99_ms:.1f} ms, without a window "
                f"{alone.p99_ms:.1f} (its rounds alone {each[0]:.1f} to {each[-1]:.1f}); {ROUNDS} rounds in turn{busy}",
            )
        )
    return made
