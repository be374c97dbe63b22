"""Copying an XDF file stream by stream, with the words of notes taken out of marker streams on the way."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

from realtime.errors import DataError
from realtime.recorder.xdf_chunks import MAGIC, OF_A_STREAM, SAMPLES, Chunk, XdfTail, chunks, copy_bytes
from realtime.session.events import parse_event
from realtime.session.folder import open_new

_LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}
_MOST_CHUNK = 256 * 2**20
_WORDS, _CONSENT = "text", "consent_id"


def copy_streams(source: Path, target: Path, kept: Collection[int], *, blank_notes: bool) -> int:
    """Copy the streams of these numbers to a new file; how many notes lost their words.

    Parameters
    ----------
    source, target : Path
    kept : collection of int
    blank_notes : bool
        Whether "text" of JSON events is emptied; when each was written stays. Consent ids are emptied in any case.

    Raises
    ------
    DataError
        The recording is damaged.
    FileExistsError
        `target` is there.
    OSError
        It cannot be written.
    """
    tail = XdfTail(source, float)
    tail.step()
    texts = {s.number: s.channels for s in tail.streams.values() if s.channel_format == "string"}
    blanked = 0

    def blank(text: bytes) -> bytes:
        nonlocal blanked
        event = parse_event(text.decode("utf-8", "replace"))
        if event is None:
            return text
        private = [key for key in (_CONSENT, *([_WORDS] if blank_notes else [])) if event.get(key)]
        blanked += _WORDS in private
        return json.dumps({**event, **dict.fromkeys(private, "")}).encode() if private else text

    with source.open("rb") as file, open_new(target) as copy:
        copy.write(MAGIC)
        for chunk in chunks(file, len(MAGIC), tail.whole):
            number = _stream_of(file, chunk)
            if number is not None and number not in kept:
                continue
            if chunk.tag == SAMPLES and number in texts:
                copy.write(_rewritten(file, chunk, texts[number], blank))
                continue
            file.seek(chunk.start)
            copy_bytes(file, copy, chunk.end - chunk.start)
    return blanked


def _stream_of(file: BinaryIO, chunk: Chunk) -> int | None:
    if chunk.tag not in OF_A_STREAM or chunk.end - chunk.content < 4:
        return None
    file.seek(chunk.content)
    return struct.unpack("<I", file.read(4))[0]


def _rewritten(file: BinaryIO, chunk: Chunk, channels: int, change: Callable[[bytes], bytes]) -> bytes:
    """A chunk of samples of texts with each text changed."""
    if chunk.end - chunk.content > _MOST_CHUNK:
        raise DataError(f"byte {chunk.start} of '{file.name}' holds more texts than any marker stream: it is damaged")
    file.seek(chunk.content)
    content = file.read(chunk.end - chunk.content)
    try:
        place, count = _number(content, 4)
        out = [content[:place]]
        for _ in range(count):
            stamp_end = place + 1 + content[place]
            out.append(content[place:stamp_end])
            place = stamp_end
            for _ in range(channels):
                begin, length = _number(content, place)
                if begin + length > len(content):
                    raise IndexError
                text = change(content[begin : begin + length])
                out.append(b"\x04" + struct.pack("<I", len(text)) + text)
                place = begin + length
    except (IndexError, KeyError, struct.error) as err:
        raise DataError(f"byte {chunk.start} of '{file.name}' holds no texts of markers: it is damaged") from err
    body = b"".join(out)
    return b"\x04" + struct.pack("<IH", len(body) + 2, SAMPLES) + body


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Where a length ends, and what it is."""
    width = content[place]
    return place + 1 + width, struct.unpack_from(_LENGTHS[width], content, place + 1)[0]
