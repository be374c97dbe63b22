"""Colours, fonts and the style sheet: a dark and a light theme, both AA contrast and safe for colour-blind readers.

Nothing on the screen is told by colour alone: emotion classes differ in line style too, states carry a word.

References
----------
Okabe and Ito (2008), "Color Universal Design": the hues of the class palette, lightened for a dark ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QFont, QPalette, QPen
from PyQt5.QtWidgets import QApplication

from realtime.errors import ConfigurationError

ThemeName = Literal["dark", "light"]
_ARROW = Path(__file__).with_name("icons") / "down.svg"

LINE_STYLES: tuple[Qt.PenStyle, ...] = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)


@dataclass(frozen=True, slots=True)
class Theme:
    """A palette of `#rrggbb` colours; text colours reach 4.5 : 1 on both `window` and `panel`.

    Parameters
    ----------
    name : 'dark' or 'light'
    window, panel, border, grid : str
        Grounds and lines.
    text, muted : str
        Main and secondary text.
    good, warn, bad, truth, accent : str
        States; `truth` marks what only a simulator can know.
    trace, trace_other, trace_bad : str
        EEG traces: every other channel in a second tone, bad channels greyed.
    classes : tuple of str
        One hue an emotion class, in the order of the model's classes.
    """

    name: ThemeName
    window: str
    panel: str
    border: str
    grid: str
    text: str
    muted: str
    good: str
    warn: str
    bad: str
    truth: str
    accent: str
    trace: str
    trace_other: str
    trace_bad: str
    classes: tuple[str, ...]

    def class_color(self, index: int) -> QColor:
        """Hue of class `index`; repeats after eight, where the line style differs."""
        return QColor(self.classes[index % len(self.classes)])

    def class_pen(self, index: int, width: float = 2.0) -> QPen:
        """Pen of class `index`: its hue and its line style."""
        pen = QPen(self.class_color(index), width)
        pen.setCosmetic(True)
        pen.setStyle(LINE_STYLES[index % len(LINE_STYLES)])
        return pen


DARK = Theme(
    name="dark",
    window="#0f1318",
    panel="#181e26",
    border="#2c3541",
    grid="#2a323d",
    text="#e8ecf1",
    muted="#a7b2c0",
    good="#5bd0a0",
    warn="#f2b84b",
    bad="#ff8078",
    truth="#e2a6ff",
    accent="#6cc0f5",
    trace="#8fd0f7",
    trace_other="#b9c4d2",
    trace_bad="#5a6470",
    classes=("#56b4e9", "#f0a52e", "#f0e442", "#35c89f", "#e08fc4", "#f4774b", "#cfd4dc", "#9ba6ff"),
)

LIGHT = Theme(
    name="light",
    window="#eceff3",
    panel="#ffffff",
    border="#c3ccd7",
    grid="#dde3ea",
    text="#171c23",
    muted="#4c5867",
    good="#08704a",
    warn="#865500",
    bad="#b4232a",
    truth="#7b2fa8",
    accent="#0a64a4",
    trace="#0b4f85",
    trace_other="#46525f",
    trace_bad="#b3bcc7",
    classes=("#0072b2", "#a65600", "#6f6300", "#00735a", "#a03f80", "#bd3a05", "#4a4f57", "#4b4bd6"),
)

_THEMES = {"dark": DARK, "light": LIGHT}


def theme_named(name: str) -> Theme:
    """Return the theme called `name`.

    Raises
    ------
    ConfigurationError
        No such theme.
    """
    try:
        return _THEMES[name]
    except KeyError:
        raise ConfigurationError(f"no theme '{name}'; there are: {', '.join(_THEMES)}") from None


def contrast_ratio(first: str, second: str) -> float:
    """Contrast of two `#rrggbb` colours, 1 to 21, as WCAG 2.1 defines it."""

    def luminance(name: str) -> float:
        color = QColor(name)
        linear = [
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (color.redF(), color.greenF(), color.blueF())
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


FONT_SCALES = (0.85, 1.0, 1.15, 1.3, 1.5)
"""What the sizes of all fonts may be multiplied by."""

_scale = 1.0


def font_scale() -> float:
    """What the sizes of all fonts are multiplied by."""
    return _scale


def set_font_scale(scale: float) -> float:
    """Take the nearest of `FONT_SCALES`, for widgets made and painted from now on; returns it. GUI thread."""
    global _scale
    _scale = min(FONT_SCALES, key=lambda offered: abs(offered - scale))
    return _scale


def scaled(pixels: float) -> int:
    """A length that goes with the fonts, px."""
    return round(pixels * _scale)


def font(pixels: int, *, bold: bool = False) -> QFont:
    """The interface's font at a size in device-independent pixels, times the font scale."""
    chosen = QFont()
    chosen.setFamilies(["Inter", "Segoe UI", "SF Pro Text", "Noto Sans", "DejaVu Sans", "sans-serif"])
    chosen.setPixelSize(scaled(pixels))
    chosen.setBold(bold)
    return chosen


