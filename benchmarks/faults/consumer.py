"""A peer that reads the source as its manual says: `python -m benchmarks.faults.consumer pylsl|mne-lsl SOURCE_ID`.

It notes when which sample arrived, by the source's counting channel, and whatever the library raised. An order on
standard input is answered with what was noted since a moment: what arrived and what did not, and what was said of it.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_KEPT = 200_000
_FIND_S = 30.0


class Reading(Protocol):
    """New samples, (n, n_channels), and their stamps."""

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...


class PylslReading:
    """`StreamInlet` with liblsl's defaults but the buffer's length."""

    def __init__(self, source_id: str, buffer_s: float, cleaned: bool, network: bool) -> None:
        import pylsl

        from realtime.lsl import session

        session.configure(network=network)
        found = pylsl.resolve_byprop("source_id", source_id, 1, _FIND_S)
        flags = pylsl.proc_clocksync | pylsl.proc_dejitter | pylsl.proc_monotonize if cleaned else pylsl.proc_none
        self._inlet = pylsl.StreamInlet(found[0], max_buflen=int(buffer_s), processing_flags=flags)
        self._inlet.open_stream(_FIND_S)

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows, stamps = self._inlet.pull_chunk(0.0, 4096)
        return np.array(rows or [], np.float64), np.array(stamps)


class MneReading:
    """`mne_lsl.stream.StreamLSL`, acquired by hand; with a band-pass where asked."""

    def __init__(self, source_id: str, buffer_s: float, cleaned: bool) -> None:
        from mne_lsl.stream import StreamLSL

        self._stream = StreamLSL(bufsize=buffer_s, source_id=source_id).connect(acquisition_delay=None, timeout=_FIND_S)
        if cleaned:
            self._stream.filter(1.0, 40.0, picks="eeg")

    def read(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self._stream.acquire()
        if not (new := min(self._stream.n_new_samples, self._stream.n_buffer)):
            return np.empty((0, 0)), np.empty(0)
        data, stamps = self._stream.get_data()
        return data[:, -new:].T.astype(np.float64), stamps[-new:]


class Notes:
    """What arrived when, and what was raised."""

    def __init__(self) -> None:
        self.rows: list[tuple[float, float, float, bool]] = []
        self.errors: list[tuple[float, str]] = []

    def take(self, rows: NDArray[np.float64], stamps: NDArray[np.float64], at: float) -> None:
        """Note samples: arrival, number, stamp, whether all channels are finite."""
        finite = np.isfinite(rows).all(axis=-1)
        self.rows += [
            (at, float(r[-1]), float(s), bool(f)) for r, s, f in zip(rows, stamps, np.atleast_1d(finite), strict=True)
        ]
        del self.rows[:-_KEPT]

    def report(self, since: float) -> dict[str, Any]:
        """What arrived since, and where its numbers break off, go back or are not finite."""
        rows = [row for row in self.rows if row[0] >= since]
        numbers = np.array([row[1] for row in rows])
        steps = np.diff(numbers)
        stamps = np.array([row[2] for row in rows])
        known = self.rows[-1][0] if self.rows else None
        return {
            "received": len(rows),
            "first_at": rows[0][0] if rows else None,
            "last_at": known,
            "missing": int(steps[steps > 1].sum() - np.count_nonzero(steps > 1)) if len(steps) else 0,
            "back": int(np.count_nonzero(steps <= 0)),
            "stamps_back_s": float(np.diff(-stamps).max(initial=0.0)) if len(stamps) > 1 else 0.0,
            "stamps_forward_s": float(np.diff(stamps).max(initial=0.0)) if len(stamps) > 1 else 0.0,
            "off_s": max((abs(row[0] - row[2]) for row in rows), default=0.0),
            "not_finite": sum(not row[3] for row in rows),
            "errors": [text for at, text in self.errors if at >= since],
        }


def main() -> None:
    """Read until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("pylsl", "mne-lsl"))
    parser.add_argument("source_id")
    parser.add_argument("--buffer", type=float, default=30.0)
    parser.add_argument("--cleaned", action="store_true", help="pylsl: all its stamp processing; mne-lsl: a filter")
    parser.add_argument("--network", action="store_true")
    given = parser.parse_args()
    reading: Reading
    if given.kind == "pylsl":
        reading = PylslReading(given.source_id, given.buffer, given.cleaned, given.network)
        from pylsl import local_clock
    else:
        reading = MneReading(given.source_id, given.buffer, given.cleaned)
        from mne_lsl.lsl import local_clock
    notes, told = Notes(), False
    while True:
        try:
            rows, stamps = reading.read()
            if len(stamps):
                notes.take(rows, stamps, local_clock())
        except Exception as err:  # noqa: BLE001 - whatever a peer says of the fault is what is measured
            notes.errors.append((local_clock(), f"{type(err).__name__}: {err}"))
            time.sleep(0.1)
        if notes.rows and not told:
            told = True
            print(json.dumps({"ready": True}), flush=True)
        if select.select([sys.stdin], [], [], 0.01)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(notes.report(float(json.loads(line)["since"]))), flush=True)


if __name__ == "__main__":
    main()
