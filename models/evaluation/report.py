"""The evaluation as one self-contained HTML page."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from models.evaluation import figures
from models.evaluation.report_template import PAGE, STYLE
from models.metrics import Roc
from models.splits import Split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = dict[str, Any]

_PLACES = 4


@dataclass(frozen=True, slots=True)
class ReportExtras:
    """What the page shows beside the summary.

    Parameters
    ----------
    roc : mapping of class -> Roc
    histories : sequence of sequence of mapping
        Epochs of each fold; drawn where they tell both losses.
    splits : sequence of Split
    subject_names : mapping of int -> str
    attribution : sequence of (title, figure)
        matplotlib figures or PNG bytes: what the decisions rest on.
    """

    roc: Mapping[str, Roc]
    histories: Sequence[Sequence[Mapping[str, Any]]]
    splits: Sequence[Split | None]
    subject_names: Mapping[int, str]
    attribution: Sequence[tuple[str, Figure | bytes]] = ()


def render_report(result: Table, extras: ReportExtras) -> str:
    """The page, from the summary of `models.evaluation.command.run_evaluation`.

    Parameters
    ----------
    result : dict
    extras : ReportExtras
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"f3": _f3, "span": _span, "signed": _signed, "signed_span": _signed_span, "p": _p}
    systems = list(_systems(result))
    inner = all(split.validation for split in extras.splits if split is not None)
    page = environment.from_string(PAGE)
    return page.render(
        style=STYLE,
        title=f"Evaluation on {result['data']['name']}",
        what=_MODALITY[result["modality"]],
        subtitle=_subtitle(result),
        banners=list(_banners(result)),
        cards=list(_cards(result)),
        reading=_reading(result),
        cautions=result["notes"],
        systems=systems,
        both_rows=result["rows"]["both"] if "with_both" in result["ablation"][_main_view(result)] else 0,
        with_both=[row | row["with_both"] for row in systems if "with_both" in row],
        comparisons=list(_comparisons(result)),
        images=_images(result, extras, systems),
        attribution=[(title, figures.data_uri(figure)) for title, figure in extras.attribution],
        leaks=result["leaks"],
        classes=result["classes"],
        class_counts={c: sum(row["classes"][c] for row in result["per_subject"]) for c in result["classes"]},
        rows=result["rows"],
        excluded=result["excluded"],
        excluded_reasons=list(_reasons(result["excluded"])),
        protocol_text=_protocol(result, inner),
        calibrated="Probabilities calibrated on inner validation subjects only." if inner else "Not calibrated.",
        facts=list(_facts(result)),
        recipe=json.dumps(result["recipe"], indent=2, sort_keys=True),
        folds=list(_folds(extras)),
    )


_MODALITY = {
    "both": "Hidden emotion from EEG and facial micro-expressions",
    "eeg": "Hidden emotion from EEG alone",
    "face": "Hidden emotion from facial micro-expressions alone",
}


def _main_view(result: Table) -> str:
    return result["modality"]


def _subtitle(result: Table) -> str:
    kind = "simulated people" if result["simulated"] else "people"
    return (
        f"{result['samples']} samples of {result['subjects']} {kind}, {len(result['classes'])} classes: "
        f"{', '.join(result['classes'])}"
    )


def _banners(result: Table) -> Any:
    if result["simulated"]:
        yield "simulated", "SIMULATED", "Nobody here exists. These figures say nothing about real people."
    if result["permuted"] is not None:
        yield (
            "permuted",
            "PERMUTED LABELS",
            f"A control: labels were drawn at random, trial by trial. The mean recall is {_at_chance(result)}.",
        )
    if result["transductive"]:
        yield (
            "transductive",
            "TRANSDUCTIVE",
            "EEG was normalised with all trials of each test subject: not what a new person's first trial would get.",
        )


def _at_chance(result: Table) -> str:
    if result["permuted"]["above_chance"]:
        return "above the range of chance: if it stays there with other seeds, something leaks"
    return "not above the range of chance"


def _cards(result: Table) -> Any:
    for key, name in (("uf1", "UF1, macro F1"), ("uar", "UAR, macro recall"), ("accuracy", "accuracy")):
        low, high = result["intervals"][key]
        majority = result["majority"][key]
        note = f"95 %: {low:.3f} to {high:.3f}; majority {majority:.3f}"
        yield {"name": name, "value": _f3(result[key]), "note": note}
    if result["auc"]["macro"] is not None:
        yield {"name": "area under ROC", "value": _f3(result["auc"]["macro"]), "note": "mean of one class vs rest"}
    if result["ece"] is not None:
        yield {"name": "calibration error", "value": _f3(result["ece"]), "note": "ECE, 15 bins; 0 is best"}


def _reading(result: Table) -> str:
    """The comparison with the baselines in words, as strong as the intervals allow."""
    rivals = [
        row for row in result["comparisons"] if row["rows"] == "all" and not row["against"].startswith("ablation")
    ]
    better = [row["title"] for row in rivals if row["uf1"]["interval"][0] > 0]
    worse = [row["title"] for row in rivals if row["uf1"]["interval"][1] < 0]
    open_ = [row["title"] for row in rivals if row["title"] not in better + worse]
    parts = []
    if better:
        parts.append(f"In UF1 emostream is above {_listing(better)} (the 95 % interval excludes zero)")
    if worse:
        parts.append(f"it is below {_listing(worse)}")
    if open_:
        parts.append(f"from {_listing(open_)} it cannot be told apart with these subjects")
    text = "; ".join(parts) + "." if parts else "Nothing to compare with."
    low, high = result["chance_test"]["uar_range"]
    chance = f"With labels redrawn trial by trial, chance alone gives a UAR of {low:.3f} to {high:.3f}"
    return " ".join([text[0].upper() + text[1:], *_fusion(result), f"{chance} (p {_p(result['chance_test']['p'])})."])


