"""What the baselines measure on each frame, before any rule decides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from benchmarks.spotting.aligned import PERIOD_S, AlignedFrame, Recent, Thinned, align
from realtime.face.flow import dense_flow
from realtime.packets import Float32, Float64, UInt8, VideoFrame

BLOCKS = 6
LBP_LAG_S = 0.16
MDMD_MICRO_LAG_S, MDMD_MACRO_LAG_S = 12 / 30, 39 / 30


def binary_patterns(image: UInt8) -> UInt8:
    """Local binary patterns of the eight neighbours: (height - 2, width - 2) uint8.

    References
    ----------
    Ojala et al. (2002), "Multiresolution gray-scale and rotation invariant texture classification with local binary
    patterns".
    """
    centre = image[1:-1, 1:-1]
    height, width = centre.shape
    codes = np.zeros_like(centre)
    around = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))
    for bit, (row, column) in enumerate(around):
        codes |= (image[row : row + height, column : column + width] >= centre).astype(np.uint8) << np.uint8(bit)
    return codes


def _uniform_classes() -> NDArray[np.int64]:
    """(256,) class of each pattern: 58 with at most two changes around the circle, one for all others."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    changes = (bits != np.roll(bits, 1, axis=1)).sum(axis=1)
    classes = np.full(256, 58)
    classes[changes <= 2] = np.arange(58)
    return classes


_CLASSES = _uniform_classes()
_N_CLASSES = 59


