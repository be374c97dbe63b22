"""Payloads without LSL, and what importing the rooms loads."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.lsl import session
from realtime.lsl.codecs import (
    EMOTION_EXTRAS,
    decode_emotion,
    decode_event,
    decode_movement_images,
    decode_video_sample,
    emotion_channel_labels,
    encode_emotion,
    encode_movement_images,
    encode_video_sample,
    movement_json,
    video_sample_size,
)
from realtime.packets import Evidence, MicroMovement, Prediction, VideoFrame, VideoInfo


def _movement(flow: np.ndarray) -> MicroMovement:
    rng = np.random.default_rng(0)
    onset, apex = rng.integers(0, 256, (2, 256, 256)).astype(np.uint8)
    return MicroMovement(1.0, 1.2, 1.4, 1.6, 7.5, "micro", ("brow_left", "mouth"), onset, apex, flow)


def test_codecs_movement_images_come_back_within_half_a_step() -> None:
    flow = np.random.default_rng(1).uniform(-3.9, 3.9, (256, 256, 2)).astype(np.float32)
    movement = _movement(flow)
    images = decode_movement_images(encode_movement_images(movement))
    assert np.array_equal(images.onset_crop, movement.onset_crop)
    assert np.array_equal(images.apex_crop, movement.apex_crop)
    assert np.abs(images.flow - flow).max() <= 1 / 64 + 1e-6


def test_codecs_flow_is_clipped_and_never_nan() -> None:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[0, 0] = (100.0, -100.0)
    flow[1, 1] = np.nan
    images = decode_movement_images(encode_movement_images(_movement(flow)))
    assert images.flow[0, 0].tolist() == [127 / 32, -4.0]
    assert images.flow[1, 1].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("planes", [1, 3])
@pytest.mark.parametrize("index", [0, 255, 2**40 + 7, -1])
def test_codecs_video_sample_round_trip(planes: int, index: int) -> None:
    info = VideoInfo("v", "v1", 6, 4, planes, 30.0)
    shape = (4, 6) if planes == 1 else (4, 6, 3)
    image = np.random.default_rng(2).integers(0, 256, shape).astype(np.uint8)
    sample = np.empty(video_sample_size(info), np.int8)
    encode_video_sample(VideoFrame(image, 1.5, index), info, sample)
    frame = decode_video_sample(sample, info, 1.5)
    sample[:] = 0
    assert np.array_equal(frame.image, image)
    assert (frame.index, frame.stamp) == (index, 1.5)


def test_codecs_video_refuses_another_size() -> None:
    info = VideoInfo("v", "v1", 6, 4, 1, 30.0)
    with pytest.raises(DataError, match=r"frame 3 is \(4, 5\), the video stream 'v' takes \(4, 6\)"):
        encode_video_sample(VideoFrame(np.zeros((4, 5), np.uint8), 0.0, 3), info, np.empty(32, np.int8))
    with pytest.raises(DataError, match="video sample of 31 bytes does not fit 6x4x1: 32 wanted"):
        decode_video_sample(np.zeros(31, np.int8), info, 0.0)
    with pytest.raises(DataError, match="movement images of 5 bytes: 262144 wanted"):
        decode_movement_images(np.zeros(5, np.int8))


def test_codecs_emotion_round_trip_with_one_modality() -> None:
    alone = np.array([0.2, 0.8], np.float32)
    prediction = Prediction(
        5.0,
        np.array([0.25, 0.75], np.float32),
        0.3,
        ("eeg",),
        Evidence.ENOUGH,
        "m1",
        0.004,
        math.nan,
        by_modality={"eeg": alone},
    )
    sample = decode_emotion(encode_emotion(prediction, 2), 2)
    assert sample.probabilities.tolist() == [0.25, 0.75]
    assert list(sample.by_modality) == ["eeg"]
    assert np.array_equal(sample.by_modality["eeg"], alone)
    assert (sample.modalities, sample.evidence) == (("eeg",), Evidence.ENOUGH)
    assert (sample.confidence, sample.eeg_age_s) == pytest.approx((0.3, 0.004))
    assert math.isnan(sample.face_age_s)
    with pytest.raises(DataError, match="prediction with 2 classes for a stream of 3"):
        encode_emotion(prediction, 3)
    with pytest.raises(DataError, match="emotion sample of 4 numbers, 2 classes take 12"):
        decode_emotion(np.zeros(4), 2)


@pytest.mark.parametrize("alone", [(), ("eeg",), ("face",), ("eeg", "face")])
def test_codecs_emotion_sample_holds_the_numbers_at_their_labels(alone: tuple[str, ...]) -> None:
    rng, classes = np.random.default_rng(0), ("a", "b", "c")
    fused, by_modality = rng.random(3, np.float32), {name: rng.random(3, np.float32) for name in alone}
    prediction = Prediction(5.0, fused, 0.3, alone, Evidence.ENOUGH, "m1", 0.004, math.nan, by_modality=by_modality)
    row = encode_emotion(prediction, 3)
    assert row.dtype == np.float32
    unknown = np.full(3, np.nan, np.float32)
    answers = [fused, by_modality.get("eeg", unknown), by_modality.get("face", unknown)]
    extras = np.array([0.3, "eeg" in alone, "face" in alone, 1.0, 0.004, math.nan], np.float32)
    np.testing.assert_array_equal(row, np.concatenate([*answers, extras]))
    assert len(row) == len(emotion_channel_labels(classes))


def test_codecs_emotion_labels_are_in_the_agreed_order() -> None:
    assert emotion_channel_labels(("a", "b")) == ("a", "b", "a_eeg", "b_eeg", "a_face", "b_face", *EMOTION_EXTRAS)


def test_codecs_events() -> None:
    movement = _movement(np.zeros((256, 256, 2), np.float32))
    event = decode_event(movement_json(movement))
    assert event == {
        "event": "movement",
        "kind": "micro",
        "onset_s": 1.0,
        "apex_s": 1.2,
        "offset_s": 1.4,
        "decided_s": 1.6,
        "score": 7.5,
        "regions": ["brow_left", "mouth"],
    }
    with pytest.raises(DataError, match="marker 'S 12' is not JSON"):
        decode_event("S 12")
    with pytest.raises(DataError, match="has no 'event'"):
        decode_event("[1]")


def test_session_text_keeps_to_the_loopback_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOSTREAM_SESSION", "from-env")
    text = session.config_text()
    assert "ResolveScope = machine" in text
    assert "KnownPeers = {127.0.0.1}" in text
    assert "SessionID = from-env\n" in text
    wide = session.config_text(network=True, session="lab1")
    assert "SessionID = lab1\n" in wide
    assert "ResolveScope" not in wide
    assert "KnownPeers" not in wide
    monkeypatch.delenv("EMOSTREAM_SESSION")
    assert "SessionID = default\n" in session.config_text()


@pytest.mark.parametrize("bad", ["", "a b", "x\n[ports]", "ä", "y" * 65])
def test_session_id_that_could_break_the_configuration_is_refused(bad: str) -> None:
    with pytest.raises(ConfigurationError, match="is not valid: use 1 to 64 letters"):
        session.config_text(session=bad)


def test_session_cannot_be_changed_once_it_is_set() -> None:
    code = (
        "from realtime.lsl import session\n"
        "session.configure(session_id='one')\nsession.configure(session_id='one')\n"
        "try:\n    session.configure(session_id='two')\nexcept Exception as err:\n    print(type(err).__name__, err)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("ConfigurationError LSL is already configured in this process")


def test_packets_and_codecs_do_not_load_liblsl() -> None:
    code = (
        "import sys\nimport realtime.packets, realtime.ring, realtime.lsl, realtime.lsl.session, realtime.lsl.codecs\n"
        "import realtime.lsl.clock, realtime.lsl.description, realtime.lsl.mne_bridge\n"
        "print(sorted(m for m in ('pylsl', 'mne', 'cv2', 'torch') if m in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
