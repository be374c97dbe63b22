"""The EEG picture, offscreen: samples and settings in, what is shown out; and the filters against plain definitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication
from scipy import signal

from gui.panels.eeg.channels import ChannelChoice, ChannelPicker, cell, place, region_of
from gui.panels.eeg.controls import SCALES_UV, EegView
from gui.panels.eeg.display_filter import DisplayChain, DisplayFilters
from gui.panels.eeg.panel import EegPanel, flag_words
from gui.streams.messages import QualitySample
from gui.theme import DARK, apply_theme
from realtime.packets import EegChunk, EegInfo, Quality

NAMES = ("Fp1", "Fz", "F8", "C3", "Cz", "T8", "Pz", "Oz")


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[QApplication]:
    """The application in the dark theme."""
    apply_theme(qapp, DARK)
    yield qapp
    qapp.setStyleSheet("")


@pytest.fixture
def panel(themed: QApplication, qtbot) -> EegPanel:
    """A shown panel."""
    made = EegPanel(DARK)
    qtbot.addWidget(made)
    made.resize(700, 500)
    made.show()
    return made


def _eeg(
    panel: EegPanel, names: tuple[str, ...] = NAMES, seconds: float = 3.0, start_s: float = 50.0, uid: str = "uid"
) -> np.ndarray:
    n = int(1000 * seconds)
    samples = np.random.default_rng(0).normal(0, 20, (len(names), n)).astype(np.float32)
    panel.take(
        EegInfo("cap", "cap-1", names, 1000.0), EegChunk(samples, start_s + np.arange(n) / 1000.0, uid, int(start_s))
    )
    return samples


def _unrolled(panel: EegPanel) -> np.ndarray:
    traces = panel.canvas.traces
    assert traces is not None
    return np.concatenate([traces.pixels[:, part.left() : part.right() + 1] for _, part in traces.parts()], axis=1)


def _inked(panel: EegPanel) -> np.ndarray:
    """(n_columns,) bool: columns with a trace, oldest first."""
    colors = [int(name[1:], 16) for name in (DARK.trace, DARK.trace_other)]
    return np.isin(_unrolled(panel) & 0xFFFFFF, colors).any(axis=0)


def test_eeg_is_drawn_bad_channels_are_marked_and_silence_is_said(panel: EegPanel) -> None:
    panel.refresh(50.0)
    assert panel.canvas.overlay == "waiting for an EEG stream"
    names = tuple(f"E{i}" for i in range(64))
    _eeg(panel, names)
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


def test_a_bad_channel_is_dashed_not_only_grey(panel: EegPanel) -> None:
    _eeg(panel, ("Cz",))
    panel.take_quality(QualitySample(53.0, {"Cz": int(Quality.NOISY)}))
    panel.refresh(53.0)
    grey = (_unrolled(panel) & 0xFFFFFF) == int(DARK.trace_bad[1:], 16)
    inked = grey.any(axis=0)[-150:]
    assert 0.4 < inked.mean() < 0.6
    assert np.abs(np.diff(inked.astype(int))).sum() > 20


def test_it_survives_resizing_scaling_and_another_window(panel: EegPanel) -> None:
    _eeg(panel)
    panel.refresh(53.0)

    def covered() -> float:
        return float(_inked(panel).mean())

    assert covered() == pytest.approx(0.3, abs=0.05)
    panel.resize(500, 420)
    panel.refresh(53.0)
    assert covered() == pytest.approx(0.3, abs=0.05)
    panel.set_view(replace(panel.view, window_s=5.0))
    panel.refresh(53.0)
    assert panel.view.window_s == 5.0
    assert panel.controls.window_s.text() == "5 s"
    assert covered() == pytest.approx(0.6, abs=0.05)
    for _ in range(10):
        panel.step_scale(1)
    assert panel.canvas.scale_uv == SCALES_UV[-1]
    for _ in range(10):
        panel.step_scale(-1)
    assert panel.canvas.scale_uv == SCALES_UV[0]


def test_the_newest_column_is_at_the_right_edge(panel: EegPanel) -> None:
    _eeg(panel, NAMES[:4])
    panel.refresh(53.0)
    busy = _inked(panel)
    share = len(busy) * 0.3
    assert busy[-int(share) + 2 :].mean() > 0.9
    assert not busy[: -int(share) - 2].any()


def test_drawn_in_steps_or_at_once_is_the_same_picture(panel: EegPanel, qtbot) -> None:
    view = EegView(filters=DisplayFilters(1.0, 45.0, 50.0, True), channels=ChannelChoice("frontal"))
    panel.set_view(view)
    x = np.random.default_rng(1).normal(0, 20, (len(NAMES), 6000)).astype(np.float32)
    stamps = 50.0 + np.arange(6000) / 1000.0
    info = EegInfo("cap", "cap-1", NAMES, 1000.0)
    for at in range(0, 6000, 33):
        panel.take(info, EegChunk(x[:, at : at + 33], stamps[at : at + 33], "u", at))
        panel.refresh(float(stamps[at]))
    whole = EegPanel(DARK)
    qtbot.addWidget(whole)
    whole.resize(panel.size())
    whole.show()
    whole.set_view(view)
    whole.take(info, EegChunk(x, stamps, "u", 0))
    whole.refresh(56.0)
    assert whole.canvas.shown == ("Fp1", "Fz", "F8")
    np.testing.assert_array_equal(_unrolled(panel), _unrolled(whole))


def test_hidden_it_draws_nothing_and_shown_again_it_has_what_came(panel: EegPanel) -> None:
    _eeg(panel, seconds=1.0)
    panel.refresh(51.0)
    panel.hide()
    drawn = panel.canvas.traces
    assert drawn is not None
    head = drawn.envelope.head
    _eeg(panel, start_s=51.0)
    panel.refresh(54.0)
    assert drawn.envelope.head == head
    panel.show()
    panel.refresh(54.0)
    assert _inked(panel).mean() == pytest.approx(0.4, abs=0.05)


def test_a_restarted_source_begins_anew_and_no_channel_is_said(panel: EegPanel) -> None:
    _eeg(panel)
    panel.refresh(53.0)
    _eeg(panel, ("A", "B"), 1.0, 60.0, uid="other")
    panel.refresh(61.0)
    assert panel.canvas.shown == ("A", "B")
    panel.set_view(EegView(channels=ChannelChoice(names=())))
    panel.refresh(61.0)
    assert panel.canvas.overlay == "no channel is chosen"
    assert panel.note == "0 of 2 channels · 1000 Hz · cap"
    panel.grab()


def test_good_only_follows_the_quality(panel: EegPanel) -> None:
    panel.set_view(EegView(channels=ChannelChoice(good_only=True)))
    _eeg(panel)
    panel.take_quality(QualitySample(53.0, {"Cz": int(Quality.FLAT)}))
    panel.refresh(53.0)
    assert panel.canvas.shown == tuple(name for name in NAMES if name != "Cz")
    panel.take_quality(QualitySample(53.0, {"Cz": 0}))
    panel.refresh(53.0)
    assert panel.canvas.shown == NAMES


def test_the_menus_are_spoken_and_change_the_picture(panel: EegPanel, qtbot) -> None:
    _eeg(panel)
    controls = panel.controls
    for button in (controls.channels, controls.window_s, controls.scale, controls.filters):
        assert button.accessibleName()
        assert button.accessibleDescription() == button.text()
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    with qtbot.waitSignal(controls.changed):
        next(a for a in controls.window_s.choices.actions() if a.text() == "20 s").trigger()
    highpass = controls.filters.choices.actions()[0].menu()
    assert highpass is not None
    next(a for a in highpass.actions() if a.text() == "1 Hz").trigger()
    next(a for a in controls.channels.choices.actions() if a.text() == "Frontal").trigger()
    assert panel.view == EegView(
        window_s=20.0, filters=DisplayFilters(highpass_hz=1.0), channels=ChannelChoice("frontal")
    )
    assert controls.filters.text() == "above 1 Hz"


def test_filters_that_the_rate_cannot_have_are_not_offered(panel: EegPanel) -> None:
    panel.take(EegInfo("slow", "s", ("Cz",), 100.0), EegChunk(np.zeros((1, 5)), 1 + np.arange(5) / 100, "u", 0))
    lowpass = panel.controls.filters.choices.actions()[1].menu()
    assert lowpass is not None
    assert [a.text() for a in lowpass.actions() if not a.isEnabled()] == ["70 Hz", "100 Hz"]
    assert DisplayFilters(1.0, 70.0, 50.0).fitting(100.0) == DisplayFilters(1.0)


def test_channels_are_picked_by_name_with_the_keyboard(panel: EegPanel, qtbot) -> None:
    _eeg(panel)
    panel.controls.channels.open_picker()
    picker = panel.controls.channels.picker
    assert isinstance(picker, ChannelPicker)
    assert picker.ticked() == NAMES
    picker.list.setFocus()
    qtbot.keyClick(picker.list, Qt.Key_Space)
    assert picker.ticked() == NAMES[1:]
    assert panel.canvas.shown == NAMES[1:]
    qtbot.keyClicks(picker.search, "z")
    picker._tick_listed(Qt.CheckState.Unchecked)
    assert panel.canvas.shown == ("F8", "C3", "T8")
    assert panel.controls.channels.text() == "3 chosen"
    qtbot.keyClick(picker, Qt.Key_Escape)
    assert not picker.isVisible()


def test_a_new_panel_takes_the_settings_over(panel: EegPanel, qtbot) -> None:
    panel.set_view(replace(panel.view, window_s=2.0, scale_uv=50.0))
    other = EegPanel(DARK)
    qtbot.addWidget(other)
    other.adopt(panel)
    assert other.view == panel.view
    assert other.controls.scale.text() == "50 µV"


def test_names_lie_on_the_cap() -> None:
    names = ("Oz", "Fp2", "C3", "Fp1", "Fz", "P8", "nothing")
    assert sorted(names, key=place) == ["Fp1", "Fp2", "Fz", "C3", "P8", "Oz", "nothing"]
    assert [cell(n) for n in ("Cz", "EEG T3-REF", "CB1", "O1", "x")] == [(4, 0), (4, -4), (8, -3), (8, -1), None]
    assert [region_of(n) for n in ("AF3", "T3", "CPz", "P1", "CB2", "E9")] == [
        "frontal",
        "temporal",
        "central",
        "parietal",
        "occipital",
        "other",
    ]


def test_words_for_flags() -> None:
    assert flag_words(0) == ""
    assert flag_words(int(Quality.RAILED | Quality.NOT_FINITE)) == "railed, not finite"


ALL = DisplayFilters(1.0, 40.0, 50.0)


def _chain(n: int = 3, filters: DisplayFilters = ALL) -> DisplayChain:
    return DisplayChain(np.arange(n), 250.0, filters, 0.1)


def test_the_chain_filters_as_scipy_does_in_one_go_or_in_pieces() -> None:
    x = np.random.default_rng(2).normal(0, 20, (3, 1000)).astype(np.float32) + 5000
    stamps = np.arange(1000) / 250.0
    good = np.ones(3, bool)
    sos = np.concatenate(
        [
            signal.butter(2, 1.0, "highpass", fs=250, output="sos"),
            signal.butter(2, 40.0, "lowpass", fs=250, output="sos"),
            signal.tf2sos(*signal.iirnotch(50.0, 30.0, fs=250)),
        ]
    )
    wanted, _ = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos)[:, None, :] * x[:, :1])
    chain = _chain()
    pieces = [chain.process(x[:, a : a + 37], stamps[a : a + 37], good) for a in range(0, 1000, 37)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), wanted, atol=2e-3)
    np.testing.assert_allclose(_chain().process(x, stamps, good), wanted, atol=2e-3)


def test_the_data_are_never_changed_and_the_future_has_no_say() -> None:
    x = np.random.default_rng(3).normal(0, 20, (3, 500)).astype(np.float32)
    stamps = np.arange(500) / 250.0
    kept = x.copy()
    first = _chain(filters=replace(ALL, average=True)).process(x, stamps, np.ones(3, bool))
    np.testing.assert_array_equal(x, kept)
    x[:, 300:] += 500
    again = _chain(filters=replace(ALL, average=True)).process(x, stamps, np.ones(3, bool))
    np.testing.assert_array_equal(first[:, :300], again[:, :300])


def test_nan_is_shown_as_nan_and_does_not_stay() -> None:
    x = np.full((3, 600), 4000.0, np.float32)
    x[1, 100:120] = np.nan
    x[2, :50] = np.inf
    y = _chain().process(x, np.arange(600) / 250.0, np.ones(3, bool))
    assert np.isnan(y[1, 100:120]).all()
    assert np.isnan(y[2, :50]).all()
    assert np.isfinite(y).sum() == 3 * 600 - 70
    assert np.nanmax(np.abs(y)) < 1.0, "an offset does not ring"


def test_after_a_gap_filters_start_afresh() -> None:
    x = np.full((3, 400), 100.0, np.float32)
    x[:, 200:] = 9000.0
    stamps = np.arange(400) / 250.0
    stamps[200:] += 1.0
    y = _chain().process(x, stamps, np.ones(3, bool))
    assert np.abs(y).max() < 1.0


def test_the_average_rests_on_good_channels() -> None:
    x = np.array([[1.0, 2.0], [3.0, np.nan], [1000.0, 1000.0]], np.float32)
    y = _chain(filters=DisplayFilters(average=True)).process(x, np.array([0.0, 0.004]), np.array([True, True, False]))
    np.testing.assert_allclose(y[0], [-1.0, 0.0])
    np.testing.assert_allclose(y[2], [998.0, 998.0])
