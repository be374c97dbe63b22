"""A headset that misbehaves on command: `python -m benchmarks.faults.source NAME SOURCE_ID [--channels N] ...`.

Sends noise like EEG in a sample clock's stamps, in chunks of 20 ms, and as its last channel, of type 'Count', the
running number of each sample, so that any consumer can be checked for what it missed. One JSON object a line on
standard input is one misbehaviour; the answer on standard output says when the first sample concerned was pushed.
"""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.lsl import session
from realtime.lsl.description import ChannelDescription, make_info

CHUNK_S = 0.02
_BUFFER_S = 360
_NOISE_UV = 12.0
_NOISE_SAMPLES = 4096


def noise(channels: int) -> NDArray[np.float32]:
    """(4096, channels) like EEG, uV: sample `i` of every source is row ``i % 4096``."""
    rng = np.random.default_rng(7)
    made = rng.normal(0.0, _NOISE_UV, (_NOISE_SAMPLES, channels))
    # a random walk pulled back to zero: most of the power at low frequencies, as on a scalp
    for i in range(1, _NOISE_SAMPLES):
        made[i] = 0.9 * made[i - 1] + 0.3 * made[i]
    return made.astype(np.float32)


class Source:
    """One outlet, its sample clock, and what it was told to do wrong.

    Parameters
    ----------
    name, source_id : str
    channels : int
        EEG channels, named as the model's; one more counts the samples.
    nominal_hz, true_hz : float
        What the stream says and what it does.
    first : int
        Number of the first sample.
    """

    def __init__(
        self, name: str, source_id: str, channels: int, nominal_hz: float, true_hz: float, first: int = 0
    ) -> None:
        described = [ChannelDescription(label, "microvolts", "EEG") for label in MODEL_CHANNELS[:channels]]
        described.append(ChannelDescription("COUNT", "none", "Count"))
        info = make_info(name, "EEG", described, rate_hz=nominal_hz, channel_format="float32", source_id=source_id)
        self.outlet = pylsl.StreamOutlet(info, 0, _BUFFER_S)
        self._noise = noise(channels)
        self._true_hz = true_hz
        self.index = first
        self._first = first
        self._begun_s = pylsl.local_clock()
        self.shift_s = 0.0
        self._late_s = 0.0
        self._stopped = False
        self._bad: tuple[int, float, int] = (0, 0.0, 0)
        self._last: tuple[NDArray[np.float32], NDArray[np.float64]] | None = None

    @property
    def begun_s(self) -> float:
        """When its sample clock stood at the first sample."""
        return self._begun_s

    def due(self) -> int:
        """Samples that the sample clock has made and that were not sent."""
        if self._stopped:
            return 0
        made = int((pylsl.local_clock() - self._late_s - self._begun_s) * self._true_hz) + self._first
        return made - self.index

    def take(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """The next samples, (count, n_channels), and their stamps."""
        numbers = np.arange(self.index, self.index + count)
        rows = np.column_stack([self._noise[numbers % _NOISE_SAMPLES], numbers]).astype(np.float32)
        channel, value, left = self._bad
        if left:
            rows[:left, channel] = value
            self._bad = (channel, value, max(0, left - count))
        stamps = self._begun_s + (numbers - self._first) / self._true_hz + self.shift_s
        self.index += count
        return rows, stamps

    def send(self, rows: NDArray[np.float32], stamps: NDArray[np.float64]) -> None:
        """Push samples with a stamp each."""
        self.outlet.push_chunk(rows, stamps)  # pyright: ignore[reportArgumentType] - pylsl takes one a row
        self._last = (rows, stamps)

    def wait_for(self, count: int) -> None:
        """Until that many samples are due."""
        while self.due() < count:
            time.sleep(0.001)

    def obey(self, order: dict[str, Any]) -> dict[str, float]:
        """Do one thing wrong; returns when, the stamp and number of the first sample concerned."""
        number = self.index
        stamp = self._begun_s + (number - self._first) / self._true_hz + self.shift_s
        match order:
            case {"skip": int(count)}:
                self.wait_for(count)
                self.index += count
            case {"shift": seconds}:
                self.shift_s += float(seconds)
            case {"late": seconds}:
                self._late_s = float(seconds)
            case {"bad": [int(channel), str(value), int(count)]}:
                self._bad = (channel, float(value), count)
            case {"repeat": int(count)}:
                self.wait_for(count)
                rows, stamps = self.take(count)
                self.send(rows, stamps)
                self.send(rows, stamps)
            case {"swap": int(count)}:
                self.wait_for(2 * count)
                earlier, later = self.take(count), self.take(count)
                self.send(*later)
                self.send(*earlier)
            case {"stop": _}:
                self._stopped = True
            case {"report": _}:
                pass
            case _:
                raise SystemExit(f"unknown order {order}")
        return {"at": pylsl.local_clock(), "stamp": stamp, "index": number}


def main() -> None:
    """Send until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("source_id")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--rate", type=float, default=250.0)
    parser.add_argument("--true-rate", type=float)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--network", action="store_true")
    given = parser.parse_args()
    session.configure(network=given.network)
    source = Source(given.name, given.source_id, given.channels, given.rate, given.true_rate or given.rate, given.first)
    print(json.dumps({"at": source.begun_s, "uid": source.outlet.get_info().uid()}), flush=True)
    while True:
        if select.select([sys.stdin], [], [], CHUNK_S)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            print(json.dumps(source.obey(json.loads(line))), flush=True)
        if (count := source.due()) > 0:
            source.send(*source.take(count))


if __name__ == "__main__":
    main()
