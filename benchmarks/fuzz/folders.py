"""Readers of folders, and of what this program keeps for itself: one file is spoiled, the rest is honest."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz import seeds, stimuli

_EEG = ("Fp1", "Fp2")
_CLIP = (
    b'<?xml version="1.0"?><session sessionId="2" isStim="1" feltEmo="4" cutLenSec="81.4"><subject id="1"/>'
    b'<track type="Video" color="1" filename="a.avi"/><track type="Physiological" filename="a.bdf"/></session>'
)


def clip(_folder: Path) -> list[bytes]:
    """A session of MAHNOB-HCI."""
    return [_CLIP]


def read_clip(path: Path) -> None:
    """As `dataset check` does it."""
    from models.data.mahnob import read

    folder = path.parent / "Sessions" / "2"
    folder.mkdir(parents=True, exist_ok=True)
    path.replace(folder / "session.xml")
    read(path.parent)


def hed_index(_folder: Path) -> list[bytes]:
    """An index file of HED."""
    from models.data.hed import COLUMNS

    row = {"valence": "5", "arousal": "3"}
    cells = [row.get(name, "sub1/clip_1_1.png") for name in COLUMNS]
    return [f"{','.join(COLUMNS)}\n{','.join(cells)}\n".encode()]


def read_hed_index(path: Path) -> None:
    """The index, with nothing that it names."""
    from models.data.hed import read, recognises

    if recognises(path.parent):
        read(path.parent)


def hed_facts(_folder: Path) -> list[bytes]:
    """hed.json."""
    return [b'{"fps": 30.0, "eeg": {"sfreq_hz": 250, "channels": ["Fp1", "Fp2"], "unit": "uV"}}']


def read_hed_facts(path: Path) -> None:
    """hed.json beside an honest index."""
    from models.data.hed import read

    (path.parent / "index.csv").write_bytes(hed_index(path.parent)[0])
    read(path.parent)


def ratings(_folder: Path) -> list[bytes]:
    """DEAP's participant_ratings.csv."""
    head = b"Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity\n"
    return [head + b"1,1,5,1695918,6.96,3.92,7.19,6.05,4\n1,2,18,2714905,7.23,7.15,6.94,8.01,4\n"]


def read_ratings(path: Path) -> None:
    """Beside a preprocessed subject."""
    from models.data.deap import read

    subject = path.parent / "s01.dat"
    if not subject.exists():
        subject.write_bytes(seeds.pickled(path.parent)[1])
    read(path.parent)


def meaning(_folder: Path) -> list[bytes]:
    """markers.json."""
    return [b'{"start": {"text": "emotion", "s2": "sad"}, "end": ["stop"], "duration_s": 60.0}']


def read_meaning(path: Path) -> None:
    """What markers mean."""
    from models.data import session_marks

    session_marks.read_meaning(path.parent)


def sheet(_folder: Path) -> list[bytes]:
    """Movements as `annotate` writes them for training."""
    return [
        b"onset_s\tapex_s\toffset_s\tlabel\tkind\tstatus\n1.0\t1.1\t1.3\thappy\tmicro\taccepted\n0\tn/a\t9\tsad\ttrial\t\n"
    ]


def read_sheet(path: Path) -> None:
    """The annotations beside a recording."""
    from models.data.session_marks import read_annotations

    read_annotations(path.with_name("s.xdf"), "session 1")


def analysis(_folder: Path) -> list[bytes]:
    """analysis.json of `emostream analyze`."""
    from realtime.report.folder import FORMAT

    span = {"kind": "trial", "start_s": 0.0, "end_s": 2.0, "label": "happy"}
    said = {"format": FORMAT, "source": {"stem": "s", "duration_s": 9.0}, "model": {"id": "m"}, "classes": ["a"]}
    return [json.dumps(said | {"timeline": [span]}).encode()]


_MOVEMENTS = b"number,onset_s,apex_s,offset_s,kind,score,regions\n1,1.0,1.1,1.3,micro,4.0,brow+mouth\n"
_MOTION = b"time_s,motion_brow_px,motion_mouth_px\n0.0,0.1,0.2\n0.1,,0.2\n"


def read_analysis(path: Path) -> None:
    """As `annotate` and `report` read it."""
    from realtime.errors import DataError
    from realtime.report import folder as report
    from realtime.review import candidates

    for name, content in (("movements.csv", _MOVEMENTS), ("face.csv", _MOTION), ("summary.json", b"{}")):
        if not (path.parent / name).exists():
            (path.parent / name).write_bytes(content)
    try:
        candidates.read_analysis(path.parent)
    except DataError:
        report.read_analysis(path.parent)
    else:
        report.read_analysis(path.parent)


