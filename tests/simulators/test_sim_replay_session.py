"""A recorded session as a replay reads it and puts it on LSL: what comes, under which name, and what does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest
from replay_helpers import (
    ORIGIN_S,
    STEM,
    ManualClock,
    eeg_stream,
    frame_stream,
    number_stream,
    play,
    text_stream,
    write_session,
)

from realtime.errors import ConfigurationError, DataError
from realtime.lsl.description import ChannelDescription, read_channels, read_section
from realtime.packets import VideoFrame, VideoInfo
from realtime.session.recorded import find_session
from simulators import replay_session
from simulators.layouts.xdf_file import XdfStream
from simulators.recorded_streams import recorded_info
from simulators.replay import Replay, open_replay
from simulators.replay_control import obey, press, split_keys, status_line, time_code
from simulators.replay_session import read_run, shifted

pytestmark = pytest.mark.usefixtures("lsl_session")


class FakeOutlet:
    """Keeps what a recorded stream's outlet would send."""

    opened: dict[str, FakeOutlet] = {}  # noqa: RUF012 - emptied by the fixture

    def __init__(self, stream: dict[str, Any], source_id: str) -> None:
        self.info = recorded_info(stream, source_id)
        self.name, self.source_id = self.info.name(), source_id
        self.sent: list[tuple[Any, float]] = []
        FakeOutlet.opened[source_id] = self

    def push(self, rows: np.ndarray, stamps: np.ndarray) -> None:
        self.sent += [(row.copy(), float(stamp)) for row, stamp in zip(rows, stamps, strict=True)]

    def push_texts(self, texts: list[str], stamp: float) -> None:
        self.sent.append((texts, stamp))

    def close(self) -> None:
        self.info = None


class FakeVideo:
    """Keeps frames."""

    opened: list[FakeVideo] = []  # noqa: RUF012

    def __init__(self, info: VideoInfo, *, frames_name: str, sections: Any = None) -> None:
        self.info, self.frames_name, self.sections = info, frames_name, sections
        self.frames: list[VideoFrame] = []
        FakeVideo.opened.append(self)

    def push(self, frame: VideoFrame) -> None:
        self.frames.append(frame)

    def close(self) -> None: ...


@pytest.fixture
def outlets(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, FakeOutlet]]:
    monkeypatch.setattr(replay_session, "RecordedOutlet", FakeOutlet)
    monkeypatch.setattr(replay_session, "VideoOutlet", FakeVideo)
    FakeOutlet.opened, FakeVideo.opened = {}, []
    yield FakeOutlet.opened
    FakeOutlet.opened, FakeVideo.opened = {}, []


def played(path: Path, seconds: float = 10.0, **options: Any) -> Replay:
    """Play a recording on a clock of its own; position 0 is at LSL second 1000."""
    clock = ManualClock()
    source = open_replay(path, clock=clock, **options)
    play(source, clock, 1000.0 + seconds)
    source.stop()
    return source


def texts(outlet: FakeOutlet) -> list[tuple[str, float]]:
    return [(said[0], stamp) for said, stamp in outlet.sent]


