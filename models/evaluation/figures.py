"""Figures of the evaluation report, drawn without a display and returned as self-contained SVG."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INK, _SOFT, _GRID = "#1f2933", "#7b8794", "#e4e7eb"
_WIDE = 8.6
_ACCENT, _SINGLE, _BASE = "#0b5394", "#3d85c6", "#9aa5b1"
# Okabe and Ito's palette: told apart by people with any colour vision
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31")
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.edgecolor": _SOFT,
    "axes.labelcolor": _INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "svg.hashsalt": "emostream",
}


def data_uri(figure: Figure | bytes) -> str:
    """A figure as the address of an image inside the page: SVG of a matplotlib figure, or PNG bytes as they are."""
    if isinstance(figure, bytes):
        return "data:image/png;base64," + base64.b64encode(figure).decode()
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "emostream"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()


def systems_figure(rows: Sequence[tuple[str, float, Sequence[float], str]], chance: float | None = None) -> Figure:
    """UF1 of each system with its interval; a row is (title, value, (low, high), 'main', 'single' or 'base')."""
    with _styled():
        figure, ax = _axes(_WIDE, 0.3 * len(rows) + 0.9)
        colours = {"main": _ACCENT, "single": _SINGLE, "base": _BASE}
        for y, (_, value, (low, high), kind) in enumerate(reversed(rows)):
            ax.plot([low, high], [y, y], color=colours[kind], lw=2.5, solid_capstyle="round", zorder=2)
            ax.plot([value], [y], "o", color=colours[kind], ms=7, mec="white", mew=1, zorder=3)
            ax.annotate(f"{value:.3f}", (1.02, y), xycoords=("axes fraction", "data"), va="center", fontsize=9)
        if chance is not None:
            ax.axvline(chance, color=_SOFT, lw=1, ls=":", zorder=1)
        ax.set_yticks(range(len(rows)), [title for title, *_ in reversed(rows)])
        ax.set_ylim(-0.6, len(rows) - 0.4)
        ax.set_xlim(-0.01, 1.01)
        ax.set_xlabel("UF1 (macro F1) with 95 % interval over subjects")
        ax.grid(axis="x", color=_GRID, zorder=0)
        ax.tick_params(length=0)
        return figure


def confusion_figure(matrices: Mapping[str, NDArray[np.integer]], classes: Sequence[str]) -> Figure:
    """Confusion matrices side by side: share of the true class as colour, share and count as text."""
    k = len(classes)
    side = max(2.1, 0.45 * k)
    with _styled():
        figure = _figure((side + 0.15) * len(matrices) + 0.9, side + 1.2)
        axes = figure.subplots(1, len(matrices), squeeze=False)[0]
        for i, (ax, (title, counts)) in enumerate(zip(axes, matrices.items(), strict=True)):
            share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
            ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
            for (row, column), count in np.ndenumerate(counts):
                colour = "white" if share[row, column] > 0.55 else _INK
                text = f"{100 * share[row, column]:.0f} %\n{count}" if k <= 5 else f"{100 * share[row, column]:.0f}"
                ax.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
            ax.set_xticks(range(k), classes, rotation=40, ha="right", rotation_mode="anchor")
            ax.set_yticks(range(k), classes if i == 0 else [""] * k)
            ax.set_title(title)
            ax.set_xlabel("answered")
            if i == 0:
                ax.set_ylabel("true")
            ax.tick_params(length=0)
            for spine in ax.spines.values():
                spine.set_visible(False)
        return figure


def subjects_figure(table: Sequence[Mapping[str, Any]], accuracy: float) -> Figure:
    """Accuracy of each subject under each view, in the order of the fused accuracy; a dot's size tells its samples."""
    ordered = sorted(table, key=lambda row: (row["accuracy"], row["subject"]))
    with _styled():
        figure, ax = _axes(max(_WIDE, 0.14 * len(ordered) + 1.2), 3.0)
        x = np.arange(len(ordered))
        most = max(row["samples"] for row in ordered)
        for view, colour, marker in (("eeg", _SERIES[2], "^"), ("face", _SERIES[1], "s")):
            if len(ordered[0]["accuracy_by_view"]) > 1 and view in ordered[0]["accuracy_by_view"]:
                values = [row["accuracy_by_view"][view] for row in ordered]
                label = {"eeg": "EEG alone", "face": "face alone"}[view]
                ax.plot(x, values, marker, color=colour, ms=4, alpha=0.75, ls="", label=label, zorder=2)
        sizes = [15 + 55 * row["samples"] / most for row in ordered]
        ax.scatter(x, [row["accuracy"] for row in ordered], s=sizes, color=_ACCENT, zorder=3, label="emostream")
        ax.axhline(accuracy, color=_ACCENT, lw=1, ls="--", label=f"pooled {accuracy:.3f}")
        rotated = len(ordered) > 12
        ax.set_xticks(x, [row["subject"] for row in ordered], rotation=90 if rotated else 0, fontsize=7)
        ax.set_ylim(-0.05, 1.05)
        ax.set_xlim(-0.7, len(ordered) - 0.3)
        ax.set_ylabel("accuracy")
        ax.grid(axis="y", color=_GRID)
        ax.set_axisbelow(True)
        ax.legend(frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
        return figure


def roc_figure(curves: Mapping[str, tuple[NDArray, NDArray, float]]) -> Figure:
    """One-vs-rest curves; class -> (false rate, true rate, area)."""
    with _styled():
        figure, ax = _axes(3.7, 3.5)
        ax.plot([0, 1], [0, 1], color=_SOFT, lw=1, ls=":")
        for colour, (name, (false_rate, true_rate, area)) in zip(_cycle(len(curves)), curves.items(), strict=True):
            ax.plot(false_rate, true_rate, color=colour, lw=1.6, label=f"{name} ({area:.2f})")
        ax.set_xlabel("false positive rate")
        ax.set_ylabel("true positive rate")
        ax.set_xlim(-0.01, 1.01)
        ax.set_ylim(-0.01, 1.01)
        ax.set_aspect("equal")
        ax.grid(color=_GRID)
        ax.legend(frameon=False, fontsize=8, title="class (area)", title_fontsize=8, loc="lower right")
        return figure


def reliability_figure(bins: Sequence[Mapping[str, float]], ece: float) -> Figure:
    """Accuracy against confidence, and how many samples each bin holds."""
    with _styled():
        figure = _figure(3.7, 3.5)
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot([0, 1], [0, 1], color=_SOFT, lw=1, ls=":")
        middles = [(b["low"] + b["high"]) / 2 for b in bins]
        width = bins[0]["high"] - bins[0]["low"]
        above.bar(middles, [b["accuracy"] for b in bins], width * 0.92, color=_SINGLE, alpha=0.75)
        above.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], "o", color=_ACCENT, ms=4)
        above.set_ylabel("share right")
        above.set_ylim(0, 1)
        above.set_title(f"ECE {ece:.3f}")
        below.bar(middles, [b["samples"] for b in bins], width * 0.92, color=_BASE)
        below.set_xlabel("confidence")
        below.set_ylabel("samples")
        below.set_xlim(0, 1)
        for ax in (above, below):
            ax.grid(axis="y", color=_GRID)
            ax.set_axisbelow(True)
        return figure


