"""Text of files and streams that anybody may have written: JSON, TOML and XML, within limits of size and depth.

The parsers of the standard library run nothing, but nested deep enough they give up with `RecursionError`, a number of
10,000 digits is a plain `ValueError`, and a document type can make a few bytes of XML gigabytes. Here every refusal is
a `ValueError` that says why in one line.
"""

from __future__ import annotations

import json
import re
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

MOST_JSON_BYTES = 8 * 2**20
MOST_TOML_BYTES = 2**20
MOST_XML_BYTES = 8 * 2**20

_MOST_LEVELS = 64
_MOST_ELEMENTS = 200_000
_MOST_KEY_PARTS = 16
_TOML_TEXTS = re.compile(
    r""""{3}(?:\\.|(?!"{3}).)*+"{3}|'{3}(?:(?!'{3}).)*+'{3}|"(?:\\.|[^"\\\n])*+"|'[^'\n]*+'|#[^\n]*+""", re.DOTALL
)
_LONG_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{_MOST_KEY_PARTS}}}")


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have, from a table or a marker, is that of none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_within(path: Path, most_bytes: int) -> bytes:
    """Content of a regular file.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is larger, or a device or pipe, which may never end.
    """
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"it is larger than {most_bytes} bytes")
    return content


def parse_json(text: str | bytes, most: int = MOST_JSON_BYTES) -> Any:
    """What a JSON text says; NaN and Infinity are taken as Python's own writer writes them.

    Raises
    ------
    ValueError
        Longer than `most`, nested too deep, or no JSON.
    """
    if len(text) > most:
        raise ValueError(f"its {len(text)} characters are more than {most}")
    try:
        return json.loads(text)
    except RecursionError as err:
        raise ValueError("it is nested too deep") from err


def read_json(path: Path, most_bytes: int = MOST_JSON_BYTES) -> Any:
    """What a JSON file says.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        Too large, nested too deep, or no JSON.
    """
    return parse_json(read_within(path, most_bytes), most_bytes)


def read_toml(path: Path, most_bytes: int = MOST_TOML_BYTES) -> dict[str, Any]:
    """What a TOML file says.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        Too large, nested too deep, or no TOML in UTF-8.
    """
    text = read_within(path, most_bytes).decode("utf-8")
    # the parser's time and memory grow with the square of a key's parts
    if _LONG_KEY.search(_TOML_TEXTS.sub("x", text)):
        raise ValueError(f"a key has more than {_MOST_KEY_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as err:
        raise ValueError("it is nested too deep") from err


class _Bounded(ElementTree.TreeBuilder):
    """Builds a tree of so many levels and elements, of a document that declares nothing of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._level = self._count = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a document type: entities of its own are not read")

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._level += 1
        self._count += 1
        if self._level > _MOST_LEVELS or self._count > _MOST_ELEMENTS:
            raise ValueError(f"it has more than {_MOST_LEVELS} levels or {_MOST_ELEMENTS} elements")
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Any:
        self._level -= 1
        return super().end(tag)


def parse_xml(text: str | bytes, most: int = MOST_XML_BYTES) -> ElementTree.Element:
    """Root of an XML document.

    Raises
    ------
    ValueError
        Longer than `most`, too many levels or elements, a document type, or no XML.
    """
    if len(text) > most:
        raise ValueError(f"its {len(text)} characters are more than {most}")
    parser = ElementTree.XMLParser(target=_Bounded())
    try:
        parser.feed(text)
        return parser.close()
    except (ElementTree.ParseError, LookupError) as err:
        raise ValueError(f"it is no XML: {err}") from err
