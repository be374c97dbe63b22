"""What in the texts of a recording leads to a machine or a person, and what stands in its place in a copy."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from typing import Any

from realtime.errors import DataError
from realtime.untrusted import parse_json

_PUBLIC_KEY = re.compile(r"age1[0-9a-z]{20,}")
_ACCOUNT = re.compile(r"((?:/home|/Users|\b[A-Za-z]:\\+Users)[/\\]+)[^/\\'\":\s]+")
_PRIVATE = ("consent_id", "encrypt_to")
_OF_MACHINES = ("source_id", "hostname", "host", "machine")
_BY_SOURCE = ("delays", "delays_s")
_KEPT = ("event", "run", "type")
_OURS = re.compile(r"emostream-\S+")
_ADDRESSES = ("v4address", "v6address")
_LONGEST, _MOST_MACHINES, _MOST_LEVELS = 255, 256, 64
_UNCHANGED = ("type", "channel_format", "channels")

# what source ids of our streams have behind the machine's name
_PARTS = "bandpower|shown|quality|face|mesh|movements|images|emotions|health|tuning|frames|films|state|truth"
_BEHIND = re.compile(rf"(?:-(?>(?:{_PARTS}|[0-9a-f]{{8}}|[0-9]+)(?![0-9a-z])))+$")
# a name ends where neither letters, digits nor the rest of a domain follow
_END = r"(?![^\W_]|\.\w)"


class Identities:
    """Names of machines and coders, each with what stands in its place all over a copy.

    `removed` counts the consent ids and lists of public keys that were emptied.
    """

    def __init__(self) -> None:
        self._machines: dict[str, str] = {}
        self._coders: dict[str, str] = {}
        self._after_at = self._anywhere = re.compile(r"(?!)")  # matches nothing
        self.removed = 0

    @property
    def machines(self) -> int:
        """How many are known."""
        return len(set(self._machines.values()))

    def learn(self, hosts: Iterable[str], source_ids: Iterable[str] = ()) -> None:
        """Take in names of machines: those of `hosts`, and what source ids have behind an '@'.

        Raises
        ------
        DataError
            They are more than any laboratory has.
        """
        for host in hosts:
            self._add(host)
        # the shortest first: what others have behind it is then known for no part of the name
        for host in sorted((source.partition("@")[2].lower()[:_LONGEST] for source in source_ids), key=len):
            ends = (i for i in range(1, len(host) + 1) if i == len(host) or host[i] in "-_")
            if not any(host[:end] in self._machines for end in ends):
                self._add(_BEHIND.sub("", host))
        if not self._machines:
            return
        names = sorted(map(re.escape, self._machines), key=len, reverse=True)
        after_at = rf"(?<=@)(?:{'|'.join(names)}){_END}"
        words = "|".join(name for name in names if any(letter.isalpha() for letter in name)) or "(?!)"
        self._after_at = re.compile(after_at, re.IGNORECASE)
        self._anywhere = re.compile(rf"{after_at}|(?<![^\W_])(?:{words}){_END}", re.IGNORECASE)

    def _add(self, host: str) -> None:
        host = host.strip().lower()
        if not 0 < len(host) <= _LONGEST or host in self._machines:
            return
        if self.machines >= _MOST_MACHINES:
            raise DataError(f"the recordings name more than {_MOST_MACHINES} machines: one of them is damaged")
        instead = self._machines.setdefault(host, f"machine-{self.machines + 1}")
        self._machines.setdefault(host.partition(".")[0] or host, instead)

    def coder(self, name: str) -> str:
        """What stands in the place of a coder's name; '' for nobody."""
        return name and self._coders.setdefault(name, f"coder-{len(self._coders) + 1}")

    def text(self, value: str, key: str = "", level: int = 0) -> str:
        """A text without public keys, names of machines and names of accounts in paths.

        Parameters
        ----------
        value : str
            JSON in it is looked into.
        key : str
            What it is the value of. A machine may be called by a word of ours, such as 'eeg': our own names, and words
            that stand alone, change only where `key` says that they mean a machine.
        level : int
            How deep in JSON it stands.
        """
        if value.startswith(("{", "[")):
            try:
                said = parse_json(value)
                clean = self.said(said, key, level + 1)
                return value if clean == said else json.dumps(clean)
            except ValueError:
                pass  # not JSON: a text as any other
        value = _ACCOUNT.sub(r"\1somebody", _PUBLIC_KEY.sub("", value))
        if key.endswith(_OF_MACHINES):
            return self._anywhere.sub(self._instead, value)
        as_it_is = key in _KEPT or _OURS.fullmatch(value) or value.lower() in self._machines
        return (self._after_at if as_it_is else self._anywhere).sub(self._instead, value)

    def said(self, value: Any, key: str = "", level: int = 0) -> Any:
        """What JSON says, without consent ids, and with `text` of each text in it; None for what is nested too deep."""
        if level > _MOST_LEVELS:
            return None
        if isinstance(value, str):
            return self.text(value, key, level)
        if isinstance(value, list):
            return [self.said(each, key, level + 1) for each in value]
        if not isinstance(value, dict):
            return value
        clean = {}
        for name, each in value.items():
            if name in _PRIVATE and each:
                self.removed += 1
                clean[name] = [] if isinstance(each, list) else ""
            else:
                key_of_it = self.text(name, "source_id" if key in _BY_SOURCE else "event", level)
                clean[key_of_it] = self.said(each, name, level + 1)
        return clean

    def header(self, info: ElementTree.Element) -> None:
        """Change the header of a stream in place: names and types of its channels stay as they are."""
        for element in info:
            if element.tag in _UNCHANGED:
                continue
            if element.tag in _ADDRESSES:
                element.text = None
            elif element.tag == "hostname":
                element.text = self._machines.get((element.text or "").strip().lower())
            elif element.text:
                element.text = self.text(element.text, element.tag)
            self.header(element)

    def _instead(self, found: re.Match[str]) -> str:
        return self._machines.get(found[0].lower(), "machine")
