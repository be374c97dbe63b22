"""Channels by name, never by position."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.eeg.montage import (
    MODEL_CHANNELS,
    ChannelMap,
    canonical_name,
    electrode_positions,
    interpolation_matrix,
    is_brain,
    is_eog,
    name_list,
)
from realtime.errors import MontageError


def test_model_has_62_channels_with_the_cerebellar_pair() -> None:
    assert len(MODEL_CHANNELS) == len(set(MODEL_CHANNELS)) == 62
    assert {"CB1", "CB2", "O2", "Fp1", "T7"} <= set(MODEL_CHANNELS)
    assert not {"M1", "M2", "A1", "T3"} & set(MODEL_CHANNELS)
    assert all(canonical_name(name) == name for name in MODEL_CHANNELS)
    assert all(canonical_name(name.upper()) == name for name in MODEL_CHANNELS)
    assert all(canonical_name(name.lower()) == name for name in MODEL_CHANNELS)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("T3", "T7"),
        ("t4", "T8"),
        ("EEG T5-REF", "P7"),
        ("T6-A1", "P8"),
        ("EEG Fp1-LE", "Fp1"),
        ("eeg_OZ", "Oz"),
        ("Fc5.", "FC5"),
        ("Cz..", "Cz"),
        (" C3 (uV)", "C3"),
        ("P3-M1M2", "P3"),
        ("FPZ", "Fpz"),
        ("EEG F3-Cz", "EEG F3-Cz"),
        ("Fp1-F7", "Fp1-F7"),
        ("HEO", "HEO"),
        ("EEG 001", "EEG 001"),
        ("Status", "Status"),
    ],
)
def test_spellings(label: str, name: str) -> None:
    assert canonical_name(label) == name


def test_any_order_maps_to_the_same_model_rows() -> None:
    order = np.random.default_rng(3).permutation(62)
    source = [MODEL_CHANNELS[i].upper() for i in order]
    found = ChannelMap.build(source)
    assert found.present.all()
    assert found.missing == ()
    assert [source[i] for i in found.indices] == [name.upper() for name in MODEL_CHANNELS]
    samples = order[:, None] * np.ones((1, 4))
    np.testing.assert_array_equal(samples[found.rows][:, 0], np.arange(62))


def test_absent_channels_are_masked_and_others_left_out() -> None:
    source = ["Status", "o2", "T3", "Fp1", "HEO", "Cz", "F3", "F4", "C3", "C4"]
    found = ChannelMap.build(source)
    assert found.n_present == 8
    assert found.present_names == ("Fp1", "F3", "F4", "T7", "C3", "Cz", "C4", "O2")
    assert found.indices[MODEL_CHANNELS.index("O2")] == 1
    assert found.indices[MODEL_CHANNELS.index("Oz")] == -1
    assert len(found.missing) == 54


def test_the_modern_spelling_wins_over_the_old_one_wherever_it_stands() -> None:
    rest = ["F3", "F4", "C3", "C4", "O1", "O2", "Cz"]
    assert ChannelMap.build(["T3", "T7", *rest]).indices[MODEL_CHANNELS.index("T7")] == 1
    assert ChannelMap.build(["T7", "T3", *rest]).indices[MODEL_CHANNELS.index("T7")] == 0


def test_too_few_names_the_missing_in_one_line_a_dozen_at_most() -> None:
    with pytest.raises(MontageError) as caught:
        ChannelMap.build(["A1", "Fp1", "cz", "Status"])
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(
        "2 of the model's 62 EEG channels found (Fp1, Cz) among the source's 4 (A1, Fp1, cz, Status)"
    )
    assert "at least 8 wanted" in text
    assert "missing: Fpz, Fp2, AF3, AF4, F7, F5, F3, F1, Fz, F2, F4, F6 and 48 more." in text
    assert caught.value.exit_code == 4


def test_short_lists_are_named_in_full() -> None:
    with pytest.raises(MontageError, match=r"missing: O1, O2\. Name"):
        ChannelMap.build(["Cz"], ("Cz", "O1", "O2"), min_channels=8)
    assert name_list(["a", "b"]) == "a, b"


def test_positions_are_a_head() -> None:
    places = dict(zip(MODEL_CHANNELS, electrode_positions(MODEL_CHANNELS), strict=True))
    assert places["T8"][0] > 0.06 > -0.06 > places["T7"][0]
    assert places["Fpz"][1] > 0.08
    assert places["Oz"][1] < -0.06
    assert places["Cz"][2] > max(place[2] for place in places.values()) - 0.005
    assert places["CB1"][2] < places["O1"][2]
    with pytest.raises(MontageError, match="no position on the 10-05 template head for: HEO"):
        electrode_positions(["Cz", "HEO"])


def test_interpolation_copies_what_is_there_and_estimates_a_smooth_field() -> None:
    absent = {"C3", "Pz", "CB1"}
    source = [name for name in MODEL_CHANNELS if name not in absent]
    matrix = interpolation_matrix(source, MODEL_CHANNELS)
    assert matrix.shape == (62, 59)
    field = electrode_positions(MODEL_CHANNELS) @ np.array([300.0, -200.0, 250.0]) + 7.0
    rows = [MODEL_CHANNELS.index(name) for name in source]
    estimate = matrix @ field[rows]
    np.testing.assert_allclose(estimate[rows], field[rows], atol=1e-9)
    assert np.abs(estimate - field).max() < 0.15 * np.std(field)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-6)


def test_interpolation_from_too_few_is_refused() -> None:
    with pytest.raises(MontageError, match="at least 4 good EEG channels, got 3"):
        interpolation_matrix(["Cz", "C3", "C4"], MODEL_CHANNELS)


@pytest.mark.parametrize(("label", "eye"), [("EOG1", True), ("HEO", True), ("heog", True), ("O1", False)])
def test_eye_electrodes_are_known_by_label(label: str, eye: bool) -> None:
    assert is_eog(label) is eye


@pytest.mark.parametrize("label", ["EXG1", "Erg2", "GSR1", "Resp", "Plet", "Temp", "zEMG", "tEMG", "Status", "ECG"])
def test_sockets_for_other_sensors_are_no_brain(label: str) -> None:
    assert not is_brain(label)


@pytest.mark.parametrize("label", ["Fp1", "TP9", "T7", "EEG 001"])
def test_any_other_label_may_be_brain(label: str) -> None:
    assert is_brain(label)
