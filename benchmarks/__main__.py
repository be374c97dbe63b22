"""`python -m benchmarks [SUITE|all|flow|soak] [--summary FILE]`, SUITE as below; spotting, faults."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from realtime.errors import EmostreamError

SUITES = ("dsp", "face", "network", "latency", "start", "gui", "offline", "training", "archive")


def run(suites: Sequence[str], seconds: float, summary: Path | None) -> int:
    """Measure the suites, print a table of each, and write what was measured, also where it was cut short.

    Parameters
    ----------
    suites : sequence of str
        Some of `SUITES`. One that fails has its line on stderr, and the others are measured.
    seconds : float
        How long each row is measured.
    summary : Path or None
        For `machine`, and `rows` as `benchmarks.report.Row.as_json` writes them.

    Returns
    -------
    int
        Exit code: 0, or that of the last error.
    """
    from rich.console import Console

    from benchmarks.measure import load, machine
    from benchmarks.report import table
    from realtime.output import write_json

    console = Console(width=None if sys.stdout.isatty() else 150)
    about, rows, exit_code = machine(), [], 0
    try:
        for suite in suites:
            before = load()
            try:
                found = importlib.import_module(f"benchmarks.{suite}").run(seconds)
            except EmostreamError as err:
                print(f"benchmarks: {suite}: {err}", file=sys.stderr)
                exit_code = err.exit_code
                continue
            console.print(table(found, f"{suite}: load {before} of {about['cores']} cores before, {load()} after"))
            rows += [row.as_json() | {"suite": suite} for row in found]
    finally:
        if summary is not None:
            write_json(summary, {"machine": about | {"load_after": load()}, "rows": rows})
    console.print(
        f"{about['processor']}, {about['cores']} cores, one thread; load: all users, last minute; "
        "medians; cpu: time on a core, wall: time passed"
    )
    return exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, measure, write the summary; returns the exit code."""
    chosen = _chosen(arguments)
    # before NumPy is loaded: more threads on a busy machine measure the machine
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        if chosen.suite == "flow":
            from benchmarks.spotting.flow_report import run as measure_flow

            return measure_flow(chosen.summary, chosen.seconds)
        if chosen.suite == "soak":
            from benchmarks.soak import run as watch

            return watch(chosen.seconds, chosen.summary)
        if chosen.suite == "scaling":
            from benchmarks.scaling import run as measure_scaling
            from realtime.output import write_json

            found = measure_scaling(chosen.out or Path(), 1.0 if chosen.seconds is None else chosen.seconds)
            if chosen.summary is not None:
                write_json(chosen.summary, found)
            return 0
        if chosen.suite == "machines":
            from benchmarks.machines import PEOPLE
            from benchmarks.machines import run as run_machines

            run_machines(PEOPLE, 30.0 if chosen.seconds is None else chosen.seconds, chosen.summary)
            return 0
        if chosen.suite == "faults":
            from benchmarks.faults.suite import parse_rows
            from benchmarks.faults.suite import run as run_faults

            rows = None if chosen.rows is None else parse_rows(chosen.rows)
            run_faults(rows, chosen.full, chosen.summary, peers=chosen.peers)
            return 0
        return _spotting(chosen) if chosen.suite == "spotting" else _timings(chosen)
    except EmostreamError as err:
        print(f"benchmarks: {err}", file=sys.stderr)
        return err.exit_code
    except KeyboardInterrupt:
        return 130


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, which leaves with 2 where it makes no sense."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.seconds is not None and not chosen.seconds > 0:
        parser.error("--seconds wants a positive number")
    if chosen.summary is not None and not chosen.summary.absolute().parent.is_dir():
        parser.error(f"--summary: no folder '{chosen.summary.absolute().parent}'")
    spotting = chosen.suite == "spotting"
    if not spotting and any(vars(chosen)[name] is not None for name in ("clips", "jobs", "baselines")):
        parser.error("--clips, --jobs and --baselines belong to the suite 'spotting'")
    if chosen.out is not None and not (spotting or chosen.suite == "scaling"):
        parser.error("--out belongs to the suites 'spotting' and 'scaling'")
    if chosen.suite != "faults" and (chosen.rows is not None or chosen.full or not chosen.peers):
        parser.error("--rows, --full and --no-peers belong to the suite 'faults'")
    if chosen.jobs == 0:
        parser.error("--jobs wants a number of processes, or -1 for one a core")
    return chosen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Ours, the floor and the peers, in one run."
    )
    parser.add_argument(
        "suite",
        nargs="?",
        choices=(*SUITES, "all", "machines", "scaling", "spotting", "flow", "faults", "soak"),
        default="all",
        help="all: dsp to archive; spotting, flow and faults measure what is right, soak half an hour of demo",
    )
    parser.add_argument("--summary", type=Path, metavar="FILE", help="write the table as JSON")
    parser.add_argument(
        "--seconds",
        type=float,
        metavar="N",
        help="measure each row this long (default 5); offline: sessions of so many minutes; spotting, flow: of a clip",
    )
    spotting = parser.add_argument_group("spotting")
    spotting.add_argument("--clips", type=Path, metavar="DIR", help="videos, each with its truth beside it")
    spotting.add_argument("--out", type=Path, metavar="DIR", help="figures (default: spotting-report; scaling: here)")
    spotting.add_argument("--jobs", type=int, metavar="N", help="processes (default -1: one a core)")
    spotting.add_argument(
        "--baselines", action=argparse.BooleanOptionalAction, default=None, help="the published rules too (default)"
    )
    faults = parser.add_argument_group("faults")
    faults.add_argument("--rows", metavar="N,N-N", help="only these rows of the matrix")
    faults.add_argument("--full", action="store_true", help="the whole length of each row, hours in all")
    faults.add_argument("--no-peers", dest="peers", action="store_false", help="this project alone")
    return parser


def _timings(chosen: argparse.Namespace) -> int:
    seconds = 5.0 if chosen.seconds is None else chosen.seconds
    return run(SUITES if chosen.suite == "all" else (chosen.suite,), seconds, chosen.summary)


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