def apply_theme(app: QApplication, theme: Theme) -> None:
    """Give the whole application the theme's palette, font and style sheet. GUI thread."""
    palette = QPalette()
    for role, color in (
        (QPalette.ColorRole.Window, theme.window),
        (QPalette.ColorRole.Base, theme.panel),
        (QPalette.ColorRole.AlternateBase, theme.window),
        (QPalette.ColorRole.Button, theme.panel),
        # Fusion draws edges and lines, those of docks and tabs among them, in these
        *((role, theme.border) for role in (QPalette.ColorRole.Light, QPalette.ColorRole.Midlight)),
        *((role, theme.border) for role in (QPalette.ColorRole.Mid, QPalette.ColorRole.Dark)),
        (QPalette.ColorRole.ToolTipBase, theme.panel),
        (QPalette.ColorRole.ToolTipText, theme.text),
        (QPalette.ColorRole.Text, theme.text),
        (QPalette.ColorRole.WindowText, theme.text),
        (QPalette.ColorRole.ButtonText, theme.text),
        (QPalette.ColorRole.Highlight, theme.accent),
        (QPalette.ColorRole.HighlightedText, theme.window),
    ):
        palette.setColor(role, QColor(color))
    if not app.styleSheet():
        # the first theme; to change the style under a window that is shown has crashed Qt
        app.setStyle("Fusion")
    app.setPalette(palette)
    # Fusion draws the box to tick in a shade of the window's colour, which on a dark window cannot be seen
    boxes = QPalette(palette)
    boxes.setColor(QPalette.ColorRole.Window, QColor(theme.muted).lighter(140))
    app.setPalette(boxes, "QCheckBox")
    app.setFont(font(12))
    app.setStyleSheet(_style_sheet(theme))


def _style_sheet(theme: Theme) -> str:
    return f"""
    QMainWindow, QWidget#page {{ background: {theme.window}; }}
    QMainWindow::separator {{ background: {theme.window}; width: 6px; height: 6px; }}
    QMainWindow::separator:hover {{ background: {theme.accent}; }}
    QFrame#panel {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 6px; }}
    QFrame#panel:focus {{ border: 2px solid {theme.accent}; }}
    QLabel {{ color: {theme.text}; background: transparent; }}
    QLabel#title {{ font-weight: 600; font-size: {scaled(13)}px; }}
    QLabel#brand {{ font-size: {scaled(17)}px; font-weight: 700; }}
    QLabel#large {{ font-size: {scaled(22)}px; font-weight: 700; }}
    QLabel#hint {{ color: {theme.muted}; font-size: {scaled(11)}px; }}
    QLabel#badge {{ border-radius: 4px; padding: 3px 9px; font-size: {scaled(12)}px; font-weight: 600; }}
    QLabel#badge[kind="model"] {{ color: {theme.warn}; border: 1px solid {theme.warn}; }}
    QLabel#badge[kind="truth"] {{ color: {theme.truth}; border: 1px solid {theme.truth}; }}
    QLabel#badge[kind="paused"] {{ color: {theme.window}; background: {theme.accent}; }}
    QLineEdit {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.muted}; border-radius: 4px;
        padding: 3px 8px; font-size: {scaled(12)}px;
    }}
    QLineEdit:focus {{ border: 2px solid {theme.accent}; padding: 2px 7px; }}
    {_buttons(theme)}
    {_tables(theme)}
    """


