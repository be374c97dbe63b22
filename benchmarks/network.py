"""The network behind the engine's recogniser, one question at a time, and what it costs to start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.checkpoint import PATH
from benchmarks.measure import Timing, interleave
from benchmarks.report import Goal, Row
from benchmarks.runtimes import EAGER, peers
from models.checkpoint_info import CheckpointInfo, read_checkpoint
from models.normaliser import Normaliser
from models.recognizer import NetworkRecognizer, load_recognizer
from realtime.interfaces import Recognizer
from realtime.packets import EegSequence, MicroMovement

QUESTIONS = ("EEG alone", "new movement alone", "EEG + new movement", "EEG + the movement of last time")
_START = """
import json, sys, time
from pathlib import Path
import cv2, numpy, psutil
import models.recognizer, realtime.packets
process = psutil.Process()
before, begun = process.memory_info().rss, time.perf_counter()
recognizer = models.recognizer.{loader}(Path(sys.argv[1]))
spec = recognizer.spec
shape = (spec.n_windows, len(spec.channels), len(spec.bands))
ones = numpy.ones(shape[:2], bool)
recognizer.recognize(realtime.packets.EegSequence(numpy.ones(shape, numpy.float32), ones, ones[:, 0], 0.0), None)
json.dump([time.perf_counter() - begun, process.memory_info().rss - before], sys.stdout)
"""


def run(seconds: float) -> list[Row]:
    """Measure for `seconds` a row."""
    ours = load_recognizer(PATH)
    assert isinstance(ours, NetworkRecognizer)
    others = peers(PATH)
    return [*(network_row(ours, others, question, seconds) for question in QUESTIONS), start_row()]


def network_row(ours: NetworkRecognizer, others: dict[str, NetworkRecognizer], question: str, seconds: float) -> Row:
    """One question: normalising, network, calibrated probabilities of each modality, by every runtime in turn."""
    stored = read_checkpoint(PATH)
    eeg = None if question == "new movement alone" else _sequence(stored.info, stored.normaliser)
    fresh = question in ("new movement alone", "EEG + new movement")
    # more in turn than a recogniser remembers: each is new to it
    movements = [None] if question == "EEG alone" else [_movement(seed) for seed in range(20 if fresh else 1)]
    everyone = {"ours": ours} | others
    wanted = ours.recognize(eeg, movements[0]).probabilities
    differences = {
        name: float(np.abs(other.recognize(eeg, movements[0]).probabilities - wanted).max())
        for name, other in others.items()
    }
    timings = interleave({name: _asking(r, eeg, movements) for name, r in everyone.items()}, seconds, rounds=20)
    return Row(
        name=f"network, batch 1, one thread: {question}",
        ours=timings.pop("ours"),
        peers=timings,
        goals=(Goal("p99", 1.5),),
        also={"within 1e-5 of eager": differences[EAGER] < 1e-5},
        max_difference=max(differences.values()),
        note=f"{ours.spec.model_id} ({ours.spec.trained_on}), {ours.spec.runtime}; "
        f"probabilities within {max(differences.values()):.1e} of every peer's; p99 of the peers: "
        + ", ".join(f"{name} {timing.p99_ms:.2f}" for name, timing in timings.items())
        + ("; the engine has a movement encoded when it is found: no answer of its waits for that" if fresh else ""),
    )


def start_row(rounds: int = 3) -> Row:
    """A fresh process, NumPy and the like imported, up to the first answer; and the memory that it takes."""
    ways = {"ours": "ExportedRecognizer.from_checkpoint", EAGER: "TorchRecognizer.from_checkpoint"}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, loader in ways.items():
            command = [sys.executable, "-c", _START.replace("{loader}", loader), str(PATH)]
            said = subprocess.run(command, cwd=PATH.parents[2], capture_output=True, check=True)
            seconds, size = json.loads(said.stdout)
            found[name].append((1000.0 * seconds, size / 1e6))
    timings = {name: Timing.of([ms for ms, _ in times]) for name, times in found.items()}
    memory = {name: float(np.median([mb for _, mb in times])) for name, times in found.items()}
    return Row(
        name="the recogniser's start: library imported, checkpoint loaded, first answer given",
        ours=timings.pop("ours"),
        peers=timings,
        note="memory taken: " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in memory.items()),
    )


def _asking(
    recognizer: Recognizer, eeg: EegSequence | None, movements: Sequence[MicroMovement | None]
) -> Callable[[], object]:
    turn = 0

    def ask() -> object:
        nonlocal turn
        turn += 1
        return recognizer.recognize(eeg, movements[turn % len(movements)])

    return ask


def _sequence(info: CheckpointInfo, normaliser: Normaliser) -> EegSequence:
    """A full sequence, drawn around the normaliser's mean."""
    rng = np.random.default_rng(0)
    z = rng.normal(0.0, 1.0, (info.n_windows, len(info.channels), len(info.bands)))
    power = (normaliser.mean + normaliser.sd * z).astype(np.float32)
    return EegSequence(power, np.ones(z.shape[:2], np.bool_), np.ones(info.n_windows, np.bool_), end_s=0.0)


def _movement(seed: int) -> MicroMovement:
    """A movement of 256 px crops as the spotter hands it over, noise in place of a face."""
    rng = np.random.default_rng(seed)
    return MicroMovement(
        onset_s=0.0,
        apex_s=0.2,
        offset_s=0.4,
        decided_s=0.5,
        score=9.0,
        kind="micro",
        regions=("mouth",),
        onset_crop=rng.integers(0, 255, (256, 256), np.uint8),
        apex_crop=rng.integers(0, 255, (256, 256), np.uint8),
        flow=rng.normal(0.0, 0.5, (256, 256, 2)).astype(np.float32),
    )
