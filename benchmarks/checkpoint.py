"""The network that is measured: the demonstration checkpoint of this checkout."""

from __future__ import annotations

from pathlib import Path

PATH = Path(__file__).parents[1] / "models" / "checkpoints" / "demonstration.safetensors"
