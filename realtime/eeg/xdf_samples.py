"""The numbers of an XDF file, a chunk at a time: pyxdf, which walks sample by sample, reads what is left of the file.

pyxdf is given the same file with a chunk of no samples in place of each stream's numbers, and its documented hook puts
in what was read here. So headers, texts, clocks and jitter are its own work on the same stamps to the last bit.
"""

from __future__ import annotations

import io
import struct
import tempfile
from array import array
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.xdf_content import LENGTHS, OF_A_STREAM, SAMPLES, Stream, numbers_of
from realtime.packets import Float64

_MAGIC_BYTES = 4
_KINDS = {"int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "float32": "<f4", "double64": "<f8"}


class Samples:
    """What pyxdf reads of a sound file, and the numbers that it is given for it; closed, what was given stays mapped.

    Parameters
    ----------
    file : BinaryIO
        As `realtime.eeg.xdf_sound.sound_xdf` gives it.
    streams : mapping
        By their numbers.
    chosen : collection of int
        Which are wanted.
    on_disk : bool
        Keep the numbers on disk, in files without a name, so that an hour of 64 channels takes the memory of its
        stamps.

    Raises
    ------
    OSError
        It cannot be read, or there is no room on the disk.
    """

    def __init__(
        self, file: BinaryIO, streams: Mapping[int, Stream], chosen: Collection[int], *, on_disk: bool
    ) -> None:
        self._open = ExitStack()
        self.rest, places = _parted(file, streams, set(chosen))
        self._read: dict[int, tuple[NDArray[np.generic], Float64]] = {}
        with self._open:
            for number, found in places.items():
                self._read[number] = self._numbers(file, streams[number], found, on_disk)
            self._open = self._open.pop_all()

    def take(self, values: Any, stamps: Float64, head: dict[str, Any], number: int) -> tuple[Any, Float64, Any]:
        """What pyxdf takes for a chunk: of numbers, all stamps of the stream and rows without columns."""
        if number not in self._read:
            return values, stamps, head
        numbers, stamps = self._read[number]
        # no view: it would be copied, and is given back below
        return np.empty((len(stamps), 0), numbers.dtype), stamps, head

    def give_back(self, streams: list[dict[str, Any]]) -> None:
        """Put the numbers where pyxdf puts them."""
        for stream in streams:
            if (read := self._read.get(stream["info"]["stream_id"])) is not None:
                stream["time_series"] = read[0]

    def close(self) -> None:
        """Close the files; what was given back stays mapped."""
        self._open.close()

    def _numbers(
        self, file: BinaryIO, stream: Stream, places: array[int], on_disk: bool
    ) -> tuple[NDArray[np.generic], Float64]:
        """(n_times, n_channels) numbers and (n_times,) stamps of the chunks that lie from place to place."""
        rate_hz = float(stream.head["nominal_srate"])
        step_s, last_s = 1.0 / rate_hz if rate_hz > 0 else 0.0, 0.0
        kind = np.dtype(_KINDS[stream.head["channel_format"]])
        kept = tempfile.TemporaryFile() if on_disk else None  # noqa: SIM115 - closed with the others
        if kept is not None:
            self._open.enter_context(kept)
        parts: list[NDArray[np.uint8]] = []
        stamps: list[Float64] = []
        for begin, end in zip(places[::2], places[1::2], strict=True):
            file.seek(begin)
            rows, given = numbers_of(file.read(end - begin), stream)
            if not len(given):
                continue
            if kept is None:
                parts.append(rows)
            else:
                kept.write(rows.data)
            stamps.append(deduced(given, last_s, step_s))
            last_s = float(stamps[-1][-1])
        if not stamps:
            return np.empty((0, stream.channels), kind), np.empty(0)
        joined = np.concatenate(stamps)
        if kept is None:
            return np.concatenate(parts).view(kind), joined
        kept.flush()
        return np.memmap(kept, dtype=kind, mode="r", shape=(len(joined), stream.channels)), joined


def _parted(
    file: BinaryIO, streams: Mapping[int, Stream], chosen: set[int]
) -> tuple[io.BytesIO, dict[int, array[int]]]:
    """All but numbers of the streams chosen, and where contents of chunks of numbers begin and end, in a row each."""
    rest, places = io.BytesIO(), {}
    file.seek(0)
    rest.write(file.read(_MAGIC_BYTES))
    place = _MAGIC_BYTES
    while head := file.read(15):
        length, tag, number = struct.unpack_from(LENGTHS[head[0]] + "HI", head.ljust(15, b"\0"), 1)
        content, end = place + 3 + head[0], place + 1 + head[0] + length
        if tag not in OF_A_STREAM or number in chosen:
            if tag == SAMPLES and streams[number].width:
                if number not in places:
                    places[number] = array("q")
                    rest.write(struct.pack("<BBHIBB", 1, 8, SAMPLES, number, 1, 0))
                places[number].extend((content, end))
            else:
                file.seek(place)
                rest.write(file.read(end - place))
        place = end
        file.seek(place)
    rest.seek(0)
    return rest, places


def deduced(given: Float64, last_s: float, step_s: float) -> Float64:
    """Stamps with those that were not given, NaN, counted on from the one before; `last_s` was before the first."""
    missing = np.isnan(given)
    if not missing.any():
        return given
    stamps = given.copy()
    turns = np.flatnonzero(np.diff(missing)) + 1
    for first, stop in zip([0, *turns.tolist()], [*turns.tolist(), len(given)], strict=True):
        if missing[first]:
            steps = np.full(stop - first + 1, step_s)
            steps[0] = stamps[first - 1] if first else last_s
            # one sum after the other, as rounding wants it
            stamps[first:stop] = np.add.accumulate(steps)[1:]
    return stamps
