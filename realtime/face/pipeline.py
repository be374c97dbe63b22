"""Frames in, face observations and movements out: tracker, one fixed warp a segment, flow, spotter.

Nothing here draws lots, looks at a clock or keeps a thread: the same frames give the same results, live and offline.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from realtime.config import FaceConfig, SpotterConfig
from realtime.face.alignment import Alignment, masked, to_grey
from realtime.face.history import FrameHistory, StoredFrame, on_one_canvas
from realtime.face.looking import FaceCounters, FaceLooker, Seen
from realtime.face.movement import movement_between
from realtime.face.region_flow import Prepared, RegionFlow, prepared
from realtime.face.regions import RegionMap, region_map
from realtime.face.spotter import FaceNoise, Motion, Spotted, Spotter
from realtime.face.tracker import TrackedFace
from realtime.packets import FaceObservation, Float32, MicroMovement, UInt8, VideoFrame, readonly

__all__ = ["FaceCounters", "FacePipeline", "movement_between"]

_HISTORY_S = 5.0
_HISTORY_BYTES = 192 * 2**20
_DRIFT_PX = 6.0
_LAG_SLACK_S = 0.06
_DRIFT_POINTS = np.array([[40, 40], [216, 40], [216, 216], [40, 216]], np.float64)
# inner corner, outer corner, upper lid, lower lid; the left eye first, as everywhere
_LIDS = np.array(((362, 263, 386, 374), (133, 33, 159, 145)))


@dataclass(frozen=True, slots=True)
class _Look:
    """A frame's crop as flow and the watch for changes of light want it."""

    crop: Prepared
    brightness: float


@dataclass(frozen=True, slots=True)
class _Segment:
    """Frames that share one warp."""

    number: int
    alignment: Alignment
    regions: RegionMap
    flow: RegionFlow
    _looks: dict[float, _Look] = field(default_factory=dict)

    def look_of(self, stored: StoredFrame, until_s: float) -> _Look:
        """Made once, for a frame is compared with an earlier and then with a later one; forgotten before `until_s`."""
        if stored.stamp not in self._looks:
            crop = stored.crop(self.alignment, self.number)
            face = crop[::4, ::4][self.regions.oval[::4, ::4]]
            self._looks[stored.stamp] = _Look(prepared(crop), float(face.mean()))
        while (oldest := next(iter(self._looks))) < until_s:
            del self._looks[oldest]
        return self._looks[stored.stamp]

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
        self.counters = FaceCounters()
        self._looker = FaceLooker(self._config, self.counters)
        self._spotter = make_spotter(self._config.spotter)
        self._history = FrameHistory(_HISTORY_S, _HISTORY_BYTES)
        self._segment: _Segment | None = None
        self._segments = 0

    def tune(self, config: FaceConfig) -> None:
        """Decide by on_z, macro_z and min_confidence of another configuration's spotter from the next frame on."""
        self._config = config
        self._spotter.set_limits(config.spotter)

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
        return self.judge(self.look(frame))

    def look(self, frame: VideoFrame) -> Seen:
        """The first half of `push`; of a film it may run ahead, in another thread than `judge`."""
        return self._looker.look(frame)

    def judge(self, seen: Seen) -> list[FaceObservation | MicroMovement]:
        """The second half of `push`, for frames in the order in which they were looked at."""
        if seen.clock_reset:
            # what the spotter remembers is dated on the old clock
            self._forget()
            self._spotter = self._make_spotter(self._config.spotter)
        if seen.afresh:
            self._forget()
        if seen.dropped:
            return []
        if not seen.evaluated:
            self._keep_unevaluated(seen.frame)
            return []
        if seen.face is None:
            self._forget()
            return [FaceObservation(seen.stamp, 0.0)]
        return self._evaluate(seen.stamp, seen.frame.image, seen.face)

    def _evaluate(self, stamp: float, image: UInt8, face: TrackedFace) -> list[FaceObservation | MicroMovement]:
        grey, last = to_grey(image), self._history.newest
        if last is not None and self._segment is not None and last.same_as(grey):
            self.counters.frozen += 1
            return [_observation(stamp, face, last, self._segment, None)]
        if last is not None and stamp - last.stamp > self._config.max_gap_s:
            self._forget()
        segment = self._segment_of(face.landmarks)
        stored = self._history.add(grey, stamp, face.landmarks, evaluated=True)
        assert stored is not None, "a face outside the picture is no face to whoever looked"
        motion = self._motion(stored, face, segment)
        found = [] if motion is None else self._spotter.push(motion)
        region_motion = None if motion is None else self._spotter.region_z
        eyes_busy = motion is not None and self._spotter.eyes_busy
        movements = (self._movement(spotted) for spotted in found)
        observation = _observation(stamp, face, stored, segment, region_motion, eyes_busy=eyes_busy)
        return [observation, *(m for m in movements if m is not None)]

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
        a, b = (segment.look_of(stored, until_s=before.stamp) for stored in (before, now))
        moved = segment.flow.between(a.crop, b.crop)
        return Motion(
            stamp=now.stamp,
            before_s=before.stamp,
            regions=moved.regions,
            eyes=moved.eyes,
            head_px=moved.head_px,
            light=b.brightness / max(a.brightness, 1.0) - 1.0,
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
    stamp: float,
    face: TrackedFace,
    stored: StoredFrame,
    segment: _Segment,
    region_motion: Float32 | None,
    *,
    eyes_busy: bool = False,
) -> FaceObservation:
    crop = readonly(masked(stored.crop(segment.alignment, segment.number), segment.regions.oval))
    return FaceObservation(stamp, face.score, face.landmarks, crop, region_motion, eyes_busy)


def _openness(landmarks: Float32) -> Float32:
    """(2,) height over width of the left and the right eye's opening."""
    inner, outer, upper, lower = landmarks[_LIDS].transpose(1, 0, 2)
    height, width = np.hypot(*(upper - lower).T), np.hypot(*(outer - inner).T)
    return (height / np.maximum(width, 1e-6)).astype(np.float32)
