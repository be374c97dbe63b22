"""The dashboard's benchmarks: how a watch is judged, what the measured window shows. Never how long anything takes."""

from __future__ import annotations

import pytest

from benchmarks.gui_node import every_panel
from benchmarks.gui_scene import Seen
from benchmarks.measure import Timing
from benchmarks.report import Goal, Row
from benchmarks.soak import judged
from gui.window.panel_set import SCHEDULE


def _watched(grows_mb_an_hour: float, frames: tuple[int, int]) -> list[Seen]:
    """Half an hour; memory that first fills, then grows as told; the frame rate changes in the middle of the rest."""
    return [
        Seen(
            at_s=float(at),
            frames=frames[at >= 1350],
            video_frames=30,
            work_ms=(1.0,),
            turn_ms=(5.0,),
            rss_mb=300.0 + min(at, 600) / 4 + grows_mb_an_hour * at / 3600,
            cpu_s=0.3 * at,
        )
        for at in range(1800)
    ]


@pytest.mark.parametrize(
    ("grows_mb_an_hour", "frames", "met"),
    [
        (0.0, (33, 33), [True, True, True]),
        (40.0, (33, 33), [False, True, True]),
        (0.0, (33, 29), [True, True, False]),
        (0.0, (25, 25), [True, False, True]),
    ],
)
def test_memory_must_stay_and_frames_too(grows_mb_an_hour: float, frames: tuple[int, int], met: list[bool]) -> None:
    rows = judged(_watched(grows_mb_an_hour, frames))
    assert [row["met"] for row in rows] == met
    assert rows[0]["ours"] == pytest.approx(grows_mb_an_hour, abs=0.01)


def test_every_panel_has_a_place_of_its_own() -> None:
    places = [keys for _, rows in every_panel(list(SCHEDULE)).columns for keys, _ in rows]
    assert all(len(keys) == 1 for keys in places)
    assert sorted(keys[0] for keys in places) == sorted(SCHEDULE)


def test_a_goal_on_the_slowest_is_judged_by_the_slowest() -> None:
    row = Row("work", ours=Timing(5.0, 6.0, 9), floor=Timing(1.0, 5.0, 9), floor_name="none")
    assert Goal("p99 over floor", 1.2).met(row)
    assert not Goal("p99 over floor", 1.1).met(row)
    assert Goal("p99 over floor", 1.2).text() == "p99 at most 1.2 x the floor's"
