"""Frames in, face observations and movements out: tracker, one fixed warp a segment, flow, spotter.

Nothing here draws lots, looks at a clock or keeps a thread: the same frames give the same results, live and offline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from realtime.config import FaceConfig, SpotterConfig
from realtime.face.alignment import Alignment, masked, to_grey
from realtime.face.history import FrameHistory, StoredFrame, on_one_canvas
from realtime.face.movement import movement_between
from realtime.face.region_flow import RegionFlow, prepared
from realtime.face.regions import RegionMap, region_map
from realtime.face.spotter import FaceNoise, Motion, Spotted, Spotter
from realtime.face.tracker import FaceTracker, TrackedFace, check_image
from realtime.packets import FaceObservation, Float32, MicroMovement, UInt8, VideoFrame, readonly

__all__ = ["FaceCounters", "FacePipeline", "movement_between"]

_HISTORY_S = 5.0
_HISTORY_BYTES = 192 * 2**20
_DRIFT_PX = 6.0
_LAG_SLACK_S = 0.06
_CLOCK_RESET_S = 1.0
_DRIFT_POINTS = np.array([[40, 40], [216, 40], [216, 216], [40, 216]], np.float64)
# inner corner, outer corner, upper lid, lower lid; the left eye first, as everywhere
_LIDS = ((362, 263, 386, 374), (133, 33, 159, 145))


@dataclass(slots=True)
class FaceCounters:
    """What happened to the frames: all counts since the pipeline was built.

    `without_pictures` counts movements dropped because their onset was no longer kept.
    """

    frames: int = 0
    evaluated: int = 0
    faces: int = 0
    gaps: int = 0
    out_of_order: int = 0
    clock_resets: int = 0
    frozen: int = 0
    reanchored: int = 0
    without_pictures: int = 0


@dataclass(frozen=True, slots=True)
class _Segment:
    """Frames that share one warp."""

    number: int
    alignment: Alignment
    regions: RegionMap
    flow: RegionFlow

    def drift_px(self, landmarks: Float32) -> float:
        """How far the face has moved within the crop since the warp was fixed."""
        own = Alignment.fit(landmarks)
        turn = np.array([[own.a, -own.b], [own.b, own.a]]) / own.scale**2
        back = (_DRIFT_POINTS - [own.tx, own.ty]) @ turn
        return float(np.abs(self.alignment.apply(back) - _DRIFT_POINTS).max())


class FacePipeline:
    """The face chain of one camera; `push` frames in order, from one thread.

    Flow is taken between a frame and the one `lag_s` before it, both under one warp that stays fixed until the head has
    moved away from it. A hole longer than `max_gap_s`, a picture frozen for longer, or a face lost and found, starts
    afresh: flow never spans it.

    Parameters
    ----------
    config : FaceConfig
    make_spotter : callable
        What decides; called again where the source's clock restarts.

    Raises
    ------
    WeightsError
        The face networks' weights are not there.
    """

    def __init__(
        self, config: FaceConfig | None = None, make_spotter: Callable[[SpotterConfig], Spotter] = Spotter
    ) -> None:
        self._config = config or FaceConfig()
        self._make_spotter = make_spotter
        self._tracker = FaceTracker(self._config.min_score)
        self._spotter = make_spotter(self._config.spotter)
        self._history = FrameHistory(_HISTORY_S, _HISTORY_BYTES)
        self._segment: _Segment | None = None
        self._segments = 0
        self._last_stamp = -np.inf
        self._due = -np.inf
        self.counters = FaceCounters()

    def noise(self) -> FaceNoise:
        """What the spotter has learnt of the person's noise."""
        return self._spotter.noise()

    def push(self, frame: VideoFrame) -> list[FaceObservation | MicroMovement]:
        """Take one frame.

        Parameters
        ----------
        frame : VideoFrame
            Stamps must increase; one that does not is dropped and counted. One more than a second before the newest
            is a restarted source: everything starts afresh, the person's noise included.

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
        if frame.stamp < self._last_stamp - _CLOCK_RESET_S:
            self.counters.clock_resets += 1
            self._start_clock_anew()
        if not frame.stamp > self._last_stamp:
            self.counters.out_of_order += 1
            return []
        if self._is_gap(self._last_stamp, frame.stamp):
            self.counters.gaps += 1
            self._lose_face()
        self._last_stamp = frame.stamp
        period_s = 1.0 / self._config.max_rate_hz
        # a quarter of a period of jitter is no reason to skip every second frame of a camera at just this rate
        if frame.stamp < self._due - 0.25 * period_s:
            self._keep_unevaluated(frame)
            return []
        self._due = max(self._due + period_s, frame.stamp) if np.isfinite(self._due) else frame.stamp + period_s
        return self._evaluate(frame.stamp, frame.image)

    def _is_gap(self, before_s: float, now_s: float) -> bool:
        return bool(np.isfinite(before_s)) and now_s - before_s > self._config.max_gap_s

    def _evaluate(self, stamp: float, image: UInt8) -> list[FaceObservation | MicroMovement]:
        self.counters.evaluated += 1
        face = self._tracker.track(image)
        if face is None:
            self._lose_face()
            return [FaceObservation(stamp, 0.0)]
        self.counters.faces += 1
        grey, last = to_grey(image), self._history.newest
        if last is not None and self._segment is not None and last.same_as(grey):
            self.counters.frozen += 1
            return [_observation(stamp, face, last, self._segment, None)]
        if last is not None and self._is_gap(last.stamp, stamp):
            self._forget()
        segment = self._segment_of(face.landmarks)
        stored = self._history.add(grey, stamp, face.landmarks, evaluated=True)
        if stored is None:
            self._lose_face()
            return [FaceObservation(stamp, 0.0)]
        motion = self._motion(stored, face, segment)
        found = [] if motion is None else self._spotter.push(motion)
        region_motion = None if motion is None else self._spotter.region_z
        movements = (self._movement(spotted) for spotted in found)
        return [_observation(stamp, face, stored, segment, region_motion), *(m for m in movements if m is not None)]

    def _start_clock_anew(self) -> None:
        self._lose_face()
        # what the spotter remembers is dated on the old clock
        self._spotter = self._make_spotter(self._config.spotter)
        self._last_stamp = self._due = -np.inf

    def _lose_face(self) -> None:
        self._tracker.reset()
        self._forget()

    def _forget(self) -> None:
        self._history.clear()
        self._segment = None
        self._spotter.restart()

    def _segment_of(self, landmarks: Float32) -> _Segment:
        """The warp in use; a new one where the head has moved too far from it."""
        if self._segment is not None:
            if self._segment.drift_px(landmarks) <= _DRIFT_PX:
                return self._segment
            self.counters.reanchored += 1
        alignment = Alignment.fit(landmarks)
        self._segments += 1
        regions = region_map(alignment.apply(landmarks))
        self._segment = _Segment(self._segments, alignment, regions, RegionFlow(regions))
        return self._segment

    def _keep_unevaluated(self, frame: VideoFrame) -> None:
        last = self._history.newest
        if last is not None:
            self._history.add(to_grey(frame.image), frame.stamp, last.landmarks, evaluated=False)

    def _motion(self, now: StoredFrame, face: TrackedFace, segment: _Segment) -> Motion | None:
        """What moved since the frame a lag before; None while there is none."""
        wanted_s = now.stamp - self._config.spotter.lag_s
        before = self._history.nearest(wanted_s, evaluated_only=True)
        if before is None or before is now or abs(before.stamp - wanted_s) > _LAG_SLACK_S:
            return None
        a, b = (stored.crop(segment.alignment, segment.number) for stored in (before, now))
        moved = segment.flow.between(prepared(a), prepared(b))
        return Motion(
            stamp=now.stamp,
            before_s=before.stamp,
            regions=moved.regions,
            eyes=moved.eyes,
            head_px=moved.head_px,
            light=_light_change(a, b, segment.regions),
            openness=_openness(face.landmarks),
        )

    def _movement(self, spotted: Spotted) -> MicroMovement | None:
        """A spotted movement with its pictures; None where its onset is no longer kept."""
        onset, apex, offset = (
            self._history.nearest(stamp) for stamp in (spotted.onset_s, spotted.apex_s, spotted.offset_s)
        )
        if onset is None or apex is None or offset is None or abs(onset.stamp - spotted.onset_s) > _LAG_SLACK_S:
            self.counters.without_pictures += 1
            return None
        onset_image, apex_image, landmarks = on_one_canvas(onset, apex)
        images = movement_between(onset_image, apex_image, landmarks, method=self._config.flow)
        return MicroMovement(
            onset_s=onset.stamp,
            apex_s=apex.stamp,
            offset_s=offset.stamp,
            decided_s=spotted.decided_s,
            score=spotted.score,
            kind=spotted.kind,
            regions=spotted.regions,
            onset_crop=images.onset_crop,
            apex_crop=images.apex_crop,
            flow=images.flow,
        )


def _observation(
    stamp: float, face: TrackedFace, stored: StoredFrame, segment: _Segment, region_motion: Float32 | None
) -> FaceObservation:
    crop = readonly(masked(stored.crop(segment.alignment, segment.number), segment.regions.oval))
    return FaceObservation(stamp, face.score, face.landmarks, crop, region_motion)


def _light_change(a: UInt8, b: UInt8, regions: RegionMap) -> float:
    inside = regions.oval[::4, ::4]
    before, now = float(a[::4, ::4][inside].mean()), float(b[::4, ::4][inside].mean())
    return now / max(before, 1.0) - 1.0


def _openness(landmarks: Float32) -> Float32:
    """(2,) height over width of the left and the right eye's opening."""
    inner, outer, upper, lower = (landmarks[list(points)] for points in zip(*_LIDS, strict=True))
    height, width = np.hypot(*(upper - lower).T), np.hypot(*(outer - inner).T)
    return (height / np.maximum(width, 1e-6)).astype(np.float32)
