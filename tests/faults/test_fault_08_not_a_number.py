"""Row 8: a channel is masked while it is no number, and only that channel, and only then."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_08_not_a_number import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_08_nan_and_inf_mask_one_channel_for_a_window() -> None:
    figures = ROW.ours(False).figures
    sample_s = 1.0 / 250.0
    # a busy engine publishes one window in four
    assert figures["masked_after_s"] <= 4 * 0.05 + sample_s
    assert figures["unmasked_for_s"] <= 0.05
    assert figures["masked_for_s"] <= 1.0 + 0.05 + sample_s
    assert figures["others_kept"] is True
    assert figures["predictions"] > 0
    assert figures["output_finite"] is True
