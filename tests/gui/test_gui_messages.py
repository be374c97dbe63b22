"""Decoding of what arrives: our own messages, other programs' markers, odd values."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from gui.streams.messages import band_layout, emotion_from, found_from, health_from, note_from, truth_from
from realtime.errors import DataError
from realtime.lsl.codecs import encode_emotion
from realtime.packets import Evidence, Prediction


def test_an_emotion_sample_keeps_what_was_published() -> None:
    sent = Prediction(
        4.0,
        np.array([0.7, 0.3], np.float32),
        0.25,
        ("eeg",),
        Evidence.ENOUGH,
        "m",
        0.1,
        math.nan,
        by_modality={"eeg": np.array([0.6, 0.4], np.float32)},
    )
    got = emotion_from(encode_emotion(sent, 2), 2, 4.0)
    np.testing.assert_array_equal(got.probabilities, sent.probabilities)
    np.testing.assert_array_equal(got.by_eeg, sent.by_modality["eeg"])
    assert np.isnan(got.by_face).all()
    assert (got.used_eeg, got.used_face, got.enough) == (True, False, True)
    assert got.eeg_age_s == pytest.approx(0.1)
    assert math.isnan(got.face_age_s)


def test_band_labels_give_channels_and_bands() -> None:
    labels = [f"{channel}_{band}" for channel in ("Fp1", "O_2") for band in ("delta", "alpha")]
    assert band_layout(labels) == (("Fp1", "O_2"), ("delta", "alpha"))
    with pytest.raises(DataError, match="'<channel>_<band>' are wanted"):
        band_layout(["Fp1_delta", "Fp1_alpha", "O2_alpha"])


def test_movements_are_read_from_both_sides() -> None:
    times = {"onset_s": 1.0, "apex_s": 1.2, "offset_s": 1.4}
    found = found_from(json.dumps({"event": "movement", "kind": "micro", "score": 7.5, "regions": ["chin"], **times}))
    assert found is not None
    assert (found.onset_s, found.score, found.regions, found.true) == (1.0, 7.5, ("chin",), False)
    true = truth_from(json.dumps({"event": "movement", "kind": "macro", **times}), 2.0)
    assert true is not None
    assert true.true  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text", ["not json", "[1, 2]", "5", '{"other": 1}', '{"event": "movement", "onset_s": "soon"}']
)
def test_markers_of_other_programs_are_left_alone(text: str) -> None:
    assert found_from(text) is None
    assert truth_from(text, 0.0) is None
    assert health_from(text, 0.0) is None


def test_a_note_is_shown_at_the_moment_it_is_about() -> None:
    note = note_from(json.dumps({"event": "note", "text": "sneezed", "at_s": 12.5}), 15.0)
    assert note is not None
    assert (note.stamp, note.text) == (12.5, "sneezed")
    action = note_from(json.dumps({"event": "start"}), 15.0)
    assert action is not None
    assert (action.stamp, action.text) == (15.0, "start")


def test_health_with_unknown_numbers() -> None:
    row = {"name": "eeg", "state": "live", "received": 10, "lost": None, "gaps": 0, "age_s": None, "rate_hz": 250.0}
    report = health_from(json.dumps({"streams": [row], "latency_ms": {"p50": None}}), 1.0)
    assert report is not None
    assert report.streams[0].lost == 0
    assert math.isnan(report.streams[0].age_s)
    assert math.isnan(report.latency_p50_ms)
    assert report.model is None
