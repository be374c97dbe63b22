"""The portrait every simulated face is made of, and where its features are.

The picture is NASA's portrait of astronaut Eileen Collins, in the public domain; the file ships inside the scikit-image
wheel, so nothing is downloaded. The points below were measured on it once, with a 468-point face mesh and by eye.

`build_look` turns it into one person: straightened, mouth closed, identity warped, mirrored, toned and placed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.packets import Float32, Float64
from simulators.action_units import CROP_PX
from simulators.person import FaceTraits
from simulators.warp import bump, invert_points, sample

PORTRAIT_CREDIT = "NASA portrait of astronaut Eileen Collins (public domain), as shipped in scikit-image"

SUPERSAMPLE = 2
"""The person's canvas has this many px a frame px: `cv2.remap` rounds coordinates to 1/32 px of its source."""

_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
_ROLL = 0.056  # rad: the portrait's eye line
_CENTRE = (225.28, 113.85)  # midway between the cheek edges
_WIDTH = 93.9  # cheek edge to cheek edge, portrait px
_FACE_FRAME_PX = 225.0  # face width in the picture of a person of scale 1
_GRAIN = 1.6  # sd of the skin's fine grain, grey levels: the enlarged portrait has none of its own

# (person's right = left in the picture, person's left), portrait px
_POINTS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "cheek_edge": ((178.4, 111.3), (272.2, 116.4)),
    "brow_inner": ((213.0, 92.0), (239.5, 93.0)),
    "brow_mid": ((200.5, 88.8), (251.5, 92.0)),
    "brow_outer": ((190.5, 90.5), (262.0, 95.0)),
    "iris": ((203.7, 100.8), (246.3, 102.8)),
    "lid_upper": ((203.5, 96.3), (247.0, 98.8)),
    "lid_lower": ((203.0, 104.8), (247.5, 107.0)),
    "eye_outer": ((193.0, 100.5), (259.5, 103.5)),
    "cheek": ((198.0, 114.0), (252.5, 117.0)),
    "nose_root": ((219.0, 104.0), (229.0, 104.5)),
    "nose_wing": ((208.5, 126.0), (237.0, 127.5)),
    "upper_lip": ((213.0, 138.5), (232.0, 139.2)),
    "mouth_corner": ((201.8, 139.0), (244.4, 140.4)),
    "lower_lip": ((214.0, 152.5), (230.0, 153.2)),
    "jaw": ((197.0, 156.0), (247.0, 158.5)),
    "chin": ((213.5, 166.0), (229.0, 167.0)),
}
_EYES = (
    {
        "x": (192.5, 196.0, 199.0, 203.0, 206.5, 210.0, 213.5),
        "upper": (100.6, 99.2, 97.8, 97.0, 98.2, 100.4, 102.8),
        "lower": (100.6, 102.2, 103.2, 104.2, 103.9, 103.4, 102.8),
        "top": (94.2, 92.6, 92.0, 92.0, 93.0, 95.0, 98.0),
    },
    {
        "x": (236.5, 239.7, 242.5, 245.5, 249.5, 253.7, 258.3),
        "upper": (104.6, 103.0, 100.9, 99.8, 100.1, 101.6, 103.2),
        "lower": (104.6, 105.0, 105.5, 106.0, 105.7, 105.0, 103.2),
        "top": (100.0, 97.0, 95.2, 94.6, 94.8, 96.0, 98.0),
    },
)
_LIPS = {
    "x": (202.0, 206.0, 210.0, 214.0, 218.0, 222.0, 226.0, 230.0, 234.0, 238.0, 244.2),
    "upper": (139.0, 140.8, 141.7, 142.3, 143.0, 143.5, 143.4, 142.9, 142.0, 141.1, 140.3),
    "lower": (139.0, 143.9, 146.6, 148.5, 149.2, 149.5, 149.4, 148.6, 146.6, 144.2, 140.3),
}
# head, neck and suit against the background, portrait px
_OUTLINE_X = (
    153, 165, 191, 214, 234, 257, 280, 296, 302, 297, 286, 278, 275, 268, 261, 255, 271, 291, 304, 304, 329, 343,
    355, 355, 60, 70, 96, 113, 115, 125, 132, 148, 168, 184, 182, 176, 170, 168, 156, 153,
)  # fmt: skip
_OUTLINE_Y = (
    68, 52, 32, 19, 15, 20, 34, 55, 83, 106, 121, 128, 135, 138, 155, 174, 184, 201, 224, 236, 244, 259,
    300, 511, 511, 247, 227, 210, 187, 175, 161, 151, 148, 148, 135, 131, 121, 118, 101, 83,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Eye:
    """One eye's opening in the picture of a person at rest: px of the frame over common abscissae.

    `x` increases; `upper` and `lower` are the lid margins, which meet at both ends; `top` is where the moving skin of
    the upper lid begins. Each is (n,) float64.
    """

    x: Float64
    upper: Float64
    lower: Float64
    top: Float64


@dataclass(frozen=True, slots=True)
class Look:
    """What one person looks like at rest.

    Parameters
    ----------
    canvas, inside : (SUPERSAMPLE * height, SUPERSAMPLE * width) uint16
        Grey levels times 256 with the mouth shut, and with teeth showing.
    points : dict
        'name_left' and 'name_right' -> (x, y), px of the frame.
    eyes : (Eye, Eye)
        Left to right in the picture.
    lips_x, lips_y : (n,) float64
        The line between the closed lips, px of the frame.
    teeth_y : (n,) float64
        Lower edge of the teeth in `inside`, over `lips_x`.
    width_px : float
        Cheek edge to cheek edge, px of the frame: `CROP_PX` of the units of amplitude.
    """

    canvas: NDArray[np.uint16]
    inside: NDArray[np.uint16]
    points: dict[str, tuple[float, float]]
    eyes: tuple[Eye, Eye]
    lips_x: Float64
    lips_y: Float64
    teeth_y: Float64
    width_px: float

    @property
    def px_per_crop_px(self) -> float:
        """Frame px of one px of the 224 px face crop."""
        return self.width_px / CROP_PX


@lru_cache(maxsize=1)
def load_portrait() -> Float32:
    """Read the portrait from the installed scikit-image.

    Returns
    -------
    (512, 512) float32
        Grey levels; read-only.

    Raises
    ------
    DataError
        The file is not there, or is not the picture the points were measured on.
    """
    try:
        data = files("skimage.data").joinpath("astronaut.png").read_bytes()
    except (OSError, ModuleNotFoundError) as err:
        raise DataError(f"no portrait for the simulated face: {err}. Reinstall scikit-image >= 0.24.") from err
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise DataError(
            "the portrait in scikit-image is not the one the simulator was measured on "
            f"(wanted sha256 {_SHA256[:12]}...). Install scikit-image >= 0.24, < 1."
        )
    grey = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.float32)
    grey.flags.writeable = False
    return grey


