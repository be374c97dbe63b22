"""A recorded session, as fast as it goes: EEG to features, `emostream analyze` with and without film, start-up.

Sessions of `60 * seconds` are made, so `--seconds 60` measures the whole hour. Times are of one hour, extrapolated
where the session is shorter: of `analyze` from a short and a long session, so that its start counts once. They are time
on the cores, all threads together, for on a busy machine the time passed says how busy it is; with a film, time passed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from benchmarks.dsp import SAME, SPEC, loop_band_power, welch_band_power
from benchmarks.measure import Timing, interleave
from benchmarks.report import Goal, Row
from realtime.config import EegConfig
from realtime.eeg.cleaning import CausalCleaner
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import EmostreamError
from realtime.packets import BandPowerWindow, EegChunk, EegInfo, Float32

SFREQ_HZ, HOUR_S, CHUNK_S = 1000.0, 3600.0, 4.0
SIZE, FPS = (640, 480), 30.0
LOOP = "welch a channel"
# new memory comes in pages of two sizes, so that one read wants some rounds; less than this stays in a server's cache
# and is read in a third of the time
_ROUNDS, _LEAST_READ_S = 9, 300.0
_FLAT = _TELLING = 1.1
_ROOT = Path(__file__).parents[1]
_INFO = EegInfo("bench", "bench-eeg", tuple(MODEL_CHANNELS), SFREQ_HZ)
_PIECE = 60_000


def run(seconds: float) -> list[Row]:
    """Measure sessions of `60 * seconds`; those with film are a tenth as long, what is read at least five minutes."""
    session_s = max(8.0, 60.0 * seconds)
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as name:
        folder = Path(name)
        return [
            features_row(folder, max(_LEAST_READ_S, session_s), seconds),
            analyze_row(folder, session_s, film=False),
            analyze_row(folder, max(8.0, 0.1 * session_s), film=True),
            help_row(),
        ]


def features_row(folder: Path, session_s: float, seconds: float) -> Row:
    """From the file: one read, quality, decimation, filters and 20 windows of band power a second."""
    path = folder / "samples.f4"
    write_samples(path, session_s)
    beginning = np.ascontiguousarray(read_samples(path)[:, : round(5 * SFREQ_HZ)])
    window = np.ascontiguousarray(beginning[:, : round(SFREQ_HZ)])
    timings = interleave(
        {
            "ours": lambda: features(read_samples(path)),
            "floor": lambda: read_samples(path),
            LOOP: lambda: loop_band_power(window, SFREQ_HZ),
        },
        seconds,
        rounds=_ROUNDS,
    )
    scale, difference = HOUR_S / session_s, features_difference(beginning)
    return Row(
        name=f"one hour of {len(MODEL_CHANNELS)} channels x {SFREQ_HZ:g} Hz to features",
        ours=_scaled(timings["ours"], scale),
        floor=_scaled(timings["floor"], scale),
        floor_name="one read of the file into new memory",
        peers={LOOP: _scaled(timings[LOOP], HOUR_S * 20)},
        goals=(Goal("over floor", 4), Goal("below peer", 400, LOOP)),
        also={"within 1e-5 of the definition": difference < SAME},
        max_difference=difference,
        note=f"measured on {session_s:g} s, ours with the read; within {difference:.1e} log10 uV^2/Hz of welch on the "
        "cleaned samples; the loop does band power alone, on a raw window in memory",
    )


def read_samples(path: Path) -> Float32:
    """What `write_samples` wrote, read at one go into memory that was not used before; (62, n_times) float32 µV."""
    return np.fromfile(path, np.float32).reshape(-1, len(MODEL_CHANNELS)).T


def features(x: Float32) -> list[Float32]:
    """Every band-power window of a recording, (n_channels, n_times) float32 µV."""
    pipeline = EegPipeline(_INFO, SPEC, EegConfig(), many_hops=True)
    length, found = round(CHUNK_S * SFREQ_HZ), []
    for first in range(0, x.shape[1], length):
        part = x[:, first : first + length]
        stamps = np.arange(first, first + part.shape[1]) / SFREQ_HZ
        chunk = EegChunk(part, stamps, "bench", first)
        found += [item.log_power for item in pipeline.stream(chunk) if isinstance(item, BandPowerWindow)]
    return found


def features_difference(x: Float32) -> float:
    """Largest difference to Welch's method on what the cleaner makes of the whole recording, log10 µV²/Hz."""
    cleaner = CausalCleaner(len(x), SFREQ_HZ, EegConfig())
    clean = np.asarray(cleaner.process(x).samples_uv)
    window, hop = round(cleaner.sfreq_out_hz), round(0.05 * cleaner.sfreq_out_hz)
    ends = range(window, clean.shape[1] + 1, hop)
    pairs = zip(features(x), ends, strict=True)
    return max(float(np.abs(p - welch_band_power(clean[:, e - window : e], float(window))).max()) for p, e in pairs)


