"""Markers of a suppression paradigm from your own PsychoPy script, as `emostream present` sends them.

    python psychopy_markers.py

Needs psychopy and pylsl. Start `emostream record` (or LabRecorder) first, or press a key at the first screen when it
runs: markers that nobody reads are lost. emostream listens on this machine alone unless it was started with --network;
then it also needs no `SESSION` below.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pylsl

# emostream only sees streams of its own LSL session; 'default' unless $EMOSTREAM_SESSION says another.
SESSION = os.environ.get("EMOSTREAM_SESSION", "default")
CLIPS = {"clips/waves.mp4": "happy", "clips/rings.mp4": "sad"}


class Window(Protocol):
    """What is used of psychopy.visual.Window."""

    def callOnFlip(self, function: Callable[..., object], *args: object) -> None:
        """Call when the next flip has happened."""
        ...

    def flip(self) -> object:
        """Show what was drawn."""
        ...


def join_session() -> None:
    """Before anything else of pylsl is used: the same LSL session as emostream, and this machine alone."""
    pylsl.set_config_content(
        "[ports]\nIPv6 = disable\nPortRange = 128\n"
        "[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\n"
        f"[lab]\nKnownPeers = {{127.0.0.1}}\nSessionID = {SESSION}\n"
    )


class Markers:
    """The stream 'emostream-stimulus': JSON objects with an "event"."""

    def __init__(self) -> None:
        info = pylsl.StreamInfo(
            "emostream-stimulus", "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"psychopy-{os.getpid()}"
        )
        self._outlet = pylsl.StreamOutlet(info)

    def now(self, event: str, **what: Any) -> None:
        """Send at once: for answers and other things that are not on the screen."""
        self._outlet.push_sample([json.dumps({"event": event, **what})], pylsl.local_clock())

    def on_flip(self, window: Window, event: str, **what: Any) -> None:
        """Send when the next flip has put the picture on the screen; the stamp is that moment."""
        # callOnFlip calls after the buffers were swapped, so the clock is read there and not here
        window.callOnFlip(lambda: self.now(event, **what))


def show_trial(window: Window, markers: Markers, number: int, film: Any, stimulus: str, emotion: str) -> None:
    """One film: the frame that brings it begins the trial, the frame that takes it away ends it."""
    what = {"trial": number, "emotion": emotion}
    markers.on_flip(window, "trial_start", **what, stimulus=stimulus, block="films")
    film.play()
    while not film.isFinished:
        film.draw()
        window.flip()
    markers.on_flip(window, "trial_end", **what)
    window.flip()


def main() -> None:
    """A whole session: baseline, films, ratings."""
    from psychopy import core, event, visual  # type: ignore[import-not-found]

    join_session()
    window = visual.Window(fullscr=True, color="#2b2f36", units="height")
    markers = Markers()
    text = visual.TextStim(window, height=0.04, wrapWidth=1.2)
    cross = visual.TextStim(window, text="+", height=0.08)

    def read(message: str) -> None:
        text.text = message + "\n\n(space)"
        text.draw()
        markers.on_flip(window, "instruction", text=message)
        window.flip()
        event.waitKeys(keyList=["space"])

    def rest(name: str, seconds: float) -> None:
        cross.draw()
        markers.on_flip(window, f"{name}_start")
        window.flip()
        core.wait(seconds)
        markers.on_flip(window, f"{name}_end")
        window.flip()

    completed = False
    try:
        # a screen that waits: time to start the recording, so that the first marker is in it
        text.text = "Welcome"
        text.draw()
        window.flip()
        event.waitKeys()
        markers.now("session_start", playlist="psychopy", subject="01", session="01", order="fixed", seed=0)
        rest("baseline", 60.0)
        read("Keep a neutral face while you watch.")
        for number, (stimulus, emotion) in enumerate(CLIPS.items(), 1):
            rest("rest", 10.0)
            film = visual.MovieStim(window, filename=str(Path(stimulus)))
            show_trial(window, markers, number, film, stimulus, emotion)
            text.text = "How strong was the feeling? 1 not at all ... 9 very strong"
            text.draw()
            window.flip()
            intensity = int(event.waitKeys(keyList=[str(n) for n in range(1, 10)])[0])
            # emotion is what was felt; leave out what you do not ask
            markers.now("self_report", trial=number, intensity=intensity)
        completed = True
    finally:
        markers.now("session_end", completed=completed)
        # what is still on its way would go with the outlet
        core.wait(0.5)
        window.close()


if __name__ == "__main__":
    main()
