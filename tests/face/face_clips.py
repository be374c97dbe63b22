"""Small clips with known motion: a public-domain portrait warped by displacement bumps, with sway, blinks and noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from realtime.face._cv import bytes_of, cv2
from realtime.face.alignment import Alignment
from realtime.face.tracker import FaceTracker
from realtime.packets import UInt8, VideoFrame

WIDTH, HEIGHT = 640, 480
_NOISE_ROOM = 128
# where each movement pulls, in landmarks, and whereto (x, y), the person's left being on the right of the picture
PULLS = {
    "brows": {105: (0.0, -1.0), 334: (0.0, -1.0)},
    "smile": {61: (-0.8, -0.6), 291: (0.8, -0.6)},
    "brow_left": {334: (0.0, -1.0)},
    "frown": {107: (0.7, 0.7), 336: (-0.7, 0.7)},
    "chin": {199: (0.0, -1.0)},
}


@dataclass(frozen=True)
class Pull:
    """A movement with a raised-cosine rise and fall; `peak_px` in px of the 256 px crop."""

    onset_s: float
    apex_s: float
    offset_s: float
    name: str
    peak_px: float

    def at(self, t: float) -> float:
        if self.onset_s <= t <= self.apex_s:
            return 0.5 - 0.5 * np.cos(np.pi * (t - self.onset_s) / (self.apex_s - self.onset_s))
        if self.apex_s < t <= self.offset_s:
            return 0.5 + 0.5 * np.cos(np.pi * (t - self.apex_s) / (self.offset_s - self.apex_s))
        return 0.0


@dataclass(frozen=True)
class Clip:
    """What happens; times in s, sway in px of the frame, light as a share of the brightness."""

    duration_s: float = 10.0
    fps: float = 30.0
    pulls: tuple[Pull, ...] = ()
    blinks_s: tuple[float, ...] = ()
    speech_s: tuple[tuple[float, float], ...] = ()
    sway_px: float = 2.0
    light_steps_s: tuple[float, ...] = ()
    turns_s: tuple[float, ...] = ()
    noise: float = 2.0
    seed: int = 0


@cache
def portrait() -> tuple[UInt8, NDArray[np.float64]]:
    """(480, 640) grey portrait, face about 200 px high, and its 468 landmarks."""
    import skimage.data

    grey = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
    matrix = np.array([[2.0, 0, 320 - 2 * 225], [0, 2.0, 240 - 2 * 122]])
    image = cv2.warpAffine(grey, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    face = FaceTracker().track(image)
    assert face is not None
    return image, face.landmarks.astype(np.float64)


def bump(centre: NDArray[np.float64], sigma: tuple[float, float]) -> NDArray[np.float32]:
    """(480, 640) Gaussian bump, 1 at its centre."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = ((x - centre[0]) / sigma[0]) ** 2 + ((y - centre[1]) / sigma[1]) ** 2
    return np.exp(-0.5 * distance).astype(np.float32)


@cache
def pull_field(name: str) -> NDArray[np.float32]:
    """(480, 640, 2) displacement whose largest vector is one px of the 256 px crop."""
    _, landmarks = portrait()
    field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for point, direction in PULLS[name].items():
        field += bump(landmarks[point], (18.0, 12.0))[..., None] * np.array(direction, np.float32)
    return field / np.hypot(*np.moveaxis(field, -1, 0)).max() / np.float32(crop_scale())


def crop_scale() -> float:
    """Crop px per frame px of the portrait at rest."""
    return Alignment.fit(portrait()[1].astype(np.float32)).scale


@cache
def _lid_field() -> NDArray[np.float32]:
    _, landmarks = portrait()
    field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for upper, lower in ((386, 374), (159, 145)):
        height = landmarks[lower, 1] - landmarks[upper, 1]
        field[..., 1] += bump(landmarks[upper], (10.0, 4.0)) * np.float32(height)
    return field


@cache
def _jaw_field() -> NDArray[np.float32]:
    _, landmarks = portrait()
    field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    field[..., 1] = bump(landmarks[17] + [0, 12], (30.0, 16.0))
    return field


