"""Sample sets: what they refuse, how they are stored, and that channels go by name."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from models_helpers import CHANNELS, synthetic_samples

from models.samples import SampleSet, concatenate, load_samples, save_samples, shrink_face
from realtime.errors import DataError

ARRAYS = [name for name in SampleSet.__slots__ if name not in ("classes", "channels", "bands", "simulated")]


def _assert_equal(a: SampleSet, b: SampleSet) -> None:
    for name in SampleSet.__slots__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def test_round_trip(tmp_path) -> None:
    samples = synthetic_samples(2, 2)
    save_samples(tmp_path / "s.npz", samples)
    loaded = load_samples(tmp_path / "s.npz")
    _assert_equal(loaded, samples)
    assert loaded.digest() == samples.digest()
    assert loaded.simulated
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]


def test_taking_nothing_gives_nothing() -> None:
    assert len(synthetic_samples(2, 2).take([])) == 0


def test_digest_follows_content() -> None:
    samples = synthetic_samples(2, 2)
    label = samples.label.copy()
    label[0] = 3
    assert replace(samples, label=label).digest() != samples.digest()
    assert replace(samples, channels=CHANNELS[::-1]).digest() != samples.digest()


def test_pickled_content_is_never_loaded(tmp_path) -> None:
    np.savez(tmp_path / "s.npz", label=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="cannot read samples"):
        load_samples(tmp_path / "s.npz")
    (tmp_path / "t.npz").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(DataError, match="cannot read samples"):
        load_samples(tmp_path / "t.npz")
    with (tmp_path / "u.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="cannot read samples"):
        load_samples(tmp_path / "u.npz")


def test_truncated_or_foreign_files_are_named(tmp_path) -> None:
    save_samples(tmp_path / "s.npz", synthetic_samples(2, 2))
    whole = (tmp_path / "s.npz").read_bytes()
    (tmp_path / "s.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot read samples"):
        load_samples(tmp_path / "s.npz")
    np.savez(tmp_path / "f.npz", label=np.zeros(3))
    with pytest.raises(DataError, match="it lacks log_power"):
        load_samples(tmp_path / "f.npz")
    with pytest.raises(DataError, match="cannot write samples"):
        save_samples(tmp_path / "no" / "s.npz", synthetic_samples(2, 2))


def test_wrong_arrays_are_named() -> None:
    samples = synthetic_samples(2, 2)
    with pytest.raises(DataError, match="'flow' must have shape"):
        replace(samples, flow=samples.flow[:, :-1])
    with pytest.raises(DataError, match="'log_power' must be float32"):
        replace(samples, log_power=samples.log_power.astype(np.float64))
    with pytest.raises(DataError, match="'channel_mask' must have shape"):
        replace(samples, channels=CHANNELS[:-1], log_power=samples.log_power[:, :, :-1])
    with pytest.raises(DataError, match="'label' must be 0 to 3"):
        replace(samples, label=samples.label + 1)
    with pytest.raises(DataError, match="'subject' must be integers"):
        replace(samples, subject=samples.subject.astype(float))
    with pytest.raises(DataError, match="both False for sample 5"):
        replace(
            samples,
            has_eeg=np.where(np.arange(len(samples)) == 5, False, True),
            has_face=np.where(np.arange(len(samples)) == 5, False, True),
        )


def test_not_finite_counts_only_where_it_is_read() -> None:
    samples = synthetic_samples(2, 2)
    mask = samples.channel_mask & (samples.window_mask & samples.has_eeg[:, None])[..., None]
    replace(samples, log_power=np.where(mask[..., None], samples.log_power, np.nan).astype(np.float32))
    with pytest.raises(DataError, match="'log_power' is not finite"):
        replace(samples, log_power=np.full_like(samples.log_power, np.nan))
    with pytest.raises(DataError, match="'flow' is not finite"):
        replace(samples, flow=np.full_like(samples.flow, np.inf))


def test_arrays_are_read_only() -> None:
    samples = synthetic_samples(2, 2)
    with pytest.raises(ValueError, match="read-only"):
        samples.log_power[0] = 0


def test_channels_go_by_name() -> None:
    samples = synthetic_samples(2, 2)
    shuffled = samples.with_channels(("O2", "Cz", *CHANNELS[:3]))
    np.testing.assert_array_equal(shuffled.log_power[:, :, 0], samples.log_power[:, :, 9])
    np.testing.assert_array_equal(shuffled.channel_mask[:, :, 2:], samples.channel_mask[:, :, :3])
    assert not shuffled.channel_mask[:, :, 1].any()
    _assert_equal(samples.with_channels(CHANNELS[::-1]).with_channels(CHANNELS), samples)
    with pytest.raises(DataError, match="none of the 2 wanted"):
        samples.with_channels(("A1", "A2"))


def test_take_and_concatenate() -> None:
    samples = synthetic_samples(3, 2)
    parts = [samples.of_subjects([s]) for s in samples.subjects]
    _assert_equal(concatenate(parts), samples)
    with pytest.raises(DataError, match="differ in 'channels'"):
        concatenate([parts[0], parts[1].with_channels(CHANNELS[:4])])
    with pytest.raises(DataError, match="empty list"):
        concatenate([])


def test_shrinking_keeps_the_motion() -> None:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[64:128, 32:96] = [0.5, -0.25]
    small, crop = shrink_face(flow, np.full((256, 256), 200, np.uint8), 64)
    np.testing.assert_allclose(small[16:32, 8:24], np.broadcast_to([0.5, -0.25], (16, 16, 2)), atol=1e-3)
    np.testing.assert_allclose(small.astype(float).mean(axis=(0, 1)), flow.mean(axis=(0, 1)), atol=1e-4)
    assert (crop == 200).all()
    assert small.dtype == np.float16
