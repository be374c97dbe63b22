"""One still picture of a face brought to life, with its truth: sway, blinks, gaze, speech, light, noise and movements.

Any still with one face will do. The picture is set upright and scaled, its 468-point mesh carries the movements
(`simulators.mesh`), lids and lips are drawn apart since they tear. The person is real, every motion is simulated.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.errors import ConfigurationError, DataError
from realtime.face.alignment import Alignment
from realtime.face.pictures import decode_picture
from realtime.face.tracker import FaceTracker
from realtime.packets import Float32, Float64, UInt8
from realtime.untrusted import is_file
from simulators.action_units import CROP_PX, units_of
from simulators.face_motion import Gaze, Light, Restlessness, Speech, Sway, course, eye_closure, gesture_pose
from simulators.mesh import FaceMesh, backward, eyelids, lips, oval, to_frame
from simulators.movies import write_movie
from simulators.scenario import Scenario
from simulators.warp import LIP_REACH, add_scaled, bump, close_lid, gaze_weight, lip_field, mouth_interior, sample

_SUPERSAMPLE = 2  # `cv2.remap` rounds coordinates to 1/32 px of its source
_RESTLESS: tuple[tuple[tuple[int, ...], Literal["both", "left", "right"]], ...] = (
    ((4,), "both"), ((12,), "left"), ((12,), "right"), ((17,), "both"), ((7,), "both"), ((10,), "both"),
)  # fmt: skip
_SPEECH_CORNERS = 0.12  # how far the lip corners come in, a px of opening
_MOUTH_RGB = (52.0, 22.0, 22.0)
_FILL = 0.97  # of the picture's side that a filling face takes
_NOISE_POOL, _NOISE_ROOM = 4, 96
_SETTLE = 4
_LID_EDGE = 2.0  # half of a lower lid's edge, px of the 224 px crop


def read_still(path: Path) -> UInt8:
    """Read a picture file, (height, width, 3) uint8 RGB.

    Raises
    ------
    DataError
        No such file, or not a picture that OpenCV reads.
    """
    if not is_file(path):
        raise DataError(f"cannot read the picture '{path}': no such file; wanted a PNG or JPEG file with a face")
    try:
        picture = decode_picture(path, cv2.IMREAD_COLOR)
    except DataError as err:
        raise DataError(f"'{path}' is not a picture to use: {err}; wanted a PNG or JPEG file with a face") from err
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def find_face(picture: UInt8) -> Float32:
    """Landmarks of the face in a still, (468, 2) float32 px.

    Parameters
    ----------
    picture : (height, width) or (height, width, 3) uint8
        Grey or RGB.

    Raises
    ------
    DataError
        There is no face in it.
    """
    tracker = FaceTracker()
    faces = [tracker.track(picture) for _ in range(_SETTLE)]  # the mesh settles as its region does
    last = faces[-1]
    if last is None:
        raise DataError(
            f"no face in the picture of {picture.shape[1]}x{picture.shape[0]} px; wanted one, seen from the front"
        )
    return last.landmarks


class Puppet:
    """Renders a still at any time of a scenario.

    Amplitudes are px of a face crop in which the face, cheek edge to cheek edge, is 224 px wide, as in
    `simulators.face.FaceSimulator`.

    Parameters
    ----------
    picture : (height, width) or (height, width, 3) uint8
        Grey or RGB; the frames are like it.
    scenario : Scenario
        Movements, blinks, speech, gaze shifts, sway, slow change of light and, of the distractors, head gestures and
        slow movements; nothing else in it shows.
    landmarks : (468, 2) float32, optional
        Px of the picture; found where not given.
    fps : float
        Frames a second, for `frame`.
    size : (width, height)
        Of the frames, px; at least 128 x 128.
    face_px : float
        Width of the face, cheek edge to cheek edge, px of the frame.
    filling : bool
        The face fills the frame as an aligned crop does, and everything outside its outline is black; `face_px` is not
        looked at.
    noise_sd : float
        Of the sensor's noise in mid grey, grey levels; it grows with the root of the brightness.

    Raises
    ------
    ConfigurationError
        A size or rate that cannot be, or an action unit the simulator does not know.
    DataError
        There is no face in the picture.

    Notes
    -----
    Not thread-safe. What it renders depends on its arguments and the time alone, not on what was rendered before.
    """

    def __init__(
        self,
        picture: UInt8,
        scenario: Scenario,
        *,
        landmarks: Float32 | None = None,
        fps: float = 30.0,
        size: tuple[int, int] = (640, 480),
        face_px: float = CROP_PX,
        filling: bool = False,
        noise_sd: float = 2.0,
    ) -> None:
        if not fps > 0 or min(size) < 128 or not face_px >= 48 or not noise_sd >= 0:
            raise ConfigurationError(
                f"cannot animate a still at {size[0]}x{size[1]} px, {fps} frames a second, face {face_px} px, noise "
                f"{noise_sd}: wanted at least 128x128, a positive rate, a face of 48 px or more and no negative noise"
            )
        for event in (*scenario.movements, *scenario.distractors.slow_movements):
            units_of(event.action_units)
        self.scenario, self.fps, self.size = scenario, float(fps), size
        self._noise_sd, self._filling = noise_sd, filling
        found = find_face(picture) if landmarks is None else np.asarray(landmarks, np.float32)
        place = _placed(found, size, face_px, filling)
        self.landmarks = np.asarray(cv2.transform(found[None], place)[0], np.float32)
        self._canvas, self._face = self._paint(picture, place)
        self.mesh, self._alignment = FaceMesh.of_frame(self.landmarks)
        self._scale = self.mesh.scale / self._alignment.scale
        seed = (468, scenario.seed)
        self._sway = Sway.draw(scenario.sway_px, seed)
        self._restless = Restlessness.draw(scenario.sway_px, len(_RESTLESS), seed)
        self._light = Light.draw(scenario.light_drift, seed)
        self._speech = Speech(scenario.speech, seed)
        self._gaze = Gaze(scenario.gaze_shifts_s, seed)
        self._eyes = eyelids(self.landmarks)
        self._lips = lips(self.landmarks)
        self._room = (
            8 + 3 * scenario.sway_px + max((abs(g.size_px) for g in scenario.distractors.gestures), default=0.0)
        )
        self._place_head()
        self._field = lru_cache(maxsize=48)(self.mesh.movement)

    @property
    def n_frames(self) -> int:
        """Number of whole frames in the scenario."""
        return int(self.scenario.duration_s * self.fps)

    def frame(self, index: int) -> UInt8:
        """Frame `index`: `render(index / fps)`."""
        return self.render(index / self.fps)

    def render(self, t_s: float, *, noise: bool = True) -> UInt8:
        """The picture at `t_s` seconds.

        Parameters
        ----------
        t_s : float
            From the start of the scenario.
        noise : bool
            Sensor noise.

        Returns
        -------
        (height, width) or (height, width, 3) uint8
            Grey or RGB; a new array each time.
        """
        at = self._at_rest(t_s)
        moved, opening = self._movement(t_s), self._speech.opening(t_s) * self._scale
        where = at.copy() if moved is None else at - sample(moved, at, border=cv2.BORDER_CONSTANT)
        self._move_eyes(where, t_s)
        inside = self._part_lips(where, opening) if opening else None
        there = where * np.float32(_SUPERSAMPLE) + np.float32((_SUPERSAMPLE - 1) / 2)
        picture = sample(self._canvas, there) * np.float32(1.0 / 256.0)
        if inside is not None:
            patch, share = inside
            colour = np.array(_MOUTH_RGB if picture.ndim == 3 else _MOUTH_RGB[1], np.float32)
            picture[patch] += _over(share, picture) * (colour - picture[patch])
        gain, slope = self._light.gain(t_s)
        picture *= _over(np.float32(gain) + np.float32(slope) * self._side, picture)
        if noise and self._noise_sd:
            picture += _over(self._noise(picture, t_s), picture)
        if self._face is not None:
            picture *= _over(sample(self._face, at), picture)
        return np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0.0, out=picture)), np.uint8)

    def displacement(self, t_s: float) -> Float32:
        """True motion of the skin by the scenario's movements, without the head's.

        Returns
        -------
        (height, width, 2) float32
            Backward: the frame shows at `x` what the face at rest has at `x - displacement(x)`, px of the frame.
        """
        total = self._events(t_s)
        if total is None:
            return np.zeros((self.size[1], self.size[0], 2), np.float32)
        return to_frame(backward(total), self._alignment, self.size)

    # geometry

    def _paint(self, picture: UInt8, place: Float64) -> tuple[NDArray[np.uint16], Float32 | None]:
        """The still at `_SUPERSAMPLE` px a frame px, levels times 256; the face's outline where all else is black."""
        s = float(_SUPERSAMPLE)
        matrix = np.diag([s, s]) @ place + np.array([[0, 0, (s - 1) / 2]] * 2)
        factor = int(1.0 / np.hypot(matrix[0, 0], matrix[0, 1]))
        source = picture.astype(np.float32)
        if factor >= 2:
            shape = (source.shape[1] // factor, source.shape[0] // factor)
            source = cv2.resize(source[: shape[1] * factor, : shape[0] * factor], shape, interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
        shape = (self.size[0] * _SUPERSAMPLE, self.size[1] * _SUPERSAMPLE)
        canvas = cv2.warpAffine(source, matrix, shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        levels = np.clip(np.rint(np.asarray(canvas) * 256.0), 0, 65535).astype(np.uint16)
        if not self._filling:
            return levels, None
        mask = np.zeros((self.size[1], self.size[0]), np.uint8)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(oval(self.landmarks)).astype(np.int32)), 1)
        return levels, mask.astype(np.float32)

    def _place_head(self) -> None:
        """The px grid, and how much of the head's motion and turning each px takes."""
        width, height = self.size
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        rounding = 1.0 / (32 * _SUPERSAMPLE)
        dither = np.random.default_rng(36).uniform(-0.5 * rounding, 0.5 * rounding, (height, width, 2))
        self._grid = np.stack([x, y], -1) + dither.astype(np.float32)
        self._side = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None]
        cx, cy = oval(self.landmarks).mean(axis=0).tolist()
        k = self._scale
        far = np.hypot((x - cx) / (185 * k), (y - cy) / (225 * k))
        edge = np.ones_like(far) if self._filling else np.clip((1.35 - far) / 0.35, 0.0, 1.0)
        self._weight = (edge * edge * (3.0 - 2.0 * edge)).astype(np.float32)
        self._pivot = (cx, cy + 150 * k)
        nose_x, nose_y = self.landmarks[4].tolist()
        round_ = np.clip(1.0 - ((x - cx) / (120 * k)) ** 2, 0.0, 1.0) * bump(x, y, (cx, cy), 400 * k, 110 * k)
        tip = bump(x, y, (nose_x, nose_y), 18 * k, 24 * k)
        self._depth = (self._weight * (0.65 * round_ + 0.35 * tip)).astype(np.float32)

    def _at_rest(self, t_s: float) -> Float32:
        """Where each px of the frame lies in the still head, (height, width, 2) px."""
        gestures = self.scenario.distractors.gestures
        if not self.scenario.sway_px and not gestures:
            return self._grid
        sway = self._sway.pose(t_s)
        dx, dy, turn, grow, yaw, pitch = (a + b for a, b in zip(sway, gesture_pose(gestures, t_s), strict=True))
        k = self._scale
        back = np.exp(-grow) * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        offset = back @ (-np.array(self._pivot) - [dx * k, dy * k]) + self._pivot
        moved = cv2.transform(self._grid, np.column_stack([back, offset]))
        at = self._grid + self._weight[..., None] * (moved - self._grid)
        at -= self._depth[..., None] * np.array([yaw * k, pitch * k], np.float32)
        return at

    # movements

    def _events(self, t_s: float) -> Float32 | None:
        total: Float32 | None = None
        for event in (*self.scenario.movements, *self.scenario.distractors.slow_movements):
            size = course(event, t_s) * event.amplitude_px
            if size:
                total = add_scaled(total, self._field(event.action_units, event.side), size)
        return total

    def _movement(self, t_s: float) -> Float32 | None:
        """Sum of all movements of the skin now, backward, px of the frame at rest."""
        total = self._events(t_s)
        if self.scenario.sway_px:
            for (units, side), size in zip(_RESTLESS, self._restless.at(t_s).tolist(), strict=True):
                total = add_scaled(total, self._field(units, side), size)
        opening = self._speech.opening(t_s)
        if opening:
            total = add_scaled(total, self._field((23,), "both"), _SPEECH_CORNERS * opening)
        return None if total is None else to_frame(backward(total), self._alignment, self.size)

    def _move_eyes(self, where: Float32, t_s: float) -> None:
        """Lids that come down and eyes that look elsewhere; `where` is written to."""
        closure = eye_closure(self.scenario.blinks, t_s)
        gaze_x, gaze_y = (self._scale * each for each in self._gaze.at(t_s))
        if not closure and not gaze_x and not gaze_y:
            return
        room = int(self._room * self._scale) + 2
        for upper, lower, top in self._eyes:
            (x0, x1), y0, y1 = upper[[0, -1], 0], top[:, 1].min(), lower[:, 1].max()
            rows = slice(max(int(y0) - room, 0), int(y1) + room)
            patch = where[rows, max(int(x0) - room, 0) : int(x1) + room]
            x, y = patch[..., 0].astype(np.float64), patch[..., 1].astype(np.float64)
            lid, under, crease = (np.interp(x, curve[:, 0], curve[:, 1]) for curve in (upper, lower, top))
            # the mesh runs along the middle of the lids' edges: a shut eye hides all of the lower one
            half = np.clip(1.0 - ((2.0 * x - x0 - x1) / (x1 - x0)) ** 2, 0.0, 1.0)
            under, crease = np.maximum(under, lid) + _LID_EDGE * self._scale * half, np.minimum(crease, lid)
            seen = np.where((x >= x0) & (x <= x1) & (closure > 0), close_lid(y, lid, under, crease, closure), y)
            weight = gaze_weight(x, y, lid, under, (float(x0), float(x1))) * (seen == y)
            patch[..., 0] = x - gaze_x * weight
            patch[..., 1] = seen - gaze_y * weight

    def _part_lips(self, where: Float32, opening: float) -> tuple[tuple[slice, slice], Float32]:
        """Lower what is below the lips in `where`; a patch, and the share of each of its px inside the mouth."""
        edge = self._lips[1].astype(np.float64)
        room = int(self._room * self._scale) + 2
        reach = 4 * LIP_REACH * self._scale
        rows = slice(max(int(edge[:, 1].min()) - room, 0), max(int(edge[:, 1].max() + reach), 0))
        columns = slice(max(int(edge[0, 0]) - room, 0), max(int(edge[-1, 0]) + room, 0))
        patch = where[rows, columns]
        x, y = patch[..., 0], patch[..., 1]
        inside, _ = mouth_interior(x, y, edge[:, 0], edge[:, 1], edge[:, 1], opening)
        patch[..., 1] = y - lip_field(x, y, edge[:, 0], edge[:, 1], opening, self._scale)
        return (rows, columns), inside

    def _noise(self, picture: Float32, t_s: float) -> Float32:
        pool = _noise_pool(self.size)
        rng = np.random.default_rng([468, self.scenario.seed, 35, round(abs(t_s) * 1e5)])
        which, y, x = (int(rng.integers(n)) for n in (_NOISE_POOL, _NOISE_ROOM, _NOISE_ROOM))
        fresh = pool[which, y : y + self.size[1], x : x + self.size[0]]
        luma = picture[..., 1] if picture.ndim == 3 else picture
        return fresh * np.sqrt(np.clip(luma, 8.0, 255.0) / 128.0) * np.float32(self._noise_sd * rng.choice([-1.0, 1.0]))