def build_look(traits: FaceTraits, seed: int, size: tuple[int, int]) -> Look:
    """Make one person of the portrait.

    Parameters
    ----------
    traits : FaceTraits
    seed : int
        The person's; grain, place in the picture and background follow from it.
    size : (width, height)
        Of the frame, px.

    Returns
    -------
    Look

    Raises
    ------
    DataError
        See `load_portrait`.
    """
    rng = np.random.default_rng([seed, 7])
    identity = _Identity.of(traits)
    width_px = _FACE_FRAME_PX * traits.scale * size[1] / 480.0
    at = np.array([size[0] / 2 + rng.uniform(-20, 20), size[1] * 0.585 + rng.uniform(-8, 8)])
    left, right = (identity.forward(_canonical(np.array([p]), traits.mirrored))[0] for p in _POINTS["cheek_edge"])
    k = width_px / float(np.hypot(*(left - right)))

    def to_frame(portrait_px: Float64) -> Float64:
        return identity.forward(_canonical(portrait_px, traits.mirrored)) * k + at

    lips = _curve(to_frame, _LIPS, ("upper", "lower"), traits.mirrored)
    layers = _paint(traits, rng, size, identity, k, at, lips)
    eyes = [_curve(to_frame, eye, ("upper", "lower", "top"), traits.mirrored) for eye in _EYES]
    eyes.sort(key=lambda eye: eye["x"][0])
    return Look(
        canvas=layers[0],
        inside=layers[1],
        points=_frame_points(to_frame, traits.mirrored),
        eyes=(Eye(**eyes[0]), Eye(**eyes[1])),
        lips_x=lips["x"],
        lips_y=lips["upper"],
        teeth_y=lips["lower"],
        width_px=width_px,
    )


