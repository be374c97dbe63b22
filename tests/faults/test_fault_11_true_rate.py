"""Row 11: a headset that does not send at the rate it announces is measured and warned of."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_11_true_rate import ROW

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(300)]


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_fault_11_the_true_rate_is_found_and_told(full: bool) -> None:
    figures = ROW.ours(full).figures
    assert figures["error_at_0.9"] <= 1e-3
    assert not full or figures["error_at_1.1"] <= 1e-3
    assert figures["worst_error"] <= 1e-3
    assert figures["warned"] is True
    assert figures["lost"] == 0
