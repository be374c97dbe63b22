"""The bar of a replay: where it is, how fast it goes, and the means to steer it. It asks; the replay decides."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QPushButton, QSlider

from gui.streams.session_messages import ReplayState, time_code
from gui.theme import Theme

STEP_S = 5.0
SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
GONE_AFTER_S = 5.0
_FINE = 10


class ReplayBar(QFrame):
    """Shown while a replay speaks on 'emostream-replay'. GUI thread.

    Parameters
    ----------
    theme : Theme
    clock : callable
        LSL seconds.
    send : callable
        Sends an operator's action: (JSON text, LSL stamp).
    """

    def __init__(self, theme: Theme, clock: Callable[[], float], send: Callable[[str, float], None]) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAccessibleName("Replay")
        self._clock, self._send = clock, send
        self.state: ReplayState | None = None
        self._heard_s = -math.inf
        self.play = QPushButton()
        self.play.setAccessibleName("Pause or go on with the replay")
        self.play.clicked.connect(self.toggle)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Position in the recording")
        self.slider.setSingleStep(_FINE)
        self.slider.setPageStep(round(STEP_S * _FINE))
        self.slider.actionTriggered.connect(self._moved)
        self.slider.sliderReleased.connect(self._released)
        self.code = QLabel()
        self.code.setAccessibleName("Time code")
        self.speed = QComboBox()
        self.speed.setAccessibleName("Speed of the replay")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g} x", speed)
        self.speed.activated.connect(lambda index: self._ask("replay_speed", speed=self.speed.itemData(index)))
        self.name = QLabel()
        self.name.setObjectName("hint")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 10, 4)
        row.setSpacing(10)
        row.addWidget(self.play)
        row.addWidget(self.slider, 1)
        for widget in (self.code, self.speed, self.name):
            row.addWidget(widget)
        self.setVisible(False)

    @property
    def speaks(self) -> bool:
        """Whether a replay runs."""
        return self.state is not None and self._clock() - self._heard_s <= GONE_AFTER_S

    def take(self, state: ReplayState) -> None:
        """Take what the replay said."""
        self.state, self._heard_s = state, self._clock()

    def refresh(self, now_s: float) -> None:
        """Show where the replay is; nothing where none speaks."""
        state = self.state
        self.setVisible(self.speaks)
        if state is None or not self.speaks:
            return
        position = state.position_at(now_s)
        endless = not math.isfinite(state.last_s)
        self.slider.setEnabled(not endless)
        if not self.slider.isSliderDown() and not endless:
            self.slider.setRange(round(state.first_s * _FINE), round(state.last_s * _FINE))
            self.slider.setValue(round(position * _FINE))
        shown = self.slider.sliderPosition() / _FINE if self.slider.isSliderDown() else position
        self.code.setText(f"{time_code(shown)} / {'without end' if endless else time_code(state.last_s)}")
        self.play.setText("Replay ended" if state.ended else "Go on" if state.paused else "Pause replay")
        self.name.setText(
            f"{state.session}{' · loop' if state.loop else ''}{' · simulated' if state.simulated else ''}"
        )
        if not self.speed.hasFocus():
            nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - state.speed))
            self.speed.setCurrentIndex(nearest)

    def toggle(self) -> None:
        """Pause, or go on."""
        if self.speaks and self.state is not None:
            self._ask("replay_resume" if self.state.paused else "replay_pause")

    def step(self, seconds: float) -> None:
        """Jump by so many seconds of the recording."""
        if self.speaks and self.state is not None:
            self.seek(self.state.position_at(self._clock()) + seconds)

    def seek(self, position_s: float) -> None:
        """Go to a position, kept within the recording."""
        if self.speaks and self.state is not None:
            inside = min(self.state.last_s, max(self.state.first_s, position_s))
            self._ask("replay_seek", position_s=round(inside, 3))

    def change_speed(self, by: int) -> None:
        """Go so many steps faster, or slower."""
        if self.speaks and self.state is not None:
            speed = self.state.speed
            nearest = min(range(len(SPEEDS)), key=lambda index: abs(SPEEDS[index] - speed))
            self._ask("replay_speed", speed=SPEEDS[min(len(SPEEDS) - 1, max(0, nearest + by))])

    def _moved(self, _action: int) -> None:
        # a drag is sent when the handle is let go of: a replay that seeks thirty times a second shows nothing
        if not self.slider.isSliderDown():
            self.seek(self.slider.sliderPosition() / _FINE)

    def _released(self) -> None:
        self.seek(self.slider.value() / _FINE)

    def _ask(self, event: str, **values: float) -> None:
        self._send(json.dumps({"event": event, **values}), self._clock())
