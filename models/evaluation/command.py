"""`emostream evaluate` on data: folds, baselines, figures and the files that hold them."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.data.rows import Problem
from models.evaluation.baselines import baseline_systems
from models.evaluation.controls import chance_range, leak_table, permute_labels, z_score_subjects
from models.evaluation.fold_store import FoldStore
from models.evaluation.protocol import (
    Fold,
    Pooled,
    ProtocolName,
    System,
    Trainer,
    plan_folds,
    reuse_folds,
    run_protocol,
)
from models.evaluation.report import ReportExtras, render_report
from models.evaluation.scoring import OURS, answers_of, cautions, summarise, trained_alone
from models.metrics import roc_one_vs_rest
from models.samples import SampleSet
from models.scale_out import ScaleOut
from models.splits import Split, load_splits, save_splits
from models.views import View
from realtime.errors import DataError
from realtime.output import write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Table = dict[str, Any]


class EvaluationOptions(BaseModel):
    """What is evaluated, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    modality: View = Field(default="both", description="what is shown; samples without it are left out")
    protocol: ProtocolName = "loso"
    folds: int = Field(default=5, ge=2, description="of protocol kfold")
    splits: Path | None = Field(default=None, description="file of an earlier evaluation whose folds are used again")
    seed: int = Field(default=0, ge=0, description="of folds, trainings and intervals")
    baselines: tuple[str, ...] | None = Field(default=None, description="all where not given; majority is always there")
    ablation: Literal["views", "trained"] = Field(
        default="views", description="the same fit shown one modality; or also fits on one alone"
    )
    permute_labels: int | None = Field(default=None, ge=0, description="control: draw the labels anew, with this seed")
    transductive: bool = Field(default=False, description="z-score each subject's EEG with all of its trials")
    leaks: bool = Field(default=False, description="also score an SVM under protocols that leak")
    explain: bool = Field(default=False, description="also say what moved the decisions, from one more fit")


@dataclass(frozen=True, slots=True)
class RecipeTrainer:
    """`models.recipe.fit` with its recipe, as a trainer that travels to other processes."""

    recipe: Any

    def __call__(self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: Any = None) -> Any:
        from models.recipe import fit

        return fit(samples, self.recipe, held_out=tuple(held_out), seed=seed, progress=progress)


def run_evaluation(
    samples: SampleSet,
    options: EvaluationOptions | None = None,
    *,
    recipe: BaseModel | Mapping[str, Any],
    out: Path,
    trainer: Trainer | None = None,
    scale: ScaleOut | None = None,
    problems: Iterable[Problem] = (),
    data_name: str = "samples",
    progress: bool = False,
) -> Table:
    """Evaluate, and leave `summary.json`, `report.html`, `predictions.csv`, `splits.json` and `folds/` in `out`.

    A run that was killed goes on where it stopped when it is started again with the same data, options and folder.

    Parameters
    ----------
    samples : SampleSet
    options : EvaluationOptions, optional
    recipe : pydantic model or mapping
        Every choice of the trainer: a finished fold is used again only for the same one.
    out : Path
        Folder; made where it does not exist.
    trainer : Trainer, optional
        `models.recipe.fit` with `recipe` where not given.
    scale : ScaleOut, optional
    problems : iterable of Problem
        What reading the data excluded, for the report.
    data_name : str
    progress : bool
        Show a bar on stderr.

    Returns
    -------
    dict
        The summary; its keys are a contract (`docs/`).

    Raises
    ------
    DataError
        One subject only, a splits file for other data, a fold that fails (named), a file that cannot be written.
    ConfigurationError
        An unknown baseline, or a cluster that cannot be used.
    """
    options = options or EvaluationOptions()
    data_sha256 = samples.digest()
    used = _prepared(samples, options)
    choices = recipe.model_dump(mode="json") if isinstance(recipe, BaseModel) else dict(recipe)
    systems = _systems(used, options, trainer or RecipeTrainer(recipe), choices)
    folds = _folds(samples, used, options, data_sha256)
    pooled = run_protocol(
        used, systems, folds, store=FoldStore(out / "folds", used.digest()), scale=scale, progress=progress
    )
    save_splits(out / "splits.json", _recorded(used, pooled, folds), data_sha256, _names(used))
    titles = {system.name: system.title for system in systems}
    problems = list(problems)
    reached, p_chance = chance_range(used, answers_of(pooled.probabilities[OURS]["both"]), options.seed)
    result = summarise(used, pooled, titles, options.modality, options.seed) | {
        "simulated": samples.simulated,
        "modality": options.modality,
        "protocol": options.protocol if options.splits is None else "splits file",
        "folds": len(folds),
        "seed": options.seed,
        "transductive": options.transductive,
        "permuted": None,
        "excluded": [asdict(p) for p in problems if p.kind == "excluded"] + _without(samples, options.modality),
        "remarks": [asdict(p) for p in problems if p.kind == "kept"],
        "notes": cautions(used, pooled.notes),
        "chance_test": {"uar_range": list(reached), "p": p_chance},
        "leaks": asdict(leak_table(used, options.seed)) if options.leaks else None,
        "data": {"name": data_name, "sha256": data_sha256},
        "splits_sha256": hashlib.sha256((out / "splits.json").read_bytes()).hexdigest(),
        "recipe": choices,
        "options": options.model_dump(mode="json", exclude={"splits"}),
        "versions": {name: version(name) for name in ("emostream", "torch", "scikit-learn", "numpy")},
        "fit_seconds": pooled.seconds,
    }
    if options.permute_labels is not None:
        result["permuted"] = _permuted(result, options.permute_labels)
    attribution, result["importances"] = _explained(used, systems[0], options.seed) if options.explain else ((), None)
    _write(out, used, pooled, result, attribution)
    return result