def displacement(clip: Clip, t: float) -> NDArray[np.float32]:
    """(480, 640, 2) displacement of the face's skin at `t`, px of the frame, the head at rest."""
    field = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    for pull in clip.pulls:
        if (strength := pull.at(t)) > 0:
            field += pull_field(pull.name) * np.float32(strength * pull.peak_px)
    for start in clip.blinks_s:
        if 0 <= t - start <= 0.3:
            field += _lid_field() * np.float32(np.sin(np.pi * (t - start) / 0.3) ** 2)
    for start, end in clip.speech_s:
        if start <= t <= end:
            opening = np.sin(2 * np.pi * 3.7 * (t - start)) * np.sin(2 * np.pi * 1.3 * (t - start))
            field += _jaw_field() * np.float32(3.0 * opening)
    return field


def head(clip: Clip, t: float) -> NDArray[np.float64]:
    """(2, 3) motion of the whole picture at `t`: slow sway, and quick turns at `turns_s`."""
    rng = np.random.default_rng(clip.seed + 77)
    frequency, phase = rng.uniform(0.08, 0.5, (4, 4)), rng.uniform(0, 2 * np.pi, (4, 4))
    wave = np.sin(2 * np.pi * frequency * t + phase).mean(axis=1) * clip.sway_px
    angle, scale = 0.004 * wave[2], 1 + 0.003 * wave[3]
    for start in clip.turns_s:
        wave[:2] += 8.0 * np.array([1.0, 0.5]) / (1 + np.exp(-(t - start) / 0.06))
        angle += 0.03 / (1 + np.exp(-(t - start) / 0.06))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    x, y = WIDTH / 2, HEIGHT / 2
    return np.array([[cos, -sin, x - cos * x + sin * y + wave[0]], [sin, cos, y - sin * x - cos * y + wave[1]]])


@cache
def _grid() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return x, y


@cache
def _noise_pool() -> NDArray[np.float32]:
    shape = (HEIGHT + _NOISE_ROOM, WIDTH + _NOISE_ROOM)
    return np.random.default_rng(1).standard_normal(shape, dtype=np.float32)


def _noise(clip: Clip, index: int) -> NDArray[np.float32]:
    """Sensor noise of one frame: a window into a pool, at a place drawn for it; drawing afresh would cost the most."""
    top, left = np.random.default_rng((clip.seed, index)).integers(0, _NOISE_ROOM, 2)
    return _noise_pool()[top : top + HEIGHT, left : left + WIDTH]


def _still(clip: Clip, t: float, moved: NDArray[np.float32]) -> UInt8:
    """The frame at `t` without noise and changes of light."""
    image, _ = portrait()
    motion = head(clip, t)
    if not moved.any():
        flags = cv2.INTER_CUBIC
        return bytes_of(cv2.warpAffine(image, motion, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REPLICATE))
    inverse = cv2.invertAffineTransform(motion).astype(np.float32)
    x, y = _grid()
    source_x = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2]
    source_y = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2]
    shift = cv2.remap(moved, source_x, source_y, cv2.INTER_LINEAR)
    source_x, source_y = source_x - shift[..., 0], source_y - shift[..., 1]
    return bytes_of(cv2.remap(image, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def render(clip: Clip, index: int) -> UInt8:
    """(480, 640) uint8 frame number `index`; the same for the same clip."""
    t = index / clip.fps
    light = 1.0
    for start in clip.light_steps_s:
        light *= 1 + 0.15 / (1 + np.exp(-(t - start) / 0.03))
    still = _still(clip, t, displacement(clip, t)).astype(np.float32)
    return bytes_of(cv2.addWeighted(still, light, _noise(clip, index), clip.noise, 0.0, dtype=cv2.CV_8U))


def frames(clip: Clip) -> Iterator[VideoFrame]:
    """Every frame of a clip, stamped from 100 s on."""
    for index in range(round(clip.duration_s * clip.fps)):
        yield VideoFrame(render(clip, index), 100.0 + index / clip.fps, index)
