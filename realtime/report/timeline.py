"""The session at a glance: trials, probabilities, confidence, candidates, and what the recording was like."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from realtime.report import shapes
from realtime.report.charts import Chart, Label, Mark, Track, chart, clock
from realtime.report.envelope import Series, series, stepped
from realtime.report.folder import Analysis, Table
from realtime.report.pictures import spectrogram_image
from realtime.report.review import Review
from realtime.report.trials import Trial, probabilities

HUES = 8
"""Hues of the page; beyond them they come again."""

_PLACES = 3
_HALF_S = 0.5  # rows of a second tell when it begins
_BAD_LIMIT = 0.25  # EngineConfig: above this share EEG is not used
_SPAN_NAMES = {"baseline": "baseline", "rest": "rest", "pause": "pause"}
_VIEW_TITLES = {"fused": "fused", "eeg": "EEG alone", "face": "face alone"}


class Timeline:
    """Builds the charts of one analysis.

    Parameters
    ----------
    analysis : Analysis
    trials : sequence of Trial
    review : Review or None
    pictured : collection of int
        Numbers of the movements that have a card to lead to.

    Attributes
    ----------
    image : SpectrumImage or None
    """

    def __init__(
        self, analysis: Analysis, trials: Sequence[Trial], review: Review | None, pictured: Collection[int]
    ) -> None:
        self._analysis = analysis
        self._trials = trials
        self._review = review
        self._pictured = pictured
        self._end_s = analysis.facts.source.duration_s
        self._classes = analysis.facts.classes
        self._views = _views(analysis.predictions, self._classes)
        found = analysis.spectrogram
        self.image = None if found is None else spectrogram_image(found, self._end_s)

    @property
    def thinned(self) -> bool:
        """Whether a point of the lines stands for several predictions."""
        return any(found.thinned for found in self._views.values())

    def overview(self) -> Chart | None:
        """Trials, probabilities, confidence, evidence and candidates; None where there is nothing of them."""
        tracks = [self._stimuli(), *self._answers(), self._candidates()]
        shown = [track for track in tracks if track is not None]
        if not shown or (len(shown) == 1 and shown[0] is tracks[0]):
            return None
        alt = (
            f"Over {clock(self._end_s)}: {len(self._trials)} trials, probabilities of {', '.join(self._classes)}, "
            f"and {len(self._analysis.movements)} candidate movements. The tables below hold the same."
        )
        return chart("overview", self._end_s, shown, alt)

    def spectrum(self) -> Chart | None:
        """The spectrogram with the trials above it."""
        image = self.image
        if image is None:
            return None
        svg = (
            f'<image class="{"coarse" if image.coarse else "fine"}" href="{image.uri}" x="0" y="0" '
            f'width="{self._end_s:.3f}" height="100" preserveAspectRatio="none"/>' + self._edges()
        )
        scale = [((f - image.low_hz) / (image.high_hz - image.low_hz), f"{f:g}") for f in image.ticks_hz]
        track = Track("power", 170, svg, "Hz", scale)
        alt = f"Spectrogram, {image.low_hz:g} to {image.high_hz:g} Hz, mean over good channels, {image.told}."
        return chart("spectrum", self._end_s, [t for t in (self._stimuli(), track) if t is not None], alt)

    def signals(self) -> Chart | None:
        """Share of bad channels, share of frames with a face, and where the clock was reset."""
        tracks = [self._bad_channels(), self._face_share(), self._resets()]
        shown = [track for track in tracks if track is not None]
        if not shown:
            return None
        stimuli = self._stimuli()
        alt = "Share of bad EEG channels, share of frames with a face, and resets of the clock over the session."
        return chart("signals", self._end_s, [stimuli, *shown] if stimuli is not None else shown, alt)

    def values(self) -> Mapping[str, Any] | None:
        """What the page's script shows under the pointer: the probabilities as drawn."""
        if not self._views:
            return None
        table = self._analysis.predictions
        assert table is not None
        shown = {view: _rounded(found.mean) for view, found in self._views.items()}
        time_s = next(iter(self._views.values())).time_s
        confidence = series(table["time_s"], _known(table, table["confidence"])).mean[:, 0]
        return {
            "classes": self._classes,
            "titles": {view: _VIEW_TITLES[view] for view in shown},
            "time_s": [round(float(t), 2) for t in time_s],
            "views": shown,
            "confidence": _rounded(confidence),
            "trials": [[t.start_s, t.end_s, f"trial {t.number} {t.emotion}".strip()] for t in self._trials],
            "movements": [[m.apex_s, f"candidate {m.number}, {m.kind}"] for m in self._analysis.movements],
        }

    def _shade(self) -> str:
        """Trials in the hue of their emotion; what is no trial hatched or in grey."""
        spans = [s for s in self._analysis.facts.timeline if s.kind in _SPAN_NAMES and s.end_s is not None]
        quiet = "".join(shapes.block(s.start_s, s.end_s or s.start_s, f"span {s.kind}") for s in spans)
        trials = (shapes.block(t.start_s, t.end_s, f"span {self.hue(t.emotion)}") for t in self._trials)
        return quiet + "".join(trials)

    def _edges(self) -> str:
        """Where trials begin and end, over a picture that shading would tint."""
        return "".join(shapes.upright(at, "edge") for t in self._trials for at in (t.start_s, t.end_s))

    def hue(self, name: str) -> str:
        """CSS class of an emotion's shade; 'plain' where the model has no such class."""
        lower = [known.lower() for known in self._classes]
        return f"h{lower.index(name.lower()) % HUES}" if name.lower() in lower else "plain"

    def _stimuli(self) -> Track | None:
        labels = [
            Label(s.start_s, s.end_s if s.end_s is not None else self._end_s, "", _SPAN_NAMES[s.kind], "quiet")
            for s in self._analysis.facts.timeline
            if s.kind in _SPAN_NAMES
        ]
        labels += [Label(t.start_s, t.end_s, str(t.number), t.emotion, "trial") for t in self._trials]
        marks = [Mark(at, 0.5, "note", f"note at {clock(at)}: {text}") for at, text in self._analysis.facts.remarks]
        if not labels and not marks:
            return None
        return Track("stimulus", 26, self._shade(), labels=labels, marks=marks)

    def _answers(self) -> list[Track]:
        table = self._analysis.predictions
        if table is None or not self._views:
            return []
        tracks = [self._probabilities(view, found) for view, found in self._views.items()]
        confidence = series(table["time_s"], _known(table, table["confidence"]))
        svg = self._shade() + shapes.level(1.0, self._end_s) + _banded(confidence, 0, "conf")
        tracks.append(Track("confidence", 46, svg, "", [(0.0, "0"), (1.0, "1")]))
        return [*tracks, self._evidence(table)]

    def _probabilities(self, view: str, found: Series) -> Track:
        chance = 1.0 / len(self._classes)
        grid = "".join(shapes.level(share, self._end_s) for share in (0.0, 0.5, 1.0))
        lines = "".join(_banded(found, k, f"c{k % HUES}") for k in range(len(self._classes)))
        svg = self._shade() + grid + shapes.level(chance, self._end_s, "chance") + lines
        title = "probability" if len(self._views) == 1 else _VIEW_TITLES[view]
        scale = [(0.0, "0"), (0.5, ".5"), (1.0, "1")]
        return Track(title, 150 if view == "fused" else 92, svg, "calibrated" if view == "fused" else "", scale)

    def _evidence(self, table: Table) -> Track:
        """Two strips: where EEG and where a movement was used."""
        time_s = np.asarray(table["time_s"], np.float64)
        step_s = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
        enough = table["evidence"] == 1
        names = [n for n, there in (("eeg", self._analysis.has_eeg), ("face", self._analysis.has_video)) if there]
        svg = ""
        for row, name in enumerate(names):
            blocks = shapes.strip(time_s, enough & (table[f"used_{name}"] == 1), step_s, f"used-{name}")
            height = 100.0 / len(names)
            svg += f'<g transform="translate(0 {row * height + 10:g}) scale(1 {height / 100 - 0.15:g})">{blocks}</g>'
        scale = [(1.0 - (row + 0.5) / len(names), {"eeg": "EEG", "face": "face"}[n]) for row, n in enumerate(names)]
        return Track("rests on", 16 * len(names) + 4, svg, scale=scale)

    def _candidates(self) -> Track | None:
        found = self._analysis.movements
        if not found:
            return None
        top = 1.6 * max(3.0, *(m.score for m in found))
        decided = self._review.decided if self._review is not None else {}
        svg, marks = self._shade() + self._motion(top), []
        for m in found:
            row = decided.get(m.number)
            state = "" if row is None else (" accepted" if row.counts else " rejected")
            share = float(_log_share(np.array(m.score), top))
            svg += shapes.upright(m.apex_s, f"stem {m.kind}", share)
            told = f"candidate {m.number}: {m.kind} at {clock(m.apex_s, 1)}, {m.score:.1f} times the noise{state}"
            href = f"#movement-{m.number}" if m.number in self._pictured else "#movements"
            marks.append(Mark(m.apex_s, share, f"{m.kind}{state}", told, href))
        if self._review is not None:
            marks += [
                Mark(row.apex_s, 0.1, "added", f"added by the coder at {clock(row.apex_s, 1)}, {row.kind}")
                for row in self._review.added
            ]
        scale = [(float(_log_share(np.array(v), top)), f"{v:g}") for v in (1.0, 10.0, 100.0, 1000.0) if v < top]
        return Track("candidates", 78, svg, "× noise, log", scale, marks=marks)

    def _motion(self, top: float) -> str:
        """The motion of the region that moves most, on the scale of the scores."""
        table = self._analysis.face
        columns = [] if table is None else [name for name in table if name.startswith("motion_")]
        if table is None or not columns:
            return ""
        most = np.stack([np.asarray(table[name], np.float64) for name in columns], axis=1)
        known = np.isfinite(most).any(axis=1)
        highest = np.where(known, np.nan_to_num(most, nan=-np.inf).max(axis=1), np.nan)
        return _filled(series(table["time_s"] + _HALF_S, _log_share(highest, top)), "motion")

    def _bad_channels(self) -> Track | None:
        table = self._analysis.quality
        if table is None or len(table) < 2:
            return None
        flags = np.stack([np.asarray(v, np.float64) for name, v in table.items() if name != "time_s"], axis=1)
        known = np.isfinite(flags).any(axis=1)
        share = np.where(known, (np.nan_to_num(flags) != 0).mean(axis=1), np.nan)
        found = series(table["time_s"] + _HALF_S, share)
        top = 1.0 if np.nanmax(found.high, initial=0.0) > _BAD_LIMIT else 2 * _BAD_LIMIT
        svg = self._shade() + shapes.level(_BAD_LIMIT / top, self._end_s, "chance") + _filled(found, "bad", top)
        return Track("bad channels", 64, svg, "share", [(0.0, "0"), (_BAD_LIMIT / top, ".25"), (1.0, f"{top:g}")])

    def _face_share(self) -> Track | None:
        table = self._analysis.face
        if table is None:
            return None
        svg = self._shade() + _filled(series(table["time_s"] + _HALF_S, table["face_share"]), "seen")
        return Track("face seen", 44, svg, "share", [(0.0, "0"), (1.0, "1")])

    def _resets(self) -> Track | None:
        times = self._analysis.facts.artefacts.clock_resets
        if not times:
            return None
        svg = self._shade() + "".join(shapes.upright(t, "stem macro", 0.6) for t in times)
        return Track("clock reset", 26, svg, marks=[Mark(t, 0.6, "reset", f"reset at {clock(t, 1)}") for t in times])


