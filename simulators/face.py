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
from simulators.events import FacialEvent
from simulators.face_motion import (
    Articulation,
    Chewing,
    Gaze,
    Light,
    Pose,
    Restlessness,
    Speech,
    Sway,
    course,
    eye_closure,
    gesture_pose,
)
from simulators.head_box import STEP, HeadBox
from simulators.imaging import Delivery, compressed, exposure_gain, exposure_moments, flicker_rows, lamp_gain
from simulators.portrait import PORTRAIT_CREDIT, SUPERSAMPLE, build_look
from simulators.props import HandLayer, Spectacles
from simulators.scenario import Person, Scenario
from simulators.warp import (
    add_scaled,
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

_NOISE_POOL = 3
_NOISE_ROOM = 128
_KEPT_FIELDS = 48
_JAW_DROP = 26
_RESTLESS = (((4,), "left"), ((4,), "right"), ((12,), "left"), ((12,), "right"), ((17,), "both"), ((10,), "both"))
_ARTICULATION = (((20,), "both"), ((24,), "both"), ((2,), "both"))
_CHEWING = (((_JAW_DROP,), "both"), ((14,), "left"), ((14,), "right"))
_BLINK_PX_S = 250.0  # how fast a lid comes down: what the shortest blur has to resolve
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
        extra = scenario.distractors
        for event in (*scenario.movements, *extra.slow_movements):
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
        self._articulation = Articulation(scenario.speech, extra.articulation_px, seed)
        self._chewing = Chewing(extra.chewing, seed)
        self._delivery = Delivery.of(extra, self.fps)
        self._reach_px = max((2.0 * abs(each.size_px) for each in extra.gestures), default=0.0)
        self._glasses = Spectacles.paint(extra.glasses, self.look, (person.seed,)) if extra.glasses else None
        self._hand = HandLayer.paint(self.look, (person.seed,)) if extra.hands else None
        self._box = HeadBox.around(self.look, size)
        self._grid = self._frame_grid()[self._box.px]
        self._masks = region_masks(self.look.points, self._scale, self._box.x, self._box.y)
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
        """Frame `index`, (height, width) uint8 grey: `render(index / fps)`, or an older one that the camera repeats."""
        return self.render(self._delivery.shown(index) / self.fps)

    def is_lost(self, index: int) -> bool:
        """Whether frame `index` never arrives. A stream leaves it out, a file of constant rate repeats an older one."""
        return self._delivery.is_lost(index)

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
        picture = self._scene(t_s)
        picture *= self._brightness(t_s)
        sd = self.person.face.noise_sd if noise else 0.0
        seen = np.asarray(cv2.addWeighted(picture, 1.0, self._noise(t_s), sd, 0.0, dtype=cv2.CV_8U), np.uint8)
        quality = self.scenario.distractors.jpeg_quality
        return seen if quality is None else compressed(seen, quality)

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

    # light and camera

    def _scene(self, t_s: float) -> Float32:
        """What is before the camera, averaged over the exposure, units of the canvas."""
        rows, columns = self._box.px
        picture = self._still.copy()
        exposure_s = self.scenario.distractors.exposure_s
        moments = exposure_moments(t_s, exposure_s, self._speed(t_s)) if exposure_s > 0.0 else (t_s,)
        head = self._head(moments[0])
        for moment in moments[1:]:
            head += self._head(moment)
        picture[rows, columns] = head if len(moments) == 1 else head * np.float32(1.0 / len(moments))
        for hand in self.scenario.distractors.hands:
            if self._hand is not None and hand.start_s < t_s < hand.end_s:
                self._hand.cover(picture, hand, self.look, moments)
        return picture

    def _speed(self, t_s: float) -> float:
        """How fast the fastest thing goes, px of the frame a second: roughly, to choose how finely to blur."""
        early, late = (np.array(self._pose(t_s + side)) for side in (-0.005, 0.005))
        dx, dy, turn, grow, yaw, pitch = np.abs(late - early) / 0.01
        moved = float(np.hypot(dx + yaw, dy + pitch) + 170.0 * turn + 112.0 * grow)
        if eye_closure(self.scenario.blinks, t_s) > 0.0 or self._speech.opening(t_s) > 0.0:
            moved += _BLINK_PX_S
        for event in (*self.scenario.movements, *self.scenario.distractors.slow_movements):
            if event.onset_s < t_s < event.offset_s:
                moved += 3.0 * event.amplitude_px / min(event.apex_s - event.onset_s, event.offset_s - event.apex_s)
        return self._scale * moved

    def _brightness(self, t_s: float) -> Float32:
        """Grey levels of a unit of the canvas: (1, width) float32, or (height, width) where rows differ."""
        extra = self.scenario.distractors
        gain, slope = self._light.gain(t_s)
        if extra.light_switches or extra.exposure_steps:
            lamp, aside = lamp_gain(extra.light_switches, t_s)
            camera = exposure_gain(extra.exposure_steps, t_s)
            gain, slope = gain * lamp * camera, (slope + aside) * camera
        across = ((gain + slope * self._side) * np.float32(1.0 / 256.0))[None]
        return across if extra.flicker is None else across * flicker_rows(extra.flicker, self.size[1], t_s)

    # geometry

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
        field = unit_field(units, side, self.look.points, self._scale, self._box.x, self._box.y)
        opening = max(unit.opening for unit in units)
        if opening:
            x, y = np.broadcast_arrays(self._box.x, self._box.y)
            # a px is enough to tell above from below; the opening itself is in units of the amplitude
            field[..., 1] += opening * lip_field(x, y, self.look.lips_x, self.look.lips_y, 1.0, self._scale)
        return field_size(field, self._masks)

    def _build_field(self, action_units: tuple[int, ...], side: str) -> tuple[Float32, float]:
        norm = self._norm(action_units, side)
        units = units_of(action_units)
        field = unit_field(units, side, self.look.points, self._scale, self._box.x, self._box.y)
        return field * np.float32(1.0 / norm), max(unit.opening for unit in units) / norm

    def _movement(self, t_s: float) -> tuple[Float32 | None, float]:
        """Sum of all movements now on the coarse grid (None where there is none), and the lips' opening; frame px."""
        total, opening = None, self._speech.opening(t_s) * self._scale
        if opening:
            jaw, parted = self._field((_JAW_DROP,), "both")
            total = add_scaled(None, jaw, opening / parted)
        if self.scenario.sway_px:
            for (units, side), size in zip(_RESTLESS, self._restless.at(t_s), strict=True):
                total = add_scaled(total, self._field(units, side)[0], size * self._scale)
        extra = self.scenario.distractors
        if extra.articulation_px or extra.chewing:
            mouth = zip((*_ARTICULATION, *_CHEWING), (*self._articulation.at(t_s), *self._chewing.at(t_s)), strict=True)
            for (units, side), size in mouth:
                total = add_scaled(total, self._field(units, side)[0], size * self._scale) if size else total
        for events in (self.scenario.movements, extra.slow_movements):
            for event in events:
                if event.onset_s >= t_s:
                    break
                size = course(event, t_s) * event.amplitude_px * self._scale
                if size:
                    field, parted = self._field(event.action_units, event.side)
                    total = add_scaled(total, field, size)
                    opening += size * parted
        return total, opening

    def _head(self, t_s: float) -> Float32:
        """The box around the head, units of the canvas."""
        shift = self._box.motion(self._pose(t_s))
        rigid = shift.copy() if self._glasses is not None else None
        moved, opening = self._movement(t_s)
        if moved is not None:
            # the face's own movement rides on the head
            shift -= sample(moved, (self._box.coarse + shift / STEP).astype(np.float32, copy=False))
        height, width = self._grid.shape[:2]
        where: Float32 = self._grid + np.asarray(cv2.resize(shift, (width, height)), np.float32)
        self._move_eyes(where, t_s)
        head = self._remap(where, self.look.canvas) if opening <= 0.02 else self._open_mouth(where, opening)
        if self._glasses is not None and rigid is not None:
            patch = self._patch(*self._glasses.span)
            there: Float32 = self._grid[patch] + np.asarray(cv2.resize(rigid, (width, height)), np.float32)[patch]
            self._glasses.put_on(head[patch], there)
        return head

    def _pose(self, t_s: float) -> Pose:
        pose = self._sway.pose(t_s)
        if not self._reach_px:
            return pose
        dx, dy, turn, grow, yaw, pitch = np.add(pose, gesture_pose(self.scenario.distractors.gestures, t_s)).tolist()
        return dx, dy, turn, grow, yaw, pitch

    # eyes and mouth

    def _patch(self, x0: float, x1: float, y0: float, y1: float) -> tuple[slice, slice]:
        rows, columns = self._box.px
        room = (20 + 3 * self.scenario.sway_px + self._reach_px) * self._scale
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


@lru_cache(maxsize=2)
def _noise_pool(size: tuple[int, int]) -> Float32:
    shape = (_NOISE_POOL, size[1] + _NOISE_ROOM, size[0] + _NOISE_ROOM)
    pool = np.random.default_rng(35).standard_normal(shape, dtype=np.float32)
    pool.flags.writeable = False
    return pool


__all__ = ["FaceSimulator", "regions_of"]
