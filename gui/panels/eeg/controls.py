"""What an operator may change of the EEG picture: channels, time, scale, filters and reference, for display only."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QActionGroup, QHBoxLayout, QWidget

from gui.panels.choices import ChoiceButton, MenuButton, Option, add_options, check
from gui.panels.eeg.channels import REGIONS, ChannelButton, ChannelChoice
from gui.panels.eeg.display_filter import DisplayFilters
from gui.theme import Theme

WINDOWS_S = (2.0, 5.0, 10.0, 20.0, 30.0)
SCALES_UV = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
_FILTERS: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("&High-pass", "highpass_hz", (0.0, 0.1, 0.5, 1.0, 4.0)),
    ("&Low-pass", "lowpass_hz", (0.0, 15.0, 30.0, 45.0, 70.0, 100.0)),
    ("&Notch", "notch_hz", (0.0, 50.0, 60.0)),
)
_REFERENCES: tuple[Option, ...] = (("As it comes", False), ("Average of the good channels", True))


@dataclass(frozen=True, slots=True)
class EegView:
    """How the EEG is shown; the data are not touched.

    Parameters
    ----------
    window_s : float
        One of `WINDOWS_S`.
    scale_uv : float
        Between two neighbouring channels, one of `SCALES_UV`.
    filters : DisplayFilters
    channels : ChannelChoice
    """

    window_s: float = 10.0
    scale_uv: float = 100.0
    filters: DisplayFilters = field(default_factory=DisplayFilters)
    channels: ChannelChoice = field(default_factory=ChannelChoice)


def view_text(view: EegView) -> str:
    """A view as JSON, to be kept."""
    return json.dumps(asdict(view))


def view_from(text: str) -> EegView:
    """Read what `view_text` wrote; the usual view for anything else."""
    try:
        said = json.loads(text)
        names = said["channels"]["names"]
        channels = ChannelChoice(
            region=str(said["channels"]["region"]),
            names=None if names is None else tuple(str(name) for name in names),
            good_only=said["channels"]["good_only"] is True,
        )
        filters = DisplayFilters(
            *(float(said["filters"][name]) for _, name, _ in _FILTERS), average=said["filters"]["average"] is True
        )
        view = EegView(float(said["window_s"]), float(said["scale_uv"]), filters, channels)
    except (ValueError, TypeError, KeyError, RecursionError):
        return EegView()
    offered = all(getattr(filters, name) in edges for _, name, edges in _FILTERS)
    offered = offered and view.window_s in WINDOWS_S and view.scale_uv in SCALES_UV
    return view if offered and channels.region in ("", *REGIONS) else EegView()


def step(values: tuple[float, ...], value: float, steps: int) -> float:
    """The value some steps further on in a list, stopping at its ends."""
    return values[min(max(values.index(value) + steps, 0), len(values) - 1)]


class FilterButton(MenuButton):
    """High-pass, low-pass, notch and reference in one menu."""

    chosen = pyqtSignal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__("filters, for display only", theme)
        self.value = DisplayFilters()
        self._sfreq_hz = math.inf
        self._groups: dict[str, QActionGroup] = {}
        for title, name, edges_hz in _FILTERS:
            options = [(f"{edge:g} Hz" if edge else "Off", edge) for edge in edges_hz]
            self._add(title, name, options)
        self._add("&Reference", "average", list(_REFERENCES))
        self.set_value(self.value)

    def _add(self, title: str, name: str, options: list[Option]) -> None:
        menu = self.choices.addMenu(title)
        assert menu is not None
        self._groups[name] = add_options(menu, options, options[0][1], lambda value: self._pick(name, value))

    def set_value(self, value: DisplayFilters) -> None:
        """Show another choice; emits nothing."""
        self.value = value
        for name, group in self._groups.items():
            check(group, getattr(value, name))
        self.show_choice(value.fitting(self._sfreq_hz).text())

    def set_rate(self, sfreq_hz: float) -> None:
        """Offer and tell only what a stream of this rate can have."""
        self._sfreq_hz = sfreq_hz
        self.set_value(self.value)
        for _, name, _ in _FILTERS:
            for action in self._groups[name].actions():
                edge = DisplayFilters(**{name: action.data()})
                action.setEnabled(edge.fitting(sfreq_hz) == edge)

    def _pick(self, name: str, value: Any) -> None:
        self.set_value(replace(self.value, **{name: value}))
        self.chosen.emit(self.value)


class EegControls(QWidget):
    """One row of four buttons; `changed` carries the whole new `EegView`."""

    changed = pyqtSignal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.view = EegView()
        self.channels = ChannelButton(theme)
        windows = [(f"{seconds:g} s", seconds) for seconds in WINDOWS_S]
        self.window_s = ChoiceButton("time window", theme, windows, self.view.window_s)
        scales = [(f"{scale:g} µV", scale) for scale in SCALES_UV]
        self.scale = ChoiceButton("amplitude between two channels", theme, scales, self.view.scale_uv)
        self.filters = FilterButton(theme)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for button, name in (
            (self.channels, "channels"),
            (self.window_s, "window_s"),
            (self.scale, "scale_uv"),
            (self.filters, "filters"),
        ):
            row.addWidget(button)
            button.chosen.connect(lambda value, name=name: self._change(name, value))
        row.addStretch(1)

    def set_view(self, view: EegView) -> None:
        """Show other settings; emits nothing."""
        self.view = view
        self.channels.set_value(view.channels)
        self.window_s.set_value(view.window_s)
        self.scale.set_value(view.scale_uv)
        self.filters.set_value(view.filters)

    def _change(self, name: str, value: Any) -> None:
        self.view = replace(self.view, **{name: value})
        self.changed.emit(self.view)
