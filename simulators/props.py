"""Things before a face: spectacles that ride on the head, and a hand that comes and goes. Painted once, then moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from realtime.packets import Float32, Float64
from simulators.distractors import Glasses, Hand
from simulators.portrait import SUPERSAMPLE, Look
from simulators.warp import sample

_LENS = (36.0, 26.0)  # half width and half height, px of the 224 px crop
_EDGE = 1.2 * SUPERSAMPLE  # sd of the soft edge, px of the canvas
_TREMBLE_PX = 0.8


@dataclass(frozen=True, slots=True)
class Spectacles:
    """Glasses painted for one person.

    Parameters
    ----------
    layer : (height, width, 2) float32
        Light added (units of the canvas), and share of the face's light that is kept out, at `SUPERSAMPLE` px a px.
    at : (x, y)
        Upper left corner of the layer, px of the frame.
    """

    layer: Float32
    at: tuple[int, int]

    @classmethod
    def paint(cls, glasses: Glasses, look: Look, seed: Sequence[int]) -> Self:
        """Fit the glasses to a face at rest."""
        rng = np.random.default_rng([*seed, 51])
        k = look.px_per_crop_px
        ends = sorted(look.points[f"cheek_edge_{side}"] for side in ("left", "right"))
        eyes = sorted(look.points[f"iris_{side}"] for side in ("left", "right"))
        x0, x1 = int(ends[0][0] - 10 * k), int(ends[1][0] + 10 * k)
        y0, y1 = int(eyes[0][1] - 60 * k), int(eyes[0][1] + 60 * k)
        x, y = np.meshgrid(_fine(x0, x1), _fine(y0, y1))
        exponent = 2.0 + 4.0 * (1.0 - glasses.roundness)
        light, kept_out = np.zeros_like(x), np.zeros_like(x)
        lamp = rng.choice((-1.0, 1.0)) * rng.uniform(0.2, 0.55), rng.uniform(-0.6, 0.0)
        for (ex, ey), end, towards in zip(eyes, ends, (-1.0, 1.0), strict=True):
            cx, cy = ex + towards * 3.0 * k, ey + 5.0 * k
            u, v = (x - cx) / (_LENS[0] * k), (y - cy) / (_LENS[1] * k)
            away = (np.abs(u) ** exponent + np.abs(v) ** exponent) ** (1.0 / exponent)
            rim = np.abs(away - 1.0) * _LENS[1] * k < 0.5 * glasses.rim_px * k
            hinge = cx + towards * _LENS[0] * k
            arm = (np.abs(y - cy + 6.0 * k) < 0.4 * glasses.rim_px * k) & ((x - hinge) * towards > 0.0)
            arm &= (x - end[0]) * towards < 0.0
            kept_out[rim | arm] = glasses.darkness
            # glass keeps a little light from the eye and mirrors the room
            kept_out = np.where((away < 1.0) & ~rim, np.maximum(kept_out, 0.05), kept_out)
            mirrored = np.exp(-0.5 * (((u - lamp[0]) / 0.16) ** 2 + ((v - lamp[1]) / 0.24) ** 2))
            mirrored += 0.3 * np.exp(-0.5 * ((u + 0.8 * v - lamp[0]) / 0.2) ** 2)
            light += np.where(away < 1.0, 4.0 + 150.0 * glasses.glare * mirrored, 0.0) * ~rim
        mid = 0.5 * (eyes[0][0] + eyes[1][0])
        bow = np.abs(y - eyes[0][1] + 2.0 * k - ((x - mid) / (9.0 * k)) ** 2 * k) < 0.5 * glasses.rim_px * k
        inner = eyes[0][0] + (_LENS[0] - 3.0) * k, eyes[1][0] - (_LENS[0] - 3.0) * k
        kept_out[bow & (x > inner[0]) & (x < inner[1])] = glasses.darkness
        # rims are not quite black: they shine a little along their upper edge
        light += 22.0 * kept_out * (kept_out > 0.5)
        sharp = np.stack([light * 256.0, kept_out], -1).astype(np.float32)
        layer = np.asarray(cv2.GaussianBlur(sharp, (0, 0), _EDGE), np.float32)
        layer[[0, -1]] = layer[:, [0, -1]] = 0.0
        return cls(layer, (x0, y0))

    @property
    def span(self) -> tuple[float, float, float, float]:
        """Left, right, upper and lower end at rest, px of the frame."""
        height, width = (length // SUPERSAMPLE for length in self.layer.shape[:2])
        return self.at[0], self.at[0] + width, self.at[1], self.at[1] + height

    def put_on(self, head: Float32, where: Float32) -> None:
        """Cover the part of a picture of the head that holds them (`span`), in place.

        Parameters
        ----------
        head : (height, width) float32
            Units of the canvas.
        where : (height, width, 2) float32
            The place at rest each of its px shows, px of the frame, by the head's motion alone.
        """
        there = (where - np.array(self.at, np.float32)) * np.float32(SUPERSAMPLE) + np.float32((SUPERSAMPLE - 1) / 2)
        seen = sample(self.layer, there, border=cv2.BORDER_CONSTANT)
        head *= 1.0 - seen[..., 1]
        head += seen[..., 0]


def _fine(first: int, last: int) -> Float32:
    """Px of the frame at `SUPERSAMPLE` points a px."""
    fine = (np.arange(SUPERSAMPLE * (last - first)) + 0.5) / SUPERSAMPLE - 0.5 + first
    return fine.astype(np.float32)


_HAND_SIZE = 1.25
# (from, to, radius at both) of a hand seen from its back, fingertips up, from the middle finger's tip: thumb, index,
# middle, ring, little finger, then palm and forearm; a unit is `_HAND_SIZE` px of the 224 px crop
_BONES: tuple[tuple[tuple[float, float], tuple[float, float], float, float], ...] = (
    ((-47.0, 62.0), (-24.0, 112.0), 8.5, 13.0),
    ((-21.0, 9.0), (-19.0, 75.0), 8.0, 10.5),
    ((0.0, 0.0), (-2.0, 75.0), 8.5, 11.0),
    ((20.0, 7.0), (15.0, 75.0), 8.0, 10.5),
    ((37.0, 25.0), (30.0, 80.0), 6.8, 9.5),
    ((-10.0, 88.0), (-4.0, 122.0), 22.0, 25.0),
    ((18.0, 88.0), (8.0, 122.0), 22.0, 25.0),
    ((2.0, 125.0), (2.0, 330.0), 24.0, 34.0),
)
# where the middle finger's tip comes to rest: (anchor, out, down, turn in rad), out being away from the midline
_PLACES: dict[str, tuple[str, float, float, float]] = {
    "chin": ("mouth_corner", -30.0, 8.0, 0.5),
    "cheek": ("cheek", 6.0, 14.0, 0.35),
    "brow": ("brow_mid", 2.0, -2.0, 0.3),
}


@dataclass(frozen=True, slots=True)
class HandLayer:
    """One person's hand.

    Parameters
    ----------
    layer : (height, width, 2) float32
        Light (units of the canvas, already times cover) and cover.
    tip : (x, y)
        The middle finger's tip, px of the layer.
    """

    layer: Float32
    tip: tuple[float, float]

    @classmethod
    def paint(cls, look: Look, seed: Sequence[int]) -> Self:
        """Make a hand of the tone of the face's cheeks."""
        rng = np.random.default_rng([*seed, 52])
        k = look.px_per_crop_px * _HAND_SIZE
        width, height, tip = int(150 * k), int(320 * k), (75.0 * k, 20.0 * k)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        rise = np.zeros_like(x)
        for (ax, ay), (bx, by), ra, rb in _BONES:
            a, b = np.array([ax, ay]) * k + tip, np.array([bx, by]) * k + tip
            along = np.clip(((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / ((b - a) @ (b - a)), 0.0, 1.0)
            radius = (ra + along * (rb - ra)) * k
            away = np.hypot(x - a[0] - along * (b[0] - a[0]), y - a[1] - along * (b[1] - a[1]))
            rise = np.maximum(rise, np.sqrt(np.maximum(radius**2 - away**2, 0.0)) * (10.0 * k / radius) ** 0.5)
        cover = cv2.GaussianBlur((rise > 0.0).astype(np.float32), (0, 0), 0.9)
        smooth = cv2.GaussianBlur(rise, (0, 0), 2.0 * k)
        slope_y, slope_x = np.gradient(smooth)
        lit = (1.0 + 0.35 * slope_x - 0.55 * slope_y) / np.sqrt(1.0 + slope_x**2 + slope_y**2)
        grain = cv2.GaussianBlur(rng.standard_normal(x.shape, dtype=np.float32), (0, 0), 1.2)
        folds = cv2.GaussianBlur(rng.standard_normal(x.shape, dtype=np.float32), (0, 0), sigmaX=7 * k, sigmaY=2.5 * k)
        skin = _cheek_tone(look) * (0.35 + 0.6 * np.clip(lit, 0.0, 1.3)) + 2.5 * grain / grain.std()
        skin += 3.5 * folds / folds.std()
        return cls(np.stack([256.0 * np.clip(skin, 3.0, 250.0) * cover, cover], -1).astype(np.float32), tip)

    def cover(self, picture: Float32, hand: Hand, look: Look, moments: Sequence[float]) -> None:
        """Hold the hand before a picture in place; the mean over the moments of one exposure (s)."""
        moves = [self._move(hand, look, t_s, picture.shape[0]) for t_s in moments]
        rows, columns = self._reached(moves, picture.shape)
        part = picture[rows, columns]
        if not part.size:
            return
        seen = np.zeros((*part.shape, 2), np.float32)
        for move in moves:
            move[:, 2] -= (columns.start, rows.start)
            seen += cv2.warpAffine(self.layer, move, (part.shape[1], part.shape[0]), flags=cv2.INTER_LINEAR)
        seen *= np.float32(1.0 / len(moves))
        part *= 1.0 - seen[..., 1]
        part += seen[..., 0]

    def _reached(self, moves: Sequence[Float64], shape: tuple[int, ...]) -> tuple[slice, slice]:
        """Rows and columns of the picture that any of the moved layers touches."""
        height, width = self.layer.shape[:2]
        corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]], float)
        at = np.concatenate([corners @ move.T for move in moves])
        low, high = np.floor(at.min(axis=0)).astype(int), np.ceil(at.max(axis=0)).astype(int) + 1
        (x0, y0), (x1, y1) = np.clip(low, 0, shape[1::-1]), np.clip(high, 0, shape[1::-1])
        return slice(int(y0), int(y1)), slice(int(x0), int(x1))

    def _move(self, hand: Hand, look: Look, t_s: float, height: int) -> Float64:
        """Affine map of the layer into the frame at `t_s`."""
        k = look.px_per_crop_px
        name, _, side = hand.place.partition("_")
        anchor, out, down, turn = _PLACES[name]
        side = side or "left"
        at = np.array(look.points[f"{anchor}_{side}"])
        other = look.points[f"{anchor}_{'right' if side == 'left' else 'left'}"]
        outwards = float(np.sign(at[0] - other[0]))
        since, left = t_s - hand.start_s, hand.end_s - t_s
        share = float(np.clip(min(since, left) / hand.move_s, 0.0, 1.0))
        share = share * share * (3.0 - 2.0 * share)
        # from below the picture's edge, on the side it is of
        below = np.array([at[0] + outwards * 70.0 * k, height + 30.0 * k])
        goal = at + k * np.array([outwards * out, down])
        goal += k * _TREMBLE_PX * np.sin(2 * np.pi * np.array([0.31, 0.23]) * t_s + (0.4, 1.9))
        tip = below + share * (goal - below)
        angle = -outwards * turn
        cos, sin = np.cos(angle), np.sin(angle)
        # a left hand is a right hand seen in a mirror
        linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([outwards, 1.0])
        return np.column_stack([linear, tip - linear @ np.array(self.tip)])


def _cheek_tone(look: Look) -> float:
    """Grey level of the skin between cheeks and nose."""
    tones = []
    for side in ("left", "right"):
        x, y = (int(SUPERSAMPLE * v) for v in look.points[f"cheek_{side}"])
        tones.append(float(look.canvas[y - 10 : y + 10, x - 10 : x + 10].mean()) / 256.0)
    return float(np.mean(tones))