def _views(table: Table | None, classes: Sequence[str]) -> dict[str, Series]:
    """Probabilities of each view where it was used; one modality alone is the fused answer, so it is drawn once."""
    if table is None:
        return {}
    out = {}
    for view in ("fused", "eeg", "face"):
        values = probabilities(table, classes, view)
        if values is None:
            continue
        used = table["evidence"] == 1 if view == "fused" else table[f"used_{view}"] == 1
        values = np.where(used[:, None], values, np.nan)
        if np.isfinite(values).any():
            out[view] = series(table["time_s"], values)
    return out if len(out) > 2 else {view: found for view, found in out.items() if view == "fused"}


def _log_share(times_noise: np.ndarray, top: float) -> np.ndarray:
    """Height of a motion on a scale from the noise itself to `top` times it; scores range over two decades."""
    return np.log(np.maximum(times_noise, 1.0)) / np.log(top)


def _known(table: Table, values: np.ndarray) -> np.ndarray:
    return np.where(table["evidence"] == 1, values, np.nan)


def _banded(found: Series, column: int, css: str) -> str:
    """The mean as a line over the band from the least to the largest."""
    band = (
        shapes.area(found.time_s, found.low[:, column], found.high[:, column], f"band {css}") if found.thinned else ""
    )
    return band + shapes.line(found.time_s, found.mean[:, column], f"line {css}")


def _filled(found: Series, css: str, top: float = 1.0) -> str:
    """Steps from the ground up to the largest; `top` is what reaches the upper edge."""
    found = stepped(found)
    high = found.high[:, 0] / top
    return shapes.area(found.time_s, np.where(np.isfinite(high), 0.0, np.nan), high, css)


def _rounded(values: np.ndarray) -> list[Any]:
    """Nested lists for JSON; None where there is no value."""
    if values.ndim > 1:
        return [_rounded(row) for row in values]
    return [round(float(v), _PLACES) if np.isfinite(v) else None for v in values]
