"""How a recording stands, and from when on something is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """When something is wrong, s and bytes.

    Parameters
    ----------
    beat_s : float
        Padding is sent this often.
    still_s : float
        A file that did not grow for this long is an alarm, told within a second. LabRecorder writes each stream twice a
        second, so with the padding's two something four times; with 20 processes wanting 2 cores 0.7 s were seen.
    full_s : float
        The same where the disk has hardly any room.
    hung_s : float
        After this long LabRecorder is ended and started anew.
    stalled_s : float
        A regular stream of which nothing was written for this long is stalled.
    settle_s : float
        A late stream is waited for this long, so that a program's streams come into one part.
    ready_s : float
        A LabRecorder that does not collect from all its streams by then is an alarm.
    warn_s, warn_bytes : float
        Less of the disk than this, at the present rate, is an alarm.
    finish_s : float
        LabRecorder is killed where it has not finished its file by then.
    """

    beat_s: float = 0.2
    still_s: float = 0.8
    full_s: float = 0.6
    hung_s: float = 30.0
    stalled_s: float = 2.5
    settle_s: float = 1.0
    ready_s: float = 10.0
    warn_s: float = 600.0
    warn_bytes: int = 256 * 1024 * 1024
    finish_s: float = 60.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What of a stream is in the file."""

    name: str
    type: str
    source_id: str
    received: int
    age_s: float
    stalled: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Report:
    """How the recording stands.

    Parameters
    ----------
    elapsed_s : float
    bytes : int
        Of all files of the run: film too, where it is written on this machine.
    free_bytes : int
    streams : tuple of StreamReport
    failure : str
        Why nothing is being written; '' while all is well.
    alarms : tuple of str
        What is wrong now, `failure` first.
    """

    elapsed_s: float
    bytes: int
    free_bytes: int
    streams: tuple[StreamReport, ...]
    failure: str
    alarms: tuple[str, ...]
