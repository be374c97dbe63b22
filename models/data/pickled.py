"""Pickled dictionaries of arrays, read without running what is in them.

A pickle is a program, and one from a data set is a stranger's. This reader lets a pickle call nothing but stand-ins for
NumPy's own, which take down what they are given; the arrays are then made from that by code that checks it. NumPy's
real ones would do for honest files, but trust their state: a data type with wrong flags makes them read numbers as
pointers.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError

_NUMBERS = "biuf"  # NumPy's codes of bool, signed, unsigned, floating
_MOST_AXES = 8


def load_pickled_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """A pickled {name: array}, of any protocol, from Python 2 or 3.

    Raises
    ------
    DataError
        It asks for anything but arrays of numbers, or is no dictionary of such, or no pickle at all.
    pickle.UnpicklingError, EOFError, ValueError, TypeError and others
        It is damaged; the parser promises no narrower set.
    """
    raw = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # of a text with escapes that pickle never writes
        try:
            _require_room(raw)
            # files that Python 2 wrote have their bytes as text
            found = _StandIns(io.BytesIO(raw), encoding="latin1").load()
        except DeprecationWarning as err:
            raise DataError(f"'{path.name}' is no pickle, or a damaged one: {err}") from err
    if not isinstance(found, dict) or not all(isinstance(array, _Array) for array in found.values()):
        raise DataError(f"'{path.name}' holds a pickled {type(found).__name__}, wanted a dictionary of arrays")
    return {str(name): array.made() for name, array in found.items()}


def _require_room(raw: bytes) -> None:
    """Refuse a pickle that asks for more memory than it has bytes: for a text of any length, or a memo of any size."""
    for opcode, argument, _ in pickletools.genops(raw):
        if "PUT" in opcode.name and isinstance(argument, int) and argument > len(raw):
            raise DataError(f"a pickle of {len(raw)} bytes asks for a memo of {argument} places")


class _StandIns(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ADMITTED:
            raise DataError(f"a pickle asks for {module}.{name}, and only NumPy arrays are let in")
        return _ADMITTED[module, name]


class _Inert:
    """Has a `__setstate__`, so that a pickle cannot set attributes, neither of it nor of its class."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("state for what has none")


class _Kind(_Inert):
    """Stands in for numpy.dtype."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any, *_flags: Any) -> None:
        self._code, self._order = code, "="

    def __setstate__(self, state: Any) -> None:
        _version, self._order, inner, names, fields, *_sizes = state
        if inner is not None or names is not None or fields is not None:
            raise DataError("a pickle holds an array of records, wanted numbers")

    def made(self) -> np.dtype[Any]:
        if not isinstance(self._code, str) or len(self._code) > 3 or self._order not in ("<", ">", "=", "|"):
            raise DataError(f"a pickle holds an array of {self._code!r}, wanted numbers")
        kind = np.dtype(self._code)
        if kind.kind not in _NUMBERS:
            raise DataError(f"a pickle holds an array of {kind}, wanted numbers")
        return kind if self._order == "|" else kind.newbyteorder(self._order)


class _Array(_Inert):
    """Stands in for numpy.ndarray."""

    __slots__ = ("_by_columns", "_kind", "_raw", "_shape")

    def __init__(self, *_arguments: Any) -> None:
        self._shape: Any = ()
        self._kind: Any = None
        self._raw: Any = b""
        self._by_columns = False

    def __setstate__(self, state: Any) -> None:
        _version, self._shape, self._kind, by_columns, self._raw = state
        self._by_columns = bool(by_columns)

    def made(self) -> NDArray[Any]:
        if not isinstance(self._kind, _Kind):
            raise DataError("a pickle holds an array without a data type")
        kind = self._kind.made()
        raw = self._raw.encode("latin1") if isinstance(self._raw, str) else self._raw
        if not isinstance(raw, bytes | bytearray):
            raise DataError(f"a pickle holds an array of {type(raw).__name__}, wanted bytes")
        shape = self._shape
        lengths = (
            isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape) and len(shape) <= _MOST_AXES
        )
        if not lengths or math.prod(shape) * kind.itemsize != len(raw):
            raise DataError(f"a pickle holds {len(raw)} bytes for an array of shape {shape!r} of {kind}"[:200])
        return np.frombuffer(bytes(raw), kind).reshape(shape, order="F" if self._by_columns else "C")


class _Reconstruct(_Inert):
    """Stands in for what makes an empty array."""

    def __new__(cls, *_arguments: Any) -> Any:
        return _Array()


class _FromBuffer(_Inert):
    """Stands in for what protocol 5 makes arrays with."""

    def __new__(cls, raw: Any, kind: Any, shape: Any, order: Any, *_more: Any) -> Any:
        array = _Array()
        array.__setstate__((1, shape, kind, order == "F", raw))
        return array


class _Bytes(_Inert):
    """Stands in for what protocols 0 to 2 of Python 3 make bytes with."""

    def __new__(cls, text: Any, encoding: Any) -> Any:
        if encoding != "latin1" or not isinstance(text, str):
            raise DataError("a pickle holds text where an array's bytes belong")
        return text.encode("latin1")


_ADMITTED: dict[tuple[str, str], type] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
    ("_codecs", "encode"): _Bytes,
}
"""All that a pickle may ask for."""
