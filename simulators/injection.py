"""Facial movements put into footage of a real person, with their truth.

Head motion, noise, speech, light and compression are as they were filmed; the movements alone are simulated. What a
spotter misses in clips made here, and what it reports in the untouched copies, is the noise floor of a camera, its
light and its codec.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from realtime.errors import DataError
from realtime.face.alignment import Alignment
from realtime.face.capture import FileCapture
from realtime.face.tracker import FaceTracker
from realtime.packets import Bool, Float32, Float64, UInt8, VideoFrame
from simulators.action_units import CROP_PX
from simulators.events import FacialEvent
from simulators.face_motion import course
from simulators.mesh import FaceMesh, backward, to_frame
from simulators.movements import draw_events
from simulators.movies import BackAndForth, write_movie

CALM_PX = 4.5
"""Footage in which most of the face moves by more than this within a quarter of a second is no place for a movement."""

_SMOOTH_S = 0.1  # landmarks shake by more than a movement is long: what carries the movement must not
_SHAPE_S = 1.0
_BEFORE_S, _AFTER_S = 0.5, 0.3  # the face must have been there this long
_UNREST_S, _MOST_RECENT = 0.25, 256
_SHIFT_PX = (0.37, 0.29)
_SPLINE = 3


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """Where the face was in each frame of a video.

    Parameters
    ----------
    stamps_s : (n,) float64
        Of the frames, from the first one.
    tracked : (n,) bool
        Whether there was a face.
    alignments : (n, 4) float64
        `a, b, tx, ty` of `Alignment`, smoothed over time (Gaussian, sigma 0.1 s) within each stretch with a face, so
        that the landmarks' jitter does not itself move what is injected; NaN without one.
    shapes : (m, 468, 2) float32
        Mean face of each second, canonical px; NaN where there was none.
    unrest_px : (n,) float64
        How far three quarters of the mesh's points at most went within the last quarter of a second, head motion apart,
        px of a crop in which the face is 224 px wide; NaN without a face.
    size : (width, height), px
    """

    stamps_s: Float64
    tracked: Bool
    alignments: Float64
    shapes: Float32
    unrest_px: Float64
    size: tuple[int, int]

    @classmethod
    def of(cls, frames: Iterable[VideoFrame]) -> FaceTrack:
        """Follow the face through all frames.

        Raises
        ------
        DataError
            There are no frames.
        """
        tracker = FaceTracker()
        stamps: list[float] = []
        rows: list[tuple[float, float, float, float]] = []
        sums: list[Float64] = []
        counts: list[int] = []
        unrest: list[float] = []
        recent: deque[tuple[float, Float32]] = deque(maxlen=_MOST_RECENT)
        size = (0, 0)
        for frame in frames:
            stamps.append(frame.stamp)
            size = (frame.image.shape[1], frame.image.shape[0])
            face = tracker.track(frame.image)
            if face is None:
                rows.append((np.nan, np.nan, np.nan, np.nan))
                unrest.append(np.nan)
                recent.clear()
                continue
            fit = Alignment.fit(face.landmarks)
            rows.append((fit.a, fit.b, fit.tx, fit.ty))
            second = int((stamps[-1] - stamps[0]) / _SHAPE_S)
            while len(sums) <= second:
                sums.append(np.zeros((468, 2)))
                counts.append(0)
            points = fit.apply(face.landmarks)
            sums[second] += points
            counts[second] += 1
            recent.append((stamps[-1], points))
            while stamps[-1] - recent[0][0] > _UNREST_S:
                recent.popleft()
            unrest.append(_unrest(recent[0][1], points))
        if not stamps:
            raise DataError("there are no frames to follow a face through; wanted a video with at least one")
        at = np.asarray(stamps) - stamps[0]
        raw = np.asarray(rows, np.float64)
        shapes = [total / n if n else np.full((468, 2), np.nan) for total, n in zip(sums, counts, strict=True)]
        found = np.isfinite(raw[:, 0])
        return cls(at, found, smoothed(at, raw), np.asarray(shapes, np.float32), np.asarray(unrest, np.float64), size)

    def alignment(self, index: int) -> Alignment:
        """Of frame `index`, in which there is a face."""
        return Alignment(*self.alignments[index].tolist())

    def mesh(self, t_s: float) -> FaceMesh | None:
        """The face as it was around `t_s`; None where there was none."""
        second = int(t_s / _SHAPE_S)
        if second >= len(self.shapes) or not np.isfinite(self.shapes[second]).all():
            return None
        return FaceMesh.of(self.shapes[second])

    def draw(
        self, seed: int, *, calm_px: float = CALM_PX, mean_gap_s: float = 3.0, macro_share: float = 0.12
    ) -> tuple[FacialEvent, ...]:
        """Draw movements (`simulators.movements.draw_events`) at times at which there is a face, and it is calm.

        Parameters
        ----------
        seed : int
        calm_px : float
            Largest `unrest_px` around a movement: one that drowns in a grin or a turn of the head measures nothing.
        mean_gap_s, macro_share : float
        """

        def fits(event: FacialEvent) -> bool:
            return self.has_face(event.onset_s - _BEFORE_S, event.offset_s + _AFTER_S, calm_px)

        return draw_events(float(self.stamps_s[-1]), seed, fits=fits, mean_gap_s=mean_gap_s, macro_share=macro_share)

    def has_face(self, start_s: float, end_s: float, calm_px: float = np.inf) -> bool:
        """Whether each frame from `start_s` to `end_s` shows a face, at most `calm_px` from rest; none is missing."""
        inside = (self.stamps_s >= start_s) & (self.stamps_s <= end_s)
        if end_s > self.stamps_s[-1] or not inside.any() or not self.tracked[inside].all():
            return False
        return float(np.max(self.unrest_px[inside])) <= calm_px


def _unrest(before: Float32, now: Float32) -> float:
    moved = float(np.percentile(np.hypot(*(now - before).T), 75))
    return moved * CROP_PX / max(float(np.hypot(*(now[454] - now[234]))), 1.0)


def smoothed(stamps_s: Float64, rows: Float64) -> Float64:
    """Rows averaged over time within each stretch without NaN (Gaussian, sigma 0.1 s); (n, m) like `rows`."""
    out = np.full_like(rows, np.nan)
    tracked = np.isfinite(rows[:, 0])
    edges = np.flatnonzero(np.diff(np.concatenate([[0], tracked.astype(np.int8), [0]])))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        step = (stamps_s[end - 1] - stamps_s[start]) / max(end - start - 1, 1)
        sigma = _SMOOTH_S / max(step, 1e-3) if end - start > 1 else 0.0
        sigma = min(_SMOOTH_S / max(step, 1e-3), 4.0 * (end - start))
        out[start:end] = ndimage.gaussian_filter1d(rows[start:end], sigma, axis=0, mode="nearest")
    return out


def inject(
    frames: Iterable[VideoFrame], face: FaceTrack, events: Sequence[FacialEvent], *, resample: bool = False
) -> Iterator[VideoFrame]:
    """Put movements into frames.

    Parameters
    ----------
    frames : iterable of VideoFrame
        Those that `face` was followed through.
    face : FaceTrack
    events : sequence of FacialEvent
        Times from the first frame; amplitude in px of a crop in which the face, cheek edge to cheek edge, is 224 px
        wide.
    resample : bool
        Shift every frame of the clip by the same part of a px. A warped frame loses some of its finest grain; this way
        those without a movement lose as much, and sharpness does not betray which is which. Without it, what no
        movement touches stays as it was, to the bit.

    Yields
    ------
    VideoFrame
        One for each frame given, with its stamp and index.

    Raises
    ------
    DataError
        There are more frames than the face was followed through.
    """
    fields: dict[int, Float32] = {}
    for number, frame in enumerate(frames):
        if number >= len(face.stamps_s):
            raise DataError(f"the face was followed through {len(face.stamps_s)} frames and there are more to warp")
        t_s = float(face.stamps_s[number])
        moved = _moved(fields, face, events, t_s) if face.tracked[number] else None
        if moved is None and not resample:
            yield frame
            continue
        laid = None if moved is None else to_frame(backward(moved), face.alignment(number), face.size)
        yield replace(frame, image=_warped(frame.image, laid, _SHIFT_PX if resample else (0.0, 0.0)))


def _moved(fields: dict[int, Float32], face: FaceTrack, events: Sequence[FacialEvent], t_s: float) -> Float32 | None:
    """Sum of the movements at `t_s`; `fields` keeps those of the events going on."""
    total: Float32 | None = None
    for number, event in enumerate(events):
        if t_s >= event.offset_s:
            fields.pop(number, None)
            continue
        size = course(event, t_s) * event.amplitude_px
        if not size:
            continue
        if number not in fields:
            mesh = face.mesh(t_s)
            if mesh is None:
                continue
            fields[number] = mesh.movement(event.action_units, event.side)
        moved = np.asarray(fields[number] * np.float32(size), np.float32)
        total = moved if total is None else np.asarray(total + moved, np.float32)
    return total


def _warped(image: UInt8, field: Float32 | None, shift: tuple[float, float]) -> UInt8:
    """The picture with `field` px of backward displacement, sampled `shift` px to the right and down.

    Cubic splines: OpenCV's kernels round displacements to 1/32 px, and its cubic one does not reproduce a ramp.
    """
    layers = image[..., None] if image.ndim == 2 else image
    shifted = shift != (0.0, 0.0)
    out = np.array(layers)
    box = _reach(field)
    for channel in range(layers.shape[2]):
        if shifted:
            out[..., channel] = _rounded(_shifted(_spline(layers[..., channel]), shift))
        if field is not None and box is not None:
            out[(*box[0], channel)] = _rounded(_displaced(layers[..., channel], field, box, shift))
    return out.reshape(image.shape)


def _reach(field: Float32 | None) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Box around what moves by more than a thousandth of a px, and a wider one with room for the spline."""
    if field is None:
        return None
    moves = np.max(np.abs(field), axis=2) > 1e-3
    rows, columns = np.flatnonzero(moves.any(axis=1)), np.flatnonzero(moves.any(axis=0))
    if not len(rows):
        return None
    room = int(np.ceil(np.max(np.abs(field)))) + 16
    spans = ((int(each[0]), int(each[-1]) + 1, n) for each, n in zip((rows, columns), moves.shape, strict=True))
    (y0, y1, height), (x0, x1, width) = spans
    wide = slice(max(y0 - room, 0), min(y1 + room, height)), slice(max(x0 - room, 0), min(x1 + room, width))
    return (slice(y0, y1), slice(x0, x1)), wide


