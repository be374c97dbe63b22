"""Every reader of ours that takes a file or text from elsewhere, by name, with honest files to begin with."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fuzz import seeds
from benchmarks.fuzz.folders import FOLDERS


@dataclass(frozen=True, slots=True)
class Target:
    """A reader.

    Parameters
    ----------
    name : str
    file : str
        Name of the file that it is given.
    seeds : callable
        Folder -> honest contents.
    read : callable
        Takes the file; raises an error of `realtime.errors`, or nothing.
    """

    name: str
    file: str
    seeds: seeds.Seeds
    read: Callable[[Path], object]


def _each(*reads: Callable[[], object]) -> None:
    """Each of several readers, though another refuses; then the last refusal."""
    from realtime.errors import DataError

    refused: DataError | None = None
    for read in reads:
        try:
            read()
        except DataError as err:
            refused = err
    if refused is not None:
        raise refused


def _recording(path: Path) -> None:
    from realtime.eeg.files import read_recording

    read_recording(path)


def _streams(path: Path) -> None:
    from realtime.eeg.xdf import load_streams
    from realtime.review.candidates import read_markers
    from realtime.session.recorded import find_films

    streams, _ = load_streams(path, dejitter=False)
    find_films(path, streams, 100.0)
    read_markers(streams, 100.0, 200.0)


def _chunks(path: Path) -> None:
    from realtime.recorder.xdf_chunks import XdfTail, join_part

    XdfTail(path, float).step()
    whole = path.with_name("whole.xdf")
    whole.write_bytes(b"XDF:")
    join_part(whole, path)


def _arrays(path: Path) -> None:
    from models.data.arrays import array_shapes, load_array
    from realtime.errors import DataError

    refused: DataError | None = None
    for key in itertools.islice(array_shapes(path), 8):
        try:
            load_array(path, key)
        except DataError as err:
            refused = err
    if refused is not None and "wanted numbers" not in str(refused):
        raise refused


def _config(path: Path) -> None:
    from realtime.config import load_config

    load_config(path)


def _playlist(path: Path) -> None:
    from realtime.session.playlist import load_playlist

    load_playlist(path)


def _training(path: Path) -> None:
    from models.training.options import load_training_options

    load_training_options(path)


def _preset(path: Path) -> None:
    from realtime.config import Config
    from realtime.tuning import Tuning
    from realtime.tuning_presets import load_preset

    load_preset(path, Tuning.from_config(Config()))


def _workbook(path: Path) -> None:
    from models.data.coding import read_coding

    read_coding(path)


def _table(path: Path) -> None:
    from models.data.manifest import read

    read(path)


def _annotations(path: Path) -> None:
    from realtime.review.annotations import read_annotations

    read_annotations(path)


def _journal(path: Path) -> None:
    from realtime.review.journal import Journal

    Journal(path).unsaved()


def _session(path: Path) -> None:
    from realtime.session.metadata import SessionMetadata

    SessionMetadata.load(path)


def _film_notes(path: Path) -> None:
    from realtime.eeg.xdf import load_streams
    from realtime.session.recorded import film_of

    film, xdf = path.with_suffix(".avi"), path.with_suffix(".xdf")
    if not xdf.exists():
        xdf.write_bytes(seeds.xdf(path.parent)[0])
        film.write_bytes(seeds.film(".avi")(path.parent)[0])
    streams, _ = load_streams(xdf, dejitter=False, wanted=lambda head: head["name"] == "frames")
    film_of(film, streams[0], 100.0)


def _delays(path: Path) -> None:
    from realtime.session.delays import Devices

    Devices.load(path.parent)


def _checksums(path: Path) -> None:
    from realtime.recorder.checksums import verify
    from realtime.session.files import RunFiles

    verify(RunFiles(path.parent, "s"))


def _markers(path: Path) -> None:
    from realtime.config import Config
    from realtime.lsl.codecs import decode_event
    from realtime.packets import Marker
    from realtime.session.events import parse_event
    from realtime.settings import configured
    from realtime.truth import Truth

    text = path.read_bytes().decode("utf-8", "replace")
    parse_event(text)
    Truth().push(Marker(text, 1.0))
    _each(lambda: decode_event(text), lambda: configured({"config": text}, Config()))


def _samples(path: Path) -> None:
    from realtime.lsl.codecs import decode_emotion, decode_movement_images, decode_video_sample
    from realtime.packets import VideoInfo

    raw = path.read_bytes()
    _each(
        lambda: decode_emotion(np.frombuffer(raw[: len(raw) // 4 * 4], "<f4"), 3),
        lambda: decode_video_sample(np.frombuffer(raw, np.int8), VideoInfo("v", "v", 4, 4, 1, 30.0), 1.0),
        lambda: decode_movement_images(np.frombuffer(raw, np.int8)),
    )


def _calibration(path: Path) -> None:
    from realtime.calibrate.person import PersonCalibration

    PersonCalibration.load(path)


def _weights(path: Path) -> None:
    """A description that fits the weights, so that they are looked into."""
    from models.checkpoint import load_checkpoint

    about = path.with_suffix(".json")
    if not about.exists():
        about.write_bytes(seeds.description(path.parent)[0])
        return
    said = json.loads(about.read_bytes()) | {"weights_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    about.write_text(json.dumps(said), encoding="utf-8")
    load_checkpoint(path)


def _description(path: Path) -> None:
    from models.checkpoint import load_checkpoint
    from models.small.stored import read_ensemble
    from realtime.errors import CheckpointError

    weights = path.with_suffix(".safetensors")
    if not weights.exists():
        content = path.read_bytes()
        seeds.weights(path.parent)
        path.write_bytes(content)
    try:
        read_ensemble(weights)
    except CheckpointError:
        load_checkpoint(weights)


def _film(path: Path) -> None:
    from realtime.face.capture import FileCapture
    from realtime.face.films import film_facts

    _each(lambda: film_facts(path), lambda: list(itertools.islice(FileCapture(path), 8)))


def _film_frames(path: Path) -> None:
    from gui.annotate.film import FilmFrames

    frames = FilmFrames(path)
    try:
        for i in range(min(3, len(frames.times_s))):
            frames.frame(i)
    finally:
        frames.close()


def _picture(path: Path) -> None:
    from models.data.face_features import read_picture
    from models.data.flow_maps import read_flow_map

    _each(lambda: read_picture(path), lambda: read_flow_map(path))


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("xdf", "s.xdf", seeds.xdf, _recording),
        Target("xdf-streams", "s.xdf", seeds.xdf, _streams),
        Target("xdf-chunks", "s.xdf", seeds.xdf, _chunks),
        Target("set", "s.set", seeds.eeglab, _recording),
        Target("mat", "s.mat", seeds.mat, _arrays),
        Target("mat-hdf5", "s.mat", seeds.hdf5, _arrays),
        Target("npz", "s.npz", seeds.npz, _arrays),
        Target("npy", "s.npy", seeds.npy, _arrays),
        Target("pickle", "s.dat", seeds.pickled, _arrays),
        Target("bdf", "s.bdf", seeds.bdf, _recording),
        Target("edf", "s.edf", seeds.edf, _recording),
        Target("fif", "s_eeg.fif", seeds.fif, _recording),
        Target("toml", "s.toml", seeds.config, _config),
        Target("playlist", "s.toml", seeds.playlist, _playlist),
        Target("preset", "s.toml", seeds.preset, _preset),
        Target("training", "s.toml", seeds.training, _training),
        Target("xlsx", "s.xlsx", seeds.workbook, _workbook),
        Target("csv", "s.csv", seeds.table, _table),
        Target("parquet", "s.parquet", seeds.parquet, _table),
        Target("annotations", "s_annotations.tsv", seeds.annotation_table, _annotations),
        Target("journal", "s_journal.jsonl", seeds.journal, _journal),
        Target("session", "s_session.json", seeds.session, _session),
        Target("film-notes", "s.json", seeds.film_notes, _film_notes),
        Target("delays", "devices.json", seeds.delays, _delays),
        Target("checksums", "s_checksums.sha256", seeds.checksums, _checksums),
        Target("markers", "s.txt", seeds.markers, _markers),
        Target("samples", "s.bin", seeds.samples, _samples),
        Target("calibration", "s.npz", seeds.calibration, _calibration),
        Target("weights", "s.safetensors", seeds.weights, _weights),
        Target("checkpoint", "s.json", seeds.description, _description),
        Target("avi", "s.avi", seeds.film(".avi"), _film),
        Target("mkv", "s.mkv", seeds.film(".mkv"), _film),
        Target("mp4", "s.mp4", seeds.film(".mp4"), _film),
        Target("film-frames", "s.mkv", seeds.film(".mkv"), _film_frames),
        Target("picture", "s.png", seeds.pictures, _picture),
        *(Target(*one) for one in FOLDERS),
    )
}
"""By name."""


def _pyxdf_alone(path: Path) -> None:
    import pyxdf

    pyxdf.load_xdf(path, verbose=False)


def _mne_alone(path: Path) -> None:
    import mne

    mne.io.read_raw_eeglab(path, preload=True, verbose="ERROR")


def _scipy_alone(path: Path) -> None:
    from scipy.io import loadmat

    loadmat(path)


PEERS: dict[str, Target] = {
    "xdf": Target("xdf", "s.xdf", seeds.xdf, _pyxdf_alone),
    "set": Target("set", "s.set", seeds.eeglab, _mne_alone),
    "mat": Target("mat", "s.mat", seeds.mat, _scipy_alone),
}
"""The libraries beneath, without our checks, by the name of the cases they get."""