def _placed(landmarks: Float32, size: tuple[int, int], face_px: float, filling: bool) -> Float64:
    """(2, 3) similarity, px of the picture to px of the frame: upright, scaled and centred."""
    fit = Alignment.fit(landmarks)
    upright = np.array([[fit.a, -fit.b], [fit.b, fit.a]]) / fit.scale
    points = landmarks @ upright.T
    low, high = points.min(axis=0), points.max(axis=0)
    k = face_px / float(np.hypot(*(points[454] - points[234])))
    if filling:
        k = _FILL * float(np.min(np.array(size) / (high - low)))
    shift = (np.array(size) - 1) / 2 - k * (low + high) / 2
    return np.column_stack([k * upright, shift])


def _over(plane: Float32, picture: Float32) -> Float32:
    """A plane of weights, for a grey or a colour picture."""
    return plane[..., None] if picture.ndim == 3 else plane


@lru_cache(maxsize=2)
def _noise_pool(size: tuple[int, int]) -> Float32:
    shape = (_NOISE_POOL, size[1] + _NOISE_ROOM, size[0] + _NOISE_ROOM)
    pool = np.random.default_rng(468).standard_normal(shape, dtype=np.float32)
    pool.flags.writeable = False
    return pool


def write_puppet_clip(path: Path, puppet: Puppet, *, codec: str = "FFV1") -> Path:
    """Render a puppet's scenario into a video file, and its truth beside it.

    Parameters
    ----------
    path : Path
        Ends in `.avi` ('FFV1', 'MJPG') or `.mp4` ('mp4v').
    puppet : Puppet
    codec : str

    Returns
    -------
    Path
        The truth file.

    Raises
    ------
    DataError
        See `simulators.injection.write_movie`.
    """
    pictures = (puppet.frame(index) for index in range(puppet.n_frames))
    return write_movie(path, pictures, puppet.fps, puppet.scenario.movements, codec=codec)