def test_eeg_comes_whole_with_names_units_types_and_its_gap(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    eeg = eeg_stream(gap_s=1.5)
    played(write_session(tmp_path, eeg))
    cap = outlets["cap-1"]
    np.testing.assert_array_equal(np.array([row for row, _ in cap.sent]), eeg.samples)
    np.testing.assert_allclose([s for _, s in cap.sent], 1000.0 + eeg.stamps_s - ORIGIN_S, rtol=0, atol=1e-4)
    # what another program made of the description is there too, in the words of the headset
    live = recorded_info(replay_session.load_streams(tmp_path / f"{STEM}.xdf")[0][0], "x")
    assert (live.name(), live.type(), live.nominal_srate(), live.channel_count()) == ("cap", "EEG", 100.0, 4)
    assert read_channels(live)[1] == ChannelDescription("Cz", "volts", "EEG")


def test_what_the_engine_made_and_what_commanded_machines_is_not_replayed(
    tmp_path: Path, outlets: dict[str, FakeOutlet]
) -> None:
    control = text_stream(
        "emostream-control",
        (0.5, {"event": "note", "text": "sat up", "at_s": ORIGIN_S + 0.4}),
        (0.6, {"event": "record_stop", "run": STEM}),
        (0.7, {"event": "replay_seek", "position_s": 0}),
        source_id="screen-1",
    )
    others = [
        text_stream("stimuli", (1.0, {"event": "trial_start", "emotion": "sad"}), (2.0, "plain text"), source_id="psy"),
        text_stream("emostream-recorder", (1.0, {"event": "recording"}), source_id="rec"),
        text_stream("emostream-films", (1.0, {"event": "film_started"}), source_id="films"),
        text_stream("emostream-health", (1.0, {"streams": []}), source_id="health"),
        text_stream("emostream-movements", (1.0, {"event": "movement", "onset_s": ORIGIN_S}), source_id="moved"),
        number_stream("emostream-emotions", "Emotion"),
        number_stream("gsr", "GSR"),
    ]
    path = write_session(tmp_path, eeg_stream(), control, *others)
    played(path)
    assert set(outlets) == {"cap-1", "screen-1-replayed", "psy", "gsr"}
    assert texts(outlets["psy"]) == [
        ('{"event": "trial_start", "emotion": "sad"}', pytest.approx(1001.0)),
        ("plain text", pytest.approx(1002.0)),
    ]
    ((note, stamp),) = texts(outlets["screen-1-replayed"])
    assert json.loads(note) == {"event": "note", "text": "sat up", "at_s": pytest.approx(1000.4)}
    assert stamp == pytest.approx(1000.5)
    assert [float(row[0]) for row, _ in outlets["gsr"].sent] == list(range(40))
    played(path, results=True)
    assert set(outlets) == {"cap-1", "screen-1-replayed", "psy", "gsr", "health", "moved", "emostream-emotions"}
    assert json.loads(texts(outlets["moved"])[0][0])["onset_s"] == pytest.approx(1000.0)


def test_absolute_times_in_markers_are_those_of_the_replay_whatever_clock_their_sender_had(
    tmp_path: Path, outlets: dict[str, FakeOutlet]
) -> None:
    behind_s = 123.25
    times = {key: ORIGIN_S - behind_s + at for key, at in (("onset_s", 1.0), ("apex_s", 1.2), ("offset_s", 1.5))}
    truth = text_stream(
        "emostream-truth", (1.5, {"event": "movement", "kind": "micro", **times}), source_id="t", offset_s=behind_s
    )
    source = played(write_session(tmp_path, eeg_stream(), truth))
    ((text, stamp),) = texts(outlets["t"])
    said = json.loads(text)
    assert stamp == pytest.approx(1001.5, abs=1e-6)
    assert [said[key] for key in times] == pytest.approx([1001.0, 1001.2, 1001.5], abs=1e-6)
    assert said["kind"] == "micro"
    assert source.simulated


@pytest.mark.parametrize("text", ["plain", "[1]", '{"x": 1}', "{", '{"event": "trial_end"}'])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert shifted(text, 5.0) == text or json.loads(shifted(text, 5.0)) == json.loads(text)


def test_video_comes_from_the_film_with_recorded_stamps_and_numbers(
    tmp_path: Path, outlets: dict[str, FakeOutlet]
) -> None:
    indices = [k for k in range(100, 190) if k not in (120, 121)]  # two were lost on the way to the recorder
    stamps = 0.2 + (np.array(indices) - 100) / 29.5
    path = write_session(
        tmp_path,
        eeg_stream(),
        frame_stream(stamps.tolist(), indices),
        film=70,
        beside={"first_frame_index": 110, "planes": 1, "source_id": "cam"},
    )
    source = played(path)
    (video,) = FakeVideo.opened
    assert video.info == VideoInfo("emostream-video", "cam", 32, 24, 1, 30.0)
    assert (video.frames_name, video.sections) == ("emostream-frames", {"device": {"exposure": "locked at 9"}})
    sent = {frame.index: frame for frame in video.frames}
    # 100 to 109 were before the film, 180 to 189 after it
    assert list(sent) == [k for k in indices if 110 <= k < 180]
    expected = {k: 1000.0 + s for k, s in zip(indices, stamps, strict=True)}
    assert all(frame.stamp == pytest.approx(expected[k], abs=1e-6) for k, frame in sent.items())
    assert all(abs(float(frame.image.mean()) - 4 * ((k - 110) % 60)) < 4 for k, frame in sent.items())
    assert "cam-frames" not in outlets
    assert "10 frames less" in source.notes[0]
    assert source.notes[1] == f"'{STEM}_video.avi' holds 68 of the 88 recorded frames"
    assert source.remarks() == []


def test_a_camera_without_film_still_gives_its_frame_numbers(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    source = played(write_session(tmp_path, eeg_stream(), frame_stream([0.1, 0.2], [4, 5])))
    assert [float(row[0]) for row, _ in outlets["cam-frames"].sent] == [4.0, 5.0]
    assert source.notes == ("no film beside the recording for its stream 'emostream-frames'",)


def test_a_film_may_lie_elsewhere(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    write_session(tmp_path / "b", film=30, *[eeg_stream()])  # noqa: B026
    path = write_session(tmp_path / "a", eeg_stream(), frame_stream((np.arange(30) / 30).tolist(), range(30)))
    played(path, video=tmp_path / "b" / f"{STEM}_video.avi")
    assert [frame.index for frame in FakeVideo.opened[0].frames] == list(range(30))
    with pytest.raises(DataError, match="belongs to no stream"):
        played(tmp_path / "b" / f"{STEM}.xdf", video=tmp_path / "b" / f"{STEM}_video.avi")


def test_a_stream_that_was_restarted_has_one_outlet(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    first, second = number_stream("gsr", "GSR", seconds=1.0), number_stream("gsr", "GSR", seconds=1.0)
    late = XdfStream(
        *("gsr", "GSR", second.stamps_s + 2.0, second.samples, "float32", 10.0, second.channels, "gsr"),
    )
    other = XdfStream(*("gsr", "GSR", second.stamps_s, second.samples, "float32", 20.0, second.channels, "gsr"))
    played(write_session(tmp_path, eeg_stream(), first, late, other))
    assert {"gsr", "gsr-2"} <= set(outlets)
    stamps = [stamp for _, stamp in outlets["gsr"].sent]
    assert len(stamps) == 20
    assert stamps == sorted(stamps)


def test_positions_count_from_the_first_eeg_sample(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    early = text_stream("stimuli", (-0.4, "hello"), (3.0, "there"), source_id="psy")
    clock = ManualClock()
    source = open_replay(write_session(tmp_path, eeg_stream(), early), clock=clock)
    assert (source.timeline.first_s, source.timeline.last_s) == pytest.approx((-0.4, 3.99))
    source.step()
    said = source.state_event()
    assert said == {
        "event": "replay",
        "session": STEM,
        "position_s": pytest.approx(-0.4),
        "first_s": pytest.approx(-0.4),
        "duration_s": pytest.approx(3.99),
        "speed": 1.0,
        "paused": False,
        "loop": False,
        "simulated": False,
        "ended": False,
    }
    play(source, clock, 1002.0)
    assert source.state_event()["position_s"] == pytest.approx(1.6, abs=1e-3)
    assert texts(outlets["psy"]) == [("hello", pytest.approx(1000.0))]
    assert outlets["cap-1"].sent[0][1] == pytest.approx(1000.4)
    play(source, clock, 1010.0)
    source.stop()
    assert source.state_event()["ended"]
    assert source.state == "ended"


def test_start_and_pause_are_kept_from_the_beginning(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    path = write_session(tmp_path, eeg_stream())
    source = played(path, 0.9, start_s=2.5)
    assert np.array_equal(outlets["cap-1"].sent[0][0], eeg_stream().samples[250])
    assert len(outlets["cap-1"].sent) == pytest.approx(90, abs=2)
    source = played(path, 5.0, paused=True)
    assert not outlets["cap-1"].sent
    assert source.timeline.paused
    with pytest.raises(ConfigurationError, match=r"--start 99: the recording goes from 0.000 to 3.990 s"):
        open_replay(path, start_s=99.0)


def test_a_session_is_found_by_file_folder_and_stem(tmp_path: Path) -> None:
    path = write_session(tmp_path, eeg_stream(), film=3)
    (tmp_path / f"{STEM}_session.json").write_text('{"simulated": true}')
    found = [find_session(each) for each in (path, tmp_path, tmp_path / STEM)]
    assert found[0] == found[1] == found[2]
    assert [camera for camera, _ in found[0].films] == [""]
    assert read_run(found[0]).simulated


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda f: f / "nothing", "no recorded session in"),
        (lambda f: f / "nothing.xdf", "there is no such file"),
        (lambda f: (f / "x.xdf").write_bytes(b"XDF") and f / "x.xdf", "cannot read recording"),
        (lambda f: (f / "x.xdf").write_bytes(b"XDF:junk" * 9) and f, "cannot read recording|nothing in"),
        (lambda f: write_session(f, text_stream("stimuli")), "nothing in .* can be replayed"),
        (lambda f: (write_session(f, eeg_stream()), (f / "b.xdf").touch(), f)[2], "holds 2 recorded runs"),
    ],
)
def test_what_is_no_session_is_refused_in_one_line(make: Callable[[Path], Path], told: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=told) as caught:
        open_replay(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_film_that_cannot_be_read_is_told_and_the_rest_is_replayed(
    tmp_path: Path, outlets: dict[str, FakeOutlet]
) -> None:
    path = write_session(tmp_path, eeg_stream(), frame_stream([0.1, 0.2], [0, 1]))
    (tmp_path / f"{STEM}_video.mkv").write_bytes(b"no film")
    source = played(path)
    assert "the film is not used: 'the film' holds no frame that OpenCV can read" in source.notes[0]
    assert len(outlets["cap-1"].sent) == 400


def test_a_film_that_ends_early_is_told(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    stamps = (np.arange(60) / 30).tolist()
    path = write_session(tmp_path, eeg_stream(), frame_stream(stamps, range(60)), film=60, beside={"dropped": 0})
    film = tmp_path / f"{STEM}_video.avi"
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    source = played(path)
    sent = [frame.index for frame in FakeVideo.opened[0].frames]
    assert 0 < len(sent) < 60
    assert sent == list(range(len(sent)))
    told = [*source.notes, *source.remarks()]
    assert any("frames" in text for text in told)


def test_events_and_keys_steer(tmp_path: Path, outlets: dict[str, FakeOutlet]) -> None:
    clock = ManualClock()
    source = open_replay(write_session(tmp_path, eeg_stream(20.0)), clock=clock)
    source.step()
    line = source.timeline
    clock.now_s += 4.0
    assert obey(source, {"event": "replay_pause"})
    assert line.paused
    assert status_line(source) == "00:04.0 / 00:20.0  paused"
    assert obey(source, {"event": "replay_seek", "position_s": 10})
    assert line.position_s == 10.0
    assert obey(source, {"event": "replay_speed", "speed": 5})
    assert obey(source, {"event": "replay_loop", "loop": True})
    assert obey(source, {"event": "replay_resume"})
    assert status_line(source) == "00:10.0 / 00:20.0  5 x  loop"
    for wrong in (
        {"event": "replay_seek"},
        {"event": "replay_seek", "position_s": "3"},
        {"event": "replay_speed", "speed": True},
        {"event": "record_stop"},
    ):
        assert not obey(source, wrong)
    clock.now_s += 1.0
    assert press(source, "left")
    assert line.position_s == pytest.approx(7.5, abs=0.1)
    press(source, "right")
    press(source, "right")
    press(source, "up")
    assert (line.position_s, line.speed) == (pytest.approx(17.5, abs=0.1), 10.0)
    press(source, "down")
    press(source, "down")
    press(source, "5")
    press(source, "l")
    assert (line.position_s, line.speed, line.loop) == (pytest.approx(9.995, abs=0.01), 2.0, False)
    press(source, "space")
    assert line.paused
    press(source, "space")
    assert not line.paused
    assert not press(source, "q")
    source.stop()


def test_keys_are_told_apart() -> None:
    assert split_keys("\x1b[A\x1b[B\x1b[C\x1b[D Q7\x1b[Z!") == [
        *("up", "down", "right", "left", "space", "q", "7", "z"),
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00.0"), (-0.44, "-00:00.4"), (61.26, "01:01.3"), (3723.44, "1:02:03.4")]
)
def test_time_codes(seconds: float, shown: str) -> None:
    assert time_code(seconds) == shown


def test_a_description_is_copied_whole(tmp_path: Path) -> None:
    stream = XdfStream(
        *("cap", "EEG", eeg_stream().stamps_s, eeg_stream().samples, "float32", 100.0, eeg_stream().channels, "c"),
        desc={"acquisition": {"manufacturer": "nobody", "model": "<m & n>"}, "reference": {"label": "FCz"}},
    )
    ((read,), _) = replay_session.load_streams(write_session(tmp_path, stream))
    info = recorded_info(read, "new")
    assert info.source_id() == "new"
    assert read_section(info, "acquisition", ("manufacturer", "model")) == {
        "manufacturer": "nobody",
        "model": "<m & n>",
    }
    assert [c.type for c in read_channels(info)] == ["EEG", "EEG", "EEG", "Trigger"]
    assert info.channel_format() == pylsl.cf_float32
