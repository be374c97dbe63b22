"""Test only: a LabRecorder that writes what the test tells it to, and the streams it is asked for."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pylsl

HEADER = (
    "<?xml version='1.0'?><info><name>{name}</name><type>{type}</type><channel_count>1</channel_count>"
    "<nominal_srate>{rate}</nominal_srate><channel_format>double64</channel_format><source_id>{source}</source_id>"
    "<uid>{uid}</uid><desc></desc></info>"
)
FOOTER = "<?xml version='1.0'?><info><sample_count>{count}</sample_count></info>"


def chunk(tag: int, content: bytes) -> bytes:
    """One chunk, its length in four bytes, as LabRecorder writes it."""
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def file_header() -> bytes:
    return b"XDF:" + chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")


def stream_header(number: int, info: FakeInfo) -> bytes:
    text = HEADER.format(name=info.name(), type=info.type(), rate=info.rate, source=info.source, uid=info.uid())
    return chunk(2, struct.pack("<I", number) + text.encode())


def samples(number: int, first_s: float, values: Sequence[float], rate: float) -> bytes:
    """Samples of one double each, all stamped."""
    rows = [b"\x08" + struct.pack("<dd", first_s + i / (rate or 1.0), value) for i, value in enumerate(values)]
    return chunk(3, struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(rows)) + b"".join(rows))


def clock_offset(number: int, at_s: float) -> bytes:
    return chunk(4, struct.pack("<Idd", number, at_s, 0.0))


def footer(number: int, count: int) -> bytes:
    return chunk(6, struct.pack("<I", number) + FOOTER.format(count=count).encode())


@dataclass(frozen=True)
class FakeInfo:
    """What the recorder asks of a `pylsl.StreamInfo`."""

    called: str
    kind: str = "EEG"
    rate: float = 100.0
    source: str = "src"
    number: str = "u1"
    format: int = pylsl.cf_double64

    def name(self) -> str:
        return self.called

    def type(self) -> str:
        return self.kind

    def uid(self) -> str:
        return f"{self.called}-{self.number}"

    def source_id(self) -> str:
        return self.source

    def channel_count(self) -> int:
        return 1

    def nominal_srate(self) -> float:
        return self.rate

    def channel_format(self) -> int:
        return self.format


class FakeLabRecorder:
    """Writes a file of the streams it finds; the test says when it writes, hangs or dies."""

    def __init__(self, path: Path, infos: Sequence[FakeInfo]) -> None:
        self.path, self.infos = path, list(infos)
        self.code: int | None = None
        self.asked = self.killed = False
        self.waits_for: str | None = None
        path.write_bytes(file_header() + b"".join(stream_header(i, info) for i, info in enumerate(self.infos, 1)))

    def write(self, at_s: float, count: int = 10) -> None:
        with self.path.open("ab") as file:
            for i, info in enumerate(self.infos, 1):
                file.write(samples(i, at_s, range(count), info.rate))

    def poll(self) -> int | None:
        return self.code

    def found(self) -> int:
        return len(self.infos)

    def opened(self) -> list[str]:
        return [info.name() for info in self.infos if info.name() != self.waits_for]

    def ready(self) -> bool:
        return self.waits_for is None

    def ask_to_stop(self) -> None:
        self.asked = True

    def wait(self, timeout_s: float) -> bool:
        if self.asked and self.code is None:
            self.code = 0
            with self.path.open("ab") as file:
                file.write(b"".join(footer(i, 0) for i in range(1, len(self.infos) + 1)))
        return self.code is not None

    def kill(self) -> None:
        self.killed, self.code = True, -9

    def last_words(self) -> str:
        return "Closing the file."