def _displaced(
    layer: UInt8, field: Float32, box: tuple[tuple[slice, slice], tuple[slice, slice]], shift: tuple[float, float]
) -> Float32:
    inner, wide = box
    spline = _spline(layer[wide])
    y, x = np.mgrid[inner].astype(np.float32)
    where = np.stack(
        [
            y - field[inner][..., 1] + np.float32(shift[1] - wide[0].start),
            x - field[inner][..., 0] + np.float32(shift[0] - wide[1].start),
        ]
    )
    found = ndimage.map_coordinates(spline, where, order=_SPLINE, mode="mirror", prefilter=False)
    return np.asarray(found, np.float32)


def _spline(layer: UInt8) -> Float32:
    """Coefficients of the cubic spline through a picture."""
    return np.asarray(ndimage.spline_filter(layer, _SPLINE, mode="mirror"), np.float32)


def _shifted(spline: Float32, shift: tuple[float, float]) -> Float32:
    """Cubic B-spline coefficients evaluated `shift` px, 0 to 1, beyond each px."""
    kernels = [
        np.array([(1 - f) ** 3, 4 - 6 * f**2 + 3 * f**3, 1 + 3 * f + 3 * f**2 - 3 * f**3, f**3]) / 6 for f in shift
    ]
    # the kernel's second tap sits on the px itself
    return np.asarray(
        cv2.sepFilter2D(spline, cv2.CV_32F, kernels[0], kernels[1], anchor=(1, 1), borderType=cv2.BORDER_REFLECT_101),
        np.float32,
    )


