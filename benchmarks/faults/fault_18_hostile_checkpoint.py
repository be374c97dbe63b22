"""Row 18: a pickle under the name of a checkpoint, of an array, or of what training and evaluation keep."""

from __future__ import annotations

import importlib.util
import io
import pickle
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.row import Outcome, Row, not_installed
from benchmarks.fuzz import folders
from realtime.errors import DataError, EmostreamError

REQUIRED = "refused before it is unpickled: a named error, and the program in it has not run"


class Program:
    """Makes a file when it is unpickled, and so tells that it was."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


def pickles(mark: Path) -> dict[str, bytes]:
    """The same program in every form that people keep weights in."""
    import torch

    state = {"weights": np.zeros(3), "note": Program(mark)}
    made = {f"pickle protocol {n}": pickle.dumps(state, protocol=n) for n in range(6)}
    for name, options in (("torch.save", {}), ("old torch.save", {"_use_new_zipfile_serialization": False})):
        target = io.BytesIO()
        torch.save(state, target, **options)
        made[name] = target.getvalue()
    target = io.BytesIO()
    np.save(target, np.array([state], dtype=object), allow_pickle=True)
    made["object array"] = target.getvalue()
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name in ("meta", "data", "about", "failure", "classes"):  # what each reader of archives asks for first
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), made["object array"])  # the same bytes at any hour
    made["archive of object arrays"] = target.getvalue()
    return made


def readers() -> dict[str, tuple[str, Callable[[Path], object]]]:
    """Readers of ours by what they read: the file's name, and the function."""
    from models.checkpoint import load_checkpoint
    from models.data.arrays import array_shapes, load_array
    from models.data.eeg_features import EegFeatures
    from models.data.face_features import FaceFeatures
    from models.data.features import _load
    from models.recognizer import load_recognizer
    from models.samples import load_samples
    from models.small.stored import read_ensemble
    from realtime.calibrate.person import PersonCalibration
    from realtime.eeg.calibration import Calibration
    from realtime.eeg.files import read_recording

    def arrays(path: Path) -> None:
        for key in array_shapes(path):
            load_array(path, key)

    def features(kind: type, path: Path) -> None:
        if _load(path, kind) is None:
            raise DataError("not kept whole: made anew")  # by design no error: the features are computed again

    return {
        "checkpoint": ("net.safetensors", load_checkpoint),
        "recogniser": ("net.safetensors", load_recognizer),
        "ensemble": ("net.safetensors", read_ensemble),
        "checkpoint .pt": ("net.pt", load_checkpoint),
        "calibration": ("person.npz", PersonCalibration.load),
        "EEG calibration": ("eeg.npz", Calibration.load),
        "finished fold": ("fold.npz", folders.read_fold),
        "EEG features": ("k.npz", partial(features, EegFeatures)),
        "face features": ("k.npz", partial(features, FaceFeatures)),
        "training state": ("state.safetensors", folders.read_state),
        "samples": ("samples.npz", load_samples),
        **{f"array {suffix}": (f"data{suffix}", arrays) for suffix in (".npy", ".npz", ".mat", ".dat")},
        **{f"recording {suffix}": (f"eeg{suffix}", read_recording) for suffix in (".set", ".fif", ".xdf")},
    }


def _ours(_full: bool) -> Outcome:
    tried = ran = 0
    unnamed: list[str] = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        mark = folder / "ran"
        for form, content in pickles(mark).items():
            for what, (name, read) in readers().items():
                tried += 1
                (folder / name).write_bytes(content)
                unnamed += _refusal(read, folder / name, f"{form} as {what}")
                ran += mark.exists()
                mark.unlink(missing_ok=True)
    figures = {"tried": tried, "programs_run": ran, "not_refused_by_name": len(unnamed), "first": (unnamed or [""])[0]}
    measured = f"{tried} pickles under other names: {ran} programs run, {tried - len(unnamed)} refused by a named error"
    return Outcome(measured, ran == 0 and not unnamed, figures)


def _refusal(read: Callable[[Path], object], path: Path, what: str) -> list[str]:
    """What is wrong with how a file is refused; nothing where a named error of one line says so."""
    try:
        read(path)
    except EmostreamError as err:
        return [f"{what}: more than one line"] if "\n" in str(err) else []
    except Exception as err:  # noqa: BLE001  a traceback, for people
        return [f"{what}: {err!r}"[:200]]
    return [f"{what}: read"]


def _peer(package: str, load: Callable[[Path], object], _full: bool) -> Outcome:
    if importlib.util.find_spec(package) is None:
        return not_installed(package)
    tried = ran = 0
    with tempfile.TemporaryDirectory() as made:
        mark = Path(made) / "ran"
        for content in pickles(mark).values():
            path = Path(made) / "net.pt"
            path.write_bytes(content)
            tried += 1
            with suppress(Exception):  # of any kind: what counts is whether the program ran
                load(path)
            ran += mark.exists()
            mark.unlink(missing_ok=True)
    return Outcome(f"{ran} of {tried} programs run", ran == 0, {"tried": tried, "programs_run": ran})


def _torch(path: Path) -> object:
    import torch

    return torch.load(path, weights_only=False)


def _torch_weights(path: Path) -> object:
    import torch

    return torch.load(path)


def _joblib(path: Path) -> object:
    import joblib

    return joblib.load(path)


ROW = Row(
    18,
    "hostile checkpoint",
    REQUIRED,
    _ours,
    {
        "torch.load(weights_only=False)": partial(_peer, "torch", _torch),
        "torch.load": partial(_peer, "torch", _torch_weights),
        "joblib.load": partial(_peer, "joblib", _joblib),
    },
)
