"""Row 4: a headset that comes back with other channels or another rate is refused, in words that name it."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_04_other_layout import ROW

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_fault_04_another_layout_is_refused_by_name(full: bool) -> None:
    figures = ROW.ours(full).figures
    assert figures["refused_channels_after_s"] <= 3.0
    assert not full or figures["refused_rate_after_s"] <= 3.0
    assert figures["predictions_from_it"] == 0
    assert figures["running"] is True
