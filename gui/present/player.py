"""One film or image on the screen: frames by their own time, in step with the sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gui.present.clock import MediaClock
from gui.present.film import FilmFrame, FilmReader
from gui.present.media import Media
from gui.present.sound import Sound

_MOST_DELAYS = 100_000


class Player:
    """Shows one stimulus that is a file. GUI thread.

    Parameters
    ----------
    media : Media
    within : (width, height)
        Screen to fill, px.
    sound : Sound
    clock : callable
        LSL seconds.
    """

    def __init__(self, media: Media, within: tuple[int, int], sound: Sound, clock: Callable[[], float]) -> None:
        assert media.path is not None
        self._reader = FilmReader(media.path, within)
        self._sound = sound if media.sound else None
        self._clock = clock
        self._media_clock = MediaClock()
        self._now: FilmFrame | None = None
        self._fresh = False
        self._shown = self._dropped = 0
        self._delays: list[float] = []
        if self._sound is not None:
            self._sound.load(media.path)
        self._reader.start()

    @property
    def ready(self) -> bool:
        """Whether its first frame can be shown at once."""
        return self._reader.ready

    @property
    def started(self) -> bool:
        """Whether any of it was on the screen."""
        return self._shown > 0

    def over(self, ahead_s: float = 0.0) -> bool:
        """Whether its last frame will have been up for its time in `ahead_s`."""
        until_s = self._now.until_s if self._now is not None else 0.0
        return self._reader.ended and self._media_clock.position_s(self._clock()) + ahead_s >= until_s

    @property
    def failure(self) -> str:
        """Why it could not be shown to its end."""
        return self._reader.failure

    def frame(self, ahead_s: float) -> FilmFrame | None:
        """What is to be on the screen in `ahead_s`: the first frame until it was seen, then by time."""
        if self._now is None or self._media_clock.running:
            heard_s = self._sound.position_s() if self._sound is not None else None
            now = self._clock()
            if heard_s is not None:
                self._media_clock.follow(heard_s, now)
            at_s = self._media_clock.position_s(now) + ahead_s if self._media_clock.running else 0.0
            taken, dropped = self._reader.take(at_s)
            self._dropped += dropped
            if taken is not None:
                self._now, self._fresh = taken, True
        return self._now

    def swapped(self, stamp: float) -> None:
        """What `frame` gave last is on the screen."""
        if not self._media_clock.running:
            self._media_clock.start(stamp)
            if self._sound is not None:
                self._sound.play()
        if self._fresh and self._now is not None:
            self._fresh = False
            self._shown += 1
            if len(self._delays) < _MOST_DELAYS:
                self._delays.append(self._media_clock.position_s(stamp) - self._now.due_s)

    def pause(self) -> None:
        """Hold picture and sound; the next frame that is `swapped` goes on."""
        if self._media_clock.running:
            self._media_clock.pause(self._clock())
            if self._sound is not None:
                self._sound.pause()

    def stop(self) -> None:
        """End its threads."""
        self._reader.stop()
        if self._sound is not None:
            self._sound.stop()

    def told(self) -> dict[str, Any]:
        """For the summary: how many frames, and how late against their own time, ms."""
        delay_ms = None
        if self._delays:
            p50, p99 = (1e3 * float(value) for value in np.percentile(self._delays, (50, 99)))
            delay_ms = {"p50": p50, "p99": p99}
        return {
            "frames_shown": self._shown,
            "frames_dropped": self._dropped,
            "delay_ms": delay_ms,
            "sound": self._sound is not None,
        }
