"""The EEG chain as one state machine: chunks in, band-power windows, quality and network input out."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from realtime.config import EegConfig
from realtime.eeg._sliding import SlidingBuffer, window_length
from realtime.eeg.bands import Band, HopGrid, SpectralKernel
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
    UInt8,
)

QUALITY_PERIOD_S = 0.25
"""Channel quality is reported this often."""

_DISTURBED = np.uint8(Quality.FLAT | Quality.RAILED | Quality.NOISY)
_INTERPOLATIONS_KEPT = 64


class EegPipeline:
    """Picks the model's channels by name, cleans them, and reports their sliding band power.

    Samples are gathered up to the next hop of the stream's sample grid and processed there in one go, so the results
    depend on the samples only, never on how they were cut into chunks. A gap, or a restarted source, restarts filters
    and windows; the grid goes on, so windows before the gap keep their place in the sequence. Called from one thread.

    Parameters
    ----------
    info : EegInfo
        Channels and rate of the source; 100 to 4000 Hz, 8 to 256 channels.
    spec : RecognizerSpec
        Channels, bands, windows wanted.
    config : EegConfig
    calibration : Calibration, optional
        Spatial matrix to apply; it must have been fitted on the same channels.

    Attributes
    ----------
    channel_map : ChannelMap
    sfreq_out_hz : float
        Rate of the cleaned signal.
    hops : int
        Band-power windows reported so far.
    shortest_hop : int
        Source samples between two hops, at least: a chunk no longer than this ends at most one hop.
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
        self, info: EegInfo, spec: RecognizerSpec, config: EegConfig, calibration: Calibration | None = None
    ) -> None:
        self.info = info
        self.channel_map = ChannelMap.build(info.channels, spec.channels, config.min_channels)
        self._config = config
        n_present = self.channel_map.n_present
        matrix = None if calibration is None else calibration.matrix_for(self.channel_map.present_names)
        self._cleaner = CausalCleaner(n_present, info.sfreq_hz, config, matrix)
        self.sfreq_out_hz = self._cleaner.sfreq_out_hz
        self._monitor = QualityMonitor(len(info.channels), info.sfreq_hz, config)
        self._grid = HopGrid(config.hop_s, self.sfreq_out_hz)
        bands = [Band(*band) for band in spec.bands]
        self._kernel = SpectralKernel(window_length(spec.window_s, self.sfreq_out_hz), self.sfreq_out_hz, bands)
        self._buffer = SlidingBuffer(n_present, self._kernel.n_times)
        self._history = WindowHistory(spec, config.hop_s)
        self._quality_hops = max(1, round(QUALITY_PERIOD_S / config.hop_s))
        longest = (self._grid.end(1) + 1) * self._cleaner.factor
        self._staged: Float32 = np.zeros((len(info.channels), longest), dtype=np.float32)
        self._interpolations: OrderedDict[bytes, Float64] = OrderedDict()
        # ends are rounded each: two hops differ by one output sample at most
        self.shortest_hop = max(1, int(config.hop_s * self.sfreq_out_hz)) * self._cleaner.factor
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
        return 1.0 - float(np.mean(self._good)) if self._buffer.full else 1.0

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
        if chunk.samples.shape[0] != len(self.info.channels):
            raise DataError(
                f"EEG chunk of '{self.info.name}' has {chunk.samples.shape[0]} channels, wanted "
                f"{len(self.info.channels)}; restart the run if the headset's montage was changed"
            )
        n = chunk.samples.shape[1]
        if not n:
            return []
        self._follow(chunk)
        # after a gap, start where the decimated grid has a sample
        taken = min(n, -self._position % self._cleaner.factor) if self._unaligned else 0
        self._position += taken
        out: list[BandPowerWindow | ChannelQuality] = []
        while taken < n:
            if self._unaligned:
                self._align()
            take = min(n - taken, self._hop_end - self._position)
            self._staged[:, self._fill : self._fill + take] = chunk.samples[:, taken : taken + take]
            taken += take
            self._fill += take
            self._position += take
            if self._position == self._hop_end:
                out += self._finish_hop(float(chunk.stamps[taken - 1]))
        self._next_index = chunk.first_index + n
        return out

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
        n_present = self.channel_map.n_present
        self._since_bad = np.full(n_present, self._kernel.n_times)
        self._disturbed = np.zeros(n_present, dtype=np.bool_)
        self._good = np.zeros(n_present, dtype=np.bool_)
        self._fill = 0
        self._unaligned = True

    def _align(self) -> None:
        self._hop = self._grid.next_hop(self._position // self._cleaner.factor)
        self._hop_end = self._grid.end(self._hop) * self._cleaner.factor
        self._unaligned = False

    def _finish_hop(self, end_s: float) -> list[BandPowerWindow | ChannelQuality]:
        """Process what was gathered up to a hop's end, stamped `end_s`."""
        raw = self._staged[:, : self._fill]
        flags = self._monitor.push(raw)
        self._clean(raw, flags)
        out: list[BandPowerWindow | ChannelQuality] = []
        if self._hop % self._quality_hops == 0:
            out.append(ChannelQuality(flags, end_s))
        if self._buffer.full:
            window = self._window(end_s)
            self._history.add(self._hop, window)
            self.hops += 1
            out.append(window)
        else:
            self._history.skip(self._hop, end_s)
        self._fill = 0
        self._hop += 1
        self._hop_end = self._grid.end(self._hop) * self._cleaner.factor
        return out

    def _clean(self, raw: Float32, flags: UInt8) -> None:
        """Clean a hop's samples and settle which channels are good over the whole window."""
        rows = self.channel_map.rows
        disturbed = (flags[rows] & _DISTURBED) != 0
        recovered = self._disturbed & ~disturbed
        if recovered.any():
            # the high-pass would ring for seconds after a jump: a channel that is good again starts afresh
            self._cleaner.reseed(recovered)
        self._disturbed = disturbed
        block = self._cleaner.process(raw[rows], disturbed)
        self._buffer.append(block.samples_uv)
        n_times = self._kernel.n_times
        n_new = block.bad.shape[1]
        run = np.argmax(block.bad[:, ::-1], axis=1) if n_new else np.zeros(len(rows), dtype=np.intp)
        self._since_bad = np.minimum(np.where(block.bad.any(axis=1), run, self._since_bad + n_new), n_times)
        self._good = (self._since_bad >= n_times) & (flags[rows] == 0)

    def _window(self, end_s: float) -> BandPowerWindow:
        coefficients = self._kernel.coefficients(self._buffer.window())
        enough = max(self._config.min_channels, 4)
        if self._config.interpolate and np.count_nonzero(self._good) >= min(enough, len(self._good)):
            log_power = self._kernel.log_power(self._interpolation() @ coefficients[self._good])
            return BandPowerWindow(log_power, end_s, np.ones(len(log_power), dtype=np.bool_))
        present = self.channel_map.present
        mask = np.zeros(len(present), dtype=np.bool_)
        mask[present] = self._good
        log_power = np.zeros((len(present), self._kernel.n_bands), dtype=np.float32)
        log_power[mask] = self._kernel.log_power(coefficients[self._good])
        return BandPowerWindow(log_power, end_s, mask)

    def _interpolation(self) -> Float64:
        """(n_model, n_good) spline weights for the channels that are good now; a bounded number is remembered."""
        key = self._good.tobytes()
        if key not in self._interpolations:
            good: Bool = self._good
            names = [name for name, ok in zip(self.channel_map.present_names, good, strict=True) if ok]
            self._interpolations[key] = interpolation_matrix(names, self.channel_map.model_names)
            if len(self._interpolations) > _INTERPOLATIONS_KEPT:
                self._interpolations.popitem(last=False)
        self._interpolations.move_to_end(key)
        return self._interpolations[key]
