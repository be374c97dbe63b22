"""The pictures of the documentation are of this dashboard: each is rendered anew and compared, coarsely."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QApplication

from benchmarks.screenshots.__main__ import PICTURES
from benchmarks.screenshots.pictures import VIEWS, View, picture, shown
from benchmarks.screenshots.session import PicturedSession, load
from gui.panels.eeg.bands import BandPanel
from gui.panels.emotion import paint
from gui.theme import DARK, LIGHT, Theme

BLOCK_PX = 40
"""Other fonts draw other letters: the pictures are compared as mosaics."""

UNLIKE = 20.0
"""Of 255: a block of the mosaic that differs by more in a colour shows something else."""

MOST_UNLIKE = 0.015
"""Share of the blocks: a serif font made 0.002 of them unlike, an empty panel of bands 0.027."""


@pytest.fixture(scope="module")
def session() -> PicturedSession:
    return load()


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    qapp.setStyleSheet("")


def _mosaic(image: Image.Image) -> np.ndarray:
    size = (image.width // BLOCK_PX, image.height // BLOCK_PX)
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX), np.float32)


def _golden(view: View, theme: Theme) -> Image.Image:
    with Image.open(PICTURES / f"{view.name}-{theme.name}.png") as image:
        return image.convert("RGB")


def _fresh(app: QApplication, session: PicturedSession, view: View, theme: Theme) -> Image.Image:
    image = picture(app, session, view, theme).convertToFormat(QImage.Format.Format_RGB888)
    bits = image.constBits()
    assert bits is not None
    bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())
    return Image.fromarray(rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3))


def _unlike(first: np.ndarray, second: np.ndarray) -> float:
    """Share of the blocks in which two mosaics show something else."""
    return float((np.abs(first - second).max(axis=-1) > UNLIKE).mean())


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_picture_is_of_this_dashboard(app: QApplication, session: PicturedSession, view: View, theme: Theme) -> None:
    golden, fresh = _golden(view, theme), _fresh(app, session, view, theme)
    assert fresh.size == golden.size == view.size
    again = "make them anew and look at them: python -m benchmarks.screenshots"
    assert _unlike(_mosaic(fresh), _mosaic(golden)) <= MOST_UNLIKE, again


def test_the_comparison_tells_views_and_themes_apart() -> None:
    mosaics = [_mosaic(_golden(view, theme)) for view in VIEWS for theme in (DARK, LIGHT)]
    pairs = [(first, second) for first, second in combinations(mosaics, 2) if first.shape == second.shape]
    assert min(_unlike(first, second) for first, second in pairs) > 2 * MOST_UNLIKE


def test_an_empty_panel_is_noticed(
    app: QApplication, session: PicturedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BandPanel, "refresh", lambda _self, _now_s: None)
    view = VIEWS[0]
    assert _unlike(_mosaic(_fresh(app, session, view, DARK)), _mosaic(_golden(view, DARK))) > MOST_UNLIKE


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_a_reader_of_the_guide_sees_what_dots_mean(
    app: QApplication, session: PicturedSession, theme: Theme, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    paint_key = paint.paint_key

    def heard(painter, theme, plate, text) -> None:
        keys.append(text)
        paint_key(painter, theme, plate, text)

    monkeypatch.setattr(paint, "paint_key", heard)
    with shown(app, session, VIEWS[0], theme) as window:
        canvas = window.panels.traces.canvas
        picture = canvas.picture
        assert picture is not None
        plot = canvas.layout_of(picture).plots[0].toRect()
        corner = canvas.mapTo(window, plot.topLeft())
    assert set(keys) == {"uncertain: confidence < 5%"}
    area = (corner.x(), corner.y(), corner.x() + plot.width(), corner.y() + plot.height())
    pixels = np.asarray(_golden(VIEWS[0], theme).crop(area))
    dots = (pixels == QColor(theme.muted).getRgb()[:3]).all(axis=-1).mean()
    assert 0.01 < dots < 0.1


def test_the_pictures_are_small_and_all_in_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "dashboard.md").read_text(encoding="utf-8")
    names = {f"{view.name}-{theme.name}.png" for view in VIEWS for theme in (DARK, LIGHT)}
    assert {path.name for path in PICTURES.iterdir()} == names
    for name in names:
        assert (PICTURES / name).stat().st_size < 200_000, name
        assert f"images/dashboard/{name}" in guide, name
