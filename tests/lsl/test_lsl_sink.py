"""Every result of the engine through its LSL stream, read back with names, labels, units and stamps."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from realtime.errors import DataError, EmostreamError
from realtime.packets import Evidence, Marker, Quality

_SINK = """
import math
from realtime.interfaces import RecognizerSpec
bands = (("alpha", 8.0, 14.0), ("beta", 14.0, 30.0))
spec = RecognizerSpec("m1", "simulated people", True, ("happy", "sad"), ("Fp1", "Cz"), bands)
info = EegInfo("amp", "amp", ("FP1", "CZ", "EOG1"), 500.0)
sink = LslSink(spec, info, regions=("brow_left", "mouth"), source_id="t1")
flow = np.zeros((256, 256, 2), np.float32); flow[10, 20] = (0.5, -0.25)
crop = np.arange(65536, dtype=np.uint32).reshape(256, 256).astype(np.uint8)
"""
_WRITE = """
sink.write(BandPowerWindow(np.array([[1.0, 2.0], [9.0, 9.0]], np.float32), 10.0, np.array([True, False])))
sink.write(ChannelQuality(np.array([0, Quality.MAINS | Quality.NOISY, Quality.FLAT], np.uint8), 11.0))
sink.write(FaceObservation(12.0, 0.0))
mesh = np.arange(936, dtype=np.float32).reshape(468, 2)
sink.write(FaceObservation(12.1, 0.9, mesh, crop, np.array([3.0, 4.0], np.float32)))
sink.write(MicroMovement(12.2, 12.4, 12.6, 13.0, 8.0, "micro", ("mouth",), crop, crop[::-1], flow))
sink.write(Prediction(14.0, np.array([0.25, 0.75], np.float32), 0.2, ("eeg", "face"), Evidence.ENOUGH, "m1", 0.01, 1.5,
           by_modality={"eeg": np.array([0.4, 0.6], np.float32)}))
