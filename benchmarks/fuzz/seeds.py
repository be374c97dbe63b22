"""Small honest files of every kind, made by our own writers and simulators, to be spoiled."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Seeds = Callable[[Path], list[bytes]]

_EEG = ("Fp1", "Fp2", "Cz", "Pz")


def xdf(folder: Path) -> list[bytes]:
    """A few seconds of EEG, frames and markers; in turns, and one after the other."""
    from simulators.layouts.xdf_file import XdfStream, write_xdf

    rng = np.random.default_rng(0)
    stamps = 100.0 + np.arange(300) / 100.0
    channels = [(name, "microvolts", "EEG") for name in _EEG]
    eeg = XdfStream("eeg", "EEG", stamps, rng.normal(0, 20, (300, 4)).astype("f4"), "float32", 100.0, channels, "e")
    frames = XdfStream(
        "frames", "VideoFrameIndex", 100.0 + np.arange(60) / 20, np.arange(60.0)[:, None], "double64", 20.0,
        [("frame_index", "", "")], "cam-frames", clock_offset_s=0.5, desc={"video": {"planes": "1"}},
    )  # fmt: skip
    texts = [json.dumps({"event": "trial_start", "emotion": "happy"}), json.dumps({"event": "trial_end"}), "other"]
    marks = XdfStream("emostream-truth", "Markers", np.array([100.5, 101.5, 102.0]), texts, "string")
    made = []
    for chunk_s in (0.25, None):
        write_xdf(folder / "s.xdf", [eeg, frames, marks], chunk_s)
        made.append((folder / "s.xdf").read_bytes())
    return made


def eeglab(folder: Path) -> list[bytes]:
    """A .set that holds its samples, packed and not."""
    from scipy.io import savemat

    names = np.zeros(4, dtype=[("labels", object), ("type", object)])
    events = np.zeros(2, dtype=[("type", object), ("latency", object)])
    for i, name in enumerate(_EEG):
        names[i] = (name, "EEG")
    for i in range(2):
        events[i] = (f"s{i}", 10.0 * i + 1.0)
    eeg = {
        "setname": "s", "nbchan": 4.0, "trials": 1.0, "pnts": 200.0, "srate": 100.0, "xmin": 0.0, "xmax": 1.99,
        "data": np.random.default_rng(0).normal(0, 20, (4, 200)).astype(np.float32), "chanlocs": names, "event": events,
        "icawinv": [], "icasphere": [], "icaweights": [],
    }  # fmt: skip
    made = []
    for packed in (False, True):
        savemat(folder / "s.set", {"EEG": eeg}, appendmat=False, do_compression=packed)
        made.append((folder / "s.set").read_bytes())
    savemat(folder / "s.set", eeg, appendmat=False)
    return [*made, (folder / "s.set").read_bytes()]


def bdf(folder: Path) -> list[bytes]:
    """24 bits a sample, with triggers."""
    from simulators.layouts.bdf_file import write_bdf

    rng = np.random.default_rng(0)
    write_bdf(folder / "s.bdf", _EEG, 64, 3, lambda _k: rng.normal(0, 20, (4, 64)), triggers=[(1.0, 5)])
    return [(folder / "s.bdf").read_bytes()]


def edf(folder: Path) -> list[bytes]:
    """The same in 16 bits."""
    (raw,) = bdf(folder)
    header, body = bytearray(raw[: 256 * 6]), raw[256 * 6 :]
    header[:8], header[192:236] = b"0       ", b"EDF+C".ljust(44)
    samples = np.frombuffer(body, np.uint8).reshape(-1, 3)[:, :2].tobytes()
    return [bytes(header).replace(b"-8388608", b"-32768  ").replace(b"8388607 ", b"32767   ") + samples]


def fif(folder: Path) -> list[bytes]:
    """What MNE itself writes."""
    import mne

    info = mne.create_info(list(_EEG), 100.0, "eeg")
    raw = mne.io.RawArray(np.random.default_rng(0).normal(0, 2e-5, (4, 200)), info, verbose="ERROR")
    raw.save(folder / "s_eeg.fif", overwrite=True, verbose="ERROR")
    return [(folder / "s_eeg.fif").read_bytes()]


def _arrays() -> dict[str, Any]:
    return {
        "data": np.arange(24.0).reshape(2, 3, 4), "text": "hällo", "cells": np.array([1.0, "a"], dtype=object),
        "part": {"n": 1.0, "inner": {"z": np.int16(3)}}, "flags": np.array([[True, False]]), "c": np.array([[1 + 2j]]),
    }  # fmt: skip


def mat(folder: Path) -> list[bytes]:
    """Version 5 and 7."""
    from scipy.io import savemat

    made = []
    for packed in (False, True):
        savemat(folder / "s.mat", _arrays(), do_compression=packed)
        made.append((folder / "s.mat").read_bytes())
    return made


def hdf5(folder: Path) -> list[bytes]:
    """Version 7.3, which is HDF5."""
    import h5py

    with h5py.File(folder / "s.mat", "w") as file:
        file["data"] = np.arange(24.0).reshape(2, 3, 4)
        file.create_dataset("packed", data=np.zeros((8, 8)), compression="gzip")
    return [(folder / "s.mat").read_bytes()]


def npz(folder: Path) -> list[bytes]:
    """Arrays of NumPy, packed and not."""
    made = []
    for save in (np.savez, np.savez_compressed):
        save(folder / "s.npz", data=np.arange(24.0).reshape(2, 12), more=np.arange(5))
        made.append((folder / "s.npz").read_bytes())
    return made


def npy(folder: Path) -> list[bytes]:
    """One array."""
    np.save(folder / "s.npy", np.arange(24.0).reshape(2, 12))
    return [(folder / "s.npy").read_bytes()]


def pickled(folder: Path) -> list[bytes]:
    """A dictionary of arrays as DEAP has them."""
    import pickle

    arrays = {"data": np.arange(24.0).reshape(2, 12), "labels": np.ones((2, 4))}
    return [pickle.dumps(arrays, protocol=protocol) for protocol in (0, 2, 4, 5)]


def config(folder: Path) -> list[bytes]:
    """A configuration of the engine."""
    return [
        b'[lsl]\nnetwork = false\nbuffer_s = 30.0\ndelays = { "a b" = 0.1 }\n[eeg]\nnotch_hz = 50\n[face.spotter]\n'
        b'on_z = 3.0\n[session]\nroot = "recordings"\ncodec = "ffv1"\n'
    ]


def preset(folder: Path) -> list[bytes]:
    """What the dashboard was tuned to."""
    from realtime.config import Config
    from realtime.tuning import Tuning
    from realtime.tuning_presets import preset_text

    return [preset_text(Tuning.from_config(Config())).encode()]


def playlist(folder: Path) -> list[bytes]:
    """What is shown."""
    return [
        b'title = "t"\norder = "random"\n[texts]\nwelcome = """a\nb"""\n[self_report]\nemotions = ["happy", "sad"]\n'
        b'[[blocks]]\nname = "one"\n[[blocks.trials]]\nstimulus = "builtin:fixation"\nemotion = "calm"\nduration_s=2\n'
        b'[[blocks.trials]]\nstimulus = "a.mp4"\nemotion = "happy"\ncolor = "#00ff00"\n'
    ]


def training(folder: Path) -> list[bytes]:
    """Options of a training."""
    return [b"seed = 1\nepochs = 3\nlearning_rate = 1e-3\n"]


def workbook(folder: Path) -> list[bytes]:
    """A coding sheet."""
    from realtime.analysis.coding_sheet import COLUMNS, write_coding_sheet

    cells = ("s01", "a_1_101", 101, 0.5, 0.7, 0.9, "10-00-00-500", "10-00-00-700", "10-00-00-900", "AU4+AU7", "sad")
    row = dict(zip(COLUMNS, (*cells, "Micro", 20260101, 200), strict=True))
    write_coding_sheet(folder, [row, row])
    return [(folder / "coding_sheet.xlsx").read_bytes()]


def table(folder: Path) -> list[bytes]:
    """A manifest."""
    return [
        b"subject,label,eeg,start_s,stop_s\ns1,happy,a.set,0,40\ns2,sad,a.set,1,2\n",
        b"sep=;\nsubject;label\na;b\n",
    ]


def parquet(folder: Path) -> list[bytes]:
    """The same in columns."""
    import pyarrow
    from pyarrow import parquet as columns

    columns.write_table(pyarrow.table({"subject": ["s1", "s2"], "label": ["happy", "sad"]}), folder / "s.parquet")
    return [(folder / "s.parquet").read_bytes()]


def annotation_table(folder: Path) -> list[bytes]:
    """Movements and a trial."""
    from realtime.review.annotations import Annotation, render_annotations

    rows = [Annotation(1.0, 1.1, 1.3, "happy", action_units="AU4+AU7"), Annotation(0.0, float("nan"), 9, kind="trial")]
    return [render_annotations(rows).encode()]


def journal(folder: Path) -> list[bytes]:
    """Edits that were not saved."""
    from realtime.review.annotations import Annotation
    from realtime.review.journal import Journal

    made = Journal(folder / "s_journal.jsonl")
    made.path.unlink(missing_ok=True)
    made.begin({1: Annotation(1.0, 1.1, 1.3)}, "", "c")
    made.edit(1, Annotation(1.0, 1.2, 1.3, status="accepted"), "accept")
    made.close()
    return [made.path.read_bytes()]


def session(folder: Path) -> list[bytes]:
    """What is known of a session."""
    from realtime.session.metadata import FilmRecord, Gap, RecordedStream, SessionMetadata, now

    return [
        SessionMetadata(
            stem="sub-01_ses-01", subject="01", session="01", task="t", run=1, started=now(), consent_id="c",
            streams=(RecordedStream(name="eeg", type="EEG"),), films=(FilmRecord(camera=""),), delays_s={"a": 0.1},
            gaps=(Gap(from_s=1.0, to_s=2.0, reason="x"),), playlist={"a": [1]}, config={"eeg": {"notch_hz": 50}},
        ).content()
    ]  # fmt: skip


def film_notes(folder: Path) -> list[bytes]:
    """What a camera says of its film."""
    return [json.dumps({"source_id": "cam", "first_frame_index": 3, "planes": 1, "frames": 9}).encode()]


def delays(folder: Path) -> list[bytes]:
    """Measured delays of devices."""
    one = {"delay_s": 0.1, "spread_s": 0.01, "flashes": 9, "against": "a", "measured": "2026-01-01T00:00:00Z"}
    return [json.dumps({"delays": {"cam": one}}).encode()]


def checksums(folder: Path) -> list[bytes]:
    """A list of two files."""
    return [b"".join(b"%s  s%s\n" % (b"0" * 64, end) for end in (b".xdf", b"_session.json"))]


def markers(folder: Path) -> list[bytes]:
    """Texts that come over the network."""
    said = (
        {"event": "movement", "kind": "micro", "onset_s": 1.0, "apex_s": 1.1, "offset_s": 1.2, "decided_s": 1.5,
         "score": 4.0, "regions": ["brow"]},
        {"event": "trial_start", "emotion": "happy"}, {"streams": {"eeg": {"lost": 0}}}, {"eeg": {"notch_hz": 50}},
    )  # fmt: skip
    return [json.dumps(one).encode() for one in said]


def samples(folder: Path) -> list[bytes]:
    """Numbers that come over the network."""
    return [np.linspace(0, 1, 3 * 3 + 6).astype("<f4").tobytes(), bytes(range(4 * 4 + 8))]


def calibration(folder: Path) -> list[bytes]:
    """What was learnt of a person."""
    from realtime.calibrate.baseline import Baseline
    from realtime.calibrate.person import PersonCalibration
    from realtime.eeg.calibration import Calibration

    eeg = Calibration(_EEG, np.eye(4), 250.0, 60.0, (0.9,), True)
    rest = Baseline(_EEG, ("alpha", "beta"), np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32), 10)
    PersonCalibration(eeg, rest, None, {"note": "x"}).save(folder / "s.npz")
    eeg.save(folder / "e.npz")
    return [(folder / "s.npz").read_bytes(), (folder / "e.npz").read_bytes()]


def _checkpoint(folder: Path) -> Path:
    from models.checkpoint import save_checkpoint
    from models.network import HiddenEmotionNet, NetworkConfig
    from models.normaliser import Normaliser

    path, classes = folder / "s.safetensors", ("happy", "sad")
    network = NetworkConfig(n_classes=2, n_channels=4, n_bands=2, n_windows=8, tcn_width=8, token_width=8)
    shape = (4, 2)
    save_checkpoint(
        path, HiddenEmotionNet(network), Normaliser(np.zeros(shape, np.float32), np.ones(shape, np.float32), 1.0),
        name="fuzz", trained_on="nothing", simulated=True, classes=classes, channels=_EEG,
        bands=(("alpha", 8.0, 13.0), ("beta", 13.0, 30.0)), temperature={"both": 1.0, "eeg": 1.0, "face": 1.0},
        data_sha256="0" * 64,
    )  # fmt: skip
    return path


def weights(folder: Path) -> list[bytes]:
    """A network's weights."""
    return [_checkpoint(folder).read_bytes()]


def description(folder: Path) -> list[bytes]:
    """What is said of a network."""
    return [_checkpoint(folder).with_suffix(".json").read_bytes()]


def film(suffix: str) -> Seeds:
    """A film of a few small pictures."""

    def made(folder: Path) -> list[bytes]:
        from realtime.films.film import FilmWriter
        from realtime.packets import VideoFrame
        from simulators.layouts.film_file import write_film

        rng = np.random.default_rng(0)
        pictures = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(5)]
        path = Path(tempfile.mkdtemp(dir=folder)) / f"s{suffix}"
        if suffix == ".mkv":
            with FilmWriter(path, 64, 48, 1, 20.0) as writer:
                for i, picture in enumerate(pictures):
                    writer.push(VideoFrame(np.ascontiguousarray(picture[..., 0]), i / 20, i))
        else:
            write_film(path, pictures, 20.0, codec="MJPG" if suffix == ".avi" else "mp4v")
        return [path.read_bytes()]

    return made


def pictures(folder: Path) -> list[bytes]:
    """Pictures of a movement."""
    import cv2

    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    return [cv2.imencode(suffix, image)[1].tobytes() for suffix in (".png", ".jpg", ".bmp")]
