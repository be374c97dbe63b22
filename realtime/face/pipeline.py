"""Frames in, face observations and movements out: tracker, one fixed warp a segment, flow, spotter.

Nothing here draws lots, looks at a clock or keeps a thread: the same frames give the same results, live and offline.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from realtime.config import FaceConfig
from realtime.face.alignment import CROP_PX, Alignment, masked, to_grey
from realtime.face.flow import fit_head_motion
from realtime.face.movement import face_flow, movement_between
from realtime.face.regions import APERTURES, REGIONS, RegionMap, region_map
from realtime.face.spotter import Motion, Spotted, Spotter
from realtime.face.tracker import FaceTracker, TrackedFace, check_image
from realtime.packets import FaceObservation, Float32, MicroMovement, UInt8, VideoFrame, readonly

__all__ = ["FacePipeline", "movement_between"]

_HISTORY_S = 5.0
_HISTORY_BYTES = 192 * 2**20
_PATCH_MARGIN = 0.3
_DRIFT_PX = 6.0
_LAG_SLACK_S = 0.06
_FRAME_CORNERS = np.array([[40, 40], [216, 40], [216, 216], [40, 216]], np.float64)
_LIDS = {"eye_left": (362, 263, 386, 374), "eye_right": (133, 33, 159, 145)}


@dataclass(slots=True)
class _Stored:
    """A frame kept for later: the face's neighbourhood, where it lay, and its crop under the segment's warp."""

    stamp: float
    patch: UInt8
    left: int
    top: int
    landmarks: Float32
    evaluated: bool
    segment: int = -1
    crop: UInt8 = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def under(self, alignment: Alignment, segment: int) -> UInt8:
        if self.segment != segment:
            self.crop = alignment.moved(self.left, self.top).crop(self.patch)
            self.segment = segment
        return self.crop


@dataclass(slots=True)
class FaceCounters:
    """What happened to the frames: all counts since the pipeline was built."""

    frames: int = 0
    evaluated: int = 0
    faces: int = 0
    gaps: int = 0
    out_of_order: int = 0
    reanchored: int = 0


class FacePipeline:
    """The face chain of one camera; `push` frames in order, from one thread.

    Flow is taken between a frame and the one `lag_s` before it, both under one warp that stays fixed until the head has
    moved away from it. A hole longer than `max_gap_s`, or a face lost and found, starts afresh, so that flow never spans it.

    Parameters
    ----------
    config : FaceConfig

    Raises
    ------
    WeightsError
        The face networks' weights are not there.
    """

    def __init__(self, config: FaceConfig | None = None) -> None:
        self._config = config or FaceConfig()
        self._tracker = FaceTracker(self._config.min_score)
        self._spotter = Spotter(self._config.spotter)
        self._history: deque[_Stored] = deque()
        self._bytes = 0
        self._anchor: Alignment | None = None
        self._regions: RegionMap | None = None
        self._segment = 0
        self._last_stamp = -np.inf
        self._due = -np.inf
        self.counters = FaceCounters()

    def push(self, frame: VideoFrame) -> list[FaceObservation | MicroMovement]:
        """Take one frame.

        Parameters
        ----------
        frame : VideoFrame
            Stamps must increase; one that does not is dropped and counted.

        Returns
        -------
        list
            One `FaceObservation` where the frame was evaluated, then the movements decided at it.

        Raises
        ------
        DataError
            Not an 8-bit grey or RGB frame.
        """
        check_image(frame.image)
        self.counters.frames += 1
        if not frame.stamp > self._last_stamp:
            self.counters.out_of_order += 1
            return []
        if frame.stamp - self._last_stamp > self._config.max_gap_s and np.isfinite(self._last_stamp):
            self.counters.gaps += 1
            self._restart()
        self._last_stamp = frame.stamp
        period = 1.0 / self._config.max_rate_hz
        if frame.stamp < self._due - 0.25 * period:
            self._keep_unevaluated(frame)
            return []
        self._due = max(self._due + period, frame.stamp) if np.isfinite(self._due) else frame.stamp + period
        return self._evaluate(frame)

    def _evaluate(self, frame: VideoFrame) -> list[FaceObservation | MicroMovement]:
        self.counters.evaluated += 1
        face = self._tracker.track(frame.image)
        if face is None:
            self._restart()
            return [FaceObservation(frame.stamp, 0.0)]
        self.counters.faces += 1
        anchor, regions = self._anchored(face.landmarks)
        stored = self._keep(to_grey(frame.image), frame.stamp, face.landmarks, evaluated=True)
        motion = self._motion(stored, face, anchor, regions)
        found = self._spotter.push(motion) if motion is not None else []
        observation = FaceObservation(
            frame.stamp,
            face.score,
            face.landmarks,
            readonly(masked(stored.under(anchor, self._segment), regions.oval)),
            None if motion is None else readonly(self._spotter.region_z, np.float32),
        )
        return [observation, *(m for spotted in found if (m := self._movement(spotted)) is not None)]

    def _restart(self) -> None:
        self._history.clear()
        self._bytes = 0
        self._anchor = self._regions = None
        self._tracker.reset()
        self._spotter.restart()

    def _anchored(self, landmarks: Float32) -> tuple[Alignment, RegionMap]:
        """The segment's warp; a new one where the head has moved too far from it."""
        if self._anchor is not None and self._regions is not None:
            own = Alignment.fit(landmarks)
            back = (_FRAME_CORNERS - [own.tx, own.ty]) @ np.array([[own.a, -own.b], [own.b, own.a]]) / own.scale**2
            if np.abs(self._anchor.apply(back) - _FRAME_CORNERS).max() <= _DRIFT_PX:
                return self._anchor, self._regions
            self.counters.reanchored += 1
        self._anchor = Alignment.fit(landmarks)
        self._regions = region_map(self._anchor.apply(landmarks))
        self._segment += 1
        return self._anchor, self._regions

    def _keep_unevaluated(self, frame: VideoFrame) -> None:
        if self._anchor is not None and self._history:
            self._keep(to_grey(frame.image), frame.stamp, self._history[-1].landmarks, evaluated=False)

    def _keep(self, grey: UInt8, stamp: float, landmarks: Float32, *, evaluated: bool) -> _Stored:
        left, top, right, bottom = Alignment.fit(landmarks).bounds(_PATCH_MARGIN, grey.shape)
        stored = _Stored(stamp, grey[top:bottom, left:right].copy(), left, top, landmarks, evaluated)
        self._history.append(stored)
        self._bytes += stored.patch.nbytes + CROP_PX**2
        while self._history[0].stamp < stamp - _HISTORY_S or (self._bytes > _HISTORY_BYTES and len(self._history) > 1):
            self._bytes -= self._history.popleft().patch.nbytes + CROP_PX**2
        return stored

    def _motion(self, now: _Stored, face: TrackedFace, anchor: Alignment, regions: RegionMap) -> Motion | None:
        before = self._before(now.stamp - self._config.spotter.lag_s)
        if before is None or before is now:
            return None
        a, b = before.under(anchor, self._segment), now.under(anchor, self._segment)
        flow = face_flow(a, b, regions, self._config.flow)
        head = fit_head_motion(flow, regions.grid)
        residual = regions.means(flow) - head.at(regions.centroids)
        inside = regions.oval[::4, ::4]
        light = float(b[::4, ::4][inside].mean() / max(float(a[::4, ::4][inside].mean()), 1.0)) - 1.0
        openness = _openness(face.landmarks)
        return Motion(
            now.stamp, before.stamp, residual[: len(REGIONS)], residual[len(REGIONS) :], head.size_px(), light, openness
        )

    def _before(self, stamp: float) -> _Stored | None:
        evaluated = (s for s in reversed(self._history) if s.evaluated)
        nearest = min(evaluated, key=lambda s: abs(s.stamp - stamp), default=None)
        if nearest is None or abs(nearest.stamp - stamp) > _LAG_SLACK_S:
            return None
        return nearest

    def _movement(self, spotted: Spotted) -> MicroMovement | None:
        """Images of a spotted movement; None where its onset is no longer kept."""
        if not self._history or spotted.onset_s < self._history[0].stamp - _LAG_SLACK_S:
            return None
        onset, apex, offset = (
            min(self._history, key=lambda s: abs(s.stamp - stamp))
            for stamp in (spotted.onset_s, spotted.apex_s, spotted.offset_s)
        )
        a, b, landmarks = _shared(onset, apex)
        images = movement_between(a, b, landmarks, method=self._config.flow)
        return MicroMovement(
            onset.stamp,
            apex.stamp,
            offset.stamp,
            spotted.decided_s,
            spotted.score,
            spotted.kind,
            spotted.regions,
            images.onset_crop,
            images.apex_crop,
            images.flow,
        )


def _shared(onset: _Stored, apex: _Stored) -> tuple[UInt8, UInt8, Float32]:
    """Both patches on one canvas, since the face's neighbourhood may have moved between the two frames."""
    left, top = min(onset.left, apex.left), min(onset.top, apex.top)
    right = max(onset.left + onset.patch.shape[1], apex.left + apex.patch.shape[1])
    bottom = max(onset.top + onset.patch.shape[0], apex.top + apex.patch.shape[0])
    pictures = []
    for stored in (onset, apex):
        canvas = np.zeros((bottom - top, right - left), np.uint8)
        y, x = stored.top - top, stored.left - left
        canvas[y : y + stored.patch.shape[0], x : x + stored.patch.shape[1]] = stored.patch
        pictures.append(canvas)
    return pictures[0], pictures[1], onset.landmarks - np.array([left, top], np.float32)


def _openness(landmarks: Float32) -> Float32:
    """(2,) height over width of the left and the right eye's opening."""
    eyes = []
    for name in APERTURES:
        inner, outer, upper, lower = landmarks[list(_LIDS[name])]
        eyes.append(np.hypot(*(upper - lower)) / max(float(np.hypot(*(outer - inner))), 1e-6))
    return np.array(eyes, np.float32)