gap = GapRecord("amp", 12.5, 7)
sink.write_health([StreamHealth("amp", "live", 10, 0, 0, math.nan, 500.0)], {"p50": 4.0, "p99": 9.0}, gaps=[gap])
"""


@pytest.mark.end_to_end
@pytest.mark.usefixtures("lsl_session")
def test_sink_streams_can_be_read_back(peers, step_until) -> None:
    from realtime.lsl.discovery import list_streams
    from realtime.lsl.inlets import MarkerReader, SampleReader
    from realtime.lsl.outlets import decode_emotion, decode_movement_images, emotion_labels, emotion_model

    peer = peers()
    peer.run(_SINK)
    samples: dict[str, list] = {}
    markers: dict[str, list[Marker]] = {}
    readers = {}
    found = {info.name(): info for info in list_streams(1.0)}
    for name in ("bandpower", "quality", "face", "mesh", "movement-images", "emotions"):
        samples[name] = []
        readers[name] = SampleReader(found[f"emostream-{name}"], samples[name].append)
    for name in ("movements", "health"):
        markers[name] = []
        readers[name] = MarkerReader(found[f"emostream-{name}"], markers[name].append)
    for reader in readers.values():
        reader.step(0.01)
    peer.run(_WRITE)
    for name, reader in readers.items():
        wanted = 2 if name == "face" else 1
        step_until(reader, lambda reader=reader, wanted=wanted: reader.received == wanted)

    def row(name: str, i: int = 0) -> np.ndarray:
        return np.concatenate([c.values for c in samples[name]])[i]

    assert readers["bandpower"].labels == ("Fp1_alpha", "Fp1_beta", "Cz_alpha", "Cz_beta")
    assert row("bandpower")[:2].tolist() == [1.0, 2.0]
    assert np.isnan(row("bandpower")[2:]).all()
    assert readers["quality"].labels == ("FP1", "CZ", "EOG1")
    assert row("quality").tolist() == [0, Quality.MAINS | Quality.NOISY, Quality.FLAT]
    assert readers["face"].labels == ("score", "motion_brow_left", "motion_mouth")
    assert row("face")[0] == 0.0
    assert np.isnan(row("face")[1:]).all()
    assert row("face", 1).tolist() == pytest.approx([0.9, 3.0, 4.0])
    assert readers["mesh"].labels[:4] == ("x0", "y0", "x1", "y1")
    assert np.array_equal(row("mesh"), np.arange(936))
    images = decode_movement_images(row("movement-images"))
    crop = np.arange(65536).reshape(256, 256).astype(np.uint8)
    assert np.array_equal(images.onset_crop, crop)
    assert np.array_equal(images.apex_crop, crop[::-1])
    assert images.flow[10, 20].tolist() == [0.5, -0.25]
    event = json.loads(markers["movements"][0].text)
    assert (event["apex_s"], event["regions"]) == (12.4, ["mouth"])
    assert samples["movement-images"][0].stamps[0] == pytest.approx(13.0, abs=1e-3)
    assert markers["movements"][0].stamp == pytest.approx(13.0, abs=1e-3)
    classes = emotion_labels(readers["emotions"].lsl_info)
    assert classes == ("happy", "sad")
    assert emotion_model(readers["emotions"].lsl_info) == {
        "id": "m1",
        "trained_on": "simulated people",
        "simulated": "1",
    }
    emotion = decode_emotion(row("emotions"), len(classes))
    assert emotion.probabilities.tolist() == [0.25, 0.75]
    assert (emotion.modalities, emotion.evidence) == (("eeg", "face"), Evidence.ENOUGH)
    assert list(emotion.by_modality) == ["eeg"]
    health = json.loads(markers["health"][0].text)
    assert health["streams"][0] == {
        "name": "amp",
        "state": "live",
        "received": 10,
        "lost": 0,
        "gaps": 0,
        "age_s": None,
        "rate_hz": 500.0,
        "repeated": 0,
        "late": 0,
        "clock_jumps": 0,
        "note": "",
    }
    assert health["gaps_found"] == [{"name": "amp", "at_s": 12.5, "lost": 7}]
    assert health["latency_ms"] == {"p50": 4.0, "p99": 9.0}
    assert health["model"]["classes"] == ["happy", "sad"]
    for reader in readers.values():
        reader.stop()


@pytest.mark.usefixtures("lsl_session")
def test_outlets_refuse_what_does_not_fit() -> None:
    from realtime.lsl.outlets import BandPowerOutlet, EegOutlet, FaceOutlet, MarkerOutlet, QualityOutlet, VideoOutlet
    from realtime.packets import BandPowerWindow, ChannelQuality, EegInfo, FaceObservation, VideoInfo

    with pytest.raises(DataError, match=r"EEG stream 'a' with a rate of 0.0 Hz"):
        EegOutlet(EegInfo("a", "a", ("Cz",), 0.0))
    with pytest.raises(DataError, match="LSL stream 'a' would have no channels"):
        EegOutlet(EegInfo("a", "a", (), 100.0))
    with pytest.raises(DataError, match=r"EEG stream 'a': 2 types for 1 channels"):
        EegOutlet(EegInfo("a", "a", ("Cz",), 100.0), types=["EEG", "EOG"])
    with EegOutlet(EegInfo("a", "a", ("Cz",), 100.0)) as eeg:
        with pytest.raises(DataError, match=r"takes \(1, n\) samples, got \(2, 5\)"):
            eeg.push(np.zeros((2, 5)))
        with pytest.raises(DataError, match="3 stamps for 5 samples"):
            eeg.push(np.zeros((1, 5)), np.arange(3.0))
        eeg.push(np.zeros((1, 0)))
        eeg.push(np.zeros((1, 5)), 12.0)
        assert eeg.pushed == 5
    with pytest.raises(EmostreamError, match="LSL stream 'a' is closed"):
        eeg.push(np.zeros((1, 5)))
    with pytest.raises(DataError, match="1 or 3 planes are wanted"):
        VideoOutlet(VideoInfo("v", "v", 4, 4, 2, 30.0))
    with QualityOutlet(("Cz",)) as quality, pytest.raises(DataError, match="quality of 2 channels, the stream has 1"):
        quality.push(ChannelQuality(np.zeros(2, np.uint8), 1.0))
    with BandPowerOutlet(("Cz",), ("alpha",), 20.0) as power, pytest.raises(DataError, match=r"takes \(1, 1\)"):
        power.push(BandPowerWindow(np.zeros((2, 1), np.float32), 1.0, np.ones(2, bool)))
    face = FaceOutlet(("brow",))
    with pytest.raises(DataError, match="motion of 2 regions, the stream has 1"):
        face.push(FaceObservation(1.0, 0.9, region_motion=np.zeros(2, np.float32)))
    face.close()
    with MarkerOutlet("m") as marker, pytest.raises(ValueError, match="JSON compliant"):
        marker.push_json({"event": "x", "value": math.nan})
