"""Face of a row -> flow from onset to apex and the two pictures, by the functions that run live."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.data.arrays import load_array
from models.data.films import film_of, frames_at
from models.data.flow_maps import Planes, decode, read_flow_map
from models.data.rows import FaceSource, FlowMap, FrameArray, Pictures, VideoMoment, VideoSpan
from models.samples import resize_by_area
from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.face.alignment import CROP_PX, to_grey
from realtime.face.flow import dense_flow, optical_strain, remove_head_motion
from realtime.face.movement import MovementImages, movement_between
from realtime.face.pictures import decode_picture
from realtime.face.pipeline import FacePipeline
from realtime.face.tracker import FaceTracker
from realtime.packets import Float32, MicroMovement, UInt8, VideoFrame, readonly

_MIN_PICTURE_PX = 64
_BLACK = 8
_LEAD_IN_S = 5.0
_AFTER_S = 1.5
_GRID_STEP_PX = 16


@dataclass(frozen=True, slots=True)
class FaceOptions:
    """How faces are stored, and how flow maps are read.

    Parameters
    ----------
    px : int
        Side.
    planes : int
        2, or 3 with strain.
    order : 'rgb' or 'bgr'
        Planes of flow maps: u, v, strain or the other way round.
    full_scale : float or None
        Of flow maps in floating point that are coded like pictures; None where they are true px.
    """

    px: int
    planes: int
    order: Planes = "rgb"
    full_scale: float | None = None


@dataclass(frozen=True, slots=True)
class FaceFeatures:
    """A movement, as `SampleSet` holds it.

    Parameters
    ----------
    flow : (px, px, 2 or 3) float16
        px of the 256 px crop, or the unit of the map it was read from.
    onset, apex : (px, px) uint8
        All 0 where there is no picture.
    remarks : tuple of str
    """

    flow: NDArray[np.float16]
    onset: UInt8
    apex: UInt8
    remarks: tuple[str, ...] = ()


def face_features(source: FaceSource, options: FaceOptions) -> FaceFeatures:
    """Read one sample's movement.

    Raises
    ------
    DataError
        Unreadable, of the wrong size, without a face, or without a movement.
    """
    if isinstance(source, FlowMap):
        return _from_map(source, options)
    images, remarks = _images(source)
    return _stored(images, options, remarks)


def _images(source: Pictures | VideoMoment | VideoSpan | FrameArray) -> tuple[MovementImages, tuple[str, ...]]:
    if isinstance(source, Pictures):
        return _from_pictures(source)
    if isinstance(source, VideoMoment):
        onset, apex = frames_at(source.path, source.onset_s, source.apex_s)
        return _between(onset, apex), ()
    if isinstance(source, VideoSpan):
        return _spotted(_stretch(source), source.start_s, source.stop_s), ()
    return _from_frames(source)


def _from_map(source: FlowMap, options: FaceOptions) -> FaceFeatures:
    raw = read_flow_map(source.path)
    flow = decode(raw, options.order, options.full_scale)
    if options.planes == 3 and flow.shape[2] == 2:
        flow = np.concatenate([flow, optical_strain(flow)[..., None]], axis=2)
    blank = np.zeros((options.px, options.px), np.uint8)
    onset, apex, remarks = blank, blank, ()
    if source.pictures is not None:
        a, b = read_picture(source.pictures.onset), read_picture(source.pictures.apex)
        if not (_square(a) and _square(b)):
            remarks = (f"pictures of {a.shape[:2]} and {b.shape[:2]} px beside a flow map are no crops: left out",)
        else:
            onset, apex = (_small(to_grey(image), options.px) for image in (a, b))
    return FaceFeatures(_half(_resized(flow[..., : options.planes], options.px)), onset, apex, remarks)


def _stored(images: MovementImages, options: FaceOptions, remarks: tuple[str, ...]) -> FaceFeatures:
    flow = np.asarray(images.flow, np.float32)
    if options.planes == 3:
        flow = np.concatenate([flow, optical_strain(flow)[..., None]], axis=2)
    onset, apex = _small(images.onset_crop, options.px), _small(images.apex_crop, options.px)
    return FaceFeatures(_half(_resized(flow, options.px)), onset, apex, remarks)


def _half(flow: Float32) -> NDArray[np.float16]:
    return flow.astype(np.float16)


def _resized(image: Float32, px: int) -> Float32:
    """By area where it shrinks; by lines between the values where it grows."""
    if image.shape[0] >= px:
        return resize_by_area(np.ascontiguousarray(image), px)
    return np.asarray(cv2.resize(image, (px, px), interpolation=cv2.INTER_LINEAR), np.float32)


def _small(image: UInt8, px: int) -> UInt8:
    return np.rint(_resized(image.astype(np.float32), px)).astype(np.uint8)


def read_picture(path: Path) -> UInt8:
    """(height, width) or (height, width, 3) uint8 RGB picture.

    Raises
    ------
    DataError
        Not there, unreadable, or the same everywhere.
    """
    if not path.is_file():
        raise DataError("no such picture")
    image = decode_picture(path, cv2.IMREAD_ANYCOLOR)
    if image.min() == image.max():
        raise DataError(f"picture of {image.shape[:2]} px is blank: {int(image.max())} everywhere")
    return bytes_of(image if image.ndim == 2 else image[..., ::-1])


def _square(image: UInt8) -> bool:
    return image.shape[0] == image.shape[1]


def _from_pictures(source: Pictures) -> tuple[MovementImages, tuple[str, ...]]:
    onset, apex = read_picture(source.onset), read_picture(source.apex)
    if onset.shape[:2] != apex.shape[:2]:
        raise DataError(f"onset is {onset.shape[:2]} px, apex {apex.shape[:2]}; wanted one size")
    if min(onset.shape[:2]) < _MIN_PICTURE_PX:
        raise DataError(f"pictures of {onset.shape[:2]} px; wanted {_MIN_PICTURE_PX} px a side at least")
    if np.array_equal(onset, apex):
        raise DataError("onset and apex are the same picture")
    if source.aligned:
        if not _square(onset):
            raise DataError(f"aligned crops of {onset.shape[:2]} px; wanted square ones")
        return aligned_movement(onset, apex), ()
    if _looks_aligned(onset) and _looks_aligned(apex):
        return aligned_movement(onset, apex), ("square and black in all corners: taken as aligned crops",)
    return _between(onset, apex), ()


def _looks_aligned(image: UInt8) -> bool:
    """Whether a picture is a crop with black outside an oval: square, and black in its four corners."""
    corner = max(2, image.shape[0] // 16)
    grey = to_grey(image)
    corners = (grey[:corner, :corner], grey[:corner, -corner:], grey[-corner:, :corner], grey[-corner:, -corner:])
    return bool(_square(image)) and all(int(part.max()) < _BLACK for part in corners)


def aligned_movement(onset: UInt8, apex: UInt8) -> MovementImages:
    """Movement between two crops that lie under one warp already: (px, px) or (px, px, 3) uint8, any one size.

    They are brought to 256 px. Head motion is read on a grid of points over the face: a similarity found by RANSAC does
    not mind those on eyes and lips.
    """
    a, b = (_small(to_grey(image), CROP_PX) for image in (onset, apex))
    inside = np.asarray((a >= _BLACK) | (b >= _BLACK), np.uint8)
    # dark spots of the face, such as pupils, are part of it
    oval = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8)).astype(bool)
    core = cv2.erode(oval.astype(np.uint8), np.ones((13, 13), np.uint8), borderValue=0).astype(bool)
    y, x = np.mgrid[_GRID_STEP_PX // 2 : CROP_PX : _GRID_STEP_PX, _GRID_STEP_PX // 2 : CROP_PX : _GRID_STEP_PX]
    there = core[y, x]
    flow = remove_head_motion(dense_flow(a, b), np.stack([x[there], y[there]], axis=1))
    flow[~oval] = 0.0
    return MovementImages(readonly(a), readonly(b), readonly(flow, np.float32))


def _between(onset: UInt8, apex: UInt8) -> MovementImages:
    tracker = _tracker()
    tracker.reset()
    face = tracker.track(onset)
    if face is None:
        raise DataError("no face in the onset frame; wanted one face, seen from the front")
    return movement_between(onset, apex, face.landmarks)


@cache
def _tracker() -> FaceTracker:
    """One a process: its networks take a moment to load."""
    return FaceTracker()


def _stretch(source: VideoSpan) -> Iterator[VideoFrame]:
    """Frames from a lead-in, which the spotter learns the noise from, to the end of a movement at the very end."""
    return takewhile(
        lambda frame: frame.stamp <= source.stop_s + _AFTER_S, film_of(source.path).since(source.start_s - _LEAD_IN_S)
    )


def _spotted(frames: Iterator[VideoFrame], start_s: float, stop_s: float) -> MovementImages:
    """The strongest micro-movement whose apex lies in a stretch of film."""
    pipeline = FacePipeline()
    found: list[MicroMovement] = []
    for frame in frames:
        movements = (result for result in pipeline.push(frame) if isinstance(result, MicroMovement))
        found += [m for m in movements if m.kind == "micro" and start_s <= m.apex_s <= stop_s]
    counters = pipeline.counters
    if not counters.faces:
        raise DataError(f"no face in the {counters.frames} frames from {start_s:g} to {stop_s:g} s")
    if not found:
        raise DataError(f"no micro-movement found from {start_s:g} to {stop_s:g} s of the video")
    best = max(found, key=lambda movement: movement.score)
    return MovementImages(best.onset_crop, best.apex_crop, best.flow)


def _from_frames(source: FrameArray) -> tuple[MovementImages, tuple[str, ...]]:
    frames = load_array(source.path, source.key, source.index)
    if frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] not in (1, 3)) or frames.dtype != np.uint8:
        raise DataError(f"frames of shape {frames.shape}, {frames.dtype}: wanted (frames, height, width[, 3]) uint8")
    if frames.ndim == 4 and frames.shape[3] == 1:
        frames = frames[..., 0]
    n = len(frames)
    if source.onset is None or source.apex is None:
        if source.fps <= 0:
            raise DataError(f"{source.fps:g} frames a second; wanted more than 0")
        film = (VideoFrame(np.asarray(image), i / source.fps, i) for i, image in enumerate(frames))
        return _spotted(film, 0.0, n / source.fps), ()
    if not 0 <= source.onset < n or not 0 <= source.apex < n or source.onset == source.apex:
        raise DataError(f"onset frame {source.onset}, apex frame {source.apex} of {n}: wanted two frames among them")
    return _between(np.ascontiguousarray(frames[source.onset]), np.ascontiguousarray(frames[source.apex])), ()