def learning_figure(histories: Sequence[Sequence[Mapping[str, Any]]]) -> Figure:
    """Training and validation loss of every fold, thin, and their median over the folds still training."""
    with _styled():
        figure = _figure(_WIDE, 2.7)
        axes = figure.subplots(1, 2, sharex=True)
        for ax, key, title in zip(axes, ("train_loss", "validation_loss"), ("training", "validation"), strict=True):
            longest = max(len(history) for history in histories)
            values = np.full((len(histories), longest), np.nan)
            for row, history in zip(values, histories, strict=True):
                row[: len(history)] = [epoch[key] for epoch in history]
            ax.plot(np.arange(1, longest + 1), values.T, color=_SINGLE, lw=0.6, alpha=0.45)
            ax.plot(np.arange(1, longest + 1), np.nanmedian(values, axis=0), color=_ACCENT, lw=2)
            ax.set_title(f"{title} loss")
            ax.set_xlabel("epoch")
            ax.grid(color=_GRID)
        return figure


def classes_figure(table: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> Figure:
    """Samples of each class of each subject, stacked."""
    with _styled():
        figure, ax = _axes(max(_WIDE, 0.14 * len(table) + 1.2), 2.4)
        bottom = np.zeros(len(table))
        for colour, name in zip(_cycle(len(classes)), classes, strict=True):
            counts = np.array([row["classes"][name] for row in table], float)
            ax.bar(range(len(table)), counts, 0.8, bottom=bottom, color=colour, label=name)
            bottom += counts
        rotated = len(table) > 12
        ax.set_xticks(range(len(table)), [r["subject"] for r in table], rotation=90 if rotated else 0, fontsize=7)
        ax.set_xlim(-0.7, len(table) - 0.3)
        ax.set_ylabel("samples")
        ax.grid(axis="y", color=_GRID)
        ax.set_axisbelow(True)
        ax.legend(frameon=False, fontsize=8, ncols=8, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
        return figure


def _styled() -> Any:
    from matplotlib import rc_context

    return rc_context(_STYLE)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = _figure(width, height)
    return figure, figure.add_subplot()


def _cycle(n: int) -> list[str]:
    return [_SERIES[i % len(_SERIES)] for i in range(n)]
