"""What the rows share: a source, the engine and other consumers as processes, and an observer of what the engine says.

Everything is injected from outside: a signal to a process, or an order to the source. The observer reads the engine's
streams with plain pylsl, so that what is measured does not rest on our own readers. All times are LSL seconds.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
import psutil
import pylsl
from pylsl.util import LostError

from realtime.errors import EmostreamError

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 45.0
HEALTH = "emostream-health"
EMOTIONS = "emostream-emotions"
POWERS = "emostream-bandpower"
_POLL_S = 0.005


class Process:
    """A child that is ended, with its own children, at the end of the `with` block."""

    def __init__(
        self, arguments: Sequence[object], *, environment: dict[str, str] | None = None, prefix: Sequence[str] = ()
    ) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        path = os.pathsep.join(filter(None, [(environment or {}).get("PYTHONPATH"), str(ROOT)]))
        self.process = subprocess.Popen(
            [*prefix, sys.executable, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {}), "PYTHONPATH": path},
        )

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    @property
    def said(self) -> str:
        """What it said on standard error so far."""
        self._said.flush()
        size = os.fstat(self._said.fileno()).st_size
        return os.pread(self._said.fileno(), size, 0).decode("utf-8", "replace")

    def freeze(self) -> float:
        """SIGSTOP; returns when."""
        self.process.send_signal(signal.SIGSTOP)
        return pylsl.local_clock()

    def thaw(self) -> float:
        """SIGCONT; returns when."""
        self.process.send_signal(signal.SIGCONT)
        return pylsl.local_clock()

    def kill(self) -> float:
        """SIGKILL; returns when."""
        self.process.kill()
        at = pylsl.local_clock()
        self.process.wait()
        return at

    def interrupt(self, timeout_s: float = 20.0) -> int:
        """SIGINT and wait; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout_s)

    def ask(self, **order: Any) -> dict[str, Any]:
        """Send one order, return the answer."""
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(order) + "\n")
        stdin.flush()
        return _answer(stdout, self)

    def hear(self) -> dict[str, Any]:
        """The next line that it says by itself."""
        assert self.process.stdout is not None
        return _answer(self.process.stdout, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        family: list[psutil.Process] = []
        if self.running:
            family = psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
        self.process.wait()
        for child in family:
            if child.is_running():
                child.kill()
        for stream in (self.process.stdin, self.process.stdout, self._said):
            if stream is not None:
                _close(stream)


def _close(stream: IO[Any]) -> None:
    with suppress(BrokenPipeError):  # what was not flushed to a child that is gone
        stream.close()


def _answer(stdout: IO[str], process: Process) -> dict[str, Any]:
    line = stdout.readline()
    if not line:
        raise EmostreamError(f"a process of the row ended: {process.said[-300:]}")
    return json.loads(line)


class Source(Process):
    """A headset: `benchmarks.faults.source`; ready when it was made."""

    def __init__(
        self,
        name: str,
        *,
        source_id: str | None = None,
        channels: int = 16,
        rate_hz: float = 250.0,
        true_hz: float | None = None,
        first: int = 0,
        network: bool = False,
        prefix: Sequence[str] = (),
        started: Callable[[int], object] = lambda _pid: None,
    ) -> None:
        self.name, self.source_id, self.rate_hz = name, source_id or name, rate_hz
        self.true_hz = true_hz or rate_hz
        arguments = ["-m", "benchmarks.faults.source", name, self.source_id, "--channels", channels, "--rate", rate_hz]
        arguments += ["--first", first, *(["--network"] if network else [])]
        arguments += [] if true_hz is None else ["--true-rate", true_hz]
        super().__init__(arguments, prefix=prefix)
        started(self.process.pid)
        ready = self.hear()
        self.begun_s, self.uid = float(ready["at"]), str(ready["uid"])


class Engine(Process):
    """`emostream run` on EEG alone."""

    def __init__(
        self, source: str, *, config: str = "", environment: dict[str, str] | None = None, more: Sequence[object] = ()
    ) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".toml", delete=False) as file:
            file.write(config)
        self._config = Path(file.name)
        arguments = ["-m", "emostream", "run", "--no-video", "--headless", "--eeg", source, "--config", file.name]
        super().__init__([*arguments, *more], environment=environment)

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._config.unlink(missing_ok=True)


