"""Half an hour of demo: memory and frame rate of the dashboard over time, every panel open."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.stats import theilslopes

from benchmarks.gui_scene import Seen, scene
from benchmarks.measure import load, machine
from realtime.output import write_json

USUAL_S = 1800.0
WARM_S = 900.0
"""Not judged, or the first half of less: the pictures of fifty movements and other rings fill first."""

MOST_MB_PER_HOUR = 10.0
"""Above this, memory is not flat: a day would add 240 MB."""

LEAST_FRAMES = 30.0
MOST_DROP = 0.05
"""The last third may have so much less frames a second than the first."""


def run(seconds: float | None, summary: Path | None) -> int:
    """Watch for `seconds`, print a line a minute and what came of it; returns the exit code.

    Raises
    ------
    EmostreamError
        A process ended otherwise than it should.
    """
    lasting_s = seconds or USUAL_S
    about, console = machine(), Console(width=120)
    with scene() as processes:
        window = processes.window()
        window.until_drawing()
        begun = time.monotonic()
        told = 0
        while time.monotonic() < begun + lasting_s:
            time.sleep(1.0)
            processes.check()
            minutes = int((time.monotonic() - begun) / 60)
            if minutes > told:
                told = minutes
                console.print(_minute(minutes, window.seconds))
        watched = [second for second in window.seconds if second.at_s > begun]
        platform = processes.platform
        window.close()
    rows = judged(watched)
    about["load_after"] = load()
    console.print(_table(rows, f"{lasting_s / 60:.0f} min, {platform}, load {about['load_before']} to {load()}"))
    if summary is not None:
        minutes = [_figures(watched[at : at + 60]) for at in range(0, len(watched), 60)]
        write_json(summary, {"machine": about, "platform": platform, "rows": rows, "minutes": minutes})
    return 0


def judged(watched: Sequence[Seen]) -> list[dict[str, Any]]:
    """What a watch came to: rows as other benchmarks have them."""
    warm_s = min(WARM_S, 0.5 * (watched[-1].at_s - watched[0].at_s))
    rest = [second for second in watched if second.at_s >= watched[0].at_s + warm_s]
    at_h = np.array([second.at_s for second in rest]) / 3600.0
    slope, _, low, high = np.asarray(theilslopes([second.rss_mb for second in rest], at_h)).tolist()
    frames = np.array([second.frames for second in rest], float)
    third = max(1, len(rest) // 3)
    first, last = float(frames[:third].mean()), float(frames[-third:].mean())
    return [
        _row(
            "memory of the window, growth after the first minutes",
            slope,
            "MB an hour",
            f"at most {MOST_MB_PER_HOUR:g} MB an hour",
            slope <= MOST_MB_PER_HOUR,
            f"95 % {low:.1f} to {high:.1f}; {rest[0].rss_mb:.0f} MB at first, {rest[-1].rss_mb:.0f} MB at last",
        ),
        _row(
            "frames a second, mean",
            float(frames.mean()),
            "1/s",
            f"at least {LEAST_FRAMES:g}",
            float(frames.mean()) >= LEAST_FRAMES,
            f"worst second {frames.min():.0f}",
        ),
        _row(
            "frames a second, last third over first third",
            last / first,
            "ratio",
            f"at least {1 - MOST_DROP:g}",
            last / first >= 1 - MOST_DROP,
            f"{first:.1f} at first, {last:.1f} at last",
        ),
    ]


def _row(name: str, ours: float, unit: str, goal: str, met: bool, note: str) -> dict[str, Any]:
    empty = {"floor": None, "peers": {}, "ratio": None}
    return {"suite": "soak", "name": name, "ours": ours, "unit": unit, "goal": goal, "met": met, "note": note} | empty


def _figures(part: Sequence[Seen]) -> dict[str, float]:
    lasted_s = max(part[-1].at_s - part[0].at_s, 1e-9)
    return {
        "frames_per_s": float(np.mean([second.frames for second in part])),
        "video_frames_per_s": float(np.mean([second.video_frames for second in part])),
        "rss_mb": float(np.mean([second.rss_mb for second in part])),
        "cpu_percent": 100.0 * (part[-1].cpu_s - part[0].cpu_s) / lasted_s,
    }


def _minute(number: int, seconds: Sequence[Seen]) -> str:
    told = _figures(seconds[-60:])
    return (
        f"{number:3d} min: {told['frames_per_s']:.1f} frames/s, video {told['video_frames_per_s']:.1f}/s, "
        f"{told['rss_mb']:.1f} MB, {told['cpu_percent']:.0f} % of a core, load {load()}"
    )


def _table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    out = Table(title=title, show_lines=True)
    for heading in ("what", "measured", "goal", "met"):
        out.add_column(heading)
    for row in rows:
        met = "[green]yes" if row["met"] else "[red]no"
        out.add_row(f"{row['name']}\n[dim]{row['note']}", f"{row['ours']:.2f} {row['unit']}", row["goal"], met)
    return out
