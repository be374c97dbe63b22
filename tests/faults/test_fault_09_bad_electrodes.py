"""Row 9: flat, railed, humming and jumping electrodes are flagged within a second, and too many withhold the answer."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.faults.fault_09_bad_electrodes import ROW
from benchmarks.faults.row import Outcome
from simulators.faults import JUMP_UV, RAIL_UV, ElectrodeFault


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    for kind in ("flat", "railed", "mains", "jump"):
        assert 0.0 < figures[f"{kind}_flagged_s"] <= 1.0, (kind, figures)
        assert figures[f"{kind}_used_above"] == 0.0, (kind, figures)
        assert figures[f"{kind}_used_at_25_percent"] == 1.0, (kind, figures)
    assert figures["used_before"] == 1.0
    assert figures["false_flags"] == 0
    assert outcome.met


def test_bad_electrodes_are_flagged_within_a_second_and_withhold_predictions_above_a_quarter() -> None:
    check(ROW.ours(False))


@pytest.mark.slow
def test_bad_electrodes_of_three_montages_at_four_moments() -> None:
    check(ROW.ours(True))


def test_a_simulated_fault_touches_its_channels_and_its_time_alone() -> None:
    clean = np.random.default_rng(0).normal(0.0, 10.0, (4, 100)).astype(np.float32)
    stamps = np.arange(100) / 100.0
    for kind, change in (("flat", -clean), ("railed", RAIL_UV - clean), ("jump", np.full_like(clean, JUMP_UV))):
        put = ElectrodeFault(kind, [1, 3], 0.2, 0.7).put_on(clean, stamps) - clean  # type: ignore[arg-type]
        np.testing.assert_allclose(put[[1, 3], 20:70], change[[1, 3], 20:70], rtol=1e-4)
        assert not put[[0, 2]].any()
        assert not put[:, :20].any()
        assert not put[:, 70:].any()
    hum = ElectrodeFault("mains", [0], 0.0, mains_hz=10.0).put_on(clean, stamps) - clean
    assert abs(np.fft.rfft(hum[0])).argmax() == 10