def _buttons(theme: Theme) -> str:
    """Buttons, menus, tabs and docks: the one that has the focus is framed in the accent colour."""
    return f"""
    QPushButton, QToolButton, QComboBox {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.muted}; border-radius: 4px;
        padding: 3px 10px; font-size: {scaled(12)}px;
    }}
    QPushButton:hover, QToolButton:hover, QComboBox:hover {{ background: {theme.grid}; }}
    QPushButton:pressed, QToolButton:pressed {{ background: {theme.border}; }}
    QPushButton:checked, QToolButton:checked {{ border: 2px solid {theme.text}; font-weight: 600; padding: 2px 9px; }}
    QPushButton:focus, QToolButton:focus, QComboBox:focus {{ border: 2px solid {theme.accent}; padding: 2px 9px; }}
    QPushButton:disabled, QToolButton:disabled, QComboBox:disabled {{
        color: {theme.muted}; border: 1px dashed {theme.border};
    }}
    QComboBox::drop-down {{ border: none; width: {scaled(18)}px; }}
    QComboBox::down-arrow {{ image: url("{_ARROW.as_posix()}"); width: {scaled(10)}px; height: {scaled(6)}px; }}
    QCheckBox {{ color: {theme.text}; font-size: {scaled(12)}px; padding: 1px; }}
    QCheckBox:focus, QSlider:focus {{ border: 2px solid {theme.accent}; border-radius: 4px; }}
    QMenuBar {{ background: {theme.window}; color: {theme.text}; font-size: {scaled(12)}px; }}
    QMenuBar::item {{ background: transparent; padding: 4px 9px; border-radius: 4px; }}
    QMenuBar::item:selected {{ background: {theme.accent}; color: {theme.window}; }}
    QMenu {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; font-size: {scaled(12)}px;
    }}
    QMenu::item {{ padding: 4px 24px 4px 24px; }}
    QMenu::item:selected {{ background: {theme.accent}; color: {theme.window}; }}
    QMenu::item:disabled {{ color: {theme.muted}; }}
    QMenu::separator {{ height: 1px; background: {theme.border}; margin: 3px 8px; }}
    QDockWidget {{ color: {theme.text}; font-size: {scaled(12)}px; font-weight: 600; }}
    QDockWidget::title {{ background: {theme.grid}; padding: 3px 8px; border-radius: 4px; }}
    QTabBar::tab {{
        background: {theme.window}; color: {theme.muted}; border: 1px solid {theme.border}; padding: 3px 9px;
        font-size: {scaled(12)}px;
    }}
    QTabBar {{ qproperty-drawBase: 0; }}
    QTabBar::tab:selected {{ background: {theme.panel}; color: {theme.text}; border-bottom: 2px solid {theme.accent}; }}
    QTabBar:focus {{ border: 2px solid {theme.accent}; }}
    QToolTip {{ background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; }}
    """


def _tables(theme: Theme) -> str:
    return f"""
    QTableWidget {{
        background: {theme.panel}; color: {theme.text}; border: none; gridline-color: {theme.border};
        font-size: {scaled(12)}px;
    }}
    QTableWidget:focus {{ border: 2px solid {theme.accent}; }}
    QTableWidget::item:selected {{ background: {theme.accent}; color: {theme.window}; }}
    QHeaderView::section {{
        background: {theme.panel}; color: {theme.muted}; border: none; border-bottom: 1px solid {theme.border};
        padding: 1px 4px; font-size: {scaled(11)}px;
    }}
    """
