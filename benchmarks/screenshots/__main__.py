"""`python -m benchmarks.screenshots [NAME ...] [--out DIR] [--engine]`: makes the pictures of docs/dashboard.md."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images" / "dashboard"
COLORS, EXACT = 192, 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Render the views that are named, or all, in both themes; returns the exit code."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from PyQt5.QtWidgets import QApplication

    from benchmarks.screenshots.pictures import VIEWS, picture
    from benchmarks.screenshots.session import keep, load
    from gui.theme import DARK, LIGHT

    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(view.name for view in VIEWS))
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder (default: docs/images/dashboard)")
    parser.add_argument("--engine", action="store_true", help="run the engine over the session first, a minute")
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.names) - {view.name for view in VIEWS}:
        parser.error(f"no view {', '.join(sorted(unknown))}")
    if chosen.engine:
        keep(ROOT / "models" / "checkpoints" / "demonstration.safetensors")
    app = QApplication.instance() or QApplication(["screenshots"])
    assert isinstance(app, QApplication)
    session = load()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for view in VIEWS:
        if chosen.names and view.name not in chosen.names:
            continue
        for theme in (DARK, LIGHT):
            path = chosen.out / f"{view.name}-{theme.name}.png"
            path.write_bytes(_small(picture(app, session, view, theme)))
            print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def _small(image: object) -> bytes:
    """A PNG of few colours: a screen has few, and a repository keeps every version."""
    from PIL import Image
    from PyQt5.QtCore import QBuffer
    from PyQt5.QtGui import QImage
    from scipy.spatial import KDTree

    assert isinstance(image, QImage)
    buffer = QBuffer()
    buffer.open(QBuffer.OpenModeFlag.ReadWrite)
    image.save(buffer, "PNG")
    whole = Image.open(io.BytesIO(bytes(buffer.data()))).convert("RGB")
    # the colours of the screen as they are, those of a face nearly: a class's must not be lost among the greys
    shape = (whole.height, whole.width)
    colors, at, counts = np.unique(np.asarray(whole).reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(counts)[::-1]
    exact, rest = colors[order[:EXACT]], order[EXACT:]
    weighed = np.repeat(colors[rest], np.ceil(np.sqrt(counts[rest])).astype(int), axis=0)
    nearly = Image.fromarray(weighed[None]).quantize(COLORS - EXACT, method=Image.Quantize.MEDIANCUT, kmeans=2)
    palette = np.concatenate([exact, np.array(nearly.getpalette()).reshape(-1, 3)]).astype(np.uint8)
    nearest = np.asarray(KDTree(palette).query(colors)[1], np.uint8)
    few = Image.fromarray(nearest[at].reshape(shape), "P")
    few.putpalette(palette.ravel().tolist())
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
