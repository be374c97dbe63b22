"""A film that is written while it is shown: lossless FFV1 or H.264 in Matroska, in a thread of its own.

The frame of number k lies at (k - first index) / fps in the film's own time, to the millisecond. So frames that the
camera lost, or that this writer had to drop, are holes in it and shift nothing; when each frame was really grabbed is
in the index stream that the recording carries. What was written before the program was killed can be opened.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Self, cast

import numpy as np

from realtime.errors import DataError
from realtime.films.names import ENCRYPTED
from realtime.packets import UInt8, VideoFrame
from realtime.session.folder import open_new

if TYPE_CHECKING:
    import av.container
    import av.video.stream

Codec = Literal["ffv1", "h264"]

CODECS: tuple[Codec, ...] = ("ffv1", "h264")
SUFFIX = ".mkv"

_QUEUE_BYTES = 128 * 2**20
_TICKS = 1000  # Matroska counts milliseconds
_CLUSTER_MS = 500  # what a killed program loses at most
_BUSY_BYTES_S = 20e6  # pixels a second from which on one core may be too few
_NAMES: Mapping[Codec, str] = {"ffv1": "ffv1", "h264": "libx264"}


class FilmWriter:
    """Writes one film; `push` hands a frame over and never waits.

    The file is made at once, 0600, and never replaces one. Encoding and writing are done by a thread named
    'emostream-film'. Where it cannot keep up, frames are dropped and counted.

    Parameters
    ----------
    path : Path
        A name that ends in .mkv, or .mkv.age where `open_file` encrypts.
    width, height : int
        Of the pictures, px.
    planes : 1 or 3
        Grey or RGB.
    fps : float
        Nominal rate: the film's time is the frames' index divided by it.
    codec : 'ffv1' or 'h264'
        FFV1 gives every bit back (grey stays grey, RGB stays RGB); H.264 loses some and takes a tenth of the room.
    queue_bytes : int
        Pictures that may wait; what comes on top is dropped.
    on_first : callable, optional
        Takes the first frame before it is written, in the writer's thread.
    on_end : callable, optional
        Called in the writer's thread when the file is closed, with why it failed, or None.
    open_file : callable
        Makes the file.
    clock : callable
        Seconds; tells how far behind the writer is.

    Raises
    ------
    DataError
        The file exists or cannot be made, or no film can be made of such pictures.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        planes: int,
        fps: float,
        codec: Codec = "ffv1",
        *,
        queue_bytes: int = _QUEUE_BYTES,
        on_first: Callable[[VideoFrame], None] | None = None,
        on_end: Callable[[str | None], None] | None = None,
        open_file: Callable[[Path], BinaryIO] = open_new,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _require_possible(path, width, height, planes, fps, codec)
        import av  # noqa: F401  here, not with the first frame: it takes a good part of a second

        self.path = path
        self.codec: Codec = codec
        self._shape = (height, width) if planes == 1 else (height, width, 3)
        self._fps = Fraction(fps).limit_denominator(10_000)
        self._queue_bytes, self._clock = queue_bytes, clock
        self._on_first, self._on_end = on_first, on_end
        try:
            self._file = open_file(path)
        except FileExistsError as err:
            raise DataError(f"film '{path}' exists already and nothing is overwritten: choose another name") from err
        except OSError as err:
            raise DataError(f"cannot make the film '{path}': {err.strerror or err}; choose another folder") from err
        self.first_index: int | None = None
        """Index of the film's first frame; None before it."""
        self.frames = 0
        """Frames in the film."""
        self.dropped = 0
        """Frames that were left out because the writer was behind."""
        self.failure: str | None = None
        """Why the film ended before its time; None where it did not."""
        self._queue: deque[tuple[float, VideoFrame]] = deque()
        self._waiting_bytes = 0
        self._busy_since: float | None = None
        self._last_index = -1
        self._closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="emostream-film", daemon=True)
        self._thread.start()

    @property
    def behind_s(self) -> float:
        """How long the oldest frame that is not written yet has waited; 0 where all are. Any thread."""
        with self._wake:
            oldest = self._busy_since if self._busy_since is not None else self._queue[0][0] if self._queue else None
        return 0.0 if oldest is None else max(0.0, self._clock() - oldest)

    def push(self, frame: VideoFrame) -> bool:
        """Hand a frame over; False where it is dropped, or the film has ended. One thread; never waits for the disk.

        Raises
        ------
        DataError
            The picture is not of the film's size.
        """
        if frame.image.shape != self._shape:
            raise DataError(f"frame {frame.index} is {frame.image.shape}, the film '{self.path.name}' is {self._shape}")
        with self._wake:
            if self._closing or self.failure is not None:
                return False
            if frame.index <= self._last_index or self._waiting_bytes + frame.image.nbytes > self._queue_bytes:
                self.dropped += 1
                return False
            if self.first_index is None:
                self.first_index = frame.index
            self._last_index = frame.index
            # a copy: whoever made the picture may use its memory again
            self._queue.append((self._clock(), VideoFrame(frame.image.copy(), frame.stamp, frame.index)))
            self._waiting_bytes += frame.image.nbytes
            self._wake.notify()
        return True

    @property
    def running(self) -> bool:
        """False when the file is closed and all is said about it."""
        return self._thread.is_alive()

    def finish(self) -> None:
        """Take no more frames; the thread writes what waits and ends. Does not wait for it."""
        with self._wake:
            self._closing = True
            self._wake.notify()

    def wait(self) -> None:
        """Finish, and wait for the thread's end, however it ends."""
        self.finish()
        self._thread.join()

    def close(self) -> None:
        """Take no more frames, write what waits and close the file. A second call does nothing.

        Raises
        ------
        DataError
            The film could not be written to its end; what was written can be opened.
        """
        self.wait()
        if self.failure is not None:
            raise DataError(f"the film '{self.path}' ended before its time: {self.failure}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        try:
            encoder: _Encoder | None = None
            try:
                while (frame := self._next()) is not None:
                    if encoder is None:
                        if self._on_first is not None:
                            self._on_first(frame)
                        encoder = _Encoder(self._file, self._shape, self._fps, self.codec, frame)
                    encoder.write(frame)
                    self.frames += 1
                if encoder is not None:
                    encoder.close()
            finally:
                self._busy_since = None
                self._file.close()
        except Exception as err:  # noqa: BLE001  told to whoever asked for the film
            self._fail(err)
        if self.first_index is None:
            self.path.unlink(missing_ok=True)  # ours, and empty
        if self._on_end is not None:
            self._on_end(self.failure)

    def _fail(self, err: Exception) -> None:
        reason = err.strerror if isinstance(err, OSError) and err.strerror else str(err) or type(err).__name__
        with self._wake:
            self.failure = " ".join(reason.split())
            self.dropped += len(self._queue)
            self._queue.clear()
            self._waiting_bytes = 0

    def _next(self) -> VideoFrame | None:
        with self._wake:
            self._busy_since = None
            while not self._queue:
                if self._closing:
                    return None
                self._wake.wait()
            self._busy_since, frame = self._queue.popleft()
            self._waiting_bytes -= frame.image.nbytes
            return frame


class _Encoder:
    """Frames -> packets -> file. One thread."""

    def __init__(self, file: BinaryIO, shape: tuple[int, ...], fps: Fraction, codec: Codec, first: VideoFrame) -> None:
        import av

        self._fps, self._first, self._lossless = fps, first.index, codec == "ffv1"
        self._sink = _Sink(file)
        options = {"cluster_time_limit": str(_CLUSTER_MS), "flush_packets": "1"}
        self._container = cast(
            "av.container.OutputContainer", av.open(self._sink, "w", format="matroska", options=options)
        )
        self._container.metadata["first_frame_index"] = str(first.index)
        self._container.metadata["first_frame_lsl_s"] = f"{first.stamp:.6f}"
        self._grey = len(shape) == 2
        # the rate must be known to FFmpeg before the stream is; frames come at their own times all the same
        self._stream = cast(
            "av.video.stream.VideoStream",
            self._container.add_stream(_NAMES[codec], rate=fps, options=_options(codec, fps)),
        )
        self._stream.height, self._stream.width = shape[:2]
        self._stream.pix_fmt = ("gray" if self._grey else "bgr0") if self._lossless else "yuv420p"
        context = self._stream.codec_context
        context.time_base = Fraction(1, _TICKS)
        context.thread_type = "SLICE"
        context.thread_count = 2 if float(fps) * first.image.nbytes > _BUSY_BYTES_S else 1

    def write(self, frame: VideoFrame) -> None:
        picture = self._picture(frame.image)
        picture.pts = round((frame.index - self._first) * _TICKS / self._fps)
        picture.time_base = Fraction(1, _TICKS)
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
        self._sink.check()

    def close(self) -> None:
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        self._sink.check()
        self._sink.keep()

    def _picture(self, image: UInt8) -> Any:
        from av import VideoFrame as Picture

        picture = Picture.from_ndarray(np.ascontiguousarray(image), format="gray" if self._grey else "rgb24")
        wanted = self._stream.pix_fmt
        return picture if picture.format.name == wanted else picture.reformat(format=wanted)


class _Sink:
    """The file as PyAV wants it; keeps what went wrong, for FFmpeg forgets why."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as err:
            self._error = self._error or err
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        """An encrypted file is not: FFmpeg then writes no index, and every part stands by itself."""
        return self._file.seekable()

    def check(self) -> None:
        """Raise what a write could not do."""
        if self._error is not None:
            raise self._error

    def keep(self) -> None:
        """Let the film survive a power cut too."""
        import os

        with suppress(OSError, ValueError, AttributeError):
            os.fsync(self._file.fileno())


def _options(codec: Codec, fps: Fraction) -> dict[str, str]:
    if codec == "ffv1":
        # version 3 in slices with a checksum each: a flipped bit costs a part of one frame, and is seen
        return {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"}
    # no frame waits for a later one, and a key frame a second: what was written can be opened
    return {"preset": "superfast", "crf": "17", "tune": "zerolatency", "bf": "0", "g": str(max(1, round(fps)))}


def _require_possible(path: Path, width: int, height: int, planes: int, fps: float, codec: str) -> None:
    if not path.name.lower().endswith((SUFFIX, SUFFIX + ENCRYPTED)):
        raise DataError(f"cannot write the film '{path.name}': wanted a name that ends in {SUFFIX}")
    if codec not in CODECS:
        raise DataError(f"no codec '{codec}' for films: wanted {' or '.join(CODECS)}")
    if min(width, height) < 1 or planes not in (1, 3) or not 0 < fps <= _TICKS:
        raise DataError(
            f"no film of {width}x{height}x{planes} at {fps:g} frames a second: a positive size, 1 or 3 planes and "
            f"a rate up to {_TICKS} are wanted"
        )
    if codec == "h264" and (width % 2 or height % 2):
        raise DataError(f"H.264 takes even sizes, not {width}x{height}: use ffv1, or another size of the camera")
