"""Bounded hand-over between a writer and a reader: a ring of samples, a queue, a slot. What overflows is counted."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")

OnFull = Literal["drop_oldest", "drop_newest", "raise"]


class RingFullError(Exception):
    """A ring or queue with ``on_full="raise"`` is full."""


class RingBuffer:
    """The newest samples of several channels, as one contiguous view without copying.

    Every sample is written once, behind the last. Where `3 * capacity` samples are full, what is held moves back to the
    beginning: once in two capacities, so any window lies in one piece and a push costs half as much again as a copy.

    Parameters
    ----------
    n_channels, capacity : int
        Channels and samples held.
    dtype : dtype
    on_full : {'drop_oldest', 'drop_newest', 'raise'}
        What happens to samples beyond `capacity` since the last `consume`; a ring that is only looked at with
        `latest` keeps 'drop_oldest'.

    Raises
    ------
    ValueError
        No channels or no capacity.

    Notes
    -----
    Not locked: writer and reader are one thread, or share a lock. A view is valid until the next `push`.
    """

    def __init__(
        self, n_channels: int, capacity: int, *, dtype: type[np.generic] = np.float32, on_full: OnFull = "drop_oldest"
    ) -> None:
        if n_channels < 1 or capacity < 1:
            raise ValueError(f"ring of {n_channels} channels and {capacity} samples: at least one of each is wanted")
        self._data = np.zeros((n_channels, 3 * capacity), dtype)
        # slices of what is read-only are so themselves
        self._shown = self._data.view()
        self._shown.flags.writeable = False
        self._n_channels, self._capacity, self._room = n_channels, capacity, self._data.shape[1]
        self._dtype = self._data.dtype
        self._on_full: OnFull = on_full
        self._end: int = 0
        self._size: int = 0
        self.pushed = 0
        """Samples offered so far."""
        self.dropped = 0
        """Samples overwritten or refused before they were consumed."""

    @property
    def n_channels(self) -> int:
        """Channels."""
        return self._n_channels

    @property
    def capacity(self) -> int:
        """Samples it can hold."""
        return self._capacity

    def __len__(self) -> int:
        return self._size

    def push(self, samples: ArrayLike) -> int:
        """Append (n_channels, n_times) samples; returns how many were kept.

        Raises
        ------
        ValueError
            Another number of channels.
        RingFullError
            They do not fit and `on_full` is 'raise'; nothing is written then.
        """
        block = np.asarray(samples, self._dtype)
        shape = block.shape
        if len(shape) != 2 or shape[0] != self._n_channels:
            raise ValueError(f"ring of {self._n_channels} channels got samples of shape {shape}")
        n = shape[1]
        size = self._size + n
        if size > self._capacity:
            if n > self._capacity or self._on_full != "drop_oldest":
                return self._push_what_fits(block)
            self.dropped += size - self._capacity
            size = self._capacity
        start = self._end
        if start + n > self._room:
            start = self._move_back(size - n)
        self._end = end = start + n
        self._data[:, start:end] = block
        self._size = size
        self.pushed += n
        return n

    def _push_what_fits(self, block: NDArray) -> int:
        """Of samples that are too many; the others, or those they take the place of, are counted."""
        offered, free = block.shape[1], self._capacity - self._size
        if self._on_full == "raise":
            raise RingFullError(f"{offered} samples do not fit: {free} of {self._capacity} are free")
        if self._on_full == "drop_newest":
            kept = self.push(block[:, :free])
        else:
            self._size, self.dropped = 0, self.dropped + self._size
            kept = self.push(block[:, -self._capacity :])
        self.pushed += offered - kept
        self.dropped += offered - kept
        return kept

    def _move_back(self, n: int) -> int:
        """Put the newest `n` samples at the beginning; returns where the next ones go."""
        self._data[:, :n] = self._data[:, self._end - n : self._end]
        return n

    def latest(self, n: int | None = None) -> NDArray:
        """View of the newest `n` samples (all that are held by default), (n_channels, n), read-only, oldest first.

        Raises
        ------
        ValueError
            More than are held.
        """
        n = self._size if n is None else n
        if not 0 <= n <= self._size:
            raise ValueError(f"{n} samples wanted, {self._size} are held")
        return self._shown[:, self._end - n : self._end]

    def oldest(self, n: int | None = None) -> NDArray:
        """View of the oldest `n` samples that are held, (n_channels, n), read-only, oldest first.

        Raises
        ------
        ValueError
            More than are held.
        """
        n = self._size if n is None else n
        if not 0 <= n <= self._size:
            raise ValueError(f"{n} samples wanted, {self._size} are held")
        start = self._end - self._size
        return self._shown[:, start : start + n]

    def consume(self, n: int) -> None:
        """Forget the oldest `n` samples.

        Raises
        ------
        ValueError
            More than are held.
        """
        if not 0 <= n <= self._size:
            raise ValueError(f"{n} samples to consume, {self._size} are held")
        self._size -= n

    def clear(self) -> None:
        """Forget all samples; the counters stay."""
        self._size = 0


class LatestSlot(Generic[T]):
    """Holds the newest value only; older ones that were never taken are counted. Any threads."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: T | None = None
        self._full = False
        self._closed = False
        self.replaced = 0
        """Values replaced before anybody took them."""

    def put(self, value: T) -> None:
        """Put a value in, in place of one that was not taken."""
        with self._condition:
            self.replaced += self._full
            self._value, self._full = value, True
            self._condition.notify()

    def take(self, timeout_s: float = 0.0) -> T | None:
        """Take the value out, waiting at most `timeout_s` for one; None where there is none or the slot is closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._full or self._closed, timeout_s)
            value, self._value, self._full = self._value, None, False
            return value

    def close(self) -> None:
        """Wake everybody who waits."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class BoundedQueue(Generic[T]):
    """First in, first out, never more than `capacity`; what overflows is counted. Any threads.

    Parameters
    ----------
    capacity : int
    on_full : {'drop_oldest', 'drop_newest', 'raise'}

    Raises
    ------
    ValueError
        No capacity.
    """

    def __init__(self, capacity: int, *, on_full: OnFull = "drop_oldest") -> None:
        if capacity < 1:
            raise ValueError(f"queue of {capacity} items: at least one is wanted")
        self._items: deque[T] = deque()
        self._capacity = capacity
        self._on_full: OnFull = on_full
        self._condition = threading.Condition()
        self._closed = False
        self.dropped = 0
        """Items that were dropped, old or new."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Append an item; False where it was dropped.

        Raises
        ------
        RingFullError
            The queue is full and `on_full` is 'raise'.
        """
        with self._condition:
            if len(self._items) >= self._capacity:
                if self._on_full == "raise":
                    raise RingFullError(f"queue of {self._capacity} items is full")
                self.dropped += 1
                if self._on_full == "drop_newest":
                    return False
                self._items.popleft()
            self._items.append(item)
            self._condition.notify()
            return True

    def get(self, timeout_s: float = 0.0) -> T | None:
        """Take the oldest item, waiting at most `timeout_s`; None where there is none or the queue is closed."""
        with self._condition:
            self._condition.wait_for(lambda: bool(self._items) or self._closed, timeout_s)
            return self._items.popleft() if self._items else None

    def drain(self) -> list[T]:
        """Take all items, oldest first."""
        with self._condition:
            items = list(self._items)
            self._items.clear()
            return items

    def close(self) -> None:
        """Wake everybody who waits; items that are held can still be taken."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
