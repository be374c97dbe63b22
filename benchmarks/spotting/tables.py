"""The summary as a terminal shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text


def tables(summary: Mapping[str, Any]) -> Group:
    """All tables of a summary of `benchmarks.spotting.report.summarise`."""
    parts = (_methods(summary), _notes(summary), _displacements(summary), _groups(summary), _clips(summary))
    return Group(*(part for part in parts if part is not None))


def _methods(summary: Mapping[str, Any]) -> Table:
    about = "simulated people" if summary["simulated"] else "video"
    out = Table(title=f"Spotting, IoU >= 0.5, {summary['minutes']:.1f} min of {about}", show_lines=True)
    headings = (
        "",
        "micro P / R / F1 [95 %]",
        "macro P / R / F1",
        "overall P / R / F1",
        "false micro a min, no ME / all",
        "apex error, ms (p90)",
        "delay after apex; offset, ms (p95)",
    )
    for heading in headings:
        out.add_column(heading, overflow="fold")
    out.add_row("[bold]ours[/]", *_figures(summary))
    for name, entry in summary["baselines"].items():
        out.add_row(f"{name}\n[dim]{_thresholds(entry)} {entry['chosen']}[/]", *_figures(entry))
    return out


def _thresholds(entry: Mapping[str, Any]) -> str:
    values = entry["threshold"]
    return f"{values:g}" if isinstance(values, float) else f"{min(values):g} to {max(values):g}"


def _notes(summary: Mapping[str, Any]) -> Text | None:
    said = {f"{e['title']}: {e['source']}." for e in summary["baselines"].values()}
    if not said:
        return None
    rule = (
        "Ours decides as it goes; all others look at the whole clip first. Overall: both kinds added up, as MEGC ranks."
    )
    return Text("\n".join([rule, *sorted(said)]), style="dim")


def _figures(scores: Mapping[str, Any]) -> list[str]:
    micro, low_high = scores["micro"], scores["micro"]["interval"]["f1"]
    free, everywhere = scores["false_alarms"]["micro_free"], scores["false_alarms"]["all_video"]
    apex, delay = scores["apex_error"]["micro"], scores["delay"]
    said = _ratios(micro)
    if micro["true"]:
        said += f"\nF1 {low_high[0]:.2f} to {low_high[1]:.2f}"
        said += f"\n{micro['matched']} of {micro['true']}, {micro['found']} found"
    return [
        said,
        _ratios(scores["macro"]),
        _ratios(scores["overall"]),
        f"{_number(free['micro_per_min'], '.2f')} / {_number(everywhere['micro_per_min'], '.2f')}",
        f"{_number(apex['median'], '.0f')} ({_number(apex['p90'], '.0f')})",
        "; ".join(
            f"{_number(d['median'], '.0f')} ({_number(d['p95'], '.0f')})"
            for d in (delay["after_apex"], delay["after_offset"])
        ),
    ]


def _ratios(group: Mapping[str, Any]) -> str:
    if not group["true"]:
        return f"none there, {group['found']} found"
    return f"{group['precision']:.2f} / {group['recall']:.2f} / {group['f1']:.2f}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _displacements(summary: Mapping[str, Any]) -> Table | None:
    rows = summary["recall_by_displacement"]
    if not rows:
        return None
    out = Table(title="Micro recall by true displacement, px of a 224 px face")
    for heading in ("px", "recall", "of"):
        out.add_column(heading, justify="right")
    for row in rows:
        out.add_row(f"{row['from_px']:g} - {row['to_px']:g}", f"{row['recall']:.2f}", str(row["true"]))
    return out


def _groups(summary: Mapping[str, Any]) -> Table | None:
    if not summary["groups"]:
        return None
    out = Table(title="Clips of one kind")
    for heading in ("kind", "clips", "micro P / R / F1", "hit / true", "false micro", "a min", "macro P / R / F1"):
        out.add_column(heading, overflow="fold", justify="left" if heading == "kind" else "right")
    for name, group in summary["groups"].items():
        micro, alarms = group["micro"], group["false_alarms"]["all_video"]
        out.add_row(
            name,
            str(group["clips"]),
            _ratios(micro),
            f"{micro['matched']} / {micro['true']}",
            str(alarms["micro"]),
            _number(alarms["micro_per_min"], ".2f"),
            _ratios(group["macro"]),
        )
    return out


def _clips(summary: Mapping[str, Any]) -> Table:
    out = Table(title="Clips")
    for heading in ("clip", "s", "fps", "face", "micro hit / true", "false micro", "macro hit / true", "false macro"):
        out.add_column(heading, overflow="fold", justify="left" if heading == "clip" else "right")
    for clip in summary["clips"]:
        if "error" in clip:
            out.add_row(clip["name"], f"[red]{clip['error']}[/]")
            continue
        cells = [f"{clip['duration_s']:.1f}", f"{clip['fps']:.0f}", f"{clip['face_share']:.0%}"]
        for kind in ("micro", "macro"):
            made = [t for t in clip["truth"] if t["kind"] == kind]
            hits = sum(t["matched_by"] is not None for t in made)
            false = sum(f["kind"] == kind and f["matches"] is None for f in clip["found"])
            cells += [f"{hits} / {len(made)}", str(false)]
        out.add_row(clip["name"], *cells)
    return out