def _canonical(portrait_px: Float64, mirrored: bool) -> Float64:
    """Portrait px -> straightened, centred px of a 224 px crop; mirrored where the person is."""
    cos, sin = np.cos(_ROLL), np.sin(_ROLL)
    out = (portrait_px - _CENTRE) @ np.array([[cos, -sin], [sin, cos]]) * (CROP_PX / _WIDTH)
    return out * (-1.0, 1.0) if mirrored else out


def _from_canonical(u: NDArray, mirrored: bool) -> Float32:
    cos, sin = np.cos(_ROLL), np.sin(_ROLL)
    scale = np.float32(_WIDTH / CROP_PX)
    x = -u[..., 0] if mirrored else u[..., 0]
    y = u[..., 1]
    where = [scale * (cos * x - sin * y) + _CENTRE[0], scale * (sin * x + cos * y) + _CENTRE[1]]
    return np.stack(where, -1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Identity:
    """Backward warp of a person's shape, canonical px: `portrait = person - field(person)`."""

    coefficients: tuple[float, ...]

    @classmethod
    def of(cls, traits: FaceTraits) -> _Identity:
        return cls(tuple(traits.shape))

    def field(self, u: NDArray) -> NDArray:
        """Displacement at `u` (..., 2); same shape."""
        x, y = u[..., 0], u[..., 1]
        wide, tall, apart, eyes, nose, mouth, jaw, brows = self.coefficients
        head = np.exp(-0.5 * ((x / 110.0) ** 2 + ((y - 20.0) / 130.0) ** 2))
        dx = 0.03 * wide * x * head
        dy = 0.03 * tall * (y - 20.0) * head + 3.0 * nose * bump(x, y, (0.0, 34.0), 26.0, 24.0)
        for s in (-1.0, 1.0):
            eye = bump(x, y, (52.0 * s, -29.0), 26.0, 22.0)
            corner = bump(x, y, (46.0 * s, 66.0), 25.0, 24.0)
            dx = dx + s * 2.5 * apart * eye + 0.06 * eyes * (x - 52.0 * s) * eye
            dy = dy + 0.06 * eyes * (y + 29.0) * eye
            dy = dy - 2.2 * brows * bump(x, y, (50.0 * s, -52.0), 36.0, 13.0)
            # the portrait smiles: lip corners come in and down to a face at rest
            dx = dx + s * (2.5 * mouth - 7.0) * corner
            dy = dy + 6.0 * corner
            dx = dx + s * 3.5 * jaw * bump(x, y, (78.0 * s, 95.0), 38.0, 42.0)
        return np.stack([dx, dy], -1)

    def forward(self, portrait_u: Float64) -> Float64:
        """Where points of the portrait lie in the person: the warp's inverse, (n, 2)."""
        return invert_points(self.field, portrait_u)


def _frame_points(to_frame, mirrored: bool) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for name, pair in _POINTS.items():
        right, left = to_frame(np.array(pair[::-1] if mirrored else pair))
        found[f"{name}_right"], found[f"{name}_left"] = tuple(right.tolist()), tuple(left.tolist())
    return found


def _curve(to_frame, curve: dict[str, tuple[float, ...]], names: tuple[str, ...], mirrored: bool) -> dict[str, Float64]:
    """Curves over common portrait abscissae -> curves over common frame abscissae, x increasing."""
    moved = {name: to_frame(np.column_stack([curve["x"], curve[name]])) for name in names}
    if mirrored:
        moved = {name: points[::-1] for name, points in moved.items()}
    base = moved[names[0]][:, 0]
    x = np.linspace(base[0], base[-1], 64)
    out = {"x": x}
    for name, points in moved.items():
        smooth = np.interp(x, points[:, 0], points[:, 1])
        padded = np.pad(smooth, 3, mode="reflect", reflect_type="odd")
        out[name] = np.convolve(padded, np.hanning(9)[1:-1] / np.hanning(9).sum(), mode="valid")
    return out


def _paint(
    traits: FaceTraits,
    rng: np.random.Generator,
    size: tuple[int, int],
    identity: _Identity,
    k: float,
    at: Float64,
    lips: dict[str, Float64],
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The canvas with the mouth shut and the one with teeth showing."""
    width, height = size[0] * SUPERSAMPLE, size[1] * SUPERSAMPLE
    x = (np.arange(width, dtype=np.float32) + 0.5) / SUPERSAMPLE - 0.5
    y = (np.arange(height, dtype=np.float32) + 0.5) / SUPERSAMPLE - 0.5
    frame = np.stack(np.meshgrid(x, y), -1)
    open_u = (frame - at.astype(np.float32)) / np.float32(k)
    shut = frame.copy()
    shut[..., 1] += _closing(frame, lips, 60.0 * k)
    shut_u = (shut - at.astype(np.float32)) / np.float32(k)
    source, grain = _backdrop(), _grain(rng, (height, width))
    shade = _shade(rng, (height, width))
    layers = []
    for u in (shut_u, open_u):
        where = _from_canonical(u - identity.field(u).astype(np.float32), traits.mirrored)
        image = sample(source, where, how=cv2.INTER_LANCZOS4, border=cv2.BORDER_REPLICATE)
        grey, person = image[..., 0], np.clip(image[..., 1], 0.0, 1.0)
        toned = 255.0 * traits.tone_gain * np.clip(grey / 255.0, 0.0, 1.0) ** traits.tone_gamma
        toned = toned + person * grain + (1.0 - person) * shade
        layers.append(np.clip(np.rint(toned * 256.0), 0, 65535).astype(np.uint16))
    return layers[0], layers[1]


def _closing(frame: NDArray, lips: dict[str, Float64], reach_px: float) -> Float32:
    """How far below a px of the shut mouth lies what it shows, in the portrait's open mouth."""
    columns = frame[0, :, 0]
    gap = np.interp(columns, lips["x"], lips["lower"] - lips["upper"], left=0.0, right=0.0)
    line = np.interp(columns, lips["x"], lips["upper"])
    below = frame[..., 1] - line[None].astype(np.float32)
    fall = np.exp(-0.5 * (below / reach_px) ** 2, dtype=np.float32)
    return np.where(below > 0.0, gap[None].astype(np.float32) * fall, np.float32(0.0))


@lru_cache(maxsize=1)
def _backdrop() -> Float32:
    """(512, 512, 2) float32: the portrait with its background blurred, and 1 where the person is."""
    grey = load_portrait()
    mask = np.zeros(grey.shape, np.uint8)
    cv2.fillPoly(mask, [np.column_stack([_OUTLINE_X, _OUTLINE_Y]).astype(np.int32)], 1)
    person = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.5)
    outside = (1.0 - cv2.dilate(mask, np.ones((9, 9), np.uint8))).astype(np.float32)
    # normalised blur: the hair must not bleed into the background as a halo
    far = cv2.GaussianBlur(grey * outside, (0, 0), 14.0) / (cv2.GaussianBlur(outside, (0, 0), 14.0) + 1e-3)
    return np.stack([person * grey + (1.0 - person) * far, person], -1).astype(np.float32)


def _grain(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    """Band-limited to the frame's px, so that it moves with the skin without aliasing."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (0, 0), 1.0 * SUPERSAMPLE)
    return (noise * (_GRAIN / noise.std())).astype(np.float32)


def _shade(rng: np.random.Generator, shape: tuple[int, int]) -> Float32:
    """A background of the person's own: very smooth, some 15 grey levels."""
    coarse = rng.normal(0.0, 15.0, (4, 5)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)