def _fusion(result: Table) -> Any:
    """What the second modality adds, on the samples where the question makes sense."""
    views = [row for row in result["comparisons"] if row["against"].startswith("ablation")]
    fair = [row for row in views if row["rows"] == "with_both"] or views
    if fair:
        changes = [f"{_signed(row['uf1']['difference'])} against {row['title']}" for row in fair]
        n = fair[0]["samples"]
        yield f"On the {n} samples with both modalities, using both is worth, in UF1, {_listing(changes)}."


def _systems(result: Table) -> Any:
    titles = {"both": "emostream, EEG and face", "eeg": "emostream, EEG alone", "face": "emostream, face alone"}
    main = _main_view(result)
    for view in ("both", "eeg", "face"):
        row = result["ablation"][view]
        if row is None:
            continue
        yield {**row, "title": titles[view], "kind": "main" if view == main else "single"}
    for view, name in (("eeg", "EEG"), ("face", "face")):
        if result["ablation"][view] is not None and "trained_alone" in result["ablation"][view]:
            row = result["ablation"][view]["trained_alone"]
            yield {**row, "title": f"emostream trained on {name} alone", "kind": "single"}
    for row in result["baselines"].values():
        yield {**row, "kind": "base"}


def _comparisons(result: Table) -> Any:
    by_rows: dict[str, list[Table]] = defaultdict(list)
    for row in result["comparisons"]:
        by_rows[row["rows"]].append(row)
    for name, rows in by_rows.items():
        n = rows[0]["samples"]
        text = "All samples; a missing answer is wrong" if name == "all" else "Samples with both modalities"
        yield {"title": f"{text} (n = {n})", "entries": rows}


def _images(result: Table, extras: ReportExtras, systems: Sequence[Table]) -> Table:
    rows = [(row["title"], row["uf1"], row["intervals"]["uf1"], row["kind"]) for row in systems]
    shown = {row["title"]: np.array(row["confusion"]) for row in systems if row["kind"] != "base"}
    best = max((row for row in systems if row["kind"] == "base"), key=lambda row: row["uf1"])
    shown = dict(list(shown.items())[:3]) | {best["title"]: np.array(best["confusion"])}
    drawn = {
        "systems": figures.systems_figure(rows),
        "confusion": figures.confusion_figure(shown, result["classes"]),
        "subjects": figures.subjects_figure(result["per_subject"], result["accuracy"]),
        "classes": figures.classes_figure(result["per_subject"], result["classes"]),
        "roc": figures.roc_figure({n: (r.false_rate, r.true_rate, r.auc) for n, r in extras.roc.items()})
        if extras.roc
        else None,
        "reliability": figures.reliability_figure(result["reliability"], result["ece"])
        if result["reliability"]
        else None,
        "learning": figures.learning_figure(_drawable(extras.histories)) if _drawable(extras.histories) else None,
    }
    return {name: figures.data_uri(figure) if figure is not None else "" for name, figure in drawn.items()}


def _drawable(histories: Sequence[Sequence[Mapping[str, Any]]]) -> list[Sequence[Mapping[str, Any]]]:
    return [h for h in histories if h and all("train_loss" in e and "validation_loss" in e for e in h)]


def _reasons(excluded: Sequence[Mapping[str, Any]]) -> Any:
    """Exclusions by reason, most frequent first, with the first few places."""
    counted = Counter((row["field"], row["message"]) for row in excluded)
    for (field, message), count in counted.most_common():
        places = [row["where"] for row in excluded if (row["field"], row["message"]) == (field, message)]
        where = ", ".join(places[:_PLACES]) + (f" and {count - _PLACES} more" if count > _PLACES else "")
        yield {"count": count, "field": field, "message": message, "where": where}


def _protocol(result: Table, inner: bool) -> str:
    name = (
        "Leave-one-subject-out: each person is answered for by a fit that never saw them"
        if result["protocol"] == "loso"
        else f"Grouped {result['folds']}-fold: people are parted into folds, never a person's samples"
    )
    validated = (
        "What a fit chooses or calibrates, it chooses and calibrates on people of its own (inner validation)."
        if inner
        else "Some folds are too small for inner validation: nothing is chosen or calibrated there."
    )
    given = (
        "The EEG of each test person was z-scored with all of that person's trials; apart from that, a"
        if result["transductive"]
        else "A"
    )
    return (
        f"{name}. {validated} {given} system is given no held-out sample before it is asked, and no label then: "
        "neither can scale, select or stop anything. Predictions are pooled over folds, every sample exactly once; "
        "intervals draw people, not samples."
    )


def _facts(result: Table) -> Any:
    yield "protocol", f"{result['protocol']}, {result['folds']} folds, seed {result['seed']}"
    yield "data, SHA-256", result["data"]["sha256"]
    yield "splits.json, SHA-256", result["splits_sha256"]
    yield "versions", ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    if result["permuted"] is not None:
        yield "labels permuted with seed", str(result["permuted"]["seed"])


def _folds(extras: ReportExtras) -> Any:
    def name(subjects: Sequence[int]) -> str:
        return ", ".join(extras.subject_names[s] for s in subjects) or "none"

    for i, split in enumerate(extras.splits):
        if split is not None:
            yield {
                "fold": i,
                "held_out": name(split.held_out),
                "validation": name(split.validation),
                "training": len(split.training),
                "seed": split.seed,
            }


def _listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _f3(value: float) -> str:
    return f"{value:.3f}"


def _span(interval: Sequence[float]) -> str:
    return f"{interval[0]:.3f} – {interval[1]:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _signed_span(interval: Sequence[float]) -> str:
    return f"{_signed(interval[0])} to {_signed(interval[1])}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
