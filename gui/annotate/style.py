"""Looks of the review window: controls, focus that is seen, and a glyph and colour for each state of an event."""

from __future__ import annotations

from gui.theme import Theme

GLYPHS = {"": "●", "accepted": "✓", "rejected": "✕", "candidate": "○"}
WORDS = {"": "coded", "accepted": "accepted", "rejected": "rejected", "candidate": "to review"}


def status_color(theme: Theme, status: str) -> str:
    """Colour of a state; a glyph and a word always stand beside it."""
    return {"accepted": theme.good, "rejected": theme.bad, "candidate": theme.warn}.get(status, theme.accent)


def style_sheet(theme: Theme) -> str:
    """Of the window's controls; every focused one has a frame in the accent colour."""
    return f"""
    QPushButton, QToolButton {{
        background: {theme.window}; color: {theme.text}; border: 1px solid {theme.border}; border-radius: 4px;
        padding: 4px 8px; font-size: 12px;
    }}
    QPushButton:hover, QToolButton:hover {{ border-color: {theme.muted}; }}
    QPushButton:pressed, QPushButton:checked, QToolButton:checked {{
        background: {theme.border}; color: {theme.text}; border-color: {theme.accent};
    }}
    QPushButton#accept {{
        color: {theme.window}; background: {theme.good}; font-weight: 600; border: 2px solid {theme.good};
    }}
    QPushButton#reject {{ color: {theme.bad}; border: 2px solid {theme.bad}; font-weight: 600; }}
    QPushButton:focus, QToolButton:focus, QPushButton#accept:focus, QPushButton#reject:focus {{
        border: 2px solid {theme.accent}; padding: 3px 7px;
    }}
    QPushButton#accept:focus {{ border-color: {theme.text}; }}
    QComboBox, QLineEdit {{
        background: {theme.window}; color: {theme.text}; border: 1px solid {theme.border}; border-radius: 4px;
        padding: 3px 6px; font-size: 12px; min-height: 18px;
    }}
    QComboBox:focus, QLineEdit:focus {{ border: 2px solid {theme.accent}; padding: 2px 5px; }}
    QComboBox QLineEdit, QComboBox QLineEdit:focus {{
        border: none; padding: 0; background: transparent; min-height: 0;
    }}
    QPushButton#tight {{ padding: 4px 2px; }}
    QPushButton#tight:focus {{ padding: 3px 1px; }}
    QComboBox QAbstractItemView {{
        background: {theme.panel}; color: {theme.text}; selection-background-color: {theme.accent};
        selection-color: {theme.window};
    }}
    QCheckBox {{ color: {theme.text}; spacing: 6px; padding: 2px; border: 1px solid transparent; }}
    QCheckBox:focus {{ border: 1px solid {theme.accent}; border-radius: 3px; }}
    QListWidget, QTableWidget {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; border-radius: 4px;
        font-size: 12px; outline: 0;
    }}
    QListWidget:focus, QTableWidget:focus {{ border: 2px solid {theme.accent}; }}
    QListWidget::item:selected, QTableWidget::item:selected {{
        background: {theme.border}; color: {theme.text};
    }}
    QListWidget::indicator {{
        width: 11px; height: 11px; border: 1px solid {theme.muted}; border-radius: 2px; background: {theme.window};
    }}
    QListWidget::indicator:checked {{ background: {theme.accent}; border-color: {theme.accent}; }}
    QHeaderView::section {{ padding: 4px; }}
    QScrollBar:vertical {{ background: transparent; width: 9px; }}
    QScrollBar::handle:vertical {{ background: {theme.border}; border-radius: 4px; min-height: 24px; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
    QLabel#field {{ color: {theme.muted}; font-size: 11px; }}
    QLabel#place {{ font-size: 13px; font-weight: 600; }}
    QLabel#message[level="bad"] {{ color: {theme.bad}; }}
    QLabel#message[level="warn"] {{ color: {theme.warn}; }}
    QLabel#message {{ color: {theme.muted}; }}
    QDialog {{ background: {theme.panel}; }}
    """
