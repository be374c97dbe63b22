"""Panels, offscreen: data in -> what is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication, QWidget

from gui.messages import (
    BandSample,
    EmotionModel,
    EmotionSample,
    FaceSample,
    HealthReport,
    MeshSample,
    MovementEvent,
    MovementPictures,
    OperatorNote,
    QualitySample,
    StreamRow,
    TruthEvent,
)
from gui.panels.bands import BandPanel, place
from gui.panels.base import age_text
from gui.panels.eeg import EegPanel, flag_words
from gui.panels.health import HealthPanel
from gui.panels.movement import MovementPanel, flow_picture
from gui.panels.state import StatePanel
from gui.panels.timeline import TimelinePanel
from gui.panels.traces import TracesPanel, TruthBand, trace_arrays
from gui.panels.video import MotionPanel, VideoPanel, face_outline, motion_rows
from gui.theme import DARK, apply_theme
from realtime.packets import EegChunk, EegInfo, Quality, VideoFrame

MODEL = EmotionModel(("happy", "sad", "fear"), "m1", "simulated people", True)
NONE = np.full(3, np.nan, np.float32)


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[QApplication]:
    """The application in the dark theme."""
    apply_theme(qapp, DARK)
    yield qapp
    qapp.setStyleSheet("")


def _sample(
    stamp: float, p: tuple[float, ...] = (0.6, 0.3, 0.1), *, enough: bool = True, **more: object
) -> EmotionSample:
    values = {
        "used_eeg": True,
        "used_face": False,
        "confidence": 0.4,
        "eeg_age_s": 0.1,
        "by_eeg": NONE,
        "by_face": NONE,
    }
    return EmotionSample(stamp, np.array(p, np.float32), enough=enough, **{**values, **more})  # type: ignore[arg-type]


def _colors(widget: QWidget) -> int:
    image = widget.grab().toImage().convertToFormat(4)
    raw = image.bits().asarray(image.byteCount())  # type: ignore[union-attr]
    return len(np.unique(np.frombuffer(raw, np.uint32)))


def test_a_line_breaks_where_predictions_stop_and_where_evidence_lacks() -> None:
    samples = [_sample(10.0), _sample(10.25), _sample(14.0), _sample(14.25, enough=False), _sample(14.5)]
    x, y = trace_arrays(samples, 20.0, 3)
    np.testing.assert_allclose(x, [-10, -9.75, -9.75, -6, -5.75, -5.5])
    assert np.isnan(y[:, 2]).all(), "the stale gap"
    assert np.isnan(y[:, 4]).all(), "no evidence"
    np.testing.assert_allclose(y[:, [0, 1, 3, 5]], np.tile([[0.6], [0.3], [0.1]], 4))


def test_the_curves_on_screen_hold_that_gap(themed: QApplication, qtbot) -> None:
    panel = TracesPanel(DARK)
    qtbot.addWidget(panel)
    for stamp in (90.0, 90.25, 95.0, 95.25):
        panel.take(MODEL, _sample(stamp))
    panel.refresh(95.5)
    assert len(panel.curves) == 3
    x, y = panel.curves[0].getData()
    assert np.isnan(y).tolist() == [False, False, True, False, False]
    assert x[-1] == pytest.approx(-0.25)
    assert panel.note == "crossed hatching: no predictions"
    styles = {curve.opts["pen"].style() for curve in panel.curves}
    assert len(styles) == 3
    panel.refresh(99.0)
    assert panel.note == "stale: no predictions"
    panel.refresh(200.0)
    assert panel.curves[0].getData()[0] is None or len(panel.curves[0].getData()[0]) == 0


def test_another_model_starts_the_traces_anew(themed: QApplication, qtbot) -> None:
    panel = TracesPanel(DARK)
    qtbot.addWidget(panel)
    panel.take(MODEL, _sample(1.0))
    other = EmotionModel(("negative", "positive"), "m2")
    two = _sample(2.0, (0.5, 0.5), by_eeg=NONE[:2], by_face=NONE[:2])
    panel.take(other, two)
    panel.refresh(2.1)
    assert [len(curve.getData()[0]) for curve in panel.curves] == [1, 1]


def test_the_state_panel_in_words(themed: QApplication, qtbot) -> None:
    panel = StatePanel(DARK)
    qtbot.addWidget(panel)
    panel.refresh(0.0)
    assert panel.headline == "waiting for the engine"

    panel.take(MODEL, _sample(100.0, enough=False))
    panel.refresh(100.2)
    assert panel.headline == "not enough evidence yet"
    assert panel.bars.sample is None

    panel.take(MODEL, _sample(101.0, (0.1, 0.2, 0.7), used_face=True, face_age_s=3.0))
    panel.set_truth("sad")
    panel.refresh(101.2)
    assert panel.headline == "fear"
    assert panel.basis == "rests on EEG (0.3 s old) and face (movement 3.2 s ago)"
    assert panel.truth_text == "true emotion: sad (differs)"
    panel.set_truth("fear")
    panel.refresh(101.2)
    assert panel.truth_text == "true emotion: fear (agrees)"

    panel.refresh(106.0)
    assert panel.headline == "no current prediction"
    assert panel.basis == "the last one is 5.0 s old"
    assert panel.bars.dimmed


def test_truth_is_known_only_within_a_trial_that_was_heard() -> None:
    band = TruthBand()
    band.push(TruthEvent(5.0, "trial_end", "sad"))
    assert band.current() == ""
    band.push(TruthEvent(10.0, "trial_start", "fear"))
    assert band.current() == "fear"
    assert [(s.start_s, s.end_s, s.text) for s in band.spans(12.0)] == [(10.0, 12.0, "fear")]
    band.push(TruthEvent(15.0, "trial_end", "fear"))
    band.push(TruthEvent(16.0, "trial_start", "happy"))
    band.end(20.0)
    assert band.current() == ""
    assert [(s.start_s, s.end_s) for s in band.spans(30.0)] == [(10.0, 15.0), (16.0, 20.0)]
    assert band.spans(78.0) == band.spans(30.0)[1:]


def _eeg(panel: EegPanel, n_channels: int = 64, seconds: float = 3.0, start_s: float = 50.0) -> EegInfo:
    info = EegInfo("cap", "cap-1", tuple(f"E{i}" for i in range(n_channels)), 1000.0)
    n = int(1000 * seconds)
    samples = np.random.default_rng(0).normal(0, 20, (n_channels, n)).astype(np.float32)
    panel.take(info, EegChunk(samples, start_s + np.arange(n) / 1000.0, "uid", 0))
    return info


def test_eeg_is_drawn_bad_channels_are_grey_and_silence_is_said(themed: QApplication, qtbot) -> None:
    panel = EegPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(700, 700)
    panel.show()
    panel.refresh(50.0)
    assert panel.canvas.overlay == "waiting for an EEG stream"
    _eeg(panel)
    panel.take_quality(
        QualitySample(53.0, {"E3": int(Quality.FLAT | Quality.MAINS), "E4": 0, "E5": int(Quality.NOISY)})
    )
    panel.refresh(53.0)
    assert panel.note == "64 channels · 1000 Hz · 2 bad: E3 flat, mains; E5 noisy · cap"
    traces = panel.canvas.traces
    assert traces is not None
    assert np.flatnonzero(traces.bad).tolist() == [3, 5]
    shown = set(np.unique(traces.pixels & 0xFFFFFF).tolist())
    for color in (DARK.trace, DARK.trace_other, DARK.trace_bad, DARK.panel):
        assert int(color[1:], 16) in shown
    assert panel.canvas.overlay == ""
    panel.refresh(55.6)
    assert panel.canvas.overlay == "no EEG for 2.6 s"


def test_eeg_survives_resizing_and_scaling(themed: QApplication, qtbot) -> None:
    panel = EegPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(700, 700)
    panel.show()
    _eeg(panel)
    panel.refresh(53.0)
    before = panel.canvas.traces
    assert before is not None
    drawn = (before.pixels != before.pixels[0, 0]).any(axis=0).mean()
    panel.resize(500, 420)
    QApplication.processEvents()
    after = panel.canvas.traces
    assert after is not None
    assert after.width < before.width
    assert (after.pixels != after.pixels[0, 0]).any(axis=0).mean() == pytest.approx(drawn, abs=0.05)
    for _ in range(10):
        panel.step_scale(1)
    assert panel.canvas.scale_uv == 1000.0
    for _ in range(10):
        panel.step_scale(-1)
    assert panel.canvas.scale_uv == 20.0


def test_the_newest_column_is_at_the_right_edge(themed: QApplication, qtbot) -> None:
    panel = EegPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(700, 700)
    panel.show()
    _eeg(panel, n_channels=4, seconds=3.0)
    panel.refresh(53.0)
    traces = panel.canvas.traces
    assert traces is not None
    unrolled = np.concatenate([traces.pixels[:, part.left() : part.right() + 1] for _, part in traces.parts()], axis=1)
    assert unrolled.shape == traces.pixels.shape
    busy = (unrolled == (0xFF000000 | int(DARK.trace[1:], 16))).any(axis=0)
    share = traces.width * 0.3
    assert busy[-int(share) + 2 :].mean() > 0.9
    assert not busy[: -int(share) - 2].any()


def test_band_powers_are_ordered_front_to_back_and_masked_ones_grey(themed: QApplication, qtbot) -> None:
    names = ("Oz", "Fp2", "C3", "Fp1", "Fz", "P8")
    assert [names[i] for i in sorted(range(6), key=lambda i: place(names[i]))] == ["Fp1", "Fp2", "Fz", "C3", "P8", "Oz"]
    panel = BandPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(600, 200)
    power = np.linspace(-1, 1, 30, dtype=np.float32).reshape(6, 5)
    power[2] = np.nan
    panel.take(BandSample(10.0, names, ("delta", "theta", "alpha", "beta", "gamma"), power))
    panel.refresh(10.1)
    assert panel.note == "log10 µV²/Hz, dark is low · 1 masked (grey)"
    np.testing.assert_array_equal(panel.canvas.power[:, 3], power[2])
    assert (panel.canvas._pixels[:, 3] == panel.canvas._masked).all()
    assert _colors(panel) > 20
    panel.refresh(15.0)
    assert panel.note == "stale: 5.0 s old"


def test_the_video_shows_the_oval_only_with_a_current_face(themed: QApplication, qtbot) -> None:
    panel = VideoPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(420, 360)
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    mesh = np.random.default_rng(1).uniform(0, 48, (468, 2)).astype(np.float32)
    regions = ("brow_left", "brow_right")
    panel.take_frame(VideoFrame(image, 5.0, 1))
    panel.refresh(5.0)
    assert "face not evaluated" in panel.note
    panel.take_mesh(MeshSample(5.0, mesh))
    panel.take_face(FaceSample(5.0, 0.9, regions, np.ones(2, np.float32)))
    panel.refresh(5.0)
    assert panel.canvas.oval is not None
    np.testing.assert_allclose(panel.canvas.oval.min(axis=0), mesh.min(axis=0))
    np.testing.assert_allclose(panel.canvas.oval.max(axis=0), mesh.max(axis=0))
    assert panel.note.endswith("face 90%")
    assert _colors(panel) > 200
    panel.take_frame(VideoFrame(image, 6.0, 2))
    panel.take_face(FaceSample(6.0, 0.0, regions, np.full(2, np.nan, np.float32)))
    panel.refresh(6.0)
    assert panel.canvas.oval is None
    assert panel.canvas.caption == "no face"
    panel.refresh(8.5)
    assert panel.canvas.caption == "no video for 2.5 s"


def test_the_outline_is_the_hull_and_points_on_a_line_have_none() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [1, 3]], np.float32)
    outline = face_outline(square)
    assert outline is not None
    assert {tuple(point) for point in outline.tolist()} == {(0, 0), (4, 0), (4, 4), (0, 4)}
    assert face_outline(np.zeros((468, 2), np.float32)) is None


def test_motion_rows_pair_left_and_right() -> None:
    regions = ("brow_left", "brow_right", "mouth_left", "mouth_right", "mouth", "chin")
    assert motion_rows(regions) == [("brows", [1, 0]), ("corners", [3, 2]), ("mouth", [4]), ("chin", [5])]
    assert motion_rows(("forehead_left",)) == [("forehead_left", [0])]


def test_old_motion_is_not_shown(themed: QApplication, qtbot) -> None:
    panel = MotionPanel(DARK)
    qtbot.addWidget(panel)
    panel.take(FaceSample(5.0, 0.9, ("chin",), np.array([7.0], np.float32)))
    panel.refresh(5.1)
    assert panel.bars.motion.tolist() == [7.0]
    panel.refresh(9.0)
    assert np.isnan(panel.bars.motion).all()
    assert panel.note == "stale: 4.0 s old"


def test_a_movement_is_a_candidate_with_its_pictures(themed: QApplication, qtbot) -> None:
    panel = MovementPanel(DARK)
    qtbot.addWidget(panel)
    panel.refresh(1.0)
    assert panel.note == "nothing found yet"
    panel.take(MovementEvent(10.0, 10.2, 10.4, "micro", 8.25, ("mouth_left", "chin")))
    flow = np.zeros((256, 256, 2), np.float32)
    flow[100:120, 100:120] = (2.0, 0.0)
    crop = np.full((256, 256), 90, np.uint8)
    panel.take_pictures(MovementPictures(10.6, crop, crop, flow))
    panel.refresh(12.2)
    assert panel.note == "apex 2.0 s ago"
    assert panel.caption == "candidate micro-movement, 400 ms, 8.2 x noise · mouth left, chin"
    assert [name for name, _ in panel.thumbnails.images] == ["onset", "apex", "flow, 0.2 px"]


def test_flow_colours_tell_direction_and_length() -> None:
    flow = np.zeros((40, 40, 2), np.float32)
    flow[:20, :20], flow[:20, 20:], flow[20:, :20] = (1, 0), (-1, 0), (0.5, 0)
    image, full = flow_picture(flow)
    assert full == pytest.approx(1.0)
    np.testing.assert_array_equal(image[5, 5], [255, 0, 0])
    np.testing.assert_array_equal(image[5, 30], [0, 255, 255])
    np.testing.assert_array_equal(image[30, 5], [128, 0, 0])
    np.testing.assert_array_equal(image[30, 30], [0, 0, 0])
    assert flow_picture(0.01 * flow)[1] == 0.25


def test_the_timeline_sorts_movements_into_rows(themed: QApplication, qtbot) -> None:
    panel = TimelinePanel(DARK)
    qtbot.addWidget(panel)
    panel.take(MovementEvent(10.0, 10.2, 10.4, "micro", 8.0, ()))
    panel.take(MovementEvent(20.0, 20.5, 21.0, "macro", 9.0, ()))
    panel.take(MovementEvent(9.9, 10.1, 10.3, "micro", math.nan, (), true=True))
    panel.take_note(OperatorNote(15.0, "sneezed"))
    panel.set_simulated(True)
    panel.refresh(30.0)
    assert [len(row.events) for row in (panel.micro_row, panel.macro_row, panel.true_row)] == [1, 1, 1]
    assert not panel.true_row.isHidden()
    assert [note.text for note in panel.note_row.notes] == ["sneezed"]
    assert panel.note == "candidates: 1 micro, 1 macro; numbers: x noise"
    panel.refresh(75.0)
    assert [len(row.events) for row in (panel.micro_row, panel.macro_row)] == [0, 1]
    assert panel.note_row.isHidden() is True


def test_health_is_red_where_a_stream_is_stale_and_unknown_where_the_engine_is_silent(
    themed: QApplication, qtbot
) -> None:
    panel = HealthPanel(DARK)
    qtbot.addWidget(panel)
    rows = (
        StreamRow("emostream-eeg", "live", 12_345, 0, 0, 0.004, 1000.0),
        StreamRow("emostream-video", "stale", 300, 12, 1, 2.5, 24.0),
    )
    panel.take(HealthReport(50.0, rows, 3.21, 9.9, None))
    panel.refresh(50.5)
    assert [panel.cell(0, c) for c in range(7)] == ["emostream-eeg", "● live", "1000.0 Hz", "4 ms", "12,345", "0", "0"]
    assert [panel.cell(1, c) for c in (1, 3, 5)] == ["▲ stale", "2.5 s", "12"]
    assert panel.table.item(1, 0).foreground().color().name() == DARK.bad  # type: ignore[union-attr]
    assert panel.table.item(0, 0).foreground().color().name() == DARK.text  # type: ignore[union-attr]
    assert panel.note == "sample to prediction 3.2 ms median, 9.9 ms p99"
    panel.refresh(58.0)
    assert panel.note == "the engine has been silent for 8.0 s"
    assert panel.cell(0, 1) == "? unknown"
    assert panel.table.item(0, 0).foreground().color().name() == DARK.bad  # type: ignore[union-attr]


def test_words_for_flags_and_ages() -> None:
    assert flag_words(0) == ""
    assert flag_words(int(Quality.RAILED | Quality.NOT_FINITE)) == "railed, not finite"
    assert [age_text(x) for x in (math.nan, -0.1, 0.24, 9.94, 14.2, 180.0)] == [
        "-",
        "0.0 s",
        "0.2 s",
        "9.9 s",
        "14 s",
        "3 min",
    ]