class Recorder(Process):
    """`emostream record` into a temporary folder; ready when every stream is being written."""

    def __init__(self) -> None:
        self._root = tempfile.TemporaryDirectory(prefix="faults-")
        root = Path(self._root.name) / "recordings"
        super().__init__(["-m", "emostream", "record", "--subject", "01", "--root", root, "--headless"])
        watch = Watch("emostream-recorder", alive=self)
        watch.until(
            lambda: any('"recording"' in row[0] for _, _, row in watch.heard["emostream-recorder"]),
            START_TIMEOUT_S,
            "a recording",
        )

    def finish(self) -> dict[str, tuple[list[Any], np.ndarray]]:
        """End the recording; rows and stamps of each stream by name, as pyxdf reads them."""
        import pyxdf

        self.interrupt(30.0)
        paths = sorted(Path(self._root.name).rglob("*.xdf"))
        if len(paths) != 1:
            raise EmostreamError(f"{len(paths)} recordings: {self.said[-300:]}")
        streams, _ = pyxdf.load_xdf(paths[0], synchronize_clocks=False, dejitter_timestamps=False)
        return {s["info"]["name"][0]: (s["time_series"], s["time_stamps"]) for s in streams}

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._root.cleanup()


class Consumer(Process):
    """A peer that reads the source: `benchmarks.faults.consumer`; ready when it has received samples."""

    def __init__(
        self,
        kind: str,
        source_id: str,
        *,
        buffer_s: float = 30.0,
        more: Sequence[object] = (),
        environment: dict[str, str] | None = None,
        network: bool = False,
    ) -> None:
        environment = dict(environment or {})
        if kind == "mne-lsl":
            environment |= {"LSLAPICFG": str(api_config(network)), "MNE_LSL_LOG_LEVEL": "ERROR"}
        arguments = ["-m", "benchmarks.faults.consumer", kind, source_id, "--buffer", buffer_s, *more]
        super().__init__([*arguments, *(["--network"] if network else [])], environment=environment)
        self.hear()


def api_config(network: bool = False) -> Path:
    """This process's LSL session as a file, for programs with a liblsl of their own."""
    from realtime.lsl import session

    path = Path(tempfile.gettempdir()) / f"faults-lsl-{session.session_id()}-{int(network)}.cfg"
    path.write_text(session.config_text(network=network), encoding="utf-8")
    atexit.register(path.unlink, missing_ok=True)
    return path


def installed(package: str) -> bool:
    """Whether a peer is there to be measured."""
    import importlib.util

    return importlib.util.find_spec(package) is not None


def unique(name: str) -> str:
    """A stream name that no other row uses."""
    return f"{name}-{uuid.uuid4().hex[:6]}"


