"""A recording in memory, and what its readers share: which errors mean damage, and what a plausible amplitude is."""

from __future__ import annotations

import configparser
import math
import mmap
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io.matlab import MatReadError

from realtime.errors import DataError
from realtime.packets import EegInfo, Float32, Float64

UNREADABLE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MatReadError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    configparser.Error,
    struct.error,
    zlib.error,
)
"""What the readers raise on damaged files: third-party parsers promise no narrower set."""

_PLAUSIBLE_UV = (0.05, 5_000.0)
_IN_MEMORY_BYTES = 128 * 2**20


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording in memory, or in an unnamed temporary file where it is large.

    Parameters
    ----------
    info : EegInfo
        EEG channels only; `source_id` is the file's name.
    samples_uv : (n_channels, n_times) float32
        µV, read-only.
    stamps_s : (n_times,) float64
        Seconds since the first sample, strictly increasing.
    markers : tuple of (onset_s, text)
        In order of time, in the same seconds.
    gaps : tuple of (index, lost)
        Before sample `index`, `lost` samples are missing; 1 where only the cut is known.
    eog_names : tuple of str
    eog_uv : (n_eog, n_times) float32
    warnings : tuple of str
        What is wrong with the recording's timing: clock resets, gaps, a rate that is not the nominal one.
    notes : tuple of str
        What the reader remarked.
    origin_s : float
        LSL time of the first sample; NaN where the file has no such clock.
    resets_s : tuple of float
        Where the sender's clock was reset, in the same seconds.
    """

    info: EegInfo
    samples_uv: Float32
    stamps_s: Float64
    markers: tuple[tuple[float, str], ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    eog_names: tuple[str, ...] = ()
    eog_uv: Float32 | None = None
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    origin_s: float = math.nan
    resets_s: tuple[float, ...] = ()

    @property
    def duration_s(self) -> float:
        """Seconds from the first sample to the end of the last."""
        return float(self.stamps_s[-1]) + 1.0 / self.info.sfreq_hz

    @property
    def lost(self) -> int:
        """Samples missing in gaps."""
        return sum(lost for _, lost in self.gaps)


def room_for(n_channels: int, n_times: int) -> Float32:
    """An empty (n_channels, n_times) float32; on disk, in a file without a name, where it is large."""
    shape = (n_channels, n_times)
    if 4 * n_channels * n_times <= _IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.float32)
    # the mapping keeps the unnamed file alive, and its end frees the disk
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.float32, mode="w+", shape=shape)


def release(array: object) -> None:
    """Let the system have the memory of an array that is on disk; the numbers are read again when they are wanted.

    An array in memory stays as it is.
    """
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        array.madvise(mmap.MADV_DONTNEED)


def implausible(samples_uv: Float32) -> tuple[str, ...]:
    """A note where the typical channel's standard deviation cannot be that of scalp EEG in µV."""
    with np.errstate(all="ignore"):  # a damaged file may hold any bits
        spread = float(np.median(np.std(samples_uv[:, : 60 * 1024], axis=1)))
    low, high = _PLAUSIBLE_UV
    if low <= spread <= high:
        return ()
    return (f"typical standard deviation {spread:.3g} µV is no scalp EEG's: check the units",)


def unreadable(path: Path, err: BaseException) -> DataError:
    """One line about a file that a parser gave up on."""
    reason = " ".join(str(err).split()) or type(err).__name__
    shown = reason if len(reason) <= 200 else reason[:197] + "..."
    return DataError(f"cannot read recording '{path}': {shown}")
