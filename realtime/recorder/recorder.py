"""Watching over LabRecorder: one part after another until every stream is in the recording, and what is wrong with it.

LabRecorder takes the streams that are there when it starts. One that appears later, or a LabRecorder that died, gets a
further part, '<stem>_part-02.xdf' and so on, while the others go on; at the end the parts are joined to '<stem>.xdf'.
Counts are of what is in the file, read from the file, not of what another reader received.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pylsl

from realtime.errors import DataError
from realtime.recorder.choice import MAIN_TYPES, Choice, Surroundings, key_of
from realtime.recorder.labrecorder import PULL_S, RecorderProcess
from realtime.recorder.padding import FLUSH
from realtime.recorder.report import Limits, Report, StreamReport
from realtime.recorder.xdf_chunks import StreamCount, XdfTail, join_parts
from realtime.session.folder import RunFolder, files_of_run
from realtime.session.metadata import Gap

Launch = Callable[[Path, Sequence[str]], RecorderProcess]

_MOST_PARTS = 30
_ALARMS_KEPT = 200
_LEAST_FREE = 16 * 1024 * 1024


@dataclass
class _Part:
    number: int
    process: RecorderProcess
    tail: XdfTail
    begun_s: float
    infos: dict[tuple[object, ...], pylsl.StreamInfo]
    ended: bool = False
    checked: bool = False
    checked_s: float = 0.0
    looked_s: float = 0.0
    kept_s: float = 0.0
    """The look before the one that found it grown: its LabRecorder lived then, whenever that one came."""
    damage: str = ""


class Recorder:
    """Records every chosen stream; `step` is called ten times a second or more, from one thread.

    Parameters
    ----------
    folder : RunFolder
    choice : Choice
    surroundings : Surroundings
    launch : callable
        Starts a LabRecorder that writes the streams of these uids to a path.
    beat : callable
        Sends padding on the first or second of two streams, which LabRecorder writes: see `realtime.recorder.padding`.
    beat_uids : sequence of str
        LSL uids of these; empty where there are none.
    clock : callable
        LSL seconds.
    free : callable
        Bytes free on the disk of a path.
    limits : Limits
    """

    def __init__(
        self,
        folder: RunFolder,
        choice: Choice,
        surroundings: Surroundings,
        launch: Launch,
        *,
        beat: Callable[[int], object] = lambda _stream: None,
        beat_uids: Sequence[str] = (),
        clock: Callable[[], float] = pylsl.local_clock,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
        limits: Limits | None = None,
    ) -> None:
        self._folder, self._choice, self._around = folder, choice, surroundings
        self._launch, self._beat, self._beat_uids = launch, beat, list(beat_uids)
        self._clock, self._free = clock, free
        self._limits = limits or Limits()
        self._parts: list[_Part] = []
        self._seen: dict[tuple[object, ...], float] = {}
        self._gaps: list[Gap] = []
        self._down: list[tuple[float, str]] = []
        self._alarms: deque[str] = deque(maxlen=_ALARMS_KEPT)
        self._current: frozenset[str] = frozenset()
        self._begun_s = clock()
        self._beat_s = [-1.0, -1.0]
        self._looked_s = -1.0
        self._was_full = False
        self._disk = (0, self._free(folder.path))
        self._syncing = threading.Event()
        self._sync: threading.Thread | None = None

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Stretches in which a LabRecorder was missing."""
        return tuple(self._gaps)

    @property
    def alarms(self) -> tuple[str, ...]:
        """Everything that was wrong so far, once each time it began; the newest of very many."""
        return tuple(self._alarms)

    @property
    def streams(self) -> list[pylsl.StreamInfo]:
        """What is recorded now, sorted by name."""
        infos = [info for part in self._running() for info in part.infos.values()]
        return sorted(infos, key=lambda info: (info.name(), info.source_id()))

    @property
    def connected(self) -> bool:
        """Whether what headsets and cameras send from now on is kept; markers may still be waited for."""
        running = self._running()
        return bool(running) and all(
            part.process.ready()
            or not Counter(info.name() for info in part.infos.values() if info.type() in MAIN_TYPES)
            - Counter(part.process.opened())
            for part in running
        )

    @property
    def ready(self) -> bool:
        """Whether data are collected from all streams that were there."""
        return bool(self._running()) and all(part.checked for part in self._running())

    def start(self) -> None:
        """Begin with the streams that are there now.

        Raises
        ------
        ConfigurationError
            LabRecorder is not installed.
        """
        self._begun_s = self._clock()
        self._open({key_of(info): info for info in self._wanted()})
        self._sync = threading.Thread(target=self._keep_syncing, name="emostream-recorder-sync", daemon=True)
        self._sync.start()

    def step(self) -> Report:
        """Look at the files, the processes, the streams and the disk, and do what is to be done."""
        now = self._clock()
        self._send_padding(now)
        for part in self._running():
            self._follow(part, now)
        if now - self._looked_s >= 0.5:
            self._looked_s = now
            self._disk = (sum(_size(path) for path in files_of_run(self._folder)), self._free(self._folder.path))
            self._cover(now)
        failure = self._failure(now)
        report = self._report(now, failure)
        for text in report.alarms:
            if _kind(text) not in self._current:
                self._note(now, text)
        self._current = frozenset(map(_kind, report.alarms))
        return report

    def finish(self) -> list[StreamCount]:
        """Let every LabRecorder finish its file and join the parts to one.

        Returns
        -------
        list of StreamCount
            What is in the recording.

        Raises
        ------
        DataError
            The parts cannot be joined; they are kept.
        """
        running = self._running()
        for part in running:
            part.process.ask_to_stop()
        for part in running:
            if not part.process.wait(self._limits.finish_s):
                part.process.kill()
                self._note(self._clock(), f"LabRecorder did not finish '{part.process.path.name}' and was ended")
            part.ended = True
        self._close_gaps(self._clock())
        self._syncing.set()
        if self._sync is not None:
            self._sync.join()
        return join_parts(self._folder.file(".xdf"), [part.process.path for part in self._parts[1:]], (FLUSH,))

    def _running(self) -> list[_Part]:
        return [part for part in self._parts if not part.ended]

    def _wanted(self) -> list[pylsl.StreamInfo]:
        return [info for info in self._around.look() if not self._choice.left_out(info)]

    def _open(self, infos: dict[tuple[object, ...], pylsl.StreamInfo]) -> None:
        number = len(self._parts) + 1
        path = self._folder.file(".xdf" if number == 1 else f"_part-{number:02d}.xdf")
        if path.exists():
            raise DataError(f"'{path}' is there already: nothing is overwritten")
        process = self._launch(path, [info.uid() for info in infos.values()] + self._beat_uids)
        self._parts.append(_Part(number, process, XdfTail(path, self._clock), self._clock(), dict(infos)))

    def _send_padding(self, now: float) -> None:
        """LabRecorder writes a stream in the rhythm of its first sample: the second, half way between the first's."""
        if now - self._beat_s[0] >= self._limits.beat_s:
            self._beat_s[0] = now
            self._beat(0)
        settled = all(part.checked and now - part.checked_s >= PULL_S / 2.0 for part in self._running())
        if settled and now - self._beat_s[1] >= self._limits.beat_s:
            self._beat_s[1] = now
            self._beat(1)

    def _follow(self, part: _Part, now: float) -> None:
        before_s, part.looked_s = part.looked_s, now
        if not part.damage:
            try:
                if part.tail.step():
                    part.kept_s = before_s
            except DataError as err:
                part.damage = str(err)
        code = part.process.poll()
        if code is not None:
            said = f"was killed (signal {-code})" if code < 0 else f"ended by itself ({part.process.last_words()})"
            self._bury(part, f"LabRecorder {said}")
            return
        if not part.checked:
            self._check(part, now)

    def _check(self, part: _Part, now: float) -> None:
        """See once whether it found what it was to record; what it did not find is looked for again."""
        if not part.process.ready():
            return
        found, wanted = part.process.found(), len(part.infos) + len(self._beat_uids)
        if found is not None and found < wanted:
            there = {stream.uid for stream in part.tail.streams.values()}
            if len(there) < found:
                # without the padding their headers may stay in its memory: a new one is sooner clear
                if now - part.begun_s > self._limits.settle_s + self._limits.hung_s / 10.0:
                    part.process.kill()
                    self._bury(part, "LabRecorder did not find the streams")
                return
            part.infos = {key: info for key, info in part.infos.items() if info.uid() in there}
        part.checked, part.checked_s = True, now
        self._beat_s[0] = now
        self._beat(0)
        self._close_gaps(now)

    def _bury(self, part: _Part, reason: str) -> None:
        part.process.wait(0.0)
        part.ended = True
        self._down.append((part.kept_s or part.begun_s, reason))

    def _close_gaps(self, now: float) -> None:
        self._gaps += [Gap(from_s=from_s, to_s=now, reason=reason) for from_s, reason in self._down]
        self._down = []

    def _note(self, now: float, text: str) -> None:
        self._alarms.append(f"{now - self._begun_s:.1f} s: {text}")

    def _cover(self, now: float) -> None:
        """Give streams that no part records a part: late ones, and those of a LabRecorder that is gone."""
        covered = {key for part in self._running() for key in part.infos}
        waiting = {key_of(info): info for info in self._wanted() if key_of(info) not in covered}
        self._seen = {key: self._seen.get(key, now) for key in waiting}
        if not waiting and self.connected:
            self._close_gaps(now)
        before = {key for part in self._parts for key in part.infos}
        due = [key for key, since in self._seen.items() if key in before or now - since >= self._limits.settle_s]
        if not due or self._disk[1] < _LEAST_FREE or len(self._parts) >= _MOST_PARTS:
            return
        if now - self._parts[-1].begun_s < self._limits.settle_s:
            return  # one that dies at once is not started in a loop
        self._open(waiting)
        self._seen = {}

    def _failure(self, now: float) -> str:
        """Why nothing is written, and what is done about it; '' while all is well."""
        if self._down:
            return self._down[-1][1]
        # it looks for the streams first; from then on the padding alone makes every file grow twice a second
        begun = [part for part in self._running() if part.tail.size or now - part.begun_s > self._limits.ready_s]
        silent = {part.number: now - (part.tail.grown_s or part.begun_s) for part in begun}
        longest_s = max(silent.values(), default=0.0)
        full = self._disk[1] < _LEAST_FREE
        if longest_s <= (self._limits.full_s if full else self._limits.still_s):
            self._was_full = False
            return ""
        freed = self._was_full and not full
        self._was_full = full
        for part in begun:
            # a write that failed once makes LabRecorder write no more, though there is room again
            if silent[part.number] > (self._limits.still_s if freed else self._limits.hung_s) and not full:
                part.process.kill()
                self._bury(part, "the disk was full" if freed else f"LabRecorder hung for {longest_s:.0f} s")
        return "the disk is full: nothing is written" if full else "nothing is written: LabRecorder or the disk hangs"

    def _report(self, now: float, failure: str) -> Report:
        used, free = self._disk
        streams = tuple(self._streams(now))
        elapsed = now - self._begun_s
        alarms = [failure] if failure else []
        rate = used / elapsed if elapsed > 1.0 else 0.0
        if free < max(self._limits.warn_bytes, rate * self._limits.warn_s):
            left = f", {free / rate / 60:.0f} minutes at this rate" if rate else ""
            alarms.append(f"the disk is nearly full: {free / 1e6:.0f} MB left{left}")
        stalled = [s for s in streams if s.stalled and self._running()]
        alarms += [f"{s.type} stream '{s.name}' is stalled: nothing for {s.age_s:.0f} s" for s in stalled]
        alarms += [
            f"LabRecorder still waits for a stream of '{part.process.path.name}'"
            for part in self._running()
            if not part.checked and now - part.begun_s > self._limits.ready_s
        ]
        alarms += [part.damage for part in self._running() if part.damage]
        if len(self._parts) >= _MOST_PARTS:
            alarms.append(f"LabRecorder was started {_MOST_PARTS} times and is started no more")
        return Report(elapsed, used, free, streams, failure, tuple(alarms))

    def _streams(self, now: float) -> list[StreamReport]:
        found: dict[tuple[str, str, str], StreamReport] = {}
        for part in self._parts:
            for s in part.tail.streams.values():
                if s.name == FLUSH:
                    continue
                key = (s.name, s.type, s.source_id or s.uid)
                before = found.get(key)
                age = now - s.grown_s
                late = part.number > 1 and before is None
                count = s.samples + (before.received if before else 0)
                stalled = s.rate_hz > 0 and (part.ended or age > self._limits.stalled_s)
                found[key] = StreamReport(s.name, s.type, s.source_id, count, age, stalled, late)
        return sorted(found.values(), key=lambda s: (s.name, s.source_id))

    def _keep_syncing(self) -> None:
        """Once a second what was written goes to the disk itself: a machine that loses power loses no more."""
        while not self._syncing.wait(1.0):
            for part in self._running():
                _to_disk(part.process.path)


def _to_disk(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:  # not made yet
        return
    try:
        os.fdatasync(descriptor)
    except OSError:  # a full or broken disk shows in the file, which does not grow
        pass
    finally:
        os.close(descriptor)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _kind(alarm: str) -> str:
    """An alarm without the figures that change."""
    return alarm.split(":")[0]
