"""The benchmarks: what they write, and that the ways they compare do the same work. Never how long anything takes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import dsp, network, offline, scaling, whole_file
from benchmarks.__main__ import main
from benchmarks.arrivals import Arrivals
from benchmarks.checkpoint import PATH
from benchmarks.measure import Timing, interleave
from benchmarks.report import Goal, Row
from benchmarks.runtimes import peers
from models.recognizer import load_recognizer
from realtime.eeg.bands import band_power
from realtime.eeg.xdf import read_xdf
from realtime.errors import ConfigurationError

KEYS = {"name", "ours", "floor", "peers", "ratio", "goal", "met"}


def test_the_signal_suite_writes_the_contracts_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "b.json"
    assert main(["dsp", "--seconds", "0.01", "--summary", str(path)]) == 0
    summary = json.loads(path.read_text(encoding="utf-8"))
    assert set(summary) == {"machine", "rows"}
    assert summary["machine"]["cores"] >= 1
    assert summary["machine"]["load_before"] >= 0
    assert {"onnxruntime", "mne-lsl"} <= set(summary["machine"]["libraries"])
    assert len(summary["rows"]) == 5
    for row in summary["rows"]:
        assert row.keys() >= KEYS
        assert row["ours"] > 0
        assert row["ratio"] == pytest.approx(row["ours"] / row["floor"])
        assert all(row["speedup"][name] == pytest.approx(time / row["ours"]) for name, time in row["peers"].items())
        assert isinstance(row["met"], bool)
    *band_power_rows, ring, _ = summary["rows"]
    assert max(row["max_difference"] for row in band_power_rows) < 1e-5
    assert ring["max_difference"] == 0
    assert "the view is no copy" in ring["goal"]
    assert all("within 1e-5 of" in row["goal"] for row in band_power_rows)
    assert "np.roll" in capsys.readouterr().out


def _suites(monkeypatch: pytest.MonkeyPatch, **raised: BaseException | None) -> None:
    """Suites of one row each in place of all, in this order; some raise instead."""

    def measure(name: str, error: BaseException | None) -> list[Row]:
        if error is not None:
            raise error
        return [Row(name, ours=Timing(1.0, 1.0, 1))]

    monkeypatch.setattr("benchmarks.__main__.SUITES", tuple(raised))
    for name, error in raised.items():
        suite = SimpleNamespace(run=lambda _seconds, name=name, error=error: measure(name, error))
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", suite)


def test_a_suite_that_fails_does_not_take_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _suites(monkeypatch, first=None, broken=ConfigurationError("no such thing"), last=None)
    assert main(["all", "--summary", str(tmp_path / "b.json")]) == ConfigurationError.exit_code
    assert capsys.readouterr().err == "benchmarks: broken: no such thing\n"
    rows = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["rows"]
    assert [row["suite"] for row in rows] == ["first", "last"]


def test_what_was_measured_before_ctrl_c_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _suites(monkeypatch, first=None, long=KeyboardInterrupt(), last=None)
    assert main(["all", "--summary", str(tmp_path / "b.json")]) == 130
    assert [row["name"] for row in json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["rows"]] == ["first"]


def test_the_peer_that_reads_a_file_whole_takes_every_window(tmp_path: Path) -> None:
    offline.write_session(tmp_path / "s.xdf", 3.0)
    assert whole_file.read_and_welch(tmp_path / "s.xdf") == 41


@pytest.mark.parametrize("sfreq_hz", [200.0, 1000.0])
def test_peers_compute_the_definition(sfreq_hz: float) -> None:
    x = np.random.default_rng(1).normal(0.0, 20.0, (62, round(sfreq_hz))).astype(np.float32)
    defined = band_power(x, sfreq_hz, dsp.BANDS)
    np.testing.assert_allclose(dsp.welch_band_power(x, sfreq_hz), defined, atol=1e-5)
    np.testing.assert_allclose(dsp.loop_band_power(x, sfreq_hz), defined, atol=1e-5)


def test_every_runtime_gives_the_same_answers() -> None:
    ours, others = load_recognizer(PATH), peers(PATH)
    assert "torch eager" in others
    for question in network.QUESTIONS:
        row = network.network_row(ours, others, question, 0.01)
        assert row.peers.keys() == others.keys()
        assert row.max_difference is not None
        assert row.max_difference < 1e-5
        assert row.also == {"within 1e-5 of eager": True}


def test_a_push_that_arrives_in_two_pieces_is_counted_once_and_late() -> None:
    arrivals = Arrivals()
    assert arrivals.note(np.array([0.0, 0.0, 0.0], np.float32), 0.9) == 1
    assert arrivals.note(np.array([0.0, 1.0, 0.0, 2.0], np.float32), 1.0) == 1
    assert arrivals.note(np.array([0.0, 3.0], np.float32), 1.5) == 3
    assert not arrivals.ended
    arrivals.note(np.array([-1.0], np.float32), 2.0)
    assert arrivals.ended
    assert arrivals.times == {1: 1.0, 2: 1.0, 3: 1.5}


def test_calls_are_interleaved_and_counted() -> None:
    order: list[str] = []

    def slow(name: str) -> None:
        order.append(name)
        sum(range(200_000))

    timings = interleave({"a": lambda: slow("a"), "b": lambda: slow("b")}, 0.0, rounds=4)
    assert timings["a"].count == timings["b"].count == 4
    assert "".join(order[-8:]) == "abababab"


def test_goals_are_judged_by_the_rows_own_figures() -> None:
    row = Row("work", ours=Timing(2.0, 6.0, 9), floor=Timing(1.0, 1.0, 9), peers={"peer": Timing(20.0, 20.0, 9)})
    held = {
        Goal("over floor", 2): True,
        Goal("over floor", 1.9): False,
        Goal("below peer", 10, "peer"): True,
        Goal("below peer", 11, "peer"): False,
        Goal("median", 2.0): True,
        Goal("median", 1.0): False,
        Goal("p99", 6.0): True,
        Goal("p99", 5.0): False,
    }
    assert {goal: goal.met(row) for goal in held} == held
    assert row.met is None
    assert Goal("below peer", 10, "peer").text() == "at least 10 x below peer"


def test_no_goal_is_met_where_there_is_no_floor() -> None:
    row = Row("work", ours=Timing(2.0, 2.0, 1), goals=(Goal("over floor", 3),))
    assert row.ratio is None
    assert row.met is False


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["dsp", "--seconds", "0"], ["dsp", "--summary", "no/such/folder/b.json"]]
)
def test_wrong_usage_leaves_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert "usage: python -m benchmarks" in capsys.readouterr().err


def test_features_of_a_recording_are_welch_of_the_cleaned_samples() -> None:
    assert offline.features_difference(dsp.signal_uv(dsp.N_CHANNELS, offline.SFREQ_HZ, 3.0)) < 1e-5


def test_features_are_told_with_the_read_and_the_read_is_measured_often_enough(tmp_path: Path) -> None:
    row = offline.features_row(tmp_path, 6.0, 0.01)
    assert row.also == {"within 1e-5 of the definition": True}
    assert row.floor is not None
    assert row.floor.count >= 9
    assert row.ratio is not None
    assert row.ratio > 1.0


def test_an_hour_is_told_without_the_start_where_that_is_known() -> None:
    assert offline._told_for_an_hour(5.0, 7.0, 300.0) == pytest.approx((3.0 + 48.0, 3.0))
    assert offline._told_for_an_hour(30.0, 57.0, 3600.0) == pytest.approx((57.0, 3.0))
    # no start can be told: the longer session took more than twice as long, or no longer
    assert offline._told_for_an_hour(2.0, 5.0, 300.0) == pytest.approx((60.0, 0.0))
    assert offline._told_for_an_hour(3.5, 3.4, 12.0) == pytest.approx((1020.0, 0.0))


@pytest.mark.parametrize(("long_mb", "flat"), [(440.0, True), (441.0, False)])
def test_memory_that_grows_with_the_session_is_not_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long_mb: float, flat: bool
) -> None:
    peak_mb = {30.0: 400.0, 60.0: long_mb}
    monkeypatch.setattr(
        offline,
        "analyzed",
        lambda _folder, s, film: offline.Run(s / 500.0, s / 500.0, {"process": {"peak_rss_mb": peak_mb[s]}}),
    )
    row = offline.analyze_row(tmp_path, 60.0, film=False)
    assert row.also == {"twice the session, at most a tenth more memory": flat}


def test_a_made_session_holds_the_samples_it_is_asked_for(tmp_path: Path) -> None:
    offline.write_samples(tmp_path / "s.f4", 1.5)
    offline.write_session(tmp_path / "s.xdf", 1.5)
    samples = offline.read_samples(tmp_path / "s.f4")
    assert samples.shape == (dsp.N_CHANNELS, 1500)
    recording = read_xdf(tmp_path / "s.xdf")
    np.testing.assert_array_equal(recording.samples_uv, samples)
    assert recording.info.sfreq_hz == offline.SFREQ_HZ


def test_a_curve_says_where_a_way_stops_keeping_up(tmp_path: Path) -> None:
    curve = scaling.Curve("x", "channels", [8, 16, 32], {"quick": [0.1, 0.2, 0.4], "slow": [0.4, 1.2, 3.0]}, {})
    assert curve.stops_at("quick") is None
    assert curve.stops_at("slow") == 16
    scaling._draw(curve, 1000.0, tmp_path / "c.svg")
    assert "slow: stops at 16" in (tmp_path / "c.svg").read_text(encoding="utf-8")
    memory = {"peak MB: flat": [50.0, 50.0, 50.0], "peak MB: whole": [20.0, 40.0, 80.0], "frames": [1.0, 2.0, 3.0]}
    ends = scaling.Curve("x", "minutes", [1, 2, 4], {}, memory).memory_ends_at(1000.0)
    assert ends.keys() == {"flat", "whole"}
    assert ends["flat"] > 1e6
    assert ends["whole"] == pytest.approx(50.0)
    scaling._draw(
        scaling.Curve("x", "minutes", [1, 2, 4], {"whole": [0.1, 0.1, 0.1]}, memory), 1024.0, tmp_path / "m.svg"
    )
    assert "whole: would fill 1 GB at 51" in (tmp_path / "m.svg").read_text(encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no folder"):
        scaling.run(tmp_path / "absent", 0.01)
