"""Whatever is wrong with the input: one line that says how to go on, the exit code of the contract, nothing left."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from e2e import Forks, emostream

from models.checkpoint import save_checkpoint
from models.demonstration import DEMONSTRATION
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser
from realtime.eeg.calibration import Calibration

pytestmark = pytest.mark.end_to_end

_USAGE, _NO_STREAM, _BAD_DATA = 2, 3, 4
_NO_DISPLAY = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def _untrained(path: Path, classes: tuple[str, ...] = DEMONSTRATION.classes) -> None:
    spec = DEMONSTRATION
    shape = (len(spec.channels), len(spec.bands))
    save_checkpoint(
        path,
        HiddenEmotionNet(NetworkConfig(n_classes=len(classes), tcn_width=16, token_width=16)),
        Normaliser(np.zeros(shape, np.float32), np.ones(shape, np.float32), 1.0),
        name="untrained",
        trained_on="nothing (a test)",
        simulated=True,
        classes=classes,
        channels=spec.channels,
        bands=spec.bands,
        temperature={"both": 1.0, "eeg": 1.0, "face": 1.0},
        data_sha256="0" * 64,
    )


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of things that are not what their names say."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "quick.toml").write_text("[lsl]\nresolve_timeout_s = 0.5\n", encoding="utf-8")
    (folder / "unknown_key.toml").write_text("[eeg]\nhighpas_hz = 1.0\n", encoding="utf-8")
    (folder / "out_of_range.toml").write_text("[eeg]\nnotch_hz = 55\n", encoding="utf-8")
    (folder / "text.set").write_text("no recording\n", encoding="utf-8")
    (folder / "text.mp4").write_text("no video\n", encoding="utf-8")
    (folder / "text.npz").write_text("no calibration\n", encoding="utf-8")
    (folder / "pickle.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))
    torch.manual_seed(0)
    _untrained(folder / "other_classes.safetensors", ("calm", "bored"))
    _untrained(folder / "whole.safetensors")
    for name in ("no_json", "half_json", "other_json"):
        shutil.copy(folder / "whole.safetensors", folder / f"{name}.safetensors")
    told = (folder / "whole.json").read_text(encoding="utf-8")
    (folder / "half_json.json").write_text(told[: len(told) // 2], encoding="utf-8")
    (folder / "other_json.json").write_text(
        json.dumps(json.loads(told) | {"classes": ["happy", "sad"]}), encoding="utf-8"
    )
    Calibration(("Fp1", "Fp2", "Cz", "Pz"), np.eye(4), 250.0, 60.0, (0.9,), True).save(folder / "four.npz")
    return folder


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as running:
        yield running


_CASES = {
    "no stream in time": (
        ("run", "--config", "quick.toml"),
        _NO_STREAM,
        "no LSL stream of type 'EEG' within 0.5 s; found: nothing. Start the headset's app, or 'emostream replay FILE'",
    ),
    "no video stream in time": (
        ("run", "--no-eeg", "--config", "quick.toml"),
        _NO_STREAM,
        "no LSL stream of type 'VideoRaw' within 0.5 s; found: nothing. Start 'emostream camera'",
    ),
    "nothing to calibrate on": (
        ("calibrate", "c.npz", "--config", "quick.toml"),
        _NO_STREAM,
        "no LSL stream of type 'EEG' within 0.5 s",
    ),
    "missing recording": (("analyze", "none.set"), _BAD_DATA, "no recording 'none.set'"),
    "text named .set": (("analyze", "text.set"), _BAD_DATA, "cannot read recording 'text.set'"),
    "text named .set replayed": (("replay", "text.set"), _BAD_DATA, "cannot read recording 'text.set'"),
    "missing video": (("analyze", "none.mp4"), _BAD_DATA, "no video file 'none.mp4'"),
    "missing video replayed": (("replay", "--video", "none.mp4"), _BAD_DATA, "no video file 'none.mp4'"),
    "text named .mp4": (("analyze", "text.mp4"), _BAD_DATA, "cannot read 'text.mp4' as a video"),
    "no such camera": (("camera", "63"), _BAD_DATA, "63"),
    "address of no camera": (("camera", "ftp://lab/x"), _USAGE, "'ftp://' is no address of a camera"),
    "camera with a name in two words": (("camera", "--name", "left eye"), _USAGE, "32 letters and digits"),
    "exposure that is no number": (("camera", "--exposure", "bright"), _USAGE, "--exposure 'bright': auto, lock or"),
    "film of no known kind": (("camera", "--film", "x.avi"), _USAGE, "a new file whose name ends in .mkv"),
    "no board": (("headset",), _USAGE, "which board? give --board NAME"),
    "unknown board": (("headset", "--board", "cytn"), _USAGE, "no board 'cytn': the nearest are cyton"),
    "missing checkpoint": (("run", "--model", "none.safetensors"), _BAD_DATA, "no checkpoint 'none.safetensors'"),
    "pickle as checkpoint": (("run", "--model", "pickle.safetensors"), _BAD_DATA, "holds a pickle, not safetensors"),
    "checkpoint without JSON": (("run", "--model", "no_json.safetensors"), _BAD_DATA, "lacks its 'no_json.json'"),
    "checkpoint with half a JSON": (("run", "--model", "half_json.safetensors"), _BAD_DATA, "half_json.json"),
    "checkpoint with another JSON": (("run", "--model", "other_json.safetensors"), _BAD_DATA, "'classes' counts 2"),
    "checkpoint for other classes": (
        ("demo", "--headless", "--model", "other_classes.safetensors"),
        _BAD_DATA,
        "'classes' are calm, bored, simulated people hide happy,",
    ),
    "checkpoint for other classes evaluated": (
        ("evaluate", "--simulated", "--model", "other_classes.safetensors"),
        _BAD_DATA,
        "'classes' are calm, bored, simulated people hide happy,",
    ),
    "text as calibration": (("run", "--calibration", "text.npz"), _BAD_DATA, "'text.npz' is no calibration"),
    "unknown key": (("run", "--config", "unknown_key.toml"), _USAGE, "eeg.highpas_hz"),
    "value out of range": (("run", "--config", "out_of_range.toml"), _USAGE, "eeg.notch_hz"),
    "missing configuration": (("run", "--config", "none.toml"), _USAGE, "cannot read configuration"),
    "neither EEG nor video": (("run", "--no-eeg", "--no-video"), _USAGE, "nothing to recognise from"),
    "nothing to replay": (("replay",), _USAGE, "nothing to replay"),
    "no display": (("dashboard",), _USAGE, "no display for the dashboard"),
    "two recordings": (("analyze", "text.set", "a.edf"), _USAGE, "analyze takes one EEG recording"),
    "no data to train on": (("train",), _USAGE, "nothing to train on: name --manifest FILE or --dataset FOLDER"),
    "no data to evaluate on": (
        ("evaluate",),
        _USAGE,
        "nothing to evaluate on: name --manifest FILE or --dataset FOLDER",
    ),
    "summary in no folder": (
        ("run", "--summary", "none/s.json", "--config", "quick.toml"),
        _USAGE,
        "cannot write 'none/s.json': there is no folder",
    ),
    "movements in no folder": (("analyze", "text.mp4", "--json", "none/m.json"), _USAGE, "there is no folder"),
    "calibration that is there": (("calibrate", "text.set"), _USAGE, "'text.set' is there already: choose another"),
    "calibration in no folder": (("calibrate", "none/c.npz"), _USAGE, "cannot write 'none/c.npz'"),
    "summary is a folder": (("demo", "--summary", "."), _USAGE, "cannot write '.': it is a folder"),
    "unknown option": (("run", "--bogus"), _USAGE, "No such option: --bogus"),
    "unknown command": (("observe",), _USAGE, "No such command 'observe'"),
    "seconds that are none": (("run", "--seconds", "soon"), _USAGE, "Invalid value for '--seconds'"),
}


@pytest.mark.parametrize(("arguments", "code", "told"), _CASES.values(), ids=_CASES.keys())
def test_bad_input_gets_one_line(
    forks: Forks, broken: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    before = sorted(path.name for path in broken.iterdir())
    done = forks.run(*arguments, folder=broken, logs=tmp_path, without=_NO_DISPLAY)
    assert done.err.count("\n") == 1, done.err
    assert done.err.startswith("emostream: ")
    assert told in done.err
    assert done.code == code
    assert done.out == ""
    assert sorted(path.name for path in broken.iterdir()) == before


@pytest.mark.real_data
def test_calibration_of_another_headset_is_refused(broken: Path, data_dir: Path) -> None:
    recording = data_dir / "eeg" / "eeglab_data.set"
    done = emostream("analyze", recording, "--calibration", "four.npz", "--summary", "s.json", folder=broken)
    assert done.code == _BAD_DATA
    assert done.err.count("\n") == 1
    assert "calibration was made on 4 channels, the stream has" in done.err
    assert not (broken / "s.json").exists()
