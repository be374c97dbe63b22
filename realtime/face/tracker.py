"""Face tracker: BlazeFace short range finds the face, the 468-point mesh follows it.

References
----------
Bazarevsky et al. (2019), "BlazeFace: sub-millisecond neural face detection on mobile GPUs".
Kartynnik et al. (2019), "Real-time facial surface geometry from monocular video on mobile GPUs".
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.face.weights import weights_path
from realtime.packets import Float32, UInt8, readonly

N_LANDMARKS = 468
_DETECTOR_PX, _MESH_PX = 128, 192
_ROI_SCALE = 1.5
_EYE_RIGHT, _EYE_LEFT = 33, 263
_SAME_FACE_IOU = 0.3
_FAR = 1.6
_NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate"
_STDERR = threading.Lock()


@dataclass(frozen=True, slots=True)
class TrackedFace:
    """One face: (468, 2) float32 landmarks in px of the frame, and the mesh's own score, 0 to 1."""

    landmarks: Float32
    score: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "landmarks", readonly(self.landmarks, np.float32))


@dataclass(frozen=True, slots=True)
class _Region:
    """Square, rotated region of the frame: centre and side in px, angle in rad (positive = clockwise on screen)."""

    x: float
    y: float
    side: float
    angle: float

    def from_crop(self, crop_px: int) -> NDArray[np.float64]:
        """(2, 3) matrix that takes crop pixels to frame pixels."""
        scale = self.side / crop_px
        cos, sin = scale * np.cos(self.angle), scale * np.sin(self.angle)
        half = (crop_px - 1) / 2.0
        return np.array(
            [[cos, -sin, self.x - cos * half + sin * half], [sin, cos, self.y - sin * half - cos * half]],
        )


