"""Samples that were sent twice or out of order, and those that only look so."""

from __future__ import annotations

import numpy as np

from realtime.lsl.sequence import Sequencer

_PERIOD = 0.004


def _samples(first: int, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Stamps and numbers; the same sample has the same numbers."""
    rows = np.random.default_rng(seed).normal(size=(10_000, 3)).astype(np.float32)
    return 50.0 + _PERIOD * np.arange(first, first + n), rows[first : first + n]


def _kept(sequencer: Sequencer, stamps: np.ndarray, rows: np.ndarray, exact: bool = True) -> int:
    kept = sequencer.keep(stamps, rows, exact)
    return len(stamps) if kept is None else int(kept.sum())


def test_sequence_samples_in_order_pass_untouched() -> None:
    sequencer = Sequencer(_PERIOD)
    for first in range(0, 1000, 10):
        assert sequencer.keep(*_samples(first, 10), exact=True) is None
    assert (sequencer.repeated, sequencer.late) == (0, 0)


def test_sequence_a_block_that_is_sent_again_is_dropped_however_it_is_stamped() -> None:
    for exact in (True, False):
        sequencer = Sequencer(_PERIOD)
        assert _kept(sequencer, *_samples(0, 20), exact) == 20
        assert _kept(sequencer, *_samples(0, 20), exact) == 0
        assert _kept(sequencer, *_samples(20, 20), exact) == 20
        # an older one again, within one pull with new ones
        stamps, rows = zip(_samples(10, 10), _samples(40, 10), strict=True)
        assert _kept(sequencer, np.concatenate(stamps), np.concatenate(rows), exact) == 10
        assert (sequencer.repeated, sequencer.late) == (30, 0)


def test_sequence_blocks_in_the_wrong_order_are_late() -> None:
    sequencer = Sequencer(_PERIOD)
    assert _kept(sequencer, *_samples(0, 20)) == 20
    assert _kept(sequencer, *_samples(30, 10)) == 10
    assert _kept(sequencer, *_samples(20, 10)) == 0
    assert _kept(sequencer, *_samples(40, 10)) == 10
    assert (sequencer.repeated, sequencer.late) == (0, 10)


def test_sequence_packets_stamped_on_arrival_may_overlap() -> None:
    sequencer = Sequencer(_PERIOD)
    stamps, rows = _samples(0, 10)
    assert _kept(sequencer, stamps, rows, exact=False) == 10
    later, others = _samples(10, 10)
    assert _kept(sequencer, later - 2.5 * _PERIOD, others, exact=False) == 10
    assert (sequencer.repeated, sequencer.late) == (0, 0)


def test_sequence_a_push_that_is_stamped_late_costs_no_sample() -> None:
    for late in (0.7, 2.5, 9.0, 47.0):
        sequencer = Sequencer(_PERIOD)
        for number in range(50):
            stamps, rows = _samples(20 * number, 20)
            # stamps so even that they are taken for a sample clock's, until the sender is held up once
            shift = late * _PERIOD if number == 30 else 0.0
            if late > 20 and number in (31, 32):
                # what waited is pushed at once, and stamped as it is pushed
                shift = (late - 20 * (number - 30)) * _PERIOD + 1e-4
            assert _kept(sequencer, stamps + shift, rows) == 20
        assert (sequencer.repeated, sequencer.late) == (0, 0)


def test_sequence_a_flat_packet_with_one_stamp_is_no_repetition() -> None:
    sequencer = Sequencer(_PERIOD)
    for number in range(5):
        assert _kept(sequencer, np.full(10, 50.0 + 0.04 * number), np.zeros((10, 3), np.float32), exact=False) == 10
    assert sequencer.repeated == 0


def test_sequence_a_clock_that_went_far_back_is_not_late() -> None:
    sequencer = Sequencer(_PERIOD)
    assert _kept(sequencer, *_samples(0, 20)) == 20
    stamps, rows = _samples(20, 3000)
    # it passes the time that it went back from, too
    assert sum(_kept(sequencer, stamps[i : i + 20] - 10.0, rows[i : i + 20]) for i in range(0, 3000, 20)) == 3000
    assert sequencer.late == 0


def test_sequence_not_a_number_is_compared_as_itself() -> None:
    sequencer = Sequencer(_PERIOD)
    stamps, rows = _samples(0, 20)
    rows = np.where(rows > 1.0, np.nan, rows)
    assert _kept(sequencer, stamps, rows) == 20
    assert _kept(sequencer, stamps, rows) == 0
    assert sequencer.repeated == 20
