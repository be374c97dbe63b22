"""A camera of 200 frames a second over LSL into the engine on one core, shortened; and what its row says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import face_live
from benchmarks.face_node import FPS, Sent, Taken
from realtime.errors import EmostreamError


@pytest.mark.end_to_end
def test_every_frame_of_a_fast_camera_arrives_with_its_own_stamp_or_is_counted_as_lost() -> None:
    sent, taken = face_live.streamed(2.0)
    indices, stamps = np.array(taken.frames).T
    assert (np.diff(indices) > 0).all()
    np.testing.assert_allclose(stamps, sent.start_s + indices / FPS, atol=1e-6)
    assert sent.pushed + sent.skipped >= 2.0 * FPS
    # between the first and the last that came nothing is missing unsaid
    assert len(indices) + taken.lost == indices[-1] - indices[0] + 1
    assert set(taken.evaluated) <= set(stamps.tolist())
    if not taken.lost:  # a machine with no time for it loses some
        assert 50 * 1.8 <= len(taken.evaluated) <= 60 * 2.0


def _taken(every: int = 1, evaluated_hz: float = 60.0) -> Taken:
    frames = [(i, 7.0 + i / FPS) for i in range(0, 600, every)]
    return Taken(
        frames=frames,
        evaluated=(7.2 + np.arange(0.0, 2.7, 1.0 / evaluated_hz)).tolist(),
        age_ms=[5.0, 6.0],
        cpu_s=[1.0, 1.4, 1.8],
        lost=600 - len(frames),
    )


def test_the_row_is_met_where_all_came_and_enough_was_looked_at() -> None:
    sent = Sent(7.0, 600, 0, 0.001)
    row = face_live.row(sent, _taken(), "")
    assert row.met is True
    assert row.ours.median_ms == pytest.approx(2.0)
    assert "600 taken, 0 not" in row.note
    assert "60.0 evaluated a second" in row.note
    assert row.as_json()["goal"] == "; ".join(row.wanted)
    lost = face_live.row(sent, _taken(every=2), "")
    assert lost.met is False
    assert lost.also["no frame lost"] is False
    slow = face_live.row(sent, _taken(evaluated_hz=40.0), "")
    assert slow.also == {
        "no frame lost": True,
        "every stamp kept": True,
        "at least 50 evaluated a second": False,
    }
    moved = face_live.row(Sent(7.001, 600, 0, 0.001), _taken(), "")
    assert moved.also["every stamp kept"] is False


def test_no_row_is_made_of_nothing() -> None:
    with pytest.raises(EmostreamError, match="0 were evaluated"):
        face_live.row(Sent(7.0, 600, 0, 0.001), Taken(frames=[(0, 7.0)]), "")
