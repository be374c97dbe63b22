"""From a manifest to one sample set: shapes, cache, resuming, backends, and every loss told."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.data import features
from models.data.build import BuildOptions, Built, build_samples
from models.data.check import check_dataset
from models.data.features import content_key, extract
from models.data.manifest import read, write_manifest
from models.data.rows import Dataset, EegArray, EegRecording, FlowMap, Pictures, Problem
from models.samples import load_samples, save_samples
from models.scale_out import ScaleOut
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import DataError, WeightsError
from realtime.face._cv import cv2

MUSE = ("TP9", "AF7", "AF8", "TP10")
LABELS = ("negative", "positive", "surprise")


def manifest(folder: Path, subjects: int = 3, per_subject: int = 6, **cells: Any) -> Path:
    """Two seconds of four channels and a 28 px flow map a row; every sixth row lacks one or the other."""
    rng = np.random.default_rng(0)
    rows = []
    for subject in range(subjects):
        for k in range(per_subject):
            name = f"{subject}-{k}"
            row = {"sample": name, "subject": f"sub-{subject + 1:02d}", "group": f"g{k // 2}", "label": LABELS[k % 3]}
            if k != 4:
                np.save(folder / f"{name}-eeg.npy", rng.normal(0, 2e-5, (4, 512)))
                row |= {"eeg": folder / f"{name}-eeg.npy", "sfreq_hz": 256.0, "channels": list(MUSE)}
            if k != 5:
                flow = rng.normal(0, 0.3, (28, 28, 3))
                flow[..., 2] = np.abs(flow[..., 2])
                np.save(folder / f"{name}-flow.npy", flow)
                row |= {"flow": folder / f"{name}-flow.npy"}
            rows.append(row | cells)
    write_manifest(folder / "manifest.csv", rows)
    return folder / "manifest.csv"


def built(source: Path | Dataset, cache: Path | None = None, jobs: int = 1, **options: Any) -> Built:
    dataset = source if isinstance(source, Dataset) else read(source)
    return build_samples(dataset, BuildOptions(**options), cache=cache, jobs=jobs, progress=False)


def losses(found: Built) -> list[tuple[str, str]]:
    return [(problem.where, problem.field) for problem in found.problems if problem.kind == "excluded"]


def remarks(found: Built) -> str:
    return " | ".join(problem.message for problem in found.problems if problem.kind == "kept")


def test_short_eeg_and_small_flow(tmp_path: Path) -> None:
    samples = built(manifest(tmp_path), classes="3").samples
    assert samples.log_power.shape == (18, 3, 4, 5)
    assert samples.flow.shape == (18, 28, 28, 3)
    assert samples.channels == MUSE
    assert samples.classes == LABELS
    assert samples.subject_names == ("sub-01", "sub-02", "sub-03")
    assert samples.sample.tolist()[:7] == ["0-0", "0-1", "0-2", "0-3", "0-4", "0-5", "1-0"]
    assert samples.has_eeg.tolist() == [k % 6 != 4 for k in range(18)]
    assert samples.has_face.tolist() == [k % 6 != 5 for k in range(18)]
    # trials of one name of two people are two trials
    assert samples.group.tolist() == [k // 2 for k in range(18)]
    assert not samples.simulated
    save_samples(tmp_path / "samples.npz", samples)
    assert load_samples(tmp_path / "samples.npz").digest() == samples.digest()


def test_one_modality_alone(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    manifest(tmp_path, flow="")
    eeg = built(path).samples
    assert eeg.has_eeg.all()
    assert len(eeg) == 15
    manifest(tmp_path)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(cells[:4] + cells[7:]) for cells in lines))
    face = built(path).samples
    assert face.has_face.all()
    assert not face.window_mask.any()
    assert face.channels == ("none",)


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_cache_changes_nothing(tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = manifest(tmp_path)
    without = built(path)
    first = built(path, tmp_path / "cache", jobs)
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 30
    monkeypatch.setattr(features, "eeg_features", _refuse)
    monkeypatch.setattr(features, "face_features", _refuse)
    again = built(path, tmp_path / "cache", 1)
    assert without.samples.digest() == first.samples.digest() == again.samples.digest()
    assert without.problems == first.problems == again.problems


def _refuse(*_: object) -> None:
    raise AssertionError("computed again")


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    manifest(tmp_path)
    source = EegArray(tmp_path / "0-0-eeg.npy", 256.0)
    key = content_key(source, "options")
    (tmp_path / "copy.npy").write_bytes((tmp_path / "0-0-eeg.npy").read_bytes())
    assert content_key(EegArray(tmp_path / "copy.npy", 256.0), "options") == key
    assert content_key(EegArray(tmp_path / "copy.npy", 128.0), "options") != key
    assert content_key(source, "other options") != key
    np.save(tmp_path / "copy.npy", np.zeros((4, 512)))
    assert content_key(EegArray(tmp_path / "copy.npy", 256.0), "options") != key
    with pytest.raises(OSError, match="gone"):
        content_key(EegArray(tmp_path / "gone.npy"), "options")


def test_companions_and_folders_count(tmp_path: Path) -> None:
    for name in ("a[1].set", "a[1].fdt", "a1.fdt", "pictures/1.png", "on.png", "ap.png", "flow.npy"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    recording = EegRecording(tmp_path / "a[1].set", 0.0, 1.0)
    folder = EegArray(tmp_path / "pictures")
    stills = FlowMap(tmp_path / "flow.npy", Pictures(tmp_path / "on.png", tmp_path / "ap.png"))
    before = [content_key(source, "") for source in (recording, folder, stills)]
    (tmp_path / "a1.fdt").write_bytes(b"another recording's")
    assert [content_key(source, "") for source in (recording, folder, stills)] == before
    for name in ("a[1].fdt", "pictures/2.png", "ap.png"):
        (tmp_path / name).write_bytes(b"changed")
    after = [content_key(source, "") for source in (recording, folder, stills)]
    assert all(a != b for a, b in zip(before, after, strict=True))


def test_a_damaged_cache_is_mended(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    whole = built(path, tmp_path / "cache").samples
    for file in (tmp_path / "cache").glob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    assert built(path, tmp_path / "cache").samples.digest() == whole.digest()


def _build_until_killed(path: Path, cache: Path, after: int) -> None:
    done = 0
    real = features.eeg_features

    def counted(*arguments: Any) -> Any:
        nonlocal done
        done += 1
        if done > after:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    features.eeg_features = counted
    built(path, cache)


def test_a_build_that_was_killed_goes_on(tmp_path: Path) -> None:
    path, cache = manifest(tmp_path), tmp_path / "cache"
    process = multiprocessing.get_context("fork").Process(target=_build_until_killed, args=(path, cache, 6))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    kept = {file.name: file.stat().st_mtime_ns for file in cache.glob("*.npz")}
    assert 0 < len(kept) < 30
    samples = built(path, cache).samples
    assert samples.digest() == built(path).samples.digest()
    assert all((cache / name).stat().st_mtime_ns == changed for name, changed in kept.items())


def test_another_backend_gives_the_same(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    threads = build_samples(read(path), scale=ScaleOut(backend="threading", jobs=2), progress=False)
    assert threads.samples.digest() == built(path).samples.digest()


@pytest.mark.slow
def test_a_two_worker_dask_cluster_gives_the_same(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    there = build_samples(read(path), cache=tmp_path / "c", scale=ScaleOut(backend="dask", jobs=2), progress=False)
    assert there.samples.digest() == built(path).samples.digest()
    assert len(list((tmp_path / "c").glob("*.npz"))) == 30


def test_bad_files_are_told_row_by_row(tmp_path: Path) -> None:
    path = manifest(tmp_path, 2)
    np.save(tmp_path / "0-0-eeg.npy", np.full((4, 512), np.nan))
    np.save(tmp_path / "0-4-flow.npy", np.zeros((20, 20, 3)))
    (tmp_path / "0-5-eeg.npy").write_bytes(b"")
    found = built(path)
    assert len(found.samples) == 10
    assert losses(found) == [("manifest.csv row 6", "face"), ("manifest.csv row 7", "eeg")]
    [kept] = [problem for problem in found.problems if problem.where == "manifest.csv row 2"]
    assert "all 4 channels are NaN; the sample goes on without it" in kept.message
    assert not any(str(tmp_path) in problem.message or ".npy" in problem.message for problem in found.problems)
    again = built(path, tmp_path / "cache"), built(path, tmp_path / "cache")
    assert again[0].problems == again[1].problems == found.problems


def test_no_message_gives_a_file_name_away(tmp_path: Path) -> None:
    for name in ("erika.vhdr", "erika.fif"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "erika.vhdr").write_text(
        "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\nDataFile=erika.eeg\n"
        "MarkerFile=erika.vmrk\nDataOrientation=MULTIPLEXED\nNumberOfChannels=1\nSamplingInterval=4000\n"
    )
    rows = [
        {"sample": i, "subject": "sub-01", "group": "g", "label": "x", "eeg": name, "start_s": 0}
        for i, name in enumerate(("erika.vhdr", "erika.fif"))
    ]
    write_manifest(tmp_path / "m.csv", rows)
    dataset = read(tmp_path / "m.csv")
    said = [problem.message for problem in check_dataset(dataset, jobs=1, progress=False).problems]
    assert len([message for message in said if "cannot read" in message]) == 2
    assert not any("erika" in message or str(tmp_path) in message for message in said)


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    path = manifest(tmp_path, 1, 2)
    with pytest.raises(
        DataError, match=r"no sample is left of 'manifest' with 2 rows; the first of 2 problems: .*label"
    ):
        built(path, classes="8")
    for file in tmp_path.glob("*.npy"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="no sample is left"):
        built(path)
    with pytest.raises(DataError, match=r"no column|'label'"):
        built(Dataset("manifest", (), (Problem("manifest.csv", "label", "no column 'label'", "fatal"),)))
    with pytest.raises(DataError, match="with 0 rows"):
        built(Dataset("manifest", ()))


def test_missing_weights_are_no_fault_of_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_weights(*_: object) -> None:
        raise WeightsError("no weights")

    monkeypatch.setattr(features, "face_features", without_weights)
    with pytest.raises(WeightsError):
        built(manifest(tmp_path))


def test_channels_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for k, names in enumerate((["Fz", "Cz", "T3"], ["Cz", "Pz"], ["AF7"])):
        np.save(tmp_path / f"{k}.npy", rng.normal(0, 2e-5, (len(names), 512)))
        rows.append({"sample": k, "subject": f"sub-0{k}", "group": "g", "label": "ab"[k % 2], "channels": names})
        rows[-1] |= {"eeg": f"{k}.npy", "sfreq_hz": 256.0}
    write_manifest(tmp_path / "m.csv", rows)
    found = built(tmp_path / "m.csv")
    assert found.samples.channels == ("Fz", "Cz", "T7", "Pz", "AF7")
    np.testing.assert_array_equal(
        found.samples.channel_mask[:, -1], [[1, 1, 1, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]]
    )
    assert "not all samples have the same EEG channels" in remarks(found)
    model = built(tmp_path / "m.csv", channels="model")
    assert model.samples.channels == MODEL_CHANNELS
    assert model.samples.channel_mask.any(axis=1).sum(axis=1).tolist() == [3, 2]
    assert losses(model) == [("m.csv row 4", "channels")]
    assert "1 of 5 channels are not wanted and left out: AF7" in remarks(model)
    chosen = built(tmp_path / "m.csv", channels=("Cz", "Pz")).samples
    np.testing.assert_array_equal(chosen.channel_mask[:, -1], [[1, 0], [1, 1]])
    with pytest.raises(DataError, match="no sample is left"):
        built(tmp_path / "m.csv", channels=("Oz",))


def test_coded_maps_in_the_other_order(tmp_path: Path) -> None:
    """A set of pictures with the strain in red is turned round, and that is said."""
    rng = np.random.default_rng(0)
    rows, flows = [], []
    for k in range(12):
        flow = rng.normal(0, 0.3, (28, 28, 3))
        flow[..., 2] = rng.exponential(0.1, (28, 28))
        low, high = flow.min(axis=(0, 1)), flow.max(axis=(0, 1))
        cv2.imwrite(str(tmp_path / f"{k}.png"), np.rint((flow - low) / (high - low) * 255).astype(np.uint8))
        rows.append({"sample": k, "subject": f"sub-0{k % 3}", "group": k, "label": "ab"[k % 2], "flow": f"{k}.png"})
        flows.append(flow)
    write_manifest(tmp_path / "m.csv", rows)
    found = built(tmp_path / "m.csv")
    assert "12 flow maps: the strain looks to be the last plane in 0 %" in remarks(found)
    for one, flow in zip(found.samples.flow.astype(float), flows, strict=True):
        assert all(np.corrcoef(one[..., i].ravel(), flow[..., i].ravel())[0, 1] > 0.99 for i in range(3))
    forced = built(tmp_path / "m.csv", png_planes="rgb")
    np.testing.assert_array_equal(forced.samples.flow.argmax(axis=3) > -1, True)
    assert "read as u, v, strain ('rgb')" in remarks(forced)


def test_sizes_that_differ(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    np.save(tmp_path / "0-0-flow.npy", np.random.default_rng(0).normal(0, 1, (40, 40, 2)))
    found = built(path)
    assert found.samples.flow.shape == (18, 96, 96, 3)
    assert "2 sizes (28 px, 40 px), stored at 96 px" in remarks(found)
    assert built(path, face_px=32).samples.flow.shape == (18, 32, 32, 3)


def test_the_hop_follows_the_length_of_the_pieces(tmp_path: Path) -> None:
    path = manifest(tmp_path, 1)
    assert built(path).samples.log_power.shape[1] == 3
    assert built(path, hop_s=1.0).samples.log_power.shape[1] == 2
    for file in tmp_path.glob("*-eeg.npy"):
        np.save(file, np.random.default_rng(0).normal(0, 2e-5, (4, 256 * 8)))
    assert built(path).samples.log_power.shape[1] == 8
    assert built(path, n_windows=5).samples.log_power.shape[1] == 5


def test_a_report_counts_what_is_there(tmp_path: Path) -> None:
    path = manifest(tmp_path, simulated=True)
    dataset = read(path)
    report = check_dataset(dataset, BuildOptions(classes="3"), jobs=1, progress=False)
    assert (report.rows, report.usable, report.subjects, report.groups) == (18, 18, 3, 9)
    assert report.modalities == {"both": 12, "eeg": 3, "face": 3}
    assert report.classes == dict.fromkeys(LABELS, (6, 3))
    assert report.simulated
    assert not report.fatal
    assert not report.problems
    assert report.as_json()["classes"]["positive"] == {"rows": 6, "subjects": 3}


@pytest.mark.parametrize(
    ("classes", "subjects", "words"),
    [
        ("7", 3, ["no usable row of class 'happy'", "3 of 3 subjects have one class only: sub-01, sub-02, sub-03"]),
        ("3", 2, ["class 'negative' has 4 rows of 2 subjects; wanted 3 or more"]),
        ("3", 1, ["one subject only"]),
    ],
)
def test_a_report_warns_of_weak_evaluations(tmp_path: Path, classes: str, subjects: int, words: list[str]) -> None:
    dataset = read(manifest(tmp_path, subjects))
    report = check_dataset(dataset, BuildOptions(classes=classes), jobs=1, progress=False)
    said = [problem.message for problem in report.problems]
    assert all(any(word in message for message in said) for word in words)


def test_a_report_of_nothing_is_fatal() -> None:
    report = check_dataset(Dataset("manifest", (), (Problem("m.csv", "label", "no column", "fatal"),)), progress=False)
    assert report.fatal
    assert report.as_json()["fatal"] == 1


def test_rows_are_extracted_alike_in_any_order(tmp_path: Path) -> None:
    dataset = read(manifest(tmp_path))
    from models.data.plan import plan_eeg, plan_face
    from realtime.eeg.bands import BAND_PRESETS

    bands = tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["classic"])
    eeg, (face, said) = plan_eeg(dataset.rows, bands, 40, None), plan_face(dataset.rows, None, "auto")
    assert said == []
    forwards = extract(dataset.rows, eeg, face, None)
    backwards = extract(dataset.rows[::-1], eeg, face, None)[::-1]
    for a, b in zip(forwards, backwards, strict=True):
        assert (a.eeg is None, a.face is None) == (b.eeg is None, b.face is None)
        if a.eeg is not None and b.eeg is not None:
            np.testing.assert_array_equal(a.eeg.log_power, b.eeg.log_power)
