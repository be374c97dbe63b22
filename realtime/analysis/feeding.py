"""Packets of a recording into an engine, in the order in which they would have arrived."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

from realtime.engine import Engine
from realtime.face.looking import Seen
from realtime.interfaces import Sink
from realtime.packets import EegChunk, Result, VideoFrame

T = TypeVar("T")
Frame = VideoFrame | Seen


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


def feed(engine: Engine, packets: Iterable[EegChunk | Frame], sinks: Iterable[Sink]) -> None:
    """Push packets in order and hand every result to every sink; bounded memory whatever the length."""
    sinks = tuple(sinks)
    for packet in packets:
        results = engine.push_eeg(packet) if isinstance(packet, EegChunk) else engine.push_frame(packet)
        _write(results, sinks)


def feed_eeg(engine: Engine, chunks: Iterable[EegChunk], sinks: Iterable[Sink]) -> None:
    """As `feed` for EEG alone: while the recogniser answers for one chunk, the next one is examined."""
    sinks = tuple(sinks)
    with ThreadPoolExecutor(1, thread_name_prefix="answers") as answering:
        before: Future[list[Result]] | None = None
        for chunk in chunks:
            found = engine.examine(chunk)
            now = answering.submit(engine.answer, found)
            if before is not None:
                _write(before.result(), sinks)
            before = now
        if before is not None:
            _write(before.result(), sinks)


def _write(results: Sequence[Result], sinks: Sequence[Sink]) -> None:
    for result in results:
        for sink in sinks:
            sink.write(result)
