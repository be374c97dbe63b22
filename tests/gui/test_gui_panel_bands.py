"""Band power, its baseline, its maps, the spectrogram and the signal quality, offscreen."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PyQt5.QtCore import QPointF
from PyQt5.QtWidgets import QApplication, QWidget

from gui.panels.eeg.bands import EXPORTED, BandPanel
from gui.panels.eeg.quality import QualityPanel, plan, sign
from gui.panels.eeg.scalp_map import SIDE, ScalpMap, bending, spline_weights
from gui.panels.eeg.spectrogram import HOP_S, N_COLUMNS, SpectrogramPanel, SpectrumHistory
from gui.panels.eeg.topomap import TopomapPanel, cells
from gui.streams.band_baseline import BandBaseline, BaselineSpan
from gui.streams.messages import BandSample, QualitySample
from gui.theme import DARK, LIGHT, Theme, apply_theme
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.packets import EegChunk, EegInfo, Quality

BANDS = ("delta", "theta", "alpha", "beta", "gamma")
NAMES = ("Fp1", "Fp2", "Cz", "O1", "O2", "T7")


@pytest.fixture(params=[DARK, LIGHT], ids=["dark", "light"])
def theme(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[Theme]:
    """Both themes."""
    apply_theme(qapp, request.param)
    yield request.param
    qapp.setStyleSheet("")


@pytest.fixture
def dark(qapp: QApplication) -> Iterator[Theme]:
    """The dark theme."""
    apply_theme(qapp, DARK)
    yield DARK
    qapp.setStyleSheet("")


def _colors(widget: QWidget) -> set[int]:
    image = widget.grab().toImage().convertToFormat(4)
    raw = image.bits().asarray(image.byteCount())  # type: ignore[union-attr]
    return set((np.unique(np.frombuffer(raw, np.uint32)) & 0xFFFFFF).tolist())


def _sample(stamp: float, level: float = 1.0, names: tuple[str, ...] = NAMES) -> BandSample:
    power = np.tile(level + np.arange(5, dtype=np.float32) / 10, (len(names), 1)).astype(np.float32)
    power[-1] = np.nan
    return BandSample(stamp, names, BANDS, power)


def test_bars_are_means_of_what_is_known(theme: Theme, qtbot) -> None:
    panel = BandPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(500, 240)
    panel.show()
    panel.refresh(9.0)
    assert panel.note == "waiting for the engine"
    assert not panel.mark_button.isEnabled()
    panel.take(_sample(10.0))
    panel.refresh(10.1)
    assert panel.note == "log10 µV²/Hz · 1 masked"
    assert panel.bars.texts() == ["1.0", "1.1", "1.2", "1.3", "1.4"]
    assert int(theme.accent[1:], 16) in _colors(panel.bars)
    panel.refresh(15.0)
    assert panel.note == "stale: 5.0 s old"
    assert panel.bars.dimmed
    panel.region.chosen.emit("temporal")
    panel.region.set_value("temporal")
    panel._rearrange()
    assert panel.bars.texts() == ["-"] * 5
    panel.grab()


def test_a_baseline_is_marked_with_the_button(dark: Theme, qtbot) -> None:
    panel = BandPanel(dark)
    qtbot.addWidget(panel)
    panel.show()
    told: list[object] = []
    panel.baseline_changed.connect(told.append)
    panel.take(_sample(0.0))
    panel.refresh(0.0)
    panel.mark_button.click()
    for at in range(1, 100):
        panel.take(_sample(at / 20, 1.0 + 0.1 * (-1) ** at))
    panel.refresh(4.95)
    assert panel.note.startswith("taking a baseline, 5 s so far")
    assert panel.mark_button.text() == "End baseline (B)"
    panel.mark_button.click()
    panel.take(_sample(5.0, 1.5))
    panel.refresh(5.0)
    assert panel.note == "dB against the baseline of 5 s · 1 masked"
    assert panel.bars.texts() == ["+5.0 dB"] * 5
    assert isinstance(panel.baseline, BandBaseline)
    assert told == [panel.baseline]
    assert (panel.baseline.start_s, panel.baseline.end_s) == (0.0, 4.95)
    header, *rows = panel.export_rows()
    assert tuple(header) == EXPORTED
    assert len(rows) == len(NAMES) * len(BANDS)
    assert tuple(rows[0])[:4] == (5.0, "Fp1", "frontal", "delta")
    assert rows[0][5] == pytest.approx(5.0, abs=0.02)
    assert np.isnan(float(rows[-1][4]))
    panel.clear_button.click()
    assert panel.baseline is None
    assert told[-1] is None


def test_a_short_baseline_is_refused_and_the_old_one_stays(dark: Theme, qtbot) -> None:
    panel = BandPanel(dark)
    qtbot.addWidget(panel)
    panel.show()
    panel.take(_sample(0.0))
    mean = np.zeros((2, 2), np.float32)
    panel.set_baseline(BandBaseline(("O1", "Fp1"), ("alpha", "theta"), mean, "calibration"))
    panel.mark_baseline()
    panel.take(_sample(0.5))
    panel.mark_baseline()
    panel.refresh(0.5)
    assert panel.note == "baseline not taken: at least 2 s of good signal are wanted"
    change = panel.change_db()
    assert change is not None
    known = np.isfinite(change)
    assert [(NAMES[r], BANDS[c]) for r, c in np.argwhere(known)] == [
        ("Fp1", "theta"),
        ("Fp1", "alpha"),
        ("O1", "theta"),
        ("O1", "alpha"),
    ]
    np.testing.assert_allclose(change[known], [11, 12, 11, 12], rtol=1e-5)
    other = BandPanel(dark)
    qtbot.addWidget(other)
    other.adopt(panel)
    assert other.baseline is panel.baseline


def test_a_span_starts_anew_with_other_channels() -> None:
    span = BaselineSpan(0.0)
    for at in range(60):
        span.take(_sample(at / 20, 5.0))
    for at in range(60):
        span.take(_sample(3 + at / 20, 2.0, ("Cz", "Pz")))
    found = span.finish()
    assert found is not None
    assert found.channels == ("Cz", "Pz")
    assert found.start_s == 3.0
    np.testing.assert_allclose(found.mean[0], [2.0, 2.1, 2.2, 2.3, 2.4], rtol=1e-6)
    assert np.isnan(found.mean[1]).all()


def test_a_spline_goes_through_its_electrodes_and_keeps_what_is_level() -> None:
    scalp = ScalpMap(MODEL_CHANNELS)
    assert len(scalp.rows) == 62
    assert np.hypot(*scalp.places.T).max() < 1.0
    among = bending(scalp._directions @ scalp._directions.T)
    weights = spline_weights(among, among)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-3)
    smooth = scalp._directions @ np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(weights @ smooth, smooth, atol=0.05)
    level = scalp.spread(np.full((62, 1), 3.0, np.float32))
    np.testing.assert_allclose(level[0][scalp.inside], 3.0, atol=0.01)
    assert np.isnan(level[0][~scalp.inside]).all()


def test_a_map_has_the_nose_up_and_left_on_the_left() -> None:
    scalp = ScalpMap(("EEG Fp1-REF", "nothing", *MODEL_CHANNELS[1:]))
    assert scalp.rows[:2] == [0, 2]
    values = scalp._directions[:, [1, 0]].astype(np.float32)
    front, right = scalp.spread(values)
    middle = SIDE // 2
    assert front[4, middle] > 0.5 > -0.5 > front[-4, middle]
    assert right[middle, -4] > 0.5 > -0.5 > right[middle, 4]


def test_bad_channels_are_masked_and_have_no_say() -> None:
    scalp = ScalpMap(MODEL_CHANNELS)
    values = np.ones((62, 2), np.float32)
    bad = MODEL_CHANNELS.index("Cz")
    values[bad] = np.nan
    found = scalp.spread(values)
    x, y = scalp.places[bad]
    row, column = int((1 - y) / 2 * SIDE), int((x + 1) / 2 * SIDE)
    assert np.isnan(found[:, row, column]).all()
    known = np.isfinite(found[0])
    assert 0.95 < known.sum() / scalp.inside.sum() < 1.0
    np.testing.assert_allclose(found[0][known], 1.0, atol=0.01)
    values[6:] = np.nan
    values[:2] = np.nan
    assert np.isnan(scalp.spread(values)).all(), "four electrodes make no map"
    for row in range(20):
        one = np.ones((62, 1), np.float32)
        one[row] = np.nan
        scalp.spread(one)
    assert len(scalp._matrices) == 8


def test_the_topomap_shows_power_then_changes(theme: Theme, qtbot) -> None:
    panel = TopomapPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(600, 200)
    panel.show()
    panel.refresh(1.0)
    assert panel.note == "waiting for the engine"
    power = np.random.default_rng(0).normal(1, 0.3, (62, 5)).astype(np.float32)
    power[3] = np.nan
    sample = BandSample(10.0, MODEL_CHANNELS, BANDS, power)
    panel.take(sample)
    panel.refresh(10.1)
    assert panel.note == "log10 µV²/Hz · 1 bad (✕, hatched)"
    shown = _colors(panel.maps)
    assert len(shown) > 200
    assert int(theme.bad[1:], 16) in shown
    baseline = BandBaseline(MODEL_CHANNELS, BANDS, power - np.float32(0.5), "baseline of 9 s")
    panel.set_baseline(baseline)
    panel.refresh(10.2)
    assert panel.note == "dB against the baseline of 9 s · 1 bad (✕, hatched)"
    header, *rows = panel.export_rows()
    assert tuple(header) == EXPORTED
    assert len(rows) == 62 * len(BANDS), "a map is of all channels"
    assert tuple(rows[1])[1:5] == ("Fp1", "frontal", "theta", pytest.approx(float(power[0, 1])))
    assert rows[1][5] == pytest.approx(5.0, abs=1e-4)
    assert np.isnan(float(rows[3 * len(BANDS)][4])), "a masked channel has no power"
    np.testing.assert_allclose(panel.maps.limits, np.tile([-5.0, 5.0], (5, 1)), rtol=1e-4)
    panel.refresh(20.0)
    assert panel.note == "stale: 10 s old"
    panel.grab()


def test_a_source_without_places_is_told_so(dark: Theme, qtbot) -> None:
    panel = TopomapPanel(dark)
    qtbot.addWidget(panel)
    panel.show()
    panel.take(_sample(1.0, names=("E1", "E2", "E3")))
    panel.refresh(1.0)
    assert panel.note == "at least 6 electrodes with 10-20 names are wanted"
    panel.grab()


def test_maps_are_laid_out_as_large_as_they_fit() -> None:
    assert len({box.top() for box in cells(5, 900, 180, 30)}) == 1
    assert len({box.left() for box in cells(5, 150, 800, 30)}) == 1
    assert len({box.top() for box in cells(5, 400, 400, 30)}) == 2


INFO = EegInfo("cap", "c", ("Cz", "Oz"), 250.0)


def _tone(seconds: float, start_s: float = 100.0, hertz: float = 10.0) -> tuple[np.ndarray, np.ndarray]:
    t = start_s + np.arange(int(250 * seconds)) / 250.0
    x = np.stack([20 * np.sin(2 * np.pi * hertz * t), np.zeros_like(t)])
    return (x + np.random.default_rng(0).normal(0, 0.5, x.shape)).astype(np.float32), t


def _feed(panel: SpectrogramPanel, seconds: float, start_s: float = 100.0) -> None:
    x, t = _tone(seconds, start_s)
    for at in range(0, len(t), 10):
        panel.take(INFO, EegChunk(x[:, at : at + 10], t[at : at + 10], "u", at))


def test_spectra_have_their_peak_power_and_gaps_stay_blank() -> None:
    history = SpectrumHistory(2, 250.0)
    x, t = _tone(10.0)
    t[1500:] += 5.0
    for at in range(0, len(t), 10):
        history.push(EegChunk(x[:, at : at + 10], t[at : at + 10], "u", at))
    newest = history.power[history.head % N_COLUMNS]
    assert history.freqs_hz[newest[0].argmax()] == pytest.approx(10.0)
    # a sine of amplitude 20 has 200 µV²; the density over the window's main lobe adds up to it
    density = 10.0 ** newest[0]
    assert density.sum() * (history.freqs_hz[1]) == pytest.approx(200.0, rel=0.02)
    assert newest[1].max() < 0.5
    columns = history.columns(history.head - 60, np.array([True, False]))
    blank = np.isnan(columns).all(axis=0)
    # five seconds of gap, and two until the window is full again
    assert blank[-61:].sum() * HOP_S >= 6.5
    assert not blank[-1]
    assert history.head == int(t[-1] / HOP_S)


def test_the_spectrogram_shows_a_channel_or_the_mean_of_the_good(theme: Theme, qtbot) -> None:
    panel = SpectrogramPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(500, 260)
    panel.show()
    panel.refresh(1.0)
    assert panel.note == "waiting for an EEG stream"
    assert panel.export_rows() == [("time_s", "source")]
    _feed(panel, 5.0)
    panel.refresh(105.0)
    assert panel.note == "mean of 2 channels · log10 µV²/Hz"
    assert len(_colors(panel.canvas)) > 50
    panel.take_quality(QualitySample(105.0, {"Cz": int(Quality.NOISY), "Oz": 0}))
    panel.refresh(105.0)
    assert panel.note == "mean of 1 channel · log10 µV²/Hz"
    panel.set_channel("Cz")
    panel.refresh(105.0)
    assert panel.note == "Cz is bad · log10 µV²/Hz"
    known = np.isfinite(panel._picture).all(axis=0)
    assert known.sum() == pytest.approx(3.0 / HOP_S, abs=2), "the past of the other channel is there"
    header, *rows = panel.export_rows()
    assert len(rows) == known.sum()
    assert [float(row[0]) for row in rows[-2:]] == [104.5, 104.75]
    assert {row[1] for row in rows} == {"Cz"}
    assert header[2 + int(np.argmax(rows[-1][2:]))] == "10_hz"
    np.testing.assert_allclose(rows[-1][2:], panel._picture[:, -1])
    panel.refresh(109.0)
    assert panel.note == "stale: 4.0 s old"


def test_a_hidden_spectrogram_computes_nothing(dark: Theme, qtbot) -> None:
    panel = SpectrogramPanel(dark)
    qtbot.addWidget(panel)
    _feed(panel, 5.0)
    assert panel.history is not None
    assert panel.history.head == -1
    panel.show()
    _feed(panel, 5.0, 105.0)
    panel.refresh(110.0)
    other = SpectrogramPanel(dark)
    qtbot.addWidget(other)
    other.adopt(panel)
    other.show()
    _feed(other, 5.0, 105.0)
    other.refresh(110.0)
    np.testing.assert_array_equal(other._picture, panel._picture)


def test_quality_lies_on_a_plan_of_the_cap(theme: Theme, qtbot) -> None:
    places, rows, columns = plan(("Fp1", "Fp2", "Cz", "C3", "M1", "X9"))
    assert (rows, columns) == (3, 5)
    assert places == [(0, 1), (0, 3), (1, 2), (1, 0), (2, 0), (2, 1)]
    assert plan(tuple(f"E{i}" for i in range(12)))[1:] == (2, 10)
    panel = QualityPanel(theme)
    qtbot.addWidget(panel)
    panel.resize(500, 320)
    panel.show()
    panel.refresh(1.0)
    assert panel.note == "waiting for the engine"
    assert len(panel.export_rows()) == 1
    flags = dict.fromkeys(MODEL_CHANNELS, 0)
    for at in range(4):
        panel.take(QualitySample(10.0 + at, flags | {"T7": int(Quality.FLAT) if at else 0}))
    panel.refresh(13.1)
    assert panel.note == "61 of 62 channels good · line: share of the last minute"
    assert panel.cap.accessibleDescription() == "T7 flat"
    index = MODEL_CHANNELS.index("T7")
    assert panel.cap.words(index) == "flat, good for 25% of the last minute"
    header, *rows = panel.export_rows()
    assert header == ("time_s", "channel", "quality", "share_good")
    assert [row[1] for row in rows] == list(MODEL_CHANNELS)
    assert rows[0] == (13.0, "Fp1", "good", 1.0)
    assert rows[index] == (13.0, "T7", "flat", 0.25)
    assert panel.cap.at(panel.cap._box(index).center()) == index
    assert panel.cap.at(QPointF(-5, -5)) is None
    shown = _colors(panel.cap)
    assert {int(theme.bad[1:], 16), int(theme.good[1:], 16)} <= shown
    panel.refresh(20.0)
    assert panel.note == "stale: 7.0 s old"
    assert panel.cap.words(index) == "not known"
    assert int(theme.bad[1:], 16) not in _colors(panel.cap)


def test_a_minute_of_quality_is_kept_and_no_more(dark: Theme, qtbot) -> None:
    panel = QualityPanel(dark)
    qtbot.addWidget(panel)
    panel.show()
    for at in range(400):
        panel.take(QualitySample(at / 4, {"Cz": int(Quality.NOISY) if at < 200 else 0}))
    panel.refresh(100.0)
    assert panel.cap.share[0] == pytest.approx(200 / 241, abs=0.01)
    panel.take(QualitySample(101.0, {"Cz": 0, "Pz": 0}))
    panel.refresh(101.0)
    assert panel.cap.share.tolist() == [1.0, 1.0]


def test_every_flag_has_a_sign_of_its_own() -> None:
    signs = [sign(0), *(sign(int(flag)) for flag in Quality if flag)]
    assert len(set(signs)) == 6
    assert sign(int(Quality.MAINS | Quality.FLAT)) == sign(int(Quality.FLAT))
