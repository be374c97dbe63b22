"""Figures of what moved the decisions: parts of the input, electrodes and bands, the scalp, the face, time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.explanation.attribution import (
    Explanation,
    Weight,
    band_weight,
    by_channel_and_band,
    by_window,
    modality_weight,
    on_face,
    region_weight,
)
from realtime.eeg.montage import electrode_positions
from realtime.errors import MontageError
from realtime.packets import Float32

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_WIDE = 8.6
_FEWEST_ON_SCALP = 8
_FOR, _AGAINST = "#b2182b", "#2166ac"
_MAP = "RdBu_r"
# Okabe and Ito's palette: told apart by people with any colour vision
_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31")
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "emostream",
}


def explanation_figures(explanation: Explanation) -> list[tuple[str, Figure]]:
    """Titled figures for the report: those that the explained modalities allow, drawn without a display.

    Red speaks for the class, blue against it. The scalp is left out where fewer than 8 electrodes have a place on it;
    the title of the electrodes' figure then says so.
    """
    from matplotlib import rc_context

    with rc_context(_STYLE):
        return _all_figures(explanation)


def _all_figures(explanation: Explanation) -> list[tuple[str, Figure]]:
    said = "simulated people, " if explanation.simulated else ""
    note = f"{said}{len(explanation)} samples, attribution in logits"
    found = [(f"What moved the decisions ({note})", _parts(explanation))]
    if explanation.has_eeg.any():
        placed = _places(explanation.channels)
        missing = "" if placed is not None else "; too few electrodes with a known place for a map of the scalp"
        found.append((f"EEG: electrodes and bands{missing}", _electrodes(explanation)))
        if placed is not None:
            found.append(("EEG: the same on the scalp", _scalps(explanation, placed)))
        if explanation.eeg.shape[1] > 1:
            found.append(("EEG: when", _time(explanation)))
    if explanation.has_face.any():
        found.append(("Face: where, and where the network looks", _faces(explanation)))
    return found


def _parts(explanation: Explanation) -> Figure:
    """How much modalities, regions and bands moved the decision."""
    panels = [("modality", modality_weight(explanation))]
    if explanation.has_face.any():
        panels.append(("region of the face", region_weight(explanation)))
    if explanation.has_eeg.any():
        panels.append(("band", band_weight(explanation)))
    figure = _figure(_WIDE, 2.9)
    for ax, (title, weight) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
        _bars(ax, weight)
        ax.set_title(title, loc="left")
        ax.set_xlabel("mean size; dot: mean for the class")
    return figure


def _bars(ax: Axes, weight: Weight) -> None:
    y = np.arange(len(weight.names))[::-1]
    ax.barh(y, weight.size, color="#c9d3dd", height=0.7)
    colours = [_FOR if value >= 0 else _AGAINST for value in weight.toward]
    ax.scatter(weight.toward, y, c=colours, s=16, zorder=3)
    ax.axvline(0, color="#7b8794", lw=0.8)
    ax.set_yticks(y, [name.replace("_", " ") for name in weight.names])


def _electrodes(explanation: Explanation) -> Figure:
    """A heat map a class: electrodes down, bands across."""
    groups = _by_class(explanation, explanation.has_eeg)
    maps = [by_channel_and_band(explanation.take(rows)).mean(axis=0) for _, rows in groups]
    n = len(explanation.channels)
    figure = _figure(_WIDE, min(9.5, 1.3 + 0.125 * n))
    axes = np.atleast_1d(figure.subplots(1, len(maps), sharey=True))
    limit = _limit(maps)
    for ax, (title, _), values in zip(axes, groups, maps, strict=True):
        ax.imshow(values, cmap=_MAP, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        ax.set_title(title)
        ax.set_xticks(range(len(explanation.bands)), [name for name, _, _ in explanation.bands], rotation=60)
        ax.set_yticks(range(n), explanation.channels, fontsize=6 if n > 20 else 8)
        ax.tick_params(length=0)
    _scale(figure, axes, limit)
    return figure


def _scalps(explanation: Explanation, info: Any) -> Figure:
    """A scalp a class and band."""
    from mne.viz import plot_topomap

    groups = _by_class(explanation, explanation.has_eeg)
    shown = [explanation.channels.index(name) for name in info.ch_names]
    maps = [by_channel_and_band(explanation.take(rows)).mean(axis=0)[shown] for _, rows in groups]
    bands = [name for name, _, _ in explanation.bands]
    figure = _figure(_WIDE, 1.25 * len(groups) + 0.5)
    axes = figure.subplots(len(groups), len(bands), squeeze=False)
    limit = _limit(maps)
    for row, ((title, _), values) in enumerate(zip(groups, maps, strict=True)):
        for column, name in enumerate(bands):
            ax = axes[row, column]
            plot_topomap(
                values[:, column], info, axes=ax, show=False, contours=0, cmap=_MAP, vlim=(-limit, limit), sensors=False
            )
            if row == 0:
                ax.set_title(name)
        axes[row, 0].set_ylabel(title)
    _scale(figure, axes, limit)
    return figure


def _time(explanation: Explanation) -> Figure:
    """A line a class: how much each window speaks for it."""
    figure = _figure(_WIDE, 2.3)
    ax = figure.subplots()
    n = explanation.eeg.shape[1]
    for index, (title, rows) in enumerate(_by_class(explanation, explanation.has_eeg)):
        values = by_window(explanation.take(rows)).mean(axis=0)
        ax.plot(
            np.arange(n) - n + 1, values, color=_SERIES[index % len(_SERIES)], lw=1.4, label=title.replace("\n", " ")
        )
    ax.axhline(0, color="#7b8794", lw=0.8)
    ax.set_xlabel("windows before the newest")
    ax.set_ylabel("for the class (mean)")
    ax.legend(frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0.2)
    return figure


def _faces(explanation: Explanation) -> Figure:
    """The mean picture with the glimpses, then a face a class with what moved the decision."""
    groups = _by_class(explanation, explanation.has_face)
    maps = [_smoothed(on_face(explanation.take(rows)).mean(axis=0)) for _, rows in groups]
    panels = len(groups) + (explanation.theta is not None)
    columns = min(panels, 3)
    figure = _figure(_WIDE, 2.9 * -(-panels // columns))
    axes = figure.subplots(-(-panels // columns), columns, squeeze=False).ravel()
    limit = _limit(maps)
    for ax in axes:
        ax.axis("off")
    for ax, (title, _), values in zip(axes, groups, maps, strict=False):
        ax.imshow(explanation.picture, cmap="gray", vmin=0, vmax=1)
        # what says nothing leaves the face to be seen
        ax.imshow(values, cmap=_MAP, vmin=-limit, vmax=limit, alpha=np.clip(np.abs(values) / limit * 1.6, 0, 0.85))
        ax.set_title(title)
    _scale(figure, axes, limit)
    if explanation.theta is not None:
        _glimpses(axes[len(groups)], explanation.theta[explanation.has_face], explanation.picture)
    return figure


def _glimpses(ax: Axes, theta: Float32, picture: Float32) -> None:
    """How densely the face is looked at, and the mean outline of each glimpse."""
    px = len(picture)
    side = np.linspace(-1, 1, 25, dtype=np.float32)
    inside = np.stack([*(grid.ravel() for grid in np.meshgrid(side, side)), np.ones(625, np.float32)], axis=1)
    looked = inside @ theta.transpose(0, 1, 3, 2)
    x, y = ((looked.reshape(-1, 2) + 1.0) * px / 2.0 - 0.5).T
    edges = np.arange(px + 1) - 0.5
    density = _smoothed(np.histogram2d(y, x, bins=(edges, edges))[0].astype(np.float32))
    density /= max(float(density.max()), 1e-9)
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    ax.imshow(density, cmap="viridis", vmin=0, vmax=1, alpha=0.6 * density)
    outline = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1], [-1, -1, 1]], np.float32)
    for index, each in enumerate(theta.mean(axis=0)):
        x, y = ((outline @ each.T + 1.0) * px / 2.0 - 0.5).T
        ax.plot(x, y, color=_SERIES[index % len(_SERIES)], lw=1.4)
    ax.set_xlim(-0.5, px - 0.5)
    ax.set_ylim(px - 0.5, -0.5)
    ax.set_title("where the glimpses look\n(boxes: mean of each)")


def _by_class(explanation: Explanation, has: NDArray[np.bool_]) -> list[tuple[str, NDArray[np.bool_]]]:
    """Classes that were explained, with their rows; the title counts them."""
    rows = [(name, (explanation.target == index) & has) for index, name in enumerate(explanation.classes)]
    return [(f"{name}\n(n = {int(there.sum())})", there) for name, there in rows if there.any()]


def _limit(maps: Sequence[Float32]) -> float:
    """Symmetric colour limit: a few outstanding cells must not bleach all others."""
    return max(float(np.quantile(np.abs(np.stack(maps)), 0.995)), 1e-9)


def _smoothed(field: Float32) -> Float32:
    """Gradients jump from pixel to pixel; a reader asks about regions."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(field, 0.02 * field.shape[0]), np.float32)


def _places(channels: Sequence[str]) -> Any | None:
    """MNE info of the channels that have a place on the template head; None where they are too few for a map."""
    import mne

    places = {}
    for name in channels:
        try:
            places[name] = electrode_positions([name])[0]
        except MontageError:
            continue
    if len(places) < _FEWEST_ON_SCALP:
        return None
    info = mne.create_info(list(places), 1.0, "eeg", verbose="ERROR")
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="ERROR")
    return info


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    # a little more room than usual: titles over images without axes reach the edge
    return Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.06))


def _scale(figure: Figure, axes: Any, limit: float) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    colours = ScalarMappable(Normalize(-limit, limit), _MAP)
    figure.colorbar(colours, ax=axes, shrink=0.4, label="for the class (mean)", pad=0.01)
