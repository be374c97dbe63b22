"""Watching over LabRecorder: late streams, a dead or hung one, a full disk, stalled streams. No LSL, no waiting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_labrecorder import FakeInfo, FakeLabRecorder, file_header, stream_header

from realtime.eeg.xdf import load_streams
from realtime.recorder.choice import Choice, Surroundings
from realtime.recorder.recorder import Recorder
from realtime.recorder.report import Report
from realtime.session.folder import claim_run
from realtime.session.run import Run

EEG, FRAMES = FakeInfo("eeg", source="amp"), FakeInfo("frames", "VideoFrameIndex", 30.0, "cam")
STIMULUS = FakeInfo("emostream-stimulus", "Markers", 0.0, "screen")
GIB = 2**30


class Lab:
    """A recorder with fake streams, LabRecorders, disk and clock."""

    def __init__(self, tmp_path: Path, *infos: FakeInfo, choice: Choice | None = None) -> None:
        self.now, self.free, self.infos = 100.0, 500 * GIB, list(infos)
        self.made: list[FakeLabRecorder] = []
        self.beats = [0, 0]
        self.waits_for: str | None = None
        self.folder = claim_run(tmp_path / "rec", Run("01"), b"{}", free=True)
        self.recorder = Recorder(
            self.folder,
            choice or Choice(consent=True),
            Surroundings(lambda: list(self.infos)),  # type: ignore[arg-type, return-value]
            self._launch,
            beat=self._beat,
            clock=lambda: self.now,
            free=lambda _path: self.free,
        )
        self.recorder.start()

    def _launch(self, path: Path, uids: Sequence[str]) -> FakeLabRecorder:
        self.made.append(FakeLabRecorder(path, [info for info in self.infos if info.uid() in uids]))
        self.made[-1].waits_for = self.waits_for
        return self.made[-1]

    def _beat(self, stream: int) -> None:
        self.beats[stream] += 1

    def turn(self, seconds: float, *, writing: bool = True) -> Report:
        """Let time pass in steps of 50 ms; LabRecorders that live write every half second."""
        for step in range(round(seconds / 0.05)):
            self.now += 0.05
            for made in self.made:
                if writing and made.code is None and step % 10 == 9:
                    made.write(self.now)
            report = self.recorder.step()
        return report


@pytest.fixture
def make_lab(tmp_path: Path):
    labs: list[Lab] = []

    def make(*infos: FakeInfo, **options: Choice) -> Lab:
        labs.append(Lab(tmp_path, *infos, **options))
        return labs[-1]

    yield make
    for lab in labs:
        lab.recorder.finish()


def test_everything_but_pixels_and_what_cannot_be_written_is_recorded(make_lab) -> None:
    pixels, odd = FakeInfo("video", "VideoRaw"), FakeInfo("odd", format=7)
    lab = make_lab(EEG, FRAMES, pixels, odd, FakeInfo("secret"), choice=Choice(exclude=("secret",), consent=True))
    report = lab.turn(2.0)
    assert [stream.name for stream in report.streams] == ["eeg", "frames"]
    assert {stream.received for stream in report.streams} == {40}
    assert report.alarms == ()
    assert lab.beats[0] >= lab.beats[1] >= 6
    assert lab.recorder.ready


def test_films_may_begin_once_headsets_and_cameras_are_connected(make_lab) -> None:
    second = FakeInfo("eeg", source="other amp", number="u2")
    lab = make_lab(EEG, second, FRAMES, STIMULUS)
    lab.made[0].waits_for = "emostream-stimulus"
    assert lab.recorder.connected
    assert not lab.recorder.ready
    lab.made[0].waits_for = "frames"
    assert not lab.recorder.connected
    lab.made[0].waits_for = "emostream-stimulus"
    lab.made[0].infos.remove(second)
    assert not lab.recorder.connected, "two headsets of one name are two"
    lab.made[0].infos.append(second)
    lab.made[0].waits_for = None
    lab.turn(0.1)
    assert lab.recorder.connected
    assert lab.recorder.ready


def test_the_face_needs_a_consent() -> None:
    face = [FakeInfo("pictures", "MovementImages"), FakeInfo("mesh", "FaceMesh")]
    assert all("no consent" in Choice().left_out(info) for info in face)  # type: ignore[arg-type]
    assert not any(Choice(consent=True).left_out(info) for info in face)  # type: ignore[arg-type]


def test_what_must_be_there_is_named_until_it_is() -> None:
    infos = [STIMULUS]
    assert Choice().missing(infos) == ("EEG or VideoFrameIndex",)  # type: ignore[arg-type]
    assert Choice().missing([*infos, FRAMES]) == ()  # type: ignore[list-item]
    assert Choice(require=("EEG", "VideoFrameIndex")).missing([*infos, FRAMES]) == ("EEG",)  # type: ignore[list-item]
    assert Choice(exclude=("frames",)).missing([FRAMES]) == ("EEG or VideoFrameIndex",)  # type: ignore[list-item]


def test_a_stream_that_comes_late_gets_a_part_and_is_in_the_one_file_in_the_end(make_lab) -> None:
    lab = make_lab(EEG)
    lab.turn(3.0)
    lab.infos.append(STIMULUS)
    report = lab.turn(4.0)
    assert [made.path.name for made in lab.made] == [
        f"{lab.folder.run.stem}.xdf",
        f"{lab.folder.run.stem}_part-02.xdf",
    ]
    assert lab.made[1].infos == [STIMULUS]
    assert {stream.name: stream.late for stream in report.streams} == {"eeg": False, "emostream-stimulus": True}
    assert report.alarms == ()
    counts = {stream.name: stream.samples for stream in lab.recorder.finish()}
    assert set(counts) == {"eeg", "emostream-stimulus"}
    assert [path.name for path in lab.folder.path.glob("*.xdf")] == [f"{lab.folder.run.stem}.xdf"]
    assert len(load_streams(lab.folder.file(".xdf"))[0]) == 2
    assert lab.recorder.gaps == ()


def test_a_labrecorder_that_dies_is_told_at_once_and_replaced_with_a_gap_on_record(make_lab) -> None:
    lab = make_lab(EEG, FRAMES)
    lab.turn(5.0)
    lab.made[0].code = -9
    assert lab.turn(0.05).failure == "LabRecorder was killed (signal 9)"
    report = lab.turn(3.0)
    assert report.failure == ""
    assert lab.made[1].infos == [EEG, FRAMES]
    lab.recorder.finish()
    (gap,) = lab.recorder.gaps
    assert 0.0 < gap.to_s - gap.from_s < 1.5
    assert [alarm for alarm in lab.recorder.alarms if "killed" in alarm] == ["5.0 s: LabRecorder was killed (signal 9)"]
    assert len(load_streams(lab.folder.file(".xdf"))[0]) == 2


def test_a_gap_lasts_until_the_next_labrecorder_is_connected_to_headsets_and_cameras(make_lab) -> None:
    """It was closed, and the alarm taken back, as soon as another LabRecorder was started."""
    lab = make_lab(EEG, STIMULUS)
    lab.turn(5.0)
    lab.waits_for, lab.made[0].code = "eeg", -9
    assert lab.turn(4.0).failure == "LabRecorder was killed (signal 9)"
    assert (len(lab.made), lab.recorder.gaps) == (2, ())
    lab.made[1].waits_for = STIMULUS.name()  # for a stream of markers LabRecorder waits up to 10 s
    assert lab.turn(0.6).failure == ""
    (gap,) = lab.recorder.gaps
    assert 3.9 < gap.to_s - gap.from_s < 5.0


def test_a_gap_begins_before_the_kill_though_the_recorder_looked_late(make_lab) -> None:
    """It began when the file was found grown, which on a busy machine was after the kill."""
    lab = make_lab(EEG)
    lab.turn(5.0)
    looked_s = lab.now
    lab.made[0].write(looked_s + 0.1)
    lab.made[0].code = -9
    lab.now += 2.0
    lab.turn(3.0)
    (gap,) = lab.recorder.gaps
    assert gap.from_s <= looked_s < gap.to_s


def test_what_labrecorder_did_not_find_gets_a_part_of_its_own(make_lab) -> None:
    lab = make_lab(EEG, FRAMES)
    lab.made[0].infos = [EEG]
    lab.made[0].path.write_bytes(file_header() + stream_header(1, EEG))
    lab.turn(3.0)
    assert lab.recorder.ready
    assert [made.infos for made in lab.made] == [[EEG], [FRAMES]]
    assert {stream.name for stream in lab.recorder.finish()} == {"eeg", "frames"}


def test_one_that_dies_again_and_again_is_not_started_in_a_loop_nor_for_ever(make_lab) -> None:
    lab = make_lab(EEG)
    for _ in range(200):
        lab.made[-1].code = 1
        lab.turn(0.5)
    assert len(lab.made) == 30
    report = lab.turn(0.1)
    assert report.failure
    assert any("no more" in alarm for alarm in report.alarms)


def test_a_file_that_stands_still_is_an_alarm_within_a_second_and_a_hung_one_is_replaced(make_lab) -> None:
    lab = make_lab(EEG)
    lab.turn(2.0)
    assert lab.turn(0.75, writing=False).failure == ""
    assert "nothing is written" in lab.turn(0.15, writing=False).failure
    assert lab.turn(1.0).failure == ""
    lab.turn(29.0, writing=False)
    assert not lab.made[0].killed
    lab.turn(2.0, writing=False)
    assert lab.made[0].killed
    assert lab.turn(3.0).failure == ""
    assert len(lab.made) == 2


def test_a_full_disk_is_told_and_recording_goes_on_in_a_new_part_when_there_is_room(make_lab) -> None:
    lab = make_lab(EEG)
    lab.turn(2.0)
    lab.free = 0
    report = lab.turn(1.6, writing=False)
    assert report.failure == "the disk is full: nothing is written"
    lab.turn(60.0, writing=False)
    assert len(lab.made) == 1
    assert not lab.made[0].killed
    lab.free = GIB
    lab.turn(0.6, writing=False)
    report = lab.turn(3.0)
    assert (report.failure, len(lab.made)) == ("", 2)
    assert [gap.reason for gap in lab.recorder.gaps] == ["the disk was full"]


def test_a_disk_that_is_nearly_full_is_told_before_it_is(make_lab) -> None:
    lab = make_lab(EEG)
    assert lab.turn(2.0).alarms == ()
    lab.free = 100_000_000
    assert "nearly full: 100 MB left" in lab.turn(1.0).alarms[0]


def test_a_regular_stream_that_says_nothing_is_stalled_and_an_irregular_one_is_not(make_lab) -> None:
    lab = make_lab(EEG, STIMULUS)
    lab.turn(1.0)
    silent, lab.made[0].infos = lab.made[0].infos, []
    for _ in range(60):
        lab.made[0].path.open("ab").close()
        lab.turn(0.05, writing=False)
    report = lab.turn(0.5, writing=False)
    assert [stream.stalled for stream in report.streams] == [True, False]
    assert any("EEG stream 'eeg' is stalled" in alarm for alarm in report.alarms)
    lab.made[0].infos = silent
    assert lab.turn(1.0).alarms == ()


def test_a_damaged_file_is_an_alarm_and_ends_nothing(make_lab) -> None:
    lab = make_lab(EEG)
    lab.turn(1.0)
    with lab.made[0].path.open("ab") as file:
        file.write(b"\x09junk")
    assert any("is damaged" in alarm for alarm in lab.turn(0.5).alarms)
    lab.made[0].path.write_bytes(lab.made[0].path.read_bytes().split(b"\x09junk")[0])
