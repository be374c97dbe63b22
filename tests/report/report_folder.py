"""An analysis folder as `emostream analyze` writes it, of a session that never was."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

BANDS: tuple[tuple[str, float, float], ...] = (
    ("delta", 0.5, 4.0),
    ("theta", 4.0, 8.0),
    ("alpha", 8.0, 14.0),
    ("beta", 14.0, 30.0),
    ("gamma", 30.0, 47.0),
)
CHANNELS = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "T7", "T8")
CLASSES = ("happy", "sad", "fear", "disgust", "angry")
HOP_S = 0.2


@dataclass(frozen=True, slots=True)
class Story:
    """What the session had; `trials` lists the emotions of the stimuli, one a trial."""

    eeg: bool = True
    video: bool = True
    trials: Sequence[str] = ("happy", "sad", "fear")
    reports: bool = True
    movements: int = 5
    trial_s: float = 12.0
    rest_s: float = 6.0
    baseline_s: float = 10.0
    channels: Sequence[str] = CHANNELS
    bands: Sequence[tuple[str, float, float]] = BANDS
    simulated: bool = True
    seed: int = 0

    @property
    def duration_s(self) -> float:
        return self.baseline_s + max(len(self.trials), 1) * (self.trial_s + self.rest_s) + 2.0

    def trial(self, k: int) -> tuple[float, float]:
        start_s = self.baseline_s + 2.0 + k * (self.trial_s + self.rest_s)
        return start_s, start_s + self.trial_s


def write_folder(folder: Path, story: Story) -> Path:
    """Write the folder of a story; returns it."""
    rng = np.random.default_rng(story.seed)
    folder.mkdir(parents=True, exist_ok=True)
    apexes = _movements(folder, story, rng)
    _write(folder / "predictions", _predictions(story, apexes, rng))
    if story.eeg:
        _write(folder / "band_power", _band_power(story, rng))
        _write(folder / "quality", _quality(story))
        _spectrogram(folder / "spectrogram.npz", story, rng)
    if story.video:
        _write(folder / "face", _face_table(story, apexes, rng))
    (folder / "analysis.json").write_text(json.dumps(_facts(story)))
    (folder / "summary.json").write_text(json.dumps(_summary(story)))
    return folder


def _write(stem: Path, columns: dict[str, Any]) -> None:
    parquet.write_table(pa.table(columns), stem.with_suffix(".parquet"))


def _facts(story: Story) -> dict[str, Any]:
    timeline = []
    if story.trials:
        timeline = [{"kind": "baseline", "start_s": 0.5, "end_s": story.baseline_s, "label": "", "stimulus": ""}]
        for k, emotion in enumerate(story.trials):
            start_s, end_s = story.trial(k)
            timeline.append(
                {
                    "kind": "trial",
                    "start_s": start_s,
                    "end_s": end_s,
                    "label": emotion,
                    "stimulus": f"clip{k + 1}.mp4",
                    "trial": k + 1,
                }
            )
            timeline.append({"kind": "rest", "start_s": end_s + 2, "end_s": end_s + 5, "label": "", "stimulus": ""})
        timeline.append(
            {
                "kind": "note",
                "start_s": 15.0,
                "end_s": 15.0,
                "label": "moved in the chair",
                "stimulus": "",
                "trial": None,
            }
        )
    reports = [
        {"trial": k + 1, "time_s": story.trial(k)[1] + 1.5, "emotion": emotion if k % 3 else "happy",
         "intensity": 4 + k % 4, "arousal": 5, "valence": 3, "hidden": None if k == 1 else 6,
         "others": {"dominance": 8}}
        for k, emotion in enumerate(story.trials if story.reports else ())
    ]  # fmt: skip
    share = dict.fromkeys(story.channels, 0.0) if story.eeg else {}
    if share:
        share |= {"T7": 0.22, "Fp1": 0.03}
    return {
        "format": "emostream-analysis-1",
        "source": {
            "stem": "sub-01_ses-01_task-suppression_run-01", "files": ["sub-01_ses-01_task-suppression_run-01.xdf"],
            "simulated": story.simulated, "subject": "01", "session": "01", "task": "suppression", "run": 1,
            "duration_s": story.duration_s, "started": "2026-03-02T10:15:00+00:00",
        },
        "model": {
            "id": "demonstration-bd8d578d", "trained_on": "simulated people only (demonstration)",
            "simulated": story.simulated, "classes": list(CLASSES), "runtime": "onnxruntime 1.23.0",
        },
        "software": {"emostream": "0.1.0", "mne": "1.13.2"},
        "notes": ["channel 'EOG' is no EEG channel and was not used"],
        "warnings": [] if story.simulated else ["the camera's rate varied between 24 and 30 frames a second"],
        "timeline": timeline,
        "self_reports": reports,
        "artefacts": {"bad_share": share, "blinks_and_gaze_shifts": 17, "lost_samples": 12,
                      "lost_frames": 0, "clock_resets": []},
        "as_live": {"from_s": 1.0, "until_s": None, "compared": 300, "max_difference": 2.1e-7, "at_s": 12.4,
                    "only_live": 0, "only_analysis": 2, "movements": {"live": 4, "same": 4, "only_analysis": 1}}
        if story.trials else None,
        "channels": list(story.channels) if story.eeg else [],
        "model_channels": list(story.channels) if story.eeg else [],
        "config": {"eeg": {"highpass_hz": 0.5}, "face": {"flow": "dis", "spotter": {"lag_s": 0.2}}},
        "calibrated": False,
        "bands": [list(band) for band in story.bands],
        "classes": list(CLASSES),
    }  # fmt: skip


def _summary(story: Story) -> dict[str, Any]:
    seconds = int(story.duration_s)
    eeg = {"name": "cap", "channels": len(story.channels), "sfreq_hz": 1000.0, "effective_hz": 999.98}
    eeg |= {"received": 1000 * seconds, "lost": 12, "gaps": 1}
    video = {"name": "camera", "size": [640, 480], "fps": 29.97, "received": 30 * seconds, "lost": 0, "gaps": 0}
    video |= {"face_share": 0.99}
    return {
        "model": {
            "id": "demonstration-bd8d578d",
            "classes": list(CLASSES),
            "simulated": True,
            "trained_on": "simulated",
        },
        "predictions": {"count": int(story.duration_s / HOP_S), "per_s": 5.0, "fused": 40, "last": None},
        "eeg": eeg if story.eeg else None,
        "video": video if story.video else None,
        "micro_movements": [],
        "process": {"cpu_percent": 98.0, "peak_rss_mb": 400.0, "wall_s": 21.0},
        "notes": [],
    }


def _predictions(story: Story, apexes: Sequence[float], rng: np.random.Generator) -> dict[str, Any]:
    """Probabilities that lean to the stimulus, more so after a movement."""
    time_s = np.arange(1.0, story.duration_s, HOP_S)
    n, k = len(time_s), len(CLASSES)
    since = np.full(n, np.inf)
    for apex_s in apexes:
        after = time_s >= apex_s + 0.5
        since[after] = np.minimum(since[after], time_s[after] - apex_s)
    used_face = since < 6.0
    lean = np.zeros((n, k))
    for i, emotion in enumerate(story.trials):
        start_s, end_s = story.trial(i)
        shown = np.clip((time_s - start_s) / 4, 0, 1) * (time_s <= end_s + 2)
        lean[:, CLASSES.index(emotion)] += shown * (1.6 if i % 4 else 0.4)
    wander = np.cumsum(rng.normal(0, 0.12, (n, k)), axis=0)
    wander -= np.linspace(0, 1, n)[:, None] * wander[-1] + wander.mean(axis=1, keepdims=True)
    eeg = _softmax(lean + 0.5 * wander)
    face = _softmax(1.4 * lean + 0.3 * rng.normal(size=k))
    used_eeg = np.full(n, story.eeg) & ~((time_s > 20) & (time_s < 22))
    evidence = used_eeg | used_face
    fused = np.where(
        used_face[:, None] & used_eeg[:, None],
        _softmax(np.log(eeg) + np.log(face)),
        np.where(used_eeg[:, None], eeg, face),
    )
    fused = np.where(evidence[:, None], fused, 1 / k)
    entropy = -(fused * np.log(fused)).sum(axis=1) / np.log(k)
    columns: dict[str, Any] = {
        "time_s": time_s, "confidence": np.where(evidence, 1 - entropy, 0.0), "evidence": evidence.astype(np.int8),
        "used_eeg": used_eeg.astype(np.int8), "used_face": used_face.astype(np.int8),
    }  # fmt: skip
    for prefix, values, used in (("p", fused, evidence | True), ("eeg", eeg, used_eeg), ("face", face, used_face)):
        for i, name in enumerate(CLASSES):
            columns[f"{prefix}_{name}"] = np.where(used, values[:, i], np.nan).astype(np.float32)
    return columns


def _softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _movements(folder: Path, story: Story, rng: np.random.Generator) -> list[float]:
    if not story.video or not story.movements:
        return []
    apexes = np.sort(rng.uniform(3.0, story.duration_s - 2, story.movements)).tolist()
    names = ("brow_left", "brow_right", "mouth_left", "mouth", "chin")
    rows = []
    (folder / "movements").mkdir(exist_ok=True)
    for number, apex_s in enumerate(apexes, 1):
        kind = "macro" if number % 4 == 0 else "micro"
        inside = [k for k in range(len(story.trials)) if story.trial(k)[0] <= apex_s <= story.trial(k)[1]]
        rows.append(
            {"number": number, "onset_s": apex_s - 0.2, "apex_s": apex_s, "offset_s": apex_s + 0.22,
             "decided_s": apex_s + 0.4, "kind": kind, "score": float(4 + 6 * rng.random()),
             "regions": "+".join(rng.permutation(names)[:2]), "trial": inside[0] + 1 if inside else None,
             "label": story.trials[inside[0]] if inside else ""}
        )  # fmt: skip
        face = _face(rng)
        for which in ("onset", "apex"):
            Image.fromarray(face).save(folder / "movements" / f"movement-{number:03d}_{which}.png")
        np.save(folder / "movements" / f"movement-{number:03d}_flow.npy", _flow(rng).astype(np.float16))
    parquet.write_table(pa.Table.from_pylist(rows), folder / "movements.parquet")
    return apexes


def _face(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:256, :256].astype(float)
    oval = ((x - 128) / 90) ** 2 + ((y - 130) / 118) ** 2 < 1
    picture = 150 + 40 * np.cos((x - 110) / 80) + rng.normal(0, 3, (256, 256))
    for cx, cy, a, b, dark in (
        (92, 100, 16, 7, 90),
        (164, 100, 16, 7, 90),
        (128, 190, 34, 8, 70),
        (128, 145, 9, 22, 25),
    ):
        picture -= dark * np.exp(-(((x - cx) / a) ** 2 + ((y - cy) / b) ** 2))
    return np.where(oval, picture, 0).clip(0, 255).astype(np.uint8)


def _flow(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:256, :256].astype(float)
    cx, cy = ((92, 80), (164, 80), (100, 190), (156, 190))[rng.integers(4)]
    bump = np.exp(-(((x - cx) / 30) ** 2 + ((y - cy) / 22) ** 2))
    return np.stack([0.3 * bump, -0.9 * bump], axis=2) + rng.normal(0, 0.02, (256, 256, 2))


def _band_power(story: Story, rng: np.random.Generator) -> dict[str, Any]:
    seconds = np.arange(1.0, int(story.duration_s))
    columns: dict[str, Any] = {"time_s": seconds}
    inside = np.any(
        [(seconds > a) & (seconds <= b) for a, b in map(story.trial, range(len(story.trials)))] or [[False]], axis=0
    )
    for i, name in enumerate(story.channels):
        for j, (band, _, _) in enumerate(story.bands):
            back = name[0] in "PO"
            base = 1.2 - 0.45 * j + (0.5 if back and band == "alpha" else 0.0) + 0.02 * i
            values = base + rng.normal(0, 0.1, len(seconds)) - 0.2 * inside * (back and band == "alpha")
            columns[f"{name}_{band}"] = np.where((name == "T7") & (seconds % 9 < 2), np.nan, values).astype(np.float32)
    return columns


def _quality(story: Story) -> dict[str, Any]:
    seconds = np.arange(1.0, int(story.duration_s))
    columns: dict[str, Any] = {"time_s": seconds}
    columns |= {name: np.zeros(len(seconds), np.int64) for name in story.channels}
    columns["T7"] = np.where(seconds % 9 < 2, 8, 0)
    columns["Fp1"] = np.where(seconds % 33 < 1, 4 + 8, 0)
    return columns


def _face_table(story: Story, apexes: Sequence[float], rng: np.random.Generator) -> dict[str, Any]:
    seconds = np.arange(0.0, int(story.duration_s))
    motion = rng.gamma(2.0, 0.7, (2, len(seconds)))
    for apex_s in apexes:
        motion[:, int(apex_s)] += 3.0
    shares = np.where(seconds % 40 < 2, 0.6, 1.0)
    return {"time_s": seconds, "face_share": shares, "motion_brow_left": motion[0], "motion_mouth": motion[1]}


def _spectrogram(path: Path, story: Story, rng: np.random.Generator) -> None:
    times = np.arange(2.0, story.duration_s)
    freqs = np.arange(0.0, 60.5, 0.5)
    power = 1.4 - 1.1 * np.log10(freqs + 0.5) + 0.5 * np.exp(-(((freqs - 10) / 1.6) ** 2))
    log_power = power + rng.normal(0, 0.12, (len(times), len(freqs)))
    log_power[(times > 20) & (times < 22)] = np.nan
    np.savez(path, times_s=times, freqs_hz=freqs, log_power=log_power.astype(np.float32))
