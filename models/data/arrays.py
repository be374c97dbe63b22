"""Arrays in files of other people's data sets: .npy, .npz, .mat of any version, and pickled .dat read safely."""

from __future__ import annotations

import pickle
import tokenize
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.pickled import load_pickled_arrays
from realtime.eeg.recording import UNREADABLE
from realtime.errors import DataError
from realtime.face.pictures import decode_picture
from realtime.mat_file import check_mat, is_hdf5
from realtime.npz_file import npz_shapes, open_npz

ARRAY_SUFFIXES: tuple[str, ...] = (".npy", ".npz", ".mat", ".dat")
"""File name endings that `load_array` reads."""

PICTURE_SUFFIXES: tuple[str, ...] = (".png", ".jpg", ".jpeg", ".bmp")

_MOST_PICTURE_BYTES = 2_000_000_000

_DAMAGE = (
    *UNREADABLE,
    NameError,
    pickle.UnpicklingError,
    tokenize.TokenError,
    zipfile.BadZipFile,
)
"""What the parsers raise on damaged files; they promise no narrower set."""

_NUMBERS = "biuf"  # NumPy's codes of bool, signed, unsigned, floating


def load_array(path: Path, key: str = "", index: int | None = None) -> NDArray[Any]:
    """Read one array of numbers.

    Parameters
    ----------
    path : Path
        .npy; .npz; .mat (version 5 to 7 through SciPy, 7.3 through h5py, axes in MATLAB's order); .dat, a pickled
        dictionary of arrays as DEAP has them, nothing of which is run (`models.data.pickled`); or a folder
        of numbered pictures of one size, '1.png' and so on, as (n, height, width, 3) uint8 RGB in the order of their
        numbers.
    key : str
        Variable; may be '' for .npy, and where a file holds only one.
    index : int or None
        Entry of the first axis; all of it where None.

    Returns
    -------
    ndarray
        bool, integers or floats, read-only; of a .npy without `index` a memory map.

    Raises
    ------
    DataError
        No such file, damaged, no such variable or entry, no numbers, or too many pictures. The message gives the
        file's name without its folders, which may be people's names.
    """
    if path.is_dir():
        return _pictures(path)
    with _readable(path):
        if path.suffix.lower() == ".npy":
            whole = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            stat = path.stat()
            whole = _variable(path, key, (stat.st_mtime_ns, stat.st_size))
        if whole.dtype.kind not in _NUMBERS:
            raise DataError(f"{_said(path, key)} holds {whole.dtype}, wanted numbers")
        if index is None:
            return whole
        if whole.ndim == 0 or not 0 <= index < len(whole):
            raise DataError(f"{_said(path, key)} has no entry {index}: its shape is {whole.shape}")
        entry = np.array(whole[index])
    entry.flags.writeable = False
    return entry


def array_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays in a file, read from its headers where it has any; the name of a .npy's is ''.

    Raises
    ------
    DataError
        No such file, of another kind, or damaged.
    """
    suffix = path.suffix.lower()
    with _readable(path):
        if suffix == ".npy":
            return {"": np.load(path, mmap_mode="r", allow_pickle=False).shape}
        if suffix == ".npz":
            return npz_shapes(path)
        if suffix == ".mat":
            return _mat_shapes(path)
        stat = path.stat()
        return {name: array.shape for name, array in _unpickled(path, (stat.st_mtime_ns, stat.st_size)).items()}


def numbered(folder: Path, suffixes: tuple[str, ...] = PICTURE_SUFFIXES) -> list[Path]:
    """Files of a folder whose names are numbers, in the order of these: '2.png' before '10.png'."""
    found = [file for file in folder.iterdir() if file.suffix.lower() in suffixes and file.stem.isdecimal()]
    return sorted(found, key=lambda file: (int(file.stem), file.name))


def _pictures(folder: Path) -> NDArray[np.uint8]:
    import cv2

    files = numbered(folder)
    frames: NDArray[np.uint8] | None = None
    for i, file in enumerate(files):
        try:
            picture = decode_picture(file, cv2.IMREAD_COLOR)
        except DataError as err:
            raise DataError(f"'{file.name}' {err}") from err
        if frames is None:
            if len(files) * picture.nbytes > _MOST_PICTURE_BYTES:
                most = _MOST_PICTURE_BYTES // 1_000_000
                raise DataError(
                    f"{len(files)} pictures of {picture.shape[:2]} px take more than {most} MB; shorten the clip"
                )
            frames = np.empty((len(files), *picture.shape), np.uint8)
        if picture.shape != frames.shape[1:]:
            raise DataError(f"'{file.name}' is {picture.shape[:2]} px, the first picture {frames.shape[1:3]}")
        frames[i] = picture[..., ::-1]
    if frames is None:
        raise DataError("the folder holds no numbered picture; wanted '1.png', '2.png', ...")
    frames.flags.writeable = False
    return frames


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    if path.suffix.lower() not in ARRAY_SUFFIXES:
        raise DataError(f"'{path.name}' is no array file that can be read; wanted {', '.join(ARRAY_SUFFIXES)}")
    if not path.is_file():
        raise DataError(f"no array file '{path.name}' in its folder")
    try:
        yield
    except _DAMAGE as err:
        reason = " ".join(str(err).split())[:200] or type(err).__name__
        raise DataError(f"cannot read '{path.name}': {reason}; it is damaged, or not what its name says") from err


def _said(path: Path, key: str) -> str:
    return f"'{key}' of '{path.name}'" if key else f"'{path.name}'"


def _only(path: Path, key: str, names: list[str]) -> str:
    """`key`, or the file's only variable where nothing was asked for."""
    if not key and len(names) == 1:
        return names[0]
    if key not in names:
        asked = f"no variable '{key}'" if key else "several variables, and none asked for,"
        raise DataError(f"{asked} in '{path.name}'; it holds: {', '.join(names[:12]) or 'none'}")
    return key


# one file is kept: rows of a data set come file by file, and a DEAP file takes 100 MB
@lru_cache(maxsize=1)
def _variable(path: Path, key: str, _stamp: tuple[int, int]) -> NDArray[Any]:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with open_npz(path) as archive:
            array = archive[_only(path, key, archive.files)]
    elif suffix == ".mat":
        array = _mat(path, key)
    else:
        arrays = _unpickled(path, _stamp)
        array = arrays[_only(path, key, list(arrays))]
    array.flags.writeable = False
    return array


def _mat_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    from scipy.io import whosmat

    if not is_hdf5(path):
        check_mat(path)
        return {name: tuple(shape) for name, shape, _ in whosmat(path)}
    h5py = _h5py()
    with h5py.File(path, "r") as file:
        return {name: item.shape[::-1] for name, item in file.items() if isinstance(item, h5py.Dataset)}


def _mat(path: Path, key: str) -> NDArray[Any]:
    from scipy.io import loadmat

    name = _only(path, key, list(_mat_shapes(path)))
    if not is_hdf5(path):
        return np.asarray(loadmat(path, variable_names=[name])[name])
    with _h5py().File(path, "r") as file:
        # MATLAB counts axes the other way round
        return np.ascontiguousarray(np.asarray(file[name]).T)


def _h5py() -> ModuleType:
    try:
        import h5py
    except ImportError as err:
        raise DataError("a .mat of version 7.3 needs h5py: pip install h5py, or save it with '-v7'") from err
    return h5py


@lru_cache(maxsize=1)
def _unpickled(path: Path, _stamp: tuple[int, int]) -> dict[str, NDArray[Any]]:
    return load_pickled_arrays(path)
