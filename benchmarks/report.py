"""What a benchmark found: rows with ours, the floor, the peers and the goal, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rich.table import Table

from benchmarks.measure import Timing


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is held to.

    Parameters
    ----------
    kind : 'over floor', 'p99 over floor', 'below peer', 'median' or 'p99'
        Ours / floor at most `limit`, of the medians or of the 99th percentiles; peer / ours at least `limit`; ours at
        most `limit` ms.
    limit : float
    peer : str
        Which peer, for 'below peer'.
    """

    kind: Literal["over floor", "p99 over floor", "below peer", "median", "p99"]
    limit: float
    peer: str = ""

    def text(self) -> str:
        """In words."""
        match self.kind:
            case "over floor":
                return f"at most {self.limit:g} x the floor"
            case "p99 over floor":
                return f"p99 at most {self.limit:g} x the floor's"
            case "below peer":
                return f"at least {self.limit:g} x below {self.peer}"
            case _:
                return f"{self.kind} at most {self.limit:g} ms"

    def met(self, row: Row) -> bool:
        """Whether the row keeps it."""
        match self.kind:
            case "over floor":
                return row.ratio is not None and row.ratio <= self.limit
            case "p99 over floor":
                return row.floor is not None and row.ours.p99_ms <= self.limit * row.floor.p99_ms
            case "below peer":
                # a peer that is not there is no pass
                return row.speedup.get(self.peer, 0.0) >= self.limit
            case "median":
                return row.ours.median_ms <= self.limit
            case "p99":
                return row.ours.p99_ms <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work, done in several ways in one run.

    Parameters
    ----------
    name : str
    ours : Timing
    floor : Timing or None
        The least that any solution must do.
    floor_name : str
    peers : mapping of name -> Timing
    goals : sequence of Goal
    also : mapping of condition -> bool
        What else is wanted, in words, and whether it was so.
    max_difference : float or None
        Largest difference between our numbers and the peers' numbers, in the unit that `note` names.
    note : str
        What the peers are spared, which input it was.
    """

    name: str
    ours: Timing
    floor: Timing | None = None
    floor_name: str = ""
    peers: Mapping[str, Timing] = field(default_factory=dict)
    goals: Sequence[Goal] = ()
    also: Mapping[str, bool] = field(default_factory=dict)
    max_difference: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Median of ours over the median of the floor."""
        return None if self.floor is None else self.ours.median_ms / self.floor.median_ms

    @property
    def speedup(self) -> dict[str, float]:
        """Median of each peer over the median of ours."""
        return {name: timing.median_ms / self.ours.median_ms for name, timing in self.peers.items()}

    @property
    def met(self) -> bool | None:
        """Whether all goals are met; None where there is none."""
        met = [*(goal.met(self) for goal in self.goals), *self.also.values()]
        return all(met) if met else None

    @property
    def wanted(self) -> list[str]:
        """All goals, in words."""
        return [*(goal.text() for goal in self.goals), *self.also]

    def as_json(self) -> dict[str, Any]:
        """Times are medians in ms, where the key does not say p99."""
        return {
            "name": self.name,
            "ours": self.ours.median_ms,
            "ours_p99": self.ours.p99_ms,
            "floor": self.floor.median_ms if self.floor else None,
            "floor_p99": self.floor.p99_ms if self.floor else None,
            "floor_name": self.floor_name or None,
            "peers": {name: timing.median_ms for name, timing in self.peers.items()},
            "ratio": self.ratio,
            "speedup": self.speedup,
            "goal": "; ".join(self.wanted) or None,
            "met": self.met,
            "max_difference": self.max_difference,
            "rounds": self.ours.count,
            "unit": "ms",
            "clock": self.ours.clock,
            "note": self.note,
        }


def table(rows: Sequence[Row], title: str) -> Table:
    """Rows as a terminal shows them."""
    out = Table(title=title, show_lines=True)
    for heading in ("work", "ours: median (p99), ms", "floor, ms", "peers, ms", "goal", "met"):
        out.add_column(heading, overflow="fold")
    for row in rows:
        floor = f"{row.floor.median_ms:.3g} {row.floor_name}\nours is {row.ratio:.2f} x" if row.floor else "-"
        speedup = row.speedup
        peers = "\n".join(f"{t.median_ms:.3g} {name}: {speedup[name]:.1f} x ours" for name, t in row.peers.items())
        goal = "\n".join(row.wanted) or "-"
        met = "-" if row.met is None else ("[green]yes" if row.met else "[red]no")
        ours = f"{row.ours.median_ms:.3g} ({row.ours.p99_ms:.3g}) {row.ours.clock}\n{row.ours.count} rounds"
        work = row.name + (f"\n[dim]{row.note}[/]" if row.note else "")
        out.add_row(work, ours, floor, peers or "-", goal, met)
    return out
