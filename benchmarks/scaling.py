"""How the cost grows, and where each way stops keeping up: `python -m benchmarks scaling --out FOLDER`.

Every point is the time on a core that a second of input takes. Beyond 1 a way cannot follow a live stream on one core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.dsp import SPEC, loop_band_power, signal_uv, welch_band_power
from benchmarks.measure import interleave, machine
from realtime.config import EegConfig
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import ConfigurationError
from realtime.packets import EegChunk, EegInfo, Float32, VideoFrame

CHANNELS = (8, 16, 32, 64, 128, 256)
RATES_HZ = (250.0, 500.0, 1000.0, 2000.0, 4000.0)
FPS = (15.0, 30.0, 60.0, 100.0, 150.0, 200.0)
PEOPLE = (1, 2, 4, 8, 16, 32, 64)
LENGTHS_MIN = (1.0, 2.0, 4.0, 8.0)
_HOPS_S, _CHUNK_S = 20, 0.05
_PEAK = "peak MB: "
_ANALYZE, _WHOLE = "emostream analyze", "pyxdf and batched scipy welch, the file whole"


@dataclass(frozen=True, slots=True)
class Curve:
    """Cost of each way at each size.

    Parameters
    ----------
    name, size : str
        Of the figure's file; what is varied, with its unit.
    sizes : sequence of float
    share : mapping of way -> sequence of float
        Seconds on a core for a second of input.
    also : mapping of name -> sequence of float
        Other figures at the same sizes.
    """

    name: str
    size: str
    sizes: Sequence[float]
    share: Mapping[str, Sequence[float]]
    also: Mapping[str, Sequence[float]]

    def memory_ends_at(self, have_mb: float) -> dict[str, float]:
        """For each way whose memory is among `also`: the size at which this much is full, growing on as it last did."""
        ends: dict[str, float] = {}
        for name, used_mb in self.also.items():
            if name.startswith(_PEAK):
                # short sessions grow for other reasons: what is loaded when it is first needed
                slope = (used_mb[-1] - used_mb[-2]) / (self.sizes[-1] - self.sizes[-2])
                left = (have_mb - used_mb[-1]) / slope if slope > 0 else float("inf")
                ends[name.removeprefix(_PEAK)] = self.sizes[-1] + left
        return ends

    def stops_at(self, way: str) -> float | None:
        """The first size at which a way needs more than a core; None where it keeps up throughout."""
        return next((s for s, share in zip(self.sizes, self.share[way], strict=True) if share > 1.0), None)


def run(out: Path, seconds: float) -> dict[str, Any]:
    """Measure each point for `seconds`, write figures and scaling.json into `out`.

    Raises
    ------
    ConfigurationError
        `out` is no folder.
    """
    if not out.is_dir():
        raise ConfigurationError(f"--out: no folder '{out}'")
    about, have_mb = machine(), psutil.virtual_memory().total / 2**20
    curves = [
        eeg_curve("channels", "EEG channels at 1000 Hz", [(n, 1000.0) for n in CHANNELS], seconds),
        eeg_curve("rates", "sampling rate of 64 channels, Hz", [(64, rate) for rate in RATES_HZ], seconds),
        frames_curve(seconds),
        people_curve(seconds),
        length_curve(),
    ]
    for curve in curves:
        _draw(curve, have_mb, out / f"scaling-{curve.name}.svg")
        for way in curve.share:
            stop = curve.stops_at(way)
            share = " ".join(f"{value:.3g}" for value in curve.share[way])
            print(f"{curve.size}: {way}: {share}; " + ("keeps up" if stop is None else f"too slow from {stop:g}"))
        for way, end in curve.memory_ends_at(have_mb).items():
            print(f"{curve.size}: {way}: told from its growth, the {have_mb / 1024:.0f} GB here are full at {end:.0f}")
    found = {"machine": about, "curves": [asdict(curve) for curve in curves]}
    (out / "scaling.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def eeg_curve(name: str, size: str, points: Sequence[tuple[int, float]], seconds: float) -> Curve:
    """The EEG chain, hop by hop as live, beside band power alone by Welch."""
    share: dict[str, list[float]] = {"emostream's EEG chain": [], "batched scipy welch": [], "welch a channel": []}
    for n_channels, sfreq_hz in points:
        x = signal_uv(n_channels, sfreq_hz, 8.0)
        window = x[:, : round(sfreq_hz)]
        calls: dict[str, Callable[[], object]] = {
            "emostream's EEG chain": _second_of_eeg(x, sfreq_hz),
            "batched scipy welch": lambda w=window, f=sfreq_hz: welch_band_power(w, f),
            "welch a channel": lambda w=window, f=sfreq_hz: loop_band_power(w, f),
        }
        for way, timing in interleave(calls, seconds, rounds=3).items():
            hops = 1 if way.startswith("emostream") else _HOPS_S
            share[way].append(hops * timing.median_ms / 1000.0)
    sizes = [float(n if name == "channels" else rate) for n, rate in points]
    return Curve(name, size, sizes, share, {})


def _second_of_eeg(x: Float32, sfreq_hz: float) -> Callable[[], object]:
    names = tuple(f"E{i}" for i in range(len(x)))
    spec = replace(SPEC, channels=names)
    pipeline = EegPipeline(EegInfo("bench", "bench", names, sfreq_hz), spec, EegConfig())
    at, length, n = 0, round(_CHUNK_S * sfreq_hz), x.shape[1]

    def push() -> None:
        nonlocal at
        for _ in range(_HOPS_S):
            begin = at % (n - length)
            stamps = np.arange(at, at + length) / sfreq_hz
            pipeline.push(EegChunk(x[:, begin : begin + length], stamps, "bench", at))
            at += length

    push()
    push()
    return push


def frames_curve(seconds: float) -> Curve:
    """The face chain at the camera's rate, which evaluates 60 frames a second at most, beside flow at every frame."""
    from benchmarks import face
    from benchmarks.face_frames import simulated_frames
    from realtime.face.pipeline import FacePipeline

    pictures = simulated_frames()
    peers, ours = face.peers(pictures), "emostream's face chain, at most 60 a second"
    share: dict[str, list[float]] = {ours: [], **{name: [] for name in peers}}
    evaluated: list[float] = []
    for fps in FPS:
        pipeline, n = FacePipeline(), round(fps)
        index = 0

        def second(pipeline: FacePipeline = pipeline, n: int = n, fps: float = fps) -> None:
            nonlocal index
            for _ in range(n):
                picture = pictures[int(index / fps * 30.0) % len(pictures)]
                pipeline.push(VideoFrame(picture, index / fps, index))
                index += 1

        timings = interleave({ours: second, **peers}, max(seconds, 0.5), rounds=2)
        share[ours].append(timings[ours].median_ms / 1000.0)
        evaluated.append(pipeline.counters.evaluated * fps / max(pipeline.counters.frames, 1))
        for name in peers:
            share[name].append(fps * timings[name].median_ms / 1000.0)
    return Curve("frames", "camera's frames a second, 640 x 480", FPS, share, {"evaluated a second": evaluated})


