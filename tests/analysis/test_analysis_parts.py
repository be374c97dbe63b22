"""The parts an analysis is made of: timeline, tables, spectrogram, folder, coding sheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fakes import CHANNELS, AlphaRecognizer, make_spec
from live_run import FIRST_S, eeg, texts

from models.data.coding import read_coding
from realtime.analysis.coding_sheet import COLUMNS, Coded, coding_rows, write_coding_sheet
from realtime.analysis.feeding import ahead, feed, feed_eeg
from realtime.analysis.out import place_of, require_free, whole_folder
from realtime.analysis.spectrogram import Spectrogram
from realtime.analysis.store import Table
from realtime.analysis.tables import Tables
from realtime.analysis.timeline import Span, Timeline, timeline_of, timeline_of_markers
from realtime.eeg.xdf import load_streams
from realtime.engine import Engine
from realtime.errors import ConfigurationError, DataError
from realtime.face.regions import REGIONS
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegChunk,
    EegInfo,
    Evidence,
    FaceObservation,
    MicroMovement,
    Prediction,
    Result,
)
from realtime.review.annotations import Annotation
from simulators.layouts.xdf_file import XdfStream, write_xdf

_STARTED = datetime(2026, 5, 4, 9, 30, 0, 250_000, tzinfo=UTC)


def _timeline(tmp_path: Path, *streams: XdfStream) -> Timeline:
    write_xdf(tmp_path / "t.xdf", streams)
    found, _ = load_streams(tmp_path / "t.xdf", dejitter=False)
    return timeline_of(found, FIRST_S)


def _said(**event: object) -> dict[str, object]:
    return event


def test_the_timeline_is_what_was_presented_said_and_noted(tmp_path: Path) -> None:
    stimulus = texts(
        "emostream-stimulus",
        (FIRST_S + 1.0, _said(event="baseline_start")),
        (FIRST_S + 4.0, _said(event="baseline_end")),
        (FIRST_S + 5.0, _said(event="trial_start", trial=1, emotion="sad", stimulus="a.mp4", block=1)),
        (FIRST_S + 7.0, _said(event="pause")),
        (FIRST_S + 8.0, _said(event="resume")),
        (FIRST_S + 9.0, _said(event="trial_end", trial=1, emotion="sad")),
        (FIRST_S + 10.0, _said(event="self_report", trial=1, emotion="sad", intensity=4, hidden=2.5)),
        (FIRST_S + 11.0, _said(event="trial_start", trial=2, emotion="happy")),
    )
    control = texts("emostream-control", (FIRST_S + 6.0, _said(event="note", text="laughed", at_s=FIRST_S + 5.5)))
    truth = texts("emostream-truth", (FIRST_S + 5.1, _said(event="trial_start", emotion="fear")))
    trigger = texts("amplifier", (FIRST_S + 2.0, "S  1"))
    health = texts("emostream-health", (FIRST_S + 2.0, _said(streams=[])))
    timeline = _timeline(tmp_path, stimulus, control, truth, trigger, health)
    assert [(s.kind, s.start_s, s.end_s, s.label, s.trial) for s in timeline.spans] == [
        ("baseline", 1.0, 4.0, "", None),
        ("note", 2.0, None, "S  1", None),
        ("trial", 5.0, 9.0, "sad", 1),
        ("note", 5.5, None, "laughed", None),
        ("pause", 7.0, 8.0, "", None),
        ("trial", 11.0, None, "happy", 2),
    ]
    assert timeline.spans[2].stimulus == "a.mp4"
    (report,) = timeline.self_reports
    assert (report.trial, report.emotion, report.intensity, report.arousal, report.hidden) == (1, "sad", 4.0, None, 2.5)
    assert timeline.simulated
    assert timeline.trial_at(6.0) is timeline.spans[2]
    assert timeline.trial_at(10.0) is None


def test_markers_of_a_loose_recording_are_notes_and_many_are_counted() -> None:
    timeline = timeline_of_markers([(0.1 * i, f"square {i}") for i in range(6_000)])
    assert len(timeline.spans) == 5_000
    assert timeline.left_out == 1_000


def test_a_table_is_the_same_in_both_forms(tmp_path: Path) -> None:
    from pyarrow import parquet

    with Table(tmp_path, "t", [("time_s", "float64"), ("n", "int32"), ("name", "string")]) as table:
        for i in range(4_500):
            table.add({"time_s": i / 3, "n": i, **({"name": "a,b"} if i % 2 else {})})
    found = parquet.ParquetFile(tmp_path / "t.parquet")
    assert found.num_row_groups == 3
    rows = found.read().to_pylist()
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(rows) == len(lines) == 4_500
    assert rows[7] == {"time_s": 7 / 3, "n": 7, "name": "a,b"}
    assert rows[8]["name"] is None
    assert lines[7] == {"time_s": repr(7 / 3), "n": "7", "name": "a,b"}
    assert lines[8]["name"] == ""


def _written(folder: Path) -> dict[str, list[dict]]:
    from pyarrow import parquet

    spec = make_spec(channels=CHANNELS[:2])
    info = EegInfo("cap", "cap", CHANNELS[:3], 250.0)
    timeline = Timeline((Span("trial", 0.5, 2.0, "sad", "", 3),))
    crop, flow = np.arange(65536, dtype=np.uint32).reshape(256, 256).astype(np.uint8), np.ones((256, 256, 2), "f4")
    answer = np.array([0.25, 0.75], np.float32)
    with Tables(folder, spec, info, has_video=True, trial_at=timeline.trial_at) as tables:
        for time_s, mask in ((0.2, (True, False)), (0.7, (True, False)), (3.1, (True, True))):
            power = np.full((2, 5), time_s, np.float32)
            tables.write(BandPowerWindow(power, time_s, np.array(mask)))
            tables.write(FaceObservation(time_s, float(mask[1]), None, None, np.full(len(REGIONS), time_s, "f4")))
        tables.write(FaceObservation(3.2, 0.0))
        calm = np.zeros(len(REGIONS), "f4")
        for k, busy in enumerate((True, True, False, True)):
            tables.write(FaceObservation(3.3 + 0.1 * k, 0.0, None, None, calm, busy))
        # a frame without motion says nothing of the eyes
        tables.write(FaceObservation(3.7, 0.0))
        tables.write(FaceObservation(3.8, 0.0, None, None, calm, True))
        assert tables.blinks_and_gaze_shifts == 2
        for time_s, flags in ((0.25, (1, 0, 0)), (0.5, (2, 0, 0)), (1.0, (0, 0, 4))):
            tables.write(ChannelQuality(np.array(flags, np.uint8), time_s))
        alone = {"eeg": answer}
        tables.write(Prediction(1.0, answer, 0.2, ("eeg",), Evidence.ENOUGH, "m", 0.0, np.nan, by_modality=alone))
        regions = ("mouth", "chin")
        tables.write(MicroMovement(0.9, 1.1, 1.3, 1.6, 8.0, "micro", regions, crop, crop, flow))
        tables.write(MicroMovement(2.9, 3.1, 3.3, 3.6, 9.0, "macro", regions, crop, crop, flow))
        assert tables.bad_share == pytest.approx({"Fp1": 2 / 3, "Fp2": 0.0, "F3": 1 / 3})
    names = ("predictions", "band_power", "quality", "face", "movements")
    return {name: parquet.read_table(folder / f"{name}.parquet").to_pylist() for name in names}


def test_results_become_rows_of_a_second(tmp_path: Path) -> None:
    import cv2

    found = _written(tmp_path)
    powers = found["band_power"]
    assert [row["time_s"] for row in powers] == [0.0, 3.0]
    assert powers[0]["Fp1_alpha"] == pytest.approx(0.45)
    assert np.isnan(powers[0]["Fp2_alpha"])
    assert powers[1]["Fp2_gamma"] == pytest.approx(3.1)
    assert found["quality"] == [
        {"time_s": 0.0, "Fp1": 3, "Fp2": 0, "F3": 0},
        {"time_s": 1.0, "Fp1": 0, "Fp2": 0, "F3": 4},
    ]
    assert [row["face_share"] for row in found["face"]] == [0.0, 0.125]
    assert found["face"][0]["motion_mouth"] == pytest.approx(0.7)
    (answer,) = found["predictions"]
    assert (answer["p_high"], answer["eeg_high"], answer["face_high"]) == (0.75, 0.75, None)
    assert (answer["used_eeg"], answer["used_face"], answer["evidence"]) == (1, 0, 1)
    assert [(m["trial"], m["label"], m["regions"]) for m in found["movements"]] == [
        (3, "sad", "mouth+chin"),
        (None, "", "mouth+chin"),
    ]
    picture = cv2.imread(str(tmp_path / "movements" / "movement-001_apex.png"), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape == (256, 256)
    assert np.load(tmp_path / "movements" / "movement-002_flow.npy").dtype == np.float16


def test_the_spectrogram_shows_the_rhythm_and_leaves_bad_channels_and_holes_out(tmp_path: Path) -> None:
    samples = eeg(8.0)
    samples[3] = 1e6
    spectrogram = Spectrogram(250.0, len(CHANNELS), 100.0)
    spectrogram.write(ChannelQuality(np.array([2 * (i == 3) for i in range(len(CHANNELS))], np.uint8), 0.0))
    for first in range(0, 2000, 50):
        lost = 500 * (first >= 1000)
        stamps = 100.0 + (np.arange(first, first + 50) + lost) / 250.0
        spectrogram.push(EegChunk(samples[:, first : first + 50], stamps, "x", first + lost))
    spectrogram.save(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as found:
        times_s, freqs_hz, log_power = found["times_s"], found["freqs_hz"], found["log_power"]
    assert freqs_hz[-1] == 60.0
    assert freqs_hz[log_power.mean(axis=0).argmax()] == 10.0
    assert log_power.dtype == np.float32
    assert log_power.max() < 4.0
    # no window spans the hole from 4 to 6 s
    assert not ((times_s > 4.0) & (times_s < 7.9)).any()


def _cut_off(out: Path) -> None:
    with whole_folder(out, force=False) as part:
        (part / "analysis.json").write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt


def test_an_analysis_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep" / "out"
    with pytest.raises(KeyboardInterrupt):
        _cut_off(out)
    assert list(tmp_path.iterdir()) == []
    with whole_folder(out, force=False) as part:
        (part / "analysis.json").write_text("{}", encoding="utf-8")
        (part / "movements").mkdir()
        assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert out.stat().st_mode & 0o777 == 0o700
    assert (out / "analysis.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(ConfigurationError, match="holds files already: choose another --out, or --force"):
        require_free(out, force=False)
    with whole_folder(out, force=True) as part:
        (part / "analysis.json").write_text('{"second": 1}', encoding="utf-8")
    assert sorted(path.name for path in out.iterdir()) == ["analysis.json"]
    (out / "thesis.docx").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"holds 'thesis\.docx', which no analysis has made"):
        require_free(out, force=True)
    with pytest.raises(ConfigurationError, match="is a file"):
        require_free(out / "analysis.json", force=True)
    with pytest.raises(DataError, match="No space left"), whole_folder(tmp_path / "full", force=False):
        raise OSError(28, "No space left on device")
    assert not (tmp_path / "full").exists()


def test_a_session_s_place_in_a_root_is_known_by_its_folders(tmp_path: Path) -> None:
    stem = "sub-07_ses-02_task-rest_run-03"
    place = place_of(tmp_path / "sourcedata" / "sub-07" / "ses-02" / f"{stem}.xdf")
    assert place is not None
    assert place.root == tmp_path
    assert place.derivatives == tmp_path / "derivatives" / "emostream" / "sub-07" / "ses-02" / stem
    assert place_of(tmp_path / "sourcedata" / "sub-08" / "ses-02" / f"{stem}.xdf") is None
    assert place_of(tmp_path / "pilot.xdf") is None


def test_the_coding_sheet_is_read_as_the_published_one_is(tmp_path: Path) -> None:
    spans = (
        Span("trial", 10.0, 40.0, "sad", "", 1),
        Span("trial", 50.0, 80.0, "disgust", "", 2),
        Span("trial", 90.0, 120.0, "sad", "", 3),
    )
    rows = coding_rows(
        [
            Coded(92.25, 92.5, 92.75, "micro", "fear", "AU4+AU7"),
            Coded(12.0, 12.25, 12.75, "macro"),
            Coded(45.0, 45.25, 45.5, "micro", "=cmd()"),
        ],
        Timeline(spans),
        subject="sub-01",
        film="film.mkv",
        started=_STARTED,
    )
    write_coding_sheet(tmp_path, rows)
    read, bad = read_coding(tmp_path / "coding_sheet.xlsx")
    assert [(r.marker, r.onset_s, r.apex_s, r.offset_s, r.kind, r.emotion) for r in read] == [
        (101, 2.0, 2.25, 2.75, "macro", "sad"),
        (109, 2.25, 2.5, 2.75, "micro", "fear"),
    ]
    assert all(r.remarks == () and r.day == "20260504" and r.filename == "film" for r in read)
    # outside of trials there is no clip
    assert [b.field for b in bad] == ["marker"]
    with (tmp_path / "coding_sheet.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == COLUMNS
    assert [line["OnsetFrame"] for line in lines] == ["09-30-12-250", "09-30-45-250", "09-31-32-500"]
    assert [line["dif"] for line in lines] == ["750", "500", "500"]
    assert lines[1]["Estimated Emotion"] == "'=cmd()"
    assert lines[2]["Action Units"] == "AU4+AU7"


def test_only_reviewed_movements_that_count_are_exported() -> None:
    rows = (
        Annotation(1.0, 1.2, 1.4, "sad", "micro", "AU4", "accepted"),
        Annotation(2.0, 2.2, 2.4, status="rejected"),
        Annotation(3.0, 3.2, 3.4, status="candidate"),
        Annotation(4.0, float("nan"), 9.0, "sad", "trial"),
        Annotation(5.0, 5.2, 5.4),
    )
    assert [coded.onset_s for coded in Coded.reviewed(rows)] == [1.0, 5.0]


def test_what_is_made_ahead_comes_in_order_and_so_does_its_failure() -> None:
    def made() -> Iterator[int]:
        yield from range(20)
        raise DataError("the film is damaged")

    items = ahead(made(), 4)
    assert [next(items) for _ in range(20)] == list(range(20))
    with pytest.raises(DataError, match="damaged"):
        next(items)
    some = ahead(iter(range(1000)), 4)
    assert [next(some) for _ in range(3)] == [0, 1, 2]
    some.close()


def test_eeg_fed_ahead_gives_what_it_gives_in_short_chunks() -> None:
    x, recognizer = eeg(20.0), AlphaRecognizer(make_spec(CHANNELS))
    info = EegInfo("x", "x", CHANNELS, 250.0)

    def cut(size: int) -> list[EegChunk]:
        return [EegChunk(x[:, i : i + size], np.arange(i, i + size) / 250.0, "x", i) for i in range(0, 5000, size)]

    live, offline = _Kept(), _Kept()
    feed(Engine(recognizer, eeg=info, has_video=False), cut(10), [live])
    seen: list[tuple[int, int]] = []
    engine = Engine(recognizer, eeg=info, has_video=False, offline=True)

    def watch(chunk: object) -> None:
        assert isinstance(chunk, EegChunk)
        seen.append((chunk.first_index, len(offline.results)))

    feed_eeg(engine, cut(1000), [offline], watch)
    want, got = ([r for r in kept.results if isinstance(r, Prediction)] for kept in (live, offline))
    assert [p.stamp for p in got] == [p.stamp for p in want]
    assert len(got) > 90
    # each chunk is shown before the sinks have what came of it
    assert [first for first, _ in seen] == list(range(0, 5000, 1000))
    assert sorted({n for _, n in seen}) == [n for _, n in seen]
    assert seen[0][1] == 0
    np.testing.assert_allclose([p.probabilities for p in got], [p.probabilities for p in want], atol=1e-6)


class _Kept:
    def __init__(self) -> None:
        self.results: list[Result] = []

    def write(self, result: Result) -> None:
        self.results.append(result)
