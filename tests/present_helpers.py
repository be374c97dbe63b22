"""A presentation without a screen: a clock in the hand, small playlists, and what was sent."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from gui.present.order import Order
from gui.present.presenter import Presenter, Session, open_session
from realtime.session.playlist import Playlist
from realtime.session.run import Run


class ManualClock:
    """Seconds that pass when told."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds


class Sent(list[tuple[dict[str, Any], float]]):
    """Markers as they were sent."""

    def push(self, event: dict[str, Any], stamp: float) -> None:
        self.append((event, stamp))

    @property
    def names(self) -> list[str]:
        return [event["event"] for event, _ in self]

    def stamp(self, name: str, trial: int | None = None) -> float:
        return next(s for e, s in self if e["event"] == name and trial in (None, e.get("trial")))


def write_clip(
    path: Path, seconds: float = 0.4, fps: int = 20, size: tuple[int, int] = (64, 48), title: str = ""
) -> Path:
    """A clip whose frame k is grey of level 10 k."""
    with av.open(str(path), "w") as container:
        if title:
            container.metadata["title"] = title
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * fps)):
            picture = np.full((size[1], size[0], 3), min(10 * number, 255), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_playlist(folder: Path, trials: str, head: str = "") -> Path:
    """A playlist of one block."""
    path = folder / "playlist.toml"
    path.write_text(
        f'title = "test"\nbaseline_s = 2.0\nrest_s = 1.0\nblank_s = 0.5\n{head}\n'
        f'[[blocks]]\nname = "one"\ninstruction = "keep a neutral face"\n{trials}',
        encoding="utf-8",
    )
    return path


FLASHES = """
[[blocks.trials]]
stimulus = "builtin:flash"
emotion = "happy"
duration_s = 3.0
[[blocks.trials]]
stimulus = "builtin:fixation"
emotion = "sad"
duration_s = 4.0
"""


def fixed(_playlist: Playlist) -> Order:
    return Order("fixed", 0, 1)


def open_test_session(path: Path, order: Callable[[Playlist], Order] = fixed, *, auto: bool = False) -> Session:
    return open_session(path, Run("01"), order, auto=auto)


def presenter_of(session: Session, clock: ManualClock, sent: Sent, **more: Any) -> Presenter:
    return Presenter(session, sent.push, clock, **more)
