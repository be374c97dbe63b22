"""Readers of what a playlist shows: looked into before a window opens, then decoded, picture and sound."""

from __future__ import annotations

import io
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np

_PIECES, _PICTURES = 64, 8
_SCREEN = (320, 240)


def read_stimulus(path: Path) -> None:
    """Looked into before anything is shown."""
    from gui.present.media import check_stimuli
    from gui.present.order import PlannedTrial
    from realtime.session.playlist import Trial

    trial = Trial(stimulus=path.name, emotion="calm")
    check_stimuli(path.parent, [PlannedTrial(0, "one", trial)])


def read_shown(path: Path) -> None:
    """Decoded and scaled, as the thread of a film does it; what that takes for the film's end is a refusal here."""
    from av.error import FFmpegError

    from gui.present.film import FilmReader
    from realtime.errors import DataError

    try:
        for _ in itertools.islice(FilmReader(path, _SCREEN)._decode(), _PICTURES):
            pass
    except (FFmpegError, ValueError) as err:
        raise DataError("the film ends") from err


def read_sound(path: Path) -> None:
    """Decoded to what is played, as the thread of the sound does it; what that takes for its end is a refusal here."""
    from av.error import FFmpegError

    from gui.present.sound import SoundReader
    from realtime.errors import DataError

    try:
        for _ in itertools.islice(SoundReader(path)._decode(), _PIECES):
            pass
    except (FFmpegError, ValueError) as err:
        raise DataError("the sound ends") from err


def sounding(late_s: float = 0.1, rate_hz: int = 8_000, samples: int = 1_000) -> bytes:
    """A film with sound, as Matroska.

    Parameters
    ----------
    late_s : float
        When its sound begins.
    rate_hz, samples : int
        Of its sound; one piece.
    """
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as container:
        picture = container.add_stream("mpeg4", rate=20)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=rate_hz, layout="mono")
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 40 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 20)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        piece = av.AudioFrame.from_ndarray(np.full((1, samples), 8000, np.int16), "s16", "mono")
        piece.sample_rate, piece.pts, piece.time_base = rate_hz, round(rate_hz * late_s), Fraction(1, rate_hz)
        container.mux(sound.encode(piece))
        container.mux(sound.encode())
    return target.getvalue()


def films(_folder: Path) -> list[bytes]:
    """With sound that begins later than the picture, and with it."""
    return [sounding(), sounding(0.0)]
