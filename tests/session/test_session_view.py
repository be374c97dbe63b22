"""What the recorder shows as text: a line when something changes, a live table on a terminal, red where it stalls."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from realtime.recorder.report import Report, StreamReport
from realtime.recorder.view import RecordView, clock_text, size_text

EEG = StreamReport("emostream-eeg", "EEG", "amp", 2500, 0.2, stalled=False, late=False)
GOOD = Report(61.0, 1_234_567, 5_000_000_000, (EEG,), "", ())
ALARM = "EEG stream 'emostream-eeg' is stalled: nothing for 3 s"
BAD = replace(GOOD, streams=(replace(EEG, stalled=True),), alarms=(ALARM,))


def _shown(*, terminal: bool, reports: list[tuple[str, Report | None]]) -> str:
    out = io.StringIO()
    with RecordView(Console(file=out, force_terminal=terminal, width=120, color_system="standard")) as view:
        for doing, report in reports:
            view.show(doing, report)
    return out.getvalue()


def test_without_a_terminal_a_line_comes_when_something_changes() -> None:
    again = replace(BAD, elapsed_s=62.0, alarms=("EEG stream 'emostream-eeg' is stalled: nothing for 4 s",))
    reports = [("waiting for EEG", None), ("waiting for EEG", None), ("recording", GOOD), ("recording", GOOD)]
    lines = _shown(terminal=False, reports=[*reports, ("recording", BAD), ("recording", again)]).splitlines()
    assert lines == [
        "waiting for EEG",
        "recording 0:01:01 1.2 MB | emostream-eeg 2500",
        f"recording 0:01:01 1.2 MB | emostream-eeg 2500 STALLED | ALARM: {ALARM}",
    ]


def test_on_a_terminal_what_is_stalled_is_red_and_in_words() -> None:
    good = _shown(terminal=True, reports=[("recording", GOOD)])
    bad = _shown(terminal=True, reports=[("recording", BAD)])
    assert "2500" in good
    assert "\x1b[1;31m" not in good
    assert "\x1b[1;31m" in bad
    assert "STALLED" in bad
    assert ALARM in bad


def test_times_and_sizes_are_said_as_people_say_them() -> None:
    assert [clock_text(s) for s in (0.0, 59.9, 3661.0)] == ["0:00:00", "0:00:59", "1:01:01"]
    assert [size_text(n) for n in (0, 999, 12_340, 5_600_000, 7e12)] == ["0 B", "999 B", "12 kB", "5.6 MB", "7000.0 GB"]
