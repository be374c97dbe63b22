"""An XDF file as a row of chunks: counting what is in one that still grows, and joining the parts of a recording.

The format is that of https://github.com/sccn/xdf/wiki/Specifications. Samples are skipped, not decoded, so following a
recording costs a few reads a second whatever its rate.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from realtime.errors import DataError
from realtime.untrusted import MOST_XML_BYTES, parse_xml

MAGIC = b"XDF:"
FILE_HEADER, STREAM_HEADER, SAMPLES, CLOCK_OFFSET, BOUNDARY, STREAM_FOOTER = 1, 2, 3, 4, 5, 6
OF_A_STREAM = (STREAM_HEADER, SAMPLES, CLOCK_OFFSET, STREAM_FOOTER)
"""Chunks whose content begins with the number of a stream."""

_LENGTH_FORMATS = {1: "<B", 4: "<I", 8: "<Q"}
_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Chunk:
    """Where a chunk lies: from `start` to `end`, its content (after the tag) from `content` on."""

    tag: int
    start: int
    content: int
    end: int


@dataclass(slots=True)
class StreamCount:
    """A stream of the file.

    Parameters
    ----------
    number : int
        Its id in the file.
    name, type, source_id : str
    channels : int
    rate_hz : float
    channel_format : str
    uid : str
    model : (id, trained on, simulated) or None
        What an emotion stream says of its model.
    samples : int
        How many are in the file so far.
    first_s : float or None
        Stamp of its first sample, by its sender's clock.
    grown_s : float
        When samples of it were last found, by the clock of `XdfTail`; when its header was, before any.
    """

    number: int
    name: str
    type: str
    source_id: str
    channels: int
    rate_hz: float
    channel_format: str
    uid: str = ""
    model: tuple[str, str, str] | None = None
    samples: int = 0
    first_s: float | None = None
    grown_s: float = 0.0

    def same_source(self, other: StreamCount) -> bool:
        """Whether both are one sender's: its program may have been started again in between."""
        mine, theirs = (
            (s.name, s.type, s.source_id or s.uid, s.channels, s.rate_hz, s.channel_format) for s in (self, other)
        )
        return mine == theirs


def chunks(file: BinaryIO, start: int, size: int) -> Iterator[Chunk]:
    """The whole chunks from `start` on, of a file of which `size` bytes are there; ends before one that is cut off.

    Raises
    ------
    DataError
        Bytes that begin no chunk: the file is damaged.
    """
    while (found := _chunk_at(file, start, size)) is not None:
        yield found
        start = found.end


def _chunk_at(file: BinaryIO, start: int, size: int) -> Chunk | None:
    file.seek(start)
    head = file.read(min(11, max(0, size - start)))
    if not head:
        return None
    if head[0] not in _LENGTH_FORMATS:
        raise DataError(f"byte {start} of '{file.name}' begins no chunk of an XDF file: it is damaged")
    content = start + 1 + head[0] + 2
    if len(head) < content - start:
        return None
    length, tag = struct.unpack_from(_LENGTH_FORMATS[head[0]] + "H", head, 1)
    end = start + 1 + head[0] + length
    if length < 2:
        raise DataError(f"byte {start} of '{file.name}' begins no chunk of an XDF file: it is damaged")
    return Chunk(tag, start, content, end) if end <= size else None


@dataclass
class XdfTail:
    """Follows a growing XDF file; `step` takes in what was added. One thread at a time.

    Parameters
    ----------
    path : Path
        May not exist yet.
    clock : callable
        Seconds, for `grown_s`.
    """

    path: Path
    clock: Callable[[], float]
    streams: dict[int, StreamCount] = field(default_factory=dict)
    size: int = 0
    whole: int = 0
    """Bytes up to the end of the last whole chunk."""
    grown_s: float = 0.0
    footers: int = 0

    def step(self) -> bool:
        """Read on; True where the file grew.

        Raises
        ------
        DataError
            It is no XDF file, or is damaged.
        """
        try:
            size = self.path.stat().st_size
        except FileNotFoundError:
            return False
        if size <= self.size:
            return False
        self.size, self.grown_s = size, self.clock()
        with self.path.open("rb") as file:
            if self.whole == 0:
                if size < len(MAGIC):
                    return True
                if file.read(len(MAGIC)) != MAGIC:
                    raise DataError(f"'{self.path}' is no XDF file: it does not begin with 'XDF:'")
                self.whole = len(MAGIC)
            for chunk in chunks(file, self.whole, size):
                self._take(file, chunk)
                self.whole = chunk.end
        return True

    def _take(self, file: BinaryIO, chunk: Chunk) -> None:
        if chunk.tag not in (STREAM_HEADER, SAMPLES, STREAM_FOOTER) or chunk.end - chunk.content < 4:
            return
        file.seek(chunk.content)
        number = struct.unpack("<I", file.read(4))[0]
        if chunk.tag == STREAM_HEADER:
            if chunk.end - chunk.content <= MOST_XML_BYTES:
                self.streams[number] = _described(number, file.read(chunk.end - chunk.content - 4), self.grown_s)
        elif chunk.tag == STREAM_FOOTER:
            self.footers += 1
        elif (stream := self.streams.get(number)) is not None:
            self._count(file, chunk, stream)

    def _count(self, file: BinaryIO, chunk: Chunk, stream: StreamCount) -> None:
        head = file.read(min(18, chunk.end - chunk.content - 4))
        width = head[0] if head else 0
        if width not in _LENGTH_FORMATS or len(head) < 1 + width:
            raise DataError(f"byte {chunk.start} of '{self.path}' holds no samples of an XDF file: it is damaged")
        count = struct.unpack_from(_LENGTH_FORMATS[width], head, 1)[0]
        stamped = head[1 + width :]
        if stream.first_s is None and count and len(stamped) >= 9 and stamped[0] == 8:
            stream.first_s = struct.unpack_from("<d", stamped, 1)[0]
        stream.samples += count
        if count:
            stream.grown_s = self.grown_s


