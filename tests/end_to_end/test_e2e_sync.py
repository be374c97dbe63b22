"""A flash that a camera and a headset see: how late the camera is, live, and that a recording has them in step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from e2e import beside, emostream, new_session, read_summary

from realtime.eeg.xdf import load_streams, text_of
from realtime.films.film_reader import FilmReader
from realtime.session.recorded import NO_DELAYS, find_films, find_session, is_index_or_markers, measured_delays
from realtime.sync.flashes import Delay, find_flashes, measure_delay

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

DELAY_S = 0.12
FPS = 30.0


def test_the_delay_is_measured_kept_and_the_same_in_the_recording(tmp_path: Path) -> None:
    name = new_session()
    light = ("simulate", "flash", "--camera-delay", DELAY_S, "--fps", FPS, "--seconds", 120, "--root", "rec")
    with beside(tmp_path, *light, session=name):
        done = emostream(
            "sync", "--channel", "photodiode", "--seconds", 12, "--root", "rec", "--summary", "sync.json",
            folder=tmp_path, session=name,
        )  # fmt: skip
        assert (done.code, done.err) == (0, "")
        record = ("record", "--subject", "01", "--consent", "C-1", "--root", "rec", "--headless", "--seconds", 15)
        done = emostream(*record, folder=tmp_path, session=name)
        assert done.code == 0, done.err
    told = read_summary(tmp_path / "sync.json")
    assert told["delay_s"] == pytest.approx(DELAY_S, abs=0.5 / FPS)
    assert told["flashes"] >= 8
    session = tmp_path / "rec" / "sourcedata" / "sub-01" / "ses-01"
    metadata = json.loads(next(session.glob("*_session.json")).read_text(encoding="utf-8"))
    assert metadata["simulated"] is True
    assert metadata["delays_s"] == {"emostream-flash-video": pytest.approx(told["delay_s"])}
    recorded = _recorded_delay(session, NO_DELAYS)
    assert recorded.delay_s == pytest.approx(DELAY_S, abs=0.5 / FPS), "within half a frame"
    assert recorded.spread_s < 0.5 / FPS
    aligned = _recorded_delay(session, measured_delays(find_session(session).xdf))
    assert abs(aligned.delay_s) + aligned.spread_s < 1.0 / FPS, "EEG and film as readers have them: within one frame"


def _recorded_delay(session: Path, delays_s: Mapping[str, float]) -> Delay:
    """How much later the film shows the flashes than the EEG, with these delays taken off."""
    files = find_session(session)
    streams, _ = load_streams(files.xdf, dejitter=False, wanted=lambda head: str(head.get("type")) == "EEG")
    eeg = streams[0]
    labels = [c["label"][0] for c in eeg["info"]["desc"][0]["channels"][0]["channel"]]
    light = np.asarray(eeg["time_series"])[:, labels.index("photodiode")]
    marks, _ = load_streams(files.xdf, dejitter=False, wanted=is_index_or_markers)
    assert any(text_of(stream, "name") == "emostream-frames" for stream in marks)
    films, problems = find_films(files.xdf, marks, 0.0, delays_s)
    assert problems == []
    with FilmReader(films[0]) as reader:
        frames = [(frame.stamp, float(frame.image.mean())) for frame in reader]
    stamps, brightness = np.array(frames).T
    return measure_delay(find_flashes(eeg["time_stamps"], light, "headset"), find_flashes(stamps, brightness, "film"))
