"""Ring, slot and queue against plain definitions."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.ring import BoundedQueue, LatestSlot, RingBuffer, RingFullError


@given(st.integers(1, 4), st.integers(1, 17), st.lists(st.integers(0, 40), max_size=12))
def test_ring_holds_the_newest_samples(channels: int, capacity: int, sizes: list[int]) -> None:
    ring = RingBuffer(channels, capacity)
    plain = np.zeros((channels, 0), np.float32)
    for size in sizes:
        block = (
            np.arange(plain.shape[1], plain.shape[1] + size, dtype=np.float32) + 100.0 * np.arange(channels)[:, None]
        )
        ring.push(block)
        plain = np.concatenate([plain, block], axis=1)
        assert np.array_equal(ring.latest(), plain[:, max(0, plain.shape[1] - capacity) :])
    assert ring.pushed == plain.shape[1]
    assert ring.dropped == max(0, plain.shape[1] - capacity)
    assert len(ring) == min(capacity, plain.shape[1])


@given(
    st.sampled_from(["drop_oldest", "drop_newest", "raise"]),
    st.integers(1, 9),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 9)), max_size=40),
)
def test_ring_is_a_list_with_two_ends(on_full, capacity: int, steps: list[tuple[int, int]]) -> None:
    ring = RingBuffer(1, capacity, on_full=on_full)
    held: list[float] = []
    offered = dropped = 0
    for size, used in steps:
        new = [float(offered + i) for i in range(size)]
        excess = max(0, len(held) + size - capacity)
        if excess and on_full == "raise":
            with pytest.raises(RingFullError):
                ring.push([new])
        else:
            kept = size - excess if on_full == "drop_newest" else min(size, capacity)
            assert ring.push(np.array([new])) == kept
            held = (held + new)[:capacity] if on_full == "drop_newest" else (held + new)[-capacity:]
            offered, dropped = offered + size, dropped + excess
        assert ring.latest()[0].tolist() == ring.oldest()[0].tolist() == held
        ring.consume(min(used, len(held)))
        held = held[min(used, len(held)) :]
        assert ring.oldest(len(held) // 2)[0].tolist() == held[: len(held) // 2]
        assert (len(ring), ring.pushed, ring.dropped) == (len(held), offered, dropped)


def test_ring_views_share_memory_and_are_read_only() -> None:
    ring = RingBuffer(2, 8)
    for _ in range(3):
        ring.push(np.ones((2, 5)))
        view = ring.latest(5)
        assert np.shares_memory(view, ring.latest())
        assert view.strides[1] == view.itemsize
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0] = 2.0


def test_ring_consumes_from_the_old_end() -> None:
    ring = RingBuffer(1, 4, on_full="raise")
    ring.push([[1, 2, 3]])
    assert ring.oldest(2).tolist() == [[1, 2]]
    ring.consume(2)
    ring.push([[4, 5, 6]])
    assert ring.oldest().tolist() == [[3, 4, 5, 6]]
    with pytest.raises(RingFullError, match="2 samples do not fit: 0 of 4 are free"):
        ring.push([[7, 8]])
    assert ring.latest(1).tolist() == [[6]]
    assert (ring.pushed, ring.dropped) == (6, 0)
    ring.clear()
    assert len(ring) == 0


def test_ring_drop_newest_keeps_what_is_held() -> None:
    ring = RingBuffer(1, 4, on_full="drop_newest")
    assert ring.push([[1, 2, 3]]) == 3
    assert ring.push([[4, 5, 6]]) == 1
    assert ring.latest().tolist() == [[1, 2, 3, 4]]
    assert (ring.pushed, ring.dropped) == (6, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RingBuffer(0, 5), "ring of 0 channels"),
        (lambda: RingBuffer(2, 5).push(np.ones((3, 1))), "ring of 2 channels got samples of shape"),
        (lambda: RingBuffer(2, 5).latest(1), "1 samples wanted, 0 are held"),
        (lambda: RingBuffer(2, 5).oldest(-1), "-1 samples wanted"),
        (lambda: RingBuffer(2, 5).consume(1), "1 samples to consume, 0 are held"),
        (lambda: BoundedQueue(0), "queue of 0 items"),
    ],
)
def test_ring_says_what_is_wrong(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_slot_keeps_the_newest_value_and_counts_the_others() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.take() is None
    for value in range(3):
        slot.put(value)
    assert slot.take() == 2
    assert slot.take() is None
    assert slot.replaced == 2


def test_slot_wakes_a_waiting_reader() -> None:
    slot: LatestSlot[str] = LatestSlot()
    got: list[str | None] = []
    thread = threading.Thread(target=lambda: got.append(slot.take(10.0)), name="emostream-test")
    thread.start()
    slot.put("value")
    thread.join(10.0)
    assert got == ["value"]


def test_slot_close_wakes_a_waiting_reader() -> None:
    slot: LatestSlot[str] = LatestSlot()
    got: list[str | None] = []
    thread = threading.Thread(target=lambda: got.append(slot.take(10.0)), name="emostream-test")
    thread.start()
    slot.close()
    thread.join(10.0)
    assert got == [None]


@pytest.mark.parametrize(
    ("on_full", "held", "accepted"),
    [("drop_oldest", [2, 3, 4], [True] * 5), ("drop_newest", [0, 1, 2], [True] * 3 + [False] * 2)],
)
def test_queue_drops_and_counts(on_full, held: list[int], accepted: list[bool]) -> None:
    queue: BoundedQueue[int] = BoundedQueue(3, on_full=on_full)
    assert [queue.put(i) for i in range(5)] == accepted
    assert (len(queue), queue.dropped) == (3, 2)
    assert queue.get() == held[0]
    assert queue.drain() == held[1:]
    assert queue.get() is None


def test_queue_that_may_not_drop_raises() -> None:
    queue: BoundedQueue[int] = BoundedQueue(1, on_full="raise")
    queue.put(1)
    with pytest.raises(RingFullError, match="queue of 1 items is full"):
        queue.put(2)
    assert queue.dropped == 0


def test_queue_gives_what_it_holds_after_closing() -> None:
    queue: BoundedQueue[int] = BoundedQueue(2)
    queue.put(1)
    queue.close()
    assert queue.get(10.0) == 1
    assert queue.get(10.0) is None
