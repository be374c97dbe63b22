"""The two inputs of an analysis: EEG as chunks and video as frames, from a session or from loose files."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.files import iter_chunks
from realtime.eeg.montage import is_brain, is_eog
from realtime.eeg.recording import Recording, implausible, release
from realtime.eeg.xdf import channels_of, set_at, text_of
from realtime.eeg.xdf_clock import sentences
from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.face.films import film_facts
from realtime.films.film_reader import FilmReader
from realtime.lsl.chunks import ChunkCutter
from realtime.lsl.clock import GapAwareClock
from realtime.packets import EegChunk, EegInfo, Float64, StreamHealth, VideoFrame, VideoInfo
from realtime.session.recorded import Film

CHUNK_S = 0.05
"""Length of the chunks a live reader brings."""

_HEAD = 60 * 1024
_LATEST_S = 1e12  # LSL's clock counts seconds from a start of the machine, or of 1970
_RATE_TOLERANCE = 0.01
_RELEASE_BYTES = 64 * 2**20
_SAME_TIME_S, _SAME_SETTING_S = 1.0, 0.5


class EegTrack(Protocol):
    """EEG of a recording, read once from its first sample to its last."""

    info: EegInfo
    first_s: float
    """Stamp of the first sample."""
    last_s: float
    resets_s: list[float]
    """Stamps at which the sender's clock was reset, as far as they were met."""

    @property
    def warnings(self) -> Sequence[str]:
        """What is wrong with the times; complete once the chunks have been read."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What was remarked."""
        ...

    def chunks(self, chunk_s: float = CHUNK_S) -> Iterator[EegChunk]: ...

    def anew(self) -> EegTrack:
        """The same from its very first sample, to be read once more."""
        ...

    def health(self) -> StreamHealth:
        """Counts; complete once the chunks have been read."""
        ...


class VideoTrack(Protocol):
    """Video of a recording, read once."""

    info: VideoInfo
    first_s: float
    last_s: float

    def frames(self) -> Iterator[VideoFrame]: ...

    def health(self) -> StreamHealth: ...


class MendedEeg:
    """A recording whose times were mended and smoothed as a whole, in seconds from its first sample.

    Parameters
    ----------
    recording : Recording
    """

    def __init__(self, recording: Recording) -> None:
        self.info = recording.info
        self.first_s = float(recording.stamps_s[0])
        self.last_s = float(recording.stamps_s[-1])
        self.resets_s = list(recording.resets_s)
        self.warnings = list(recording.warnings)
        self.notes = list(recording.notes)
        self._recording = recording

    def chunks(self, chunk_s: float = CHUNK_S) -> Iterator[EegChunk]:
        """Chunks as a live stream would have brought them, or longer ones."""
        memory = _Pages(self._recording.samples_uv)
        for chunk in iter_chunks(self._recording, chunk_s):
            yield chunk
            memory.read(chunk.samples.nbytes)

    def anew(self) -> EegTrack:
        """The same, for it keeps nothing of having been read."""
        return self

    def health(self) -> StreamHealth:
        """Counts of the recording."""
        recording = self._recording
        received = recording.samples_uv.shape[1]
        rate_hz = self.info.sfreq_hz
        return StreamHealth(self.info.name, "live", received, recording.lost, len(recording.gaps), 0.0, rate_hz)


