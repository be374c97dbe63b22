"""Signal processing: band power a hop, the ring, and the whole EEG chain; 62 channels at 1000 Hz."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from benchmarks.measure import Timing, interleave
from benchmarks.report import Goal, Row
from realtime.config import EegConfig
from realtime.eeg.bands import BAND_PRESETS, BandPowerStream, band_bins, band_power
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.interfaces import RecognizerSpec
from realtime.packets import BandPowerWindow, EegChunk, EegInfo, Float32
from realtime.ring import RingBuffer

N_CHANNELS, SFREQ_HZ, HOP_S = 62, 1000.0, 0.05
BANDS = BAND_PRESETS["default"]
WELCH, LOOP = "batched scipy welch", "welch a channel"
SAME = 1e-5
"""log10 µV²/Hz: band powers that differ by less are equal."""

SPEC = RecognizerSpec(
    model_id="benchmark",
    trained_on="nothing",
    simulated=True,
    classes=("a", "b"),
    channels=tuple(MODEL_CHANNELS),
    bands=tuple((band.name, band.low_hz, band.high_hz) for band in BANDS),
)


def run(seconds: float) -> list[Row]:
    """Measure for `seconds` a row."""
    return [
        band_power_row(SFREQ_HZ, seconds),
        band_power_row(200.0, seconds),
        drift_row(seconds),
        ring_row(seconds),
        pipeline_row(seconds),
    ]


def welch_band_power(x_uv: NDArray[np.floating], sfreq_hz: float) -> Float32:
    """What a careful user of SciPy writes: one `welch` over all channels, then means over the bins of each band."""
    n_times = x_uv.shape[1]
    _, density = signal.welch(x_uv, sfreq_hz, nperseg=n_times)
    power = [density[:, bins].mean(axis=1) for bins in band_bins(n_times, sfreq_hz, BANDS)]
    return np.log10(np.stack(power, axis=1)).astype(np.float32)


def loop_band_power(x_uv: Float32, sfreq_hz: float) -> Float32:
    """What published code does: one `welch` a channel, and a comparison of frequencies for each band."""
    out = np.empty((len(x_uv), len(BANDS)), np.float32)
    for channel, x in enumerate(x_uv):
        freqs_hz, density = signal.welch(x, sfreq_hz, nperseg=len(x))
        for column, band in enumerate(BANDS):
            inside = np.logical_and(freqs_hz >= band.low_hz, freqs_hz < band.high_hz)
            out[channel, column] = np.log10(density[inside].mean())
    return out


def band_power_row(sfreq_hz: float, seconds: float) -> Row:
    """Band power of the newest second, every 50 ms.

    Ours takes the new samples and keeps its own window; the peers are handed the window ready made. Equality is checked
    on the way, after an odd number of samples.
    """
    x = signal_uv(N_CHANNELS, sfreq_hz, 20.0)
    hop, window = round(HOP_S * sfreq_hz), round(sfreq_hz)
    blocks = [np.ascontiguousarray(x[:, i : i + hop]) for i in range(0, x.shape[1], hop)]
    windows = [x[:, i : i + window] for i in range(0, x.shape[1] - window, hop)]
    stream, new, ready = BandPowerStream(N_CHANNELS, sfreq_hz), _cycle(blocks), _cycle(windows)
    difference = _band_power_difference(x, sfreq_hz)
    stream.push(x[:, :window])
    timings = interleave(
        {
            "ours": lambda: stream.push(new()),
            "floor": lambda: np.fft.rfft(new(), axis=1),
            WELCH: lambda: welch_band_power(ready(), sfreq_hz),
            LOOP: lambda: loop_band_power(ready(), sfreq_hz),
        },
        seconds,
    )
    return Row(
        name=f"band power a 50 ms hop, {N_CHANNELS} channels x {sfreq_hz:g} Hz",
        ours=timings["ours"],
        floor=timings["floor"],
        floor_name="rfft of the new samples",
        peers={name: timings[name] for name in (WELCH, LOOP)},
        goals=(Goal("over floor", 5), Goal("below peer", 50, WELCH)),
        also={"within 1e-5 of both peers": difference < SAME},
        max_difference=difference,
        note=f"equal to both peers within {difference:.1e} log10 uV^2/Hz",
    )


def drift_row(seconds: float) -> Row:
    """Band power of loud and soft noise in turn, hop after hop: 200 000 hops for each of `seconds`, up to a million.

    Every 2000 hops the newest window of either noise is compared with the definition.
    """
    sfreq_hz, n_channels = 128.0, 2
    n_rounds = int(np.clip(100.0 * seconds, 2, 500))
    noise = np.random.default_rng(4).normal(size=(n_channels, 12_800))
    x = np.concatenate([1e4 * noise[:, :6400], 1e-2 * noise[:, 6400:]], axis=1)
    stream, times_ms, difference, n_hops = BandPowerStream(n_channels, sfreq_hz), [], 0.0, 0
    for _ in range(n_rounds):
        begun = time.process_time()
        found = stream.push(x)
        times_ms.append(1000.0 * (time.process_time() - begun) / len(found))
        n_hops += round(x.shape[1] / sfreq_hz / HOP_S)
        for end, power in (found[len(found) // 2 - 1], found[-1]):
            last = (end - 1) % x.shape[1] + 1
            window = x[:, last - round(sfreq_hz) : last]
            difference = max(difference, float(np.abs(power - band_power(window, sfreq_hz, BANDS)).max()))
    new = x[:, :6]
    floor = interleave({"floor": lambda: np.fft.rfft(new, axis=1)}, 0.0)["floor"]
    return Row(
        name=f"band power, {n_hops} hops without a pause, {n_channels} channels x {sfreq_hz:g} Hz",
        ours=Timing.of(times_ms, "cpu"),
        floor=floor,
        floor_name="rfft of the new samples",
        also={"within 1e-5 of the definition": difference < SAME},
        max_difference=difference,
        note=f"largest difference {difference:.1e} log10 uV^2/Hz; noise of 10 mV and of 10 nV in turn",
    )


def ring_row(seconds: float) -> Row:
    """50 new samples into a ring of one second, and the newest second looked at."""
    x = signal_uv(N_CHANNELS, SFREQ_HZ, 20.0)
    hop, window = round(HOP_S * SFREQ_HZ), round(SFREQ_HZ)
    blocks = [np.ascontiguousarray(x[:, i : i + hop]) for i in range(0, x.shape[1], hop)]
    difference = _ring_difference(blocks, window)
    ring, rolled, copied = RingBuffer(N_CHANNELS, window), np.zeros((N_CHANNELS, window), np.float32), blocks[0].copy()
    ring.push(x[:, :window])
    new = _cycle(blocks)

    def push_and_view() -> Float32:
        ring.push(new())
        return ring.latest(window)

    timings = interleave(
        {
            "ours": push_and_view,
            "floor": lambda: np.copyto(copied, new()),
            "np.roll": lambda: _rolled(rolled, new()),
        },
        seconds,
    )
    return Row(
        name=f"ring: push {hop} samples x {N_CHANNELS} channels and view the newest {window}",
        ours=timings["ours"],
        floor=timings["floor"],
        floor_name="memcpy of the new samples",
        peers={"np.roll": timings["np.roll"]},
        goals=(Goal("over floor", 2),),
        also={"the view is no copy": np.shares_memory(ring.latest(window), ring.latest(window))},
        max_difference=difference,
    )


def pipeline_row(seconds: float) -> Row:
    """The whole EEG chain on one second of samples: quality, decimation, filters, 20 windows of band power."""
    x = signal_uv(N_CHANNELS, SFREQ_HZ, 20.0)
    n_hops, hop, window = round(1.0 / HOP_S), round(HOP_S * SFREQ_HZ), round(SFREQ_HZ)
    push = _pipeline_second(x)
    for _ in range(3):
        push()
    windows = _cycle([x[:, i : i + window] for i in range(0, x.shape[1] - window, hop)])
    timings = interleave(
        {
            "ours": push,
            "floor": lambda: x[:, :window].copy(),
            WELCH: lambda: [welch_band_power(windows(), SFREQ_HZ) for _ in range(n_hops)],
            LOOP: lambda: [loop_band_power(windows(), SFREQ_HZ) for _ in range(n_hops)],
        },
        seconds,
    )
    return Row(
        name=f"EEG chain, one second of {N_CHANNELS} channels x {SFREQ_HZ:g} Hz",
        ours=timings["ours"],
        floor=timings["floor"],
        floor_name="one copy of the second",
        peers={name: timings[name] for name in (WELCH, LOOP)},
        goals=(Goal("median", 2.0),),
        note="ours also cleans and judges quality; the peers do their band power alone, on raw windows; "
        "2 ms is 500 x real time",
    )


def _pipeline_second(x: Float32) -> Callable[[], list[BandPowerWindow]]:
    """A call that pushes the next second in chunks of 50 samples."""
    pipeline = EegPipeline(EegInfo("benchmark", "benchmark", tuple(MODEL_CHANNELS), SFREQ_HZ), SPEC, EegConfig())
    hop, position = round(HOP_S * SFREQ_HZ), 0

    def push() -> list[BandPowerWindow]:
        nonlocal position
        out: list[BandPowerWindow] = []
        for _ in range(round(1.0 / HOP_S)):
            at = position % x.shape[1]
            stamps = np.arange(position, position + hop) / SFREQ_HZ
            results = pipeline.push(EegChunk(x[:, at : at + hop], stamps, "benchmark", position))
            out += [item for item in results if isinstance(item, BandPowerWindow)]
            position += hop
        return out

    return push


def _band_power_difference(x: Float32, sfreq_hz: float) -> float:
    """Largest difference between the stream's newest window and both peers on the same samples, log10 µV²/Hz."""
    window = round(sfreq_hz)
    stream = BandPowerStream(N_CHANNELS, sfreq_hz)
    end, ours = stream.push(x[:, : 3 * window + 7])[-1]
    newest = x[:, end - window : end]
    return max(float(np.abs(ours - peer(newest, sfreq_hz)).max()) for peer in (welch_band_power, loop_band_power))


