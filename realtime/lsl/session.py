"""How this process takes part in LSL: which session it belongs to and whether it leaves the loopback.

liblsl reads its configuration once, at its first call, so `configure` comes before anything else of LSL.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from realtime.errors import ConfigurationError

if TYPE_CHECKING:
    import pylsl

_ENVIRONMENT = "EMOSTREAM_SESSION"
_ALLOWED_ENVIRONMENT = "EMOSTREAM_ALLOW"
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LOCK = threading.Lock()
_configured: str | None = None
_allowed: frozenset[str] = frozenset()


def session_id(explicit: str | None = None) -> str:
    """Session id from the argument, else from the environment variable EMOSTREAM_SESSION, else 'default'.

    Raises
    ------
    ConfigurationError
        The id holds anything but letters, digits, '.', '_' and '-', or is longer than 64 characters.
    """
    chosen = explicit if explicit is not None else os.environ.get(_ENVIRONMENT, "default")
    if not _VALID_ID.fullmatch(chosen):
        raise ConfigurationError(
            f"LSL session id {chosen!r} is not valid: use 1 to 64 letters, digits, '.', '_' or '-', for instance 'lab1'"
        )
    return chosen


def config_text(*, network: bool = False, session: str | None = None) -> str:
    """Content of an LSL configuration file for this session.

    Other LSL programs (LabRecorder, mne-lsl) join the session when this text is saved and named by the
    environment variable LSLAPICFG.

    Parameters
    ----------
    network : bool
        False keeps discovery on this machine; True uses LSL's default scope, the local site.
    session : str, optional
        See `session_id`.

    Raises
    ------
    ConfigurationError
        The session id is not valid.
    """
    # 16572 is LSL's own base port; its default range of 32 is exhausted by two participants on one machine
    lines = ["[ports]", "IPv6 = disable", "PortRange = 128"]
    if not network:
        lines += ["[multicast]", "ResolveScope = machine", "ListenAddress = 127.0.0.1"]
    lines += ["[lab]", f"SessionID = {session_id(session)}"]
    if not network:
        lines += ["KnownPeers = {127.0.0.1}"]
    # liblsl sets aside 5 s of samples ahead of time by default: 400 MB for colour video at 720p
    lines += ["[tuning]", "OutletBufferReserveMs = 200", "InletBufferReserveMs = 200"]
    lines += ["OutletBufferReserveSamples = 16", "InletBufferReserveSamples = 16"]
    if not network:
        # the multicast of one machine reaches one process only; the unicast that reaches all waits for these, 0.5 s
        lines += ["MulticastMinRTT = 0.05", "UnicastMinRTT = 0.2"]
    # a look-up that finds nothing may go on for this long after its timeout; the defaults are 3 and 5 s
    lines += [f"MulticastMaxRTT = {2 if network else 0.75}", f"UnicastMaxRTT = {2 if network else 0.75}"]
    # -3 is "fatal only": what goes wrong with a stream is said by its reader, in words
    lines += ["[log]", "level = -3"]
    return "\n".join(lines) + "\n"


def is_local() -> bool:
    """True where this process was configured to see streams of this machine only: all share one clock then."""
    return _configured is not None and "ResolveScope = machine" in _configured


def allows(info: pylsl.StreamInfo) -> bool:
    """Whether a stream may be read: one of this machine, or one whose host or source id `configure` was told to allow.

    Names are what the sender says of itself: this keeps out the wrong headset of the next room, not a forger.
    """
    return is_local() or info.hostname() == socket.gethostname() or bool(_allowed & {info.hostname(), info.source_id()})


def configure(network: bool = False, session_id: str | None = None, allow: Collection[str] = ()) -> None:
    """Set liblsl up for this process; call it before any other LSL call. A repeated equal call does nothing.

    What is allowed is passed on to child processes in the environment variable EMOSTREAM_ALLOW, one a line.

    Parameters
    ----------
    network : bool
        True lets other machines of the local site see our streams and us theirs; the default is this machine only.
    session_id : str, optional
        Only streams of the same session are seen; default: the variable EMOSTREAM_SESSION, else 'default'.
    allow : collection of str
        Host names, and source ids, of other machines' streams that may be read, beside those of EMOSTREAM_ALLOW.

    Raises
    ------
    ConfigurationError
        The id is not valid, or this process was configured otherwise before.
    """
    import pylsl

    global _configured, _allowed
    names = {*allow, *os.environ.get(_ALLOWED_ENVIRONMENT, "").splitlines()} - {""}
    text = config_text(network=network, session=session_id)
    with _LOCK:
        _allowed = frozenset(names)
        if names:
            os.environ[_ALLOWED_ENVIRONMENT] = "\n".join(sorted(names))
        if _configured == text:
            return
        if _configured is not None:
            raise ConfigurationError(
                "LSL is already configured in this process with another session or network setting: "
                "configure it once, at the start"
            )
        pylsl.set_config_content(text)
        _configured = text
