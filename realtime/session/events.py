"""The marker streams by which the programs of a session agree; docs/streams.md lists their events.

Every marker is a JSON object with an "event". Whoever listens joins all streams of a name, for several programs may
send on one: two screens, or a screen and a script.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from realtime.untrusted import parse_json

CONTROL = "emostream-control"
"""What an operator does: notes, the start and stop of recordings, of replays and of presentations."""

TUNING = "emostream-tuning"
"""What each engine is tuned to, and what it answers to those who want it otherwise."""

RECORDER = "emostream-recorder"
"""What the recorder does, about once a second while it records."""

FILMS = "emostream-films"
"""What each camera films."""

STIMULUS = "emostream-stimulus"
"""What the participant sees, stamped at the frame that reached the screen, and answers."""

REPLAY = "emostream-replay"
"""Where a replay is."""

_LONGEST = 65_536


def own_source_id(program: str) -> str:
    """Source id of a program's marker stream: no two programs share one, so none takes another's place."""
    return f"emostream-{program}@{socket.gethostname()}-{os.getpid()}"


def parse_event(text: str) -> dict[str, Any] | None:
    """The JSON object of a marker; None for any other text, and for one without an "event"."""
    try:
        said = parse_json(text, _LONGEST)
    except ValueError:
        return None
    return said if isinstance(said, dict) and isinstance(said.get("event"), str) else None
