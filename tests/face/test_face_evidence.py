"""What makes a candidate likely, and the fit it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from realtime.face.evidence import Evidence
from realtime.face.profile import Hump, refined

CLEAR = Evidence(likeness=4.0, after=0.1, head=0.2)


def test_a_clear_movement_is_likely_and_noise_is_not():
    assert CLEAR.confidence > 0.9
    assert replace(CLEAR, likeness=0.3).confidence < 0.1


@pytest.mark.parametrize(
    "worse",
    [{"likeness": 3.0}, {"after": 1.0}, {"head": 1.5}],
    ids=lambda change: next(iter(change)),
)
def test_each_piece_of_evidence_counts(worse: dict[str, float]):
    assert replace(CLEAR, **worse).confidence < CLEAR.confidence


def lag_flows(
    onset: float, apex: float, offset: float, height: float, noise: float, fps: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    def course(at: np.ndarray) -> np.ndarray:
        rise = np.clip((at - onset) / (apex - onset), 0, 1)
        fall = np.clip((offset - at) / (offset - apex), 0, 1)
        return height * (0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall)))

    stamps = np.arange(0.2, 1.6, 1 / fps)
    before = stamps - 0.2
    steps = course(stamps) - course(before) + noise * np.random.default_rng(3).standard_normal(len(stamps))
    return stamps, before, steps + 0.05


@pytest.mark.parametrize("fps", [25.0, 30.0, 60.0, 150.0])
def test_the_fit_finds_onset_apex_and_offset_at_every_rate(fps: float):
    flows = lag_flows(0.52, 0.66, 0.99, 0.5, 0.03, fps)
    found = refined(Hump(0.45, 0.72, 1.1, 0.4, 0.9), *flows)
    assert (found.onset_s, found.apex_s, found.offset_s) == pytest.approx((0.52, 0.66, 0.99), abs=0.05)
    assert found.height_px == pytest.approx(0.5, abs=0.08)
    assert found.fit > 0.9


def test_noise_is_not_explained_by_a_movement():
    stamps, before, _ = lag_flows(0.5, 0.7, 0.9, 0.0, 0.0, 30.0)
    steps = np.random.default_rng(8).standard_normal(len(stamps))
    assert refined(Hump(0.5, 0.7, 0.9, 1.0, 0.9), stamps, before, steps).fit < 0.6


def test_a_course_that_only_falls_explains_nothing():
    stamps, before, steps = lag_flows(0.5, 0.7, 0.9, -0.5, 0.0, 30.0)
    assert refined(Hump(0.5, 0.7, 0.9, 0.4, 0.9), stamps, before, steps).height_px == pytest.approx(0.0, abs=0.5)
