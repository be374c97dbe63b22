"""From stream names to a running recogniser: what `emostream run` and `emostream demo` share."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pylsl

from realtime.calibrate.baseline import resting_power
from realtime.calibrate.person import PersonCalibration
from realtime.config import Config
from realtime.errors import ConfigurationError, StreamNotFoundError
from realtime.face.regions import REGIONS
from realtime.interfaces import Recognizer, Sink
from realtime.lsl.discovery import Wish, first_sight, settled
from realtime.lsl.listen import MarkerListener
from realtime.lsl.sink import LslSink
from realtime.lsl.sources import MarkerOutlet
from realtime.packets import EegInfo, StreamHealth
from realtime.runner import LiveRunner
from realtime.session.events import CONTROL, RECORDER, TUNING, own_source_id
from realtime.settings import settings_texts
from realtime.textview import Standing, TextView
from realtime.tuning_live import TuningDesk

_STEP_S = 0.2
_HEALTH_EVERY_S = 1.0
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_EEG, _VIDEO, _TRUTH = "EEG", "VideoRaw", "emostream-truth"
_TRUTH_TIMEOUT_S = 1.0  # in half of it a full session's streams do not all answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams to run on.

    Parameters
    ----------
    eeg, video : bool
        Whether that modality is wanted at all.
    eeg_source, video_source : str or None
        LSL source id, where there is more than one to choose from.
    eeg_name, video_name : str or None
        LSL stream name, likewise.
    name : str or None
        What this engine is called: the source ids of its streams begin with it, so that of several engines in one
        session each has its own.
    """

    eeg: bool = True
    video: bool = True
    eeg_name: str | None = None
    video_name: str | None = None
    eeg_source: str | None = None
    video_source: str | None = None
    name: str | None = None

    @property
    def prefix(self) -> str | None:
        """What the source ids of the engine's streams begin with; None where the machine's name will do.

        Raises
        ------
        ConfigurationError
            A name that is no word of letters and digits.
        """
        if self.name is None:
            return None
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(f"--name {self.name!r}: wanted up to 32 letters, digits, '_', '.' or '-'")
        return f"{self.name}@{socket.gethostname()}"

    def wishes(self) -> list[Wish]:
        """Of each modality that is wanted, EEG first.

        Raises
        ------
        ConfigurationError
            None is.
        """
        if not (self.eeg or self.video):
            raise ConfigurationError("--no-eeg and --no-video together leave nothing to recognise from: drop one")
        eeg = Wish(_EEG, self.eeg_name, self.eeg_source)
        video = Wish(_VIDEO, self.video_name, self.video_source)
        return [*([eeg] if self.eeg else []), *([video] if self.video else [])]


