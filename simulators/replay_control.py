"""Steering a replay while it runs: keys in the terminal, events on 'emostream-control'."""

from __future__ import annotations

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from realtime.config import LslConfig
from realtime.lsl.listen import MarkerListener
from realtime.session.events import CONTROL
from simulators.replay import Replay
from simulators.streams import sent_text

STEP_S = 5.0
"""How far an arrow key jumps."""

SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Between which the arrow keys change."""

_LOOK_S = 0.1
_KEYS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", " ": "space"}


def obey(source: Replay, event: dict[str, Any]) -> bool:
    """Do what an event of 'emostream-control' asks of a replay; whether it asked anything of one.

    Parameters
    ----------
    source : Replay
    event : dict
        "replay_pause", "replay_resume", "replay_seek" {position_s}, "replay_speed" {speed}, "replay_loop" {loop}. One
        that lacks its number is no event of ours.
    """
    line, asked = source.timeline, event.get("event")
    if asked == "replay_pause":
        line.pause()
    elif asked == "replay_resume":
        line.resume()
    elif asked == "replay_seek" and _is_number(event.get("position_s")):
        line.seek(float(event["position_s"]))
    elif asked == "replay_speed" and _is_number(event.get("speed")):
        line.set_speed(float(event["speed"]))
    elif asked == "replay_loop" and isinstance(event.get("loop"), bool):
        line.loop = event["loop"]
    else:
        return False
    return True


def press(source: Replay, key: str) -> bool:
    """Do what a key asks; False where it asks to end.

    Parameters
    ----------
    source : Replay
    key : str
        'space', 'left', 'right', 'up', 'down', or a letter or digit.
    """
    line = source.timeline
    if key == "space":
        (line.resume if line.paused else line.pause)()
    elif key in ("left", "right"):
        line.seek(line.position_s + (STEP_S if key == "right" else -STEP_S))
    elif key in ("up", "down"):
        line.set_speed(_next_speed(line.speed, faster=key == "up"))
    elif key.isdecimal() and line.last_s < float("inf"):
        line.seek(line.first_s + int(key) / 10 * (line.last_s - line.first_s))
    elif key == "l":
        line.loop = not line.loop
    return key != "q"


def status_line(source: Replay) -> str:
    """Time code, speed and state in one line."""
    line = source.timeline
    end = time_code(line.last_s) if line.last_s < float("inf") else "without end"
    state = "paused" if line.paused else f"{line.speed:g} x"
    return f"{time_code(line.position_s)} / {end}  {state}{'  loop' if line.loop else ''}"


def time_code(seconds: float) -> str:
    """'1:02:03.4', hours only where there are any."""
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{f'{hours}:' if hours else ''}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def run_replay(source: Replay, seconds: float | None, config: LslConfig, say: Callable[[str], object]) -> None:
    """Keep a replay on LSL until it ends, the time is over, 'q' or Ctrl-C; obey keys and control events meanwhile.

    Raises
    ------
    EmostreamError
        What ended one of its threads.
    """
    listener = MarkerListener({CONTROL}, lambda _name, event, _stamp: obey(source, event), config)
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    with ExitStack() as stack:
        stack.callback(_tell_end, source, say)
        stack.callback(source.stop)
        source.start()
        for note in source.notes:
            say(f"note: {note}")
        simulated = " (simulated)" if source.simulated else ""
        say(f"{source.name}{simulated} on LSL: {', '.join(h.name for h in source.health())}; Ctrl-C ends it")
        stack.callback(listener.stop)
        listener.start()
        keys = stack.enter_context(_keys())
        while source.state == "running" and time.monotonic() < end_s:
            for key in keys(_LOOK_S):
                if not press(source, key):
                    return
            if sys.stdout.isatty():
                sys.stdout.write(f"\r\x1b[K{status_line(source)}")
                sys.stdout.flush()


def _tell_end(source: Replay, say: Callable[[str], object]) -> None:
    for remark in source.remarks():
        say(f"note: {remark}")
    say(f"sent: {sent_text(source.health())}")


@contextmanager
def _keys() -> Iterator[Callable[[float], list[str]]]:
    """Keys pressed within a time; waits that long. Without a terminal there are none."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield lambda timeout_s: time.sleep(timeout_s) or []
        return
    try:
        import termios
        import tty
    except ImportError:  # a system without terminals of that kind: control events still reach the replay
        yield lambda timeout_s: time.sleep(timeout_s) or []
        return
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def read(timeout_s: float) -> list[str]:
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return []
        return split_keys(os.read(descriptor, 64).decode("ascii", "ignore"))

    try:
        tty.setcbreak(descriptor)
        yield read
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        sys.stdout.write("\n")


def split_keys(typed: str) -> list[str]:
    """Names of the keys in what a terminal sent; unknown sequences are left out."""
    keys = []
    while typed:
        sequence = next((known for known in _KEYS if typed.startswith(known)), "")
        if sequence:
            keys.append(_KEYS[sequence])
        elif typed[0].isalnum():
            keys.append(typed[0].lower())
        typed = typed[len(sequence) or 1 :]
    return keys


def _next_speed(speed: float, *, faster: bool) -> float:
    if faster:
        return next((s for s in SPEEDS if s > speed * 1.001), SPEEDS[-1])
    return next((s for s in reversed(SPEEDS) if s < speed * 0.999), SPEEDS[0])


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
