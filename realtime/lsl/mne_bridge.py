"""The live EEG as MNE objects: `mne_info`, `to_raw`, `LiveRaw`, and a working client of the retired mne-realtime.

mne_lsl's `StreamLSL` reads our EEG stream as it is (it brings a liblsl of its own, so use it in a process that does not
use ours). mne-realtime 0.3.0 needs `realtime_client`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from realtime.errors import ConfigurationError, DataError
from realtime.packets import EegChunk, EegInfo
from realtime.ring import RingBuffer

if TYPE_CHECKING:
    import mne
    from mne_realtime import LSLClient

_UV = 1e-6
_PULL_TIMEOUT_S = 0.25


def mne_info(info: EegInfo) -> mne.Info:
    """Measurement info with channel names, rate, and electrode positions where the 10-05 system knows the name.

    Parameters
    ----------
    info : EegInfo
    """
    import mne

    out = mne.create_info(list(info.channels), info.sfreq_hz, "eeg")
    # mne 1.13 renamed it
    name = next(n for n in ("colin27_1005", "standard_1005") if n in mne.channels.get_builtin_montages())
    out.set_montage(mne.channels.make_standard_montage(name), match_case=False, on_missing="ignore")
    return out


def to_raw(chunks: Iterable[EegChunk], info: EegInfo) -> mne.io.RawArray:
    """Chunks as one continuous recording in volts.

    Lost samples become zeros under an annotation 'BAD_ACQ_SKIP', as in MNE's own readers, so `reject_by_annotation`
    leaves them out; the sample count and hence all times stay true.

    Parameters
    ----------
    chunks : iterable of EegChunk
        In order, from one stream.
    info : EegInfo
        The reader's `info`.

    Raises
    ------
    DataError
        No chunks, another number of channels, or chunks that are not in order.
    """
    import mne

    pieces: list[NDArray[np.float64]] = []
    skips: list[tuple[int, int]] = []
    total = 0
    following: int | None = None
    for chunk in chunks:
        if chunk.samples.shape[0] != len(info.channels):
            raise DataError(f"a chunk of {chunk.samples.shape[0]} channels, '{info.name}' has {len(info.channels)}")
        missing = 0 if following is None else chunk.first_index - following
        if missing < 0:
            raise DataError(f"chunks of '{info.name}' are not in order: index {chunk.first_index} after {following}")
        if missing:
            skips.append((total, missing))
            pieces.append(np.zeros((len(info.channels), missing)))
        pieces.append(chunk.samples.astype(np.float64) * _UV)
        total += missing + chunk.stamps.size
        following = chunk.first_index + chunk.stamps.size
    if not pieces:
        raise DataError(f"no EEG of '{info.name}' yet: wait for the first samples")
    raw = mne.io.RawArray(np.concatenate(pieces, axis=1), mne_info(info), verbose="error")
    if skips:
        onset, duration = np.array(skips, float).T / info.sfreq_hz
        raw.set_annotations(mne.Annotations(onset, duration, ["BAD_ACQ_SKIP"] * len(skips)))
    return raw


class LiveRaw:
    """The newest seconds of a live EEG stream, as `mne.io.RawArray` on demand.

    Pass `push` to an `EegReader`; call `raw` from any thread. A gap or a restart begins anew, so what `raw` returns is
    always consecutive.

    Parameters
    ----------
    info : EegInfo
        The reader's `info`.
    duration_s : float
        Seconds kept.

    Raises
    ------
    ValueError
        `duration_s` is not positive.
    """

    def __init__(self, info: EegInfo, duration_s: float = 60.0) -> None:
        if not duration_s > 0:
            raise ValueError(f"duration_s is {duration_s}: a positive number is wanted")
        self._info = info
        self._mne_info = mne_info(info)
        self._ring = RingBuffer(len(info.channels), max(1, round(duration_s * info.sfreq_hz)))
        self._lock = threading.Lock()
        self._following: tuple[str, int] | None = None
        self._newest_s = float("nan")

    @property
    def newest_s(self) -> float:
        """Stamp of the newest sample, LSL seconds; NaN before the first."""
        return self._newest_s

    def push(self, chunk: EegChunk) -> None:
        """Take a chunk in, from the reader's thread."""
        with self._lock:
            if self._following != (chunk.stream_id, chunk.first_index):
                self._ring.clear()
            self._ring.push(chunk.samples)
            self._following = (chunk.stream_id, chunk.first_index + chunk.stamps.size)
            self._newest_s = float(chunk.stamps[-1])

    def raw(self, duration_s: float | None = None) -> mne.io.RawArray:
        """The newest `duration_s` seconds (all that are held by default), in volts.

        Raises
        ------
        DataError
            Nothing has arrived yet.
        """
        import mne

        with self._lock:
            held = len(self._ring)
            if held == 0:
                raise DataError(f"no EEG of '{self._info.name}' yet: wait for the first samples")
            n = held if duration_s is None else min(held, max(1, round(duration_s * self._info.sfreq_hz)))
            data = self._ring.latest(n).astype(np.float64) * _UV
        return mne.io.RawArray(data, self._mne_info.copy(), verbose="error")


