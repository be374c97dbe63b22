"""What the report says in sentences: no more than the numbers allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from realtime.report.charts import clock
from realtime.report.events import Event
from realtime.report.folder import Analysis
from realtime.report.review import Review
from realtime.report.trials import Agreement, Trial, agreements

CAUTIONS = (
    "A candidate is a movement the spotter thinks worth looking at, not a micro-expression that was established. "
    "Published spotters of micro-expressions in long videos reach an F1 of 0.04 to 0.36; this one misses the smallest "
    "movements too, and fires now and then on a calm face. Look at the film before you count one.",
    "A movement is not an emotion. The emotion beside a candidate is that of the trial it fell into.",
    "The emotion of a trial is that of its stimulus. What the participant felt, only the participant can report, and "
    "a report is one too.",
    "A probability is the model's, among the classes it was trained on and no others, for people like those it was "
    "trained on. It does not measure how strongly something was felt. In the publication this follows (Ma et al.), "
    "seven classes are told apart in 40 % of trials from EEG and face together.",
    "Predictions follow one another several times a second and share up to 40 s of EEG: thousands of them are not "
    "thousands of observations. Count trials, and people.",
    "Maps and differences of one session carry no test of significance; muscles of jaw and forehead reach into beta "
    "and gamma.",
    "Nothing here is a diagnosis, or says that anyone lied.",
)
"""What the numbers do not mean."""

METHOD = (
    "The engine that runs live was run over the recording, sample by sample and frame by frame. EEG: decimated and "
    "filtered causally, then the band power of one-second windows; a channel that is flat, railed, noisy, full of "
    "mains hum or not finite is left out while it is. Face: landmarks place the regions, dense optical flow over 0.2 s "
    "measures their motion after head motion is removed, and thresholds are multiples of the person's own noise. The "
    "model reads the last 40 s of EEG and a movement, either of which may be missing."
)


def banners(analysis: Analysis) -> Iterator[tuple[str, str, str]]:
    """(CSS class, large, small) of what must not be overlooked."""
    facts = analysis.facts
    if facts.source.simulated:
        yield (
            "simulated",
            "SIMULATED",
            "The participant does not exist: every number is about a simulation and says nothing about real people.",
        )
    if facts.model.simulated:
        yield (
            "demonstration",
            "DEMONSTRATION MODEL",
            "It learnt from simulated people only: its probabilities say nothing about a real person's emotion.",
        )


def findings(analysis: Analysis, trials: Sequence[Trial], events: Sequence[Event], review: Review | None) -> str:
    """What was found, as one paragraph."""
    parts = [
        _recorded(analysis),
        *_evidence(analysis),
        *_trials(analysis, trials),
        *_movements(analysis, trials, events, review),
    ]
    return " ".join([*parts, *_trouble(analysis)])


def _recorded(analysis: Analysis) -> str:
    eeg, video = analysis.summary.get("eeg"), analysis.summary.get("video")
    parts = []
    if eeg:
        rate = f" at {eeg['sfreq_hz']:g} Hz" if eeg.get("sfreq_hz") else ""
        parts.append(f"{eeg.get('channels', len(analysis.facts.channels))} channels of EEG{rate}")
    if video:
        rate = f" at {video['fps']:.3g} frames a second" if video.get("fps") else ""
        parts.append(f"video{rate}")
    absent = "" if len(parts) > 1 else (" There was no video." if eeg else " There was no EEG.")
    return f"{length(analysis.facts.source.duration_s)} of {' and '.join(parts) or 'recording'} were analysed.{absent}"


def _evidence(analysis: Analysis) -> Iterator[str]:
    table = analysis.predictions
    if table is None or not (table["evidence"] == 1).any():
        yield "At no moment was there evidence enough for an answer."


def _trials(analysis: Analysis, trials: Sequence[Trial]) -> Iterator[str]:
    if not trials:
        yield "No trial was marked, so nothing can be said about right or wrong."
        return
    counts = Counter(t.emotion or "unnamed" for t in trials)
    yield f"{_count(len(trials), 'trial')}: {', '.join(f'{n} {name}' for name, n in counts.most_common())}."
    rows = {row.title: row for row in agreements(trials, analysis.facts.classes)}
    if (main := rows.get("model and stimulus")) is not None:
        views = [
            (name, rows[f"{name} and stimulus"])
            for name in ("EEG alone", "face alone")
            if f"{name} and stimulus" in rows
        ]
        alone = [f"{row.right} of {row.total} from {name}" for name, row in views]
        yield f"The model named the emotion of the stimulus in {main.right} of {main.total}{_guess(main)}{_and(alone)}."
    if (said := rows.get("model and self-report")) is not None:
        yield f"It named what the participant reported in {said.right} of {said.total}{_guess(said)}."
    if (felt := rows.get("self-report and stimulus")) is not None:
        yield f"The participant reported the emotion of the stimulus in {felt.right} of {felt.total}."


def _guess(row: Agreement) -> str:
    """What guessing would have made of it."""
    return f" (guessing: {row.guessed:.1f}; as many or more by luck: {probability(row.p)})"


def _and(parts: Sequence[str]) -> str:
    return f"; {', '.join(parts)}" if parts else ""


def _movements(
    analysis: Analysis, trials: Sequence[Trial], events: Sequence[Event], review: Review | None
) -> Iterator[str]:
    if not analysis.has_video:
        return
    if not events:
        yield "The spotter found no movement of the face."
        return
    micro = sum(e.movement.kind == "micro" for e in events)
    inside = sum(e.trial is not None for e in events)
    where = f", {_of(inside, len(events))} in trials" if trials else ""
    kinds = [f"{n} {kind}" for n, kind in ((micro, "micro"), (len(events) - micro, "macro")) if n]
    yield (
        f"The spotter found {_count(len(events), 'candidate')} ({', '.join(kinds)}){where}: movements to look at, not "
        "verdicts."
    )
    if review is not None:
        open_ = len(events) - len(review.decided)
        yield (
            f"A coder accepted {review.accepted}, rejected {review.rejected}, left {open_} undecided and added "
            f"{len(review.added)} that the spotter had missed."
        )


def _trouble(analysis: Analysis) -> Iterator[str]:
    found = analysis.facts.artefacts
    bad = [name for name, share in found.bad_share.items() if share is not None and share > 0.1]
    if bad:
        shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
        were = "was" if len(bad) == 1 else "were"
        yield f"{_count(len(bad), 'channel')} {were} bad for more than a tenth of the time ({shown})."
    counts = ((analysis.has_eeg, found.lost_samples, "samples"), (analysis.has_video, found.lost_frames, "frames"))
    lost = [f"{n} {what}" for there, n, what in counts if there and n]
    if lost:
        yield f"Lost on the way: {' and '.join(lost)}."
    if found.clock_resets:
        yield f"The clock was reset {_count(len(found.clock_resets), 'time')}."
    if analysis.facts.warnings:
        yield f"{_count(len(analysis.facts.warnings), 'warning')} below."


def as_live(analysis: Analysis) -> str:
    """How far the live answers were given again; '' where there was no live run in the recording."""
    found = analysis.facts.as_live
    if found is None or not found.compared:
        return ""
    since = f" from {clock(found.from_s)} on" if found.from_s else ""
    parts = [f"The recording holds the answers of a live run; {found.compared} predictions{since} can be compared."]
    if found.max_difference is not None:
        same = "the same to five decimals" if found.max_difference <= 1e-5 else "not the same"
        at = "" if found.max_difference <= 1e-5 or found.at_s is None else f" at {clock(found.at_s, 1)}"
        parts.append(
            f"The analysis, run anew on the same data, is {same}: the largest difference of a probability is "
            f"{found.max_difference:.2g}{at}."
        )
    if found.only_live or found.only_analysis:
        parts.append(f"{found.only_live} predictions are of the live run alone, {found.only_analysis} of the analysis.")
    if found.movements is not None:
        moves = found.movements
        parts.append(f"Of the live run's {_count(moves.live, 'movement')} the analysis has {moves.same}.")
        parts += [f"{moves.only_analysis} it has alone."] if moves.only_analysis else []
    return " ".join(parts)


def streams(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, facts) of each input stream."""
    for key, title in (("eeg", "EEG"), ("video", "video")):
        found = summary.get(key)
        if not found:
            continue
        yield f"{title} '{found['name']}'" if found.get("name") else title, ", ".join(_stream(key, found))


