"""A person's face on camera: one public-domain portrait, warped frame by frame along a known timeline.

All motion is composed into one displacement map over the box around the head and rendered by one `cv2.remap`;
eyelids and parting lips, which tear, are drawn at full resolution in patches of their own.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from realtime.errors import ConfigurationError
from realtime.packets import Float32, UInt8
from simulators.action_units import regions_of, units_of
from simulators.face_motion import Gaze, Light, Restlessness, Speech, Sway, course, eye_closure
from simulators.portrait import PORTRAIT_CREDIT, SUPERSAMPLE, build_look
from simulators.scenario import FacialEvent, Person, Scenario
from simulators.warp import (
    bump,
    close_lid,
    field_size,
    forward_flow,
    gaze_weight,
    lip_field,
    mouth_interior,
    region_masks,
    region_means,
    sample,
    unit_field,
)

cv2.setNumThreads(1)

_STEP = 2  # smooth fields live on every second px
_NOISE_POOL = 3
_NOISE_ROOM = 128
_KEPT_FIELDS = 48
_JAW_DROP = 26
_RESTLESS = (((4,), "left"), ((4,), "right"), ((12,), "left"), ((12,), "right"), ((17,), "both"), ((10,), "both"))
_DARK = 28.0 * 256.0  # the mouth's inside, in units of the canvas


class FaceSimulator:
    """Renders a person's face at any time of a scenario.

    Amplitudes are px of a face crop in which the face, cheek edge to cheek edge, is 224 px wide. A movement's
    amplitude is the mean length of its displacement, at the apex, over the face region where that is largest, but no
    point moves more than twice that far.

    Parameters
    ----------
    person : Person
    scenario : Scenario
    fps : float
        Frames a second, for `frame`.
    size : (width, height)
        Of the frame, px; at least 160 x 120.

    Raises
    ------
    ConfigurationError
        A frame size or rate that cannot be, or an action unit the simulator does not know.
    DataError
        The portrait is missing from the scikit-image installation.

    Notes
    -----
    Not thread-safe: use it from one thread. What it renders depends on person, scenario and time alone, not on what was
    rendered before.
    """

    def __init__(
        self, person: Person, scenario: Scenario, fps: float = 30.0, size: tuple[int, int] = (640, 480)
    ) -> None:
        if not fps > 0 or size[0] < 160 or size[1] < 120:
            raise ConfigurationError(
                f"cannot simulate video of {size[0]}x{size[1]} px at {fps} frames a second: "
                "wanted at least 160x120 and a positive rate"
            )
        for event in scenario.movements:
            units_of(event.action_units)
        self.person, self.scenario = person, scenario
        self.fps, self.size = float(fps), size
        seed = (person.seed, scenario.seed)
        self.look = build_look(person.face, person.seed, size)
        self._scale = self.look.px_per_crop_px
        self._sway = Sway.draw(scenario.sway_px, seed)
        self._restless = Restlessness.draw(scenario.sway_px, len(_RESTLESS), seed)
        self._light = Light.draw(scenario.light_drift, seed)
        self._speech = Speech(scenario.speech, seed)
        self._gaze = Gaze(scenario.gaze_shifts_s, seed)
        self._place_box()
        self._masks = region_masks(self.look.points, self._scale, self._x, self._y)
        self._still = self._remap(self._frame_grid(), self.look.canvas)
        self._side = np.linspace(-1.0, 1.0, size[0], dtype=np.float32)
        self._field = lru_cache(maxsize=_KEPT_FIELDS)(self._build_field)

    @property
    def portrait_credit(self) -> str:
        """Whose picture it is."""
        return PORTRAIT_CREDIT

    @property
    def n_frames(self) -> int:
        """Number of whole frames in the scenario."""
        return int(self.scenario.duration_s * self.fps)

    def frame(self, index: int) -> UInt8:
        """Frame `index`, (height, width) uint8 grey: `render(index / fps)`."""
        return self.render(index / self.fps)

    def render(self, t_s: float, *, noise: bool = True) -> UInt8:
        """The picture at `t_s` seconds.

        Parameters
        ----------
        t_s : float
            From the start of the scenario.
        noise : bool
            Sensor noise; light changes stay.

        Returns
        -------
        (height, width) uint8
            Grey; a new array each time.
        """
        rows, columns = self._box
        picture = self._still.copy()
        picture[rows, columns] = self._head(t_s)
        gain, slope = self._light.gain(t_s)
        picture *= ((gain + slope * self._side) * np.float32(1.0 / 256.0))[None]
        sd = self.person.face.noise_sd if noise else 0.0
        return np.asarray(cv2.addWeighted(picture, 1.0, self._noise(t_s), sd, 0.0, dtype=cv2.CV_8U), np.uint8)

    def truth_regions(self, event: FacialEvent) -> tuple[str, ...]:
        """Names of the face regions in which a movement shows."""
        return regions_of(event.action_units, event.side)

    def displacement(self, event: FacialEvent, t_s: float) -> Float32:
        """True motion of the skin by one movement, without head motion.

        Parameters
        ----------
        event : FacialEvent
        t_s : float

        Returns
        -------
        (height, width, 2) float32
            (dx, dy) in px of the frame from rest to `t_s`, at the place each point has at rest.
        """
        x, y = (axis.astype(np.float32) for axis in np.meshgrid(np.arange(self.size[0]), np.arange(self.size[1])))
        size = course(event, t_s) * event.amplitude_px * self._scale
        field, opening = self._units(event, x, y)
        field = field * np.float32(size)
        if opening:
            field[..., 1] += lip_field(x, y, self.look.lips_x, self.look.lips_y, size * opening, self._scale)
        return forward_flow(field)

    def region_motion(self, event: FacialEvent) -> dict[str, float]:
        """Mean displacement of each face region at the movement's apex, px of the 224 px crop."""
        x, y = (axis.astype(np.float32) for axis in np.meshgrid(np.arange(self.size[0]), np.arange(self.size[1])))
        moved = region_means(self.displacement(event, event.apex_s), region_masks(self.look.points, self._scale, x, y))
        return {name: value / self._scale for name, value in moved.items()}

    # geometry

    def _place_box(self) -> None:
        """Box around the head on the full and on the coarse grid, and how much of the head's motion each px takes."""
        points, k = self.look.points, self._scale
        cx = 0.5 * (points["cheek_edge_left"][0] + points["cheek_edge_right"][0])
        cy = 0.5 * (points["cheek_edge_left"][1] + points["cheek_edge_right"][1])
        x0, x1 = max(0, int(cx - 235 * k)) // _STEP * _STEP, min(self.size[0], int(cx + 235 * k)) // _STEP * _STEP
        y0, y1 = max(0, int(cy - 290 * k)) // _STEP * _STEP, min(self.size[1], int(cy + 215 * k)) // _STEP * _STEP
        self._box = (slice(y0, y1), slice(x0, x1))
        self._x = (np.arange(x0, x1, _STEP, dtype=np.float32) + (_STEP - 1) / 2)[None]
        self._y = (np.arange(y0, y1, _STEP, dtype=np.float32) + (_STEP - 1) / 2)[:, None]
        far = np.hypot((self._x - cx) / (178 * k), (self._y - (cy - 35 * k)) / (198 * k))
        edge = np.clip((1.28 - far) / 0.28, 0.0, 1.0)
        weight = edge * edge * (3.0 - 2.0 * edge)
        # neck: the head turns on it
        self._pivot = (cx, cy + 170 * k)
        self._weight = weight.astype(np.float32)
        self._weight_x = (weight * (self._x - self._pivot[0])).astype(np.float32)
        self._weight_y = (weight * (self._y - self._pivot[1])).astype(np.float32)
        # how far a place sticks out: what the head's turning moves against the cheeks' edges
        nose = (cx, cy + 26 * k)
        round_ = np.clip(1.0 - ((self._x - cx) / (125 * k)) ** 2, 0.0, 1.0) * bump(
            self._x, self._y, nose, 400 * k, 100 * k
        )
        self._depth = (weight * (0.65 * round_ + 0.35 * bump(self._x, self._y, nose, 17 * k, 22 * k))).astype(
            np.float32
        )
        self._coarse = np.stack(np.meshgrid(np.arange(self._x.size), np.arange(self._y.size)), -1).astype(np.float32)
        self._grid = self._frame_grid()[self._box]

    def _frame_grid(self) -> Float32:
        """(height, width, 2) px, dithered so that rounding to 1/32 px of the canvas does not bias small shifts."""
        x, y = np.meshgrid(np.arange(self.size[0], dtype=np.float32), np.arange(self.size[1], dtype=np.float32))
        rounding = 1.0 / (32 * SUPERSAMPLE)
        dither = np.random.default_rng(36).uniform(-0.5 * rounding, 0.5 * rounding, (*x.shape, 2))
        return np.stack([x, y], -1) + dither.astype(np.float32)

    @staticmethod
    def _remap(where: Float32, canvas: np.ndarray) -> Float32:
        """Sample a canvas at px of the frame.

        Linear: the canvas is band-limited, and OpenCV's cubic kernel (a = -0.75) does not reproduce a straight line,
        which turns shifts of 0.1 px into 0.07.
        """
        there = where * np.float32(SUPERSAMPLE) + np.float32((SUPERSAMPLE - 1) / 2)
        return sample(canvas, there).astype(np.float32)

    # movements

    def _units(self, event: FacialEvent, x: Float32, y: Float32) -> tuple[Float32, float]:
        """Field and mouth opening of amplitude 1 on any grid, frame px a frame px of amplitude."""
        units = units_of(event.action_units)
        norm = self._norm(event.action_units, event.side)
        field = unit_field(units, event.side, self.look.points, self._scale, x, y)
        return field * np.float32(1.0 / norm), max(unit.opening for unit in units) / norm

    def _norm(self, action_units: tuple[int, ...], side: str) -> float:
        units = units_of(action_units)
        field = unit_field(units, side, self.look.points, self._scale, self._x, self._y)
        opening = max(unit.opening for unit in units)
        if opening:
            x, y = np.broadcast_arrays(self._x, self._y)
            # a px is enough to tell above from below; the opening itself is in units of the amplitude
            field[..., 1] += opening * lip_field(x, y, self.look.lips_x, self.look.lips_y, 1.0, self._scale)
        return field_size(field, self._masks)

    def _build_field(self, action_units: tuple[int, ...], side: str) -> tuple[Float32, float]:
        norm = self._norm(action_units, side)
        units = units_of(action_units)
        field = unit_field(units, side, self.look.points, self._scale, self._x, self._y)
        return field * np.float32(1.0 / norm), max(unit.opening for unit in units) / norm

    def _movement(self, t_s: float) -> tuple[Float32 | None, float]:
        """Sum of all movements now on the coarse grid (None where there is none), and the lips' opening; frame px."""
        total, opening = None, self._speech.opening(t_s) * self._scale
        if opening:
            jaw, parted = self._field((_JAW_DROP,), "both")
            total = _plus(None, jaw, opening / parted)
        if self.scenario.sway_px:
            for (units, side), size in zip(_RESTLESS, self._restless.at(t_s), strict=True):
                total = _plus(total, self._field(units, side)[0], size * self._scale)
        for event in self.scenario.movements:
            if event.onset_s >= t_s:
                break
            size = course(event, t_s) * event.amplitude_px * self._scale
            if size:
                field, parted = self._field(event.action_units, event.side)
                total = _plus(total, field, size)
                opening += size * parted
        return total, opening

    def _head(self, t_s: float) -> Float32:
        """The box around the head, units of the canvas."""
        shift = self._head_motion(t_s)
        moved, opening = self._movement(t_s)
        if moved is not None:
            # the face's own movement rides on the head
            shift -= sample(moved, (self._coarse + shift / _STEP).astype(np.float32, copy=False))
        height, width = self._grid.shape[:2]
        where: Float32 = self._grid + np.asarray(cv2.resize(shift, (width, height)), np.float32)
        self._move_eyes(where, t_s)
        if opening <= 0.02:
            return self._remap(where, self.look.canvas)
        return self._open_mouth(where, opening)

    def _head_motion(self, t_s: float) -> Float32:
        """Where the head's px come from, as displacement on the coarse grid, px of the frame."""
        dx, dy, turn, grow, yaw, pitch = self._sway.pose(t_s)
        shrink = np.exp(-grow)
        a, b = shrink * np.cos(turn) - 1.0, shrink * np.sin(turn)
        tx, ty = -dx * self._scale, -dy * self._scale
        shift = np.empty((self._y.size, self._x.size, 2), np.float32)
        shift[..., 0] = np.float32(a) * self._weight_x + np.float32(b) * self._weight_y + np.float32(tx) * self._weight
        shift[..., 1] = np.float32(a) * self._weight_y - np.float32(b) * self._weight_x + np.float32(ty) * self._weight
        shift[..., 0] -= np.float32(yaw * self._scale) * self._depth
        shift[..., 1] -= np.float32(pitch * self._scale) * self._depth
        return shift

    # eyes and mouth

    def _patch(self, x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice]:
        rows, columns = self._box
        room = (20 + 3 * self.scenario.sway_px) * self._scale
        return (
            slice(max(int(y0 - room) - rows.start, 0), max(int(y1 + room) - rows.start, 0)),
            slice(max(int(x0 - room) - columns.start, 0), max(int(x1 + room) - columns.start, 0)),
        )

    def _move_eyes(self, where: Float32, t_s: float) -> None:
        closure = eye_closure(self.scenario.blinks, t_s)
        gaze_x, gaze_y = (self._scale * each for each in self._gaze.at(t_s))
        if not closure and not gaze_x and not gaze_y:
            return
        for eye in self.look.eyes:
            patch = where[self._patch(eye.x[0], eye.x[-1], eye.top.min(), eye.lower.max())]
            x, y = patch[..., 0].astype(np.float64), patch[..., 1].astype(np.float64)
            upper, lower, top = (np.interp(x, eye.x, curve) for curve in (eye.upper, eye.lower, eye.top))
            weight = gaze_weight(x, y, upper, lower, (eye.x[0], eye.x[-1]))
            seen = close_lid(y, upper, lower, top, closure)
            uncovered = seen == y
            patch[..., 0] = x - gaze_x * weight * uncovered
            patch[..., 1] = seen - gaze_y * weight * uncovered

    def _open_mouth(self, where: Float32, opening: float) -> Float32:
        look = self.look
        y0, y1 = look.lips_y.min() - 4, look.lips_y.max() + 130 * self._scale
        patch = where[self._patch(look.lips_x[0], look.lips_x[-1], y0, y1)]
        x, y = patch[..., 0].copy(), patch[..., 1].copy()
        inside, dark = mouth_interior(x, y, look.lips_x, look.lips_y, look.teeth_y, opening)
        teeth = self._remap(patch, look.inside)
        patch[..., 1] = y - lip_field(x, y, look.lips_x, look.lips_y, opening, self._scale)
        head = self._remap(where, look.canvas)
        lit = teeth + dark * (_DARK - teeth)
        spot = head[self._patch(look.lips_x[0], look.lips_x[-1], y0, y1)]
        spot += inside * (lit - spot)
        return head

    def _noise(self, t_s: float) -> Float32:
        """Fresh unit noise for this moment: a window into a pool at a place drawn for it."""
        pool = _noise_pool(self.size)
        rng = np.random.default_rng([self.person.seed, self.scenario.seed, 35, round(abs(t_s) * 1e5)])
        which, y, x = rng.integers((_NOISE_POOL, _NOISE_ROOM, _NOISE_ROOM))
        return pool[which, y : y + self.size[1], x : x + self.size[0]]


def _plus(total: Float32 | None, field: Float32, size: float) -> Float32:
    """`total + size * field`; `total` is written to."""
    if total is None:
        return field * np.float32(size)
    return np.asarray(cv2.scaleAdd(field, size, total, dst=total), np.float32)


@lru_cache(maxsize=2)
def _noise_pool(size: tuple[int, int]) -> Float32:
    shape = (_NOISE_POOL, size[1] + _NOISE_ROOM, size[0] + _NOISE_ROOM)
    pool = np.random.default_rng(35).standard_normal(shape, dtype=np.float32)
    pool.flags.writeable = False
    return pool


__all__ = ["FaceSimulator", "regions_of"]
