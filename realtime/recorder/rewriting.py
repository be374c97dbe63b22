"""Copying an XDF file stream by stream, without the words of notes and what leads to a machine or a person."""

from __future__ import annotations

import json
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, BinaryIO

from realtime.errors import DataError
from realtime.recorder.identities import Identities
from realtime.recorder.xdf_chunks import (
    BOUNDARY,
    FILE_HEADER,
    MAGIC,
    OF_A_STREAM,
    SAMPLES,
    STREAM_HEADER,
    Chunk,
    XdfTail,
    chunks,
    copy_bytes,
)
from realtime.session.folder import open_new
from realtime.untrusted import MOST_XML_BYTES, parse_json, parse_xml

_LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}
_MOST_CHUNK = 256 * 2**20
_WORDS = "text"


def learn_machines(source: Path, identities: Identities) -> None:
    """Take in the names of machines in the headers of all streams of a recording.

    Raises
    ------
    DataError
        The recording is damaged.
    """
    tail = XdfTail(source, float)
    tail.step()
    with source.open("rb") as file:
        headers = [_header(file, chunk) for chunk in chunks(file, len(MAGIC), tail.whole) if _readable_header(chunk)]
    identities.learn(
        [host.text or "" for info in headers for host in info.iter("hostname")],
        [(info.findtext("source_id") or "").strip() for info in headers],
    )


def copy_streams(
    source: Path, target: Path, kept: Collection[int], identities: Identities, *, blank_notes: bool
) -> int:
    """Copy the streams of these numbers to a new file; how many notes lost their words.

    Parameters
    ----------
    source, target : Path
    kept : collection of int
    identities : Identities
        What stands in the place of names in headers and JSON texts; see `learn_machines`.
    blank_notes : bool
        Whether "text" of JSON events is emptied; when each was written stays.

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
        said = _object(text)
        if said is None:
            return text
        noted = blank_notes and isinstance(said.get("event"), str) and bool(said.get(_WORDS))
        blanked += noted
        clean = identities.said({**said, _WORDS: ""} if noted else said)
        return text if clean == said else json.dumps(clean).encode()

    with source.open("rb") as file, open_new(target) as copy:
        copy.write(MAGIC)
        for chunk in chunks(file, len(MAGIC), tail.whole):
            number = _stream_of(file, chunk)
            if number not in kept if chunk.tag in OF_A_STREAM else chunk.tag not in (FILE_HEADER, BOUNDARY):
                continue
            if chunk.tag == STREAM_HEADER:
                copy.write(_renamed(file, chunk, identities))
            elif chunk.tag == SAMPLES and number in texts:
                copy.write(_rewritten(file, chunk, texts[number], blank))
            else:
                file.seek(chunk.start)
                copy_bytes(file, copy, chunk.end - chunk.start)
    return blanked


def _object(text: bytes) -> dict[str, Any] | None:
    """The JSON object of a marker; None for any other text."""
    try:
        said = parse_json(text.decode("utf-8", "replace"))
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _readable_header(chunk: Chunk) -> bool:
    return chunk.tag == STREAM_HEADER and 4 <= chunk.end - chunk.content <= MOST_XML_BYTES


def _header(file: BinaryIO, chunk: Chunk) -> ElementTree.Element:
    """The description in the header of a stream, behind its number."""
    file.seek(chunk.content + 4)
    try:
        return parse_xml(file.read(chunk.end - chunk.content - 4))
    except ValueError as err:
        raise DataError(f"byte {chunk.start} of '{file.name}' holds no header of a stream: {err}") from err


def _renamed(file: BinaryIO, chunk: Chunk, identities: Identities) -> bytes:
    """The header of a stream without the names of machines."""
    if not _readable_header(chunk):
        raise DataError(f"byte {chunk.start} of '{file.name}' holds no header of a stream: it is damaged")
    info = _header(file, chunk)
    identities.header(info)
    file.seek(chunk.content)
    text = f'<?xml version="1.0"?>{ElementTree.tostring(info, "unicode")}'
    return _chunk(STREAM_HEADER, file.read(4) + text.encode())


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
    return _chunk(SAMPLES, b"".join(out))


def _chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def _number(content: bytes, place: int) -> tuple[int, int]:
    """Where a length ends, and what it is."""
    width = content[place]
    return place + 1 + width, struct.unpack_from(_LENGTHS[width], content, place + 1)[0]