def _stream(key: str, found: Mapping[str, Any]) -> Iterator[str]:
    unit = "samples" if key == "eeg" else "frames"
    if key == "eeg" and found.get("channels"):
        yield f"{found['channels']} channels"
    if found.get("size"):
        yield f"{found['size'][0]} × {found['size'][1]} px"
    if found.get("sfreq_hz"):
        yield f"nominal {found['sfreq_hz']:g} Hz"
    rate = found.get("effective_hz") if key == "eeg" else found.get("fps")
    if rate:
        yield f"measured {rate:.6g} {'Hz' if key == 'eeg' else 'frames a second'}"
    for name, told in (("received", f"{unit} read"), ("lost", f"{unit} lost"), ("gaps", "gaps")):
        if found.get(name) is not None:
            yield f"{found[name]} {told}"
    if key == "video" and found.get("face_share") is not None:
        yield f"a face in {100 * found['face_share']:.1f} % of the frames evaluated"


def length(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def moment(started: str | None) -> str:
    """When a recording began, as a reader writes it; what is no ISO time is given as it is."""
    if not started:
        return "date not in the recording"
    try:
        when = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{when:%d %B %Y, %H:%M}" + (f" {when.tzname()}" if when.tzinfo else "")


def probability(value: float) -> str:
    """A p value as it is printed."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}" if value < 0.1 else f"p = {value:.2f}"


def _of(n: int, total: int) -> str:
    return "all" if n == total else "none" if n == 0 else f"{n} of them"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