def movements(_folder: Path) -> list[bytes]:
    """movements.csv of `emostream analyze`."""
    return [_MOVEMENTS]


def motion(_folder: Path) -> list[bytes]:
    """face.csv of `emostream analyze`."""
    return [_MOTION]


def read_movements(path: Path) -> None:
    """As `annotate` reads them."""
    from realtime.review.candidates import read_analysis as read

    for name, content in (("movements.csv", _MOVEMENTS), ("face.csv", _MOTION)):
        if not (path.parent / name).exists():
            (path.parent / name).write_bytes(content)
    read(path.parent)


def columns(folder: Path) -> list[bytes]:
    """movements.parquet."""
    import pyarrow
    from pyarrow import parquet

    row: dict[str, list[Any]] = {"number": [1], "onset_s": [1.0], "apex_s": [1.1], "offset_s": [1.3], "kind": ["micro"]}
    row |= {"decided_s": [2.0], "score": [4.0], "regions": ["brow"], "trial": [None], "label": ["a"]}
    parquet.write_table(pyarrow.table(row), folder / "m.parquet")
    return [(folder / "m.parquet").read_bytes()]


def read_columns(path: Path) -> None:
    """As `report` reads them."""
    from realtime.report.folder import _read_movements as read

    read(path)


def flow(folder: Path) -> list[bytes]:
    """The flow of a movement."""
    np.save(folder / "f.npy", np.zeros((32, 32, 2), np.float32))
    return [(folder / "f.npy").read_bytes()]


def read_flow(path: Path) -> None:
    """As `report` reads it."""
    from realtime.report.folder import read_flow as read

    read(path)


def read_face(path: Path) -> None:
    """As `report` reads a saved face."""
    from realtime.report.pictures import read_face as read

    read(path)


def read_still(path: Path) -> None:
    """A picture that a puppet is made of."""
    from simulators.puppet import read_still as read

    read(path)


def encrypted(folder: Path) -> list[bytes]:
    """A film for a key that lies beside it."""
    from realtime.films.decryption import load_identities, new_identity
    from realtime.films.encryption import age

    key = folder / "key"
    if not key.exists():
        new_identity(key)
    (identity,) = load_identities(key)
    return [age("fuzzing").encrypt(seeds.film(".mkv")(folder)[0], [identity.to_public()])]


def read_encrypted(path: Path) -> None:
    """Decrypted into memory."""
    from realtime.films.decryption import decrypt, load_identities

    decrypt(path, load_identities(path.with_name("key")), BytesIO())


def identity(folder: Path) -> list[bytes]:
    """A private key."""
    from realtime.films.decryption import new_identity

    path = Path(tempfile.mkdtemp(dir=folder)) / "key"
    new_identity(path)
    return [path.read_bytes()]


def read_identity(path: Path) -> None:
    """The private key of a laboratory."""
    from realtime.films.decryption import load_identities

    load_identities(path)


def read_export(path: Path) -> None:
    """A recording, copied without the face."""
    import shutil

    from realtime.recorder.export import export_without_face
    from realtime.session.files import RunFiles

    out = path.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    list(export_without_face([RunFiles(path.parent, "s")], out))


def fold(folder: Path) -> list[bytes]:
    """A finished fold, by the name that `read_fold` looks for."""
    about = {"split": None, "history": [], "note": "", "seconds": 1.0}
    np.savez(folder / "fold.npz", about=np.array(json.dumps(about)), p_both=np.zeros((2, 2), np.float32))
    return [(folder / "fold.npz").read_bytes()]


def read_fold(path: Path) -> None:
    """As an evaluation that goes on reads it."""
    from models.evaluation.fold_store import FoldResult, FoldStore

    store = FoldStore(path.parent / "folds", "0" * 64)
    kept = path.parent / "folds" / "name"
    if not kept.exists():
        store.save(FoldResult("chance", 0, {}, None), {}, [0], 0)
        (made,) = (path.parent / "folds").glob("*.npz")
        kept.write_text(made.name, encoding="utf-8")
    path.replace(path.parent / "folds" / kept.read_text(encoding="utf-8"))
    store.load("chance", {}, 0, [0], 0)


