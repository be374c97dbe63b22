"""What the start page says of the streams: one row a stream, what is missing, what is wrong. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gui.streams.contract import WANTED, Described, FoundStream, Link
from realtime.errors import DataError
from realtime.lsl.inlets import microvolts_per_unit

NEEDED: dict[str, tuple[str, str]] = {
    "eeg": ("EEG", "start the headset's program, 'emostream headset', or 'emostream replay FILE'"),
    "video": ("face video", "start 'emostream camera', or take it off the list where a lab works without"),
    "emotions": ("recognition", "start 'emostream run'"),
}
"""Streams without which a screen is not complete: what they are called, and how one gets them."""

CHOOSABLE = ("eeg", "video")
"""Of these, one of several can be chosen."""


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One stream as shown: its words in the order of `COLUMNS`, what is wrong with it, and if it is on this screen."""

    uid: str
    key: str
    cells: tuple[str, ...]
    problem: str
    shown: bool


COLUMNS = ("on screen", "name", "type", "source id", "host", "channels", "rate", "units", "remark")


@dataclass(frozen=True, slots=True)
class Need:
    """One of the streams that are needed: a line of words, and if it is there."""

    key: str
    met: bool
    text: str


def key_of(stream: FoundStream) -> str:
    """What the dashboard calls a stream; '' for one it does not read."""
    for wanted in WANTED:
        if wanted.stream_type == stream.stream_type and wanted.name in ("", stream.name):
            return wanted.key
    return ""


def lines(
    found: Sequence[FoundStream], links: Iterable[Link], described: Mapping[str, Described]
) -> tuple[StreamLine, ...]:
    """All streams on the network: those of the contract in its order, the others after them."""
    order = {wanted.key: index for index, wanted in enumerate(WANTED)}
    by_key = {link.key: link for link in links}
    several = {wanted.key for wanted in WANTED if wanted.senders}
    doubled = {source for source, count in Counter(s.source_id for s in found).items() if source and count > 1}
    made = []
    for stream in found:
        key = key_of(stream)
        link = by_key.get(key)
        told = described.get(stream.uid, Described())
        shown = link is not None and link.found and (link.uid == stream.uid or key in several)
        problem = _problem(stream, key, told, doubled, link)
        if not problem and key in CHOOSABLE and not shown:
            problem = "another one is shown"
        cells = (
            "●" if shown else "",
            stream.name,
            stream.stream_type,
            stream.source_id or "none",
            stream.host,
            str(stream.channels),
            f"{stream.rate_hz:g} Hz" if stream.rate_hz > 0 else "irregular",
            ", ".join(sorted({unit for unit in told.units if unit})[:3]),
            problem,
        )
        made.append((order.get(key, len(order)), StreamLine(stream.uid, key, cells, problem, shown)))
    return tuple(line for _, line in sorted(made, key=lambda pair: (pair[0], pair[1].cells[1:4])))


def _problem(stream: FoundStream, key: str, told: Described, doubled: set[str], link: Link | None) -> str:
    if stream.source_id in doubled:
        return "two streams share this source id: a program runs twice"
    if told.error:
        return told.error
    if key == "eeg":
        if not stream.rate_hz > 0:
            return "EEG without a rate cannot be read"
        try:
            for unit in set(told.units):
                microvolts_per_unit(unit)
        except DataError as err:
            return str(err)
    if key in CHOOSABLE and not stream.source_id:
        return "no source id: it cannot be chosen, nor found again after a restart"
    return link.error if link is not None and link.uid == stream.uid else ""


def needs(links: Iterable[Link], found: Sequence[FoundStream], wanted: Iterable[str]) -> tuple[Need, ...]:
    """What is needed here (keys of `NEEDED`) and how it stands."""
    by_key, told = {link.key: link for link in links}, []
    for key in wanted:
        name, how = NEEDED[key]
        link = by_key.get(key)
        if link is None or not link.found or link.state == "lost":
            why = link.error if link is not None and link.error else f"not found yet: {how}"
            told.append(Need(key, False, f"✕ {name}: {why}"))
            continue
        stream = next((s for s in found if s.uid == link.uid), None)
        rate = f", {stream.channels} channels, {stream.rate_hz:g} Hz" if stream is not None and key == "eeg" else ""
        told.append(Need(key, True, f"● {name}: {link.name}{rate}"))
    return tuple(told)


def choices(found: Sequence[FoundStream], key: str) -> tuple[FoundStream, ...]:
    """Streams that could be shown as `key` and can be told apart by their source id."""
    return tuple(stream for stream in found if key_of(stream) == key and stream.source_id)


def channel_text(told: Described | None) -> str:
    """Channel names of a stream in a line."""
    if told is None:
        return "asking for its channels …"
    if told.error:
        return told.error
    return ", ".join(told.labels) if told.labels else "it names no channels"
