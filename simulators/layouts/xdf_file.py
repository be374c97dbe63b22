"""A small writer of XDF files, chunk by chunk as LabRecorder writes them.

The format is that of the XDF specification 1.0 (github.com/sccn/xdf, "Specifications"). pyxdf reads it and writes none.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

Format = Literal["float32", "double64", "int32", "string"]

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _BOUNDARY, _STREAM_FOOTER = range(1, 7)
_BOUNDARY_UUID = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_KINDS: dict[str, str] = {"float32": "<f4", "double64": "<f8", "int32": "<i4"}
_SAMPLES_A_CHUNK = 1000
_OFFSET_EVERY_S, _BOUNDARY_EVERY_S = 5.0, 10.0


@dataclass(frozen=True, slots=True)
class XdfStream:
    """One stream of a recording.

    Parameters
    ----------
    name, type : str
    stamps_s : (n,) float64
        On the sender's clock.
    samples : (n, n_channels) array, or sequence of n texts
    channel_format : 'float32', 'double64', 'int32' or 'string'
    rate_hz : float
        Nominal; 0 for an irregular one.
    channels : sequence of (label, unit, type)
        Empty where they have no names.
    source_id, hostname : str
    clock_offset_s : float
        What is added to the sender's stamps to have the recorder's.
    desc : mapping of mappings of str
        Further sections of the description.
    """

    name: str
    type: str
    stamps_s: NDArray[np.float64]
    samples: NDArray[np.generic] | Sequence[str]
    channel_format: Format
    rate_hz: float = 0.0
    channels: Sequence[tuple[str, str, str]] = ()
    source_id: str = ""
    hostname: str = "simulated"
    clock_offset_s: float = 0.0
    desc: Mapping[str, Mapping[str, str]] | None = None


def write_xdf(path: Path, streams: Sequence[XdfStream], chunk_s: float | None = None) -> None:
    """Write an XDF file.

    Parameters
    ----------
    path : Path
    streams : sequence of XdfStream
    chunk_s : float, optional
        The streams take turns with chunks of this length, and boundaries every 10 s, as a recorder that writes while it
        records leaves them; one stream after the other where it is None.

    Raises
    ------
    ValueError
        A stream whose stamps and samples differ in number.
    """
    with path.open("wb") as file:
        file.write(b"XDF:")
        _chunk(file, _FILE_HEADER, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        for number, stream in enumerate(streams, 1):
            if len(stream.stamps_s) != len(stream.samples):
                raise ValueError(f"{stream.name}: {len(stream.stamps_s)} stamps for {len(stream.samples)} samples")
            _chunk(file, _STREAM_HEADER, struct.pack("<I", number) + _header(stream).encode())
        if chunk_s is None:
            for number, stream in enumerate(streams, 1):
                for time_s in _offset_times(stream):
                    _chunk(file, _CLOCK_OFFSET, struct.pack("<Idd", number, time_s, stream.clock_offset_s))
                for first in range(0, len(stream.stamps_s), _SAMPLES_A_CHUNK):
                    _write_samples(file, number, stream, first, first + _SAMPLES_A_CHUNK)
        else:
            _write_in_turns(file, streams, chunk_s)
        for number, stream in enumerate(streams, 1):
            _chunk(file, _STREAM_FOOTER, struct.pack("<I", number) + _footer(stream).encode())


def _write_in_turns(file: BinaryIO, streams: Sequence[XdfStream], chunk_s: float) -> None:
    """What came in each `chunk_s`, with clock offsets and boundaries in between."""
    times_s = [stream.stamps_s + stream.clock_offset_s for stream in streams]
    begin_s = min((float(times[0]) for times in times_s if len(times)), default=0.0)
    end_s = max((float(times[-1]) for times in times_s if len(times)), default=-1.0)
    for turn in range(int((end_s - begin_s) / chunk_s) + 1):
        at_s = begin_s + turn * chunk_s
        if turn % max(1, round(_BOUNDARY_EVERY_S / chunk_s)) == 0:
            _chunk(file, _BOUNDARY, _BOUNDARY_UUID)
        for number, (stream, times) in enumerate(zip(streams, times_s, strict=True), 1):
            if turn % max(1, round(_OFFSET_EVERY_S / chunk_s)) == 0:
                _chunk(file, _CLOCK_OFFSET, struct.pack("<Idd", number, at_s, stream.clock_offset_s))
            first, last = np.searchsorted(times, [at_s, at_s + chunk_s])
            if last > first:
                _write_samples(file, number, stream, int(first), int(last))


def _write_samples(file: BinaryIO, number: int, stream: XdfStream, first: int, last: int) -> None:
    _chunk(file, _SAMPLES, struct.pack("<I", number) + _samples(stream, first, last))


def _chunk(file: BinaryIO, tag: int, content: bytes) -> None:
    length = len(content) + 2
    size = struct.pack("<BB", 1, length) if length < 256 else struct.pack("<BI", 4, length)
    file.write(size + struct.pack("<H", tag) + content)


def _count(number: int) -> bytes:
    return struct.pack("<BB", 1, number) if number < 256 else struct.pack("<BI", 4, number)


def _header(stream: XdfStream) -> str:
    n_channels = 1 if isinstance(stream.samples, Sequence) else stream.samples.shape[1]
    parts = {
        "name": stream.name,
        "type": stream.type,
        "channel_count": str(n_channels),
        "nominal_srate": f"{stream.rate_hz:.15g}",
        "channel_format": stream.channel_format,
        "source_id": stream.source_id,
        "version": "1.1",
        "created_at": "0",
        "uid": f"{stream.name}-{stream.source_id}",
        "session_id": "default",
        "hostname": stream.hostname,
    }
    channels = "".join(
        f"<channel><label>{escape(label)}</label><unit>{escape(unit)}</unit><type>{escape(kind)}</type></channel>"
        for label, unit, kind in stream.channels
    )
    sections = "".join(
        f"<{name}>{''.join(f'<{key}>{escape(value)}</{key}>' for key, value in values.items())}</{name}>"
        for name, values in (stream.desc or {}).items()
    )
    desc = f"<desc>{f'<channels>{channels}</channels>' if channels else ''}{sections}</desc>"
    told = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in parts.items())
    return f'<?xml version="1.0"?><info>{told}{desc}</info>'


def _samples(stream: XdfStream, first: int, last: int) -> bytes:
    stamps = np.asarray(stream.stamps_s[first:last], "<f8")
    if isinstance(stream.samples, Sequence):
        encoded = (text.encode() for text in stream.samples[first:last])
        each = [
            struct.pack("<Bd", 8, stamp) + _count(len(text)) + text for stamp, text in zip(stamps, encoded, strict=True)
        ]
        return _count(len(stamps)) + b"".join(each)
    values = np.ascontiguousarray(stream.samples[first:last], _KINDS[stream.channel_format])
    row = np.dtype([("size", "u1"), ("stamp", "<f8"), ("values", values.dtype, values.shape[1:])])
    rows = np.zeros(len(stamps), row)
    rows["size"], rows["stamp"], rows["values"] = 8, stamps, values
    return _count(len(stamps)) + rows.tobytes()


def _offset_times(stream: XdfStream) -> list[float]:
    """When the recorder measured the offset of the sender's clock, on the recorder's clock."""
    if not len(stream.stamps_s):
        return []
    first, last = (float(stream.stamps_s[i]) + stream.clock_offset_s for i in (0, -1))
    return [*np.arange(first, last, _OFFSET_EVERY_S).tolist(), last]


def _footer(stream: XdfStream) -> str:
    n = len(stream.stamps_s)
    first, last = (float(stream.stamps_s[0]), float(stream.stamps_s[-1])) if n else (0.0, 0.0)
    told = f"<first_timestamp>{first:.15g}</first_timestamp><last_timestamp>{last:.15g}</last_timestamp>"
    return f'<?xml version="1.0"?><info>{told}<sample_count>{n}</sample_count></info>'
