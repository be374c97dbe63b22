"""Honest files, changed: bits, bytes, numbers, cuts, holes and transplants, inside packed parts too."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence

_NUMBERS = (0, 1, 2, 3, 4, 7, 8, 14, 15, 16, 127, 128, 255, 256, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HUGE = (2**40, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
_WORDS = (b"-1", b"0", b"1e308", b"nan", b"inf", b"9" * 25, b"", b"null", b'"', b"[", b"{", b"\x00", b"\xff", b"<a>")
_MOST_BYTES = 1 << 20
_HOLE = 4096

Change = Callable[[random.Random, bytearray], None]


def _flip(rng: random.Random, data: bytearray) -> None:
    place = rng.randrange(len(data))
    data[place] ^= 1 << rng.randrange(8)


def _byte(rng: random.Random, data: bytearray) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 4, 8, 14, 255, rng.randrange(256)))


def _number(rng: random.Random, data: bytearray) -> None:
    code, size = rng.choice((("H", 2), ("I", 4), ("I", 4), ("Q", 8), ("d", 8)))
    place = rng.randrange(len(data))
    if code == "d":
        value = rng.choice((float("nan"), float("inf"), -1.0, 1e300, 5e-324, 0.0))
    else:
        value = rng.choice(_NUMBERS + _HUGE) & (2 ** (8 * size) - 1)
    data[place : place + size] = struct.pack(rng.choice("<>") + code, value)


def _digits(rng: random.Random, data: bytearray) -> None:
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", bytes(data[:65536])))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice((*_WORDS, b"%d" % rng.choice(_NUMBERS + _HUGE), b"-2147483649"))


def _word(rng: random.Random, data: bytearray) -> None:
    place = rng.randrange(len(data) + 1)
    data[place:place] = rng.choice(_WORDS)


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(len(data)) :]


def _remove(rng: random.Random, data: bytearray) -> None:
    place = rng.randrange(len(data))
    del data[place : place + rng.choice((1, 2, 4, 8, rng.randrange(1, 512)))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    place, length = rng.randrange(len(data)), rng.randrange(1, 256)
    data[place:place] = data[place : place + length] * rng.choice((1, 2, 50))


def _hole(rng: random.Random, data: bytearray) -> None:
    place = rng.randrange(len(data))
    data[place : place + _HOLE] = bytes(len(data[place : place + _HOLE]))


def _noise(rng: random.Random, data: bytearray) -> None:
    place = rng.randrange(len(data))
    data[place : place + 16] = rng.randbytes(rng.randrange(32))


_CHANGES: tuple[Change, ...] = (
    _flip, _flip, _byte, _byte, _number, _number, _digits, _digits, _word, _cut, _remove, _repeat, _hole, _noise,
)  # fmt: skip


def mutate(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """One of the seeds, changed in a few places; what it packs is unpacked, changed and packed again, mostly."""
    data = rng.choice(seeds)
    if rng.random() < 0.8:
        if data.startswith(b"PK"):
            return _in_zip(rng, data)
        if data[:6] == b"MATLAB" and b"\x0f\x00\x00\x00" in data[:200]:
            return _in_mat(rng, data)
    changed = _changed(rng, data)
    if rng.random() < 0.1:
        other = rng.choice(seeds)
        changed = changed[: rng.randrange(len(changed) + 1)] + other[rng.randrange(len(other)) :]
    return changed[:_MOST_BYTES]


def _changed(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        if not out:
            break
        rng.choice(_CHANGES)(rng, out)
    return bytes(out)


def _in_zip(rng: random.Random, data: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        names = source.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = source.read(name)
            made.writestr(name, _changed(rng, content)[:_MOST_BYTES] if name == chosen else content)
    return target.getvalue()


def _in_mat(rng: random.Random, data: bytes) -> bytes:
    """Packed variables of a MATLAB file of version 7, one of them changed."""
    parts, place = [], 128
    while place + 8 <= len(data):
        kind, count = struct.unpack_from("<II", data, place)
        parts.append((kind, data[place + 8 : place + 8 + count]))
        place += 8 + count
    chosen, out = rng.randrange(len(parts)), [data[:128]]
    for i, (kind, content) in enumerate(parts):
        if i == chosen and kind == 15:
            content = zlib.compress(_changed(rng, zlib.decompress(content)), 1)
        out.append(struct.pack("<II", kind, len(content)) + content)
    return b"".join(out)
