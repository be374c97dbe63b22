"""The figures of a run: score traces over the intervals, and contact sheets of misses and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.spotting.examine import ClipResult
from benchmarks.spotting.folder import ReportFolder
from benchmarks.spotting.pictures import SIDE_PX, Picture

_TRACES_A_PAGE, _PICTURES_A_PAGE, _MOST_PAGES = 8, 10, 12
_COLOURS = {"micro": "tab:green", "macro": "tab:blue"}
_ARROW_STEP = 8
_Item = TypeVar("_Item")


def write_figures(results: Sequence[ClipResult], folder: ReportFolder, *, simulated: bool) -> None:
    """Write all pages.

    Parameters
    ----------
    results : sequence of ClipResult
    folder : ReportFolder
        Entered.
    simulated : bool
        Said on every page.
    """
    said = "simulated people" if simulated else ""
    good = [r for r in results if r.trace is not None]
    for number, page in enumerate(_pages(good, _TRACES_A_PAGE), 1):
        _traces(page, said).savefig(folder.path(f"traces-{number:02d}.png"))
    pictures = [p for r in results for p in r.pictures]
    for fault, name in (("miss", "misses"), ("false alarm", "false-alarms")):
        own = [p for p in pictures if p.fault == fault]
        pages = _pages(own, _PICTURES_A_PAGE)[:_MOST_PAGES]
        for number, page in enumerate(pages, 1):
            title = f"{name}, page {number} of {len(pages)}{', ' + said if said else ''}"
            _sheet(page, title).savefig(folder.path(f"{name}-{number:02d}.png"))


def _pages(items: Sequence[_Item], size: int) -> list[Sequence[_Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _traces(page: Sequence[ClipResult], said: str) -> Figure:
    figure = Figure(figsize=(16, 1.9 * len(page) + 0.8), dpi=90, layout="constrained")
    title = "motion score over time; shaded: made; bar above: found (green micro, blue macro; hollow: false alarm)"
    figure.suptitle(f"{title}{'; ' + said if said else ''}", fontsize=10)
    for row, result in enumerate(page):
        _trace(figure.add_subplot(len(page), 1, row + 1), result)
    return figure


def _trace(axes: Axes, result: ClipResult) -> None:
    assert result.trace is not None
    score = result.trace.score
    known = score[np.isfinite(score)]
    # a macro-expression of two hundred times the noise would flatten everything else
    top = float(np.clip(1.3 * np.percentile(known, 99.5), 6.0, 40.0)) if known.size else 6.0
    axes.plot(result.trace.stamps, score, color="0.25", linewidth=0.8)
    for made in result.truth:
        axes.axvspan(made.onset_s, made.offset_s, color=_COLOURS[made.kind], alpha=0.3, linewidth=0)
    scored = result.scored
    hits = {f for f, _ in scored.pairs("micro") + scored.pairs("macro")}
    for i, found in enumerate(result.found):
        colour = _COLOURS[found.kind]
        axes.broken_barh(
            [(found.onset_s, found.offset_s - found.onset_s)],
            (0.9 * top, 0.08 * top),
            facecolors=colour if i in hits else "none",
            edgecolors=colour,
        )
    axes.set(xlim=(0, max(result.duration_s, 1.0)), ylim=(0, top), ylabel="x noise")
    axes.set_title(result.name, fontsize=8, loc="left")
    axes.tick_params(labelsize=7)


def _sheet(page: Sequence[Picture], title: str) -> Figure:
    figure = Figure(figsize=(11, 2.05 * len(page) + 0.6), dpi=90, layout="constrained")
    figure.suptitle(title, fontsize=10)
    cells = figure.subplots(len(page), 5, squeeze=False)
    for row, picture in zip(cells, page, strict=True):
        for axes in row:
            axes.set_axis_off()
        row[0].text(0.0, 0.5, _caption(picture), fontsize=8, va="center", transform=row[0].transAxes, wrap=True)
        stamps = (picture.onset_s, picture.apex_s, picture.offset_s)
        for axes, name, stamp, face in zip(
            row[1:4], ("onset", "apex", "offset"), stamps, picture.views.faces, strict=True
        ):
            axes.set_title(f"{name} {stamp:.2f} s" if np.isfinite(stamp) else f"{name}: unknown", fontsize=7)
            if face is not None:
                axes.imshow(face, cmap="gray", vmin=0, vmax=255)
        if picture.views.flow is not None:
            _flow(row[4], picture.views.flow.astype(np.float32))
    return figure


def _caption(picture: Picture) -> str:
    score = f"score {picture.score:.1f}" if np.isfinite(picture.score) else ""
    lines = (picture.clip, f"{picture.fault}, {picture.kind}", ", ".join(picture.regions), score)
    return "\n".join(line for line in lines if line)


def _flow(axes: Axes, flow: np.ndarray) -> None:
    """Direction as hue, size as strength of the colour, arrows on top."""
    size = np.hypot(flow[..., 0], flow[..., 1])
    largest = max(float(np.percentile(size, 99.8)), 0.05)
    hue = (np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360) / 2
    strength = np.clip(size / largest, 0, 1) * 255
    colours = np.stack([hue, strength, np.full_like(hue, 255)], axis=-1).astype(np.uint8)
    axes.imshow(cv2.cvtColor(colours, cv2.COLOR_HSV2RGB))
    y, x = np.mgrid[_ARROW_STEP // 2 : SIDE_PX : _ARROW_STEP, _ARROW_STEP // 2 : SIDE_PX : _ARROW_STEP]
    arrows = flow[y, x] / largest * _ARROW_STEP
    axes.quiver(x, y, arrows[..., 0], arrows[..., 1], angles="xy", scale_units="xy", scale=0.7, width=0.006)
    axes.set_title(f"flow, up to {largest:.2f} px", fontsize=7)
