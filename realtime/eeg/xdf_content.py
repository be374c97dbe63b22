"""What the chunks of an XDF file hold, measured against their length before a reader believes them.

The format is that of https://github.com/sccn/xdf/wiki/Specifications.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float64
from realtime.untrusted import parse_xml

FILE_HEADER, STREAM_HEADER, SAMPLES, CLOCK_OFFSET, BOUNDARY, STREAM_FOOTER = 1, 2, 3, 4, 5, 6
OF_A_STREAM = (STREAM_HEADER, SAMPLES, CLOCK_OFFSET, STREAM_FOOTER)
LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}
BOUNDARY_UUID = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")

LATEST_S = 1e12
"""LSL's clock counts seconds from a start of the machine, or of 1970."""

_WIDTHS = {"int8": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8, "double64": 8, "string": 0}
_MOST_CHANNELS = 2**25
_MOST_RATE_HZ = 1e6
_FEWEST = 16
_HEAD = ("name", "type", "source_id", "hostname", "channel_format", "channel_count", "nominal_srate")


class UnsoundError(Exception):
    """What is wrong with a chunk, in a few words."""


@dataclass(slots=True)
class Stream:
    """A stream of the file.

    Parameters
    ----------
    number : int
    head : dict
        Texts of its header by name, and its number as 'stream_id'.
    channels : int
    width : int
        Bytes of a value; 0 for text.
    samples : int
        How many hold.
    said : int or None
        How many its footers say; None where it has none.
    resume : bool
        Something before is left out: a sample whose time is counted on from there has none.
    """

    number: int
    head: dict[str, Any]
    channels: int
    width: int
    samples: int = 0
    said: int | None = None
    resume: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """A chunk of samples that holds.

    Parameters
    ----------
    count : int
    lead : int
        Samples at its beginning that have no stamp of their own.
    lead_end : int
        Where they end in the chunk's content.
    newest_s : float
        The last stamp of numbers; NaN where none is stamped, and of texts, which tell of what was before.
    trailing : int
        Samples after it that have no stamp of their own.
    """

    count: int
    lead: int
    lead_end: int
    newest_s: float = math.nan
    trailing: int = 0


def read_header(number: int, xml: bytes) -> Stream:
    """A stream from its header.

    Raises
    ------
    UnsoundError
        What pyxdf could not read, or would believe at its peril.
    """
    root = _xml(xml, "a stream's header")
    texts = {}
    for key in _HEAD:
        node = root.find(key)
        if node is not None and len(node):
            raise UnsoundError(f"a stream's header whose {key} is no text")
        texts[key] = (node.text or "").strip() if node is not None else ""
    try:
        channels, rate_hz = int(texts["channel_count"]), float(texts["nominal_srate"])
    except ValueError:
        raise UnsoundError("a stream's header without numbers for channels and rate") from None
    fits = 0 < channels <= _MOST_CHANNELS and 0.0 <= rate_hz <= _MOST_RATE_HZ
    if root.tag != "info" or not texts["name"] or texts["channel_format"] not in _WIDTHS or not fits:
        raise UnsoundError("a stream's header whose name, format, channels or rate cannot be")
    return Stream(number, {**texts, "stream_id": number}, channels, _WIDTHS[texts["channel_format"]])


def read_footer(xml: bytes) -> int | None:
    """How many samples a stream's footer says it had; None where it says nothing.

    Raises
    ------
    UnsoundError
        What pyxdf could not read.
    """
    node = _xml(xml, "a stream's footer").find("sample_count")
    if node is None or node.text is None:
        return None
    if len(node) or not node.text.strip().isdecimal() or len(node.text) > 20:
        raise UnsoundError("a stream's footer whose count is no number")
    return int(node.text)


def check_plain(tag: int, content: bytes) -> None:
    """A chunk of any other kind but samples.

    Raises
    ------
    UnsoundError
        It does not hold.
    """
    if tag == FILE_HEADER:
        _xml(content, "the file's header")
    elif tag == CLOCK_OFFSET:
        if len(content) != 20 or not _are_times(np.frombuffer(content[4:], "<f8")):
            raise UnsoundError("a clock offset that is none")
    elif tag == BOUNDARY and content != BOUNDARY_UUID:
        raise UnsoundError("a boundary that is none")


def measure(content: bytes, stream: Stream) -> Measured:
    """Samples of a chunk; `content` begins with the stream's number.

    Raises
    ------
    UnsoundError
        They do not fill the chunk exactly, or their stamps are no times.
    """
    count, start = _count(content, 4)
    if stream.width == 0:
        return _measure_texts(content, start, count, stream.channels)
    row = stream.channels * stream.width
    stamped, odd = divmod(len(content) - start - count * (1 + row), 8)
    if odd or not 0 <= stamped <= count:
        raise UnsoundError("samples that do not fill their chunk")
    if 0 < stamped < count:
        return _measure_mixed(content, start, count, row)
    table = np.frombuffer(content, np.uint8, offset=start).reshape(count, -1) if count else np.empty((0, 9), np.uint8)
    if (table[:, 0] != (8 if stamped else 0)).any():
        raise UnsoundError("samples that do not fill their chunk")
    if not stamped:
        return Measured(count, count, len(content))
    stamps = table[:, 1:9].copy().view("<f8")
    if not _are_times(stamps):
        raise UnsoundError("samples whose stamps are no times")
    return Measured(count, 0, start, float(stamps[-1, 0]) if count else math.nan)


