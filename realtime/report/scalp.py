"""Maps of the scalp: band power over the session, each emotion against rest, and where electrodes were bad."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.montage import canonical_name, electrode_positions
from realtime.errors import MontageError
from realtime.packets import Bool, Float64
from realtime.report.facts import Span
from realtime.report.folder import Analysis
from realtime.report.pictures import COLOURS
from realtime.report.trials import Trial

FEWEST_ON_SCALP = 8
CHANGES = "RdBu_r"
"""Colour map of differences: blue less, red more, safe for colour-blind readers."""

_LEAST_S = 5
_FEWEST_SECONDS_OF_CHANNEL = 3
_SIZE_IN = 1.25
_LINES = "#59636f"
_STYLE: dict[Any, Any] = {"svg.hashsalt": "emostream", "lines.markersize": 1.2, "lines.linewidth": 0.9}


@dataclass(frozen=True, slots=True)
class MapRow:
    """One row of maps: a map a band.

    Parameters
    ----------
    title, note : str
    maps : sequence of str
        SVG.
    scales : sequence of (least, most)
    """

    title: str
    note: str
    maps: Sequence[str]
    scales: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class BandMaps:
    """Power of the session, and the change of each emotion's trials against `against`, dB.

    Parameters
    ----------
    bands : sequence of (name, low_hz, high_hz)
    session : MapRow
        Every band has its own scale.
    changes : sequence of MapRow
        All on one symmetric scale, +/- `limit_db`.
    against : str
        What trials are compared with, in words; '' where there are no changes.
    limit_db : float
    electrodes : int
    """

    bands: Sequence[tuple[str, float, float]]
    session: MapRow
    changes: Sequence[MapRow]
    against: str
    limit_db: float
    electrodes: int


class Scalp:
    """Electrodes with a place on the template head, and the drawing of values on it.

    Parameters
    ----------
    channels : sequence of str
    prefix : str
        What the ids in its drawings begin with; one page holds them all.
    """

    def __init__(self, channels: Sequence[str], prefix: str) -> None:
        places: dict[str, Float64] = {}
        self.rows: list[int] = []
        for row, name in enumerate(channels):
            canonical = canonical_name(name)
            try:
                place = electrode_positions([canonical])[0]
            except MontageError:
                continue
            if canonical not in places and np.isfinite(place).all():
                places[canonical] = place
                self.rows.append(row)
        self._places = places
        self._prefix = prefix
        self._drawn = 0

    @property
    def enough(self) -> bool:
        """Whether there are electrodes enough for a map."""
        return len(self._places) >= FEWEST_ON_SCALP

    def draw(self, values: NDArray[np.floating], limits: tuple[float, float], colours: str, contours: int = 0) -> str:
        """A map as SVG for the page; `values` of the electrodes in `rows`, NaN left out."""
        import mne
        from matplotlib import rc_context
        from matplotlib.figure import Figure
        from mne.viz import plot_topomap

        known = np.isfinite(values)
        if known.sum() < FEWEST_ON_SCALP:
            return ""
        names = [name for name, there in zip(self._places, known, strict=True) if there]
        info = mne.create_info(names, 1.0, "eeg", verbose="ERROR")
        placed = {name: self._places[name] for name in names}
        info.set_montage(mne.channels.make_dig_montage(placed, coord_frame="head"), verbose="ERROR")
        with rc_context(_STYLE):
            figure = Figure(figsize=(_SIZE_IN, _SIZE_IN))
            ax = figure.add_axes((0.0, 0.0, 1.0, 1.0))
            plot_topomap(values[known], info, axes=ax, show=False, contours=contours, cmap=colours, vlim=limits, res=48)
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        self._drawn += 1
        return _inline(buffer.getvalue(), f"{self._prefix}{self._drawn}")


def _inline(svg: str, prefix: str) -> str:
    """A figure's SVG for inside a page: no header, ids of its own, lines that show on light and dark grounds."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", body)
    body = re.sub(r'^<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', body)
    body = body.replace("#000000", _LINES)
    return re.sub(r"\s*\n\s*", " ", body)


