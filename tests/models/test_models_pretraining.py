"""Convolutions learnt from simulated maps: written whole, read back, better than chance at what they were taught."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

import models.small.pretraining
from models.small.face_network import CompactFaceNet
from models.small.pretraining import PretrainingOptions, face_motion_weights, pretrain_face
from realtime.errors import CheckpointError


def test_it_learns_which_half_moves_and_writes_what_it_was_taught(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    units = rng.random((96, 2)) < 0.5
    maps = 0.1 * rng.normal(size=(96, 28, 28, 3))
    maps[:, 4:10, 8:20, 1] -= units[:, 0, None, None]
    maps[:, 18:24, 8:20, 1] += units[:, 1, None, None]
    out = tmp_path / "motion.safetensors"
    options = PretrainingOptions(epochs=6, batch_size=16)
    facts = pretrain_face(maps, units, out, unit_names=("AU2", "AU26"), options=options, progress=False)
    assert facts["loss"][-1] < 0.8 * facts["loss"][0]
    assert json.loads(out.with_suffix(".json").read_text())["simulated"] is True
    network = CompactFaceNet(3, 0.0)
    network.features.load_state_dict(load(out.read_bytes()))
    assert torch.isfinite(network(torch.zeros(1, 3, 28, 28))).all()


def test_lost_weights_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    face_motion_weights.cache_clear()
    monkeypatch.setattr(models.small.pretraining, "FACE_MOTION", tmp_path / "face_motion.safetensors")
    with pytest.raises(CheckpointError, match=r"face_motion\.safetensors"):
        face_motion_weights()
    monkeypatch.undo()
    assert face_motion_weights()
