"""What all outlets have in common: one LSL outlet, a counter, a close."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.errors import EmostreamError


class Outlet:
    """One LSL outlet, pushed from one thread.

    Parameters
    ----------
    info : pylsl.StreamInfo
    max_buffered : int
        Capacity of the queue of each consumer, in samples.
    """

    def __init__(self, info: pylsl.StreamInfo, *, max_buffered: int) -> None:
        self._name = info.name()
        self._count = info.channel_count()
        # counted in samples: seconds would be multiplied by the nominal rate, and by 100 where there is none
        self._outlet: pylsl.StreamOutlet | None = pylsl.StreamOutlet(
            info, 0, max(1, max_buffered), pylsl.transp_bufsize_samples
        )
        self._info = info
        self._pushed = 0

    @property
    def name(self) -> str:
        """Name of the LSL stream."""
        return self._name

    @property
    def source_id(self) -> str:
        """Source id of the LSL stream."""
        return self._info.source_id()

    @property
    def uid(self) -> str:
        """LSL uid of the open outlet."""
        return self._open().get_info().uid()

    @property
    def pushed(self) -> int:
        """Samples pushed since the outlet was opened."""
        return self._pushed

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self._outlet is None

    def have_consumers(self) -> bool:
        """True while somebody reads the stream."""
        return self._open().have_consumers()

    def wait_for_consumers(self, timeout_s: float) -> bool:
        """Wait until somebody reads the stream; False where nobody does within `timeout_s`."""
        return bool(self._open().wait_for_consumers(timeout_s))

    def close(self) -> None:
        """Withdraw the stream. A second call does nothing."""
        self._outlet = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> pylsl.StreamOutlet:
        if self._outlet is None:
            raise EmostreamError(f"LSL stream '{self._name}' is closed: open a new outlet")
        return self._outlet

    def _push_rows(self, rows: NDArray, stamps: float | NDArray[np.float64]) -> None:
        """Push (n_times, n_channels) numbers: one stamp for one row, or one each."""
        # pylsl takes one stamp or one a row, and annotates the former only
        self._open().push_chunk(rows, stamps)  # pyright: ignore[reportArgumentType]
        self._pushed += len(rows)

    def _push_text(self, text: str, stamp: float) -> None:
        self._open().push_sample([text], stamp)
        self._pushed += 1