class XdfEeg:
    """The EEG stream of an XDF file, its stamps smoothed by the engine's own clock, which no hole bends.

    Parameters
    ----------
    stream : dict
        As `load_streams` gives it, with stamps that are not smoothed.
    path : Path
        For messages.
    delays_s : mapping
        What the stamps of a source id are late, s.
    as_live : bool
        Which channels: those the live engine takes by their type, else those that are the brain's by their name, too.

    Raises
    ------
    DataError
        No channel of type EEG, a unit that is no voltage, or stamps that are none.
    """

    def __init__(self, stream: dict[str, Any], path: Path, delays_s: Mapping[str, float], *, as_live: bool) -> None:
        labels, types, factors = channels_of(stream, path)
        picks = [i for i, kind in enumerate(types) if kind in ("", "EEG")]
        if not as_live:
            picks = [i for i in picks if is_brain(labels[i]) and not is_eog(labels[i])]
        name, source_id = text_of(stream, "name"), text_of(stream, "source_id")
        if not picks:
            raise DataError(f"the EEG stream '{name}' of '{path}' has no channel of type EEG; found {', '.join(types)}")
        stamps = np.asarray(stream["time_stamps"], np.float64)
        if not (np.isfinite(stamps).all() and np.abs(stamps).max() < _LATEST_S):
            raise DataError(f"stamps of the EEG stream '{name}' of '{path}' are no times: the file is damaged")
        self._interval_s = float(np.median(np.diff(stamps)))
        self._nominal_hz = float(text_of(stream, "nominal_srate") or 0.0)
        rate_hz = self._nominal_hz or round(1.0 / max(self._interval_s, 1e-6), 3)
        self.info = EegInfo(name, source_id, tuple(labels[i] for i in picks), rate_hz)
        # a slice is no copy, and an array that only looks at what is on disk is quicker cut
        all_of_them = picks == list(range(len(labels)))
        self._picks, self._factors = slice(None) if all_of_them else picks, factors[picks]
        self._values: NDArray = np.asarray(stream["time_series"])
        head = (self._values[:_HEAD][:, self._picks] * self._factors).astype(np.float32)
        self.notes = list(implausible(head.T))
        """A line where the amplitude cannot be that of EEG."""
        self._stamps: Float64 = stamps - delays_s.get(source_id, 0.0)
        self.first_s, self.last_s = float(self._stamps[0]), float(self._stamps[-1])
        self.resets_s = [float(self._stamps[at]) for at in set_at(stream)]
        self._clock = sentences(name, stream["info"], self._stamps)
        leaps = stream["info"].get("clock_leaps", ())
        self._set = {float(self._stamps[leap.at]): leap.set_s for leap in leaps if leap.set_s}
        self._first = 0
        self._received = self._lost = self._gaps = 0

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the times; complete once the chunks have been read."""
        name, rate_hz = self.info.name, 1.0 / self._interval_s if self._interval_s > 0 else math.inf
        found = [
            f"'{name}': the sender's clock was reset at {at_s - self.first_s:.1f} s; times were mended"
            for at_s in self.resets_s
            if at_s not in self._set
        ]
        found += self._clock
        if self._gaps:
            found.append(f"'{name}': {self._lost} samples missing, in places: {self._gaps}")
        if self._nominal_hz and abs(rate_hz / self._nominal_hz - 1.0) > _RATE_TOLERANCE:
            found.append(f"'{name}': {rate_hz:.2f} Hz by its stamps, {self._nominal_hz:g} Hz by its description")
        return found

    def anew(self) -> EegTrack:
        """The same from its very first sample, to be read once more."""
        again = copy.copy(self)
        again._first = again._received = again._lost = again._gaps = 0
        again.resets_s = list(self.resets_s)
        return again

    def begin_at(self, stamp: float) -> None:
        """Leave out what was sent before a sample, and begin its clock there."""
        self._first = int(np.abs(self._stamps - stamp).argmin())

    def set_as(self, told: Sequence[tuple[str, float, float]]) -> bool:
        """Whether the source's clock was set where an engine took off what it was set by: (stream, stamp, s) of each.

        Times to a second and settings to half a second; what was before the recording or after it does not count.
        """
        here = [(at_s, by_s) for name, at_s, by_s in told if name == self.info.name]
        here = [(at_s, by_s) for at_s, by_s in here if self.first_s <= at_s <= self.last_s]

        def agree(one: tuple[float, float], other: tuple[float, float]) -> bool:
            return abs(one[0] - other[0]) <= _SAME_TIME_S and abs(one[1] - other[1]) <= _SAME_SETTING_S

        mended = list(self._set.items())
        return all(any(agree(a, b) for b in here) for a in mended) and all(
            any(agree(a, b) for b in mended) for a in here
        )

    def chunks(self, chunk_s: float = CHUNK_S) -> Iterator[EegChunk]:
        """Chunks as the engine's reader makes them, or longer ones."""
        cutter, memory = ChunkCutter(), _Pages(self._values)
        clock = GapAwareClock(self.info.sfreq_hz)
        length, in_uv = max(1, round(chunk_s * self.info.sfreq_hz)), bool((self._factors == 1.0).all())
        for first in range(self._first, len(self._stamps), length):
            rows = self._values[first : first + length]
            samples = rows[:, self._picks]
            if samples.dtype != np.float32 or not in_uv:
                samples = (samples * self._factors).astype(np.float32)
            mapped = clock.map(self._stamps[first : first + length])
            self.resets_s += [float(mapped.stamps[gap.at]) for gap in mapped.gaps if gap.reset]
            self._received, self._lost, self._gaps = self._received + len(rows), clock.lost, clock.gaps
            yield from cutter.cut(samples.T, mapped, self.info.source_id)
            memory.read(rows.nbytes)

    def health(self) -> StreamHealth:
        """Counts of what was read."""
        rate_hz = self.info.sfreq_hz
        return StreamHealth(self.info.name, "live", self._received, self._lost, self._gaps, 0.0, rate_hz)


