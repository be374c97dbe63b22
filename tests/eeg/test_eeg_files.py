"""Recordings: real ones, ones with known content, and files that are none."""

from __future__ import annotations

import mmap
from pathlib import Path

import mne
import numpy as np
import pytest
from eeg_helpers import make_spec, windows

from realtime.config import EegConfig
from realtime.eeg import files
from realtime.eeg import recording as recording_file
from realtime.eeg.files import EEG_SUFFIXES, Recording, iter_chunks, read_recording
from realtime.eeg.montage import ChannelMap
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import DataError, MontageError
from realtime.packets import EegInfo


def fif(path: Path, **annotations: float) -> tuple[Path, np.ndarray]:
    rng = np.random.default_rng(0)
    microvolts = rng.normal(size=(5, 900)) * 20.0
    microvolts[4] = 0.0
    microvolts[4, 300:310] = 5e6
    info = mne.create_info(["Fp1", "Cz", "HEO", "EKG", "STI"], 150.0, ["eeg", "eeg", "eog", "eeg", "stim"])
    raw = mne.io.RawArray(microvolts * 1e-6, info, verbose="ERROR")
    if annotations:
        raw.set_annotations(mne.Annotations(list(annotations.values()), 0.0, list(annotations)))
    raw.save(path, verbose="ERROR")
    return path, microvolts


def test_volts_become_microvolts_and_only_eeg_is_kept(tmp_path: Path) -> None:
    path, microvolts = fif(tmp_path / "session_raw.fif", start=1.0, stop=5.5)
    recording = read_recording(path)
    assert recording.info == EegInfo("session_raw", "session_raw.fif", ("Fp1", "Cz"), 150.0)
    np.testing.assert_allclose(recording.samples_uv, microvolts[:2], rtol=1e-4)
    assert recording.samples_uv.dtype == np.float32
    assert not recording.samples_uv.flags.writeable
    assert recording.eog_names == ("HEO",)
    assert recording.eog_uv is not None
    np.testing.assert_allclose(recording.eog_uv[0], microvolts[2], rtol=1e-4)
    assert recording.markers == ((1.0, "start"), (5.5, "stop"))
    assert recording.notes == ("left out, as no EEG: EKG, STI",)
    assert recording.warnings == ()
    assert recording.duration_s == pytest.approx(6.0)


def test_a_trigger_channel_gives_the_markers_where_there_are_no_annotations(tmp_path: Path) -> None:
    path, _ = fif(tmp_path / "session_raw.fif")
    assert read_recording(path).markers == ((2.0, "5"),)


def test_a_cut_is_a_gap(tmp_path: Path) -> None:
    path, _ = fif(tmp_path / "session_raw.fif", boundary=2.0)
    recording = read_recording(path)
    assert recording.gaps == ((300, 1),)
    assert [(c.first_index, c.samples.shape[1]) for c in iter_chunks(recording, 1.0)] == [
        (0, 150),
        (150, 150),
        (301, 150),
        (451, 150),
        (601, 150),
        (751, 150),
    ]


def test_a_readers_warning_becomes_a_note(tmp_path: Path) -> None:
    path, _ = fif(tmp_path / "session_raw.fif", start=1.0)
    path = path.rename(tmp_path / "oddly named.fif")
    notes = read_recording(path).notes
    assert any("does not conform to MNE naming conventions" in note for note in notes)


