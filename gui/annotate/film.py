"""Any frame of a film by its number: exact in lossless and in compressed films, with a bounded memory of frames."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from realtime.errors import DataError
from realtime.packets import Float64, UInt8, readonly

if TYPE_CHECKING:
    from collections.abc import Iterator

CACHE_BYTES = 256 * 2**20
_MOST_FRAMES = 2_000_000
_PROBED = 12
_MOST_BACK = 8  # key frames to go back where a seek lands behind the frame wanted


class FilmFrames:
    """Frames by number, 0 the first one shown; any thread may ask.

    All packets are listed once, without decoding them, so that a number is a frame whatever the film's rate, its order
    of coding or its holes. A frame is decoded from the key frame before it, and what is decoded on the way is kept.

    Parameters
    ----------
    path : Path
    cache_bytes : int
        Of decoded frames to keep; the frame used longest ago goes first.

    Raises
    ------
    DataError
        Not there, no film, or one whose frames have no times.
    """

    def __init__(self, path: Path, cache_bytes: int = CACHE_BYTES) -> None:
        import av
        from av.error import FFmpegError

        if not path.is_file():
            raise DataError(f"no film '{path}'")
        self.path = path
        self._errors = (FFmpegError, OSError, ValueError)
        try:
            self._container = av.open(str(path), metadata_errors="replace")
        except self._errors as err:
            raise DataError(f"cannot read the film '{path}': {err}") from err
        try:
            self._stream = self._container.streams.video[0]
            pts, keys, unit_s = _list_packets(self._container, self._stream)
        except IndexError as err:
            self._container.close()
            raise DataError(f"cannot read the film '{path}': it holds no pictures") from err
        except self._errors as err:
            self._container.close()
            raise DataError(f"cannot read the film '{path}': {err}") from err
        except DataError as err:
            self._container.close()
            raise DataError(f"'{path}': {err}") from err
        self._pts, self._keys = pts, keys
        self.times_s: Float64 = readonly((pts - pts[0]) * unit_s)
        rate = self._stream.average_rate
        self.fps = float(rate) if rate else float(1.0 / np.median(np.diff(self.times_s))) if len(pts) > 1 else 30.0
        context = self._stream.codec_context
        if context is None:
            self._container.close()
            raise DataError(f"cannot read the film '{path}': its pictures are coded in no way that FFmpeg knows")
        self.width, self.height, self.codec = context.width, context.height, context.name
        self._grey = str(context.pix_fmt).startswith("gray")
        size = self.width * self.height * (1 if self._grey else 3)
        self.capacity = max(4, cache_bytes // max(1, size))
        self._cache: OrderedDict[int, UInt8] = OrderedDict()
        self._cache_lock = threading.Lock()
        self._lock = threading.Lock()
        self._rest: Iterator[Any] | None = None
        self._next = -1
        self.decoded = 0
        try:
            self._check_order()
        except self._errors as err:
            self._container.close()
            raise DataError(f"cannot read the film '{path}': {err}") from err

    def _check_order(self) -> None:
        """Refuse films whose frames come with times that are not theirs: AVI has none for reordered frames."""
        self._container.seek(int(self._pts[0]), stream=self._stream, backward=True)
        try:
            first = [frame.pts for frame, _ in zip(self._container.decode(self._stream), range(_PROBED), strict=False)]
        except self._errors as err:
            self.close()
            raise DataError(f"cannot read the film '{self.path}': {err}") from err
        if first != self._pts[: len(first)].tolist() or not first:
            self.close()
            raise DataError(
                f"the frames of '{self.path}' are stored out of order without times of their own; convert it: "
                f"'ffmpeg -i FILM -c:v ffv1 FILM.mkv'"
            )

    def __len__(self) -> int:
        return len(self._pts)

    def close(self) -> None:
        """Let the file go; frames in memory stay."""
        with self._lock:
            self._rest = None
            self._container.close()

    def cached(self, index: int) -> UInt8 | None:
        """The frame where it is in memory, at once."""
        with self._cache_lock:
            if (image := self._cache.get(index)) is not None:
                self._cache.move_to_end(index)
            return image

    def frame(self, index: int) -> UInt8:
        """(height, width) grey or (height, width, 3) RGB uint8, read-only; decodes where need be.

        Raises
        ------
        DataError
            No such frame, or the film is damaged there.
        """
        if not 0 <= index < len(self):
            raise DataError(f"no frame {index} in '{self.path.name}': it has {len(self)}")
        with self._lock:
            if (image := self.cached(index)) is not None:
                return image
            try:
                return self._decode(index)
            except self._errors as err:
                self._rest = None
                raise DataError(f"frame {index} of '{self.path.name}' cannot be decoded: {err}") from err

    def _decode(self, index: int) -> UInt8:
        back = int(np.searchsorted(self._keys, index, side="right")) - 1
        for place in range(back, back - _MOST_BACK, -1):
            start = int(self._keys[max(place, 0)])
            if self._rest is None or not start <= self._next <= index:
                self._container.seek(int(self._pts[start]), stream=self._stream, backward=True)
                self._rest = self._container.decode(self._stream)
            if (image := self._forward_to(index)) is not None:
                return image
            self._rest = None
            if place <= 0:
                break
        raise DataError(f"frame {index} of '{self.path.name}' cannot be decoded: the film is damaged there")

    def _forward_to(self, index: int) -> UInt8 | None:
        """Decode up to a frame and keep what comes; None where it does not come."""
        assert self._rest is not None
        for frame in self._rest:
            self.decoded += 1
            at = int(np.searchsorted(self._pts, frame.pts if frame.pts is not None else -1))
            if at >= len(self) or self._pts[at] != frame.pts:
                continue
            self._next = at + 1
            picture = frame.to_ndarray(format="gray" if self._grey else "rgb24")
            # a telephone held upright: OpenCV, which the spotter reads with, turns its pictures too
            image = readonly(np.ascontiguousarray(np.rot90(picture, round(frame.rotation / 90) % 4)))
            self._keep(at, image)
            if at == index:
                return image
            if at > index:
                return None
        return None

    def _keep(self, index: int, image: UInt8) -> None:
        with self._cache_lock:
            self._cache[index] = image
            self._cache.move_to_end(index)
            while len(self._cache) > self.capacity:
                self._cache.popitem(last=False)


def nearest(times_s: Float64, time_s: float) -> int:
    """Place in increasing times of the one nearest to a moment."""
    right = int(np.searchsorted(times_s, time_s))
    if right == 0:
        return 0
    if right == len(times_s) or time_s - times_s[right - 1] <= times_s[right] - time_s:
        return right - 1
    return right


def _list_packets(container: Any, stream: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Times of all frames in order, the numbers of the key frames, and the length of a tick, s."""
    packets = []
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            packets.append((packet.pts, packet.is_keyframe))
            if len(packets) > _MOST_FRAMES:
                raise DataError(f"more than {_MOST_FRAMES} frames: cut the film into parts")
    if not packets:
        raise DataError("a film without frames; wanted one at least")
    if any(pts is None for pts, _ in packets):
        raise DataError("its frames have no times; convert it, with 'ffmpeg -i FILM -c:v ffv1 FILM.mkv' for example")
    packets.sort()
    pts = np.array([pts for pts, _ in packets], np.int64)
    if (np.diff(pts) <= 0).any():
        raise DataError("two of its frames have one time; convert it, with 'ffmpeg -i FILM -c:v ffv1 FILM.mkv'")
    keys = np.flatnonzero([key for _, key in packets])
    if not len(keys) or keys[0]:
        keys = np.concatenate([[0], keys])
    return pts, keys, float(stream.time_base)
