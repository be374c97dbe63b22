"""What is known of the stimuli before anything is shown: that they are there, can be read to the end, and how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gui.present.order import PlannedTrial
from realtime.errors import DataError
from realtime.session.playlist import Trial
from realtime.untrusted import is_file

if TYPE_CHECKING:
    from av.container import InputContainer

LOCAL_FILES_ONLY = {"protocol_whitelist": "file"}
"""Playlists inside a media file may name addresses: nothing leaves the machine."""

_SHORTER_S = 1.0
_LARGEST_PX = 16_384


@dataclass(frozen=True, slots=True)
class Media:
    """One stimulus as it lies on the disk.

    Parameters
    ----------
    path : Path or None
        None for what is built in.
    duration_s : float
        How long it will be shown.
    width, height : int
        Of the picture, px; 0 for what is built in.
    fps : float
        Mean frame rate; 0 for what does not move.
    frames : int
    sound : bool
    """

    path: Path | None
    duration_s: float
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frames: int = 0
    sound: bool = False


def check_stimuli(folder: Path, planned: Iterable[PlannedTrial]) -> dict[str, Media]:
    """Look into every stimulus, before a window opens.

    Parameters
    ----------
    folder : Path
        Where the playlist lies.
    planned : iterable of PlannedTrial

    Returns
    -------
    dict
        From `Trial.stimulus`.

    Raises
    ------
    DataError
        One is missing, cannot be read, is cut short, or is shorter than it is to be shown.
    """
    found: dict[str, Media] = {}
    for trial in (one.trial for one in planned):
        media = found.get(trial.stimulus) or _look(folder, trial)
        found[trial.stimulus] = media
        if trial.kind == "video" and trial.duration_s is not None and trial.duration_s > media.duration_s + _SHORTER_S:
            raise DataError(
                f"stimulus '{trial.stimulus}' lasts {media.duration_s:.1f} s and duration_s is {trial.duration_s:g}: "
                "leave duration_s out to show all of it"
            )
    return found


def shown_s(trial: Trial, media: Media) -> float:
    """How long a trial's stimulus is on the screen, s."""
    return media.duration_s if trial.duration_s is None else min(trial.duration_s, media.duration_s or trial.duration_s)


def _look(folder: Path, trial: Trial) -> Media:
    if trial.kind in ("fixation", "flash"):
        return Media(None, 0.0)
    path = (folder / trial.stimulus).absolute()
    if not is_file(path):
        raise DataError(f"no stimulus '{trial.stimulus}' in '{folder}': put the file there or correct the playlist")
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path), container_options=LOCAL_FILES_ONLY) as container:
            if not container.streams.video:
                raise DataError(f"stimulus '{trial.stimulus}' holds no picture")
            return _read(path, trial, container)
    except (FFmpegError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or err
        raise DataError(f"cannot read stimulus '{trial.stimulus}': {reason}; convert it, or leave it out") from err


def _read(path: Path, trial: Trial, container: InputContainer) -> Media:
    stream = container.streams.video[0]
    frame = next(container.decode(stream), None)
    if frame is None or not 0 < max(frame.width, frame.height) <= _LARGEST_PX:
        raise DataError(f"no picture can be decoded from stimulus '{trial.stimulus}': convert it, or leave it out")
    sound = bool(container.streams.audio)
    if trial.kind == "image":
        return Media(path, 0.0, frame.width, frame.height, 0.0, 1)
    announced_s = container.duration / 1e6 if container.duration is not None else 0.0
    container.seek(0)
    start_s, end_s, last_s, frames = float("inf"), 0.0, 0.0, 0
    for packet in container.demux():
        if packet.pts is None or packet.time_base is None:
            continue
        ends_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        last_s = max(last_s, ends_s)
        if packet.stream.index == stream.index:
            start_s, end_s, frames = min(start_s, float(packet.pts * packet.time_base)), max(end_s, ends_s), frames + 1
    duration_s = end_s - start_s
    if frames == 0 or duration_s <= 0:
        raise DataError(f"stimulus '{trial.stimulus}' has no length: show it as an image, or convert it")
    if announced_s - last_s > max(_SHORTER_S, 0.02 * announced_s):
        raise DataError(
            f"stimulus '{trial.stimulus}' is cut short: it announces {announced_s:.1f} s and holds {last_s:.1f} s"
        )
    return Media(path, duration_s, frame.width, frame.height, frames / duration_s, frames, sound)
