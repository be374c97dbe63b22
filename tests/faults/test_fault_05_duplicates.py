"""Row 5: of two streams with one source_id neither is taken; one that appears later is never gone over to."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_05_duplicates import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_05_a_duplicate_is_refused_at_start_and_never_switched_to() -> None:
    figures = ROW.ours(False).figures
    assert figures["refused_at_start"] is True
    assert figures["live_beside_it"] is True
    assert figures["switched"] is False
    assert "was there before" in str(figures["said"])
