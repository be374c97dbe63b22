"""What is known of the stimuli before anything is shown: that they are there, can be read to the end, and how long."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gui.present.order import PlannedTrial
from realtime.errors import DataError
from realtime.session.playlist import Trial
from realtime.untrusted import is_file

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

LOCAL_FILES_ONLY = {"protocol_whitelist": "file"}
"""Playlists inside a media file may name addresses: nothing leaves the machine."""

LATEST_SOUND_S = 60.0
"""So much later than the picture a film's sound may begin; until then there is silence."""

SOUND_RATES_HZ = (4_000, 768_000)
"""Lowest and highest rate of a film's sound: at 1 Hz, a megabyte would become 190 GB of what is played."""

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
        One is missing, cannot be read, is cut short, is shorter than it is to be shown, or has sound that begins more
        than `LATEST_SOUND_S` after its picture or that has none of `SOUND_RATES_HZ`.
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


def open_film(path: Path) -> AbstractContextManager[InputContainer]:
    """A film, for reading; what it says of itself, such as its title, may be in any encoding.

    Raises
    ------
    FFmpegError, ValueError
        It cannot be read.
    """
    import av

    return av.open(str(path), container_options=LOCAL_FILES_ONLY, metadata_errors="replace")


def sound_begins_s(container: InputContainer) -> float:
    """When the sound of a film begins, s from its first picture; before it where negative.

    Raises
    ------
    DataError
        There is no picture or no sound, or it begins so late, or has such a rate, that it cannot be played.
    """
    if not container.streams.video or not container.streams.audio:
        raise DataError("it has no picture or no sound")
    picture, sound = container.streams.video[0], container.streams.audio[0]
    begins_s = _start_s(sound) - _start_s(picture)
    if begins_s > LATEST_SOUND_S:
        raise DataError(f"its sound begins {begins_s:.1f} s after its picture, {LATEST_SOUND_S:g} s is the most")
    if sound.codec_context is not None and sound.codec_context.sample_rate:
        require_rate(sound.codec_context.sample_rate)
    return begins_s


def require_rate(rate_hz: int) -> None:
    """Refuse sound that would not be sound.

    Raises
    ------
    DataError
        Of another rate than sound has.
    """
    lowest, highest = SOUND_RATES_HZ
    if not lowest <= rate_hz <= highest:
        raise DataError(f"its sound has {rate_hz} samples a second, wanted {lowest} to {highest}")


def _start_s(stream: Stream) -> float:
    return float((stream.start_time or 0) * (stream.time_base or 0))


def shown_s(trial: Trial, media: Media) -> float:
    """How long a trial's stimulus is on the screen, s."""
    return media.duration_s if trial.duration_s is None else min(trial.duration_s, media.duration_s or trial.duration_s)


def _look(folder: Path, trial: Trial) -> Media:
    if trial.kind in ("fixation", "flash"):
        return Media(None, 0.0)
    path = (folder / trial.stimulus).absolute()
    if not is_file(path):
        raise DataError(f"no stimulus '{trial.stimulus}' in '{folder}': put the file there or correct the playlist")
    from av.error import FFmpegError

    try:
        with open_film(path) as container:
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
    if sound:
        try:
            sound_begins_s(container)
        except DataError as err:
            raise DataError(f"stimulus '{trial.stimulus}': {err}; convert it, or leave it out") from err
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