def render(result: Table) -> str:
    """The summary as a few lines for a terminal."""
    lines = [
        f"{name.upper()}: {text}"
        for name, text, there in (
            ("simulated", "nobody here exists", result["simulated"]),
            ("permuted labels", "a control; anything above chance is a leak", result["permuted"] is not None),
            ("transductive", "EEG normalised with all trials of each test subject", result["transductive"]),
        )
        if there
    ]
    lines += [
        f"{result['samples']} samples of {result['subjects']} subjects, {len(result['classes'])} classes, "
        f"{result['protocol']}, {result['folds']} folds, seed {result['seed']}",
        f"{'':<34}{'UF1':>7}  {'95 %':<14}{'UAR':>7}{'accuracy':>10}{'answered':>10}",
    ]
    named = {
        title if result["modality"] == "both" else f"emostream,{title[1:]}": result["ablation"][view]
        for view, title in (("both", "emostream"), ("eeg", "  EEG alone"), ("face", "  face alone"))
        if result["ablation"][view] is not None
    }
    named |= {row["title"]: row for row in result["baselines"].values()}
    for title, row in named.items():
        low, high = row["intervals"]["uf1"]
        interval = f"{low:.3f}-{high:.3f}"
        lines.append(
            f"{title:<34}{row['uf1']:>7.3f}  {interval:<14}{row['uar']:>7.3f}{row['accuracy']:>10.3f}"
            f"{row['answered']:>10}"
        )
    for row in result["comparisons"]:
        low, high = row["uf1"]["interval"]
        where = "" if row["rows"] == "all" else ", samples with both"
        lines.append(
            f"emostream less {row['title']}{where}: UF1 {row['uf1']['difference']:+.3f} ({low:+.3f} to {high:+.3f}), "
            f"p {row['uf1']['p']:.4f}"
        )
    if result["ece"] is not None:
        lines.append(f"calibration error {result['ece']:.3f}")
    low, high = result["chance_test"]["uar_range"]
    lines.append(
        f"UAR by chance {low:.3f}-{high:.3f} (labels redrawn trial by trial), p {result['chance_test']['p']:.4f}"
    )
    if result["leaks"]:
        lines.append(f"SVM on {result['leaks']['what']} under protocols that share with the test:")
        lines += [
            f"  {row['protocol']:<22}{row['leak']:<18}accuracy {row['accuracy']:.3f}  UF1 {row['uf1']:.3f}"
            for row in result["leaks"]["protocols"]
        ]
    if result["excluded"]:
        lines.append(f"{len(result['excluded'])} rows left out; the report says why")
    return "\n".join(lines + [f"note: {line}" for line in result["notes"]])


def _prepared(samples: SampleSet, options: EvaluationOptions) -> SampleSet:
    used = samples.only(options.modality)
    if options.transductive:
        used = z_score_subjects(used)
    return used if options.permute_labels is None else permute_labels(used, options.permute_labels)


def _systems(
    samples: SampleSet, options: EvaluationOptions, trainer: Trainer, recipe: Mapping[str, Any]
) -> tuple[System, ...]:
    """Ours first: its folds take longest, so the short ones fill the gaps at the end."""
    systems = [System(OURS, "emostream", trainer, options.modality, recipe)]
    if options.ablation == "trained" and options.modality == "both":
        alone: dict[View, bool] = {"eeg": bool(samples.has_eeg.any()), "face": bool(samples.has_face.any())}
        systems += [
            System(trained_alone(view), f"emostream trained on {_ALONE[view]} alone", trainer, view, recipe)
            for view, there in alone.items()
            if there
        ]
    return (*systems, *baseline_systems(samples, options.baselines))