class LiveSession:
    """Finds the streams, publishes the results, and is stepped by the command until it ends.

    Parameters
    ----------
    recognizer : Recognizer
    wanted : Wanted
    config : Config
    calibration : PersonCalibration, optional
        The person's, from `emostream calibrate`.
    waiting : callable, optional
        Called about once a second while a stream is looked for; may raise to give up.

    Raises
    ------
    StreamNotFoundError
        A wanted stream does not appear within `config.lsl.resolve_timeout_s`.
    MontageError, ConfigurationError
        As `Engine`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        wanted: Wanted,
        config: Config,
        calibration: PersonCalibration | None = None,
        *,
        waiting: Callable[[], object] | None = None,
    ) -> None:
        self._wishes = wanted.wishes()
        seen = first_sight(self._wishes, timeout_s=config.lsl.resolve_timeout_s, waiting=waiting)
        by_type = {info.type(): info for info in seen}
        self._spec = recognizer.spec
        self._sink: LslSink | None = None
        self._prefix = wanted.prefix
        self._hop_s = config.eeg.hop_s
        self._settings = settings_texts(config, calibration)
        self._rest = resting_power(calibration and calibration.baseline, recognizer.spec)
        heard = (CONTROL, RECORDER) if config.session.restart_engine else (CONTROL,)
        self._listener = MarkerListener(heard, self._on_event, config.lsl)
        self._video = wanted.video
        self._next_health_s = 0.0
        self._told: list[tuple[object, ...]] = []
        self.runner = LiveRunner(
            recognizer,
            eeg=by_type.get(_EEG),
            video=by_type.get(_VIDEO),
            truth=lambda: self._settle(seen),
            sinks=self._open_sinks,
            config=config,
            calibration=calibration,
        )
        engine = self.runner.engine
        answers = f"{self._prefix}-tuning" if self._prefix else own_source_id("engine")
        self._answers = MarkerOutlet(TUNING, answers)
        self._tuning = TuningDesk(
            engine.plan, self._spec, self._answers.source_id, engine.require_tunable, self._answers
        )

    def _settle(self, seen: Sequence[pylsl.StreamInfo]) -> pylsl.StreamInfo | None:
        """See that what was seen first is the only one, and find the truth that belongs to it; real input has none.

        A participant's source ids share a prefix, so nobody is scored against an unrelated simulator.
        """
        only, truths = settled(self._wishes, [Wish(name=_TRUTH)], _TRUTH_TIMEOUT_S)
        if gone := [a.name() for a, b in zip(seen, only, strict=True) if a.uid() != b.uid()]:
            raise StreamNotFoundError(f"LSL stream '{gone[0]}' was started anew while it was looked at: try again")
        wanted = {f"{info.source_id().rpartition('-')[0]}-truth" for info in only}
        found = [info for info in truths if info.source_id() in wanted]
        return found[0] if len(found) == 1 else None

    def _open_sinks(self, eeg: EegInfo | None) -> Sequence[Sink]:
        regions = REGIONS if self._video else ()
        self._sink = LslSink(
            self._spec,
            eeg,
            regions=regions,
            band_power_rate_hz=1.0 / self._hop_s,
            settings=self._settings,
            rest=self._rest,
            source_id=self._prefix,
        )
        return (self._sink,)

    def _on_event(self, stream: str, event: dict[str, Any], stamp: float) -> None:
        if stream == CONTROL:
            self._tuning.hear(event, stamp)
        elif event["event"] == "recording_started":
            self.runner.begin_anew(stamp)

    def start(self) -> None:
        """Start reading, and listening to operators and recorders."""
        self._listener.start()
        self.runner.start()

    def stop(self) -> None:
        """Stop reading and close the outlets; safe to call twice."""
        with ExitStack() as stack:
            if self._sink is not None:
                stack.callback(self._sink.close)
            stack.callback(self._answers.close)
            stack.callback(self.runner.stop)
            stack.callback(self._listener.stop)

    def run(self, seconds: float | None, view: TextView | None, check: Callable[[], object]) -> None:
        """Step until `seconds` are over (None: for ever), calling `check` each time; it may raise to end the run."""
        end_s = time.monotonic() + seconds if seconds is not None else float("inf")
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_STEP_S, left_s))
            check()
            self.runner.check()
            self.step(pylsl.local_clock(), view)

    def step(self, now_s: float, view: TextView | None) -> None:
        """Publish health and tuning once a second, health also when a fault appears, and refresh the view."""
        runner = self.runner
        self._tuning.tell(now_s)
        health = runner.health()
        urgent: list[tuple[object, ...]] = [*(_urgent(link) for link in health), (runner.shed,)]
        if self._sink is not None and (now_s >= self._next_health_s or urgent != self._told):
            self._next_health_s = now_s + _HEALTH_EVERY_S
            self._told = urgent
            self._sink.write_health(
                health, runner.latency_ms(), runner.beginning, runner.missed_frames(), runner.newest_gaps(), runner.shed
            )
        if view is not None:
            predictions, movements = runner.tally.predictions, runner.tally.movements
            display = runner.engine.plan.newest
            view.show(
                now_s,
                Standing(
                    prediction=predictions[-1] if predictions else None,
                    truth=runner.truth.emotion_at(now_s),
                    movement=movements[-1] if movements else None,
                    movements=len(movements),
                    health=health,
                    names=display.class_names,
                    uncertain_below=display.uncertain_below,
                    shed=runner.shed,
                ),
            )


def _urgent(link: StreamHealth) -> tuple[object, ...]:
    """What of a link's health is published at once when it changes."""
    why = link.note if link.state == "lost" else ""
    return link.state, link.lost, link.repeated, link.late, link.clock_jumps, why
