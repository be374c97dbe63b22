"""A simulated participant and a replay as other programs see them: over real LSL, and stepped without threads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest

from realtime.eeg.files import read_recording
from realtime.errors import ConfigurationError, DataError
from realtime.face.capture import FileCapture
from simulators.action_units import regions_of
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.replay import open_replay
from simulators.scenario import make_person, make_scenario
from simulators.streams import PushedStreams, SimulatedParticipant, truth_markers

pytestmark = pytest.mark.usefixtures("lsl_session")

Sample = tuple[Any, float]


class Listener:
    """Pulls everything a stream sends in a thread of its own."""

    def __init__(self, source_id: str, *, raw: bool = False) -> None:
        (info,) = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
        self.inlet = pylsl.StreamInlet(info, max_buflen=60)
        self.inlet.open_stream(timeout=10.0)
        self.samples: list[Sample] = []
        self._raw = raw
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._pull)
        self._thread.start()

    def _pull(self) -> None:
        buffer = np.empty((4, self.inlet.channel_count), np.int8) if self._raw else None
        while not self._over.is_set():
            if buffer is None:
                values, stamps = self.inlet.pull_chunk(timeout=0.05, max_samples=64)
            else:  # a picture as a list of numbers would take longer than it lasts
                _, stamps = self.inlet.pull_chunk(timeout=0.05, max_samples=4, dest_obj=buffer)
                values = [buffer[i].copy() for i in range(len(stamps))]
            self.samples += list(zip(values, stamps, strict=True))

    def stop(self) -> list[Sample]:
        self._over.set()
        self._thread.join()
        self.inlet.close_stream()
        return self.samples


def record(source: PushedStreams, source_ids: dict[str, str]) -> dict[str, list[Sample]]:
    """Listen to a source from before its start to its end."""
    listeners = {name: Listener(source_id, raw=name == "video") for name, source_id in source_ids.items()}
    source.start()
    try:
        end = time.monotonic() + 30.0
        while source.state == "running":
            assert time.monotonic() < end
            time.sleep(0.02)
        time.sleep(0.3)  # what was sent last is still under way
    finally:
        heard = {name: listener.stop() for name, listener in listeners.items()}
        source.stop()
    return heard


def test_a_participant_over_lsl_is_the_simulated_one_and_the_truth_fits() -> None:
    drawn = (
        (seed, make_person(seed), make_scenario(make_person(seed), 3.0, 4, trial_s=(2.5, 2.6), lead_in_s=0.2))
        for seed in range(21, 60)
    )
    seed, person, scenario = next(session for session in drawn if session[2].movements)
    size = (320, 240)
    participant = SimulatedParticipant(person, scenario, tag="sim-a", size=size)
    assert participant.state == "idle"
    heard = record(
        participant,
        {"eeg": "sim-a-eeg", "video": "sim-a-video", "frames": "sim-a-video-frames", "truth": "sim-a-truth"},
    )
    assert participant.state == "ended"
    start_s = participant.start_s
    stamps = np.array([s for _, s in heard["eeg"]])
    np.testing.assert_allclose(stamps, start_s + np.arange(3000) / 1000.0, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(
        np.array([v for v, _ in heard["eeg"]], np.float32).T, EegSimulator(person, scenario).samples(0, 3000)
    )
    face = FaceSimulator(person, scenario, size=size)
    indices = [int.from_bytes(v[-8:].tobytes(), "little") for v, _ in heard["video"]]
    assert indices == [int(v[0]) for v, _ in heard["frames"]]
    assert len(indices) > 60
    np.testing.assert_allclose([s for _, s in heard["video"]], start_s + np.array(indices) / 30.0, rtol=0, atol=1e-6)
    for picture, _ in heard["video"][::20]:
        index = int.from_bytes(picture[-8:].tobytes(), "little")
        np.testing.assert_array_equal(picture[:-8].view(np.uint8).reshape(240, 320), face.frame(index))
    said = [(json.loads(v[0]), s) for v, s in heard["truth"]]
    assert said[0][0] == {
        "event": "scenario",
        "classes": sorted({t.emotion for t in scenario.trials}),
        "person": seed,
    }
    starts = [(e["emotion"], s - start_s) for e, s in said if e["event"] == "trial_start"]
    assert [name for name, _ in starts] == [t.emotion for t in scenario.trials]
    np.testing.assert_allclose([at for _, at in starts], [t.start_s for t in scenario.trials], atol=1e-6)
    moved = [e for e, _ in said if e["event"] == "movement"]
    np.testing.assert_allclose(
        [m["apex_s"] - start_s for m in moved], [m.apex_s for m in scenario.movements], atol=1e-6
    )


def test_health_counts_what_was_sent() -> None:
    person = make_person(22)
    participant = SimulatedParticipant(person, make_scenario(person, 1.0, 4), tag="sim-b", video=False)
    participant.start()
    end = time.monotonic() + 10.0
    while participant.state == "running":
        assert time.monotonic() < end
        time.sleep(0.02)
    participant.stop()
    eeg, truth = participant.health()
    assert (eeg.name, eeg.state, eeg.pushed, eeg.skipped) == ("eeg", "ended", 1000, 0)
    assert (truth.name, truth.pushed) == ("truth", 1)


def test_truth_is_in_order_of_time_and_says_each_movement_when_it_is_over() -> None:
    person = make_person(23)
    scenario = make_scenario(person, 120.0, 4)
    found = list(truth_markers(person, scenario))
    assert [m.position_s for m in found] == sorted(m.position_s for m in found)
    said = [(json.loads(m.text(1000.0)), m.position_s) for m in found]
    moved = [(e, at) for e, at in said if e["event"] == "movement"]
    assert len(moved) == len(scenario.movements)
    for (event, at), truth in zip(moved, scenario.movements, strict=True):
        assert event["offset_s"] == pytest.approx(1000.0 + at) == pytest.approx(1000.0 + truth.offset_s)
        assert event["action_units"] == list(truth.action_units)
        assert event["regions"] == list(regions_of(truth.action_units, truth.side))
    assert len([e for e, _ in said if e["event"] == "trial_end"]) == len(scenario.trials)


@pytest.mark.real_data
def test_a_recording_is_replayed_whole_with_its_markers_and_its_end(data_dir: Path) -> None:
    path = data_dir / "eeg" / "test.vhdr"
    eeg = read_recording(path)
    replay = open_replay(path, speed=10.0, tag="sim-c")
    heard = record(replay, {"eeg": "sim-c-eeg", "markers": "sim-c-markers"})
    np.testing.assert_array_equal(np.array([v for v, _ in heard["eeg"]], np.float32).T, eeg.samples_uv)
    np.testing.assert_allclose([s - replay.start_s for _, s in heard["eeg"]], eeg.stamps_s, rtol=0, atol=1e-6)
    expected = [*eeg.markers, (float(eeg.stamps_s[-1]), '{"event": "end_of_file", "stream": "emostream-eeg"}')]
    assert [v[0] for v, _ in heard["markers"]] == [text for _, text in expected]
    np.testing.assert_allclose([s - replay.start_s for _, s in heard["markers"]], [at for at, _ in expected], atol=1e-6)


@pytest.mark.real_data
def test_a_film_is_replayed_and_what_a_slow_machine_leaves_out_is_counted(data_dir: Path) -> None:
    path = data_dir / "face" / "single_face.mp4"
    film = list(FileCapture(path))
    replay = open_replay(None, path, speed=4.0, tag="sim-d")
    heard = record(replay, {"video": "sim-d-video", "markers": "sim-d-markers"})
    (health,) = replay.health()
    assert len(film) == 72 == len(heard["video"]) + health.skipped
    assert health.pushed == len(heard["video"]) > 10
    for sample, stamp in heard["video"]:
        frame = film[int.from_bytes(sample[-8:].tobytes(), "little")]
        assert stamp - replay.start_s == pytest.approx(frame.stamp, abs=1e-6)
        np.testing.assert_array_equal(sample[:-8].view(np.uint8).reshape(frame.image.shape), frame.image)
    assert [v[0] for v, _ in heard["markers"]] == ['{"event": "end_of_file", "stream": "emostream-video"}']


@pytest.mark.real_data
def test_a_looped_replay_starts_again_and_never_ends(data_dir: Path) -> None:
    now = [1000.0]
    path = data_dir / "eeg" / "test.vhdr"
    eeg = read_recording(path)
    film = data_dir / "face" / "single_face.mp4"
    replay = open_replay(path, film, loop=True, tag="sim-f", clock=lambda: now[0])
    while now[0] < 1017.0:
        due = replay.step()
        assert due is not None
        now[0] = max(now[0], due)
    assert replay.state == "running"
    pushed = {h.name: h.pushed for h in replay.health()}
    assert pushed["eeg"] == pytest.approx(17_000, abs=20)
    assert pushed["video"] == pytest.approx(17 * 30, abs=3)
    assert pushed["markers"] > len(eeg.markers)
    replay.stop()
    assert replay.state == "ended"


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda _: open_replay(None, None), ConfigurationError, "nothing to replay"),
        (lambda folder: open_replay(None, folder / "x.mp4", speed=0.0), ConfigurationError, "positive speed"),
        (lambda folder: open_replay(folder / "none.set"), DataError, "none.set"),
        (lambda folder: open_replay(None, folder / "none.mp4"), DataError, "none.mp4"),
    ],
)
def test_bad_input_is_refused_in_one_line_and_leaves_no_stream(
    make: Callable[[Path], object], error: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=text) as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)
