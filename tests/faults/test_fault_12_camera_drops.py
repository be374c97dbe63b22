"""Row 12: dropped pictures are counted exactly, a picture that stands still is told of, no flow spans either."""

from __future__ import annotations

from benchmarks.faults.fault_12_camera_drops import ROW


def test_dropped_and_frozen_pictures_are_counted_told_of_and_not_spanned() -> None:
    figures = ROW.ours(False).figures
    assert figures["counted_by_camera"] == figures["dropped"] == 49
    assert figures["counted_by_engine"] == 49
    assert 0.0 < figures["frozen_flagged_s"] <= 0.5
    assert figures["flows"] > 20
    assert figures["gaps"] > 2
    assert figures["flows_across_gaps"] == 0
