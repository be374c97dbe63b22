"""The EEG chain as one state machine: chunks in, band-power windows, quality and network input out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.config import EegConfig
from realtime.eeg._sliding import HOPS_AT_ONCE, Complex128, SlidingBuffer, window_length
from realtime.eeg.bands import Band, HopGrid, SlidingSpectrum, SpectralKernel, log_power
from realtime.eeg.calibration import Calibration
from realtime.eeg.cleaning import CausalCleaner
from realtime.eeg.history import WindowHistory
from realtime.eeg.montage import ChannelMap, interpolation_matrix
from realtime.eeg.quality import QualityMonitor
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import (
    BandPowerWindow,
    Bool,
    ChannelQuality,
    EegChunk,
    EegInfo,
    EegSequence,
    Float32,
    Float64,
    Quality,
    ShownPower,
    UInt8,
)

QUALITY_PERIOD_S = 0.25
"""Channel quality is reported this often."""

_DISTURBED = np.uint8(Quality.FLAT | Quality.RAILED | Quality.NOISY)
_INTERPOLATIONS_KEPT = 64


class EegPipeline:
    """Picks the model's channels by name, cleans them, and reports their sliding band power.

    Samples are gathered up to the next hop of the stream's sample grid and processed there in one go, so the results
    depend on the samples only, never on how they were cut into chunks. Of a recording, whose chunks may hold many hops,
    several can be processed at once: then rounding may differ in the last digits. A gap, or a restarted source,
    restarts filters and windows; the grid goes on, so windows before the gap keep their place in the sequence. Called
    from one thread.

    Parameters
    ----------
    info : EegInfo
        Channels and rate of the source; 100 to 4000 Hz, 8 to 256 channels.
    spec : RecognizerSpec
        Channels, bands, windows wanted.
    config : EegConfig
    calibration : Calibration, optional
        Spatial matrix to apply; it must have been fitted on the same channels.
    at_hop : callable, optional
        Called with the stamp of each hop's end before the hop is processed; may call `tune`.
    many_hops : bool
        Process several hops of a chunk at once. Not together with `at_hop`.

    Attributes
    ----------
    channel_map : ChannelMap
    sfreq_out_hz : float
        Rate of the cleaned signal.
    hops : int
        Band-power windows reported so far.
    gaps, lost : int
        Gaps seen, and samples missing in them.

    Raises
    ------
    MontageError
        Fewer than `config.min_channels` of the model's channels are there.
    DataError
        The rate is below 100 Hz, or the calibration was made on other channels.
    ConfigurationError
        Bands, windows and hops do not fit together.
    """

    def __init__(
        self,
        info: EegInfo,
        spec: RecognizerSpec,
        config: EegConfig,
        calibration: Calibration | None = None,
        *,
        at_hop: Callable[[float], object] | None = None,
        many_hops: bool = False,
    ) -> None:
        if many_hops and at_hop is not None:
            raise ValueError("at_hop wants every hop by itself, many_hops several at once")
        self.info = info
        self.channel_map = ChannelMap.build(info.channels, spec.channels, config.min_channels)
        self._config = config
        self._at_hop = at_hop
        self._shown: tuple[tuple[tuple[str, float, float], ...], SpectralKernel] | None = None
        n_present, rows = self.channel_map.n_present, self.channel_map.rows
        # a slice is no copy
        self._rows = slice(None) if rows.tolist() == list(range(len(info.channels))) else rows
        matrix = None if calibration is None else calibration.matrix_for(self.channel_map.present_names)
        self._cleaner = CausalCleaner(n_present, info.sfreq_hz, config, matrix)
        self.sfreq_out_hz = self._cleaner.sfreq_out_hz
        self._monitor = QualityMonitor(len(info.channels), info.sfreq_hz, config, dtype=np.float32)
        self._grid = HopGrid(config.hop_s, self.sfreq_out_hz)
        bands = [Band(*band) for band in spec.bands]
        n_times = window_length(spec.window_s, self.sfreq_out_hz)
        self._spectrum = SlidingSpectrum(n_present, n_times, self.sfreq_out_hz, bands, config.hop_s)
        self._buffer = SlidingBuffer(n_present, n_times)
        self._history = WindowHistory(spec, config.hop_s)
        self._quality_hops = max(1, round(QUALITY_PERIOD_S / config.hop_s))
        # ends are rounded each: two hops differ by one output sample at most
        shortest = max(1, int(config.hop_s * self.sfreq_out_hz))
        self._cleaner.expect([n * self._cleaner.factor for n in (shortest, shortest + 1)])
        self._at_once = max(1, min(HOPS_AT_ONCE, n_times // (shortest + 1))) if many_hops else 1
        longest = (self._grid.end(1) + 1) * self._cleaner.factor
        self._staged: Float32 = np.zeros((len(info.channels), longest), dtype=np.float32)
        self._interpolations: OrderedDict[bytes, Float64] = OrderedDict()
        self.hops = 0
        self.gaps = 0
        self.lost = 0
        self._stream_id: str | None = None
        self._next_index = 0
        self._position = 0
        self._restart()

    @property
    def bad_fraction(self) -> float:
        """Share of the channels picked that were bad at the newest hop; 1 while no whole window is there."""
        return 1.0 - np.count_nonzero(self._good) / self._good.size if self._buffer.full else 1.0

    def push(self, chunk: EegChunk) -> list[BandPowerWindow | ChannelQuality]:
        """Add a chunk and return what the hops it completes have to say.

        Parameters
        ----------
        chunk : EegChunk
            Any number of samples. A jump of `first_index` is a gap, another `stream_id` a restarted source.

        Returns
        -------
        list of BandPowerWindow and ChannelQuality
            In order of time. A window is reported at each hop that has a whole window of samples behind it.

        Raises
        ------
        DataError
            The chunk has another number of channels than `info`.
        """
        return list(self.stream(chunk))

    def stream(self, chunk: EegChunk) -> Iterator[BandPowerWindow | ChannelQuality]:
        """As `push`, one result after the other: `sequence` and `bad_fraction` are those of the result's own hop."""
        if chunk.samples.shape[0] != len(self.info.channels):
            raise DataError(
                f"EEG chunk of '{self.info.name}' has {chunk.samples.shape[0]} channels, wanted "
                f"{len(self.info.channels)}; restart the run if the headset's montage was changed"
            )
        n = chunk.samples.shape[1]
        if not n:
            return
        self._follow(chunk)
        self._next_index = chunk.first_index + n
        # after a gap, start where the decimated grid has a sample
        taken = min(n, -self._position % self._cleaner.factor) if self._unaligned else 0
        self._position += taken
        while taken < n:
            if self._unaligned:
                self._align()
            lengths = self._whole_hops(n - taken)
            if lengths:
                first, *ends = accumulate(lengths, initial=taken)
                taken = ends[-1]
                ends_s = [float(chunk.stamps[end - 1]) for end in ends]
                yield from self._finish_hops(chunk.samples[:, first:taken], lengths, ends_s)
                continue
            take = min(n - taken, self._hop_end - self._position)
            self._staged[:, self._fill : self._fill + take] = chunk.samples[:, taken : taken + take]
            taken += take
            self._fill += take
            self._position += take
            if self._position == self._hop_end:
                raw, self._fill = self._staged[:, : self._fill], 0
                yield from self._finish_hops(raw, [raw.shape[1]], [float(chunk.stamps[taken - 1])])

    def _whole_hops(self, n: int) -> list[int]:
        """Lengths of the next hops, as many as `n` samples hold and are processed at once; moves past them."""
        lengths: list[int] = []
        most = self._at_once if self._shown is None else 1
        while not self._fill and len(lengths) < most:
            end = self._grid.end(self._hop + len(lengths)) * self._cleaner.factor
            if end - self._position > n - sum(lengths):
                break
            lengths.append(end - self._position)
            self._position = end
        return lengths

    def tune(self, config: EegConfig, bands: Sequence[tuple[str, float, float]]) -> None:
        """Judge by other limits of quality, and report other bands to show, from the hop on that comes next.

        Of `config`, railed_uv, flat_uv, noisy_uv and mains_ratio are taken. `ConfigurationError` as `kernel_for`.
        """
        self._monitor.set_limits(config)
        self._shown = (tuple(bands), self.kernel_for(bands)) if bands else None

    def kernel_for(self, bands: Sequence[tuple[str, float, float]]) -> SpectralKernel:
        """What computes these bands of a window; `ConfigurationError` where one does not fit rate and window."""
        return SpectralKernel(self._spectrum.n_times, self.sfreq_out_hz, [Band(*band) for band in bands])

    def sequence(self) -> EegSequence:
        """The newest windows, `spec.hop_s` apart, ending at the newest hop.

        Returns
        -------
        EegSequence
            Left-padded. Windows that do not exist, that would span a gap, or in which no channel was good, are masked;
            `end_s` is NaN before the first hop.
        """
        return self._history.sequence()

    def _follow(self, chunk: EegChunk) -> None:
        """Compare a chunk with where the last one ended."""
        missing = chunk.first_index - self._next_index
        known = self._stream_id is not None
        if known and chunk.stream_id == self._stream_id and missing == 0:
            return
        if known:
            self.gaps += 1
            self.lost += max(missing, 0)
        if known and missing >= 0:
            self._position += missing
        else:
            self._position = 0
            self._history.clear()
        self._stream_id = chunk.stream_id
        self._restart()

    def _restart(self) -> None:
        self._cleaner.reset()
        self._monitor.reset()
        self._buffer.reset()
        self._spectrum.forget()
        n_present = self.channel_map.n_present
        self._since_bad, self._spoiled = np.full(n_present, self._spectrum.n_times), False
        self._disturbed = np.zeros(n_present, dtype=np.bool_)
        self._good = np.zeros(n_present, dtype=np.bool_)
        self._fill = 0
        self._unaligned = True

    def _align(self) -> None:
        self._hop = self._grid.next_hop(self._position // self._cleaner.factor)
        self._hop_end = self._grid.end(self._hop) * self._cleaner.factor
        self._unaligned = False

    def _finish_hops(
        self, raw: Float32, lengths: list[int], ends_s: list[float]
    ) -> Iterator[BandPowerWindow | ChannelQuality]:
        """Process what was gathered up to the ends of hops, stamped `ends_s`."""
        if self._at_hop is not None:
            self._at_hop(ends_s[0])
        flags = self._monitor.push_hops(raw, lengths)
        disturbed = (flags[:, self._rows] & _DISTURBED) != 0
        for hops in self._pieces(disturbed):
            # the high-pass would ring for seconds after a jump: a channel that is good again starts afresh
            recovered = self._disturbed & ~disturbed[hops.start]
            if recovered.any():
                self._cleaner.reseed(recovered)
            self._disturbed = disturbed[hops.stop - 1]
            n = sum(lengths[hops])
            good, powers = self._clean(raw[self._rows, :n], lengths[hops], disturbed[hops], flags[hops])
            raw = raw[:, n:]
            yield from self._report(good, powers, flags[hops], ends_s[hops])

    def _pieces(self, disturbed: Bool) -> list[slice]:
        """Which hops are cleaned at once; one at which a channel's filter starts afresh begins a new lot."""
        n = len(disturbed)
        if n == 1 or not self._buffer.full:
            return [slice(hop, hop + 1) for hop in range(n)]
        recovers = (disturbed[:-1] & ~disturbed[1:]).any(axis=1)
        starts = [0, *(np.flatnonzero(recovers) + 1).tolist()]
        return [slice(start, stop) for start, stop in zip(starts, [*starts[1:], n], strict=True)]

    def _clean(
        self, raw: Float32, lengths: list[int], disturbed: Bool, flags: UInt8
    ) -> tuple[Bool, tuple[Float32, Bool] | None]:
        """Which channels are good over the whole window at the end of each hop; log powers where it is there."""
        block = self._cleaner.process_hops(raw, lengths, disturbed)
        self._buffer.append(block.samples_uv)
        n_out = [length // self._cleaner.factor for length in lengths]
        good = self._unspoiled(block.bad, n_out) & (flags[:, self._rows] == 0)
        spectra = self._spectrum.advance(self._buffer, n_out)
        if self._config.interpolate:
            pairs = zip(good, spectra, strict=self._buffer.full)
            found = [self._filled(ok, spectrum, self._log_power) for ok, spectrum in pairs]
            return good, (np.stack([x for x, _ in found]), np.stack([mask for _, mask in found])) if found else None
        powers = np.empty((len(good), good.shape[1], self._spectrum.n_bands))
        for hop, spectrum in enumerate(spectra):
            self._spectrum.power(spectrum, out=powers[hop])
        return good, self._masked(good, log_power(powers)) if self._buffer.full else None

    def _unspoiled(self, bad: Bool, n_out: list[int]) -> Bool:
        """(n_hops, n_channels): no sample of the window was bad."""
        n_times = self._spectrum.n_times
        if not (self._spoiled or bad.any()):
            return np.ones((len(n_out), len(bad)), dtype=np.bool_)
        since = np.minimum(self._since_bad + np.cumsum(n_out)[:, None], n_times)
        if bad.any():
            last, end = self._since_bad, 0
            for hop, n in enumerate(n_out):
                start, end = end, end + n
                part = bad[:, start:end]
                run = np.argmax(part[:, ::-1], axis=1) if n else 0
                last = since[hop] = np.where(part.any(axis=1), run, np.minimum(last + n, n_times))
        self._since_bad = since[-1]
        sound = since >= n_times
        self._spoiled = not sound[-1].all()
        return sound

    def _report(
        self, good: Bool, powers: tuple[Float32, Bool] | None, flags: UInt8, ends_s: list[float]
    ) -> Iterator[BandPowerWindow | ChannelQuality]:
        """What the hops have to say, each while the pipeline's state is its own."""
        for array in powers or ():
            # each hop's part is so itself, and is not copied
            array.flags.writeable = False
        for place, end_s in enumerate(ends_s):
            hop, self._good = self._hop, good[place]
            self._hop += 1
            self._hop_end = self._grid.end(self._hop) * self._cleaner.factor
            window = None
            if powers is None:
                self._history.skip(hop, end_s)
            else:
                window = BandPowerWindow(powers[0][place], end_s, powers[1][place], self._shown_power())
                self._history.add(hop, window)
                self.hops += 1
            if hop % self._quality_hops == 0:
                yield ChannelQuality(flags[place], end_s)
            if window is not None:
                yield window

    def _masked(self, good: Bool, powers: Float32) -> tuple[Float32, Bool]:
        """(n_hops, n_model, n_bands) log power, and (n_hops, n_model) which channels are to be believed."""
        if not good.all():
            powers[~good] = 0.0
        present = self.channel_map.present
        if present.all():
            return powers, good
        mask = np.zeros((len(good), len(present)), dtype=np.bool_)
        mask[:, present] = good
        filled = np.zeros((*mask.shape, powers.shape[2]), dtype=np.float32)
        filled[:, present] = powers
        return filled, mask

    def _log_power(self, spectrum: Complex128) -> Float32:
        return log_power(self._spectrum.power(spectrum))

    def _shown_power(self) -> ShownPower | None:
        """The newest window in the bands that somebody wants to see."""
        if self._shown is None:
            return None
        bands, kernel = self._shown
        return ShownPower(
            bands, self._filled(self._good, kernel.coefficients(self._buffer.window()), kernel.log_power)[0]
        )

    def _filled(
        self, good: Bool, coefficients: NDArray[np.inexact], as_power: Callable[[Any], Float32]
    ) -> tuple[Float32, Bool]:
        """(n_model, n_bands) log power of a window, absent ones interpolated or 0, and which channels are believed."""
        enough = max(self._config.min_channels, 4)
        if self._config.interpolate and np.count_nonzero(good) >= min(enough, len(good)):
            power = as_power(self._interpolation(good) @ coefficients[good])
            return power, np.ones(len(power), dtype=np.bool_)
        present = self.channel_map.present
        mask = np.zeros(len(present), dtype=np.bool_)
        mask[present] = good
        known = as_power(coefficients[good])
        power = np.zeros((len(present), known.shape[1]), dtype=np.float32)
        power[mask] = known
        return power, mask

    def _interpolation(self, good: Bool) -> Float64:
        """(n_model, n_good) spline weights for channels that are good; a bounded number is remembered."""
        key = good.tobytes()
        if key not in self._interpolations:
            names = [name for name, ok in zip(self.channel_map.present_names, good, strict=True) if ok]
            self._interpolations[key] = interpolation_matrix(names, self.channel_map.model_names)
            if len(self._interpolations) > _INTERPOLATIONS_KEPT:
                self._interpolations.popitem(last=False)
        self._interpolations.move_to_end(key)
        return self._interpolations[key]
