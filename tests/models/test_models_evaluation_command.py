"""The whole evaluation: its files, its contract, its controls, and what it says of itself."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_helpers import RECIPE, StubTrainer, blank_samples, small_samples

from models.data.rows import Problem
from models.evaluation.command import EvaluationOptions, render, run_evaluation
from models.recipe import Recipe
from models.samples import SampleSet, save_samples
from models.splits import load_splits
from models.training.train import TrainingOptions
from realtime.errors import DataError

CONTRACT = {
    *("accuracy", "uf1", "uar", "samples", "subjects", "majority", "intervals", "confusion", "ablation", "baselines"),
    *("simulated", "modality", "protocol", "seed", "classes", "ece", "auc", "per_subject", "comparisons", "excluded"),
    *("permuted", "splits_sha256", "recipe"),
}
SIMPLE = ("majority", "log_power_svm", "flow_svm")


def _evaluate(samples: SampleSet, out: Path, *, problems: Sequence[Problem] = (), **options: Any) -> dict[str, Any]:
    chosen = EvaluationOptions(**{"baselines": SIMPLE, **options})
    return run_evaluation(
        samples, chosen, recipe=RECIPE, trainer=StubTrainer(), out=out, problems=problems, data_name="small world"
    )


class _Page(HTMLParser):
    """Which addresses a page would load, its text, and that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in ("meta", "img", "br", "link", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[SampleSet, Path, dict[str, Any]]:
    samples = small_samples(6, 4)
    out = tmp_path_factory.mktemp("evaluation")
    problems = [
        *(Problem(f"manifest.csv row {i}", "label", "'bored' is not a class") for i in range(6)),
        Problem("manifest.csv row 9", "apex", "<script>alert(1)</script> is no picture"),
        Problem("manifest.csv row 11", "eeg", "one channel is flat", "kept"),
    ]
    result = _evaluate(samples, out, problems=problems, ablation="trained", leaks=True)
    return samples, out, result


def test_summary_keeps_the_contract(done: tuple[SampleSet, Path, dict[str, Any]]) -> None:
    samples, out, result = done
    saved = json.loads((out / "summary.json").read_text())
    assert set(saved) >= CONTRACT
    assert saved["simulated"] is True
    assert (saved["samples"], saved["subjects"], saved["folds"]) == (len(samples), 6, 6)
    assert saved["uf1"] == result["uf1"]
    for view in ("eeg", "face", "both"):
        assert 0 <= saved["ablation"][view]["uf1"] <= 1
    assert saved["ablation"]["both"]["uf1"] == saved["uf1"] > saved["ablation"]["eeg"]["uf1"]
    assert saved["ablation"]["eeg"]["trained_alone"]["answered"] == int(samples.has_eeg.sum())
    assert saved["ablation"]["eeg"]["with_both"]["samples"] == int((samples.has_eeg & samples.has_face).sum())
    assert set(saved["baselines"]) == set(SIMPLE)
    assert saved["majority"]["uar"] == pytest.approx(0.25)
    low, high = saved["intervals"]["uf1"]
    assert low <= saved["uf1"] <= high
    assert np.array(saved["confusion"]).sum() == len(samples)
    assert sum(row["samples"] for row in saved["per_subject"]) == len(samples)
    assert [row["subject"] for row in saved["per_subject"]] == [samples.subject_name(s) for s in samples.subjects]
    assert len(saved["excluded"]) == 7
    assert [row["where"] for row in saved["remarks"]] == ["manifest.csv row 11"]
    assert saved["recipe"] == RECIPE
    assert len(saved["leaks"]["protocols"]) == 3
    rivals = {(row["against"], row["rows"]) for row in saved["comparisons"]}
    for name in ("ablation:eeg", "ablation:face", "emostream_eeg", "emostream_face", *SIMPLE):
        assert {(name, "all"), (name, "with_both")} <= rivals
    against = next(row for row in saved["comparisons"] if row["against"] == "majority")
    assert against["uf1"]["p"] <= against["uf1"]["p_holm"] <= 1
    assert against["mcnemar"]["only_first"] > against["mcnemar"]["only_second"]


def test_predictions_are_a_table_of_every_sample(done: tuple[SampleSet, Path, dict[str, Any]]) -> None:
    samples, out, result = done
    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample"] for row in rows] == samples.sample.tolist()
    assert {row["subject"] for row in rows} == {samples.subject_name(s) for s in samples.subjects}
    right = [row["label"] == row["answer"] for row in rows]
    assert np.mean(right) == pytest.approx(result["accuracy"])
    for row in rows:
        total = sum(float(row[f"p_{name}"]) for name in samples.classes)
        assert total == pytest.approx(1, abs=1e-5)


def test_report_stands_alone_and_says_what_it_is(done: tuple[SampleSet, Path, dict[str, Any]]) -> None:
    _, out, result = done
    text = (out / "report.html").read_text()
    page = _Page(text)
    assert page.open == []
    assert page.addresses
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert not re.search(r"@import|url\(|<script", text)
    words = " ".join(page.words)
    for said in ("SIMULATED", "small world", f"{result['uf1']:.3f}", "Leave-one-subject-out", "sub-12", "'bored'"):
        assert said in words, said
    assert "PERMUTED" not in words
    assert "<script>alert(1)</script>" in words
    assert result["splits_sha256"] in words
    assert "flow PCA + SVM" in render(result)
    assert render(result).startswith("SIMULATED")


def test_the_same_again_is_the_same_and_takes_no_fit(done: tuple[SampleSet, Path, dict[str, Any]]) -> None:
    samples, out, result = done
    again = _evaluate(samples, out, ablation="trained", leaks=True)
    for key in set(result) - {"excluded", "remarks"}:
        assert again[key] == result[key], key


def test_splits_are_saved_and_used_again(done: tuple[SampleSet, Path, dict[str, Any]], tmp_path: Path) -> None:
    samples, out, result = done
    splits = load_splits(out / "splits.json", samples.digest())
    assert sorted(s for split in splits for s in split.held_out) == list(samples.subjects)
    assert all(split.validation for split in splits)
    again = _evaluate(samples, tmp_path / "again", splits=out / "splits.json", seed=5)
    assert again["uf1"] == result["uf1"]
    assert (tmp_path / "again" / "splits.json").read_bytes() == (out / "splits.json").read_bytes()
    with pytest.raises(DataError, match="are for data"):
        _evaluate(small_samples(6, 4, seed=1), tmp_path / "other", splits=out / "splits.json")


@pytest.mark.parametrize("modality", ["eeg", "face"])
def test_one_modality(modality: str, tmp_path: Path) -> None:
    samples = small_samples(5, 3)
    result = _evaluate(samples, tmp_path, modality=modality, protocol="kfold", folds=3)
    has = samples.has_eeg if modality == "eeg" else samples.has_face
    other = "face" if modality == "eeg" else "eeg"
    assert result["samples"] == int(has.sum())
    assert result["folds"] == 3
    assert result["ablation"]["both"] is None
    assert result["ablation"][other] is None
    assert result["ablation"][modality]["uf1"] == result["uf1"]
    assert ("log_power_svm" in result["baselines"]) == (modality == "eeg")
    assert ("flow_svm" in result["baselines"]) == (modality == "face")
    assert len(result["excluded"]) == int((~has).sum())
    assert "Grouped 3-fold" in (tmp_path / "report.html").read_text()
    assert "nobody here exists" in render(result)


def test_permuted_labels_score_at_chance(tmp_path: Path) -> None:
    samples = small_samples(10, 5)
    honest = _evaluate(samples, tmp_path / "honest", baselines=())
    assert honest["uar"] > 0.5
    assert honest["chance_test"]["p"] < 0.001
    found = [_evaluate(samples, tmp_path / str(seed), baselines=(), permute_labels=seed) for seed in range(3)]
    assert all(abs(result["uar"] - 0.25) < 0.12 for result in found)
    assert all(result["permuted"]["chance_within_interval"] for result in found)
    assert not any(result["permuted"]["above_chance"] for result in found)
    assert all(result["chance_test"]["p"] > 0.05 for result in found)
    assert "PERMUTED LABELS" in (tmp_path / "0" / "report.html").read_text()
    assert "PERMUTED LABELS" in render(found[0])
    assert found[0]["data"] == honest["data"]


def test_transductive_is_flagged_everywhere(tmp_path: Path) -> None:
    result = _evaluate(small_samples(4, 3), tmp_path, transductive=True)
    assert result["transductive"] is True
    assert "TRANSDUCTIVE" in render(result)
    assert "TRANSDUCTIVE" in (tmp_path / "report.html").read_text()


def test_two_people_and_a_class_nobody_else_shows(tmp_path: Path) -> None:
    samples = replace(small_samples(3, 2, missing=False), simulated=False)
    keep = (samples.subject != samples.subjects[0]) | (samples.label != 3)
    only_one = samples.take(keep & ~((samples.subject == samples.subjects[2]) & (samples.label == 3)))
    result = _evaluate(only_one.of_subjects(samples.subjects[:2]), tmp_path)
    assert result["subjects"] == 2
    assert any("2 subjects only" in note for note in result["notes"])
    assert any("training lacks disgust" in note for note in result["notes"])
    page = (tmp_path / "report.html").read_text()
    assert "training lacks disgust" in page
    assert "SIMULATED" not in page


def test_one_person_and_unwritable_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 subjects or more, got 1"):
        _evaluate(small_samples(1, 3), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot make the folder"):
        _evaluate(small_samples(2, 2), tmp_path / "file")
    with pytest.raises(DataError, match="2 subjects or more"):
        _evaluate(blank_samples([0, 1], [1, 1]), tmp_path)


def test_a_recipe_is_its_own_trainer(tmp_path: Path) -> None:
    network = {"face_px": 32, "glimpse_px": 8, "tcn_width": 8, "tcn_levels": 2, "token_width": 8, "heads": 2}
    recipe = Recipe(kind="network", network=TrainingOptions(epochs=1, batch_size=32, network=network, device="cpu"))
    samples = small_samples(3, 2)
    result = run_evaluation(samples, EvaluationOptions(baselines=()), recipe=recipe, out=tmp_path)
    assert result["recipe"] == recipe.model_dump(mode="json")
    assert result["ablation"]["both"]["answered"] == len(samples)
    assert "Learning curves" in (tmp_path / "report.html").read_text()


def test_what_moved_the_decisions_goes_into_the_report(tmp_path: Path) -> None:
    pictures = {}
    for explain in (False, True):
        options = EvaluationOptions(baselines=(), explain=explain)
        found = run_evaluation(small_samples(3, 2), options, recipe=RECIPE, trainer=StubTrainer(), out=tmp_path)
        assert (found["importances"] is not None) is explain
        pictures[explain] = (tmp_path / "report.html").read_text().count("data:image/")
    assert pictures[True] > pictures[False] > 0


_CHILD = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from evaluation_helpers import RECIPE, StubTrainer
from models.evaluation.command import EvaluationOptions, run_evaluation
from models.samples import load_samples

class Slow(StubTrainer):
    def __call__(self, samples, held_out, seed, progress=None):
        if len(list(Path({out!r}, "folds").glob("*.npz"))) == 3:
            print("three", flush=True)
            sys.stdin.read()
        return super().__call__(samples, held_out, seed)

run_evaluation(load_samples(Path({data!r})), EvaluationOptions(baselines=()), recipe=RECIPE, trainer=Slow(),
               out=Path({out!r}), data_name="small world")
"""


@pytest.mark.slow
def test_sigkill_and_resume_change_nothing(tmp_path: Path) -> None:
    samples = small_samples(6, 3)
    save_samples(tmp_path / "data.npz", samples)
    out = tmp_path / "out"
    code = _CHILD.format(path=sys.path, out=str(out), data=str(tmp_path / "data.npz"))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"three\n"
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=60)
    assert len(list((out / "folds").glob("*.npz"))) == 3
    assert not (out / "summary.json").exists()
    resumed = _evaluate(samples, out, baselines=())
    whole = _evaluate(samples, tmp_path / "whole", baselines=())
    for key in set(whole) - {"fit_seconds"}:
        assert resumed[key] == whole[key], key
    assert (out / "predictions.csv").read_bytes() == (tmp_path / "whole" / "predictions.csv").read_bytes()