def analyze_row(folder: Path, session_s: float, *, film: bool) -> Row:
    """The command in a process of its own, tables and report included, on a short and on a long session.

    With a film the time that passes is held to the goal, for decoding, the search for the face and what follows have
    threads of their own. Both times are told.
    """
    short, long = (analyzed(folder, length_s, film=film) for length_s in (0.5 * session_s, session_s))
    cores_s, start_s = _told_for_an_hour(short.cpu_s, long.cpu_s, session_s)
    passed_s, _ = _told_for_an_hour(short.wall_s, long.wall_s, session_s)
    wanted = 6.0 if film else 500.0
    what = f"film of {SIZE[0]} x {SIZE[1]} at {FPS:g} fps" if film else "no film"
    return Row(
        name=f"analyze, one-hour session, {len(MODEL_CHANNELS)} channels x {SFREQ_HZ:g} Hz, {what}",
        ours=Timing.of([1000.0 * passed_s], "wall") if film else Timing.of([1000.0 * cores_s], "cpu"),
        goals=(Goal("median", 1000.0 * HOUR_S / wanted),),
        also={"twice the session, at most a tenth more memory": long.peak_mb <= _FLAT * short.peak_mb},
        note=f"{HOUR_S / cores_s:.1f} x real time on one core, {HOUR_S / passed_s:.1f} x as time passed on "
        f"{os.cpu_count()} shared ones ({wanted:g} wanted); of it {start_s:.1f} s start and report; measured: "
        f"{short.cpu_s:.1f} s ({short.wall_s:.1f} s passed) for {0.5 * session_s:g} s, {long.cpu_s:.1f} s "
        f"({long.wall_s:.1f} s passed) for {session_s:g} s; peak memory {short.peak_mb:.0f} MB and "
        f"{long.peak_mb:.0f} MB",
    )


