"""Packets of a recording into an engine, in the order in which they would have arrived."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from realtime.engine import Engine
from realtime.face.looking import Seen
from realtime.interfaces import Sink
from realtime.packets import EegChunk, Result, VideoFrame

T = TypeVar("T")
Frame = VideoFrame | Seen
Watch = Callable[[EegChunk | Frame], object]

_IN_FLIGHT = 2
"""Chunks that wait for each of the threads of an analysis."""


def in_time_order(chunks: Iterable[EegChunk], frames: Iterable[Frame]) -> Iterator[EegChunk | Frame]:
    """Merge two recordings as they would have arrived: by a frame's stamp and a chunk's newest stamp.

    Both must be in order themselves and on one clock. A frame comes before a chunk of the same stamp.
    """
    timed_frames = ((frame.stamp, 0, frame) for frame in frames)
    timed_chunks = ((float(chunk.stamps[-1]), 1, chunk) for chunk in chunks)
    for _, _, packet in heapq.merge(timed_frames, timed_chunks, key=lambda timed: timed[:2]):
        yield packet


def ahead(items: Iterable[T], n: int) -> Generator[T, None, None]:
    """The same items, made in a thread of their own while those before are used; at most `n` wait."""
    source, end = iter(items), object()
    making = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        waiting = deque(making.submit(next, source, end) for _ in range(n))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(making.submit(next, source, end))
            yield cast(T, item)
    finally:
        making.shutdown(cancel_futures=True)


def feed(
    engine: Engine, packets: Iterable[EegChunk | Frame], sinks: Iterable[Sink], watch: Watch = lambda packet: None
) -> None:
    """Push packets in order and hand every result to every sink; bounded memory whatever the length.

    `watch` is told of each packet before the sinks have its results, in the same thread.
    """
    sinks = tuple(sinks)
    for packet in packets:
        results = engine.push_eeg(packet) if isinstance(packet, EegChunk) else engine.push_frame(packet)
        watch(packet)
        _write(results, sinks)


def feed_eeg(
    engine: Engine, chunks: Iterable[EegChunk], sinks: Iterable[Sink], watch: Watch = lambda packet: None
) -> None:
    """As `feed` for EEG alone: chunks are examined in one thread, answered in another, and written in this one."""
    sinks = tuple(sinks)
    examined = ahead(((chunk, engine.examine(chunk)) for chunk in chunks), _IN_FLIGHT)
    answered = ahead(((chunk, engine.answer(found)) for chunk, found in examined), _IN_FLIGHT)
    for chunk, results in answered:
        watch(chunk)
        _write(results, sinks)


def _write(results: Sequence[Result], sinks: Sequence[Sink]) -> None:
    for result in results:
        for sink in sinks:
            sink.write(result)