def block_histograms(image: UInt8) -> Float64:
    """(36, 59) shares of the uniform binary patterns in six by six blocks of a face."""
    classes = _CLASSES[binary_patterns(image)]
    height, width = (n // BLOCKS for n in classes.shape)
    blocks = classes[: height * BLOCKS, : width * BLOCKS].reshape(BLOCKS, height, BLOCKS, width)
    flat = blocks.transpose(0, 2, 1, 3).reshape(BLOCKS * BLOCKS, -1)
    index = flat + _N_CLASSES * np.arange(BLOCKS * BLOCKS)[:, None]
    counts = np.bincount(index.ravel(), minlength=BLOCKS * BLOCKS * _N_CLASSES)
    return counts.reshape(BLOCKS * BLOCKS, _N_CLASSES) / flat.shape[1]


def pattern_difference(head: UInt8, now: UInt8, tail: UInt8) -> float:
    """Chi-square distance of a frame's pattern histograms from the mean of the two around it.

    Mean of the twelve largest of thirty-six blocks.

    References
    ----------
    Moilanen et al. (2014), "Spotting rapid facial movements from videos using appearance-based feature difference
    analysis".
    """
    around = (block_histograms(head) + block_histograms(tail)) / 2
    own = block_histograms(now)
    total = own + around
    distance = np.divide((own - around) ** 2, total, out=np.zeros_like(total), where=total > 0).sum(axis=1)
    return float(np.sort(distance)[-12:].mean())


def directional_difference(into: Float32, across: Float32) -> float:
    """Main directional maximal difference of two flow fields.

    In each of six by six blocks the main direction is the quadrant that most vectors of `into` point to; there, the
    length of `into` less that of `across`, mean of the largest third of the pixels; of the blocks the largest third.

    Parameters
    ----------
    into, across : (height, width, 2) float32
        Flow from the frame k before to this one, and from the frame k before to the frame k after.

    References
    ----------
    Liu et al. (2016), "A main directional mean optical flow feature for spontaneous micro-expression recognition";
    Wang et al. (2017), "A main directional maximal difference analysis for spotting facial movements from long-term
    videos".
    """
    height, width = (n // BLOCKS for n in into.shape[:2])

    def blocks(field: NDArray) -> NDArray:
        cut = field[: height * BLOCKS, : width * BLOCKS].reshape(BLOCKS, height, BLOCKS, width)
        return cut.transpose(0, 2, 1, 3).reshape(BLOCKS * BLOCKS, -1)

    quadrant = blocks((into[..., 0] < 0) * 1 + (into[..., 1] < 0) * 2)
    difference = blocks(np.hypot(into[..., 0], into[..., 1]) - np.hypot(across[..., 0], across[..., 1]))
    means = []
    for own, values in zip(quadrant, difference, strict=True):
        inside = values[own == np.bincount(own, minlength=4).argmax()]
        third = max(round(len(inside) / 3), 1)
        means.append(np.partition(inside, -third)[-third:].mean())
    return float(np.sort(means)[-(BLOCKS * BLOCKS) // 3 :].mean())


@dataclass(frozen=True, slots=True)
class Series:
    """One value a frame; NaN where there is none."""

    stamps: Float64
    values: Float64


@dataclass(frozen=True, slots=True)
class RegionWindow:
    """Distance that each small region has gone since the window's first frame, head motion removed, px of the crop.

    Parameters
    ----------
    stamps : (n,) float64
    distance_px : (n, n_regions) float32
    """

    stamps: Float64
    distance_px: Float32


@dataclass(frozen=True, slots=True)
class Features:
    """Everything the baselines measured on one clip."""

    patterns: Series
    directional_micro: Series
    directional_macro: Series
    windows: tuple[RegionWindow, ...]


# mesh points for the papers' dlib points: brow heads, middles and tails, nose wings, lip corners and lips' middles
_BROWS = ((66, 105, 63), (296, 334, 293))
_WINGS = (129, 358)
_MOUTH = (61, 291, 37, 267, 17)
_NOSE_TIP = (4, 5)
_SCALE = 49.4 / 64.0
"""Px of our crop per px of the paper's: distance of the inner eye corners in each."""

_WINDOW, _STEP = 200, 150
_SHARE = {"brow": 0.25, "mouth": 0.3, "lip": 0.2, "wing": 0.2, "nose": 0.7}


def top_share_mean(flow: Float32, share: float) -> NDArray[np.float64]:
    """(2,) mean of the longest `share` of a field's vectors."""
    vectors = flow.reshape(-1, 2)
    count = max(round(len(vectors) * share), 1)
    longest = np.argpartition(np.hypot(vectors[:, 0], vectors[:, 1]), -count)[-count:]
    return vectors[longest].mean(axis=0, dtype=np.float64)


def _patch(points: Float32, margin: float) -> tuple[slice, slice]:
    low = np.clip(np.floor(points.min(axis=0) - margin), 0, 250).astype(int)
    high = np.clip(np.ceil(points.max(axis=0) + margin) + 1, low + 3, 256).astype(int)
    return slice(low[1], high[1]), slice(low[0], high[0])


def region_patches(points: Float32) -> tuple[tuple[slice, slice], list[tuple[tuple[slice, slice], float]]]:
    """The nose tip, and sixteen small patches with the share of vectors that counts in each.

    Parameters
    ----------
    points : (468, 2) float32
        Landmarks in px of the crop.
    """
    half = 10 * _SCALE
    patches: list[tuple[tuple[slice, slice], float]] = []
    for brow in _BROWS:
        patches.append((_patch(points[list(brow)], half), _SHARE["brow"]))
        patches += [(_patch(points[[index]], half), _SHARE["brow"]) for index in brow]
    patches.append((_patch(points[list(_MOUTH)], half), _SHARE["mouth"]))
    patches += [(_patch(points[[index]], half), _SHARE["lip"]) for index in _MOUTH]
    patches += [(_patch(points[[index]], 1.5 * half), _SHARE["wing"]) for index in _WINGS]
    return _patch(points[list(_NOSE_TIP)], 8 * _SCALE), patches


def region_distances(flow: Float32, points: Float32) -> Float32:
    """(16,) how far each patch has gone relative to the nose tip, px.

    References
    ----------
    He (2021), "Research on micro-expression spotting method based on optical flow features"; Zhao et al. (2022),
    "Rethinking optical flow methods for micro-expression spotting".
    """
    nose, patches = region_patches(points)
    head = top_share_mean(flow[nose], _SHARE["nose"])
    moved = [top_share_mean(flow[patch], share) - head for patch, share in patches]
    return np.hypot(*np.array(moved).T).astype(np.float32)


@dataclass(slots=True)
class _OpenWindow:
    box: tuple[slice, slice]
    crop: UInt8
    points: Float32
    stamps: list[float] = field(default_factory=list)
    rows: list[Float32] = field(default_factory=list)

    def closed(self) -> RegionWindow:
        return RegionWindow(np.array(self.stamps), np.array(self.rows, np.float32))


class FeatureRun:
    """Takes the frames of one clip in order and measures all features."""

    def __init__(self) -> None:
        self._thinned = Thinned()
        self._recent = Recent(2 * MDMD_MACRO_LAG_S + 0.1)
        self._series: dict[str, tuple[list[float], list[float]]] = {
            name: ([], []) for name in ("patterns", "directional_micro", "directional_macro")
        }
        self._frames = 0
        self._open: list[_OpenWindow] = []
        self._closed: list[RegionWindow] = []

    def push(self, frame: VideoFrame, landmarks: Float32 | None) -> None:
        """Take one frame and its landmarks; None where there is no face."""
        aligned = None if landmarks is None else align(frame, landmarks)
        if aligned is None:
            self._recent.clear()
            self._close_windows()
            return
        if not self._thinned.take(frame.stamp):
            return
        self._recent.add(aligned)
        self._patterns(aligned)
        self._directional(aligned, "directional_micro", MDMD_MICRO_LAG_S)
        # what lasts a second and more is seen as well fifteen times a second
        self._frames += 1
        if self._frames % 2:
            self._directional(aligned, "directional_macro", MDMD_MACRO_LAG_S)
        self._windows(aligned)

    @property
    def features(self) -> Features:
        self._close_windows()
        series = {name: Series(np.array(s), np.array(v)) for name, (s, v) in self._series.items()}
        return Features(**series, windows=tuple(self._closed))

    def _note(self, name: str, stamp: float, value: float) -> None:
        stamps, values = self._series[name]
        stamps.append(stamp)
        values.append(value)

    def _patterns(self, tail: AlignedFrame) -> None:
        now, head = self._recent.at(tail.stamp - LBP_LAG_S), self._recent.at(tail.stamp - 2 * LBP_LAG_S)
        if now is None or head is None:
            return
        box = now.box(now.alignment)
        value = pattern_difference(*(f.crop(now.alignment)[box] for f in (head, now, tail)))
        self._note("patterns", now.stamp, value)

    def _directional(self, tail: AlignedFrame, name: str, lag_s: float) -> None:
        now, head = self._recent.at(tail.stamp - lag_s), self._recent.at(tail.stamp - 2 * lag_s)
        if now is None or head is None:
            return
        box = now.box(head.alignment)
        first, second, third = (np.ascontiguousarray(f.crop(head.alignment)[box]) for f in (head, now, tail))
        value = directional_difference(dense_flow(first, second), dense_flow(first, third))
        self._note(name, now.stamp, value)

    def _windows(self, frame: AlignedFrame) -> None:
        crop = frame.own_crop
        for window in self._open:
            # landmarks place the face anew in every frame; what they get wrong as a shift the nose takes out again
            window.rows.append(region_distances(_flow_in(window.box, window.crop, crop), window.points))
            window.stamps.append(frame.stamp)
        if self._open and len(self._open[0].stamps) >= _WINDOW:
            self._closed.append(self._open.pop(0).closed())
        if not self._open or (len(self._open) == 1 and len(self._open[0].stamps) >= _STEP):
            points = frame.alignment.apply(frame.landmarks)
            row = np.zeros(len(region_patches(points)[1]), np.float32)
            self._open.append(_OpenWindow(frame.box(frame.alignment), crop, points, [frame.stamp], [row]))

    def _close_windows(self) -> None:
        self._closed += [w.closed() for w in self._open if len(w.stamps) > round(1.0 / PERIOD_S)]
        self._open.clear()


def _flow_in(box: tuple[slice, slice], a: UInt8, b: UInt8) -> Float32:
    """(256, 256, 2) flow inside a box, 0 outside it."""
    flow = np.zeros((*a.shape, 2), np.float32)
    flow[box] = dense_flow(np.ascontiguousarray(a[box]), np.ascontiguousarray(b[box]))
    return flow
