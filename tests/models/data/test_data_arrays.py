"""Arrays from files: every format gives the same numbers, and a pickle may hold nothing but arrays."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from layout_files import cut_short
from scipy.io import savemat

import models.data.arrays as module
from models.data.arrays import array_shapes, load_array
from realtime.errors import DataError

_X = np.arange(24.0).reshape(2, 3, 4)


def _write(path: Path, x: np.ndarray, protocol: int = 2) -> Path:
    if path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix == ".npz":
        np.savez(path, data=x)
    elif path.suffix == ".dat":
        path.write_bytes(pickle.dumps({"data": x, "labels": x[0]}, protocol))
    elif path.stem == "hdf":
        with h5py.File(path, "w") as file:
            file["data"] = x.T
    else:
        savemat(path, {"data": x})
    return path


_FILES = ("a.npy", "a.npz", "a.mat", "hdf.mat", "a.dat")


@pytest.mark.parametrize("name", _FILES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(x=arrays(st.sampled_from([np.float64, np.float32, np.int16, np.uint8]), st.tuples(*[st.integers(2, 4)] * 3)))
def test_every_format_gives_the_same_array(name: str, tmp_path: Path, x: np.ndarray) -> None:
    path = _write(tmp_path / name, x)
    key = "" if name == "a.npy" else "data"
    assert np.array_equal(load_array(path, key), x, equal_nan=x.dtype.kind == "f")
    assert np.array_equal(load_array(path, key, 1), x[1], equal_nan=x.dtype.kind == "f")
    assert array_shapes(path)[key] == x.shape
    module._variable.cache_clear()
    module._unpickled.cache_clear()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_every_protocol_are_read(protocol: int, tmp_path: Path) -> None:
    path = _write(tmp_path / f"p{protocol}.dat", _X, protocol)
    assert np.array_equal(load_array(path, "data", 1), _X[1])
    assert array_shapes(path) == {"data": (2, 3, 4), "labels": (3, 4)}


def test_a_pickle_that_python_2_wrote_is_read(tmp_path: Path) -> None:
    x = np.array([1.5, -2.25, 3.0])
    kind = b"cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    state = b"(K\x01K\x03\x85" + kind + b"\x89U"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    content = b"\x80\x02}(U\x04data" + array + state + bytes([24]) + x.astype("<f8").tobytes() + b"tbu."
    (tmp_path / "s01.dat").write_bytes(content)
    assert np.array_equal(load_array(tmp_path / "s01.dat", "data"), x)


class _Calls:
    """Pickled, it is a call of anything, and, with `state`, what the result is then given."""

    def __init__(self, function: Any, *arguments: Any, state: Any = None) -> None:
        self._call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call


def test_a_pickle_that_calls_anything_else_is_refused_before_it_does(tmp_path: Path) -> None:
    marker = tmp_path / "written"
    inside = np.empty(1, object)
    inside[0] = _Calls(Path.touch, marker)
    for i, bad in enumerate((_Calls(Path.touch, marker), inside, _Calls(eval, "1"), _Calls(np.load, "x.npy"))):
        path = tmp_path / f"bad{i}.dat"
        path.write_bytes(pickle.dumps({"data": bad}))
        with pytest.raises(DataError, match="only NumPy arrays are let in") as caught:
            load_array(path, "data")
        assert "\n" not in str(caught.value)
    assert not marker.exists()


def _array(shape: Any, kind: Any, raw: Any) -> _Calls:
    return _Calls(np.zeros(0).__reduce__()[0], np.ndarray, (0,), b"b", state=(1, shape, kind, False, raw))


def _kind(code: str = "f8", inner: Any = None, flags: int = 0) -> _Calls:
    return _Calls(np.dtype, code, False, True, state=(3, "<", inner, None, None, -1, -1, flags))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (_array((2,), _kind(), b"\0" * 15), "15 bytes for an array of shape \\(2,\\) of float64"),
        (_array((-1, -2), _kind(), b"\0" * 16), "16 bytes for an array of shape"),
        (_array((10**12,), _kind(), b"\0" * 16), "16 bytes for an array of shape"),
        (_array((1,) * 40, _kind(), b"\0" * 8), "8 bytes for an array of shape"),
        (_array([2], _kind(), b"\0" * 16), "16 bytes for an array of shape"),
        (_array((2,), _kind("O"), [1, 2]), "array of object, wanted numbers"),
        (_array((2,), _kind("S8"), b"\0" * 16), "wanted numbers"),
        (_array((2,), _kind("f8,f8"), b"\0" * 32), "array of 'f8,f8', wanted numbers"),
        (_array((2,), _kind(inner=(1, 2)), b"\0" * 16), "an array of records, wanted numbers"),
        (_array((2,), 5, b"\0" * 16), "without a data type"),
        (_array((2,), _kind(), [0.0, 1.0]), "an array of list, wanted bytes"),
        (_Calls(np.dtype, "f8"), "a pickled dict, wanted a dictionary of arrays"),
    ],
)
def test_a_pickle_that_lies_about_its_array_is_refused(array: _Calls, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(pickle.dumps({"data": array}))
    with pytest.raises(DataError, match=said):
        load_array(tmp_path / "a.dat", "data")


def test_flags_that_call_numbers_pointers_are_not_believed(tmp_path: Path) -> None:
    has_objects = 1 | 2 | 8 | 16
    array = _array((2,), _kind(flags=has_objects), np.array([1.0, 2.0]).tobytes())
    (tmp_path / "a.dat").write_bytes(pickle.dumps({"data": array}))
    assert load_array(tmp_path / "a.dat", "data").tolist() == [1.0, 2.0]


def test_arrays_by_columns_and_of_the_other_byte_order_are_read(tmp_path: Path) -> None:
    x = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    for protocol in (2, 5):
        path = tmp_path / f"{protocol}.dat"
        path.write_bytes(pickle.dumps({"data": x, "flat": np.array([False, True])}, protocol))
        assert load_array(path, "data").tolist() == [[0, 1, 2], [3, 4, 5]]
        assert load_array(path, "flat").tolist() == [False, True]


@pytest.mark.parametrize("content", [b"S'\\\xd3'\n.", b"PK\x03\x04 a zip\nS'\\\xd3'\n."])
def test_what_pickle_never_writes_is_refused_by_name(content: bytes, tmp_path: Path) -> None:
    """A zip under this name may begin like a pickle, and then has texts with escapes that Python deprecates."""
    (tmp_path / "a.dat").write_bytes(content)
    with pytest.raises(DataError, match="is no pickle, or a damaged one"):
        load_array(tmp_path / "a.dat", "data")


@pytest.mark.parametrize("content", [[1, 2], {"data": [1, 2]}, np.zeros(3)])
def test_a_pickle_of_something_else_than_named_arrays_is_refused(content: Any, tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="wanted a dictionary of arrays"):
        load_array(tmp_path / "a.dat", "data")


@pytest.mark.parametrize("name", _FILES)
def test_a_file_cut_short_is_an_error_of_one_line_without_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "noonebado"
    folder.mkdir()
    path = _write(folder / name, np.random.default_rng(0).normal(size=(8, 8, 8)))
    cut_short(path, 0.4)
    with pytest.raises(DataError, match=name) as caught:
        load_array(path, "data" if name != "a.npy" else "")
    said = [str(caught.value)]
    if name != "a.mat":  # whose list of variables lies before what is missing
        with pytest.raises(DataError, match=name) as caught:
            array_shapes(path)
        said.append(str(caught.value))
    assert not any("noonebado" in text or "\n" in text for text in said)


def test_wrong_names_entries_and_kinds_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", a=_X, b=_X)
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    np.save(tmp_path / "object.npy", np.array([None], object), allow_pickle=True)
    savemat(tmp_path / "text.mat", {"data": "words"})
    for path, key, index, said in (
        (tmp_path / "two.npz", "", None, "several variables, and none asked for, in 'two.npz'; it holds: a, b"),
        (tmp_path / "two.npz", "c", None, "no variable 'c'"),
        (tmp_path / "two.npz", "a", 2, "no entry 2: its shape is \\(2, 3, 4\\)"),
        (tmp_path / "text.npy", "", None, "wanted numbers"),
        (tmp_path / "text.mat", "data", None, "wanted numbers"),
        (tmp_path / "object.npy", "", None, "cannot read 'object.npy'"),
        (tmp_path / "none.npy", "", None, "no array file 'none.npy'"),
        (tmp_path / "a.csv", "", None, "no array file that can be read"),
    ):
        with pytest.raises(DataError, match=said):
            load_array(path, key, index)


def test_what_is_read_cannot_be_written_to(tmp_path: Path) -> None:
    for name in _FILES:
        path = _write(tmp_path / name, _X)
        with pytest.raises(ValueError, match="read-only"):
            load_array(path, "" if name == "a.npy" else "data", 0)[0, 0] = 1.0


def _pictures(folder: Path, sizes: dict[str, tuple[int, int]]) -> Path:
    folder.mkdir()
    for name, (height, width) in sizes.items():
        image = np.zeros((height, width, 3), np.uint8)
        image[..., 2] = int(Path(name).stem)  # OpenCV's red
        cv2.imwrite(str(folder / name), image)
    return folder


def test_a_folder_of_numbered_pictures_is_an_array_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    folder = _pictures(tmp_path / "clip", {f"{k}.png": (6, 8) for k in (10, 2, 1)})
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    frames = load_array(folder)
    assert frames.shape == (3, 6, 8, 3)
    assert frames[:, 0, 0].tolist() == [[1, 0, 0], [2, 0, 0], [10, 0, 0]]


def test_pictures_that_do_not_fit_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = _pictures(tmp_path / "odd", {"1.png": (6, 8), "2.png": (8, 6)})
    with pytest.raises(DataError, match=r"'2.png' is \(8, 6\) px, the first picture \(6, 8\)"):
        load_array(odd)
    damaged = _pictures(tmp_path / "damaged", {"1.png": (6, 8)})
    (damaged / "1.png").write_bytes(b"\x89PNG nothing")
    with pytest.raises(DataError, match=r"'1.png' cannot be read as a picture"):
        load_array(damaged)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no numbered picture"):
        load_array(tmp_path / "empty")
    monkeypatch.setattr(module, "_MOST_PICTURE_BYTES", 100)
    with pytest.raises(DataError, match=r"take more than 0 MB"):
        load_array(_pictures(tmp_path / "large", {"1.png": (6, 8)}))
