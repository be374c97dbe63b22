"""The simulated EEG has the properties it was given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import welch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import ConfigurationError, MontageError
from simulators.artifacts import list_artifacts, render_artifact
from simulators.eeg import EegSimulator
from simulators.head import head_model
from simulators.person import EFFECT_BANDS, SOURCE_GROUPS
from simulators.scenario import Interval, Person, Scenario, Trial, make_person, make_scenario
from simulators.sources import SourceActivity

ALPHA = [name for name, _, _ in EFFECT_BANDS].index("alpha")


def resting(duration_s: float, **fields: object) -> Scenario:
    return replace(make_scenario(make_person(0), duration_s, 1, artifacts=False), trials=(), movements=(), **fields)


def at(name: str) -> int:
    return MODEL_CHANNELS.index(name)


def test_head_model_is_anatomically_right() -> None:
    head = head_model(MODEL_CHANNELS)
    assert head.leadfield.shape == (62, 30)
    assert (head.leadfield**2).sum(axis=1).mean() == pytest.approx(1.0, rel=1e-5)
    front = [i for i, name in enumerate(MODEL_CHANNELS) if name.startswith(("Fp", "AF"))]
    back = [i for i, name in enumerate(MODEL_CHANNELS) if name.startswith(("P", "O", "CB"))]
    assert set(np.argsort(-np.abs(head.blink))[:5]) == set(front)
    assert (head.blink[front] > 0).all()
    assert np.abs(head.blink[back]).max() < 0.25
    assert head.gaze[at("F7")] * head.gaze[at("F8")] < 0
    assert np.abs(head.gaze[[at("F7"), at("F8")]]).min() > 0.8
    occipital = head.group == SOURCE_GROUPS.index("occipital")
    power = (head.leadfield[:, occipital] ** 2).sum(axis=1)
    assert MODEL_CHANNELS[int(power.argmax())] in {"O1", "Oz", "O2", "POz", "PO3"}
    assert head.positions[at("Cz"), 2] > head.positions[at("T7"), 2]
    assert head.positions[at("CB1"), 1] < head.positions[at("P7"), 1]


def test_an_electrode_sees_the_same_whatever_others_are_worn() -> None:
    full, few = head_model(MODEL_CHANNELS), head_model(("Oz", "FP1", "T3"))
    rows = [at("Oz"), at("Fp1"), at("T7")]
    np.testing.assert_allclose(few.leadfield, full.leadfield[rows], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(few.blink, full.blink[rows], rtol=1e-4, atol=1e-6)


def test_unknown_electrodes_and_rates_are_refused_by_name() -> None:
    scenario = resting(10.0)
    with pytest.raises(MontageError, match="X9"):
        EegSimulator(make_person(1), scenario, channels=("Cz", "X9"))
    for rate in (50.0, 250.5):
        with pytest.raises(ConfigurationError, match=f"{rate} Hz"):
            EegSimulator(make_person(1), scenario, rate)
    with pytest.raises(ValueError, match="indices start at 0"):
        EegSimulator(make_person(1), scenario).samples(-1, 10)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 2500), min_size=1, max_size=8), first=st.integers(0, 4000))
def test_samples_do_not_depend_on_how_they_are_asked_for(cuts: list[int], first: int) -> None:
    person = make_person(4)
    scenario = make_scenario(person, 20.0, 2)
    simulator, once = EegSimulator(person, scenario), EegSimulator(person, scenario)
    starts = first + np.cumsum([0, *cuts])
    pieces = [simulator.samples(int(a), int(n)) for a, n in zip(starts, cuts, strict=False)]
    whole = once.samples(first, sum(cuts))
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate(pieces, axis=1), whole)
    np.testing.assert_array_equal(simulator.samples(first, 1), whole[:, :1])


def test_other_rates_and_caps() -> None:
    person = make_person(4)
    simulator = EegSimulator(person, make_scenario(person, 20.0, 2), 128.0, ("Fp1", "Cz", "O2"))
    assert simulator.samples(100, 300).shape == (3, 300)
    assert (simulator.info.channels, simulator.info.sfreq_hz) == (("Fp1", "Cz", "O2"), 128.0)
    assert 3.0 < simulator.samples(0, 2560)[2].std() < 60.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_alpha_peaks_posteriorly_at_the_persons_frequency(seed: int) -> None:
    person = make_person(seed)
    samples = EegSimulator(person, resting(60.0)).samples(0, 60_000)
    freqs, power = welch(samples, 1000.0, nperseg=4000)
    lift = np.where(freqs > 0, freqs, 1.0) ** person.brain.slope * power
    band = (freqs >= 7.0) & (freqs <= 13.5)
    peak = freqs[band][lift[at("Oz"), band].argmax()]
    assert peak == pytest.approx(person.brain.alpha_hz, abs=0.75)
    alpha = (freqs > person.brain.alpha_hz - 1) & (freqs < person.brain.alpha_hz + 1)
    beside = (freqs >= 16) & (freqs <= 20)
    contrast = lift[:, alpha].mean(axis=1) / lift[:, beside].mean(axis=1)
    assert contrast[at("Oz")] > 1.5 * contrast[at("Fz")]


@pytest.mark.parametrize("seed", [5, 6])
def test_background_follows_the_persons_slope_and_size(seed: int) -> None:
    person = make_person(seed)
    source = SourceActivity(person, resting(120.0), head_model(MODEL_CHANNELS), 1000)
    activity = np.concatenate([source.second(k) for k in range(120)], axis=1)
    freqs, power = welch(activity, 1000.0, nperseg=2000)
    use = ((freqs >= 2) & (freqs <= 6)) | ((freqs >= 16) & (freqs <= 200))
    slope = -np.polyfit(np.log10(freqs[use]), np.log10(power.mean(axis=0)[use]), 1)[0]
    assert slope == pytest.approx(person.brain.slope, abs=0.15)
    seen = head_model(MODEL_CHANNELS).leadfield @ activity
    freqs, power = welch(seen, 1000.0, nperseg=4000)
    outside = (freqs <= 6) | ((freqs >= 15) & (freqs <= 100))
    rms = np.sqrt(power[:, outside].sum(axis=1).mean() * 0.25)
    assert rms == pytest.approx(person.brain.background_uv * person.brain.skull_scale, rel=0.35)


def test_alpha_waxes_and_wanes() -> None:
    person = make_person(7)
    source = SourceActivity(person, resting(60.0), head_model(MODEL_CHANNELS), 500)
    occipital = np.flatnonzero(head_model(MODEL_CHANNELS).group == SOURCE_GROUPS.index("occipital"))
    activity = np.concatenate([source.second(k)[occipital] for k in range(60)], axis=1).reshape(len(occipital), 60, 500)
    spectrum = np.abs(np.fft.rfft(activity * np.hanning(500), axis=-1)) ** 2
    envelope = (
        spectrum[..., round(person.brain.alpha_hz) - 1 : round(person.brain.alpha_hz) + 2].sum(axis=-1).mean(axis=0)
    )
    smooth = np.convolve(envelope, np.ones(4) / 4, "valid")
    assert smooth.max() > 2.5 * smooth.min()


def test_mains_line_stands_out_at_50_hz() -> None:
    person = make_person(9)
    samples = EegSimulator(person, resting(20.0)).samples(0, 20_000)
    freqs, power = welch(samples, 1000.0, nperseg=4000, scaling="spectrum")
    line = np.sqrt(2 * power[:, np.abs(freqs - 50.0) < 0.6].max(axis=1))
    beside = (np.abs(freqs - 50.0) > 2) & (np.abs(freqs - 50.0) < 5)
    assert np.median(line) == pytest.approx(person.brain.mains_uv, rel=0.5)
    assert (power[:, np.abs(freqs - 50.0) < 0.1].max(axis=1) > 5 * np.median(power[:, beside], axis=1)).mean() > 0.9


def test_a_blink_is_frontal_as_tall_as_the_persons_and_where_the_scenario_says() -> None:
    person = make_person(10)
    quiet = resting(10.0)
    blinking = replace(quiet, blinks=(Interval(4.9, 5.2),))
    difference = EegSimulator(person, blinking).samples(0, 10_000) - EegSimulator(person, quiet).samples(0, 10_000)
    assert not difference[:, :4900].any()
    assert not difference[:, 5201:].any()
    peak = difference[:, 4900:5200].max(axis=1)
    assert peak[at("Fpz")] == peak.max()
    assert 0.75 * person.brain.blink_uv <= peak.max() <= 1.25 * person.brain.blink_uv
    assert peak[at("Oz")] < 0.05 * peak.max()


def test_artifacts_are_of_their_kind() -> None:
    person = make_person(11)
    scenario = replace(
        resting(30.0), muscle=(Interval(5.0, 6.0),), speech=(Interval(8.0, 9.5),), gaze_shifts_s=(12.0,), pops_s=(20.0,)
    )
    head = head_model(MODEL_CHANNELS)
    waves = {a.kind: render_artifact(a, person, scenario, head, 1000.0) for a in list_artifacts(scenario)}
    assert {kind: first for kind, (first, _) in waves.items()} == {
        "muscle": 5000, "speech": 8000, "gaze": 12_000, "pop": 20_000
    }  # fmt: skip
    freqs, power = welch(waves["muscle"][1], 1000.0, nperseg=500)
    assert power[:, freqs >= 20].sum() > 20 * power[:, freqs < 20].sum()
    rms = waves["muscle"][1].std(axis=1)
    assert MODEL_CHANNELS[int(rms.argmax())] not in {"Cz", "FCz", "CPz", "C1", "C2", "Fz", "Pz"}
    assert rms[at("Cz")] < 0.3 * rms.max()
    popped = np.flatnonzero(np.abs(waves["pop"][1]).max(axis=1) > 0)
    assert len(popped) == 1
    pop = np.abs(waves["pop"][1][popped[0]])
    assert pop[0] == pop.max() >= 80
    assert pop[-1] < 1.0
    assert abs(waves["gaze"][1][at("F7")]).max() > 5.0


def band_powers(person: Person, scenario: Scenario) -> NDArray[np.float64]:
    """(n_seconds, n_channels, n_bands) dB of µV²/Hz, plain scipy."""
    count = int(scenario.duration_s)
    samples = EegSimulator(person, scenario, 250.0).samples(0, 250 * count).reshape(62, count, 250)
    freqs, power = welch(samples, 250.0, nperseg=250)
    picked = [power[..., (freqs >= low) & (freqs < high)].mean(axis=-1) for _, low, high in EFFECT_BANDS]
    return 10 * np.log10(np.stack(picked, axis=-1)).transpose(1, 0, 2)


def test_a_trial_changes_source_power_by_the_persons_effect_with_a_smooth_onset() -> None:
    person = make_person(12)
    person = replace(person, brain=replace(person.brain, trial_sd_db=0.0))
    scenario = replace(resting(30.0), trials=(Trial(10.0, 20.0, "fear"),))
    source = SourceActivity(person, scenario, head_model(MODEL_CHANNELS), 250)
    rest = SourceActivity(person, resting(30.0), head_model(MODEL_CHANNELS), 250)
    times = np.array([9.9, 10.5, 15.0, 20.5, 21.1])
    change = source.gain_db(times) - rest.gain_db(times)
    full = change[2]
    vigor = full[0, 0] / person.brain.effect_array("fear")[0, 0]
    assert 0.4 < vigor < 2.5
    np.testing.assert_allclose(full, vigor * person.brain.effect_array("fear"))
    np.testing.assert_allclose(change, np.array([0.0, 0.5, 1.0, 0.5, 0.0])[:, None, None] * full, atol=1e-12)


@pytest.mark.parametrize(("effect_db", "low", "high"), [(0.0, 0.0, 0.40), (4.0, 0.45, 1.0)])
def test_within_a_subject_classes_are_told_apart_only_where_there_is_an_effect(
    effect_db: float, low: float, high: float
) -> None:
    person = make_person(13, effect_db=effect_db)
    scenario = make_scenario(person, 600.0, 5, artifacts=False)
    power = band_powers(person, scenario)
    trials = [t for t in scenario.trials if t.end_s - t.start_s > 8.0]
    features = np.array([power[int(t.start_s) + 2 : int(t.end_s)].mean(axis=0).ravel() for t in trials])
    labels = np.array([t.emotion for t in trials])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=500))
    score = cross_val_score(model, features, labels, groups=np.arange(len(trials)), cv=GroupKFold(5)).mean()
    assert low <= score <= high
