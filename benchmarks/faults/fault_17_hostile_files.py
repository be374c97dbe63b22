"""Row 17: recordings, arrays and settings that somebody built to do harm, and honest ones spoiled at random."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from benchmarks.faults.row import Outcome, Row, not_installed
from benchmarks.fuzz.cases import Result, run_cases

REQUIRED = "no code run, memory bounded (1 GiB), under 1 s of CPU a case, a named error"
FULL: dict[str, int] = {
    "toml": 20_000, "mat": 22_000, "set": 20_000, "xdf": 5_000, "xdf-streams": 1_500, "xdf-chunks": 6_000,
    "playlist": 4_000, "preset": 1_000, "training": 1_000, "bdf": 1_500, "edf": 1_500, "fif": 1_000, "npz": 2_000,
    "npy": 2_000, "pickle": 3_000, "mat-hdf5": 1_500, "xlsx": 700, "csv": 1_500, "parquet": 500, "annotations": 1_500,
    "journal": 600, "session": 600, "film-notes": 200, "delays": 400, "checksums": 300, "markers": 500, "samples": 300,
    "calibration": 300, "weights": 100, "checkpoint": 200, "avi": 60, "mkv": 60, "mp4": 60, "film-frames": 20,
    "picture": 300,
    "mahnob": 1_000, "hed-index": 600, "hed-facts": 600, "ratings": 300, "meaning": 1_000, "sheet": 1_000,
    "analysis": 600, "movements": 600, "motion": 600, "columns": 300, "flow": 1_000, "face": 200, "still": 200,
    "encrypted": 300, "identity": 600, "export": 300, "fold": 300, "features": 600, "training-data": 300, "state": 300,
    "stimulus": 60, "stimulus-mp4": 60, "view": 1_000,
    "stimulus-sound": 60, "shown": 60, "shown-mp4": 60, "sound": 60,
}  # fmt: skip
"""Cases a reader, 113,000 together; every reader that the fuzzer knows."""
_SHORT: dict[str, int] = {"xdf": 250, "set": 400, "mat": 700, "toml": 1500}


def _ours(full: bool) -> Outcome:
    asked = FULL if full else _SHORT
    results = {name: run_cases(name, count) for name, count in asked.items()}
    figures = _figures(results)
    met = figures["findings"] == 0 and figures["slowest_s"] < 1.0
    kinds = ", ".join(name for name in results)
    measured = f"{_words(figures)} ({kinds})"
    return Outcome(measured, bool(met), figures)


def _figures(results: Mapping[str, Result]) -> dict[str, Any]:
    findings = [f"{name} {case}: {told}" for name, result in results.items() for case, told in result.findings.items()]
    return {
        "cases": sum(result.cases for result in results.values()),
        "read": sum(result.read for result in results.values()),
        "refused": sum(result.refused for result in results.values()),
        "findings": len(findings),
        "code_run": sum("was run" in one or "ran something" in one for one in findings),
        "crashes": sum("the process died" in one for one in findings),
        "out_of_memory": sum("asked for more" in one or "MemoryError" in one for one in findings),
        "too_slow": sum(": took" in one or "not done after" in one for one in findings),
        "slowest_s": round(max(result.slowest_s for result in results.values()), 3),
        "grown_mb": round(max(result.grown_mb for result in results.values()), 1),
        "first_finding": findings[0] if findings else "",
    }


def _words(figures: Mapping[str, Any]) -> str:
    bad = (
        ("code_run", "ran code"),
        ("crashes", "crashes"),
        ("out_of_memory", "out of memory"),
        ("too_slow", "too slow"),
    )
    told = ", ".join(f"{figures[key]} {words}" for key, words in bad)
    return (
        f"{figures['cases']} cases: {figures['read']} read, {figures['refused']} refused, {told}, "
        f"{figures['findings']} findings in all; slowest {figures['slowest_s']} s, peak +{figures['grown_mb']} MB"
    )


def _peer(package: str, target: str, full: bool) -> Outcome:
    """A library alone on the same cases; an exception of any kind counts as an error here."""
    if importlib.util.find_spec(package) is None:
        return not_installed(package)
    figures = _figures({target: run_cases(target, 2000 if full else 300, peer=True)})
    return Outcome(_words(figures), figures["findings"] == 0 and figures["slowest_s"] < 1.0, figures)


def _peers() -> dict[str, Callable[[bool], Outcome]]:
    return {
        "pyxdf": partial(_peer, "pyxdf", "xdf"),
        "mne": partial(_peer, "mne", "set"),
        "scipy": partial(_peer, "scipy", "mat"),
    }


ROW = Row(17, "hostile XDF, SET, MAT, TOML", REQUIRED, _ours, _peers())
