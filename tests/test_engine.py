"""The synchronous core: what it predicts, from what, and that chunking and thread order change nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import CHANNELS, AlphaRecognizer

from realtime.config import Config
from realtime.engine import Engine, _confidence
from realtime.errors import ConfigurationError, MontageError
from realtime.packets import EegChunk, EegInfo, Evidence, MicroMovement, Prediction, VideoFrame

SFREQ = 250.0
INFO = EegInfo("test", "test-1", CHANNELS, SFREQ)


def make_eeg(seconds: float, *, alpha_uv: float = 10.0) -> np.ndarray:
    rng = np.random.default_rng(3)
    t = np.arange(int(seconds * SFREQ)) / SFREQ
    x = rng.normal(0.0, 5.0, (len(CHANNELS), t.size)) + alpha_uv * np.sin(2 * np.pi * 10.0 * t)
    return x.astype(np.float32)


def push(engine: Engine, x: np.ndarray, sizes: list[int], *, first: int = 0) -> list[Prediction]:
    predictions, start, turn = [], 0, 0
    while start < x.shape[1]:
        n = min(sizes[turn % len(sizes)], x.shape[1] - start)
        stamps = (first + start + np.arange(n)) / SFREQ
        results = engine.push_eeg(EegChunk(x[:, start : start + n], stamps, "uid", first + start))
        predictions += [r for r in results if isinstance(r, Prediction)]
        start, turn = start + n, turn + 1
    return predictions


def make_movement(apex_s: float, *, kind: str = "micro", score: float = 8.0) -> MicroMovement:
    crop = np.zeros((256, 256), np.uint8)
    flow = np.zeros((256, 256, 2), np.float32)
    return MicroMovement(apex_s - 0.2, apex_s, apex_s + 0.2, apex_s + 0.3, score, kind, ("mouth",), crop, crop, flow)  # type: ignore[arg-type]


def test_at_least_four_predictions_a_second_that_sum_to_one() -> None:
    predictions = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), make_eeg(10.0), [5])
    spans = np.diff([p.stamp for p in predictions])
    assert len(predictions) >= 5 * 8.5
    assert spans.max() <= 0.2 + 1.5 / SFREQ  # the hop grid is a grid of samples
    assert all(abs(float(p.probabilities.sum()) - 1.0) < 1e-6 for p in predictions)
    assert predictions[-1].modalities == ("eeg",)
    assert predictions[-1].eeg_age_s == pytest.approx(0.0)
    assert np.isnan(predictions[-1].face_age_s)


@pytest.mark.parametrize("sizes", [[1], [13, 1, 40], [2500]])
def test_how_samples_are_cut_into_chunks_changes_nothing(sizes: list[int]) -> None:
    x = make_eeg(6.0)
    want = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), x, [7])
    got = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), x, sizes)
    assert [p.stamp for p in got] == [p.stamp for p in want]
    np.testing.assert_allclose([p.probabilities for p in got], [p.probabilities for p in want], rtol=1e-6)


def test_the_answer_follows_the_signal() -> None:
    weak = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), make_eeg(5.0, alpha_uv=0.5), [10])
    strong = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), make_eeg(5.0, alpha_uv=20.0), [10])
    assert strong[-1].probabilities[1] > weak[-1].probabilities[1] + 0.2
    assert strong[-1].confidence == pytest.approx(
        1 + np.sum(strong[-1].probabilities * np.log(strong[-1].probabilities)) / np.log(2), abs=1e-5
    )


def test_a_movement_is_fused_after_its_delay_and_until_it_is_old() -> None:
    recognizer = AlphaRecognizer()
    engine = Engine(recognizer, eeg=INFO, has_video=False)
    engine._movements.append(make_movement(3.0))
    predictions = push(engine, make_eeg(14.0), [10])
    fused = [p.stamp for p in predictions if "face" in p.modalities]
    max_age_s = engine.config.engine.movement_max_age_s
    assert min(fused) == pytest.approx(3.3 + 0.25, abs=0.25)
    assert min(fused) >= 3.3 + 0.25
    assert max(fused) <= 3.0 + max_age_s
    one = next(p for p in predictions if "face" in p.modalities)
    assert one.face_age_s == pytest.approx(one.stamp - 3.0)
    assert set(one.by_modality) == {"eeg", "face"}


def test_a_macro_expression_is_not_fused() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    engine._movements.append(make_movement(3.0, kind="macro"))
    assert all("face" not in p.modalities for p in push(engine, make_eeg(6.0), [10]))


def test_too_many_bad_channels_withhold_the_eeg() -> None:
    x = make_eeg(8.0)
    x[:4, int(4.0 * SFREQ) :] = 0.0
    predictions = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), x, [10])
    assert predictions[-1].evidence is Evidence.NOT_ENOUGH
    assert predictions[-1].confidence == 0.0
    np.testing.assert_allclose(predictions[-1].probabilities, 0.5)
    assert any(p.evidence is Evidence.ENOUGH for p in predictions if p.stamp < 4.0)


def test_refuses_what_it_cannot_work_on() -> None:
    with pytest.raises(ConfigurationError, match="neither EEG nor video"):
        Engine(AlphaRecognizer(), eeg=None, has_video=False)
    with pytest.raises(MontageError, match="Fp1"):
        Engine(AlphaRecognizer(), eeg=EegInfo("x", "x", ("O1", "O2", "Cz"), SFREQ), has_video=False)
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False, config=Config())
    with pytest.raises(ConfigurationError, match="without video"):
        engine.push_frame(None)  # type: ignore[arg-type]


def test_a_recogniser_is_told_of_a_micro_movement_when_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Foresighted(AlphaRecognizer):
        def expect(self, movement: MicroMovement) -> None:
            told.append(movement)

    told: list[MicroMovement] = []
    engine = Engine(Foresighted(), eeg=INFO, has_video=True)
    assert engine.face is not None
    found = [make_movement(3.0), make_movement(3.5, kind="macro")]
    monkeypatch.setattr(engine.face, "look", lambda frame: frame)
    monkeypatch.setattr(engine.face, "judge", lambda seen: found)
    results = engine.push_frame(VideoFrame(np.zeros((4, 4), np.uint8), 4.0, 0))
    assert told == found[:1]
    assert results == found


def test_predictions_on_the_same_evidence_are_averaged_over_a_second() -> None:
    x = make_eeg(8.0)
    raw = Config().model_copy(update={"engine": Config().engine.model_copy(update={"smoothing_s": 0.0})})
    single = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False, config=raw), x, [10])
    smooth = push(Engine(AlphaRecognizer(), eeg=INFO, has_video=False), x, [10])
    want = np.mean([p.probabilities for p in single[7:12]], axis=0)
    np.testing.assert_allclose(smooth[11].probabilities, want, atol=1e-6)
    np.testing.assert_allclose(smooth[0].probabilities, single[0].probabilities, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 5, 9])
def test_confidence_is_one_minus_the_normalised_entropy(n_classes: int) -> None:
    rng = np.random.default_rng(n_classes)
    even, certain = np.full(n_classes, 1.0 / n_classes), np.eye(n_classes)[0]
    for p in (even, certain, *rng.dirichlet(np.full(n_classes, 0.3), 200)):
        wide = np.clip(p.astype(np.float32).astype(np.float64), 1e-12, 1.0)
        want = np.clip(1.0 + np.sum(wide * np.log(wide)) / np.log(n_classes), 0.0, 1.0)
        assert _confidence(p.astype(np.float32)) == pytest.approx(want, abs=1e-14)
    assert math.isnan(_confidence(np.full(n_classes, np.nan, np.float32)))


def test_a_movement_is_not_delayed_by_the_average() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=False)
    engine._movements.append(make_movement(3.0, score=30.0))
    predictions = push(engine, make_eeg(6.0), [10])
    first = next(i for i, p in enumerate(predictions) if "face" in p.modalities)
    face = np.array([0.0, 1.0], np.float32)
    np.testing.assert_allclose(predictions[first].by_modality["face"], face, atol=1e-6)
    eeg_now = 2 * predictions[first].probabilities - face
    eeg_before = predictions[first - 1].probabilities
    assert np.abs(eeg_now - eeg_before).max() < 0.2


def test_a_movement_is_used_no_longer_than_a_second_after_the_last_frame() -> None:
    engine = Engine(AlphaRecognizer(), eeg=INFO, has_video=True)
    movement = make_movement(3.0, score=30.0)
    engine._movements.append(movement)
    engine._newest_frame_s = 4.0
    used = [p.stamp for p in push(engine, make_eeg(6.0), [10]) if "face" in p.modalities]
    assert used[0] < 4.0
    assert 4.5 < used[-1] <= 4.8
