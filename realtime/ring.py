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

    Every sample is written twice, `capacity` apart, so any window of up to `capacity` samples lies in one piece.

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
        self._data = np.zeros((n_channels, 2 * capacity), dtype)
        self._capacity = capacity
        self._on_full: OnFull = on_full
        self._position = 0
        self._size = 0
        self.pushed = 0
        """Samples offered so far."""
        self.dropped = 0
        """Samples overwritten or refused before they were consumed."""

    @property
    def n_channels(self) -> int:
        """Channels."""
        return self._data.shape[0]

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
        block = np.asarray(samples, self._data.dtype)
        if block.ndim != 2 or block.shape[0] != self.n_channels:
            raise ValueError(f"ring of {self.n_channels} channels got samples of shape {block.shape}")
        offered = block.shape[1]
        excess = max(0, self._size + offered - self._capacity)
        if excess and self._on_full == "raise":
            raise RingFullError(
                f"{offered} samples do not fit: {self._capacity - self._size} of {self._capacity} are free"
            )
        if self._on_full == "drop_newest":
            block = block[:, : offered - excess]
        elif offered > self._capacity:
            block = block[:, offered - self._capacity :]
        self.pushed += offered
        self.dropped += excess
        self._write(block)
        self._size = min(self._capacity, self._size + block.shape[1])
        return block.shape[1]

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
        end = self._position + self._capacity
        return self._view(end - n, end)

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
        start = self._position + self._capacity - self._size
        return self._view(start, start + n)

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

    def _write(self, block: NDArray) -> None:
        n = block.shape[1]
        head = min(n, self._capacity - self._position)
        for offset in (0, self._capacity):
            self._data[:, offset + self._position : offset + self._position + head] = block[:, :head]
            if n > head:
                self._data[:, offset : offset + n - head] = block[:, head:]
        self._position = (self._position + n) % self._capacity

    def _view(self, start: int, stop: int) -> NDArray:
        view = self._data[:, start:stop]
        view.flags.writeable = False
        return view


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