def features(folder: Path) -> list[bytes]:
    """Features that were kept."""
    power, mask = np.zeros((2, 1, 3), np.float32), np.ones((2, 1), bool)
    channels, none = np.array(["Fp1"]), np.array([], str)
    np.savez(folder / "k.npz", failure=np.array(""), log_power=power, mask=mask, channels=channels, remarks=none)
    np.savez(folder / "l.npz", failure=np.array("no EEG"))
    return [(folder / "k.npz").read_bytes(), (folder / "l.npz").read_bytes()]


def read_features(path: Path) -> None:
    """What was kept of a row."""
    from models.data.eeg_features import EegFeatures
    from models.data.features import _load

    _load(path, EegFeatures)


def samples(folder: Path) -> list[bytes]:
    """Training data."""
    from models.samples import SampleSet, save_samples

    there, flags = np.ones(2, bool), np.ones((2, 3), bool)
    pictures, numbers = np.zeros((2, 4, 4), np.uint8), np.arange(2)
    made = SampleSet(
        classes=("happy", "sad"), channels=_EEG, bands=(("alpha", 8.0, 13.0),), log_power=np.zeros((2, 3, 2, 1), "f4"),
        channel_mask=np.ones((2, 3, 2), bool), window_mask=flags, has_eeg=there, onset=pictures, apex=pictures,
        flow=np.zeros((2, 4, 4, 2), np.float16), has_face=there, label=numbers, subject=numbers, group=numbers,
    )  # fmt: skip
    save_samples(folder / "t.npz", made)
    return [(folder / "t.npz").read_bytes()]


def read_samples(path: Path) -> None:
    """As training reads them."""
    from models.samples import load_samples

    load_samples(path)


def state(folder: Path) -> list[bytes]:
    """A training's state."""
    import torch

    from models.training.resume import State, StateFile

    kept = StateFile(Path(tempfile.mkdtemp(dir=folder)), {"seed": 1})
    kept.save(State({"a": torch.zeros(3)}, {"epoch": 1}))
    return [kept.path.read_bytes()]


def read_state(path: Path) -> None:
    """A training that goes on."""
    from models.training.resume import StateFile

    kept = StateFile(path.parent / "run", {"seed": 1})
    kept.folder.mkdir(exist_ok=True)
    path.replace(kept.path)
    kept.load()


def view(_folder: Path) -> list[bytes]:
    """How the dashboard showed the EEG."""
    from gui.panels.eeg.controls import EegView, view_text

    return [view_text(EegView()).encode()]


def read_view(path: Path) -> None:
    """A view that was kept."""
    from gui.panels.eeg.controls import view_from

    view_from(path.read_bytes().decode("utf-8", "replace"))


FOLDERS: tuple[tuple[str, str, seeds.Seeds, Callable[[Path], object]], ...] = (
    ("mahnob", "s.xml", clip, read_clip),
    ("hed-index", "index.csv", hed_index, read_hed_index),
    ("hed-facts", "hed.json", hed_facts, read_hed_facts),
    ("ratings", "participant_ratings.csv", ratings, read_ratings),
    ("meaning", "markers.json", meaning, read_meaning),
    ("sheet", "s_annotations.tsv", sheet, read_sheet),
    ("analysis", "analysis.json", analysis, read_analysis),
    ("movements", "movements.csv", movements, read_movements),
    ("motion", "face.csv", motion, read_movements),
    ("columns", "movements.parquet", columns, read_columns),
    ("flow", "s.npy", flow, read_flow),
    ("face", "s.png", seeds.pictures, read_face),
    ("still", "s.png", seeds.pictures, read_still),
    ("encrypted", "s.mkv.age", encrypted, read_encrypted),
    ("identity", "key", identity, read_identity),
    ("export", "s.xdf", seeds.xdf, read_export),
    ("fold", "fold.npz", fold, read_fold),
    ("features", "k.npz", features, read_features),
    ("training-data", "t.npz", samples, read_samples),
    ("state", "state.safetensors", state, read_state),
    ("stimulus", "s.mkv", seeds.film(".mkv"), stimuli.read_stimulus),
    ("stimulus-mp4", "s.mp4", seeds.film(".mp4"), stimuli.read_stimulus),
    ("stimulus-sound", "s.mkv", stimuli.films, stimuli.read_stimulus),
    ("shown", "s.mkv", stimuli.films, stimuli.read_shown),
    ("shown-mp4", "s.mp4", seeds.film(".mp4"), stimuli.read_shown),
    ("sound", "s.mkv", stimuli.films, stimuli.read_sound),
    ("view", "view.json", view, read_view),
)
"""Name, file, honest contents and reader."""
