"""Row 10: samples that are sent twice or out of order are dropped, and counted to the last one."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_10_repeated_or_reordered import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_10_repeated_and_late_samples_are_dropped_and_counted() -> None:
    figures = ROW.ours(False).figures
    assert figures["repeated"] == figures["sent_twice"]
    assert figures["late"] == figures["out_of_order"]
    assert figures["dropped_and_not_counted"] == 0
    assert figures["monotone"] is True