def _told_for_an_hour(short_s: float, long_s: float, session_s: float) -> tuple[float, float]:
    """Seconds an hour takes, from what sessions of `session_s` and of half that took; and what of it is no session.

    Where the longer one took hardly longer, nothing is known of the start, and the hour is told as if there were none.
    """
    start_s = 0.0 if long_s < _TELLING * short_s else max(0.0, 2.0 * short_s - long_s)
    return start_s + (long_s - start_s) * HOUR_S / session_s, start_s


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the command took, all its processes together, and its JSON summary."""

    wall_s: float
    cpu_s: float
    summary: dict[str, Any]

    @property
    def peak_mb(self) -> float:
        """Largest memory of the process."""
        return self.summary["process"]["peak_rss_mb"]


def analyzed(folder: Path, session_s: float, *, film: bool) -> Run:
    """Make a session of this length in `folder`, where it is not there yet, and run the command on it."""
    files = [folder / f"s{session_s:g}.xdf"]
    if not files[0].exists():
        write_session(files[0], session_s)
    if film:
        files.append(folder / f"s{session_s:g}.mkv")
        write_film(files[1], session_s)
    return run_analyze([*map(str, files), "--out", str(folder / "out"), "--force"], folder / "summary.json")


def run_analyze(arguments: Sequence[str], summary: Path) -> Run:
    """`emostream analyze` in a process of its own, on one thread of BLAS.

    Raises
    ------
    EmostreamError
        It failed.
    """
    command = [sys.executable, "-P", str(_ROOT / "emostream.py"), "analyze", *arguments]
    command += ["--export", "none", "--summary", str(summary)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}
    before, begun_s = os.times(), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall_s, after = time.perf_counter() - begun_s, os.times()
    if done.returncode != 0:
        raise EmostreamError(f"analyze ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall_s, cpu_s, json.loads(summary.read_text(encoding="utf-8")))


def help_row(rounds: int = 5) -> Row:
    """From the shell to the list of commands."""
    command = [sys.executable, "-P", str(_ROOT / "emostream.py"), "--help"]
    times: dict[str, list[float]] = {name: [] for name in ("ours", "floor")}
    for _ in range(rounds):
        for name, what in (("ours", command), ("floor", [sys.executable, "-c", "import typer"])):
            begun = time.perf_counter()
            subprocess.run(what, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(_ROOT)})
            times[name].append(1000.0 * (time.perf_counter() - begun))
    return Row(
        name="emostream --help",
        ours=Timing.of(times["ours"]),
        floor=Timing.of(times["floor"]),
        floor_name="Python and typer imported",
        goals=(Goal("median", 300.0),),
    )


def write_samples(path: Path, session_s: float) -> None:
    """(n_times, 62) float32 µV, noise that falls with frequency and alpha, a minute at a time."""
    with path.open("wb") as file:
        for piece in _pieces(session_s):
            piece.tofile(file)


def write_session(path: Path, session_s: float) -> None:
    """The same as an XDF file, stamped with a jitter of 0.2 ms."""
    from simulators.layouts.xdf_file import XdfStream, write_xdf

    n = round(session_s * SFREQ_HZ)
    stamps = 100.0 + np.arange(n) / SFREQ_HZ + np.random.default_rng(1).normal(0.0, 2e-4, n)
    with tempfile.TemporaryFile() as kept:
        for piece in _pieces(session_s):
            piece.tofile(kept)
        kept.flush()
        samples = np.memmap(kept, np.float32, "r", shape=(n, len(MODEL_CHANNELS)))
        channels = [(name, "microvolts", "EEG") for name in MODEL_CHANNELS]
        write_xdf(path, [XdfStream("bench", "EEG", stamps, samples, "float32", SFREQ_HZ, channels, "bench-eeg")])


def _pieces(session_s: float) -> Iterator[Float32]:
    n_channels, n = len(MODEL_CHANNELS), round(session_s * SFREQ_HZ)
    strength = 8.0 * np.linspace(0.0, 1.0, n_channels)
    state, rng = np.zeros((1, n_channels)), np.random.default_rng(0)
    for first in range(0, n, _PIECE):
        index = np.arange(first, min(first + _PIECE, n))
        noise = 4.0 * rng.standard_normal((len(index), n_channels), np.float32)
        x, state = signal.lfilter([1.0], [1.0, -0.95], noise, axis=0, zi=state)
        yield (x + np.sin(2.0 * np.pi * 10.0 * index / SFREQ_HZ)[:, None] * strength).astype(np.float32)


def write_film(path: Path, session_s: float) -> None:
    """A simulated face, five seconds of it to and fro, as the recorder writes films."""
    from benchmarks.face_frames import back_and_forth, simulated_frames
    from realtime.films.film import FilmWriter
    from realtime.packets import VideoFrame

    pictures = back_and_forth(simulated_frames())
    with FilmWriter(path, *SIZE, 1, FPS) as film:
        for index in range(round(session_s * FPS)):
            while not film.push(VideoFrame(next(pictures), index / FPS, index)):
                time.sleep(0.01)


def _scaled(timing: Timing, by: float) -> Timing:
    return Timing(timing.median_ms * by, timing.p99_ms * by, timing.count, timing.clock)