def numbers_of(content: bytes, stream: Stream) -> tuple[NDArray[np.uint8], Float64]:
    """Samples of a chunk of numbers, whose content begins with the stream's number.

    Returns
    -------
    rows : (n_times, bytes a sample) uint8
        As they are in the file.
    stamps_s : (n_times,) float64
        NaN where a sample has none of its own.

    Raises
    ------
    UnsoundError
        They do not fill the chunk exactly.
    """
    count, start = _count(content, 4)
    row = stream.channels * stream.width
    rows, stamps_s = np.empty((count, row), np.uint8), np.full(count, np.nan)
    done = 0
    for place, n, stamped in _runs(content, start, count, row):
        lead = 9 if stamped else 1
        table = np.frombuffer(content, np.uint8, n * (lead + row), place).reshape(n, -1)
        rows[done : done + n] = table[:, lead:]
        if stamped:
            stamps_s[done : done + n] = table[:, 1:9].copy().view("<f8")[:, 0]
        done += n
    return rows, stamps_s


def _runs(content: bytes, start: int, count: int, row: int) -> Iterator[tuple[int, int, bool]]:
    """Place and length of each run of samples that have, or do not have, a stamp of their own.

    Two runs of one kind may follow each other; the last one ends where the chunk does.
    """
    flags = np.frombuffer(content, np.uint8)
    place, left, most = start, count, count
    while left:
        kind = content[place] if place < len(content) else -1
        stride = 1 + kind + row
        n = min(left, most, (len(content) - place) // stride) if kind in (0, 8) else 0
        if n == 0:
            raise UnsoundError("samples that do not fill their chunk")
        same = flags[place : place + n * stride : stride] == kind
        # kinds that take turns are not looked at to the end of the chunk each time
        most = max(_FEWEST, 2 * n)
        if not same.all():
            n = int(same.argmin())
            most = max(_FEWEST, 2 * n)
        yield place, n, kind == 8
        place += n * stride
        left -= n
    if place != len(content):
        raise UnsoundError("samples that do not fill their chunk")


def _measure_mixed(content: bytes, start: int, count: int, row: int) -> Measured:
    lead, lead_end, stamps, trailing = 0, start, [], 0
    for place, n, stamped in _runs(content, start, count, row):
        if stamped:
            table = np.frombuffer(content, np.uint8, n * (9 + row), place).reshape(n, -1)
            stamps.append(table[:, 1:9].copy().view("<f8")[:, 0])
            trailing = 0
        else:
            trailing += n
            if not stamps:
                lead, lead_end = lead + n, place + n * (1 + row)
    times = np.concatenate(stamps)
    if not _are_times(times):
        raise UnsoundError("samples whose stamps are no times")
    return Measured(count, lead, lead_end, float(times[-1]), trailing)


def texts_in(content: bytes, stream: Stream) -> int:
    """Texts that a chunk says it holds, before each is looked at; `content` begins with the stream's number.

    Raises
    ------
    UnsoundError
        It has no room for them.
    """
    count, start = _count(content, 4)
    # each text takes two bytes at least
    if count * (1 + 2 * stream.channels) > len(content) - start:
        raise UnsoundError("texts that do not fill their chunk")
    return count * stream.channels


def _measure_texts(content: bytes, start: int, count: int, channels: int) -> Measured:
    lead, lead_end, place, stamps = 0, start, start, []
    try:
        for _ in range(count):
            if content[place] == 8:
                stamps.append(content[place + 1 : place + 9])
                place += 9
            elif content[place] == 0:
                place += 1
            else:
                raise UnsoundError("texts that do not fill their chunk")
            for _ in range(channels):
                # most lengths are one byte: no call for these
                if content[place] == 1:
                    place += 2 + content[place + 1]
                else:
                    length, place = _count(content, place)
                    place += length
            if not stamps:
                lead, lead_end = lead + 1, place
    except IndexError:
        raise UnsoundError("texts that do not fill their chunk") from None
    if place != len(content):
        raise UnsoundError("texts that do not fill their chunk")
    if not _are_times(np.frombuffer(b"".join(stamps), "<f8")):
        raise UnsoundError("texts whose stamps are no times")
    return Measured(count, lead, lead_end)


def _count(content: bytes, place: int) -> tuple[int, int]:
    """A number of 1, 4 or 8 bytes after the byte that says which, and where it ends."""
    width = content[place] if place < len(content) else 0
    end = place + 1 + width
    if width not in LENGTHS or end > len(content):
        raise UnsoundError("a count that is none")
    return struct.unpack_from(LENGTHS[width], content, place + 1)[0], end


def _are_times(stamps_s: np.ndarray) -> bool:
    return bool(len(stamps_s) == 0 or float(np.abs(stamps_s).max()) < LATEST_S)  # NaN is not less


def _xml(xml: bytes, what: str) -> Any:
    try:
        # as pyxdf does it
        return parse_xml(xml.decode("utf-8", "replace"))
    except ValueError:
        raise UnsoundError(f"{what} that is no XML") from None
