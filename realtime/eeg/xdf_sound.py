"""Which parts of an XDF file hold, found before pyxdf reads it, and what is left out of one that is damaged.

pyxdf believes what a chunk says of itself: one changed bit in a length makes it skip the rest of the file without a
word, a large number of channels makes it ask for all memory, and an error in one header loses the whole file. Here each
chunk is measured first. What does not add up is left out, counted and told, and reading goes on at the next chunk that
does.
"""

from __future__ import annotations

import gzip
import re
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from realtime.eeg import xdf_content as content_of
from realtime.eeg.xdf_clock import Marks
from realtime.eeg.xdf_content import LENGTHS, OF_A_STREAM, SAMPLES, STREAM_FOOTER, STREAM_HEADER, Stream, UnsoundError

DAMAGED = "damaged: "
"""Begins every remark on what is lost."""

_MAGIC = b"XDF:"
_HEAD = re.compile(rb"(?=\x01.[\x01-\x06]\x00|\x04.{4}[\x01-\x06]\x00|\x08.{8}[\x01-\x06]\x00)", re.DOTALL)
"""What may begin a chunk: the size of its length, its length, its tag."""

_MOST_STREAMS = 1000
_MOST_TEXTS = 1_000_000
_MOST_TOLD = 8
_UNPACKED_BYTES, _UNPACKED_TIMES = 64 * 2**20, 100
_SEARCHED_TIMES = 4
"""In search of chunks that hold, so many times the file's size is looked at."""
_LOOK_BYTES = 64  # that a look at a place costs, in bytes searched
_BLOCK = 2**20
_CUT = "a chunk that is cut off"