class LooseVideo:
    """A film with no recording beside it, in seconds from its first frame."""

    def __init__(self, path: Path) -> None:
        self._capture = FileCapture(path)
        self.info = self._capture.info
        self.first_s = 0.0
        self.last_s = film_facts(path).duration_s
        self._frames = 0

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame."""
        for frame in self._capture:
            self._frames += 1
            yield frame

    def health(self) -> StreamHealth:
        """How many frames were read."""
        return StreamHealth(self.info.name, "live", self._frames, 0, 0, 0.0, self.info.fps)


class FilmTrack:
    """The film of a session, each frame with the stamp and number the recording has for it.

    Parameters
    ----------
    film : Film
    """

    def __init__(self, film: Film) -> None:
        self._film = film
        self._reader = FilmReader(film)
        self.info = self._reader.info
        self.path = film.path
        self.first_s, self.last_s = self._reader.first_s, self._reader.last_s
        self.first_index = max(int(film.indices[0]), film.first_index)
        self.last_index = min(int(film.indices[-1]), film.first_index + film.frames - 1)
        self._begin_at = self.first_index
        self._without: list[range] = []
        self._received = self._lost = self._gaps = 0

    def begin_at(self, index: int, without: Sequence[tuple[int, int]] = ()) -> None:
        """Leave out frames before one of this number, and those of the numbers from a first to a last."""
        self._begin_at = index
        self._without = [range(first, last + 1) for first, last in without]

    def frames(self) -> Iterator[VideoFrame]:
        """Frames that are both in the film and in the recording."""
        last: int | None = None
        with self._reader as reader:
            for frame in reader:
                if frame.index < self._begin_at or any(frame.index in span for span in self._without):
                    continue
                if last is not None and frame.index > last + 1:
                    self._lost += frame.index - last - 1
                    self._gaps += 1
                last = frame.index
                self._received += 1
                yield frame

    def health(self) -> StreamHealth:
        """Counts of what was read: lost are the numbers that are missing in between."""
        stamps = self._film.stamps_s
        rate_hz = (len(stamps) - 1) / float(stamps[-1] - stamps[0]) if len(stamps) > 1 else self.info.fps
        return StreamHealth(self.info.name, "live", self._received, self._lost, self._gaps, 0.0, rate_hz)


class _Pages:
    """Gives the memory of an array that is mapped from disk back as it is read."""

    def __init__(self, array: NDArray) -> None:
        self._array = array
        self._since = 0

    def read(self, size: int) -> None:
        """Count bytes read; now and then what was read is let go."""
        self._since += size
        if self._since > _RELEASE_BYTES:
            release(self._array)
            self._since = 0