def test_large_recordings_live_on_disk_in_a_file_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, microvolts = fif(tmp_path / "session_raw.fif", start=1.0)
    monkeypatch.setattr(recording_file, "_IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(files, "_READ_S", 1.7)
    recording = read_recording(path)
    np.testing.assert_allclose(recording.samples_uv, microvolts[:2], rtol=1e-4)
    base = recording.samples_uv
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert isinstance(base, mmap.mmap)


def test_implausible_units_are_noted(tmp_path: Path) -> None:
    info = mne.create_info(["Fp1", "Cz"], 150.0, "eeg")
    mne.io.RawArray(np.random.default_rng(0).normal(size=(2, 300)), info, verbose="ERROR").save(tmp_path / "a_raw.fif")
    assert any("check the units" in note for note in read_recording(tmp_path / "a_raw.fif").notes)


def test_chunks_bring_every_sample_once_and_count_what_was_lost() -> None:
    samples = np.arange(20, dtype=np.float32).reshape(2, 10)
    stamps = np.array([0, 1, 2, 3, 7, 8, 9, 10, 11, 12]) / 100.0
    recording = Recording(EegInfo("a", "a.xdf", ("Cz", "Pz"), 100.0), samples, stamps, gaps=((4, 3),))
    found = list(iter_chunks(recording, 0.03, start_s=50.0))
    assert [(c.first_index, c.samples.shape[1]) for c in found] == [(0, 3), (3, 1), (7, 3), (10, 3)]
    np.testing.assert_array_equal(np.concatenate([c.samples for c in found], axis=1), samples)
    np.testing.assert_allclose(np.concatenate([c.stamps for c in found]), 50.0 + stamps)
    assert {c.stream_id for c in found} == {"a.xdf"}
    assert recording.lost == 3


@pytest.mark.parametrize("suffix", sorted(EEG_SUFFIXES))
@pytest.mark.parametrize("content", [b"", b"hello world\n" * 40, bytes(range(256)) * 20])
def test_files_that_are_none_are_refused_in_one_line(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"renamed{suffix}"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_recording(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    assert len(text) < 500
    assert caught.value.exit_code == 4


def test_absent_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no recording '.*absent\.set': there is no such file"):
        read_recording(tmp_path / "absent.set")
    (tmp_path / "film.mp4").write_bytes(b"x")
    with pytest.raises(DataError, match=r"film\.mp4' is not a recording that can be read: wanted \.bdf"):
        read_recording(tmp_path / "film.mp4")


@pytest.mark.real_data
def test_eeglab(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "eeglab_data.set")
    assert (recording.info.sfreq_hz, recording.samples_uv.shape) == (128.0, (30, 30504))
    assert recording.eog_names == ("EOG1", "EOG2")
    spread = np.std(recording.samples_uv, axis=1)
    assert 10.0 < np.median(spread) < 50.0
    assert spread.max() < 150.0
    assert len(recording.markers) == 154
    assert recording.markers[0] == (pytest.approx(1.0, abs=0.01), "square")
    assert ChannelMap.build(recording.info.channels).n_present == 30


@pytest.mark.real_data
def test_brainvision(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "test.vhdr")
    assert (recording.info.sfreq_hz, recording.samples_uv.shape) == (1000.0, (26, 7900))
    assert np.median(np.std(recording.samples_uv, axis=1)) == pytest.approx(24.15, abs=0.1)
    assert len(recording.markers) == 13
    assert recording.notes == ("left out, as no EEG: CP5, CP6, HL, HR, Vb, ReRef",)


@pytest.mark.real_data
def test_edf_with_139_oddly_named_channels_maps_what_it_can(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "test_139ch.edf")
    assert (recording.info.sfreq_hz, recording.samples_uv.shape) == (512.0, (136, 3072))
    found = ChannelMap.build(recording.info.channels)
    assert " ".join(found.present_names) == "F7 F5 F3 F1 F2 F4 F6 F8 C5 C3 C1 C2 C4 C6"
    assert [text for _, text in recording.markers] == ["start", "type A", "type A", "type B", "type A"]


@pytest.mark.real_data
def test_xdf_without_labels_reads_and_its_montage_is_refused(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "obci_8ch.xdf")
    assert (recording.info.name, recording.info.sfreq_hz) == ("obci_neeg1", 1000.0)
    assert recording.samples_uv.shape == (8, 9520)
    assert recording.gaps == ()
    with pytest.raises(MontageError, match=r"0 of the model's 62 EEG channels found among the source's 8 \(EEG001"):
        ChannelMap.build(recording.info.channels)


@pytest.mark.real_data
def test_xdf_with_clock_resets_is_read_and_says_so(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "clock_resets.xdf")
    assert recording.info == EegInfo("BioSemi", "clock_resets.xdf", recording.info.channels, 100.0)
    assert recording.samples_uv.shape == (8, 27815)
    assert (np.diff(recording.stamps_s) > 0).all()
    assert len(recording.markers) == 175
    assert recording.markers[0] == (pytest.approx(2.898, abs=0.01), "XXX")
    assert any("the sender's clock was reset at" in text for text in recording.warnings)
    assert any("samples missing" in text for text in recording.warnings)
    assert any("Hz by its stamps, 100 Hz by its description" in text for text in recording.warnings)
    (gap,) = recording.gaps
    chunks = list(iter_chunks(recording, 1.0))
    assert sum(chunk.samples.shape[1] for chunk in chunks) == 27815
    assert chunks[-1].first_index + chunks[-1].samples.shape[1] == 27815 + gap[1]


@pytest.mark.real_data
def test_xdf_corner_cases(data_dir: Path) -> None:
    minimal = read_recording(data_dir / "eeg" / "minimal.xdf")
    assert (minimal.info.name, minimal.samples_uv.shape) == ("SendDataC", (3, 9))
    assert [text for _, text in minimal.markers][1:3] == ["Hello", "World"]
    with pytest.raises(DataError, match=r"no EEG stream with samples in .*empty_streams\.xdf'; found types") as caught:
        read_recording(data_dir / "eeg" / "empty_streams.xdf")
    assert "\n" not in str(caught.value)


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "present"), [("eeglab_data.set", 30), ("test.vhdr", 26), ("test_139ch.edf", 14)])
def test_real_recordings_run_through_the_chain(data_dir: Path, name: str, present: int) -> None:
    recording = read_recording(data_dir / "eeg" / name)
    pipeline = EegPipeline(recording.info, make_spec(), EegConfig())
    found = windows(pipeline, list(iter_chunks(recording)))
    expected = int(recording.duration_s / 0.05 + 1e-6) - 19
    assert len(found) == expected
    assert all(np.isfinite(window.log_power).all() for window in found)
    good = np.mean([window.mask.sum() for window in found])
    assert good > 0.8 * present
    sequence = pipeline.sequence()
    assert sequence.window_mask.sum() == min(40, int(recording.duration_s))
