"""A simulated participant is filmed as a camera is, bit by bit, and the film says that nobody is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.face.capture import FileCapture
from realtime.films.filming import FilmOnRequest
from realtime.session.events import CONTROL
from simulators.face import FaceSimulator
from simulators.scenario import make_person, make_scenario
from simulators.streams import SimulatedParticipant

RUN = "sub-01_ses-01_task-suppression_run-01"


class _Markers:
    def push_json(self, _event: dict[str, Any], /) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.usefixtures("lsl_session")
def test_a_participant_is_filmed_bit_by_bit(tmp_path: Path) -> None:
    person, now = make_person(31), [500.0]
    scenario = make_scenario(person, 1.0, 4)
    films: list[FilmOnRequest] = []

    def film(outlet: Any) -> FilmOnRequest:
        films.append(FilmOnRequest(outlet, tmp_path, simulated=True, markers=_Markers(), listen=False))
        return films[-1]

    participant = SimulatedParticipant(
        person, scenario, tag="sim-film", size=(160, 120), eeg=False, film=film, clock=lambda: now[0]
    )
    begun = False
    while (due := participant.step()) is not None:
        if films[0].pushed == 5 and not begun:
            films[0].take(CONTROL, {"event": "record_start", "run": RUN, "consent_id": "C-17"}, 0.0)
            begun = True
        now[0] = max(now[0], due)
    participant.stop()
    path = tmp_path / "sourcedata" / "sub-01" / "ses-01" / f"{RUN}_video.mkv"
    told = json.loads(path.with_suffix(".json").read_text())
    assert (told["simulated"], told["first_frame_index"], told["frames"]) == (True, 5, 25)
    face = FaceSimulator(person, scenario, fps=30.0, size=(160, 120))
    for index, frame in enumerate(FileCapture(path), start=5):
        np.testing.assert_array_equal(frame.image, face.frame(index))
