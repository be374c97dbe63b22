"""A source's clock that was set while it was recorded is told from a gap, and taken off."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest
from fake_labrecorder import FakeInfo, chunk, clock_offset, file_header, footer, stream_header

from realtime.analysis.session_source import Wish, open_session
from realtime.analysis.tracks import XdfEeg
from realtime.eeg.xdf import load_streams, read_xdf
from realtime.eeg.xdf_clock import Leap, Marks, mend_leaps
from realtime.lsl.arrival import ArrivalClock
from realtime.session.recorded import find_session

RATE_HZ, FPS, FIRST_S, SECONDS = 100.0, 30.0, 500.0, 60.0
EEG, FRAMES = FakeInfo("cap"), FakeInfo("frames", "VideoFrameIndex", 0.0, "cam-frames")
MOTION = FakeInfo("motion", "Accelerometer", 50.0, "src-2")


def _rows(number: int, stamps: np.ndarray, values: np.ndarray) -> bytes:
    rows = b"".join(b"\x08" + struct.pack("<dd", stamp, value) for stamp, value in zip(stamps, values, strict=True))
    return chunk(3, struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(stamps)) + rows)


def _times(rate_hz: float, silent: tuple[float, float] | None = None) -> np.ndarray:
    times = FIRST_S + np.arange(round(SECONDS * rate_hz)) / rate_hz
    if silent is not None:
        times = times[(times < FIRST_S + silent[0]) | (times >= FIRST_S + silent[1])]
    return times


def _stamped(times: np.ndarray, *sets: tuple[float, float]) -> np.ndarray:
    """Stamps of a clock that is set at some times by so many seconds."""
    return times + sum((by_s * (times >= FIRST_S + at_s) for at_s, by_s in sets), np.zeros_like(times))


def record(
    path: Path,
    streams: list[tuple[FakeInfo, np.ndarray, np.ndarray]],
    *,
    offsets: bool = True,
    every_s: float = 0.5,
    late: dict[str, tuple[float, float]] | None = None,
) -> Path:
    """What LabRecorder leaves: each stream in turn, what came since; clocks measured every 5 s.

    `streams` are (info, when samples were taken, stamps). Samples of one in `late`, taken in a span, come at its
    end.
    """
    content = file_header() + b"".join(stream_header(i, info) for i, (info, _, _) in enumerate(streams, 1))
    comes = []
    for info, times, _ in streams:
        span = (late or {}).get(info.called, (math.nan, math.nan))
        held = (times >= FIRST_S + span[0]) & (times < FIRST_S + span[1])
        comes.append(np.where(held, FIRST_S + span[1], times))
    for turn in range(1, math.ceil(SECONDS / every_s) + 1):
        now_s = FIRST_S + turn * every_s
        for i, ((_, _, stamps), come) in enumerate(zip(streams, comes, strict=True), 1):
            if offsets and turn % round(5.0 / every_s) == 1:
                content += clock_offset(i, now_s)
            here = np.flatnonzero((come >= now_s - every_s) & (come < now_s))
            if here.size:
                content += _rows(i, stamps[here], here.astype(float))
    content += b"".join(footer(i, len(stamps)) for i, (_, _, stamps) in enumerate(streams, 1))
    path.write_bytes(content)
    return path


def _frames() -> tuple[FakeInfo, np.ndarray, np.ndarray]:
    return FRAMES, _times(FPS), _times(FPS)


def _eeg_of(path: Path) -> tuple[np.ndarray, tuple[Leap, ...]]:
    streams, _ = load_streams(path, dejitter=False)
    eeg = next(stream for stream in streams if stream["info"]["type"][0] == "EEG")
    return np.asarray(eeg["time_stamps"]), eeg["info"]["clock_leaps"]


@pytest.mark.parametrize("offsets", [True, False])
@pytest.mark.parametrize("by_s", [10.0, -10.0, 1.5, -1.5, 3600.0])
def test_a_clock_that_was_set_is_set_back(tmp_path: Path, by_s: float, offsets: bool) -> None:
    times = _times(RATE_HZ)
    path = record(tmp_path / "x.xdf", [(EEG, times, _stamped(times, (30.2, by_s))), _frames()], offsets=offsets)
    stamps, leaps = _eeg_of(path)
    np.testing.assert_allclose(stamps, times, atol=1e-6)
    assert leaps == ((3020, pytest.approx(by_s), pytest.approx(by_s), True),)
    recording = read_xdf(path)
    assert recording.warnings == (f"'cap': the source's clock was set by {by_s:+.1f} s at 30.2 s; times were mended",)
    assert recording.resets_s == (pytest.approx(30.2, abs=0.01),)
    assert (recording.lost, recording.gaps) == (0, ())


@pytest.mark.parametrize("length_s", [1.5, 10.0, 28.0])
def test_a_gap_stays_a_gap(tmp_path: Path, length_s: float) -> None:
    times = _times(RATE_HZ, (20.0, 20.0 + length_s))
    path = record(tmp_path / "x.xdf", [(EEG, times, times), _frames()])
    stamps, leaps = _eeg_of(path)
    np.testing.assert_array_equal(stamps, times)
    assert leaps == ((2000, pytest.approx(length_s), 0.0, True),)
    assert read_xdf(path).warnings == (f"'cap': {round(length_s * RATE_HZ)} samples missing, in places: 1",)


@pytest.mark.parametrize("by_s", [-25.0, 7.0])
def test_a_clock_that_was_set_in_a_gap_leaves_the_gap(tmp_path: Path, by_s: float) -> None:
    times = _times(RATE_HZ, (20.0, 24.0))
    path = record(tmp_path / "x.xdf", [(EEG, times, _stamped(times, (22.0, by_s))), _frames()])
    stamps, leaps = _eeg_of(path)
    np.testing.assert_allclose(stamps, times, atol=0.3)
    assert leaps[0].sure
    warnings = read_xdf(path).warnings
    assert f"set by {leaps[0].set_s:+.1f} s at" in warnings[0]
    assert "samples missing, in places: 1" in warnings[1]


def test_several_of_each_are_told_apart(tmp_path: Path) -> None:
    times = _times(RATE_HZ, (24.0, 30.0))
    stamps = _stamped(times, (10.0, 10.0), (14.0, -10.0), (40.0, 6.0))
    stamps, leaps = _eeg_of(record(tmp_path / "x.xdf", [(EEG, times, stamps), _frames()]))
    np.testing.assert_allclose(stamps, times, atol=1e-6)
    assert [round(leap.set_s) for leap in leaps] == [10, -10, 0, 6]


def test_one_stream_alone_is_told_by_the_recorder_s_own_clock(tmp_path: Path) -> None:
    times, gap = _times(RATE_HZ), _times(RATE_HZ, (20.0, 30.0))
    stamps, leaps = _eeg_of(record(tmp_path / "set.xdf", [(EEG, times, _stamped(times, (30.2, 10.0)))]))
    np.testing.assert_allclose(stamps, times, atol=1e-6)
    assert leaps[0].sure
    assert _eeg_of(record(tmp_path / "gap.xdf", [(EEG, gap, gap)]))[1] == ((2000, pytest.approx(10.0), 0.0, True),)


def test_where_nothing_tells_it_is_said_what_it_was_taken_for(tmp_path: Path) -> None:
    times = _times(RATE_HZ)
    forward = record(tmp_path / "a.xdf", [(EEG, times, _stamped(times, (30.0, 10.0)))], offsets=False)
    assert _eeg_of(forward)[1] == ((3000, pytest.approx(10.0), 0.0, False),)
    recording = read_xdf(forward)
    assert recording.warnings[0] == (
        "'cap': stamps leap by +10.0 s at 40.0 s, and nothing in the file tells whether the source's clock was set or "
        "samples are missing: taken for missing samples"
    )
    assert recording.lost == 1000
    back = record(tmp_path / "b.xdf", [(EEG, times, _stamped(times, (30.0, -10.0)))], offsets=False)
    np.testing.assert_allclose(_eeg_of(back)[0], times, atol=1e-6)
    assert "taken for a clock that was set" in read_xdf(back).warnings[0]


def test_a_second_stream_of_the_same_device_tells_nothing(tmp_path: Path) -> None:
    times, slow = _times(RATE_HZ), _times(50.0)
    both = [(EEG, times, _stamped(times, (30.2, 10.0))), (MOTION, slow, _stamped(slow, (30.2, 10.0)))]
    assert not _eeg_of(record(tmp_path / "a.xdf", both, offsets=False))[1][0].sure
    stamps, leaps = _eeg_of(record(tmp_path / "b.xdf", [*both, _frames()], offsets=False))
    assert leaps[0].sure
    np.testing.assert_allclose(stamps, times, atol=1e-6)


def test_samples_that_come_late_are_not_missing(tmp_path: Path) -> None:
    times = _times(RATE_HZ)
    streams = [(EEG, times, _stamped(times, (30.2, 5.0))), _frames()]
    stamps, leaps = _eeg_of(record(tmp_path / "x.xdf", streams, late={"cap": (33.0, 34.0)}))
    np.testing.assert_allclose(stamps, times, atol=1e-6)
    assert leaps[0].sure


def test_what_is_taken_off_is_what_is_taken_off_live(tmp_path: Path) -> None:
    times = _times(RATE_HZ)
    raw = _stamped(times, (20.0, 10.0), (40.003, -10.0))
    live = ArrivalClock(1.0 / RATE_HZ)
    followed = [live.follow(raw[i : i + 5], float(times[i + 4]) + 0.01) for i in range(0, len(raw), 5)]
    assert live.jumps == 2
    stamps, _ = _eeg_of(record(tmp_path / "x.xdf", [(EEG, times, raw), _frames()]))
    np.testing.assert_allclose(stamps, np.concatenate(followed), atol=1e-6)


@pytest.mark.parametrize(("by_s", "where"), [(10.0, "ahead of"), (-10.0, "behind")])
def test_a_clock_that_was_set_before_the_recording_began_is_told(tmp_path: Path, by_s: float, where: str) -> None:
    times = _times(RATE_HZ)
    path = record(tmp_path / "x.xdf", [(EEG, times, times + by_s), _frames()])
    (warning,) = read_xdf(path).warnings
    assert f" s {where} the recorder's clock from the start" in warning
    streams, _ = load_streams(path, dejitter=False)
    assert streams[0]["info"]["clock_apart_s"] == pytest.approx(by_s, abs=0.6)


def test_an_analysis_says_and_shows_it(tmp_path: Path) -> None:
    times = _times(RATE_HZ)
    path = record(tmp_path / "x.xdf", [(EEG, times, _stamped(times, (30.2, -10.0))), _frames()])
    source = open_session(find_session(path), Wish(video=False))
    assert source.eeg is not None
    stamps = np.concatenate([chunk.stamps for chunk in source.eeg.chunks()])
    np.testing.assert_allclose(stamps, times, atol=1e-6)
    assert list(source.eeg.warnings) == ["'cap': the source's clock was set by -10.0 s at 30.2 s; times were mended"]
    assert [at_s - source.zero_s for at_s in source.eeg.resets_s] == [pytest.approx(30.2, abs=0.01)]
    assert source.eeg.health().lost == 0


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ([("cap", 30.2, -10.0), ("cap", -5.0, 3.0), ("other", 12.0, 3.0)], True),
        ([], False),
        ([("cap", 30.2, 10.0)], False),
        ([("cap", 12.0, -10.0)], False),
        ([("cap", 30.2, -10.0), ("cap", 45.0, 0.7)], False),
    ],
)
def test_an_engine_that_set_the_clock_back_elsewhere_is_not_repeated(
    tmp_path: Path, told: list[tuple[str, float, float]], same: bool
) -> None:
    times = _times(RATE_HZ)
    path = record(tmp_path / "x.xdf", [(EEG, times, _stamped(times, (30.2, -10.0))), _frames()])
    eeg = XdfEeg(load_streams(path, dejitter=False)[0][0], path, {}, as_live=True)
    assert eeg.set_as([(name, FIRST_S + at_s, by_s) for name, at_s, by_s in told]) == same


def test_streams_one_after_the_other_tell_nothing(tmp_path: Path) -> None:
    gap = _times(RATE_HZ, (20.0, 30.0))
    streams = [(EEG, gap, gap), _frames()]
    stamps, leaps = _eeg_of(record(tmp_path / "x.xdf", streams, every_s=SECONDS, offsets=False))
    np.testing.assert_array_equal(stamps, gap)
    assert not leaps[0].sure


def test_what_is_kept_of_an_hour_is_small_and_of_nonsense_nothing_is_judged() -> None:
    marks = Marks()
    for i in range(20_000):
        marks.add_samples(1, 50 * i, i + 1, i / 1000.0, 1000.0)
    assert len(marks.samples[1]) == 3 * 200
    stamps = np.random.default_rng(0).uniform(0, 1e6, 1000)
    same, leaps = mend_leaps(stamps, 1, marks)
    np.testing.assert_array_equal(same, stamps)
    assert leaps == ()
