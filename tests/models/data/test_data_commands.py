"""`emostream dataset check|build`, and which reader a path gets."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from models.data.commands import build_options, dataset_app
from models.data.manifest import COLUMNS, write_manifest
from models.data.readers import KINDS, open_dataset
from models.samples import load_samples
from realtime.errors import ConfigurationError, DataError, EmostreamError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three people, three trials each; one file is broken."""
    rng = np.random.default_rng(0)
    rows = []
    for subject in range(3):
        for k, label in enumerate(("happy", "angry", "surprise")):
            np.save(tmp_path / f"{subject}-{k}.npy", rng.normal(0, 2e-5, (4, 512)))
            rows.append({"sample": f"{subject}-{k}", "subject": f"sub-0{subject}", "group": k, "label": label})
            rows[-1] |= {"eeg": f"{subject}-{k}.npy", "sfreq_hz": 256}
    (tmp_path / "1-1.npy").write_bytes(b"")
    write_manifest(tmp_path / "manifest.csv", rows)
    return tmp_path


def run(*arguments: object) -> tuple[int, str]:
    """Exit code, as the command line maps it, and what was printed with the error."""
    result = CliRunner().invoke(dataset_app, [str(a) for a in arguments], catch_exceptions=True)
    if isinstance(result.exception, EmostreamError):
        return result.exception.exit_code, f"{result.output}{result.exception}"
    return result.exit_code, result.output


def test_check_tells_rows_and_counts(data: Path, tmp_path: Path) -> None:
    code, said = run("check", data, "--classes", "3", "--jobs", 1, "--summary", tmp_path / "s.json")
    assert code == 0
    assert "9 rows read, 8 usable of 3 subjects" in " ".join(said.split())
    assert "row 6" in said
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["classes"]["negative"] == {"rows": 2, "subjects": 2}
    assert (found["rows"], found["usable"], found["excluded"]) == (9, 8, 1)
    [lost] = [problem for problem in found["problems"] if problem["kind"] == "excluded"]
    assert (lost["where"], lost["field"]) == ("manifest.csv row 6", "eeg")


def test_check_shows_a_few_of_many_alike(data: Path) -> None:
    for file in data.glob("[02]-*.npy"):
        file.write_bytes(b"")
    assert "more like these" in run("check", data, "--jobs", 1)[1]
    assert "more like these" not in run("check", data, "--jobs", 1, "--all")[1]


def test_check_of_what_cannot_be_used(data: Path, tmp_path: Path) -> None:
    (data / "manifest.csv").write_text("sample,eeg\na,0-0.npy\n")
    code, said = run("check", data, "--summary", tmp_path / "s.json")
    assert code == 4
    assert "no column 'subject'" in " ".join(said.split())
    assert json.loads((tmp_path / "s.json").read_text())["fatal"] == 2
    (data / "manifest.csv").write_text("subject,label,eeg\nsub-01,happy,gone.npy\n")
    assert run("check", data)[0] == 4


def test_build_writes_samples(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples.npz"
    code, said = run("build", data, "--out", out, "--classes", "3", "--cache", tmp_path / "c", "--jobs", 1)
    assert code == 0
    assert "8 samples of 3 subjects in 3 classes" in said
    samples = load_samples(out)
    assert samples.classes == ("negative", "positive", "surprise")
    assert samples.log_power.shape == (8, 3, 4, 5)
    assert len(list((tmp_path / "c").iterdir())) == 9
    code, _ = run("build", data, "--out", out, "--jobs", 1, "--summary", tmp_path / "s.json")
    assert code == 0
    assert len(list((tmp_path / "samples.features").iterdir())) == 9
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["data_sha256"] == load_samples(out).digest()
    assert found["classes"] == {"angry": 2, "happy": 3, "surprise": 3}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("build", "DATA", "--out", "DATA/samples.csv"), 2, "ends in .npz"),
        (("build", "DATA", "--out", "DATA/gone/samples.npz"), 2, "no folder"),
        (("check", "DATA", "--classes", "4"), 2, "preset"),
        (("check", "DATA", "--jobs", 0), 2, "--jobs 0"),
        (("check", "DATA", "--png-planes", "xyz"), 2, "png_planes"),
        (("check", "DATA", "--bands", "old"), 2, "bands"),
        (("check", "DATA", "--kind", "other"), 2, "there are: manifest"),
        (("check", "DATA", "--scheme", "valence"), 2, "--scheme"),
        (("check", "DATA/gone"), 4, "no such file or folder"),
        (("build", "DATA", "--out", "DATA/s.npz", "--classes", "8", "--channels", "Oz"), 4, "no sample is left"),
    ],
)
def test_errors_say_how_to_go_on(data: Path, arguments: tuple[Any, ...], code: int, words: str) -> None:
    found, said = run(*(str(a).replace("DATA", str(data)) for a in arguments))
    assert found == code
    assert words in said


def test_the_columns_are_listed() -> None:
    code, said = run("columns")
    assert code == 0
    assert all(line.startswith(name) for line, name in zip(said.splitlines(), COLUMNS, strict=True))


def test_names_of_channels_are_split() -> None:
    options = build_options("a,b", "classic", "Fz, Cz", 12, 0.5, 48, "bgr")
    assert options.channels == ("Fz", "Cz")
    assert options.hop_s == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_reader(kind: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"models.data.{kind.replace('-', '_')}")
    assert not module.recognises(tmp_path)
    with pytest.raises(DataError):
        module.read(tmp_path)


def test_an_unknown_folder_lists_the_kinds(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set of a known kind") as caught:
        open_dataset(tmp_path)
    assert all(kind in str(caught.value) for kind in KINDS)


def test_a_folder_of_two_kinds_asks_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("deap", "session"):
        monkeypatch.setattr(f"models.data.{kind}.recognises", lambda path: True)
    with pytest.raises(ConfigurationError, match="deap and like session"):
        open_dataset(tmp_path)
    (tmp_path / "manifest.csv").write_text("subject,label,eeg\n")
    assert open_dataset(tmp_path).name == "manifest"
