"""Whether a .mat or .set file of MATLAB holds together, found before SciPy reads it.

SciPy's reader is written for honest files: a type it does not know sends it to an address that nobody chose, and the
process is gone. So the file's elements are gone through first, each against the room it has; numbers are skipped, not
read. The format is that of "MAT-File Format" (MathWorks), level 5; level 7 is the same, packed by zlib.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

HDF5_MARK = b"\x89HDF\r\n\x1a\n"

_HEADER_BYTES = 128
_MATRIX, _COMPRESSED = 14, 15
_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Types of numbers, and bytes each takes."""
_SPARSE_WIDTHS = dict(_WIDTHS)  # a logical one has its bytes called doubles
_TEXTS = {1: 1, 2: 1, 3: 2, 4: 2, 16: 1, 17: 2, 18: 4}
"""Types of letters, and bytes each takes at least."""
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 5, 16, 17
_NUMERIC = range(6, 16)
_COMPLEX = 0x0800

_MOST_LEVELS = 32
_MOST_AXES = 32
_MOST_NAME_BYTES = 2**20
_MOST_BLANKS = 1024
_UNPACKED_BYTES, _UNPACKED_TIMES = 64 * 2**20, 50
_MATRICES, _BYTES_A_MATRIX = 10_000, 2
_BLOCK = 2**18


@dataclass(slots=True)
class MatFacts:
    """What was found on the way.

    Parameters
    ----------
    bytes : int
        Size of all variables, unpacked.
    scalars : dict
        Real numbers of one element, by 'variable' or 'variable.field'.
    """

    bytes: int = 0
    scalars: dict[str, float] = field(default_factory=dict)


def is_hdf5(path: Path) -> bool:
    """Whether a file of MATLAB is of version 7.3: HDF5 behind 512 bytes of MATLAB's own, or none."""
    with path.open("rb") as file:
        start = file.read(520)
    return HDF5_MARK in (start[:8], start[512:])


def check_mat(path: Path) -> MatFacts:
    """Go through a file of version 5 to 7.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It does not hold together, is of another version, or unpacks to far more than it is.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if order is None or header[125 if order == "<" else 124] != 1 or b"\0" in header[:4]:
            raise ValueError("it is no MATLAB file of version 5 to 7: save it with '-v7'")
        walk = _Walk(order, _MATRICES + size // _BYTES_A_MATRIX)
        room = _UNPACKED_BYTES + _UNPACKED_TIMES * size
        while file.tell() < size:
            kind, count, small = _tag(file.read(8), order)
            if small is not None or count > size - file.tell():
                raise ValueError("an element is larger than the file")
            end = file.tell() + count
            if kind == _COMPRESSED:
                packed = _Packed(file, count, room)
                walk.variable(packed)
                packed.finish()
                room -= packed.taken
                walk.facts.bytes += packed.taken
            else:
                walk.matrix(_Plain(file, count), kind, count, "", 0)
                walk.facts.bytes += count
            file.seek(end)
    return walk.facts


def _tag(head: bytes, order: str) -> tuple[int, int, bytes | None]:
    """Type, bytes, and the content where it is in the tag itself."""
    if len(head) < 8:
        raise ValueError("it is cut off in the middle of an element")
    first, count = struct.unpack(f"{order}II", head)
    if first >> 16 == 0:
        return first, count, None
    if first >> 16 > 4:
        raise ValueError("an element in a tag is longer than the tag")
    return first & 0xFFFF, first >> 16, head[4 : 4 + (first >> 16)]


class _Plain:
    """A matrix in the file."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file, self._count, self.place = file, count, 0

    def read(self, count: int) -> bytes:
        self._take(count)
        return self._file.read(count)

    def skip(self, count: int) -> None:
        self._take(count)
        self._file.seek(count, 1)

    def _take(self, count: int) -> None:
        self.place += count
        if self.place > self._count:
            raise ValueError("an element is larger than what holds it")


class _Packed:
    """A matrix that zlib packed, unpacked a block at a time."""

    def __init__(self, file: BinaryIO, count: int, room: int) -> None:
        self._file, self._packed, self._room = file, count, room
        self._zlib = zlib.decompressobj()
        self._buffer, self._at, self._input = b"", 0, b""
        self.taken = self.place = 0

    def _more(self) -> bool:
        while not self._zlib.eof:
            if not self._input:
                self._input = self._file.read(min(_BLOCK, self._packed))
                self._packed -= len(self._input)
                if not self._input:
                    return False
            try:
                block = self._zlib.decompress(self._input, _BLOCK)
            except zlib.error as err:
                raise ValueError(f"what zlib packed is damaged: {err}") from err
            self._input = self._zlib.unconsumed_tail
            if block:
                self.taken += len(block)
                if self.taken > self._room:
                    raise ValueError("it unpacks to far more than it is")
                self._buffer, self._at = self._buffer[self._at :] + block, 0
                return True
        return False

    def read(self, count: int) -> bytes:
        while len(self._buffer) - self._at < count:
            if not self._more():
                raise ValueError("an element is larger than what holds it")
        self._at += count
        self.place += count
        return self._buffer[self._at - count : self._at]

    def skip(self, count: int) -> None:
        self.place += count
        while (there := len(self._buffer) - self._at) < count:
            count -= there
            self._at = len(self._buffer)
            if not self._more():
                raise ValueError("an element is larger than what holds it")
        self._at += count

    def finish(self) -> None:
        """Unpack the rest, so that what SciPy unpacks is bounded too."""
        while self._more():
            self._at = len(self._buffer)


_Source = _Plain | _Packed


