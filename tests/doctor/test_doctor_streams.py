"""The doctor's view of streams: each usual trouble is told, and what is good is called good."""

from __future__ import annotations

import numpy as np
import pytest
from doctor_helpers import NAMES, camera, eeg, only, pictures, states

from realtime.doctor.findings import Finding, as_json, worst
from realtime.doctor.streams import SeenStream, check_eeg, check_offset, check_streams, check_video
from realtime.lsl.description import ChannelDescription


def test_a_good_session_is_called_good() -> None:
    found = check_streams([eeg(), camera(), pictures()])
    assert set(states(found).values()) == {"ok"}
    said = {finding.check: finding.found for finding in found}
    assert said["EEG 'cap' rate"] == "250.00 Hz, said to be 250 Hz"
    assert said["EEG 'cap' channels"].startswith("8: Fp1, Fp2, C3")
    assert said["video 'emostream-video' exposure"] == "exposure locked at 9, gain locked at 1"


def test_no_streams_is_a_warning_that_says_how_to_begin() -> None:
    found = only(check_streams([]), "warn")
    assert "emostream headset" in found.advice
    assert only(check_streams([SeenStream("psy", "Markers", "p")]), "warn").found == "1 Markers: neither EEG nor video"


def test_two_headsets_have_to_be_told_apart() -> None:
    found = only(check_streams([eeg(), eeg(name="other", source_id="x"), camera(), pictures()]), "warn")
    assert found.found == "2 of EEG: cap, other"
    assert "--eeg" in found.advice


def test_a_source_id_that_is_there_twice_is_a_failure() -> None:
    found = only(check_streams([eeg(), camera(), pictures(), pictures(source_id="cap-1", hostname="b")]), "fail")
    assert found.found == "2 streams share the source id 'cap-1' (on b, lab)"
    found = only(check_streams([eeg(source_id=""), camera(), pictures()]), "warn")
    assert found.found == "cap: no source id"


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"rate": 0.0}, "fail", "irregular"),
        ({"texts": True}, "fail", "carries texts"),
        ({"channels": ()}, "fail", "8 channels, 0 described: without names"),
        ({"channels": tuple(ChannelDescription("", "uV", "EEG") for _ in NAMES)}, "fail", "without names"),
        ({"channels": tuple(ChannelDescription(n, "uV", "AUX") for n in NAMES)}, "fail", "none of type EEG, only AUX"),
        ({"channels": tuple(ChannelDescription("Fp1", "uV", "EEG") for _ in NAMES)}, "fail", "twice: Fp1"),
        ({"unit": "celsius"}, "fail", "unit 'celsius' is not a voltage"),
        ({"unit": ""}, "warn", "none: taken for µV"),
        ({"spread": 12e-6}, "fail", "typical deviation 1.2e-05 µV: no scalp EEG"),
        ({"spread": 12e6}, "fail", "no scalp EEG"),
        ({"spread": 0.0}, "fail", "every sample is the same"),
        ({"values": np.full((500, 8), np.nan)}, "fail", "no channel sends numbers"),
        ({"rate": 256.0}, "warn", "250.00 Hz, said to be 256 Hz"),
        ({"rate": 1000.0}, "fail", "250.00 Hz, said to be 1000 Hz"),
        ({"stamps": np.empty(0), "values": None}, "fail", "nothing came in 2.0 s"),
        ({"stamps": np.full(9, 5.0)}, "fail", "9 samples in 2.0 s"),
        ({"channels": tuple(ChannelDescription(n, "uV", "EEG") for n in NAMES[:4]), "channel_count": 4}, "warn", "4: "),
    ],
)
def test_trouble_with_eeg_is_told(changes: dict[str, object], state: str, said: str) -> None:
    found = only([f for f in check_eeg(eeg(**changes)) if f.state != "ok"], state)
    assert said in found.found
    assert "cap" in found.check


def test_slow_eeg_is_refused() -> None:
    stamps = 100.0 + np.arange(500) / 64.0
    assert only(list(check_eeg(eeg(rate=64.0, stamps=stamps))), "fail").found == "64 Hz"


def test_volts_that_are_called_so_are_good_and_a_flat_electrode_is_named() -> None:
    good = eeg(unit="V", spread=12e-6)
    assert set(states(list(check_eeg(good))).values()) == {"ok"}
    values = np.array(eeg().values)
    values[:, 2] = 5.0
    assert only(list(check_eeg(eeg(values=values))), "warn").found == "typical deviation 11.8 µV; 1 flat"


def test_channels_that_are_no_eeg_do_not_count() -> None:
    channels = (*eeg().channels[:-1], ChannelDescription("TRG", "", "Trigger"))
    values = np.array(eeg().values)
    values[:, -1] = 1e7
    found = list(check_eeg(eeg(channels=channels, values=values)))
    assert only(found, "warn").found.startswith("7: ")


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"true": 15.0}, "warn", "15.0 Hz, said to be 30 Hz"),
        ({"rate": 60.0}, "warn", "30.0 Hz, said to be 60 Hz"),
        ({"stamps": np.array([100.0])}, "fail", "1 frames in 2.0 s"),
        ({"values": np.delete(np.arange(63.0), [5, 6, 40])[:, None]}, "warn", "3 of 63 frames lost"),
        ({"stamps": 100.0 + np.arange(60) / 30 + np.tile([0, 0.02], 30)}, "warn", "off by more than half an interval"),
        ({"device": {"exposure": "auto"}}, "warn", "exposure set by the camera itself"),
        ({"device": {"exposure": "locked at 3", "gain": "refused"}}, "warn", "gain set by the camera itself"),
    ],
)
def test_trouble_with_a_camera_is_told(changes: dict[str, object], state: str, said: str) -> None:
    found = only([f for f in check_video(camera(**changes)) if f.state != "ok"], state)
    assert said in found.found
    assert "emostream-video" in found.check


def test_a_camera_that_says_nothing_of_its_exposure_is_not_judged() -> None:
    assert [f.check for f in check_video(camera(device={}))] == [
        "video 'emostream-video' rate",
        "video 'emostream-video' frames",
    ]


def test_clocks_of_other_machines_are_compared() -> None:
    assert only(list(check_offset(eeg(offsets_s=(0.5, 0.5004)))), "ok").found == "steady against lab"
    found = only(list(check_offset(eeg(offsets_s=(0.5, 0.503)))), "warn")
    assert found.found == "the clock of lab moved by +3.0 ms in 2.0 s"
    assert not list(check_offset(eeg()))


def test_a_stream_that_does_not_answer_is_a_failure() -> None:
    found = only(check_streams([eeg(problem="timed out"), pictures()]), "fail")
    assert (found.check, found.found) == ("'cap'", "does not answer: timed out")


def test_findings_as_json() -> None:
    findings = [Finding("a", "ok", "x"), Finding("b", "warn", "y", "z")]
    assert as_json(findings) == {
        "state": "warn",
        "counts": {"ok": 1, "warn": 1, "fail": 0},
        "findings": [
            {"check": "a", "state": "ok", "found": "x", "advice": ""},
            {"check": "b", "state": "warn", "found": "y", "advice": "z"},
        ],
    }
    assert worst([*findings, Finding("c", "fail", "")]) == "fail"
    assert worst([]) == "ok"
