"""What may be changed while an engine runs: bounds, the moment a change takes effect, what is answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from fakes import CHANNELS, AlphaRecognizer, make_spec

from realtime.config import Config, DisplayConfig, EegConfig
from realtime.engine import Engine
from realtime.errors import ConfigurationError, DataError
from realtime.packets import BandPowerWindow, ChannelQuality, EegChunk, EegInfo, Prediction, Quality, Result
from realtime.tuning import KNOBS, PLACES, Tuning
from realtime.tuning_live import TuningDesk, tunings_of
from realtime.tuning_plan import DELAY_S, Change, TuningPlan

SFREQ = 250.0
INFO = EegInfo("test", "test-1", CHANNELS, SFREQ)
START = Tuning.from_config(Config())


def eeg(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(3)
    t = np.arange(int(seconds * SFREQ)) / SFREQ
    swell = 5.0 + 15.0 * np.sin(2.0 * t) ** 2
    return (rng.normal(0.0, 5.0, (len(CHANNELS), t.size)) + swell * np.sin(2 * np.pi * 10.0 * t)).astype(np.float32)


def push(engine: Engine, x: np.ndarray, size: int, first: int = 0) -> list[Result]:
    results: list[Result] = []
    for start in range(0, x.shape[1], size):
        part = x[:, start : start + size]
        stamps = (first + start + np.arange(part.shape[1])) / SFREQ
        results += engine.push_eeg(EegChunk(part, stamps, "uid", first + start))
    return results


def test_every_value_has_its_place_in_the_configuration_and_comes_back() -> None:
    turned = START.changed(
        {name: knob.high if name != "min_confidence" else 0.9 for name, knob in KNOBS.items()}
        | {"class_names": {"low": "calm"}, "bands": [["mu", 8, 12]]}
    )
    config = turned.applied_to(Config())
    assert Tuning.from_config(config) == turned
    assert config.face.spotter.on_z == KNOBS["on_z"].high
    assert config.eeg.noisy_uv == KNOBS["noisy_uv"].high
    assert set(PLACES) == set(Tuning.model_fields)
    for name, knob in KNOBS.items():
        assert knob.low <= getattr(START, name) <= knob.high
    assert turned.applied_to(Config()).lsl == Config().lsl


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"smoothing_s": 99}, "smoothing_s"),
        ({"smoothing_s": "2"}, "smoothing_s"),
        ({"on_z": math.nan}, "on_z"),
        ({"on_z": True}, "on_z"),
        ({"target_sfreq_hz": 100}, "target_sfreq_hz"),
        ({"bands": [["a", 8, 4]]}, "band 'a' is 8-4 Hz"),
        ({"bands": [["a", 1, 4], ["a", 4, 8]]}, "name of its own"),
        ({"bands": [["my_band", 1, 4]]}, "holds no '_'"),
        ({"class_names": {"low": " "}}, "class_names"),
    ],
)
def test_what_cannot_be_is_refused_by_name_in_one_line(changes: dict[str, object], named: str) -> None:
    with pytest.raises(DataError, match=named) as refused:
        START.changed(changes)
    assert "\n" not in str(refused.value)


def test_a_configuration_beyond_every_bound_is_told_at_the_start() -> None:
    with pytest.raises(ConfigurationError, match="noisy_uv"):
        TuningPlan(Config(eeg=EegConfig(noisy_uv=1e13)))


def test_a_change_never_touches_a_stamp_that_was_reached() -> None:
    plan = TuningPlan(Config())
    smooth, raw = START.changed({"smoothing_s": 3.0}), START.changed({"smoothing_s": 0.0})
    assert plan.schedule(smooth, 10.0) == 10.0 + DELAY_S
    assert plan.config_at(10.2, "eeg").engine.smoothing_s == 1.0
    assert plan.config_at(10.25, "eeg").engine.smoothing_s == 3.0
    plan.config_at(12.0, "face")
    # it comes late: the face has passed the moment it was meant for
    late = plan.schedule(raw, 11.0)
    assert late == math.nextafter(12.0, math.inf)
    assert plan.config_at(11.5, "eeg").engine.smoothing_s == 3.0
    assert plan.config_at(12.1, "eeg").engine.smoothing_s == 0.0
    # asked for earlier, heard later: the last word counts
    assert plan.schedule(smooth, 5.0) > late
    assert plan.newest == smooth


def test_inputs_on_a_clock_of_their_own_need_not_reach_the_operators() -> None:
    plan = TuningPlan(Config())
    plan.config_at(3.0, "eeg")
    assert plan.schedule(START.changed({"on_z": 4.0}), 1e6) == 3.0 + DELAY_S


def test_recorded_changes_make_the_same_plan() -> None:
    changes = [Change(-math.inf, START.changed({"on_z": 2.0})), Change(5.0, START.changed({"on_z": 4.0}))]
    plan = TuningPlan(Config(), reversed(changes))
    assert plan.changes == tuple(changes)
    assert [plan.config_at(at, "eeg").face.spotter.on_z for at in (0.0, 4.999, 5.0)] == [2.0, 2.0, 4.0]


@pytest.mark.parametrize("size", [1, 13, 1500])
def test_a_change_takes_effect_at_its_hop_however_samples_are_cut(size: int) -> None:
    x = eeg(6.0)
    tuned = START.changed({"smoothing_s": 0.0, "noisy_uv": 6.0, "bands": [["mu", 8.0, 12.0]]})
    plan = TuningPlan(Config(), [Change(3.01, tuned)])
    results = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False, plan=plan), x, size)
    usual = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), x, 7)
    noisy = [r.stamp for r in results if isinstance(r, ChannelQuality) and np.any(r.flags & Quality.NOISY)]
    # the first report of quality at or after 3.01 s; reports are a quarter of a second apart, hops 50 ms
    assert 3.01 <= noisy[0] < 3.01 + 0.25
    shown = [r.end_s for r in results if isinstance(r, BandPowerWindow) and r.shown is not None]
    assert 3.01 <= shown[0] < 3.01 + 0.05
    ours, theirs = ([r for r in rs if isinstance(r, Prediction)] for rs in (results, usual))
    assert [p.stamp for p in ours] == [p.stamp for p in theirs]
    differ = [a.stamp for a, b in zip(ours, theirs, strict=True) if not np.allclose(a.probabilities, b.probabilities)]
    assert 3.01 <= differ[0] < 3.01 + 0.2


def test_shown_bands_are_those_asked_for_and_the_model_reads_its_own() -> None:
    bands = (("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("low beta", 14.0, 20.0))
    recognizer, usual = AlphaRecognizer(), AlphaRecognizer()
    config = Config(display=DisplayConfig(bands=bands))
    windows = push(Engine(recognizer, eeg=INFO, has_video=False, config=config), eeg(3.0), 50)
    push(Engine(usual, eeg=INFO, has_video=False), eeg(3.0), 50)
    newest = next(r for r in reversed(windows) if isinstance(r, BandPowerWindow))
    assert newest.shown is not None
    assert newest.shown.bands == bands
    np.testing.assert_allclose(newest.shown.log_power[:, :2], newest.log_power[:, 1:3], atol=1e-5)
    (one, _), (other, _) = recognizer.asked[-1], usual.asked[-1]
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.log_power, other.log_power)
    with pytest.raises(ConfigurationError, match="'high'"):
        push(
            Engine(
                recognizer,
                eeg=INFO,
                has_video=False,
                config=Config(display=DisplayConfig(bands=(("high", 90.0, 200.0),))),
            ),
            eeg(1.0),
            50,
        )


class Said:
    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []

    def push_json(self, event: Mapping[str, Any], stamp: float | None = None) -> None:
        self.events.append(dict(event))


def make_desk(engine: Engine) -> tuple[TuningDesk, Said]:
    said = Said()
    return TuningDesk(engine.plan, make_spec(), "engine-1", engine.require_tunable, said, lambda: 100.0), said


def test_an_engine_answers_what_it_took_and_why_it_refused() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    desk, said = make_desk(engine)
    desk.hear({"event": "tune", "request": "a", "set": {"smoothing_s": 2}}, 100.0)
    accepted, state = said.events
    assert (accepted["event"], accepted["request"], accepted["at_s"]) == ("tuning_accepted", "a", 100.0 + DELAY_S)
    # nothing has reached that moment: in force is what was before
    assert state["values"] == START.values
    assert state["pending"] == START.changed({"smoothing_s": 2}).values
    for wrong, named in (
        ({"event": "tune", "set": {"smoothing_s": -1}}, "smoothing_s"),
        ({"event": "tune", "set": {}}, "nothing to change"),
        ({"event": "tune", "set": {"class_names": {"nobody": "x"}}}, "no class 'nobody'"),
        ({"event": "tune", "set": {"class_names": {"low": "high"}}}, "two classes"),
        ({"event": "tune", "set": {"bands": [["far", 90, 300]]}}, "band 'far'"),
    ):
        said.events.clear()
        desk.hear(wrong, 100.0)
        (refused,) = said.events
        assert refused["event"] == "tuning_refused"
        assert named in str(refused["reason"])
    said.events.clear()
    desk.hear({"event": "tune", "engine": "another", "set": {"smoothing_s": 3}}, 100.0)
    desk.hear({"event": "note", "text": "blinked"}, 100.0)
    assert not said.events
    desk.hear({"event": "tune", "set": {"smoothing_s": 3}}, 900.0)
    assert "ahead of the engine's clock" in str(said.events[0]["reason"])
    assert engine.plan.newest.smoothing_s == 2


def test_what_is_in_force_is_told_when_the_inputs_have_reached_it_and_every_second() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    desk, said = make_desk(engine)
    desk.hear({"event": "tune", "set": {"smoothing_s": 2.0}}, 0.5)
    said.events.clear()
    desk.tell(100.1)
    assert not said.events
    push(engine, eeg(1.0), 50)
    desk.tell(100.2)
    assert said.events[-1]["values"] == engine.plan.newest.values
    assert said.events[-1]["pending"] is None
    assert len(said.events[-1]["changes"]) == 2  # type: ignore[arg-type]
    desk.tell(100.3)
    desk.tell(101.3)
    assert len(said.events) == 2


def test_a_recording_that_began_late_still_knows_the_tuning() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    desk, said = make_desk(engine)
    desk.hear({"event": "tune", "set": {"on_z": 5.0}}, 0.5)
    push(engine, eeg(8.0), 50)
    said.events.clear()
    desk.tell(200.0)
    desk.hear({"event": "tune", "set": {"on_z": 6.0}}, 9.0)
    first, second = tunings_of(said.events)
    assert (first.at_s, first.tuning.on_z) == (0.75, 5.0)
    assert (second.at_s, second.tuning.on_z) == (9.25, 6.0)
    assert TuningPlan(Config(), (first, second)).config_at(5.0, "eeg").face.spotter.on_z == 5.0


def test_a_new_engine_of_the_same_parts_goes_by_the_same_plan() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    make_desk(engine)[0].hear({"event": "tune", "set": {"smoothing_s": 0.0}}, -1.0)
    fresh = engine.anew()
    assert fresh.plan is engine.plan
    answers = [r for r in push(fresh, eeg(3.0), 50) if isinstance(r, Prediction)]
    alone = Engine(AlphaRecognizer(), eeg=INFO, has_video=False, config=fresh.plan.newest.applied_to(Config()))
    expected = [r for r in push(alone, eeg(3.0), 50) if isinstance(r, Prediction)]
    np.testing.assert_array_equal([p.probabilities for p in answers], [p.probabilities for p in expected])
