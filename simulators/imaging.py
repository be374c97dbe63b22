"""What lamps, the camera and the codec do to a scene: brightness, blur, compression, and frames that never arrive.

Pure functions of time and of the frame's number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from realtime.packets import Float32, UInt8
from simulators.distractors import Distractors, ExposureStep, Flicker, LightSwitch
from simulators.events import Interval

_BLUR_PX = 1.0  # of motion between two pictures of one exposure; the picture's own sharpness is no better
_MOST_BLUR = 4


def exposure_gain(steps: Sequence[ExposureStep], t_s: float) -> float:
    """Brightness by automatic exposure at `t_s`: each step jumps past its gain and settles there."""
    gain = 1.0
    for step in steps:
        since = t_s - step.at_s
        if since <= 0.0:
            break
        jump = min(since / step.jump_s, 1.0)
        beyond = step.overshoot * math.exp(-max(since - step.jump_s, 0.0) / step.settle_s)
        gain *= step.gain ** (jump * (1.0 + beyond))
    return gain


def lamp_gain(switches: Sequence[LightSwitch], t_s: float) -> tuple[float, float]:
    """(gain in the middle of the picture, what it gains more from left to right edge / 2) at `t_s`."""
    gain, slope = 1.0, 0.0
    for switch in switches:
        since = t_s - switch.at_s
        if since <= 0.0:
            break
        share = min(since / switch.rise_s, 1.0)
        gain *= 1.0 + share * (switch.gain - 1.0)
        slope += share * switch.slope
    return gain, slope


def flicker_rows(flicker: Flicker, height: int, t_s: float) -> Float32:
    """Brightness of each row: (height, 1) float32 about 1.

    A frame is the lamp's light averaged over its exposure, so the change shrinks as the exposure nears a whole cycle.
    """
    lamp_hz = 2.0 * flicker.mains_hz
    seen = flicker.depth * float(np.sinc(lamp_hz * flicker.exposure_s))
    row_s = t_s + flicker.readout_s * np.arange(height)[:, None] / height
    return (1.0 + seen * np.cos(2.0 * np.pi * lamp_hz * row_s)).astype(np.float32)


def compressed(picture: UInt8, quality: int) -> UInt8:
    """The picture after a round trip through JPEG, what a webcam sends as MJPG."""
    packed = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)


def exposure_moments(t_s: float, exposure_s: float, speed_px_s: float) -> tuple[float, ...]:
    """Moments about `t_s` whose pictures make up one exposure in which something moves so fast."""
    count = int(np.clip(np.ceil(speed_px_s * exposure_s / _BLUR_PX), 1, _MOST_BLUR))
    return tuple((t_s + exposure_s * ((np.arange(count) + 0.5) / count - 0.5)).tolist())


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which frames of a camera arrive, and which show something old.

    Parameters
    ----------
    lost, repeated : tuple of Interval
        As in `Distractors`.
    fps : float
    """

    lost: tuple[Interval, ...]
    repeated: tuple[Interval, ...]
    fps: float

    @classmethod
    def of(cls, distractors: Distractors, fps: float) -> Delivery:
        return cls(distractors.lost, distractors.repeated, fps)

    def is_lost(self, index: int) -> bool:
        """Whether frame `index` never arrives; the first one always does."""
        return index > 0 and _within(self.lost, index / self.fps)

    def shown(self, index: int) -> int:
        """The frame whose picture is the newest at frame `index`: itself, unless it is lost or repeats another."""
        while index > 0 and (_within(self.lost, index / self.fps) or _within(self.repeated, index / self.fps)):
            index -= 1
        return index


def _within(intervals: Sequence[Interval], t_s: float) -> bool:
    return any(each.start_s <= t_s < each.end_s for each in intervals)