def _described(number: int, xml: bytes, now_s: float) -> StreamCount:
    def text(key: str) -> str:
        return (info.findtext(key) or "").strip()

    try:
        info = parse_xml(xml)
        channels, rate_hz = int(text("channel_count") or 0), float(text("nominal_srate") or 0.0)
    except ValueError as err:
        raise DataError(f"the header of stream {number} cannot be read: {err}") from err
    model = ("desc/model/id", "desc/model/trained_on", "desc/model/simulated")
    return StreamCount(
        number,
        text("name"),
        text("type"),
        text("source_id"),
        channels,
        rate_hz,
        text("channel_format"),
        text("uid"),
        (text(model[0]), text(model[1]), text(model[2])) if text(model[0]) else None,
        grown_s=now_s,
    )


def join_part(whole: Path, part: Path, drop: Collection[str] = ()) -> None:
    """Append a part of a recording to the whole, chunk by chunk, and make sure that it is on the disk.

    A stream that the whole has keeps its number there, so that it has a gap; a new one gets the next free number. What
    is cut off at the end of either, where a recorder was killed, is no chunk and is left out. Where this itself is cut
    off, the whole ends in a chunk that is cut off, and the part is still there.

    Parameters
    ----------
    whole, part : Path
        XDF files; `whole` is changed.
    drop : collection of str
        Names of streams that are not taken along.

    Raises
    ------
    DataError
        One of them is damaged, or the disk is full.
    """
    ours, theirs = XdfTail(whole, float), XdfTail(part, float)
    ours.step()
    theirs.step()
    numbers: dict[int, int] = {}
    free = max(ours.streams, default=0) + 1
    for stream in theirs.streams.values():
        if stream.name in drop:
            continue
        known = next((s.number for s in ours.streams.values() if s.same_source(stream)), None)
        numbers[stream.number] = free if known is None else known
        free += known is None
    known = set(ours.streams)
    try:
        with whole.open("r+b") as target, part.open("rb") as source:
            target.truncate(ours.whole)
            target.seek(ours.whole)
            empty = ours.whole <= len(MAGIC)
            if ours.whole == 0:
                target.write(MAGIC)
            for chunk in chunks(source, len(MAGIC), theirs.whole):
                if empty or chunk.tag != FILE_HEADER:
                    _copy(source, target, chunk, numbers, known)
            target.flush()
            os.fsync(target.fileno())
    except OSError as err:
        raise DataError(f"cannot join '{part}' to '{whole}': {err.strerror or err}; both are kept as they are") from err


def join_parts(whole: Path, parts: Sequence[Path], drop: Collection[str] = ()) -> list[StreamCount]:
    """Join the parts of a recording to the whole and remove them; what is in it then, but for streams of `drop`.

    Raises
    ------
    DataError
        They cannot be joined; what is not joined is kept.
    """
    for part in parts:
        if not part.exists():
            continue
        if whole.exists():
            join_part(whole, part, drop)
            part.unlink()
        else:
            part.rename(whole)
    tail = XdfTail(whole, float)
    tail.step()
    return [stream for stream in tail.streams.values() if stream.name not in drop]


def _copy(source: BinaryIO, target: BinaryIO, chunk: Chunk, numbers: dict[int, int], known: set[int]) -> None:
    source.seek(chunk.start)
    head = source.read(chunk.content - chunk.start)
    if chunk.tag in OF_A_STREAM:
        number = numbers.get(struct.unpack("<I", source.read(4))[0])
        if number is None or (chunk.tag == STREAM_HEADER and number in known):
            return  # a second header would make readers forget what the first one began
        head += struct.pack("<I", number)
    target.write(head)
    copy_bytes(source, target, chunk.end - source.tell())


def copy_bytes(source: BinaryIO, target: BinaryIO, count: int) -> None:
    """Copy so many bytes from where the files are, in bounded memory."""
    while count > 0 and (block := source.read(min(_COPY_BYTES, count))):
        target.write(block)
        count -= len(block)