class FaceTracker:
    """Follows the most prominent face from frame to frame.

    A face that was there in the frame before is looked for around its last landmarks; where the mesh's score falls
    below `min_score` the detector looks at the whole frame again. Deterministic; one thread at a time.

    Parameters
    ----------
    min_score : float
        Detections and meshes below it are no face.

    Raises
    ------
    WeightsError
        The networks' weights are not cached and cannot be obtained.
    """

    def __init__(self, min_score: float = 0.5) -> None:
        self._min_score = min_score
        self._detector = _Network("face_detection_short_range.tflite")
        self._mesh = _Network("face_landmark.tflite")
        self._anchors = _anchors()
        self._region: _Region | None = None
        self.detections = 0

    def reset(self) -> None:
        """Forget the face: the next frame is searched as a whole."""
        self._region = None

    def track(self, image: UInt8) -> TrackedFace | None:
        """Find the face in one frame.

        Parameters
        ----------
        image : (height, width) or (height, width, 3) uint8
            Grey or RGB.

        Returns
        -------
        TrackedFace or None
            None where there is no face.

        Raises
        ------
        DataError
            Not an 8-bit grey or RGB picture.
        """
        check_image(image)
        if self._region is not None:
            face = self._mesh_in(image, self._region)
            if face is not None:
                return face
            self._region = None
        # the detector has not seen faces that fill the picture (cropped clips): it gets a second look from further away
        for canvas in (1.0, _FAR):
            found = self._detect(image, canvas)
            face = None if found is None else self._mesh_in(image, found)
            if face is not None:
                return face
        return None

    def _mesh_in(self, image: UInt8, region: _Region) -> TrackedFace | None:
        matrix = region.from_crop(_MESH_PX)
        crop = cv2.warpAffine(
            image, matrix, (_MESH_PX, _MESH_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=0
        )
        points, logit = self._mesh(_as_rgb(bytes_of(crop)).astype(np.float32) * np.float32(1 / 255))
        score = float(_sigmoid(logit.reshape(-1)[:1])[0])
        if not score >= self._min_score:
            return None
        xy = points.reshape(N_LANDMARKS, 3)[:, :2].astype(np.float64)
        landmarks = (xy @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
        self._region = _region_around(landmarks)
        return TrackedFace(landmarks, score)

    def _detect(self, image: UInt8, canvas: float) -> _Region | None:
        """Look for a face in the frame, set into a black square `canvas` times its longer side."""
        self.detections += 1
        height, width = image.shape[:2]
        side = canvas * max(height, width)
        scale = side / _DETECTOR_PX
        offset = np.array([(width - side) / 2.0, (height - side) / 2.0])
        matrix = np.array([[scale, 0, offset[0] + (scale - 1) / 2], [0, scale, offset[1] + (scale - 1) / 2]])
        small, factor = _shrink(image, scale)
        matrix = (matrix - np.array([[0, 0, (factor - 1) / 2]] * 2)) / factor
        box = cv2.warpAffine(small, matrix, (_DETECTOR_PX, _DETECTOR_PX), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        regressors, logits = self._detector(_as_rgb(bytes_of(box)).astype(np.float32) * np.float32(1 / 127.5) - 1)
        best = _best_face(regressors[0], _sigmoid(logits.reshape(-1)), self._anchors, self._min_score)
        if best is None:
            return None
        corners = best.reshape(-1, 2) * side + offset
        (left, top), (right, bottom), eye_right, eye_left = corners[:4]
        return _Region(
            (left + right) / 2,
            (top + bottom) / 2,
            max(right - left, bottom - top) * _ROI_SCALE,
            float(np.arctan2(eye_left[1] - eye_right[1], eye_left[0] - eye_right[0])),
        )


class _Network:
    """One LiteRT network on one thread; outputs by decreasing size."""

    def __init__(self, name: str) -> None:
        path = str(weights_path(name))
        with _without_delegate_notice():
            self._interpreter = Interpreter(model_path=path, num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = sorted(self._interpreter.get_output_details(), key=lambda d: -int(np.prod(d["shape"])))
        self._outputs = [d["index"] for d in outputs]

    def __call__(self, image: Float32) -> tuple[Float32, Float32]:
        self._interpreter.set_tensor(self._input, image[None])
        self._interpreter.invoke()
        first, second = (self._interpreter.get_tensor(index) for index in self._outputs)
        return first, second


@contextmanager
def _without_delegate_notice() -> Iterator[None]:
    """LiteRT tells the process's stderr that it made its delegate, and no setting stops it; all else passes through."""
    with _STDERR, tempfile.TemporaryFile() as heard:
        saved = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            heard.seek(0)
            os.write(2, b"".join(line for line in heard if _NOTICE not in line))


def check_image(image: UInt8) -> None:
    """Raise DataError unless `image` is (height, width) or (height, width, 3) uint8 with at least one pixel."""
    if image.dtype != np.uint8 or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise DataError(
            f"a frame is {image.dtype} of shape {image.shape}; wanted uint8 (height, width) or (h, w, 3) RGB"
        )
    if 0 in image.shape:
        raise DataError(f"a frame has shape {image.shape}: it holds no pixels")


def _shrink(image: UInt8, scale: float) -> tuple[UInt8, float]:
    """Area-average by a whole factor first: bilinear sampling alone would alias at more than 2 px a step."""
    factor = int(scale)
    if factor < 2:
        return image, 1.0
    height, width = image.shape[0] // factor * factor, image.shape[1] // factor * factor
    if height == 0 or width == 0:
        return image, 1.0
    small = cv2.resize(image[:height, :width], (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    return bytes_of(small), float(factor)


def _as_rgb(image: UInt8) -> UInt8:
    return image if image.ndim == 3 else bytes_of(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))


def _sigmoid(x: Float32) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(x.astype(np.float64), -80, 80)))


def _anchors() -> NDArray[np.float64]:
    """(896, 2) anchor centres in 0..1: two a cell of a 16 x 16 grid, then six a cell of an 8 x 8 grid."""
    grids = []
    for cells, per_cell in ((16, 2), (8, 6)):
        y, x = np.divmod(np.arange(cells * cells), cells)
        centres = (np.stack([x, y], axis=1) + 0.5) / cells
        grids.append(np.repeat(centres, per_cell, axis=0))
    return np.concatenate(grids)


def _best_face(
    regressors: Float32, scores: NDArray[np.float64], anchors: NDArray[np.float64], min_score: float
) -> NDArray[np.float64] | None:
    """(16,) box corners and six key points in 0..1: weighted mean over the most prominent face's detections."""
    keep = np.flatnonzero(scores >= min_score)
    if keep.size == 0:
        return None
    raw = regressors[keep].astype(np.float64) / _DETECTOR_PX
    centre, size = raw[:, :2] + anchors[keep], raw[:, 2:4]
    points = raw[:, 4:].reshape(len(keep), 6, 2) + anchors[keep][:, None]
    faces = np.concatenate([centre - size / 2, centre + size / 2, points.reshape(len(keep), 12)], axis=1)
    prominence = scores[keep] * np.sqrt(np.maximum(size.prod(axis=1), 0))
    same = _overlap(faces[:, :4], faces[np.argmax(prominence), :4]) >= _SAME_FACE_IOU
    return np.average(faces[same], axis=0, weights=scores[keep][same])


def _overlap(boxes: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2])
    intersection = np.maximum(inner, 0).prod(axis=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return intersection / np.maximum(area - intersection, 1e-12)


def _region_around(landmarks: Float32) -> _Region:
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    dx, dy = landmarks[_EYE_LEFT] - landmarks[_EYE_RIGHT]
    centre = (low + high) / 2
    return _Region(
        float(centre[0]), float(centre[1]), float((high - low).max()) * _ROI_SCALE, float(np.arctan2(dy, dx))
    )
