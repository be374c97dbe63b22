"""Everything that is measured on one clip, in one pass over its frames."""

from __future__ import annotations

import time
from dataclasses import dataclass

import cv2
import numpy as np

from benchmarks.spotting.baselines import Measured
from benchmarks.spotting.clips import Clip, ClipFrames
from benchmarks.spotting.features import FeatureRun, Series
from benchmarks.spotting.ours import Found, OurRun, Trace
from benchmarks.spotting.pictures import Picture, PictureRun
from benchmarks.spotting.truth import TrueMovement, read_truth, truth_path
from realtime.config import FaceConfig
from realtime.errors import EmostreamError
from realtime.face.scoring import ScoredClip


@dataclass(frozen=True, slots=True)
class ClipResult:
    """What came of one clip; where `error` is not None, nothing did, and it says why.

    Parameters
    ----------
    name : str
    error : str or None
    duration_s, fps : float
    evaluated : int
        Frames that our spotter looked at: all but those of a camera that is faster than it wants to be.
    face_share : float
        Share of those that showed a face.
    cpu_s : float
        Of our spotter alone.
    truth, found : tuples
    trace : Trace or None
    measured : Measured or None
        None where the baselines were not wanted.
    pictures : tuple of Picture
        Of misses and false alarms.
    """

    name: str
    error: str | None = None
    duration_s: float = 0.0
    fps: float = 0.0
    evaluated: int = 0
    face_share: float = 0.0
    cpu_s: float = 0.0
    truth: tuple[TrueMovement, ...] = ()
    found: tuple[Found, ...] = ()
    trace: Trace | None = None
    measured: Measured | None = None
    pictures: tuple[Picture, ...] = ()

    @property
    def scored(self) -> ScoredClip:
        """Ours, as the metric takes it."""
        return ScoredClip(self.duration_s / 60.0, self.found, self.truth)


def examine(clip: Clip, *, baselines: bool, pictures: bool, config: FaceConfig | None = None) -> ClipResult:
    """Run our spotter and the baselines' features over one clip; holds one clip's last seconds at a time.

    Parameters
    ----------
    clip : Clip
    baselines : bool
        Measure what the baselines need.
    pictures : bool
        Keep pictures of misses and false alarms.
    config : FaceConfig or None

    Returns
    -------
    ClipResult
        An unreadable clip or truth is a result with an `error`: one bad file must not end a night's run.
    """
    # as many workers as cores are wanted, not workers times threads
    cv2.setNumThreads(1)
    try:
        truth = read_truth(truth_path(clip.path))
        return _examine(ClipFrames(clip), clip.name, truth, baselines, pictures, config)
    except (EmostreamError, cv2.error) as err:
        return ClipResult(clip.name, error=" ".join(str(err).split()))


def _examine(
    frames: ClipFrames,
    name: str,
    truth: tuple[TrueMovement, ...],
    baselines: bool,
    pictures: bool,
    config: FaceConfig | None,
) -> ClipResult:
    ours = OurRun(config)
    features = FeatureRun() if baselines else None
    album = PictureRun(truth) if pictures else None
    cpu_s = 0.0
    for frame in frames:
        begun = time.process_time()
        observation, movements = ours.push(frame)
        cpu_s += time.process_time() - begun
        landmarks = None if observation is None else observation.landmarks
        if features is not None and observation is not None:
            features.push(frame, landmarks)
        if album is not None:
            album.push(frame, landmarks, movements)
    found, trace = tuple(ours.found), ours.trace
    scored = ScoredClip(frames.duration_s / 60.0, found, truth)
    return ClipResult(
        name=name,
        duration_s=frames.duration_s,
        fps=frames.fps,
        evaluated=ours.evaluated,
        face_share=ours.face_share,
        cpu_s=cpu_s,
        truth=truth,
        found=found,
        trace=trace,
        measured=None if features is None else Measured(features.features, _motion(trace, ours.lag_s)),
        pictures=() if album is None else album.pictures(name, found, scored),
    )


def _motion(trace: Trace, lag_s: float) -> Series:
    """Our motion score where it belongs: a lag flow says what happened half a lag ago."""
    return Series(trace.stamps - lag_s / 2, trace.score.astype(np.float64))
