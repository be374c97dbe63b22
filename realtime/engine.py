"""The recogniser's synchronous core: packets in, results out; no threads of its own, no clock, no LSL.

The live runner feeds it from two reader threads (one an input), `emostream analyze` from a file as fast as it goes.
EEG and video touch only where a movement found in the video is handed to the prediction. It becomes usable
`movement_delay_s` after it was decided, on the stamps' time, so that a live run, whose video thread may lag its EEG
thread by a little, and a replay of the same data make the same predictions.

What may be changed while it runs (`realtime.tuning`) is asked of a `TuningPlan` by the stamp of each hop, frame and
prediction, so that a replay that follows the same plan changes at the same hop and the same frame.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from realtime.calibrate.person import PersonCalibration
from realtime.config import Config, EngineConfig
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import ConfigurationError
from realtime.face.looking import Seen
from realtime.face.pipeline import FacePipeline
from realtime.face.spotter import Spotter
from realtime.interfaces import ForesightedRecognizer, ManyRecognizer, Recognizer
from realtime.packets import (
    BandPowerWindow,
    Beginning,
    EegChunk,
    EegInfo,
    EegSequence,
    Evidence,
    Float32,
    MicroMovement,
    Prediction,
    Recognition,
    Result,
    VideoFrame,
    readonly,
)
from realtime.tuning import Tuning
from realtime.tuning_plan import TuningPlan

_SMOOTHING_MOST_S = 60.0

_CAMERA_GONE = 0.75
"""Of the time after which a stream is stale: so a second after the last frame no answer rests on the face any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prediction to be made: of what, at which stamp, and by which configuration it is smoothed."""

    now_s: float
    eeg: EegSequence | None
    movement: MicroMovement | None
    config: EngineConfig


class Engine:
    """EEG chunks and video frames in, band powers, observations, movements and predictions out.

    `push_eeg` may be called from one thread and `push_frame` from another.

    Parameters
    ----------
    recognizer : Recognizer
    eeg : EegInfo or None
        The EEG source; None for video alone.
    has_video : bool
    config : Config
    calibration : PersonCalibration or None
        What is known of the person, from `emostream calibrate`.
    recognizing : Lock, optional
        Held while the recogniser is asked; engines that share a recogniser share it.
    plan : TuningPlan, optional
        Of `config`; which tuning is in force when. By default that of `config` alone, until somebody enters another.
    offline : bool
        A recording is analysed: chunks may be long, their hops are processed many at once, and nothing is entered into
        `plan` on the way.

    Attributes
    ----------
    plan : TuningPlan
    beginning : Beginning
        The first inputs this engine was given.

    Raises
    ------
    ConfigurationError
        Neither EEG nor video.
    MontageError
        Fewer of the recogniser's channels than `config.eeg.min_channels`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        eeg: EegInfo | None,
        has_video: bool,
        config: Config | None = None,
        calibration: PersonCalibration | None = None,
        recognizing: threading.Lock | None = None,
        plan: TuningPlan | None = None,
        offline: bool = False,
    ) -> None:
        if eeg is None and not has_video:
            raise ConfigurationError("nothing to recognise from: got neither EEG nor video, want at least one")
        self.config = config or Config()
        self.plan = plan or TuningPlan(self.config)
        self.recognizer = recognizer
        self._calibration = calibration
        known = calibration or PersonCalibration()
        self.eeg = None
        if eeg is not None:
            # a tuning may change at any hop: then each is processed by itself
            many = offline and len(self.plan.changes) == 1
            at_hop = None if many else self._tune_eeg
            self.eeg = EegPipeline(eeg, recognizer.spec, self.config.eeg, known.eeg, at_hop=at_hop, many_hops=many)
        self._offline = offline
        self._face_tuned_to, self._eeg_tuned_to = self.config, self.plan.beginning
        if self.eeg is not None:
            self.eeg.tune(self._eeg_tuned_to.eeg, self._eeg_tuned_to.display.bands)
        self.face = FacePipeline(self.config.face, partial(Spotter, noise=known.face)) if has_video else None
        self._hops_per_prediction = max(1, round(self.config.engine.prediction_hop_s / self.config.eeg.hop_s))
        self._movements: deque[MicroMovement] = deque(maxlen=64)
        self._newest_eeg_s = self._newest_frame_s = -np.inf
        self._video_tick = -1
        self._recognizing = recognizing or threading.Lock()
        self.beginning = Beginning()
        most = math.ceil(_SMOOTHING_MOST_S / self.config.engine.prediction_hop_s) + 2
        self._recent: deque[tuple[float, MicroMovement | None, Recognition]] = deque(maxlen=most)

    def anew(self) -> Engine:
        """An engine of the same parts that has seen nothing yet; both may be fed at once."""
        return Engine(
            self.recognizer,
            eeg=self.eeg.info if self.eeg else None,
            has_video=self.face is not None,
            config=self.config,
            calibration=self._calibration,
            recognizing=self._recognizing,
            plan=self.plan,
            offline=self._offline,
        )

    def require_tunable(self, tuning: Tuning) -> None:
        """Refuse a tuning that this engine's input cannot have.

        Raises
        ------
        ConfigurationError
            Bands that do not fit its EEG, or bands without EEG.
        """
        if not tuning.bands:
            return
        if self.eeg is None:
            raise ConfigurationError("bands: this engine has no EEG")
        self.eeg.kernel_for(tuning.bands)

    def _tune_eeg(self, end_s: float) -> None:
        config = self.plan.config_at(end_s, "eeg")
        if self.eeg is not None and config is not self._eeg_tuned_to:
            self._eeg_tuned_to = config
            self.eeg.tune(config.eeg, config.display.bands)

    def _tune_face(self, stamp_s: float) -> None:
        config = self.plan.config_at(stamp_s, "face")
        if self.face is not None and config is not self._face_tuned_to:
            self._face_tuned_to = config
            self.face.tune(config.face)

    def push_eeg(self, chunk: EegChunk) -> list[Result]:
        """Take consecutive samples; return what they completed, in order.

        Raises
        ------
        ConfigurationError
            The engine was made without EEG.
        """
        return self.answer(self.examine(chunk))

    def examine(self, chunk: EegChunk) -> list[Result | Asked]:
        """The first half of `push_eeg`, with questions to the recogniser in the places of their answers.

        A recording's next chunk may be examined while `answer` is still at work on this one in another thread.
        """
        if self.eeg is None:
            raise ConfigurationError("EEG chunk pushed into an engine made without EEG")
        if not chunk.stamps.size:
            return []
        if math.isnan(self.beginning.eeg_s):
            self.beginning = replace(self.beginning, eeg_s=float(chunk.stamps[0]))
        self._newest_eeg_s = float(chunk.stamps[-1])
        found: list[Result | Asked] = []
        for item in self.eeg.stream(chunk):
            found.append(item)
            if isinstance(item, BandPowerWindow) and self.eeg.hops % self._hops_per_prediction == 0:
                found.append(self._asked(item.end_s, self._usable_eeg(), self._eeg_tuned_to))
        return found

    def answer(self, found: Sequence[Result | Asked]) -> list[Result]:
        """Put predictions in the places of questions; in the order in which they were asked, from one thread."""
        asked = [item for item in found if isinstance(item, Asked)]
        questions = [(item.eeg, item.movement) for item in asked]
        with self._recognizing:
            if self._offline and isinstance(self.recognizer, ManyRecognizer):
                answers = iter(self.recognizer.recognize_many(questions))
            else:
                answers = iter([self.recognizer.recognize(*question) for question in questions])
            return [self._prediction(item, next(answers)) if isinstance(item, Asked) else item for item in found]

    def push_frame(self, frame: VideoFrame | Seen) -> list[Result]:
        """Take one frame; return the observation, movements decided by it and, while no EEG arrives, a prediction.

        Of a film, what `look` made of the frame may be given instead.

        Raises
        ------
        ConfigurationError
            The engine was made without video.
        """
        if self.face is None:
            raise ConfigurationError("video frame pushed into an engine made without video")
        if self.beginning.video_index is None:
            self.beginning = replace(self.beginning, video_s=frame.stamp, video_index=frame.index)
            if self.eeg is not None:
                # EEG that has not begun yet is given as long as EEG that has stopped
                self._newest_eeg_s = max(self._newest_eeg_s, frame.stamp)
        self._tune_face(frame.stamp)
        seen = frame if isinstance(frame, Seen) else self.face.look(frame)
        self._newest_frame_s = frame.stamp
        results: list[Result] = list(self.face.judge(seen))
        for item in results:
            if isinstance(item, MicroMovement):
                if item.kind == "micro" and isinstance(self.recognizer, ForesightedRecognizer):
                    self.recognizer.expect(item)
                self._movements.append(item)
        if frame.stamp - self._newest_eeg_s > self.config.lsl.stale_after_s:
            tick = int(frame.stamp // self.config.engine.prediction_hop_s)
            if tick != self._video_tick:
                self._video_tick = tick
                results += self.answer([self._asked(frame.stamp, None, self._face_tuned_to)])
        return results

    def look(self, frame: VideoFrame) -> Seen:
        """The first half of `push_frame`, for each frame in order, in a thread of its own if need be.

        Raises
        ------
        ConfigurationError
            The engine was made without video.
        """
        if self.face is None:
            raise ConfigurationError("video frame pushed into an engine made without video")
        return self.face.look(frame)

    def _usable_eeg(self) -> EegSequence | None:
        """The newest sequence, or None while too many channels are bad."""
        assert self.eeg is not None
        if self.eeg.bad_fraction > self._eeg_tuned_to.eeg.max_bad_fraction:
            return None
        return self.eeg.sequence()

    def _usable_movement(self, now_s: float, engine: EngineConfig) -> MicroMovement | None:
        """The newest micro-movement that was decided long enough ago and is not too old; none without a camera."""
        gone_s = _CAMERA_GONE * self.config.lsl.stale_after_s
        if self.face is not None and now_s - self._newest_frame_s > gone_s:
            return None
        for movement in reversed(tuple(self._movements)):
            if now_s - movement.apex_s > engine.movement_max_age_s:
                return None
            if movement.kind == "micro" and movement.decided_s + engine.movement_delay_s <= now_s:
                return movement
        return None

    def _asked(self, now_s: float, eeg: EegSequence | None, config: Config) -> Asked:
        return Asked(now_s, eeg, self._usable_movement(now_s, config.engine), config.engine)

    def _prediction(self, asked: Asked, said: Recognition) -> Prediction:
        now_s, eeg, movement = asked.now_s, asked.eeg, asked.movement
        answer = self._smooth(now_s, movement, said, asked.config)
        used = tuple(name for name in ("eeg", "face") if name in answer.by_modality)
        return Prediction(
            stamp=now_s,
            probabilities=answer.probabilities,
            confidence=_confidence(answer.probabilities) if answer.evidence is Evidence.ENOUGH else 0.0,
            modalities=used,
            evidence=answer.evidence,
            model_id=self.recognizer.spec.model_id,
            eeg_age_s=now_s - eeg.end_s if eeg is not None and "eeg" in used else float("nan"),
            face_age_s=now_s - movement.apex_s if movement is not None and "face" in used else float("nan"),
            by_modality=answer.by_modality,
        )

    def _smooth(
        self, now_s: float, movement: MicroMovement | None, answer: Recognition, engine: EngineConfig
    ) -> Recognition:
        """Average the answers of the last `smoothing_s` that rest on the same evidence.

        The windows of one prediction are a second apart, so the predictions of one second look at different sets of
        windows, which differ by noise. A movement that appears or leaves begins afresh: an average must not delay it.
        """
        if answer.evidence is Evidence.NOT_ENOUGH:
            self._recent.clear()
            return answer
        self._recent.append((now_s, movement, answer))
        # half a hop of room: which answers are averaged must not hang on how the source's clock drifts
        oldest_s = now_s - engine.smoothing_s + 0.5 * engine.prediction_hop_s
        # a source whose clock stepped back leaves answers of the future behind: they go, too
        while len(self._recent) > 1 and not oldest_s < self._recent[0][0] <= now_s:
            self._recent.popleft()
        same = [a for _, m, a in self._recent if m is movement and a.by_modality.keys() == answer.by_modality.keys()]
        every = [a for _, _, a in self._recent if "eeg" in a.by_modality]
        alone = {
            name: _mean([a.by_modality[name] for a in (every if name == "eeg" else same)])
            for name in answer.by_modality
        }
        return Recognition(_mean([a.probabilities for a in same]), answer.evidence, alone)


def _mean(rows: list[Float32]) -> Float32:
    return readonly(np.mean(rows, axis=0), np.float32)


def _confidence(probabilities: Float32) -> float:
    """1 - entropy / log(n_classes): 0 for a uniform answer, 1 for a certain one."""
    p = [min(max(value, 1e-12), 1.0) for value in probabilities.tolist()]
    return min(max(1.0 + sum(value * math.log(value) for value in p) / math.log(len(p)), 0.0), 1.0)
