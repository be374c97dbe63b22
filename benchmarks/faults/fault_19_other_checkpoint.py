"""Row 19: a checkpoint whose description was edited, or that was trained for something else than is asked of it."""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError

REQUIRED = "refused, and the message names the field"

_CLASSES = ("happy", "sad", "fear")
_CHANNELS = ("Fp1", "Fp2", "Cz", "Pz")
_BANDS = (("alpha", 8.0, 13.0), ("beta", 13.0, 30.0))
_N_WINDOWS = 8

Edit = Callable[[dict[str, Any]], object]


def save(folder: Path) -> Path:
    """A small untrained network's checkpoint."""
    from models.checkpoint import save_checkpoint
    from models.network import HiddenEmotionNet, NetworkConfig
    from models.normaliser import Normaliser

    path, shape = folder / "net.safetensors", (len(_CHANNELS), len(_BANDS))
    config = NetworkConfig(
        n_classes=len(_CLASSES), n_channels=shape[0], n_bands=shape[1], n_windows=_N_WINDOWS, tcn_width=8, token_width=8
    )
    save_checkpoint(
        path, HiddenEmotionNet(config), Normaliser(np.zeros(shape, np.float32), np.ones(shape, np.float32), 1.0),
        name="row19", trained_on="nothing", simulated=True, classes=_CLASSES, channels=_CHANNELS, bands=_BANDS,
        temperature={"both": 1.0, "eeg": 1.0, "face": 1.0}, data_sha256="0" * 64,
    )  # fmt: skip
    return path


EDITS: dict[str, dict[str, Any]] = {
    "classes": {"renamed": ["glad", "sad", "fear"], "another order": ["sad", "happy", "fear"], "fewer": ["happy"]},
    "channels": {
        "renamed": ["Fp1", "Fp2", "Cz", "Oz"],
        "another order": ["Fp2", "Fp1", "Cz", "Pz"],
        "more": [*_CHANNELS, "Oz"],
    },
    "bands": {
        "other limits": [["alpha", 8.0, 12.0], ["beta", 13.0, 30.0]],
        "another order": [["beta", 13.0, 30.0], ["alpha", 8.0, 13.0]],
        "fewer": [["alpha", 8.0, 13.0]],
    },
    "n_windows": {"more": 40, "none": 0},
    "window_s": {"twice": 2.0, "none": 0.0},
    "hop_s": {"half": 0.5, "backwards": -1.0},
    "flow_scale_px": {"tenfold": 10.0},
    "temperature": {"another": {"both": 3.0, "eeg": 1.0, "face": 1.0}, "gone": {}},
    "modality": {"another": "eeg", "unknown": "voice"},
    "simulated": {"called real": False},
    "weights_sha256": {"of others": "0" * 64},
    "network.n_classes": {"more": 5},
    "network.n_channels": {"more": 5, "far more": 10**9},
    "network.n_bands": {"more": 3},
}
"""What is written into the JSON file: field -> what it is -> value."""


def _wanted() -> dict[str, dict[str, Any]]:
    """What is asked of a checkpoint that is as it was trained."""
    return {
        "classes": {"classes": ("glad", "sad", "fear")},
        "channels": {"channels": ("Fp1", "Fp2", "Cz", "Oz")},
        "bands": {"bands": (("alpha", 8.0, 12.0), ("beta", 13.0, 30.0))},
        "n_windows": {"n_windows": 9},
        "window_s": {"window_s": 2.0},
        "hop_s": {"hop_s": 0.5},
    }


def _ours(_full: bool) -> Outcome:
    from dataclasses import replace

    from models.checkpoint import load_checkpoint

    tried, wrong = 0, []
    with tempfile.TemporaryDirectory() as made:
        path = save(Path(made))
        about = path.with_suffix(".json")
        honest = about.read_text(encoding="utf-8")
        spec = load_checkpoint(path).info.spec
        load_checkpoint(path, spec)
        for field, edits in EDITS.items():
            for what, value in edits.items():
                tried += 1
                about.write_text(json.dumps(_edited(json.loads(honest), field, value)), encoding="utf-8")
                wrong += _refusal(partial(load_checkpoint, path), field, what)
        about.write_text(honest, encoding="utf-8")
        for field, change in _wanted().items():
            tried += 1
            wrong += _refusal(partial(load_checkpoint, path, replace(spec, **change)), field, "asked for")
    figures = {"tried": tried, "not_refused_by_field": len(wrong), "first": (wrong or [""])[0]}
    measured = f"{tried} checkpoints for something else: {tried - len(wrong)} refused naming the field"
    return Outcome(measured, not wrong, figures)


def _edited(said: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    *within, last = field.split(".")
    place = said
    for key in within:
        place = place[key]
    place[last] = value
    return said


def _refusal(load: Callable[[], object], field: str, what: str) -> list[str]:
    try:
        load()
    except EmostreamError as err:
        text, last = str(err), field.split(".")[-1]
        # a count of the network is told by the names that it contradicts
        named = last in text or last.removeprefix("n_") in text
        return [] if named and "\n" not in text else [f"{field}, {what}: {text}"[:200]]
    except Exception as err:  # noqa: BLE001  a traceback, for people
        return [f"{field}, {what}: {err!r}"[:200]]
    return [f"{field}, {what}: loaded"]


def _torch(_full: bool) -> Outcome:
    """A state loaded into a network of other shapes, as `load_state_dict` checks it: by tensors, not by fields."""
    if importlib.util.find_spec("torch") is None:
        return not_installed("torch")
    from models.network import HiddenEmotionNet, NetworkConfig

    sizes: dict[str, Any] = {"n_classes": 3, "n_channels": 4, "n_bands": 2, "n_windows": _N_WINDOWS}
    state = HiddenEmotionNet(NetworkConfig(**sizes, tcn_width=8, token_width=8)).state_dict()
    loaded = named = 0
    # names, orders, limits of bands and rates are in no state: only sizes can differ
    changes = [{"n_classes": 5}, {"n_channels": 5}, {"n_bands": 3}, {"n_windows": 9}, {}, {}, {}, {}, {}]
    for change in changes:
        network = HiddenEmotionNet(NetworkConfig(**{**sizes, **change}, tcn_width=8, token_width=8))
        try:
            network.load_state_dict(state)
            loaded += 1
        except RuntimeError as err:
            named += any(word in str(err) for word in ("classes", "channels", "bands", "windows"))
    figures = {"tried": len(changes), "loaded": loaded, "refused_by_field": named}
    return Outcome(
        f"{len(changes) - loaded} of {len(changes)} refused, by the shapes of tensors; names, orders, limits of bands "
        "and rates are not looked at",
        loaded == 0,
        figures,
    )


ROW = Row(
    19, "checkpoint for other channels, bands, classes, rates", REQUIRED, _ours, {"torch.load_state_dict": _torch}
)
