"""Both themes can be read: AA contrast, and classes that differ for colour-blind readers too."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PyQt5.QtGui import QColor

from gui.theme import DARK, LIGHT, LINE_STYLES, Theme, contrast_ratio, theme_named
from realtime.errors import ConfigurationError

# full deuteranopia and protanopia in linear RGB (Machado, Oliveira and Fernandes 2009)
_BLIND = {
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_text_reaches_aa_on_both_grounds(theme: Theme) -> None:
    for name in ("text", "muted", "good", "warn", "bad", "truth", "accent"):
        for ground in (theme.panel, theme.window):
            assert contrast_ratio(getattr(theme, name), ground) >= 4.5, (name, ground)
    for color in theme.classes:
        assert contrast_ratio(color, theme.panel) >= 4.5, color


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize("kind", ["none", *_BLIND])
def test_classes_of_one_line_style_differ_in_colour_for_everybody(theme: Theme, kind: str) -> None:
    matrix = np.array(_BLIND.get(kind, np.eye(3)))
    seen = [_lab(matrix @ _linear(color)) for color in theme.classes]
    for i, j in combinations(range(len(seen)), 2):
        same_style = i % len(LINE_STYLES) == j % len(LINE_STYLES)
        if same_style:
            assert np.linalg.norm(seen[i] - seen[j]) > 12, (theme.classes[i], theme.classes[j])


def test_contrast_is_the_wcag_one() -> None:
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_an_unknown_theme_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="no theme 'pink'; there are: dark, light"):
        theme_named("pink")


def _linear(color: str) -> np.ndarray:
    c = QColor(color)
    s = np.array([c.redF(), c.greenF(), c.blueF()])
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ np.clip(
        linear, 0, 1
    )
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])
