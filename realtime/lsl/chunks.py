"""Samples with smoothed stamps -> EEG chunks, cut where a gap is: the same live and from a recording."""

from __future__ import annotations

from collections.abc import Iterator

from realtime.lsl.clock import Gap, MappedStamps
from realtime.packets import EegChunk, Float32


class ChunkCutter:
    """Numbers the samples of one source, lost ones counted in, and cuts at each gap, so that no chunk spans one."""

    def __init__(self) -> None:
        self._next_index = 0
        self._resets = 0

    def cut(self, samples: Float32, mapped: MappedStamps, uid: str) -> Iterator[EegChunk]:
        """Consecutive chunks of what was read at once.

        Parameters
        ----------
        samples : (n_channels, n_times) float32 µV
        mapped : MappedStamps
            One stamp a sample, and the gaps among them.
        uid : str
            Of the source; where its clock was reset, its chunks are those of a restarted one.
        """
        start = 0
        for gap in (*mapped.gaps, Gap(mapped.stamps.size, 0)):
            if gap.at > start:
                stream_id = f"{uid}#{self._resets}" if self._resets else uid
                chunk = EegChunk(samples[:, start : gap.at], mapped.stamps[start : gap.at], stream_id, self._next_index)
                self._next_index += gap.at - start
                start = gap.at
                yield chunk
            self._next_index += gap.lost
            self._resets += gap.reset