_ALONE: dict[View, str] = {"eeg": "EEG", "face": "face"}


def _folds(samples: SampleSet, used: SampleSet, options: EvaluationOptions, data_sha256: str) -> tuple[Fold, ...]:
    if options.splits is not None:
        return reuse_folds(used, load_splits(options.splits, data_sha256))
    return plan_folds(used, options.protocol, options.folds, options.seed)


def _recorded(samples: SampleSet, pooled: Pooled, folds: Sequence[Fold]) -> list[Split]:
    """What our folds were; where nothing was trained, everyone else counts as training."""
    everyone = set(samples.subjects)
    return [
        split or Split(tuple(sorted(everyone - set(fold.held_out))), (), fold.held_out, fold.seed)
        for split, fold in zip(pooled.splits[OURS], folds, strict=True)
    ]


def _names(samples: SampleSet) -> dict[int, str]:
    return {s: samples.subject_name(s) for s in samples.subjects}


def _without(samples: SampleSet, modality: View) -> list[Table]:
    """Samples that are left out because they lack the modality that is evaluated."""
    if modality == "both":
        return []
    has = samples.has_eeg if modality == "eeg" else samples.has_face
    what = {"eeg": "no EEG", "face": "no facial movement"}[modality]
    return [
        asdict(Problem(f"sample '{name}'", modality, f"{what}, and only that is evaluated"))
        for name in samples.sample[~has].tolist()
    ]


def _explained(
    samples: SampleSet, system: System, seed: int
) -> tuple[Sequence[tuple[str, Figure | bytes]], dict[str, Any]]:
    """What moved the answers to people held out for the purpose: figures for the report, and numbers."""
    from models.explanation.attribution import importances
    from models.explanation.figures import explanation_figures
    from models.explanation.gradients import explain_fit

    fold = plan_folds(samples, "kfold", min(5, len(samples.subjects)), seed)[0]
    held_out = samples.of_subjects(fold.held_out)
    training = samples.take(~np.isin(samples.subject, fold.held_out))
    explanation = explain_fit(system.trainer(training, fold.held_out, fold.seed), held_out, training, most=8, seed=seed)
    return explanation_figures(explanation), importances(explanation)


def _permuted(result: Table, seed: int) -> Table:
    """How mean recall lies to chance, 1 / n_classes, and to the range that chance gives.

    Below is no paradox with few trials: what a class has more of in the held-out people, training has less of.
    """
    low, high = result["intervals"]["uar"]
    return {
        "seed": seed,
        "uar_chance": result["chance"],
        "chance_within_interval": low <= result["chance"] <= high,
        "above_chance": result["uar"] > result["chance_test"]["uar_range"][1],
    }


def _write(
    out: Path, samples: SampleSet, pooled: Pooled, result: Table, attribution: Sequence[tuple[str, Figure | bytes]]
) -> None:
    probabilities = pooled.probabilities[OURS]["both"]
    there = np.isfinite(probabilities).all(axis=1)
    roc = roc_one_vs_rest(probabilities[there], samples.label[there]) if there.any() else {}
    extras = ReportExtras(
        roc={samples.classes[c]: curve for c, curve in roc.items()},
        histories=pooled.history[OURS],
        splits=pooled.splits[OURS],
        subject_names=_names(samples),
        attribution=attribution,
    )
    _write_predictions(out / "predictions.csv", samples, probabilities)
    _write_text(out / "report.html", render_report(result, extras))
    write_json(out / "summary.json", result)


def _write_predictions(path: Path, samples: SampleSet, probabilities: np.ndarray) -> None:
    """One line a sample; the answer and the probabilities are empty where there is none."""
    answers = answers_of(probabilities)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["sample", "subject", "group", "label", "answer", *(f"p_{c}" for c in samples.classes)])
            for row, (answer, p) in enumerate(zip(answers, probabilities, strict=True)):
                given = [samples.classes[answer], *(f"{v:.6f}" for v in p)] if answer >= 0 else [""] * (1 + len(p))
                who = samples.subject_name(int(samples.subject[row]))
                label = samples.classes[samples.label[row]]
                table.writerow([samples.sample[row], who, int(samples.group[row]), label, *given])
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err.strerror or err}; choose another --out") from err
    finally:
        partial.unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err.strerror or err}; choose another --out") from err
    finally:
        partial.unlink(missing_ok=True)
