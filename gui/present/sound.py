"""Sound of films through Qt's audio output, where the machine has one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PyQt5.QtCore import Qt, QTimer

from gui.present.media import open_film, require_rate, sound_begins_s
from realtime.errors import DataError

if TYPE_CHECKING:
    from PyQt5.QtMultimedia import QAudioDeviceInfo, QAudioFormat

_RATE_HZ = 48_000
_BYTES_A_FRAME = 4
_AHEAD_BYTES = 2 * _RATE_HZ * _BYTES_A_FRAME
_BUFFER_BYTES = _RATE_HZ * _BYTES_A_FRAME // 8
_NO_ERROR, _UNDERRUN = 0, 3
_PUMP_MS = 20


class Sound(Protocol):
    """Plays the sound of one film at a time."""

    @property
    def told(self) -> str:
        """What there is of sound, for the operator and the summary."""
        ...

    def load(self, path: Path) -> None:
        """Begin to decode."""
        ...

    def play(self) -> None:
        """Start, or go on after `pause`."""
        ...

    def pause(self) -> None:
        """Hold."""
        ...

    def stop(self) -> None:
        """Forget the film."""
        ...

    def close(self) -> None:
        """Give the output back."""
        ...

    def position_s(self) -> float | None:
        """What has been heard so far; None before the start, after the end, and where there is no sound."""
        ...


class Silence:
    """No sound; `told` says why."""

    def __init__(self, why: str) -> None:
        self.told = f"no sound: {why}"

    def load(self, path: Path) -> None:
        """Nothing."""

    def play(self) -> None:
        """Nothing."""

    def pause(self) -> None:
        """Nothing."""

    def stop(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def position_s(self) -> float | None:
        """None."""
        return None


def open_sound() -> Sound:
    """The default audio output, or silence that says why. GUI thread."""
    try:
        from PyQt5.QtMultimedia import QAudio, QAudioDeviceInfo, QAudioFormat
    except ImportError as err:
        return Silence(f"Qt's multimedia library lacks {str(err).partition(':')[0]}")
    device = QAudioDeviceInfo.defaultOutputDevice()
    if device.isNull() or not QAudioDeviceInfo.availableDevices(QAudio.Mode.AudioOutput):
        return Silence("this machine has no audio output")
    wanted = QAudioFormat()
    wanted.setSampleRate(_RATE_HZ)
    wanted.setChannelCount(2)
    wanted.setSampleSize(16)
    wanted.setCodec("audio/pcm")
    wanted.setByteOrder(QAudioFormat.Endian.LittleEndian)
    wanted.setSampleType(QAudioFormat.SampleType.SignedInt)
    if not device.isFormatSupported(wanted):
        return Silence(f"'{device.deviceName()}' does not play 48 kHz stereo")
    return QtSound(device, wanted)


class QtSound:
    """Sound through QAudioOutput, fed by a timer of the GUI thread from what a thread decodes ahead.

    The output runs all the time, on silence between films: one that has to be woken up may take a second for it.
    """

    def __init__(self, device: QAudioDeviceInfo, wanted: QAudioFormat) -> None:
        from PyQt5.QtMultimedia import QAudioOutput

        self._name = device.deviceName()
        self._output = QAudioOutput(device, wanted)
        self._output.setBufferSize(_BUFFER_BYTES)
        self._sink: Any = self._output.start()
        self._reader: SoundReader | None = None
        self._playing = False
        self._ledger = Ledger()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_PUMP_MS)
        self._timer.timeout.connect(self._pump)
        self._timer.start()

    @property
    def told(self) -> str:
        """Which output, and whether it failed."""
        return f"sound through '{self._name}'" + (", which failed" if self._failed else "")

    def load(self, path: Path) -> None:
        """Begin to decode."""
        self.stop()
        self._reader = SoundReader(path)
        self._reader.start()

    def play(self) -> None:
        """Start, or go on after `pause`."""
        self._playing = True
        self._pump()

    def pause(self) -> None:
        """Hold; what is in the buffer is heard out, a tenth of a second."""
        self._playing = False

    def stop(self) -> None:
        """Forget the film."""
        self._playing = False
        if self._reader is not None:
            self._reader.stop()
        self._reader = None
        self._ledger.forget()

    def close(self) -> None:
        """Give the output back."""
        self.stop()
        self._timer.stop()
        self._output.stop()

    def position_s(self) -> float | None:
        """What has left the buffer; the delay of the device behind it is unknown to Qt."""
        if not self._playing or self._reader is None or self._failed:
            return None
        heard = self._ledger.heard(self._output.bufferSize() - self._output.bytesFree())
        over = self._reader.ended and heard == self._ledger.film_bytes
        return None if over else heard / (_RATE_HZ * _BYTES_A_FRAME)

    @property
    def _failed(self) -> bool:
        return self._sink is None or self._output.error() not in (_NO_ERROR, _UNDERRUN)

    def _pump(self) -> None:
        free = self._output.bytesFree() // _BYTES_A_FRAME * _BYTES_A_FRAME
        if self._failed or not free:
            return
        film = self._reader.take(free) if self._playing and self._reader is not None else b""
        self._ledger.write(self._sink.write(film + bytes(free - len(film))), len(film))


class Ledger:
    """Which of the bytes that were written belong to the film, and how many of those have been heard."""

    def __init__(self) -> None:
        self.film_bytes = 0
        """Of the film, written so far."""
        self._written = 0
        self._pieces: deque[tuple[int, int, int]] = deque()
        self._heard = 0

    def write(self, count: int, film: int) -> None:
        """`count` bytes were written, the first `film` of them the film's."""
        film = min(film, max(0, count))
        if film:
            self._pieces.append((self._written, film, self.film_bytes))
            self.film_bytes += film
        self._written += max(0, count)

    def heard(self, waiting: int) -> int:
        """Bytes of the film that were heard, with `waiting` bytes in the buffer."""
        out = self._written - max(0, waiting)
        while self._pieces and self._pieces[0][0] < out:
            begins, count, before = self._pieces[0]
            self._heard = before + min(count, out - begins)
            if out < begins + count:
                break
            self._pieces.popleft()
        return self._heard

    def forget(self) -> None:
        """Another film."""
        self._pieces.clear()
        self.film_bytes = self._heard = 0


