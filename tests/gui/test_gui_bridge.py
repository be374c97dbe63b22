"""The bridge on real LSL streams: late ones join, vanished ones are told, restarted ones come back, threads end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pylsl
import pytest

from gui.streams.bridge import Batch, Bridge, Link, Wanted, choose
from gui.streams.messages import EmotionModel, MovementEvent, TruthEvent
from realtime.config import Config
from realtime.interfaces import RecognizerSpec
from realtime.lsl.outlets import ControlOutlet, EegOutlet, LslSink, MarkerOutlet, VideoOutlet
from realtime.lsl.session import configure
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegInfo,
    Evidence,
    FaceObservation,
    MicroMovement,
    Prediction,
    StreamHealth,
    VideoFrame,
    VideoInfo,
)
from realtime.tuning import Tuning

BANDS = (("delta", 0.5, 4.0), ("alpha", 8.0, 14.0))
SPEC = RecognizerSpec("m7", "simulated people", True, ("sad", "happy"), ("C3", "C4"), BANDS)
EEG = EegInfo("emostream-eeg", "gui-test-eeg", ("C3", "C4", "Oz"), 250.0)
REGIONS = ("brow_left", "chin")
PATIENCE_S = 20.0


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    """A running bridge, stopped in the end."""
    configure()
    made = Bridge()
    made.start()
    yield made
    made.stop()


def _until(done: Callable[[], bool], push: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "nothing arrived in time"
        push()
        time.sleep(0.02)


def _link(bridge: Bridge, key: str) -> Link:
    return next(link for link in bridge.links() if link.key == key)


def _gather(bridge: Bridge, into: list[Batch]) -> dict[str, object]:
    """Newest of everything that came so far, by field of `Batch`."""
    into.append(bridge.poll())
    return {
        name: value
        for batch in into
        for name in Batch.__slots__
        if (value := getattr(batch, name)) is not None and value != ()
    }


def test_everything_the_engine_publishes_arrives_late_streams_too(bridge: Bridge) -> None:
    assert {link.state for link in bridge.links()} == {"waiting"}
    sink = LslSink(SPEC, EEG, regions=REGIONS, source_id="gui-test")
    eeg = EegOutlet(EEG)
    video = VideoOutlet(VideoInfo("emostream-video", "gui-test-video", 8, 6, 1, 30.0))
    truth, control = MarkerOutlet("emostream-truth", "gui-test-truth"), ControlOutlet(source_id="gui-test-control")
    recorder = MarkerOutlet("emostream-recorder", "gui-test-recorder")
    stimulus, replay = (
        MarkerOutlet("emostream-stimulus", "gui-stimulus"),
        MarkerOutlet("emostream-replay", "gui-replay"),
    )
    tuning, tuned = MarkerOutlet("emostream-tuning", "gui-tuning"), Tuning.from_config(Config()).values
    _until(lambda: all(link.found for link in bridge.links() if link.key != "shown bands"))
    crop = np.full((256, 256), 7, np.uint8)
    flow = np.full((256, 256, 2), 0.5, np.float32)
    p = np.array([0.9, 0.1], np.float32)
    frames = 0

    def push() -> None:
        nonlocal frames
        now = pylsl.local_clock()
        eeg.push(np.full((3, 5), 4.0, np.float32), now)
        frames += 1
        video.push(VideoFrame(np.full((6, 8), 9, np.uint8), now, frames))
        truth.push_json({"event": "trial_start", "emotion": "sad"}, now)
        control.push_event("note", text="hi", at_s=now)
        recorder.push_json({"event": "recording", "run": "r1", "elapsed_s": 4.0, "bytes": 9, "streams": {}}, now)
        stimulus.push_json({"event": "trial_start", "trial": 3, "emotion": "sad", "stimulus": "a.mp4"}, now)
        told = {"engine": "gui-tuning", "values": tuned, "start": tuned, "classes": [], "model_bands": []}
        tuning.push_json({"event": "tuning", **told}, now)
        replay.push_json({"event": "replay", "position_s": 3.0, "first_s": 0.0, "duration_s": 9.0, "speed": 2.0}, now)
        sink.write(Prediction(now, p, 0.5, ("eeg",), Evidence.ENOUGH, "m7", 0.1, float("nan"), by_modality={"eeg": p}))
        sink.write(BandPowerWindow(np.ones((2, 2), np.float32), now, np.array([True, False])))
        sink.write(ChannelQuality(np.array([0, 4, 1], np.uint8), now))
        sink.write(
            FaceObservation(now, 0.8, np.full((468, 2), 3.0, np.float32), None, np.array([1.0, 2.0], np.float32))
        )
        sink.write(MicroMovement(now - 1, now - 0.9, now - 0.8, now, 8.0, "micro", ("chin",), crop, crop, flow))
        sink.write_health([StreamHealth("eeg", "live", 5, 0, 0, 0.1, 250.0)], {"p50": 2.0, "p99": 5.0})

    batches: list[Batch] = []
    _until(lambda: set(_gather(bridge, batches)) == set(Batch.__slots__), push)
    got = _gather(bridge, batches)
    info, chunk = got["eeg"][0]  # type: ignore[index]
    assert info == EEG
    assert (chunk.samples == 4.0).all()
    assert got["frame"].image.shape == (6, 8)  # type: ignore[union-attr]
    model, sample = got["emotions"][-1]  # type: ignore[index]
    assert (model.classes, model.model_id, model.simulated) == (SPEC.classes, "m7", True)
    np.testing.assert_allclose(sample.probabilities, p)
    bands = got["bands"]
    assert (bands.channels, bands.bands) == (("C3", "C4"), ("delta", "alpha"))  # type: ignore[union-attr]
    np.testing.assert_array_equal(np.isnan(bands.power), [[False, False], [True, True]])  # type: ignore[union-attr]
    assert got["quality"].flags == {"C3": 0, "C4": 4, "Oz": 1}  # type: ignore[union-attr]
    assert got["face"].regions == REGIONS  # type: ignore[union-attr]
    assert got["mesh"].landmarks.shape == (468, 2)  # type: ignore[union-attr]
    movement = got["movements"][0]  # type: ignore[index]
    assert isinstance(movement, MovementEvent)
    assert movement.regions == ("chin",)
    assert got["pictures"][-1].flow[5, 5].tolist() == [0.5, 0.5]  # type: ignore[index]
    assert isinstance(got["truth"][0], TruthEvent)  # type: ignore[index]
    assert got["health"].model.model_id == "m7"  # type: ignore[union-attr]
    assert got["recorder"].run == "r1"  # type: ignore[union-attr]
    assert (got["stimuli"][-1].trial, got["stimuli"][-1].text) == ("3", "sad")  # type: ignore[index]
    assert (got["replay"].position_s, got["replay"].speed) == (3.0, 2.0)  # type: ignore[union-attr]
    uid = next(stream.uid for stream in bridge.found() if stream.stream_type == "EEG")
    bridge.descriptions.ask(uid)
    _until(lambda: uid in bridge.descriptions.known())
    assert bridge.descriptions.known()[uid].labels == EEG.channels
    assert got["tunings"][-1].in_force.values == tuned  # type: ignore[index]
    assert {link.state for link in bridge.links() if link.key != "shown bands"} == {"live"}
    for outlet in (sink, eeg, video, truth, control, recorder, stimulus, replay, tuning):
        outlet.close()


def test_a_vanished_stream_is_lost_and_one_with_another_layout_replaces_it() -> None:
    configure()
    # the resolver of the running dashboard remembers a vanished stream for five seconds
    bridge = Bridge(search=lambda: pylsl.resolve_streams(0.2))
    bridge.start()
    first = EegOutlet(EEG)
    _until(lambda: _link(bridge, "eeg").received > 0, lambda: first.push(np.zeros((3, 5), np.float32)))
    first.close()
    _until(lambda: _link(bridge, "eeg").state == "lost")
    other = EegInfo("emostream-eeg", "gui-test-eeg", ("Fz", "Cz", "Pz", "Oz"), 500.0)
    second = EegOutlet(other)
    infos: list[EegInfo] = []

    def seen() -> bool:
        infos.extend(info for info, _ in bridge.poll().eeg)
        return other in infos

    _until(seen, lambda: second.push(np.zeros((4, 5), np.float32)))
    assert _link(bridge, "eeg").state == "live"
    bridge.stop()
    second.close()


def test_the_stream_that_was_asked_for_is_read_as_soon_as_it_is_there_and_two_screens_are_heard(bridge: Bridge) -> None:
    bridge.prefer("eeg", "lab-cap")
    usual, rooms = EegOutlet(EEG), [ControlOutlet(source_id=f"room-{n}") for n in "ab"]
    _until(lambda: _link(bridge, "eeg").received > 0, lambda: usual.push(np.zeros((3, 5), np.float32)))
    other = EegInfo("cap", "lab-cap", ("Fz", "Cz"), 500.0)
    cap = EegOutlet(other)
    seen: list[EegInfo] = []
    said: list[str] = []

    def push() -> None:
        usual.push(np.zeros((3, 5), np.float32))
        cap.push(np.zeros((2, 5), np.float32))
        for room in rooms:
            room.push_event("note", text=str(rooms.index(room)))
        batch = bridge.poll()
        seen.extend(info for info, _ in batch.eeg)
        said.extend(note.text for note in batch.notes)

    _until(lambda: bool(seen) and seen[-1] == other and {*said} == {"0", "1"}, push)
    assert {stream.source_id for stream in bridge.found() if stream.stream_type == "EEG"} == {"lab-cap", "gui-test-eeg"}
    for outlet in (usual, cap, *rooms):
        outlet.close()


def test_a_restarted_engine_with_another_model_is_named_as_such(bridge: Bridge) -> None:
    def send(sink: LslSink) -> None:
        p = np.array([0.9, 0.1], np.float32)
        sink.write(Prediction(pylsl.local_clock(), p, 0.5, ("eeg",), Evidence.ENOUGH, "m7", 0.1, float("nan")))

    models: list[EmotionModel] = []

    def heard(model_id: str, simulated: bool) -> bool:
        models.extend(model for model, _ in bridge.poll().emotions)
        return bool(models) and (models[-1].model_id, models[-1].simulated) == (model_id, simulated)

    first = LslSink(SPEC, source_id="gui-test-restart")
    _until(lambda: heard("m7", True), lambda: send(first))
    first.close()
    _until(lambda: _link(bridge, "emotions").state == "lost")
    second = LslSink(replace(SPEC, model_id="m8", simulated=False), source_id="gui-test-restart")
    _until(lambda: heard("m8", False), lambda: send(second))
    second.close()


def test_a_stream_that_cannot_be_read_is_told_in_words(bridge: Bridge) -> None:
    info = pylsl.StreamInfo("emostream-bandpower", "BandPower", 3, 20.0, "float32", "odd")
    outlet = pylsl.StreamOutlet(info)
    _until(lambda: _link(bridge, "band power").error != "")
    link = _link(bridge, "band power")
    assert link.state == "lost"
    assert "labels '<channel>_<band>' are wanted" in link.error
    del outlet


def test_stop_ends_every_thread_and_may_be_called_twice() -> None:
    configure()
    before = set(threading.enumerate())
    outlet = MarkerOutlet("emostream-truth", "gui-test-stop")
    bridge = Bridge()
    bridge.start()
    _until(lambda: _link(bridge, "truth").found)
    assert {t.name for t in threading.enumerate() if t not in before} >= {"emostream-gui-discovery"}
    bridge.stop()
    bridge.stop()
    assert [t for t in threading.enumerate() if t not in before] == []
    outlet.close()


def test_our_stream_is_preferred_and_names_are_respected() -> None:
    infos = [
        pylsl.StreamInfo("zzz", "EEG", 1, 100, "float32", "a"),
        pylsl.StreamInfo("emostream-eeg", "EEG", 1, 100, "float32", "b"),
        pylsl.StreamInfo("other", "Markers", 1, 0, "string", "c"),
    ]
    chosen = choose(infos, Wanted("eeg", "EEG"))
    assert chosen is not None
    assert chosen.name() == "emostream-eeg"
    assert choose(infos, Wanted("truth", "Markers", "emostream-truth")) is None


def test_of_several_engines_one_is_shown_and_no_other() -> None:
    sources = ["p1@here-emotions", "p10@here-emotions", "p2@here-emotions"]
    infos = [pylsl.StreamInfo("emostream-emotions", "Emotion", 1, 0, "float32", source) for source in sources]
    emotions = Wanted("emotions", "Emotion", "emostream-emotions")
    for name in ("p1", "p10", "p2"):
        chosen = choose(infos, emotions, engine=name)
        assert chosen is not None
        assert chosen.source_id() == f"{name}@here-emotions"
    assert choose(infos, emotions, engine="p3") is None
    eeg = [pylsl.StreamInfo("emostream-eeg", "EEG", 1, 100, "float32", "amp")]
    assert choose(eeg, Wanted("eeg", "EEG"), engine="p3") is not None


def test_of_several_engines_only_the_one_shown_is_tuned() -> None:
    values = Tuning.from_config(Config()).values
    told = {"event": "tuning", "values": values, "start": values, "classes": [], "model_bands": []}
    outlets = {name: MarkerOutlet("emostream-tuning", f"{name}@here-tuning") for name in ("p1", "p2")}
    heard: dict[str, list[object]] = {}
    for engine in ("p2", ""):
        bridge, got = Bridge(engine=engine), []
        bridge.start()

        def push(engine: str = engine, outlets: dict[str, MarkerOutlet] = outlets) -> None:
            for outlet in outlets.values():
                outlet.push_json({"engine": outlet.source_id, "request": engine, **told})

        wanted = {f"{name}@here-tuning" for name in ("p1", "p2") if engine in ("", name)}

        def heard_all(bridge: Bridge = bridge, got: list[Any] = got, wanted: set[str] = wanted) -> bool:
            got.extend(bridge.poll().tunings)
            return _link(bridge, "tuning").received >= 6 and wanted <= {said.engine for said in got}

        _until(heard_all, push)
        bridge.stop()
        heard[engine] = [said.engine for said in got]
    for outlet in outlets.values():
        outlet.close()
    assert set(heard["p2"]) == {"p2@here-tuning"}
    assert set(heard[""]) == {"p1@here-tuning", "p2@here-tuning"}
