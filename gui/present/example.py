"""A playlist to try things with: three short films of moving patterns, made here. We ship no stimuli."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.errors import ConfigurationError, DataError

CLIP_S = 2.0
_SIZE = (640, 360)
_FPS = 30
_RATE_HZ = 48_000
_CLIPS = (("waves", "happy", 0), ("rings", "sad", 1), ("weave", "fear", 2))

_PLAYLIST = """\
# A playlist of 'emostream present'. The clips are simulated patterns: they elicit nothing.
# In a study: real clips, a baseline of a minute or two, rests of ten seconds or more.
title = "Example of a suppression paradigm"
simulated = true          # say so in the markers; leave it out with real stimuli
order = "random"          # "fixed", "random" or "latin"; the command line may say another
baseline_s = 1.0
rest_s = 0.5
blank_s = 0.2

[texts]
welcome = "Welcome.\\n\\nYou will see three short clips and answer a few questions after each."
baseline = "First we record you at rest.\\n\\nLook at the cross in the middle of the screen."
pause = "A short break"
thanks = "Thank you.\\n\\nThat was all."

# Questions after each clip; these and their scales are the defaults, see docs/present.md.
[self_report]
question = "What did you feel most?"
emotions = ["happy", "surprise", "calm", "sad", "fear", "tense", "disgust", "angry", "neutral"]

[[blocks]]
name = "clips"
instruction = "Keep a neutral face while you watch.\\n\\nWhatever you feel, do not let it show."
"""


def write_example(folder: Path) -> Path:
    """Write the playlist and its clips into a folder that is new or empty.

    Returns
    -------
    Path
        The playlist.

    Raises
    ------
    ConfigurationError
        The folder holds something already.
    DataError
        It cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(f"'{folder}' holds something already: name a new folder for the example")
    playlist = folder / "playlist.toml"
    try:
        (folder / "clips").mkdir(parents=True, exist_ok=True)
        text = _PLAYLIST
        for name, emotion, kind in _CLIPS:
            _write_clip(folder / "clips" / f"{name}.mp4", kind)
            text += f'\n[[blocks.trials]]\nstimulus = "clips/{name}.mp4"\nemotion = "{emotion}"\n'
        playlist.write_text(text, encoding="utf-8")
    except OSError as err:
        raise DataError(f"cannot write the example into '{folder}': {err.strerror or err}") from err
    return playlist


def _write_clip(path: Path, kind: int) -> None:
    """A pattern, and a soft tone that swells and fades, so that sound can be tried as well."""
    import av

    with av.open(str(path), "w") as container:
        picture = container.add_stream(
            "libx264", rate=_FPS, options={"preset": "ultrafast", "crf": "26", "threads": "1"}
        )
        picture.width, picture.height = _SIZE
        picture.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=_RATE_HZ, layout="mono")
        for number in range(round(CLIP_S * _FPS)):
            frame = av.VideoFrame.from_ndarray(_pattern(kind, number / _FPS), format="rgb24").reformat(*_SIZE)
            frame.pts, frame.time_base = number, Fraction(1, _FPS)
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        at_s = np.arange(round(CLIP_S * _RATE_HZ)) / _RATE_HZ
        swell = 0.08 * np.sin(np.pi * at_s / CLIP_S)
        tone = (swell * np.sin(2 * np.pi * 220.0 * 2 ** (kind / 3) * at_s)).astype(np.float32)
        for first in range(0, len(tone), 1024):
            piece = av.AudioFrame.from_ndarray(tone[None, first : first + 1024], "fltp", "mono")
            piece.sample_rate, piece.pts, piece.time_base = _RATE_HZ, first, Fraction(1, _RATE_HZ)
            container.mux(sound.encode(piece))
        container.mux(sound.encode())


def _pattern(kind: int, time_s: float) -> NDArray[np.uint8]:
    """One frame of a slow pattern: neutral, other in each clip, and so smooth that an eighth of the size will do."""
    width, height = _SIZE[0] // 8, _SIZE[1] // 8
    x, y = np.meshgrid(np.linspace(-1.6, 1.6, width), np.linspace(-0.9, 0.9, height))
    turn = 2 * math.pi * time_s / 4
    if kind == 0:
        wave = np.sin(5 * x + 2 * np.sin(3 * y + turn) + 2 * turn)
    elif kind == 1:
        wave = np.sin(12 * np.hypot(x, y) - 3 * turn)
    else:
        wave = np.sin(6 * (x * np.cos(0.3) + y * np.sin(0.3)) + turn) * np.sin(6 * (y - x * 0.3) - turn)
    hues = np.array([[0.45, 0.55, 0.7], [0.5, 0.62, 0.52], [0.62, 0.55, 0.5]])[kind]
    return (255 * np.clip((0.62 + 0.3 * wave)[..., None] * hues, 0, 1)).astype(np.uint8)