class SoundReader:
    """Decodes to 48 kHz stereo in a thread of its own, two seconds ahead at most.

    The sound's zero is the picture's: what lies before the first picture is left out, and silence fills a late begin,
    up to `gui.present.media.LATEST_SOUND_S`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = bytearray()
        self._changed = threading.Condition()
        self._stopping = False
        self._done = False
        self._thread = threading.Thread(target=self._run, name="emostream-sound", daemon=True)

    @property
    def ended(self) -> bool:
        """Whether everything was taken."""
        return self._done and not self._held

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; safe to call twice."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    def take(self, count: int) -> bytes:
        """Up to `count` bytes, whole samples."""
        with self._changed:
            piece = bytes(self._held[:count])
            del self._held[: len(piece)]
            self._changed.notify_all()
        return piece

    def _run(self) -> None:
        from av.error import FFmpegError

        try:
            for piece in self._decode():
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping or len(self._held) < _AHEAD_BYTES)
                    if self._stopping:
                        return
                    self._held += piece
        except (FFmpegError, DataError, ValueError, MemoryError):
            # the picture goes on without: a broken file is told of by its reader, and before the window opened
            return
        finally:
            self._done = True

    def _decode(self) -> Iterator[bytes]:
        import av

        with open_film(self._path) as container:
            begins_s = sound_begins_s(container)
            surplus = max(0, round(-begins_s * _RATE_HZ)) * _BYTES_A_FRAME
            yield bytes(max(0, round(begins_s * _RATE_HZ)) * _BYTES_A_FRAME)
            resampler = av.AudioResampler(format="s16", layout="stereo", rate=_RATE_HZ)
            for frame in container.decode(container.streams.audio[0]):
                require_rate(frame.sample_rate)
                for made in resampler.resample(frame):
                    piece = np.asarray(made.to_ndarray()).tobytes()
                    yield piece[surplus:]
                    surplus = max(0, surplus - len(piece))
