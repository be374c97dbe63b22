"""NumPy's archives, opened only where what they say of themselves is so; nothing in them is unpickled."""

from __future__ import annotations

import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ZLIB_TIMES = 1100
"""Zlib packs no tighter: for archives of our own, which may hold zeros alone."""

_UNPACKED_BYTES = 64 * 2**20
_MOST_MEMBERS = 10_000
_MOST_HEADER = 10_000
_LONGEST = 2**48


@contextmanager
def open_npz(path: Path, most_times: int = 100) -> Iterator[Any]:
    """The archive as `numpy.load` gives it.

    Parameters
    ----------
    path : Path
    most_times : int
        How many times its size it may unpack to, beyond 64 MiB; zlib packs zeros a thousandfold.

    Raises
    ------
    OSError, zipfile.BadZipFile
        It cannot be read, or is cut off.
    ValueError
        It is no .npz, is damaged, unpacks to far more than it is, or an array is larger than the bytes there are for
        it; also where that shows only when an array is read within the block.
    """
    # opened here: np.load leaves its own file open where the archive is cut short
    with _damage_named(), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not an .npz file")
        npz_shapes(path, most_times)
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            yield archive


def npz_shapes(path: Path, most_times: int = 100) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays of an archive, from its headers.

    Raises
    ------
    OSError, zipfile.BadZipFile, ValueError
        See `open_npz`.
    """
    found: dict[str, tuple[int, ...]] = {}
    with _damage_named(), zipfile.ZipFile(path) as archive:
        members, size = archive.infolist(), path.stat().st_size
        if len(members) > _MOST_MEMBERS:
            raise ValueError(f"it holds {len(members)} arrays")
        if (unpacked := sum(member.file_size for member in members)) > _UNPACKED_BYTES + most_times * size:
            raise ValueError(f"its {size} bytes unpack to {unpacked}")
        for member in members:
            with archive.open(member) as file:
                shape, kind = _header(file)
                if math.prod(shape) * kind.itemsize > member.file_size:
                    raise ValueError(f"'{member.filename}' says that it is {shape} of {kind}"[:120] + ", and is not")
            found[member.filename.removesuffix(".npy")] = shape
    return found


def read_npy(path: Path) -> NDArray[Any]:
    """One array of NumPy, where the file is as long as it says.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no .npy, or is cut off.
    """
    with path.open("rb") as file:
        shape, kind = _header(file)
        if math.prod(shape) * kind.itemsize > path.stat().st_size:
            raise ValueError(f"it says that it is {shape} of {kind}"[:120] + ", and is not")
        file.seek(0)
        return np.load(file, allow_pickle=False)


@contextmanager
def _damage_named() -> Iterator[None]:
    """What the unpackers raise where a bit was changed, as a `ValueError`: they promise no narrower set."""
    try:
        yield
    except (zlib.error, lzma.LZMAError, struct.error, RuntimeError, SystemError) as err:
        # a RuntimeError: encrypted, or packed by a method that is not there; a SystemError: a letter beyond Unicode
        raise ValueError(f"it is damaged, or packed as no .npz is: {type(err).__name__}") from err


def _header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"it holds an array of the version {version}")
    try:
        shape, _, kind = read(file, max_header_size=_MOST_HEADER)
    except (SyntaxError, tokenize.TokenError, RecursionError, TypeError) as err:
        raise ValueError(f"it holds an array whose header cannot be read: {type(err).__name__}") from err
    if any(type(n) is not int or not 0 <= n <= _LONGEST for n in shape):
        raise ValueError("it holds an array without a shape")
    return shape, kind
