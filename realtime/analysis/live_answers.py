"""What the live engine answered while a session was recorded, and how far an analysis answers the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from realtime.eeg.xdf import section_of, text_of
from realtime.lsl.codecs import EMOTION_EXTRAS
from realtime.lsl.results import EMOTIONS_NAME, HEALTH_NAME, MOVEMENTS_NAME
from realtime.packets import Beginning, FaceObservation, Float32, Float64, MicroMovement, Prediction, Result
from realtime.session.events import TUNING, parse_event
from realtime.tuning_live import tunings_of
from realtime.tuning_plan import Change
from realtime.untrusted import parse_json

_SAME_S = 1e-3
_SAME_SCORE = 1e-3
_TIMES = ("onset_s", "apex_s", "offset_s", "decided_s")


@dataclass(frozen=True, slots=True)
class LiveAnswers:
    """The results of one engine as a recording has them, LSL seconds.

    Parameters
    ----------
    model_id : str
    settings : dict of str
        See `realtime.settings.settings_texts`; empty where the engine did not say.
    beginnings : tuple of Beginning
        Each time its state began anew, in order.
    missed : tuple of (first, last)
        Numbers of frames the engine was not given.
    stamps_s : (n,) float64
    probabilities : (n, n_classes) float32
    eeg_alone : (n, n_classes) float32
        What EEG alone said; NaN where it was not used.
    movements : tuple of dict
        As the event stream has them.
    tunings : tuple of Change
        What it was tuned to, and from when; empty where it did not say.
    clocks_set : tuple of (stream, at_s, by_s)
        Where it took off what the clock of an input's source was set by.
    """

    model_id: str
    settings: dict[str, str]
    beginnings: tuple[Beginning, ...]
    missed: tuple[tuple[int, int], ...]
    stamps_s: Float64
    probabilities: Float32
    eeg_alone: Float32
    movements: tuple[dict[str, Any], ...]
    tunings: tuple[Change, ...] = ()
    clocks_set: tuple[tuple[str, float, float], ...] = ()

    def moved(self, by_s: float) -> LiveAnswers:
        """All stamps later by so much."""
        return replace(self.events_moved(by_s), stamps_s=self.stamps_s + by_s)

    def events_moved(self, by_s: float) -> LiveAnswers:
        """Times that are told in texts later by so much; those of samples stay."""
        return replace(
            self,
            beginnings=tuple(replace(b, eeg_s=b.eeg_s + by_s, video_s=b.video_s + by_s) for b in self.beginnings),
            movements=tuple({**m, **{name: float(m[name]) + by_s for name in _TIMES}} for m in self.movements),
            tunings=tuple(replace(change, at_s=change.at_s + by_s) for change in self.tunings),
            clocks_set=tuple((name, at_s + by_s, set_s) for name, at_s, set_s in self.clocks_set),
        )


def live_answers(streams: Sequence[dict[str, Any]]) -> LiveAnswers | None:
    """The engine's results among a recording's streams; of several engines, the one with the most answers.

    Parameters
    ----------
    streams : sequence of dict
        As `load_streams` gives them.
    """
    emotions = [s for s in streams if text_of(s, "name") == EMOTIONS_NAME and len(s["time_stamps"])]
    if not emotions:
        return None
    emotion = max(emotions, key=lambda s: len(s["time_stamps"]))
    host = text_of(emotion, "hostname")
    told = [event for _, event in _said(_of_host(streams, HEALTH_NAME, host))]
    values = np.asarray(emotion["time_series"], np.float32)
    n = (values.shape[1] - len(EMOTION_EXTRAS)) // 3
    return LiveAnswers(
        model_id=section_of(emotion, "model").get("id", ""),
        settings=section_of(emotion, "settings"),
        beginnings=_beginnings(told),
        missed=tuple((int(a), int(b)) for event in told for a, b in event.get("frames_missed", ())),
        stamps_s=np.asarray(emotion["time_stamps"], np.float64),
        probabilities=values[:, :n],
        eeg_alone=values[:, n : 2 * n],
        movements=tuple(
            event
            for _, event in _said(_of_host(streams, MOVEMENTS_NAME, host))
            if event.get("event") == "movement" and all(isinstance(event.get(name), float) for name in _TIMES)
        ),
        tunings=tunings_of([event for _, event in _said(_of_host(streams, TUNING, host))]),
        clocks_set=_clocks_set(told),
    )


def _of_host(streams: Sequence[dict[str, Any]], name: str, host: str) -> dict[str, Any] | None:
    found = [s for s in streams if text_of(s, "name") == name and text_of(s, "hostname") == host]
    return max(found, key=lambda s: len(s["time_stamps"]), default=None)


def _said(stream: dict[str, Any] | None) -> list[tuple[float, dict[str, Any]]]:
    """(stamp, JSON object) of each text of a stream."""
    if stream is None:
        return []
    rows = zip(stream["time_stamps"], stream["time_series"], strict=True)
    parsed = [(float(stamp), _object(str(row[0]))) for stamp, row in rows if len(row)]
    return [(stamp, event) for stamp, event in parsed if event is not None]


def _object(text: str) -> dict[str, Any] | None:
    if (event := parse_event(text)) is not None:
        return event
    try:
        said = parse_json(text)  # health has no "event"
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _beginnings(told: Sequence[dict[str, Any]]) -> tuple[Beginning, ...]:
    found: list[Beginning] = []
    for event in told:
        inputs = event.get("inputs")
        if not isinstance(inputs, dict):
            continue
        index = inputs.get("video_first_index")
        said = Beginning(
            _number(inputs.get("eeg_first_s")),
            _number(inputs.get("video_first_s")),
            index if isinstance(index, int) else None,
        )
        # an input that began a moment later completes what was said before
        if found and _goes_on(found[-1], said):
            found[-1] = said
        elif not found or found[-1] != said:
            found.append(said)
    return tuple(found)


def _clocks_set(told: Sequence[dict[str, Any]]) -> tuple[tuple[str, float, float], ...]:
    """Each is said again and again."""
    found: dict[tuple[str, float, float], None] = {}
    for event in told:
        gaps = event.get("gaps_found")
        for gap in gaps if isinstance(gaps, list) else ():
            if isinstance(gap, dict) and "clock_set_s" in gap:
                found[str(gap.get("name")), _number(gap.get("at_s")), _number(gap["clock_set_s"])] = None
    return tuple(found)


def _goes_on(before: Beginning, now: Beginning) -> bool:
    pairs = ((before.eeg_s, now.eeg_s), (before.video_s, now.video_s))
    return all(math.isnan(a) or a == b for a, b in pairs)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


class AsLive:
    """Compares an analysis with what the live engine answered; a sink that takes the analysis' results.

    Parameters
    ----------
    live : LiveAnswers
        Stamps as those of the analysis.
    from_s, until_s : float
        What the live engine answered before or after is not compared.
    has_video : bool
        Whether the analysis has the film of what the live engine saw. Without it, movements are not compared, and of
        the answers only what EEG alone said.
    same_s : float
        Stamps closer than this are of the same answer.
    """

    def __init__(
        self, live: LiveAnswers, from_s: float, until_s: float, *, has_video: bool, same_s: float = _SAME_S
    ) -> None:
        inside = (live.stamps_s >= from_s) & (live.stamps_s <= until_s)
        probabilities = live.probabilities if has_video else live.eeg_alone
        inside &= np.isfinite(probabilities).all(axis=1)
        order = np.argsort(live.stamps_s[inside], kind="stable")
        self._from_s, self._same_s = from_s, same_s
        self._stamps = live.stamps_s[inside][order]
        self._probabilities = probabilities[inside][order]
        self._found = np.zeros(len(self._stamps), np.bool_)
        # the recorder ends each stream at a moment of its own: what the other side has not reached is not compared
        self._until_s = min(until_s, float(self._stamps[-1]) if len(self._stamps) else -math.inf)
        self._reached_s = self._seen_s = -math.inf
        self._movements = [m for m in live.movements if from_s <= float(m["decided_s"]) <= self._until_s]
        self._same_movements = 0
        self._video = has_video
        self._extra = self._extra_movements = 0
        self._most = 0.0
        self._at_s = math.nan

    def write(self, result: Result) -> None:
        """Compare one result."""
        if isinstance(result, Prediction):
            self._reached_s = result.stamp
            self._compare(result)
        elif isinstance(result, FaceObservation):
            self._seen_s = result.stamp
        elif isinstance(result, MicroMovement) and self._from_s <= result.decided_s <= self._until_s:
            same = any(_same_movement(result, live, self._same_s) for live in self._movements)
            self._same_movements += same
            self._extra_movements += not same

    def _compare(self, prediction: Prediction) -> None:
        ours = prediction.probabilities if self._video else prediction.by_modality.get("eeg")
        if ours is None or not self._from_s <= prediction.stamp <= self._until_s + self._same_s:
            return
        nearest = int(np.abs(self._stamps - prediction.stamp).argmin())
        if abs(self._stamps[nearest] - prediction.stamp) > self._same_s:
            self._extra += 1
            return
        self._found[nearest] = True
        difference = float(np.abs(self._probabilities[nearest] - ours).max())
        if difference > self._most:
            self._most, self._at_s = difference, prediction.stamp

    @property
    def _live_only(self) -> int:
        """Live answers that the analysis has passed without giving them."""
        return int(np.count_nonzero(~self._found & (self._stamps <= self._reached_s)))

    @property
    def _live_movements(self) -> int:
        """Live movements that the analysis has passed or found."""
        return sum(float(m["decided_s"]) <= self._seen_s + self._same_s for m in self._movements) if self._video else 0

    def report(self) -> dict[str, object]:
        """How far, for analysis.json."""
        compared = int(self._found.sum())
        return {
            "from_s": self._from_s,
            "until_s": min(self._until_s, self._reached_s) if compared else None,
            "compared": compared,
            "of": "answers" if self._video else "answers from EEG alone",
            "max_difference": self._most if compared else None,
            "at_s": self._at_s if self._most > 0 else None,
            "only_live": self._live_only,
            "only_analysis": self._extra,
            "movements": {
                "live": self._live_movements,
                "same": self._same_movements,
                "only_analysis": self._extra_movements,
            },
        }

    def sentence(self) -> str:
        """The report in one line."""
        said = self.report()
        if not said["compared"]:
            return "none of the live engine's answers could be compared"
        movements = f"{self._same_movements} of {self._live_movements} movements the same" if self._video else "no film"
        missing = self._live_only
        return (
            f"as live: {said['compared']} {said['of']} differ by {self._most:.1e} at most"
            f"{f', {missing} came live only' if missing else ''}; {movements}"
        )


def _same_movement(ours: MicroMovement, live: dict[str, Any], same_s: float) -> bool:
    times = all(abs(getattr(ours, name) - float(live[name])) < same_s for name in ("onset_s", "apex_s", "offset_s"))
    score = abs(ours.score - float(live["score"])) <= _SAME_SCORE * max(1.0, ours.score)
    return times and score and ours.kind == live["kind"] and list(ours.regions) == list(live["regions"])
