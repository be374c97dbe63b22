"""Packets of a recording into an engine, in the order in which they would have arrived."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from realtime.engine import Engine
from realtime.interfaces import Sink
from realtime.packets import EegChunk, VideoFrame


def in_time_order(chunks: Iterable[EegChunk], frames: Iterable[VideoFrame]) -> Iterator[EegChunk | VideoFrame]:
    """Merge two recordings as they would have arrived: by a frame's stamp and a chunk's newest stamp.

    Both must be in order themselves and on one clock. A frame comes before a chunk of the same stamp.
    """
    timed_frames = ((frame.stamp, 0, frame) for frame in frames)
    timed_chunks = ((float(chunk.stamps[-1]), 1, chunk) for chunk in chunks)
    for _, _, packet in heapq.merge(timed_frames, timed_chunks, key=lambda timed: timed[:2]):
        yield packet


def feed(engine: Engine, packets: Iterable[EegChunk | VideoFrame], sinks: Iterable[Sink]) -> None:
    """Push packets in order and hand every result to every sink; bounded memory whatever the length."""
    sinks = tuple(sinks)
    for packet in packets:
        results = engine.push_eeg(packet) if isinstance(packet, EegChunk) else engine.push_frame(packet)
        for result in results:
            for sink in sinks:
                sink.write(result)
