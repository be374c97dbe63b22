"""Meta-data of our streams, following the XDF conventions: desc/channels/channel/{label, unit, type}."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from realtime.errors import DataError

if TYPE_CHECKING:
    import pylsl

MANUFACTURER = "emostream"

ChannelFormat = Literal["float32", "double64", "string", "int32", "int8"]


@dataclass(frozen=True, slots=True)
class ChannelDescription:
    """One channel of a stream: label, unit ('' where it has none) and type, as the XDF conventions spell them."""

    label: str
    unit: str = ""
    type: str = ""


def default_source_id(name: str) -> str:
    """Source id that is the same after a restart and differs between machines: '<name>@<host>'."""
    return f"{name}@{socket.gethostname()}"


def make_info(
    name: str,
    stream_type: str,
    channels: Sequence[ChannelDescription] | int,
    *,
    rate_hz: float,
    channel_format: ChannelFormat,
    source_id: str | None = None,
    sections: Mapping[str, Mapping[str, str]] | None = None,
) -> pylsl.StreamInfo:
    """Describe a stream.

    Parameters
    ----------
    name, stream_type : str
    channels : sequence of ChannelDescription, or int
        An int gives the channel count of a stream whose channels have no labels (raw images).
    rate_hz : float
        Nominal rate; 0 for an irregular one.
    channel_format : ChannelFormat
    source_id : str, optional
        Default: see `default_source_id`.
    sections : mapping of mapping, optional
        Further elements of desc, for instance ``{"video": {"width": "640"}}``.

    Raises
    ------
    DataError
        The stream would have no channels.
    """
    import pylsl

    code = {
        "float32": pylsl.cf_float32,
        "double64": pylsl.cf_double64,
        "string": pylsl.cf_string,
        "int32": pylsl.cf_int32,
        "int8": pylsl.cf_int8,
    }[channel_format]
    count = channels if isinstance(channels, int) else len(channels)
    if count < 1:
        raise DataError(f"LSL stream '{name}' would have no channels: give it at least one")
    info = pylsl.StreamInfo(
        name, stream_type, count, rate_hz, code, default_source_id(name) if source_id is None else source_id
    )
    desc = info.desc()
    desc.append_child_value("manufacturer", MANUFACTURER)
    if not isinstance(channels, int):
        parent = desc.append_child("channels")
        for channel in channels:
            node = parent.append_child("channel")
            node.append_child_value("label", channel.label)
            node.append_child_value("unit", channel.unit)
            node.append_child_value("type", channel.type)
    for section, values in (sections or {}).items():
        node = desc.append_child(section)
        for key, value in values.items():
            node.append_child_value(key, value)
    return info


def read_channels(info: pylsl.StreamInfo) -> tuple[ChannelDescription, ...]:
    """Channels as the description lists them; empty where it lists none.

    `info` must be a full one (`StreamInlet.info()`): infos from a resolver have no description.
    """
    found = []
    node = info.desc().child("channels").child("channel")
    while not node.empty():
        found.append(
            ChannelDescription(
                node.child_value("label").strip(), node.child_value("unit").strip(), node.child_value("type").strip()
            )
        )
        node = node.next_sibling("channel")
    return tuple(found)


def read_section(info: pylsl.StreamInfo, section: str, keys: Sequence[str]) -> dict[str, str]:
    """Values of `keys` in desc/<section>; '' for those that are absent."""
    node = info.desc().child(section)
    return {key: node.child_value(key) if not node.empty() else "" for key in keys}