class _Walk:
    """Goes through matrices within matrices."""

    def __init__(self, order: str, most_matrices: int) -> None:
        self._order, self._matrices_left = order, most_matrices
        self.facts = MatFacts()

    def variable(self, source: _Source) -> None:
        """A packed variable: one matrix with its tag."""
        kind, count, small = _tag(source.read(8), self._order)
        if small is not None:
            raise ValueError("a packed variable is no matrix")
        self.matrix(source, kind, count, "", 0)

    def matrix(self, source: _Source, kind: int, count: int, path: str, level: int) -> None:
        """One matrix, after its tag; `count` bytes."""
        self._matrices_left -= 1
        if kind != _MATRIX or level > _MOST_LEVELS or self._matrices_left < 0:
            raise ValueError("it holds something else than matrices, nested too deep, or too many of them")
        if count == 0 and level > 0:
            return  # an empty cell; SciPy takes a variable's word for being one
        begun = source.place
        self._content(source, path, level)
        if source.place - begun > count:
            raise ValueError("a matrix is larger than it says")

    def _content(self, source: _Source, path: str, level: int) -> None:
        flags = self._numbers(source, (6,), 8)
        what = struct.unpack_from(f"{self._order}I", flags)[0]
        if what & 0xFF == _OPAQUE:
            for _ in range(3):
                self._numbers(source, (1, 2, 16), _MOST_NAME_BYTES)
            self._inner(source, "", level)
            return
        raw = self._numbers(source, (5, 6), 4 * _MOST_AXES)
        shape = struct.unpack(f"{self._order}{len(raw) // 4}i", raw)
        name = self._numbers(source, (1, 2, 16), _MOST_NAME_BYTES)
        cells = math.prod(shape)
        if len(raw) % 4 or len(shape) < 2 or min(shape) < 0 or cells > 2**48:
            raise ValueError(f"a matrix has the shape {shape}"[:100])
        own = name.decode("latin1").strip("\0")
        self._body(source, what, cells, f"{path}.{own}".strip(".") if own else path, level)

    def _body(self, source: _Source, what: int, cells: int, path: str, level: int) -> None:
        kind = what & 0xFF
        if kind in _NUMERIC:
            for part in range(2 if what & _COMPLEX else 1):
                self._values(source, cells, path if part == 0 and level < 3 else "")
        elif kind == _CHAR:
            self._text(source, cells)
        elif kind == _SPARSE:
            for _ in range(4 if what & _COMPLEX else 3):
                self._skip(source, _SPARSE_WIDTHS)
        elif kind == _CELL:
            self._cells(source, cells, level)
        elif kind in (_STRUCT, _OBJECT):
            if kind == _OBJECT:
                self._numbers(source, (1, 2, 16), _MOST_NAME_BYTES)
            self._fields(source, cells, path, level)
        elif kind == _FUNCTION:
            self._inner(source, "", level)
        else:
            raise ValueError(f"a matrix of the unknown class {kind}")

    def _inner(self, source: _Source, path: str, level: int) -> None:
        kind, count, small = _tag(source.read(8), self._order)
        if small is not None:
            raise ValueError("a matrix within another is none")
        self.matrix(source, kind, count, path, level + 1)

    def _cells(self, source: _Source, cells: int, level: int) -> None:
        for _ in range(cells):
            self._inner(source, "", level)

    def _fields(self, source: _Source, cells: int, path: str, level: int) -> None:
        width = struct.unpack(f"{self._order}i", self._numbers(source, (5,), 4))[0]
        names = self._numbers(source, (1, 2), _MOST_NAME_BYTES)
        if width <= 0 or len(names) % width:
            raise ValueError(f"names of fields of {width} letters in {len(names)} bytes")
        fields = [names[i : i + width].split(b"\0")[0].decode("latin1") for i in range(0, len(names), width)]
        for _ in range(cells):
            for name in fields:
                self._inner(source, f"{path}.{name}" if cells == 1 else "", level)

    def _element(self, source: _Source) -> tuple[int, int, bytes | None]:
        return _tag(source.read(8), self._order)

    def _pad(self, source: _Source, count: int) -> None:
        source.skip(-count % 8)

    def _numbers(self, source: _Source, types: tuple[int, ...], most: int) -> bytes:
        """Content of a short element."""
        kind, count, small = self._element(source)
        if kind not in types or count > most or (types in ((6,), (5,)) and count != most):
            raise ValueError(f"an element of type {kind} and {count} bytes is not where it belongs")
        if small is not None:
            return small
        content = source.read(count)
        self._pad(source, count)
        return content

    def _skip(self, source: _Source, widths: dict[int, int]) -> tuple[int, int, bytes | None]:
        """Pass over numbers or letters; type, how many, and the content where it is short."""
        kind, count, content = self._element(source)
        width = widths.get(kind)
        if width is None or (count % width and widths is not _SPARSE_WIDTHS):
            raise ValueError(f"an element of type {kind} and {count} bytes holds no numbers")
        if content is None and count <= 8:
            content = source.read(count)
            self._pad(source, count)
        elif content is None:
            source.skip(count)
            self._pad(source, count)
        return kind, count // width, content

    def _values(self, source: _Source, cells: int, path: str) -> None:
        kind, count, content = self._skip(source, _WIDTHS)
        if count != cells:
            raise ValueError(f"a matrix of {cells} numbers holds {count}")
        if count == 1 and path and content is not None:
            code = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}[kind]
            self.facts.scalars[path] = float(struct.unpack_from(self._order + code, content)[0])

    def _text(self, source: _Source, cells: int) -> None:
        kind, count, _ = self._skip(source, _TEXTS)
        # in UTF-8 and UTF-16 a letter may take several; of an empty one SciPy makes blanks
        if cells > (count or _MOST_BLANKS) or (cells < count and kind not in (16, 17)):
            raise ValueError(f"a text of {cells} letters holds {count}")