def _ring_difference(blocks: list[Float32], window: int) -> float:
    """Largest difference between the ring's newest second and the rolled one, µV."""
    ring, rolled = RingBuffer(N_CHANNELS, window), np.zeros((N_CHANNELS, window), np.float32)
    for block in blocks[:33]:
        ring.push(block)
        rolled = _rolled(rolled, block)
    return float(np.abs(ring.latest(window) - rolled).max())


def _rolled(held: Float32, block: Float32) -> Float32:
    out = np.roll(held, -block.shape[1], axis=1)
    out[:, -block.shape[1] :] = block
    return out


def signal_uv(n_channels: int, sfreq_hz: float, duration_s: float) -> Float32:
    """(n_channels, n) float32 µV: noise that falls with frequency, alpha that grows over the channels, none flat."""
    rng = np.random.default_rng(0)
    n = round(sfreq_hz * duration_s)
    walk = signal.lfilter([1.0], [1.0, -0.95], rng.normal(0.0, 4.0, (n_channels, n)), axis=1)
    alpha = 8.0 * np.sin(2.0 * np.pi * 10.0 * np.arange(n) / sfreq_hz)
    return (walk + np.linspace(0.0, 1.0, n_channels)[:, None] * alpha).astype(np.float32)


def _cycle(items: list[Float32]) -> Callable[[], Float32]:
    """A call that hands out the items in turn, again and again."""
    index = -1

    def take() -> Float32:
        nonlocal index
        index = (index + 1) % len(items)
        return items[index]

    return take
