"""The whole EEG chain: what a recogniser reads, whatever arrives."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_helpers import BANDS, brainlike, chunks, make_info, make_spec, qualities, windows
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import signal

from realtime.config import EegConfig
from realtime.eeg.calibration import Calibration
from realtime.eeg.cleaning import CausalCleaner
from realtime.eeg.montage import MODEL_CHANNELS, interpolation_matrix
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import ConfigurationError, DataError, MontageError
from realtime.packets import BandPowerWindow, ChannelQuality, EegChunk, Quality

EIGHT = ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2")
RATES_HZ = [100.0, 128.0, 250.0, 500.0, 512.0, 1000.0, 2048.0, 4000.0]


def eight(sfreq_hz: float = 250.0, **settings_: object) -> EegPipeline:
    return EegPipeline(make_info(EIGHT, sfreq_hz), make_spec(EIGHT), EegConfig.model_validate(settings_))


def welch(x: np.ndarray, sfreq_hz: float) -> np.ndarray:
    freqs, density = signal.welch(x, sfreq_hz, nperseg=x.shape[1])
    inside = [(freqs >= band.low_hz) & (freqs < band.high_hz) for band in BANDS]
    return np.log10(np.stack([density[:, bins].mean(axis=1) for bins in inside], axis=1))


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 120), min_size=1, max_size=8), sfreq_hz=st.sampled_from(RATES_HZ))
def test_windows_equal_welch_of_the_cleaned_signal_however_it_is_cut(sizes: list[int], sfreq_hz: float) -> None:
    x = brainlike(8, int(1.5 * sfreq_hz))
    pipeline = eight(sfreq_hz)
    found = windows(pipeline, chunks(x, sfreq_hz, sizes))
    cleaner = CausalCleaner(8, sfreq_hz, EegConfig())
    clean = cleaner.process(x).samples_uv
    rate = cleaner.sfreq_out_hz
    ends = [end for end in (int(np.floor(k * 0.05 * rate + 0.5)) for k in range(1, 31)) if rate <= end]
    ends = [end for end in ends if end <= clean.shape[1]]
    assert len(found) == len(ends) == pipeline.hops >= 10
    for window, end in zip(found, ends, strict=True):
        assert window.end_s == pytest.approx((end * cleaner.factor - 1) / sfreq_hz, abs=1e-9)
        assert window.mask.all()
        np.testing.assert_allclose(window.log_power, welch(clean[:, end - int(rate) : end], rate), atol=1e-5)


def test_windows_are_the_same_to_the_bit_however_it_is_cut() -> None:
    x = brainlike(62, 2500)
    x[5, 1200] = np.nan
    results = []
    for sizes in ([1], [2500], [7, 50, 13], [10]):
        pipeline = EegPipeline(make_info(), make_spec(), EegConfig())
        results.append((windows(pipeline, chunks(x, 1000.0, sizes)), pipeline.sequence()))
    first, sequence = results[0]
    for found, other in results[1:]:
        assert len(found) == len(first) == 31
        for a, b in zip(found, first, strict=True):
            np.testing.assert_array_equal(a.log_power, b.log_power)
            np.testing.assert_array_equal(a.mask, b.mask)
            assert a.end_s == b.end_s
        np.testing.assert_array_equal(other.log_power, sequence.log_power)


def test_channels_are_picked_by_name_and_never_by_position() -> None:
    x = brainlike(62, 1500)
    order = np.random.default_rng(8).permutation(62)
    old = {"T7": "T3", "T8": "T4", "P7": "T5", "P8": "T6"}
    labels = [old.get(MODEL_CHANNELS[i], MODEL_CHANNELS[i].lower()) for i in order]
    shuffled = np.concatenate([x[order[:30]], np.full((1, 1500), np.nan, np.float32), x[order[30:]]])
    labels.insert(30, "VEO")
    plain = windows(EegPipeline(make_info(), make_spec(), EegConfig()), chunks(x, 1000.0, [50]))
    moved = windows(EegPipeline(make_info(labels), make_spec(), EegConfig()), chunks(shuffled, 1000.0, [50]))
    assert len(plain) == len(moved) > 0
    for a, b in zip(plain, moved, strict=True):
        np.testing.assert_allclose(a.log_power, b.log_power, atol=1e-6)
        assert a.mask.all()
        assert b.mask.all()


def test_absent_channels_are_masked_zero_and_not_counted_as_bad() -> None:
    pipeline = EegPipeline(make_info(EIGHT, 250.0), make_spec(), EegConfig())
    assert pipeline.bad_fraction == 1.0
    found = windows(pipeline, chunks(brainlike(8, 500), 250.0, [25]))
    present = np.isin(MODEL_CHANNELS, EIGHT)
    np.testing.assert_array_equal(found[-1].mask, present)
    assert not found[-1].log_power[~present].any()
    assert found[-1].log_power[present].all()
    assert pipeline.bad_fraction == 0.0


def test_too_few_channels_are_refused_by_name() -> None:
    with pytest.raises(MontageError, match=r"7 of the model's 62 .* at least 8 wanted; missing: Fpz"):
        EegPipeline(make_info(EIGHT[:7]), make_spec(), EegConfig())
    EegPipeline(make_info(EIGHT[:7]), make_spec(), EegConfig(min_channels=7))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("sfreq_hz", [128.0, 1000.0, 2048.0])
def test_a_bad_sample_masks_its_channel_within_a_hop_and_no_longer_than_a_window_and_a_hop(
    value: float, sfreq_hz: float
) -> None:
    x = brainlike(8, int(5 * sfreq_hz))
    index = int(2.013 * sfreq_hz)
    spoiled = x.copy()
    spoiled[3, index] = value
    at_s, hop_s = index / sfreq_hz, 0.05 + 8.0 / sfreq_hz
    plain = windows(eight(sfreq_hz), chunks(x, sfreq_hz, [10]))
    found = windows(eight(sfreq_hz), chunks(spoiled, sfreq_hz, [10]))
    others = [0, 1, 2, 4, 5, 6, 7]
    masked = [w.end_s for w in found if not w.mask[3]]
    assert masked[0] >= at_s
    assert masked[0] <= at_s + hop_s
    # a finite excursion is known by the window it disturbs: its filter restarts when that is over
    assert masked[-1] < at_s + (1.0 if not np.isfinite(value) else 2.0) + hop_s
    assert len(masked) == round((masked[-1] - masked[0]) / 0.05) + 1
    for a, b in zip(found, plain, strict=True):
        assert np.isfinite(a.log_power).all()
        np.testing.assert_array_equal(a.log_power[others], b.log_power[others])
        assert a.mask[others].all()
        if a.end_s > at_s + 4.0 / sfreq_hz and a.mask[3]:
            assert np.abs(a.log_power[3, 1:] - b.log_power[3, 1:]).max() < 0.3


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, (8, 130), elements=st.floats(width=32, allow_nan=True, allow_infinity=True)),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.booleans(),
)
def test_output_is_finite_whatever_the_amplifier_sends(garbage: np.ndarray, sizes: list[int], fill: bool) -> None:
    x = brainlike(8, 400)
    x[:, 130:260] = garbage
    pipeline = EegPipeline(make_info(EIGHT, 128.0), make_spec(), EegConfig(interpolate=fill))
    for window in windows(pipeline, chunks(x, 128.0, sizes)):
        assert np.isfinite(window.log_power).all()
        assert np.isfinite(window.end_s)
    assert np.isfinite(pipeline.sequence().log_power).all()


def test_all_channels_lost_and_back() -> None:
    x = brainlike(8, 1500)
    x[:, 500:700] = np.nan
    pipeline = eight()
    found = windows(pipeline, chunks(x, 250.0, [11]))
    good = [bool(window.mask.all()) for window in found]
    none = [not window.mask.any() for window in found]
    assert none == [not ok for ok in good]
    assert [w.end_s for w, ok in zip(found, good, strict=True) if not ok][-1] < 700 / 250 + 1.0
    assert pipeline.sequence().window_mask.any()


@pytest.mark.parametrize("sfreq_hz", [128.0, 1000.0])
def test_a_channel_that_was_away_for_long_is_back_after_a_window_wherever_its_offset_went(sfreq_hz: float) -> None:
    x = brainlike(8, int(8 * sfreq_hz))
    away = slice(int(2 * sfreq_hz), int(5.01 * sfreq_hz))
    x[3, away.stop :] += 6000.0
    plain = windows(eight(sfreq_hz), chunks(x[:, away.stop :], sfreq_hz, [10]))[-1]
    x[3, away] = np.nan
    found = windows(eight(sfreq_hz), chunks(x, sfreq_hz, [10]))
    masked = [window.end_s for window in found if not window.mask[3]]
    assert masked[-1] < away.stop / sfreq_hz + 1.0 + 0.05
    np.testing.assert_allclose(found[-1].log_power[3], plain.log_power[3], atol=0.2)


def test_railed_flat_and_noisy_channels_are_masked_and_reported() -> None:
    x = brainlike(8, 1500)
    x[1, 750:] = 187_500.0
    x[2, 750:] = x[2, 750]
    x[4, 750:] += np.random.default_rng(0).normal(size=750).astype(np.float32) * 800.0
    t = np.arange(750) / 250.0
    x[6, 750:] += (150.0 * np.sin(2 * np.pi * 50.0 * t)).astype(np.float32)
    pipeline = eight()
    parts = chunks(x, 250.0, [50])
    found = [item for part in parts for item in pipeline.push(part)]
    np.testing.assert_array_equal(windows_of(found)[-1].mask, [True, False, False, True, False, True, False, True])
    assert pipeline.bad_fraction == 0.5
    newest = [item for item in found if not hasattr(item, "mask")][-1]
    assert newest.flags.tolist() == [
        0,
        Quality.FLAT | Quality.RAILED,
        Quality.FLAT,
        0,
        Quality.NOISY,
        0,
        Quality.MAINS,
        0,
    ]


def windows_of(items: list) -> list:
    return [item for item in items if hasattr(item, "mask")]


def test_quality_comes_four_times_a_second_for_every_source_channel() -> None:
    labels = (*EIGHT, "VEO", "Trigger")
    pipeline = EegPipeline(make_info(labels, 1000.0), make_spec(), EegConfig())
    found = qualities(pipeline, chunks(brainlike(10, 4000), 1000.0, [33]))
    assert len(found) == 16
    assert {item.flags.shape for item in found} == {(10,)}
    np.testing.assert_allclose(np.diff([item.stamp for item in found]), 0.25)


def test_an_electrode_pop_leaves_no_ringing_behind() -> None:
    """A step of 8 mV would ring through the high-pass for seconds after the raw channel looks good again."""
    x = brainlike(8, 2500)
    stepped = x.copy()
    stepped[2, 750:] += 8000.0
    plain = windows(eight(), chunks(x, 250.0, [50]))
    found = windows(eight(), chunks(stepped, 250.0, [50]))
    pairs = [(a, b) for a, b in zip(found, plain, strict=True) if a.end_s > 3.0 and a.mask[2]]
    assert pairs[0][0].end_s < 3.0 + 2.0 + 0.1
    for a, b in pairs:
        assert np.abs(a.log_power[2, 1:] - b.log_power[2, 1:]).max() < 0.05
        assert abs(a.log_power[2, 0] - b.log_power[2, 0]) < 0.5


@pytest.mark.parametrize("sfreq_hz", [128.0, 1000.0, 2048.0])
@pytest.mark.parametrize("missing", [1, 37, 400])
def test_filters_and_windows_restart_at_a_gap_and_nothing_spans_it(sfreq_hz: float, missing: int) -> None:
    before, after = brainlike(8, int(2 * sfreq_hz)), brainlike(8, int(2 * sfreq_hz), seed=4)
    first = before.shape[1] + missing
    pipeline = eight(sfreq_hz)
    early = windows(pipeline, chunks(before, sfreq_hz, [17]))
    late = windows(pipeline, chunks(after, sfreq_hz, [17], first=first))
    assert (pipeline.gaps, pipeline.lost) == (1, missing)
    assert early[-1].end_s < 2.0
    start_s = first / sfreq_hz
    assert start_s + 1.0 - 2 / sfreq_hz <= late[0].end_s <= start_s + 1.0 + 0.05 + 9 / sfreq_hz
    cleaner = CausalCleaner(8, sfreq_hz, EegConfig())
    skip = -first % cleaner.factor
    clean = cleaner.process(after[:, skip:]).samples_uv
    n_times = int(cleaner.sfreq_out_hz)
    end = round((late[0].end_s * sfreq_hz + 1 - first - skip) / cleaner.factor)
    assert end >= n_times
    np.testing.assert_allclose(late[0].log_power, welch(clean[:, end - n_times : end], cleaner.sfreq_out_hz), atol=1e-5)


def test_the_sequence_is_the_windows_a_second_apart_with_gaps_masked() -> None:
    pipeline = eight()
    x = brainlike(8, 250 * 6)
    found = windows(pipeline, chunks(x, 250.0, [25]))
    found += windows(pipeline, chunks(brainlike(8, 250 * 4, seed=2), 250.0, [25], first=250 * 8))
    sequence = pipeline.sequence()
    assert sequence.log_power.shape == (40, 8, 5)
    assert sequence.end_s == found[-1].end_s == pytest.approx(12.0 - 1 / 250)
    # seconds 1-6 and 9-12 have a whole window; 7 and 8 are lost
    assert sequence.window_mask.tolist() == [False] * 28 + [True] * 6 + [False] * 2 + [True] * 4
    by_end = {round(window.end_s + 1 / 250, 6): window for window in found}
    for second in [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]:
        np.testing.assert_array_equal(sequence.log_power[27 + second], by_end[float(second)].log_power)
        np.testing.assert_array_equal(sequence.channel_mask[27 + second], by_end[float(second)].mask)
    assert not sequence.log_power[~sequence.window_mask].any()
    assert not sequence.channel_mask[~sequence.window_mask].any()


def test_the_sequence_keeps_forty_windows_and_drops_older_ones() -> None:
    pipeline = EegPipeline(make_info(EIGHT, 100.0), make_spec(EIGHT, n_windows=3), EegConfig())
    found = windows(pipeline, chunks(brainlike(8, 1000), 100.0, [10]))
    sequence = pipeline.sequence()
    assert sequence.window_mask.tolist() == [True] * 3
    for row, age in enumerate((2, 1, 0)):
        np.testing.assert_array_equal(sequence.log_power[row], found[-1 - 20 * age].log_power)


def test_the_sequence_before_anything_arrived_is_all_masked() -> None:
    sequence = eight().sequence()
    assert not sequence.window_mask.any()
    assert not sequence.channel_mask.any()
    assert np.isnan(sequence.end_s)


def test_the_first_window_of_a_stream_needs_a_whole_second() -> None:
    pipeline = eight(1000.0)
    x = brainlike(8, 1000)
    assert windows(pipeline, chunks(x[:, :999], 1000.0, [50])) == []
    assert pipeline.bad_fraction == 1.0
    assert len(windows(pipeline, chunks(x[:, 999:], 1000.0, [1], first=999))) == 1
    assert pipeline.bad_fraction == 0.0


def test_a_restarted_source_restarts_the_windows() -> None:
    pipeline = eight()
    windows(pipeline, chunks(brainlike(8, 500), 250.0, [25]))
    known = pipeline.sequence().window_mask.sum()
    # the reader goes on counting: what was heard before keeps its place
    assert windows(pipeline, chunks(brainlike(8, 125), 250.0, [25], first=500, stream_id="uid-2")) == []
    assert pipeline.sequence().window_mask.sum() <= known
    assert pipeline.bad_fraction == 1.0
    late = windows(pipeline, chunks(brainlike(8, 250), 250.0, [25], first=625, stream_id="uid-2"))
    assert late[0].end_s == pytest.approx(3.0 - 1 / 250)
    # a source that counts from 0 again has no common past
    assert windows(pipeline, chunks(brainlike(8, 250), 250.0, [250], stream_id="uid-3"))[0].mask.all()
    assert pipeline.sequence().window_mask.tolist() == [False] * 39 + [True]


def test_interpolation_fills_absent_and_bad_channels_where_asked() -> None:
    x = brainlike(40, 750)
    labels = MODEL_CHANNELS[:40]
    x[7, 300:] = np.nan
    pipeline = EegPipeline(make_info(labels, 250.0), make_spec(), EegConfig(interpolate=True))
    window = windows(pipeline, chunks(x, 250.0, [25]))[-1]
    assert window.mask.all()
    good = [i for i in range(40) if i != 7]
    clean = CausalCleaner(40, 250.0, EegConfig()).process(x).samples_uv[good]
    matrix = interpolation_matrix([labels[i] for i in good], MODEL_CHANNELS)
    np.testing.assert_allclose(window.log_power, welch(matrix @ clean[:, -250:], 250.0), atol=1e-5)
    assert pipeline.bad_fraction == pytest.approx(1 / 40)


def test_interpolation_gives_way_to_masks_where_too_little_is_left() -> None:
    x = brainlike(8, 750)
    x[:6, 300:] = np.nan
    pipeline = EegPipeline(make_info(EIGHT, 250.0), make_spec(), EegConfig(interpolate=True))
    window = windows(pipeline, chunks(x, 250.0, [25]))[-1]
    assert window.mask.sum() == 2


def test_a_calibration_is_applied_by_name_and_refused_on_other_channels() -> None:
    x = brainlike(8, 750)
    matrix = np.eye(8)
    matrix[0, 7] = -0.5
    calibration = Calibration(EIGHT, matrix, 250.0, 60.0, (0.9,), True)
    shuffled = EIGHT[::-1]
    pipeline = EegPipeline(make_info(shuffled, 250.0), make_spec(shuffled), EegConfig(), calibration)
    window = windows(pipeline, chunks(x[::-1], 250.0, [25]))[-1]
    clean = matrix @ CausalCleaner(8, 250.0, EegConfig()).process(x).samples_uv
    np.testing.assert_allclose(window.log_power[::-1], welch(clean[:, -250:], 250.0), atol=1e-5)
    other = ("Fpz", *EIGHT[1:])
    with pytest.raises(DataError, match="the stream lacks Fp1; it does not know Fpz"):
        EegPipeline(make_info(other, 250.0), make_spec(), EegConfig(), calibration)


def test_a_railed_channel_is_kept_out_of_the_others_by_the_matrix() -> None:
    x = brainlike(8, 1500)
    matrix = np.eye(8)
    matrix[1:, 0] = -0.3
    calibration = Calibration(EIGHT, matrix, 250.0, 60.0, (0.9,), True)
    spoiled = x.copy()
    spoiled[0, 700:] = 180_000.0
    pipeline = EegPipeline(make_info(EIGHT, 250.0), make_spec(EIGHT), EegConfig(), calibration)
    window = windows(pipeline, chunks(spoiled, 250.0, [25]))[-1]
    clean = CausalCleaner(8, 250.0, EegConfig()).process(x).samples_uv
    np.testing.assert_allclose(window.log_power[1:], welch(clean[1:, -250:], 250.0), atol=1e-5)


def test_a_long_chunk_is_followed_hop_by_hop() -> None:
    x = brainlike(8, 750)
    pipeline = eight()
    seen = [
        (item.end_s, pipeline.hops, pipeline.sequence().end_s)
        for item in pipeline.stream(chunks(x, 250.0, [750])[0])
        if isinstance(item, BandPowerWindow)
    ]
    assert [hops for _, hops, _ in seen] == list(range(1, 42))
    assert all(end_s == newest_s for end_s, _, newest_s in seen)


def faulty(sfreq_hz: float) -> np.ndarray:
    """Nine seconds of eight channels with all that parts a block of hops: jumps, NaN, rails, hum, a dead channel."""
    n = int(9.3 * sfreq_hz)
    x, t, rng = brainlike(8, n), np.arange(n) / sfreq_hz, np.random.default_rng(5)
    x[0, int(3.1 * sfreq_hz)] = np.nan
    x[1, int(2.0 * sfreq_hz) : int(2.4 * sfreq_hz)] = 60_000.0
    x[2] += (60.0 * np.sin(2 * np.pi * 50.0 * t) * (t > 4)).astype(np.float32)
    x[3, int(5 * sfreq_hz) :] = x[3, int(5 * sfreq_hz)]
    x[4] += (600.0 * rng.normal(size=n) * ((t > 6) & (t < 6.5))).astype(np.float32)
    x[5, int(4.7 * sfreq_hz)] = 3e38
    x[6] += 190_000.0
    return x


@pytest.mark.parametrize("interpolate", [False, True])
@pytest.mark.parametrize("sfreq_hz", [128.0, 249.875, 512.0, 1000.0])
def test_many_hops_at_once_say_what_one_at_a_time_says(sfreq_hz: float, interpolate: bool) -> None:
    x, config = faulty(sfreq_hz), EegConfig(interpolate=interpolate)
    matrix = np.eye(8) + 0.1 * np.random.default_rng(3).normal(size=(8, 8))
    known = Calibration(EIGHT, matrix, sfreq_hz, 60.0, (), True)
    cut = int(7.03 * sfreq_hz)
    parts = [*chunks(x[:, :cut], sfreq_hz, [cut]), *chunks(x[:, cut + 31 :], sfreq_hz, [10**6], first=cut + 31)]
    short = [*chunks(x[:, :cut], sfreq_hz, [7]), *chunks(x[:, cut + 31 :], sfreq_hz, [13], first=cut + 31)]
    one = EegPipeline(make_info(EIGHT, sfreq_hz), make_spec(EIGHT), config, known)
    many = EegPipeline(make_info(EIGHT, sfreq_hz), make_spec(EIGHT), config, known, many_hops=True)
    want, got = ([item for part in p for item in pipe.push(part)] for p, pipe in ((short, one), (parts, many)))
    assert [type(item) for item in got] == [type(item) for item in want]
    assert one.hops == many.hops > 100
    assert one.gaps == many.gaps == 1
    for a, b in zip(got, want, strict=True):
        if isinstance(a, BandPowerWindow):
            assert isinstance(b, BandPowerWindow)
            assert a.end_s == b.end_s
            np.testing.assert_array_equal(a.mask, b.mask)
            np.testing.assert_allclose(a.log_power, b.log_power, atol=1e-5)
        else:
            assert isinstance(b, ChannelQuality)
            assert a.stamp == b.stamp
            np.testing.assert_array_equal(a.flags, b.flags)
    np.testing.assert_allclose(many.sequence().log_power, one.sequence().log_power, atol=1e-5)


def test_a_chunk_of_another_width_is_refused() -> None:
    with pytest.raises(DataError, match="EEG chunk of 'cap' has 7 channels, wanted 8"):
        eight().push(EegChunk(np.zeros((7, 4), np.float32), np.arange(4.0), "uid-1", 0))


def test_an_empty_chunk_changes_nothing() -> None:
    pipeline = eight()
    assert pipeline.push(EegChunk(np.zeros((8, 0), np.float32), np.zeros(0), "uid-1", 900)) == []
    assert len(windows(pipeline, chunks(brainlike(8, 250), 250.0, [250]))) == 1
    assert pipeline.gaps == 0


def test_a_hop_that_does_not_divide_the_models_hop_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"eeg\.hop_s is 0\.03 s, wanted a whole fraction .* of 1 s"):
        eight(hop_s=0.03)


def test_a_band_beyond_the_rate_is_refused() -> None:
    spec = make_spec(EIGHT)
    wide = type(spec)(**{**{k: getattr(spec, k) for k in spec.__slots__}, "bands": (("high", 60.0, 90.0),)})
    with pytest.raises(ConfigurationError, match="band 'high' is 60-90 Hz; at 128 Hz"):
        EegPipeline(make_info(EIGHT, 128.0), wide, EegConfig())
