"""The suite 'flow': what is found by `benchmarks.spotting.flow_quality`, as tables and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from benchmarks.spotting.flow_quality import (
    GESTURES,
    HEADS,
    LEFT_IN,
    NOTHING,
    SECONDS,
    SEEN,
    STILL,
    Pair,
    compare,
    flows,
    pairs,
    recognisable,
)
from realtime.face.regions import REGIONS
from realtime.packets import Float32

SIZES_PX = (0.1, 0.2, 0.4, 0.8, 1.5)
_ALL = "all sizes"
_GROUPS = {**{head: (head,) for head in HEADS}, "gestures": GESTURES}
_SHOWN = (STILL, "calm", "moderate", "gestures")
_UNIT = "px of the 256 px crop"


@dataclass(frozen=True, slots=True)
class Found:
    """What was measured on one pair.

    Parameters
    ----------
    movement, head, size_px, head_px
        As in `Pair`.
    figures : dict
        Flow -> `compare`.
    true : (10, 2) float32
        Mean motion of the regions.
    measured : dict
        Flow -> the same.
    """

    movement: str
    head: str
    size_px: float
    head_px: float
    figures: dict[str, dict[str, float]]
    true: Float32
    measured: dict[str, Float32]


def examine(pair: Pair) -> Found:
    """Run every flow over one pair."""
    found = flows(pair)

    def means(flow: Float32) -> Float32:
        return pair.regions.means(flow)[: len(REGIONS)]

    return Found(
        movement=pair.movement,
        head=pair.head,
        size_px=pair.size_px,
        head_px=pair.head_px,
        figures={name: compare(flow, pair) for name, flow in found.items()},
        true=means(pair.true),
        measured={name: means(flow) for name, flow in found.items()},
    )


def summarise(found: Sequence[Found]) -> dict[str, Any]:
    """Rows by true displacement and head motion, then what is recognisable under each head motion.

    `rows` hold the keys of every benchmark: ours is the median endpoint error in the movement's regions. Medians over
    movements, but for shares.
    """
    sizes = [(f"{low:g}-{high:g} px", low, high) for low, high in pairwise(SIZES_PX)]
    sizes.append((_ALL, SIZES_PX[0], SIZES_PX[-1]))
    rows: list[dict[str, Any]] = []
    for name, low, high in sizes:
        last = high == SIZES_PX[-1]
        for group, heads in _GROUPS.items():
            cell = [f for f in found if f.head in heads and low <= f.size_px and (f.size_px < high or last)]
            if cell:
                rows.append(_row(name, group, cell))
    return {"simulated": True, "unit": _UNIT, "rows": rows, "heads": _heads(found)}


def _row(size: str, head: str, cell: Sequence[Found]) -> dict[str, Any]:
    medians = {name: _medians([f.figures[name] for f in cell]) for name in cell[0].figures}
    errors = {name: figures["regions_error_px"] for name, figures in medians.items()}
    ours, floor = errors.pop(SEEN), errors.pop(NOTHING)
    return {
        "suite": "flow",
        "name": f"{size}, {head}",
        "size": size,
        "head": head,
        "movements": len(cell),
        "head_px": float(np.median([f.head_px for f in cell])),
        "ours": ours,
        "floor": floor,
        "floor_name": NOTHING,
        "peers": errors,
        "ratio": ours / floor if floor else None,
        "goal": None,
        "met": None,
        "unit": _UNIT,
        "flows": medians,
    }


def _medians(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in figures[0]:
        values = np.array([each[name] for each in figures])
        values = values[np.isfinite(values)]
        how = np.mean if name == "recognisable" else np.median
        out[name] = float(how(values)) if len(values) else float("nan")
    return out


def _heads(found: Sequence[Found]) -> dict[str, Any]:
    """Of each head motion and flow: the share recognisable, the share that survives, and the share by chance."""
    out: dict[str, Any] = {}
    for group, heads in _GROUPS.items():
        cell = [f for f in found if f.head in heads]
        if not cell:
            continue
        flows_of: dict[str, Any] = {}
        for name in (flow for flow in cell[0].figures if flow != NOTHING):
            clear = {f.movement for f in found if f.head == STILL and f.figures[name]["recognisable"]}
            # the measured motion of one movement against the truth of the next: what agrees without a reason
            chance = [recognisable(a.measured[name], b.true) for a, b in pairwise(cell) if a.movement != b.movement]
            flows_of[name] = {
                "recognisable": _share(f.figures[name]["recognisable"] for f in cell),
                "survive": _share(f.figures[name]["recognisable"] for f in cell if f.movement in clear),
                "another_movement": _share(chance),
            }
        head_px = np.percentile([f.head_px for f in cell], (50, 90))
        out[group] = {"pairs": len(cell), "head_px": head_px[0], "head_px_p90": head_px[1], "flows": flows_of}
    return out


def _share(values: Iterable[float]) -> float | None:
    kept = list(values)
    return float(np.mean(kept)) if kept else None


def tables(summary: dict[str, Any]) -> Group:
    """A summary as a terminal shows it."""
    return Group(_errors(summary), _survivors(summary), _notes())


def _errors(summary: dict[str, Any]) -> Table:
    out = Table(title="Flow between onset and apex against the skin's true motion, in the movement's regions")
    for heading in ("true size", "head", "n", "error", "zero field", "farneback", "angle", "gain", "recognisable"):
        out.add_column(heading, justify="left" if heading in ("true size", "head") else "right")
    for row in (row for row in summary["rows"] if row["head"] in _SHOWN):
        seen = row["flows"][SEEN]
        out.add_row(
            row["size"],
            f"{row['head']}, {row['head_px']:.1f} px",
            str(row["movements"]),
            f"{row['ours']:.3f}",
            f"{row['floor']:.3f}",
            f"{row['peers']['farneback']:.3f}",
            f"{seen['regions_angle_deg']:.0f}°" if np.isfinite(seen["regions_angle_deg"]) else "-",
            f"{seen['regions_gain']:.2f}",
            f"{seen['recognisable']:.0%}",
            end_section=row["head"] == _SHOWN[-1],
        )
    return out


def _survivors(summary: dict[str, Any]) -> Table:
    heads = summary["heads"]
    out = Table(title="Recognisable movements: all / of those recognisable under a still head / by chance")
    out.add_column("flow")
    for head, about in heads.items():
        out.add_column(f"{head}\n{about['head_px']:.1f} px ({about['head_px_p90']:.1f})", justify="right")
    for name in (SEEN, SEEN + LEFT_IN, "farneback", "farneback" + LEFT_IN):
        each = [about["flows"][name] for about in heads.values()]
        keys = ("recognisable", "survive", "another_movement")
        out.add_row(name, *("\n".join("-" if flow[k] is None else f"{flow[k]:.0%}" for k in keys) for flow in each))
    return out


def _notes() -> Text:
    said = (
        f"'{SEEN}' is what the network sees. Errors: {_UNIT}; true size and head motion between the two frames "
        "(median; 90th percentile in brackets): px of a face of 224 px, 0.8 px of the crop. Medians over movements. "
        "Recognisable: the regions' motion has a cosine of 0.7 or more with the true one, and the strongest region is "
        "one that truly moves."
    )
    return Text(said, style="dim")


def run(summary: Path | None = None, seconds: float | None = None) -> int:
    """Measure, print the tables, write the summary; returns the exit code.

    Parameters
    ----------
    summary : Path or None
        JSON.
    seconds : float or None
        Length of the clips whose movements are looked at; default 36.

    Raises
    ------
    ConfigurationError
        The clips are too short to hold a movement.
    DataError
        The summary cannot be written.
    """
    from rich.console import Console

    from benchmarks.measure import machine
    from realtime.errors import ConfigurationError
    from realtime.output import write_json

    length_s = SECONDS if seconds is None else seconds
    found = [examine(pair) for pair in pairs(seconds=length_s)]
    if not found:
        raise ConfigurationError(f"clips of {length_s:g} s hold no movement of a tracked face; wanted 6 s or more")
    result = summarise(found)
    Console(width=None if sys.stdout.isatty() else 150).print(tables(result))
    if summary is not None:
        write_json(summary, {"machine": machine()} | result)
    return 0
