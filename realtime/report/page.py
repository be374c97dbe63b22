"""The parts of the report put together."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from realtime.packets import Quality
from realtime.report import words
from realtime.report.charts import clock
from realtime.report.events import MOST_ROWS, Event, event_rows
from realtime.report.facts import SCALES, SelfReport
from realtime.report.folder import Analysis
from realtime.report.pictures import COLOURS, SIDE_PX, gradient
from realtime.report.review import CodedRows, match_review
from realtime.report.scalp import CHANGES, bad_map, band_maps
from realtime.report.script import SCRIPT
from realtime.report.style import STYLE, class_styles
from realtime.report.template import MACROS, PAGE
from realtime.report.timeline import Timeline
from realtime.report.trials import Trial, agreements, trial_rows
from realtime.truth import SETTLE_S

_WORST = 14
_MOST_REMARKS = 300
_LEAST_SHARE = 5e-4


def render_page(analysis: Analysis, coded: CodedRows | None = None, *, faces: bool = True) -> str:
    """The page of an analysis.

    Parameters
    ----------
    analysis : Analysis
    coded : CodedRows, optional
        A coder's review.
    faces : bool
        Show pictures of the face.
    """
    from jinja2 import DictLoader, Environment, StrictUndefined

    environment = Environment(
        loader=DictLoader({"macros": MACROS, "page": PAGE}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _FILTERS
    return environment.get_template("page").render(_context(analysis, coded, faces))


def _context(analysis: Analysis, coded: CodedRows | None, faces: bool) -> dict[str, Any]:
    trials = trial_rows(analysis)
    review = match_review(analysis.movements, coded) if coded is not None else None
    events = event_rows(analysis, trials, review, faces=faces)
    pictured = [e for e in events if e.pictures is not None]
    shown = _charts(Timeline(analysis, trials, review, {e.movement.number for e in pictured})) | {
        "events": events,
        "maps": band_maps(analysis, trials),
        "trials": trials,
        "notes": analysis.facts.notes,
        "remarks": [f"{clock(at)}: {text}" for at, text in analysis.facts.remarks[:_MOST_REMARKS]],
        "truth": list(_truth(analysis.summary.get("truth"))),
    }
    return shown | _trial_context(analysis, trials) | _quality_context(analysis) | {
        "style": STYLE + class_styles(),
        "script": SCRIPT,
        "script_hash": "sha256-" + base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
        "title": _title(analysis),
        "banners": list(words.banners(analysis)),
        "heading": list(_heading(analysis)),
        "findings": words.findings(analysis, trials, events, review),
        "cards": list(_cards(analysis, trials, events)),
        "warnings": analysis.facts.warnings,
        "sections": list(_sections(shown)),
        "pictured": pictured,
        "table_events": events[:MOST_ROWS],
        "review": review,
        "faces": faces,
        "side": SIDE_PX,
        "gradients": {"power": gradient(COLOURS), "change": gradient(CHANGES), "bad": gradient("Oranges")},
        "link": list(_link(analysis)),
        "as_live": words.as_live(analysis),
        "cautions": words.CAUTIONS,
        "method": words.METHOD,
        "computed": list(_computed(analysis)),
        "options": list(_options(analysis.facts.config)),
        "has_video": analysis.has_video,
        "has_motion": any(name.startswith("motion_") for name in analysis.face or {}),
    }  # fmt: skip


def _charts(timeline: Timeline) -> dict[str, Any]:
    values = timeline.values()
    return {
        "overview": timeline.overview(),
        "spectrum": timeline.spectrum(),
        "spectrum_range": timeline.image.told if timeline.image is not None else "",
        "signals": timeline.signals(),
        "has_answers": values is not None,
        "thinned": timeline.thinned,
        # a name with '</script>' in it must not end the script
        "values": "" if values is None else json.dumps(values, separators=(",", ":")).replace("<", "\\u003c"),
    }


def _trial_context(analysis: Analysis, trials: Sequence[Trial]) -> dict[str, Any]:
    reports = [t.said for t in trials if t.said is not None]
    rated = {name for said in reports for name in said.ratings}
    return {
        "classes": analysis.facts.classes,
        "reported": bool(reports),
        "scales": [*(name for name in SCALES if name in rated), *sorted(rated.difference(SCALES))],
        "both": any("face" in t.answers for t in trials) and any("eeg" in t.answers for t in trials),
        "agreement": agreements(trials, analysis.facts.classes),
        "heat": [t for t in trials if "fused" in t.answers],
        "settle_s": SETTLE_S,
    }


def _quality_context(analysis: Analysis) -> dict[str, Any]:
    share = {name: value for name, value in analysis.facts.artefacts.bad_share.items() if value is not None}
    ranked = sorted((item for item in share.items() if item[1] > _LEAST_SHARE), key=lambda item: -item[1])
    others = [value for _, value in ranked[_WORST:]]
    quiet = len(share) - len(ranked)
    told = [f"{len(others)} more, at most {_share(max(others))} each"] if others else []
    told += [f"{quiet} of {len(share)} channels were never bad"] if quiet else []
    return {
        "worst": [{"name": name, "share": value, "why": _why(analysis, name)} for name, value in ranked[:_WORST]],
        "rest_of_channels": "; ".join(told) + ("." if told else ""),
        "bad_map": bad_map(share) if ranked else "",
        "bad_known": bool(share),
        "artefacts": list(_artefacts(analysis)),
    }


def _why(analysis: Analysis, channel: str) -> str:
    """What was wrong with a channel, with the share of seconds of each."""
    if analysis.quality is None or channel not in analysis.quality:
        return ""
    flags = np.nan_to_num(np.asarray(analysis.quality[channel], np.float64)).astype(np.int64)
    names = {Quality.FLAT: "flat", Quality.RAILED: "railed", Quality.MAINS: "mains", Quality.NOISY: "noisy"}
    names |= {Quality.NOT_FINITE: "not finite"}
    shares = [(name, float(np.mean((flags & int(flag)) != 0))) for flag, name in names.items()]
    return ", ".join(f"{name} {_share(value)}" for name, value in sorted(shares, key=lambda s: -s[1]) if value)


def _title(analysis: Analysis) -> str:
    source = analysis.facts.source
    if source.subject is None:
        return f"Session report: {source.stem}"
    parts = [f"sub-{source.subject.removeprefix('sub-')}"]
    if source.session:
        parts.append(f"session {source.session.removeprefix('ses-')}")
    if source.task:
        parts.append(source.task)
    if source.run is not None:
        parts.append(f"run {source.run}")
    return f"Session report: {', '.join(parts)}"


def _heading(analysis: Analysis) -> Iterator[tuple[str, str]]:
    source, model = analysis.facts.source, analysis.facts.model
    yield "recorded", f"{words.moment(source.started)}, {words.length(source.duration_s)}"
    if source.simulated:
        yield "participant", "simulated"
    trained = model.trained_on or "not told"
    yield "model", f"{model.id}, trained on: {trained}"


def _cards(analysis: Analysis, trials: Sequence[Trial], events: Sequence[Event]) -> Iterator[dict[str, str]]:
    yield {"value": words.length(analysis.facts.source.duration_s), "name": "analysed", "note": ""}
    if trials:
        rows = {row.title: row for row in agreements(trials, analysis.facts.classes)}
        if (main := rows.get("model and stimulus")) is not None:
            note = f"guessing {main.guessed:.1f}"
            yield {"value": f"{main.right} of {main.total}", "name": "trials: model = stimulus", "note": note}
        if (said := rows.get("model and self-report")) is not None:
            note = f"guessing {said.guessed:.1f}"
            yield {"value": f"{said.right} of {said.total}", "name": "model = self-report", "note": note}
    if analysis.has_video:
        minutes = analysis.facts.source.duration_s / 60
        micro = sum(e.movement.kind == "micro" for e in events)
        note = f"{micro} micro; {len(events) / minutes:.1f} a minute"
        yield {"value": f"{len(events)}", "name": "candidate movements", "note": note}
    share = [value for value in analysis.facts.artefacts.bad_share.values() if value is not None]
    if share:
        yield {"value": _share(float(np.mean(share))), "name": "of channel time bad", "note": f"{len(share)} channels"}


def _sections(shown: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if shown["overview"]:
        yield "timeline", "over the session"
    if shown["events"]:
        yield "movements", "movements"
    if shown["maps"]:
        yield "scalp", "scalp"
    if shown["spectrum"]:
        yield "spectrogram", "spectrogram"
    if shown["trials"]:
        yield "trials", "trials and self-report"
    if shown["truth"]:
        yield "truth", "simulator's truth"
    yield "quality", "quality"
    yield "link", "streams"
    if shown["notes"] or shown["remarks"]:
        yield "notes", "notes"
    yield "cautions", "what the numbers do not mean"
    yield "method", "method"


def _truth(found: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    if not found:
        return
    names = {"by_trial": "fused", "eeg_only": "EEG alone", "face_only": "face alone", "chance": "guessing"}
    for key, told in names.items():
        if found.get(key) is not None:
            yield f"share of trials right, {told}", f"{found[key]:.2f}"
    spotting = found.get("spotting") or {}
    known = [name for name in ("precision", "recall", "f1") if spotting.get(name) is not None]
    scores = [f"{name} {spotting[name]:.2f}" for name in known]
    if scores:
        yield "micro-movements", ", ".join(scores)


def _artefacts(analysis: Analysis) -> Iterator[tuple[str, str]]:
    found = analysis.facts.artefacts
    minutes = analysis.facts.source.duration_s / 60
    if (seen := found.blinks_and_gaze_shifts) is not None:
        yield "blinks and gaze shifts", f"{seen}, {seen / minutes:.1f} a minute"
    if found.lost_samples is not None and analysis.has_eeg:
        yield "EEG samples lost", str(found.lost_samples)
    if found.lost_frames is not None and analysis.has_video:
        yield "frames lost", str(found.lost_frames)
    times = ", ".join(clock(t, 1) for t in found.clock_resets[:12])
    more = f" and {len(found.clock_resets) - 12} more" if len(found.clock_resets) > 12 else ""
    yield "clock resets", f"{len(found.clock_resets)}: at {times}{more}" if times else "none"


def _link(analysis: Analysis) -> Iterator[tuple[str, str]]:
    yield from words.streams(analysis.summary)
    predictions = analysis.summary.get("predictions") or {}
    if predictions.get("count") is not None:
        fused = f", {predictions['fused']} of them from both" if predictions.get("fused") is not None else ""
        yield "predictions", f"{predictions['count']}{fused}"
    if analysis.facts.as_live is None:
        yield "live run", "not compared: none is in the recording, or the notes say why"


def _computed(analysis: Analysis) -> Iterator[tuple[str, str]]:
    facts = analysis.facts
    files = facts.source.files
    named = files if isinstance(files, list) else [f"{name}: {value}" for name, value in files.items()]
    if named:
        yield "files", ", ".join(named)
    yield "model", f"{facts.model.id}{f', {facts.model.runtime}' if facts.model.runtime else ''}"
    if facts.classes:
        yield "classes", ", ".join(facts.classes)
    if facts.channels:
        yield "channels", f"{len(facts.channels)}: {', '.join(facts.channels)}"
    if facts.bands:
        yield "bands", ", ".join(f"{name} {low:g}–{high:g} Hz" for name, low, high in facts.bands)
    software = facts.software if isinstance(facts.software, dict) else {"software": facts.software}
    for name, value in software.items():
        yield str(name), ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
    if facts.calibrated is not None and analysis.has_eeg:
        yield (
            "calibration",
            "the participant's own" if facts.calibrated else "none: no blinks were taken out of the EEG",
        )
    process = analysis.summary.get("process") or {}
    if process.get("wall_s"):
        yield "took", f"{process['wall_s']:.1f} s"


def _options(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested options as 'face.spotter.lag_s', value."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _options(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _region(name: str) -> str:
    """'brow_left' -> 'left brow'; the person's own left."""
    place, _, side = name.partition("_")
    called = {"mouth": "mouth corner", "nose": "nose wing"}.get(place, place)
    return f"{side} {called}" if side in ("left", "right") else name.replace("_", " ")


def _scale(said: SelfReport | None, name: str) -> str:
    value = said.ratings.get(name) if said is not None else None
    return "–" if value is None else f"{value:g}"


def _verdict(trial: Trial, view: str) -> str:
    from markupsafe import Markup

    if not trial.emotion:
        return ""
    right = trial.answers[view].name.lower() == trial.emotion.lower()
    return Markup('<span class="yes">✓</span>' if right else '<span class="no">✗</span>')


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:.1f} to {limits[1]:.1f}".replace("-", "−")


_FILTERS = {
    "clock0": lambda t: clock(t),
    "clock1": lambda t: clock(t, 1),
    "clock2": lambda t: clock(t, 2),
    "region": _region,
    "scale": _scale,
    "verdict": _verdict,
    "range": _range,
    "share": _share,
    "p": words.probability,
}