class Watch:
    """Observes the engine's streams: what it said, and when that arrived here.

    Parameters
    ----------
    names : sequence of str
        LSL names; each must appear within `timeout_s`.

    Attributes
    ----------
    heard : dict of name -> list of (arrival, stamp, row)
    """

    def __init__(self, *names: str, timeout_s: float = START_TIMEOUT_S, alive: Process | None = None) -> None:
        self._inlets: dict[str, pylsl.StreamInlet] = {}
        self.heard: dict[str, list[tuple[float, float, list[Any]]]] = {name: [] for name in names}
        self.labels: dict[str, list[str]] = {}
        self._infos: dict[str, pylsl.StreamInfo] = {}
        end_s = time.monotonic() + timeout_s
        for name in names:
            while not (found := pylsl.resolve_bypred(f"name='{name}'", 1, 1.0)):
                if alive is not None and not alive.running:
                    raise EmostreamError(f"the process ended: {alive.said[-400:]}")
                if time.monotonic() > end_s:
                    raise EmostreamError(f"no stream '{name}' within {timeout_s:g} s")
            inlet = pylsl.StreamInlet(found[0], recover=False)
            self._infos[name] = inlet.info(5.0)
            self.labels[name] = [label or "" for label in self._infos[name].get_channel_labels() or ()]
            inlet.open_stream(5.0)
            self._inlets[name] = inlet

    def pump(self, seconds: float = 0.0) -> None:
        """Read what comes for so long."""
        end_s = time.monotonic() + seconds
        while True:
            for name, inlet in self._inlets.items():
                try:
                    rows, stamps = inlet.pull_chunk(0.0, 4096)
                except LostError:
                    continue
                at = pylsl.local_clock()
                self.heard[name] += [(at, stamp, row) for stamp, row in zip(stamps, rows or (), strict=True)]
            if time.monotonic() >= end_s:
                return
            time.sleep(_POLL_S)

    def until(self, condition: Callable[[], object], timeout_s: float, what: str = "it") -> float:
        """Read until a condition holds; returns when.

        Raises
        ------
        EmostreamError
            It does not hold within the time.
        """
        end_s = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end_s:
                raise EmostreamError(f"{what} did not happen within {timeout_s:g} s")
            self.pump(_POLL_S)
        return pylsl.local_clock()

    def when(self, condition: Callable[[], object], timeout_s: float) -> float:
        """Like `until`, infinity where it does not hold within the time."""
        try:
            return self.until(condition, timeout_s)
        except EmostreamError:
            return math.inf

    def reports(self) -> list[dict[str, Any]]:
        """Whole health reports."""
        return [report for _, _, row in self.heard[HEALTH] if "streams" in (report := json.loads(row[0]))]

    def truly_lost(self, source: Source) -> int:
        """Stop the source, let the engine read on, and count what was sent since its first sample and never arrived."""
        end_s = float(source.ask(stop=True)["stamp"])
        self.first(pylsl.local_clock(), lambda link: link["state"] == "stale", 10.0)
        reports = self.reports()
        # the first ones: with a recording the engine begins anew, its counters do not
        begun_s = next(r["inputs"]["eeg_first_s"] for r in reports if r["inputs"]["eeg_first_s"] is not None)
        return round((end_s - begun_s) * source.true_hz) - int(reports[-1]["streams"][0]["received"])

    def health(self, since_s: float = -math.inf) -> list[tuple[float, dict[str, Any]]]:
        """Arrival and content of the reports on the EEG link."""
        return [
            (at, report["streams"][0])
            for at, _, row in self.heard["emostream-health"]
            if at >= since_s and "streams" in (report := json.loads(row[0]))
        ]

    def first(self, since_s: float, condition: Callable[[dict[str, Any]], object], timeout_s: float) -> float:
        """When the first report since then arrived that fulfils a condition; infinity where none did in time."""

        def found() -> list[float]:
            return [at for at, report in self.health(since_s) if condition(report)]

        self.when(found, timeout_s)
        return found()[0] if found() else math.inf

    def predictions(self, since_s: float = -math.inf) -> list[tuple[float, float, list[float]]]:
        """Arrival, stamp and row of predictions."""
        return [entry for entry in self.heard["emostream-emotions"] if entry[0] >= since_s]

    def powers(self, since_s: float = -math.inf) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(n,) arrivals, (n,) stamps and (n, n_channels) validity of band powers: False where masked."""
        entries = [entry for entry in self.heard["emostream-bandpower"] if entry[0] >= since_s]
        channels = {label.rpartition("_")[0]: i for i, label in enumerate(self.labels["emostream-bandpower"])}
        picked = list(channels.values())
        rows = np.array([entry[2] for entry in entries]).reshape(len(entries), -1)
        valid = np.isfinite(rows[:, picked]) if len(entries) else np.zeros((0, len(picked)), bool)
        return np.array([e[0] for e in entries]), np.array([e[1] for e in entries]), valid

    @property
    def channels(self) -> list[str]:
        """Channel names in the order of `powers`."""
        return list(dict.fromkeys(label.rpartition("_")[0] for label in self.labels["emostream-bandpower"]))

    @property
    def bands(self) -> list[tuple[str, float, float]]:
        """Name and edges, Hz, of the bands of `powers`, as its stream says."""
        said = self._infos["emostream-bandpower"].desc().child("bandpower")
        names, edges = (said.child_value(key).split(",") for key in ("bands", "edges_hz"))
        pairs = [pair.split("-") for pair in edges]
        return [(name, float(low), float(high)) for name, (low, high) in zip(names, pairs, strict=True)]


@contextmanager
def engine_on(
    source: Source, *names: str, config: str = "", more: Sequence[object] = ()
) -> Iterator[tuple[Engine, Watch]]:
    """The engine on a source, observed, as soon as it predicts."""
    with Engine(source.name, config=config, more=more) as engine:
        watch = Watch(*(names or (HEALTH, EMOTIONS, POWERS)), alive=engine)
        watch.until(
            lambda: any(report["state"] == "live" for _, report in watch.health()), START_TIMEOUT_S, "a live stream"
        )
        if EMOTIONS in watch.heard:
            watch.until(lambda: watch.predictions(), START_TIMEOUT_S, "a prediction")
        yield engine, watch