@dataclass(slots=True)
class SoundXdf:
    """What holds of a file.

    Parameters
    ----------
    size : int
        Bytes of it, unpacked.
    streams : dict
        By their numbers.
    left_out : int
        Bytes that do not hold.
    marks : Marks
        What the order of its chunks tells of time.
    """

    size: int = 0
    streams: dict[int, Stream] = field(default_factory=dict)
    left_out: int = 0
    marks: Marks = field(default_factory=Marks)
    _reasons: Counter[str] = field(default_factory=Counter)
    _first: dict[str, int] = field(default_factory=dict)

    @property
    def heads(self) -> list[dict[str, Any]]:
        """Texts of the headers by name, with 'stream_id', a number."""
        return [stream.head for stream in self.streams.values()]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is left out, and of which streams samples are lost; empty where the whole file holds."""
        told = []
        if self._reasons:
            worst = self._reasons.most_common(_MOST_TOLD)
            told = [f"{DAMAGED}{reason}, {n} x, first at byte {self._first[reason]}" for reason, n in worst]
            told.append(f"{DAMAGED}{self.left_out} of {self.size} bytes were left out; take the file from a copy")
            short = [(s.head["name"], s.said - s.samples, s.said) for s in self.streams.values() if s.said]
            lost = [f"{DAMAGED}'{name}': {n} of {said} samples are lost to damage" for name, n, said in short if n > 0]
            told += lost[:_MOST_TOLD]
        if endless := [str(s.head["name"]) for s in self.streams.values() if s.said is None]:
            shown = ", ".join(endless[:_MOST_TOLD]) + (", ..." if len(endless) > _MOST_TOLD else "")
            told.append(
                f"{DAMAGED}cut off, or its recorder was killed: nothing says how many samples there were of {shown}"
            )
        return tuple(told)

    def leave_out(self, start: int, end: int, reason: str) -> None:
        """Count bytes that do not hold."""
        self.left_out += end - start
        self._reasons[reason] += 1
        self._first.setdefault(reason, start)


@contextmanager
def sound_xdf(path: Path) -> Iterator[tuple[SoundXdf, BinaryIO]]:
    """What holds of an XDF file, and a file of just that: itself, or an unnamed copy where something is left out.

    Parameters
    ----------
    path : Path
        .xdf, or .xdfz for one that gzip packed.

    Raises
    ------
    OSError
        It cannot be read, or there is no room for the copy.
    ValueError
        No XDF, or more streams, texts or unpacked bytes than any recording has.
    """
    with ExitStack() as stack:
        sound = SoundXdf()
        file = cast("BinaryIO", stack.enter_context(path.open("rb")))
        if path.suffix.lower() == ".xdfz":
            file = _unpacked(file, path.stat().st_size, stack, sound)
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("it does not begin with 'XDF:'")
        sound.size = file.seek(0, 2)
        walk = _Walk(file, sound)
        walk.run()
        if sound.left_out:
            file = walk.copy(stack)
        file.seek(0)
        yield sound, file


def _unpacked(packed: BinaryIO, size: int, stack: ExitStack, sound: SoundXdf) -> BinaryIO:
    """What gzip packed, as far as it can be unpacked, in a file without a name."""
    most = _UNPACKED_BYTES + _UNPACKED_TIMES * size
    target, count = _unnamed(stack), 0
    try:
        with gzip.open(packed) as source:
            while block := source.read(_BLOCK):
                count += len(block)
                if count > most:
                    raise ValueError(f"its {size} bytes unpack to more than {most}")
                target.write(block)
    except (EOFError, zlib.error, gzip.BadGzipFile) as err:
        if not count:
            raise ValueError(f"gzip did not pack it: {err}") from err
        sound.leave_out(count, count, "a packed file that is cut off")
    target.seek(0)
    return target


def _unnamed(stack: ExitStack) -> BinaryIO:
    # on Windows it is wrapped, and pyxdf wants the file itself
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the others
    stack.enter_context(file)
    return getattr(file, "file", file)


class _Frame(NamedTuple):
    """Where a chunk lies, by its own words."""

    tag: int
    start: int
    content: int
    end: int


class _Walk:
    """Goes through a file once; one thread."""

    def __init__(self, file: BinaryIO, sound: SoundXdf) -> None:
        self._file, self._sound = file, sound
        self._kept: list[tuple[int, int] | bytes] = [(0, len(_MAGIC))]
        self._texts = 0
        self._search_left = _SEARCHED_TIMES * sound.size + _BLOCK

    def run(self) -> None:
        place, size = len(_MAGIC), self._sound.size
        while place < size:
            frame = self._frame(place)
            try:
                if frame is None:
                    raise UnsoundError("bytes that begin no chunk")
                if frame.end > size:
                    raise UnsoundError(_CUT)
                self._take(frame, self._content(frame))
                place = frame.end
            except UnsoundError as err:
                place = self._leave_out(place, frame, str(err))

    def copy(self, stack: ExitStack) -> BinaryIO:
        """What holds, in a file without a name."""
        target = _unnamed(stack)
        for part in self._kept:
            if isinstance(part, bytes):
                target.write(part)
                continue
            self._file.seek(part[0])
            left = part[1] - part[0]
            while left > 0 and (block := self._file.read(min(left, _BLOCK))):
                target.write(block)
                left -= len(block)
        return target

    def _frame(self, start: int) -> _Frame | None:
        self._file.seek(start)
        head = self._file.read(11)
        width = head[0] if head else 0
        if width not in LENGTHS:
            return None
        if len(head) < 3 + width:
            return _Frame(0, start, start, self._sound.size + 1)
        length, tag = struct.unpack_from(LENGTHS[width] + "H", head, 1)
        return _Frame(tag, start, start + 3 + width, start + 1 + width + length) if length >= 2 else None

    def _content(self, frame: _Frame) -> bytes:
        self._file.seek(frame.content)
        return self._file.read(frame.end - frame.content)

    def _stream(self, content: bytes) -> Stream:
        number = int.from_bytes(content[:4], "little")
        if len(content) < 4 or number not in self._sound.streams:
            raise UnsoundError("a chunk of a stream without a header")
        return self._sound.streams[number]

    def _take(self, frame: _Frame, content: bytes) -> None:
        if frame.tag == STREAM_HEADER:
            self._take_header(content)
        elif frame.tag == SAMPLES:
            stream = self._stream(content)
            if not self._take_samples(frame, content, stream):
                return
        elif frame.tag == STREAM_FOOTER:
            stream, said = self._stream(content), content_of.read_footer(content[4:])
            stream.said = stream.said if said is None else (stream.said or 0) + said
        elif frame.tag in (content_of.FILE_HEADER, content_of.BOUNDARY, content_of.CLOCK_OFFSET):
            content_of.check_plain(frame.tag, content)
            if frame.tag == content_of.CLOCK_OFFSET:
                time_s, offset_s = struct.unpack_from("<dd", content, 4)
                self._sound.marks.add_offset(self._stream(content).number, frame.start, time_s, offset_s)
        else:
            raise UnsoundError("a chunk of no known kind")
        self._keep(frame.start, frame.end)

    def _take_header(self, content: bytes) -> None:
        number = int.from_bytes(content[:4], "little")
        if number in self._sound.streams:
            # it would make readers forget what the first one began
            raise UnsoundError("a second header of a stream")
        self._sound.streams[number] = content_of.read_header(number, content[4:])
        if len(self._sound.streams) > _MOST_STREAMS:
            raise ValueError(f"it has more than {_MOST_STREAMS} streams")

    def _take_samples(self, frame: _Frame, content: bytes, stream: Stream) -> bool:
        """Whether the chunk is to be kept as it is."""
        if stream.width == 0:
            self._texts += content_of.texts_in(content, stream)
            if self._texts > _MOST_TEXTS:
                raise ValueError(f"it has more than {_MOST_TEXTS} texts")
        found = content_of.measure(content, stream)
        lead = found.lead if stream.resume else 0
        stream.samples += found.count - lead
        if found.count == 0:
            return False
        if stream.width and found.count > lead:
            rate_hz = float(stream.head["nominal_srate"])
            newest_s = found.newest_s + (found.trailing / rate_hz if rate_hz else 0.0)
            self._sound.marks.add_samples(stream.number, frame.start, stream.samples, newest_s, rate_hz)
        stream.resume = stream.resume and lead == found.count
        if lead == 0:
            return True
        self._sound.leave_out(frame.content, frame.content + found.lead_end, "samples without a time after damage")
        if lead < found.count:
            left = content[:4] + b"\x04" + struct.pack("<I", found.count - lead) + content[found.lead_end :]
            self._kept.append(b"\x04" + struct.pack("<IH", len(left) + 2, SAMPLES) + left)
        return False

    def _keep(self, start: int, end: int) -> None:
        last = self._kept[-1]
        if isinstance(last, tuple) and last[1] == start:
            self._kept[-1] = (last[0], end)
        else:
            self._kept.append((start, end))

    def _leave_out(self, start: int, frame: _Frame | None, reason: str) -> int:
        """Count what does not hold; where to go on."""
        streams = list(self._sound.streams.values())
        if frame is not None and reason != _CUT and self._may_begin(frame.end):
            end = frame.end
            if frame.tag == SAMPLES:  # its length is right: no other stream has lost anything
                number = int.from_bytes(self._content(frame)[:4], "little")
                streams = [s for s in streams if s.number == number] or streams
        else:
            end = self._search(start + 1)
        self._sound.leave_out(start, end, reason)
        for stream in streams:
            stream.resume = True
        return end

    def _may_begin(self, place: int) -> bool:
        """Whether a chunk may begin there, by its head alone; the end of the file is as good."""
        if place == self._sound.size:
            return True
        frame = self._frame(place)
        if frame is None or frame.end > self._sound.size or not 1 <= frame.tag <= 6:
            return False
        if frame.tag not in OF_A_STREAM or frame.tag == STREAM_HEADER:
            return True
        self._file.seek(frame.content)
        return int.from_bytes(self._file.read(4), "little") in self._sound.streams

    def _search(self, start: int) -> int:
        """Where the next chunk begins that holds and that another one follows; the end where there is none."""
        size, base = self._sound.size, start
        while base < size and self._search_left > 0:
            self._file.seek(base)
            block = self._file.read(_BLOCK + 10)
            for found in _HEAD.finditer(block, 0):
                place = base + found.start()
                self._search_left -= _LOOK_BYTES
                if found.start() < _BLOCK and self._may_begin(place) and self._holds(place):
                    return place
                if self._search_left <= 0:
                    break
            self._search_left -= len(block)
            base += _BLOCK
        return size

    def _holds(self, place: int) -> bool:
        frame = self._frame(place)
        if frame is None or not self._may_begin(frame.end):
            return False
        self._search_left -= frame.end - frame.start
        content = self._content(frame)
        try:
            if frame.tag == STREAM_HEADER:
                content_of.read_header(0, content[4:])
            elif frame.tag == SAMPLES:
                content_of.measure(content, self._stream(content))
            elif frame.tag == STREAM_FOOTER:
                content_of.read_footer(content[4:])
            else:
                content_of.check_plain(frame.tag, content)
        except UnsoundError:
            return False
        return True