def realtime_client(source_id: str, **options: Any) -> LSLClient:
    """A `mne_realtime.LSLClient` that works with current pylsl and mne, in volts.

    mne-realtime is retired in favour of mne-lsl; this keeps existing scripts running. Call
    `realtime.lsl.session.configure` first.

    Parameters
    ----------
    source_id : str
        Source id of the EEG stream ('host' in mne-realtime).
    **options
        Further arguments of `LSLClient`: ``info``, ``wait_max``, ``buffer_size``, ``tmin``, ``tmax``.

    Raises
    ------
    ConfigurationError
        mne-realtime is not installed.
    """
    import mne
    import pylsl

    try:
        # mne-realtime reads its number types from a module that pylsl has since renamed
        if not hasattr(pylsl, "pylsl"):
            pylsl.pylsl = pylsl.lib  # pyright: ignore[reportAttributeAccessIssue]
        from mne_realtime import LSLClient
    except ImportError as err:
        raise ConfigurationError(
            f"mne-realtime cannot be used ({err}): install it with 'pip install emostream[mne-live]'"
        ) from err

    class _Client(LSLClient):
        """LSLClient in volts, that waits for samples instead of spinning on empty buffers and can be stopped."""

        _running = False

        def _connect(self) -> LSLClient:
            super()._connect()
            self._to_volts = _volt_factors(self.client.info())
            return self

        def get_data_as_epoch(self, n_samples: int = 1024, picks: Any = None, timeout: float | None = None) -> Any:
            epochs = super().get_data_as_epoch(n_samples, picks, timeout)
            if epochs is None:
                return None
            assert self.info is not None
            names = list(self.info["ch_names"])
            factors = self._to_volts[[names.index(name) for name in epochs.ch_names]]
            data = epochs.get_data(copy=True) * factors[:, None]
            return mne.EpochsArray(data, epochs.info, epochs.events, verbose="error")

        def iter_raw_buffers(  # pyright: ignore[reportIncompatibleMethodOverride] - theirs never ends
            self,
        ) -> Iterator[NDArray[np.float64]]:
            self._running = True
            while self._running:
                _, stamps = self.client.pull_chunk(
                    timeout=_PULL_TIMEOUT_S, max_samples=len(self.buffer), min_samples=1, dest_obj=self.buffer
                )
                if stamps:
                    yield self.buffer[: len(stamps)].T * self._to_volts[:, None]

        def stop_receive_thread(self, stop_measurement: bool = False) -> None:
            self._running = False
            if self._recv_thread is not None:
                self._recv_thread.join()
                self._recv_thread = None
            if stop_measurement:
                self.stop()

    return _Client(host=source_id, **options)


def _volt_factors(info: Any) -> NDArray[np.float64]:
    """(n_channels,) factors from each channel's declared unit to volts."""
    from realtime.lsl.description import read_channels
    from realtime.lsl.inlets import microvolts_per_unit

    described = read_channels(info)
    if not described:
        return np.full(info.channel_count(), _UV)
    return np.array([microvolts_per_unit(c.unit) * _UV for c in described])