def people_curve(seconds: float) -> Curve:
    """Several participants' EEG with the demonstration's answers in one process, an engine each.

    The peers compute band power alone, of as many participants, and answer nothing.
    """
    from benchmarks.checkpoint import PATH
    from models.recognizer import load_recognizer
    from realtime.eeg.montage import MODEL_CHANNELS
    from realtime.engine import Engine

    x = signal_uv(len(MODEL_CHANNELS), 1000.0, 8.0)
    window = x[:, :1000]
    ours = "one engine a participant"
    share: dict[str, list[float]] = {ours: [], "batched scipy welch": [], "welch a channel": []}
    for n in PEOPLE:
        recognizer = load_recognizer(PATH)
        info = EegInfo("bench", "bench", tuple(MODEL_CHANNELS), 1000.0)
        engines = [Engine(recognizer, eeg=info, has_video=False) for _ in range(n)]
        at = 0

        def second(engines: list[Engine] = engines) -> None:
            nonlocal at
            for _ in range(_HOPS_S):
                begin = at % (x.shape[1] - 50)
                for engine in engines:
                    stamps = np.arange(at, at + 50) / 1000.0
                    engine.push_eeg(EegChunk(x[:, begin : begin + 50], stamps, "bench", at))
                at += 50

        for _ in range(4):
            second()
        calls: dict[str, Callable[[], object]] = {
            ours: second,
            "batched scipy welch": lambda n=n: [welch_band_power(window, 1000.0) for _ in range(n)],
            "welch a channel": lambda n=n: [loop_band_power(window, 1000.0) for _ in range(n)],
        }
        for way, timing in interleave(calls, seconds, rounds=3).items():
            share[way].append((1 if way == ours else _HOPS_S) * timing.median_ms / 1000.0)
    return Curve("people", "participants, 62 channels at 1000 Hz each", PEOPLE, share, {})


def length_curve() -> Curve:
    """`emostream analyze` on EEG of growing length, start and report included, beside reading the file whole."""
    from benchmarks.offline import analyzed

    share: dict[str, list[float]] = {_ANALYZE: [], _WHOLE: []}
    memory: dict[str, list[float]] = {_PEAK + way: [] for way in share}
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as place:
        for minutes in LENGTHS_MIN:
            ours = analyzed(Path(place), 60.0 * minutes, film=False)
            peer = _read_whole(Path(place) / f"s{60.0 * minutes:g}.xdf")
            for way, cpu_s, peak_mb in ((_ANALYZE, ours.cpu_s, ours.peak_mb), (_WHOLE, peer["cpu_s"], peer["peak_mb"])):
                share[way].append(cpu_s / (60.0 * minutes))
                memory[_PEAK + way].append(peak_mb)
    return Curve("length", "length of the session, min", LENGTHS_MIN, share, memory)


def _read_whole(path: Path) -> dict[str, float]:
    """What the peer says of itself, in a process of its own: band power alone, no answers, no tables."""
    command = [sys.executable, "-m", "benchmarks.whole_file", str(path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, check=True)
    return json.loads(done.stdout)


def _draw(curve: Curve, have_mb: float, path: Path) -> None:
    """Cores by size, and where memory was measured, that too; the legend says where each way stops."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ends = curve.memory_ends_at(have_mb)
    figure = Figure((10.0, 3.6) if ends else (6.0, 3.6), layout="constrained")
    FigureCanvasSVG(figure)
    cores, *memory = np.atleast_1d(figure.subplots(1, 2 if ends else 1))
    for way, share in curve.share.items():
        stop = curve.stops_at(way)
        cores.plot(curve.sizes, share, marker="o", label=way if stop is None else f"{way}: stops at {stop:g}")
    cores.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    cores.set(yscale="log", ylabel="cores (below 1: keeps up)")
    for axes in memory:
        for way, end in ends.items():
            label = f"{way}: would fill {have_mb / 1024:.0f} GB at {end:.0f}"
            axes.plot(curve.sizes, curve.also[_PEAK + way], marker="o", label=label)
        axes.set(ylabel="peak memory, MB", ylim=(0, None))
    for axes in (cores, *memory):
        axes.set(xscale="log", xlabel=curve.size)
        axes.set_xticks(list(curve.sizes), [f"{size:g}" for size in curve.sizes])
        axes.minorticks_off()
        axes.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