def band_maps(analysis: Analysis, trials: Sequence[Trial]) -> BandMaps | None:
    """Maps of the band powers; None without EEG, or with fewer than 8 electrodes that have a place."""
    table, bands = analysis.band_power, analysis.facts.bands
    if table is None or not bands:
        return None
    channels = analysis.facts.model_channels or analysis.facts.channels
    names = [c for c in channels if all(f"{c}_{band}" in table for band, _, _ in bands)]
    scalp = Scalp(names, "power")
    if not scalp.enough:
        return None
    shown = [names[row] for row in scalp.rows]
    power = np.stack(
        [np.stack([np.asarray(table[f"{c}_{band}"], np.float64) for c in shown], axis=1) for band, _, _ in bands],
        axis=2,
    )
    time_s = np.asarray(table["time_s"], np.float64)
    session = _mean(power, np.ones(len(time_s), bool))
    if session is None:
        return None
    scales = [_range(session[:, k]) for k in range(len(bands))]
    maps = [scalp.draw(session[:, k], scales[k], COLOURS, 4) for k in range(len(bands))]
    row = MapRow("whole session", f"{len(time_s)} s", maps, scales)
    against, rest = _rest(time_s, analysis.facts.timeline, trials)
    changes, limit_db = _changes(scalp, power, time_s, trials, rest) if against else ([], 0.0)
    return BandMaps(
        bands, row, changes, against if changes else "", limit_db, int(np.isfinite(session).any(axis=1).sum())
    )


def _rest(time_s: Float64, spans: Sequence[Span], trials: Sequence[Trial]) -> tuple[str, Bool]:
    """What trials are compared with: the baseline, else the rests, else all that is no trial; and its seconds."""
    for kind, told in (("baseline", "the baseline"), ("rest", "the rests between trials")):
        inside = _inside(time_s, [(s.start_s, s.end_s) for s in spans if s.kind == kind and s.end_s is not None])
        if inside.sum() >= _LEAST_S:
            return told, inside
    outside = ~_inside(time_s, [(t.start_s, t.end_s) for t in trials])
    return ("all that is no trial" if trials and outside.sum() >= _LEAST_S else ""), outside


def _changes(
    scalp: Scalp, power: NDArray[np.float64], time_s: Float64, trials: Sequence[Trial], rest: Bool
) -> tuple[list[MapRow], float]:
    """A row an emotion: 10 times the difference of the means of log10 power."""
    base = _mean(power, rest)
    if base is None:
        return [], 0.0
    found = []
    for emotion in dict.fromkeys(t.emotion for t in trials if t.emotion):
        those = [t for t in trials if t.emotion == emotion]
        inside = _inside(time_s, [(t.start_s, t.end_s) for t in those])
        mean = _mean(power, inside) if inside.sum() >= _LEAST_S else None
        if mean is not None:
            note = f"{len(those)} trial{'s' if len(those) > 1 else ''}, {int(inside.sum())} s"
            found.append((emotion, note, 10.0 * (mean - base)))
    if not found:
        return [], 0.0
    sizes = np.abs(np.concatenate([values.ravel() for _, _, values in found]))
    limit = max(float(np.nanquantile(sizes, 0.99)), 0.1) if np.isfinite(sizes).any() else 0.1
    n_bands = power.shape[2]
    scale = (-limit, limit)
    rows = []
    for emotion, note, values in found:
        maps = [scalp.draw(values[:, k], scale, CHANGES) for k in range(n_bands)]
        rows.append(MapRow(emotion, note, maps, [scale] * n_bands))
    return rows, limit


def _inside(time_s: Float64, spans: Sequence[tuple[float, float | None]]) -> Bool:
    """Whole seconds in one of the spans; `time_s` is when each begins."""
    out = np.zeros(len(time_s), bool)
    for start_s, end_s in spans:
        out |= (time_s >= start_s) & (time_s + 1.0 <= (np.inf if end_s is None else end_s))
    return out


def _mean(power: NDArray[np.float64], rows: Bool) -> NDArray[np.float64] | None:
    """(channels, bands) mean over seconds; NaN for a channel with too few good ones; None where no channel has any."""
    chosen = power[rows]
    finite = np.isfinite(chosen)
    count = finite.sum(axis=0)
    total = np.where(finite, chosen, 0.0).sum(axis=0)
    enough = count >= _FEWEST_SECONDS_OF_CHANNEL
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=enough)
    return mean if np.isfinite(mean).any() else None


def _range(values: NDArray[np.floating]) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    least, most = float(known.min()), float(known.max())
    return (least, most) if most - least > 1e-6 else (least - 0.5, most + 0.5)


def bad_map(share: dict[str, float]) -> str:
    """The share of bad seconds of each electrode as a map, 0 to 1; '' with fewer than 8 electrodes on the head."""
    scalp = Scalp(list(share), "bad")
    if not scalp.enough:
        return ""
    values = np.array([list(share.values())[row] for row in scalp.rows])
    return scalp.draw(values, (0.0, 1.0), "Oranges")