def _rounded(values: Float32) -> UInt8:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def inject_file(
    video: Path,
    out: Path,
    events: Sequence[FacialEvent] | None = None,
    *,
    seed: int = 0,
    resample: bool = True,
    at_least_s: float = 0.0,
    calm_px: float = CALM_PX,
    codec: str = "FFV1",
) -> Path:
    """Write a copy of a video with movements in it, and their truth beside it.

    Parameters
    ----------
    video : Path
        Anything OpenCV reads, with one face.
    out : Path
        Ends in `.avi` (`.mp4` for codec 'mp4v'); replaced where it exists.
    events : sequence of FacialEvent, optional
        Drawn from `seed` where not given (`FaceTrack.draw`); empty for an untouched copy.
    seed : int
    resample : bool
        See `inject`.
    at_least_s : float
        A shorter video is played forth and back for this long.
    calm_px : float
        Where movements may be drawn (`FaceTrack.draw`).
    codec : str
        'FFV1' is lossless.

    Returns
    -------
    Path
        The truth file (`truth_path`).

    Raises
    ------
    DataError
        The video cannot be read or the copy not be written.
    """
    frames = BackAndForth(FileCapture(video), at_least_s)
    face = FaceTrack.of(frames)
    movements = (
        face.draw(seed, calm_px=calm_px) if events is None else tuple(sorted(events, key=lambda each: each.onset_s))
    )
    pictures = (frame.image for frame in inject(frames, face, movements, resample=resample))
    return write_movie(out, pictures, frames.fps, movements, codec=codec)
