"""Pictures of what went wrong: onset, apex and offset of a miss or a false alarm, and the flow onset to apex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from benchmarks.spotting.aligned import AlignedFrame, Recent, Thinned, align
from benchmarks.spotting.ours import Found
from benchmarks.spotting.truth import TrueMovement
from realtime.errors import DataError
from realtime.face.movement import movement_between
from realtime.face.scoring import ScoredClip
from realtime.packets import Float32, Kind, MicroMovement, UInt8, VideoFrame

Fault = Literal["miss", "false alarm"]
MOST = 12
"""Pictures kept of a clip's misses, and as many of its false alarms."""

SIDE_PX = 128
_RING_S = 3.0
_MOST_FOUND = 200
_NEAR_S = 0.05


@dataclass(frozen=True, slots=True)
class Views:
    """Onset, apex and offset, and the flow from the first to the second; None where no face was there.

    Parameters
    ----------
    faces : three of (128, 128) uint8 or None
    flow : (128, 128, 2) float16 or None
        Px of the 256 px crop, head motion removed.
    """

    faces: tuple[UInt8 | None, UInt8 | None, UInt8 | None]
    flow: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A miss or a false alarm: as it was made, or as it was found. The score of a miss is NaN."""

    fault: Fault
    clip: str
    onset_s: float
    apex_s: float
    offset_s: float
    kind: Kind
    regions: tuple[str, ...]
    score: float
    views: Views


class PictureRun:
    """Keeps small pictures of everything that was made or found, until it is known what matched.

    Parameters
    ----------
    truth : sequence of TrueMovement
    """

    def __init__(self, truth: Sequence[TrueMovement]) -> None:
        self._truth = truth
        self._moments = [(t.onset_s, _apex_of(t), t.offset_s) for t in truth]
        self._made: list[list[tuple[float, AlignedFrame] | None]] = [[None, None, None] for _ in truth]
        self._seen: dict[int, Views] = {}
        self._found: list[Views] = []
        self._recent, self._thinned = Recent(_RING_S), Thinned()

    def push(self, frame: VideoFrame, landmarks: Float32 | None, movements: Sequence[MicroMovement]) -> None:
        """Take a frame, its landmarks and the movements that were decided at it."""
        if landmarks is not None:
            wanted = [
                (i, j, abs(frame.stamp - at))
                for i, moments in enumerate(self._moments)
                for j, at in enumerate(moments)
                if abs(frame.stamp - at) <= _NEAR_S
            ]
            thin = self._thinned.take(frame.stamp)
            aligned = align(frame, landmarks) if wanted or thin else None
            if aligned is not None:
                if thin:
                    self._recent.add(aligned)
                for i, j, distance_s in wanted:
                    best = self._made[i][j]
                    if best is None or distance_s < best[0]:
                        self._made[i][j] = (distance_s, aligned)
        for i, (*_, end_s) in enumerate(self._moments):
            if i not in self._seen and end_s + _NEAR_S < frame.stamp:
                self._finish(i)
        for movement in movements:
            offset = self._recent.at(movement.offset_s) if len(self._found) < _MOST_FOUND else None
            self._found.append(_views_found(movement, offset) if len(self._found) < _MOST_FOUND else _NOTHING)

    def pictures(self, name: str, found: Sequence[Found], scored: ScoredClip) -> tuple[Picture, ...]:
        """Misses, then false alarms, in order of time; `MOST` of each. `found` is what `scored` holds."""
        pairs = scored.pairs("micro") + scored.pairs("macro")
        hit, seen = {f for f, _ in pairs}, {t for _, t in pairs}
        missed = [i for i in range(len(self._truth)) if i not in seen][:MOST]
        false = [i for i in range(len(found)) if i not in hit][:MOST]
        misses = [
            Picture("miss", name, t.onset_s, t.apex_s, t.offset_s, t.kind, t.regions, float("nan"), views)
            for t, views in ((self._truth[i], self._finish(i)) for i in missed)
        ]
        alarms = [
            Picture("false alarm", name, f.onset_s, f.apex_s, f.offset_s, f.kind, f.regions, f.score, self._found[i])
            for i, f in ((i, found[i]) for i in false)
        ]
        return (*misses, *alarms)

    def _finish(self, index: int) -> Views:
        """Small views of what was made; whole frames are let go, so that a long clip's do not pile up."""
        if index not in self._seen:
            self._seen[index] = self._views_made(index)
            self._made[index] = [None, None, None]
        return self._seen[index]

    def _views_made(self, index: int) -> Views:
        frames = [None if kept is None else kept[1] for kept in self._made[index]]
        onset = frames[0]
        if onset is None:
            return Views(tuple(None if f is None else _small(f.own_crop) for f in frames), None)  # type: ignore[arg-type]
        crops = [None if f is None else f.crop(onset.alignment) for f in frames]
        flow = None
        if crops[0] is not None and crops[1] is not None:
            try:
                flow = movement_between(crops[0], crops[1], onset.alignment.apply(onset.landmarks)).flow
            except DataError:
                flow = None
        return Views(tuple(None if c is None else _small(c) for c in crops), _small_flow(flow))  # type: ignore[arg-type]


_NOTHING = Views((None, None, None), None)


def _apex_of(truth: TrueMovement) -> float:
    return truth.apex_s if np.isfinite(truth.apex_s) else (truth.onset_s + truth.offset_s) / 2


def _views_found(movement: MicroMovement, offset: AlignedFrame | None) -> Views:
    last = None if offset is None else _small(offset.own_crop)
    return Views((_small(movement.onset_crop), _small(movement.apex_crop), last), _small_flow(movement.flow))


def _small(crop: UInt8) -> UInt8:
    return cv2.resize(crop, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _small_flow(flow: Float32 | None) -> np.ndarray | None:
    if flow is None:
        return None
    return cv2.resize(flow, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float16)
