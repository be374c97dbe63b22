"""Blinks and gaze shifts of a face are counted by an analysis, each once."""

from __future__ import annotations

from pathlib import Path

from fakes import make_spec

from realtime.analysis.tables import Tables
from realtime.analysis.timeline import Timeline
from realtime.face.pipeline import FacePipeline
from realtime.packets import VideoFrame
from simulators.events import Interval
from simulators.face import FaceSimulator
from simulators.person import make_person
from simulators.scenario import Scenario

_FPS, _SECONDS = 30, 9


def test_each_blink_and_each_look_aside_counts_once(tmp_path: Path) -> None:
    scenario = Scenario(
        duration_s=_SECONDS,
        trials=(),
        movements=(),
        blinks=(Interval(4.0, 4.3), Interval(6.0, 6.25)),
        speech=(),
        muscle=(),
        gaze_shifts_s=(7.5,),
        pops_s=(),
        sway_px=0.3,
        light_drift=0.0,
    )
    face, pipeline = FaceSimulator(make_person(5), scenario, _FPS), FacePipeline()
    with Tables(tmp_path, make_spec(), None, has_video=True, trial_at=Timeline().trial_at) as tables:
        for index in range(_FPS * _SECONDS):
            for result in pipeline.push(VideoFrame(face.frame(index), index / _FPS, index)):
                tables.write(result)
        assert tables.blinks_and_gaze_shifts == 3
