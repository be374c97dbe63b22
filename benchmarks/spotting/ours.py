"""Our spotter over one clip, as it runs live: frame by frame, nothing looked at before its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.config import FaceConfig
from realtime.face.pipeline import FacePipeline
from realtime.packets import FaceObservation, Float32, Float64, Kind, MicroMovement, VideoFrame


@dataclass(frozen=True, slots=True)
class Found:
    """A movement that a spotter found; `decided_s` is NaN for one that looks at the whole clip at once."""

    onset_s: float
    apex_s: float
    offset_s: float
    kind: Kind
    decided_s: float = float("nan")
    score: float = float("nan")
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """Motion of the regions over time, in multiples of the person's noise.

    Parameters
    ----------
    stamps : (n,) float64
    regions : (n, n_regions) float32
        NaN where no motion was measured.
    """

    stamps: Float64
    regions: Float32

    @property
    def score(self) -> Float32:
        """(n,) mean of the two strongest regions."""
        return np.sort(self.regions, axis=1)[:, -2:].mean(axis=1)


class OurRun:
    """Feeds a pipeline and remembers what came of it, without the pictures.

    Parameters
    ----------
    config : FaceConfig or None
    """

    def __init__(self, config: FaceConfig | None = None) -> None:
        self._config = config or FaceConfig()
        self._pipeline = FacePipeline(self._config)
        self._stamps: list[float] = []
        self._motion: list[Float32 | None] = []
        self._faces = 0
        self.found: list[Found] = []

    @property
    def lag_s(self) -> float:
        """Flow is taken over this time."""
        return self._config.spotter.lag_s

    def push(self, frame: VideoFrame) -> tuple[FaceObservation | None, list[MicroMovement]]:
        """Take a frame: the observation of the face where it was evaluated, and what was decided at it."""
        results = self._pipeline.push(frame)
        movements = [r for r in results if isinstance(r, MicroMovement)]
        self.found += [
            Found(m.onset_s, m.apex_s, m.offset_s, m.kind, m.decided_s, m.score, m.regions) for m in movements
        ]
        observation = next((r for r in results if isinstance(r, FaceObservation)), None)
        if observation is not None:
            self._faces += observation.landmarks is not None
            self._stamps.append(observation.stamp)
            self._motion.append(observation.region_motion)
        return observation, movements

    @property
    def evaluated(self) -> int:
        """Frames that were evaluated."""
        return len(self._stamps)

    @property
    def face_share(self) -> float:
        """Share of the evaluated frames that showed a face."""
        return self._faces / max(self.evaluated, 1)

    @property
    def trace(self) -> Trace:
        """Region motion of every evaluated frame."""
        width = next((len(m) for m in self._motion if m is not None), 2)
        none = np.full(width, np.nan, np.float32)
        rows = [none if m is None else m for m in self._motion]
        return Trace(np.array(self._stamps), np.array(rows, np.float32).reshape(len(rows), width))
