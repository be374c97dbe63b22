"""`python -m benchmarks [dsp|face|network|latency|gui|all|flow] [--summary FILE] [--seconds N]`, and `spotting`."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from realtime.errors import EmostreamError

SUITES = ("dsp", "face", "network", "latency", "gui")


def run(suites: Sequence[str], seconds: float) -> dict[str, Any]:
    """Measure the suites, print a table of each, and return what the summary holds.

    Parameters
    ----------
    suites : sequence of str
        Some of `SUITES`.
    seconds : float
        How long each row is measured.

    Returns
    -------
    dict
        `machine`, and `rows` as `benchmarks.report.Row.as_json` writes them.
    """
    from rich.console import Console

    from benchmarks.measure import load, machine
    from benchmarks.report import table

    console = Console(width=None if sys.stdout.isatty() else 150)
    about, rows = machine(), []
    for suite in suites:
        before = load()
        found = importlib.import_module(f"benchmarks.{suite}").run(seconds)
        console.print(table(found, f"{suite}: load {before} of {about['cores']} cores before, {load()} after"))
        rows += [row.as_json() | {"suite": suite} for row in found]
    about["load_after"] = load()
    console.print(
        f"{about['processor']}, {about['cores']} cores, one thread; load: all users, last minute; "
        "medians; cpu: time on a core, wall: time passed"
    )
    return {"machine": about, "rows": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, write the summary; returns the exit code."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.seconds is not None and not chosen.seconds > 0:
        parser.error("--seconds wants a positive number")
    if chosen.summary is not None and not chosen.summary.absolute().parent.is_dir():
        parser.error(f"--summary: no folder '{chosen.summary.absolute().parent}'")
    spotting = chosen.suite == "spotting"
    if not spotting and any(vars(chosen)[name] is not None for name in ("clips", "out", "jobs", "baselines")):
        parser.error("--clips, --out, --jobs and --baselines belong to the suite 'spotting'")
    if chosen.jobs == 0:
        parser.error("--jobs wants a number of processes, or -1 for one a core")
    # before NumPy is loaded: more threads on a busy machine measure the machine
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        if chosen.suite == "flow":
            from benchmarks.spotting.flow_report import run as measure_flow

            return measure_flow(chosen.summary, chosen.seconds)
        return _spotting(chosen) if spotting else _timings(chosen)
    except EmostreamError as err:
        print(f"benchmarks: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Ours, the floor and the peers, in one run."
    )
    parser.add_argument(
        "suite",
        nargs="?",
        choices=(*SUITES, "all", "spotting", "flow"),
        default="all",
        help="all: all but spotting and flow, which measure what is right, not how long it takes",
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the table as JSON")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="measure each row this long (default 5); spotting, flow: length of a simulated clip",
    )
    spotting = parser.add_argument_group("spotting")
    spotting.add_argument("--clips", type=Path, metavar="DIR", help="videos, each with its truth beside it")
    spotting.add_argument("--out", type=Path, metavar="DIR", help="figures (default: spotting-report)")
    spotting.add_argument("--jobs", type=int, metavar="N", help="processes (default -1: one a core)")
    spotting.add_argument(
        "--baselines", action=argparse.BooleanOptionalAction, default=None, help="the published rules too (default)"
    )
    return parser


def _timings(chosen: argparse.Namespace) -> int:
    seconds = 5.0 if chosen.seconds is None else chosen.seconds
    summary = run(SUITES if chosen.suite == "all" else (chosen.suite,), seconds)
    if chosen.summary is not None:
        from realtime.output import write_json

        write_json(chosen.summary, summary)
    return 0


def _spotting(chosen: argparse.Namespace) -> int:
    from benchmarks.spotting.command import SpottingBench

    bench = SpottingBench(
        clips=chosen.clips,
        summary=chosen.summary,
        out=chosen.out,
        seconds=chosen.seconds,
        jobs=-1 if chosen.jobs is None else chosen.jobs,
        baselines=chosen.baselines is not False,
    )
    return bench.run()


if __name__ == "__main__":
    sys.exit(main())
