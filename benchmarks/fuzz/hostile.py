"""Files that an attacker would build: bombs, lies about sizes, nesting, and programs where data belongs.

Each program only makes the file it is told, so that its absence shows that nothing was run.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.fuzz.stimuli import sounding

Case = tuple[str, bytes]
_BOMB_BYTES = 1 << 27


class _Program:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self._mark,)


def hostile(target: str, mark: Path) -> list[Case]:
    """What a reader is to be attacked with: (what it is, content). `mark` is the file that a program in it makes."""
    made: list[Case] = []
    for names, make in _MAKERS:
        if target in names:
            made += make(mark)
    return made


def _zeros(count: int) -> bytes:
    """`count` zeros, packed."""
    packer, block = zlib.compressobj(6), bytes(1 << 20)
    out = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*out, packer.flush()])


def _chunk(tag: int, content: bytes, length: int | None = None) -> bytes:
    return b"\x08" + struct.pack("<QH", len(content) + 2 if length is None else length, tag) + content


def _header(
    number: int = 1, name: str = "eeg", form: str = "float32", channels: object = 2, rate: object = 100
) -> bytes:
    parts = f"<name>{name}</name><type>EEG</type><channel_count>{channels}</channel_count>"
    parts += f"<nominal_srate>{rate}</nominal_srate><channel_format>{form}</channel_format><desc/>"
    return _chunk(2, struct.pack("<I", number) + f"<?xml version='1.0'?><info>{parts}</info>".encode())


def _xdf(_mark: Path) -> list[Case]:
    head = b"XDF:" + _chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")
    laughs = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(12)
    )
    laughs = f"<?xml version='1.0'?>{laughs}]><info><name>&m;</name></info>"
    outside = "<?xml version='1.0'?><!DOCTYPE i SYSTEM 'file:///etc/passwd'><info><name>x</name></info>"
    deep = f"<info>{'<a>' * 50_000}{'</a>' * 50_000}</info>"
    number = struct.pack("<I", 1)
    row = b"\x08" + struct.pack("<dff", 1.0, 1.0, 2.0)
    many = b"".join(b"\x08" + struct.pack("<dff", 3.0 * i, 1.0, 2.0) for i in range(5000))
    texts = number + b"\x04" + struct.pack("<I", 1_000_000) + b"\x00\x01\x00" * 1_000_000
    return [
        ("entities", head + _chunk(2, number + laughs.encode())),
        ("entities in the file's header", b"XDF:" + _chunk(1, laughs.encode()) + _header()),
        ("a document elsewhere", head + _chunk(2, number + outside.encode())),
        ("nested", head + _chunk(2, number + deep.encode())),
        ("channels", head + _header(channels=2**31) + _chunk(3, number + b"\x01\x01" + row)),
        ("no channels", head + _header(channels=-5) + _chunk(3, number + b"\x01\x01" + row)),
        ("channels that are nothing", head + _header(channels="9" * 5000)),
        ("rate", head + _header(rate="inf") + _chunk(3, number + b"\x01\x01" + row)),
        ("samples", head + _header() + _chunk(3, number + b"\x08" + struct.pack("<Q", 2**40) + row)),
        ("length", head + _header() + _chunk(3, number + b"\x01\x01" + row, 2**62)),
        ("streams", head + b"".join(_header(i) for i in range(3000))),
        ("texts", head + _header(form="string", channels=1) + _chunk(3, texts) * 3),
        ("gaps", head + _header() + _chunk(3, number + b"\x04" + struct.pack("<I", 5000) + many)),
        ("no time", head + _header() + _chunk(3, number + b"\x01\x01\x08" + struct.pack("<dff", np.nan, 1.0, 2.0))),
        ("beginnings", head + _header() + b"\x01\x01\x01\x00" * 50_000),
        ("zeros", b"XDF:" + bytes(1 << 20)),
    ]


def _element(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content + bytes(-len(content) % 8)


def _matrix(kind: int, shape: tuple[int, ...], *body: bytes, name: bytes = b"data") -> bytes:
    dims = _element(5, struct.pack(f"<{len(shape)}i", *shape))
    flags = _element(6, struct.pack("<II", kind, 0))
    return _element(14, flags + dims + _element(1, name) + b"".join(body))


def _mat(_mark: Path) -> list[Case]:
    head = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<H", 0x0100) + b"IM"
    nested = _matrix(6, (1, 1), _element(9, bytes(8)), name=b"")
    for _ in range(500):
        nested = _matrix(1, (1, 1), nested, name=b"")
    packed = _zeros(_BOMB_BYTES)
    empties = zlib.compress(_matrix(1, (1_000_000, 1), struct.pack("<II", 14, 0) * 1_000_000), 6)
    field = _element(5, struct.pack("<i", 0)) + _element(1, b"a")
    opaque = _element(6, struct.pack("<II", 17, 0)) + b"".join(_element(1, t) for t in (b"x", b"MCOS", b"string"))

    def scalar(value: float) -> bytes:
        return _matrix(6, (1, 1), _element(9, struct.pack("<d", value)), name=b"")

    names = (b"nbchan", b"pnts", b"srate", b"data", b"chanlocs", b"event")
    fields = _element(5, struct.pack("<i", 16)) + _element(1, b"".join(n.ljust(16, b"\0") for n in names))
    empty = _matrix(6, (0, 0), _element(9, b""), name=b"")

    def eeg(channels: float, samples: float) -> bytes:
        parts = (scalar(channels), scalar(samples), scalar(100.0), empty, empty, empty)
        return head + _matrix(2, (1, 1), fields, *parts, name=b"EEG")

    return [
        *((f"type {kind}", head + _matrix(6, (1, 1), _element(kind, bytes(8)))) for kind in (0, 8, 10, 21, 0xFFFF)),
        *((f"letters of type {kind}", head + _matrix(4, (1, 4), _element(kind, b"abcd"))) for kind in (0, 7, 20, 99)),
        *((f"class {kind}", head + _matrix(kind, (1, 1), _element(9, bytes(8)))) for kind in (0, 3, 5, 16, 17, 18, 99)),
        ("shape", head + _matrix(6, (2**31 - 1, 2**31 - 1), _element(9, bytes(8)))),
        ("negative shape", head + _matrix(6, (-1, -8), _element(9, bytes(64)))),
        ("letters", head + _matrix(4, (1, 2**31 - 1), _element(1, b""))),
        ("nested", head + nested),
        ("bomb", head + _element(15, packed)),
        ("empties", head + _element(15, empties)),
        ("names of no letters", head + _matrix(2, (1, 1), field)),
        ("cells", head + _matrix(1, (2**20, 2**10), b"")),
        ("object", head + _element(14, opaque + nested)),
        ("channels", eeg(2e9, 1.0)),
        ("samples", eeg(1.0, 1e15)),
        ("no number of channels", eeg(float("nan"), -1.0)),
    ]


def _npy(mark: Path) -> list[Case]:
    def header(text: str) -> bytes:
        raw = text.encode()
        return b"\x93NUMPY\x02\x00" + struct.pack("<I", len(raw)) + raw

    target = io.BytesIO()
    np.save(target, np.array([_Program(mark)], dtype=object), allow_pickle=True)
    return [
        ("program", target.getvalue()),
        ("shape", header("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,)}")),
        ("code", header(f"{{'descr': '<f8', 'fortran_order': False, 'shape': (open({str(mark)!r}, 'w'),)}}")),
        ("nested", header("(" * 5000)),
        ("long header", header("{" + " " * 200_000)),
    ]


def _npz(mark: Path) -> list[Case]:
    made: list[Case] = []
    for name, content in _npy(mark):
        for member in ("data.npy", "meta.npy"):
            target = io.BytesIO()
            with zipfile.ZipFile(target, "w") as archive:
                archive.writestr(member, content)
            made.append((f"{name} as {member}", target.getvalue()))
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.npy", "w") as file:
        np.lib.format.write_array_header_2_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (_BOMB_BYTES // 8,)}
        )
        for _ in range(_BOMB_BYTES >> 20):
            file.write(bytes(1 << 20))
    return [*made, ("bomb", target.getvalue())]


def _pickle(mark: Path) -> list[Case]:
    return [
        ("program", pickle.dumps(_Program(mark))),
        ("program among arrays", pickle.dumps({"data": _Program(mark)})),
        ("call", f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()),
        ("builtin", f"cbuiltins\neval\n(S'open({str(mark)!r}, \"w\")'\ntR.".encode()),
        ("nested", b"(" * 100_000 + b"."),
        ("lists", b"]" * 100_000 + b"."),
        ("bytes", b"\x8e" + struct.pack("<Q", 2**62) + b"."),
        ("frame", b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"."),
        ("number", b"\x8b" + struct.pack("<i", 2**31 - 1) + b"."),
        ("memo", b"\x80\x02]r" + struct.pack("<I", 2**32 - 1) + b"."),
    ]


def _toml(_mark: Path) -> list[Case]:
    return [
        ("nested", b"a = " + b"[" * 100_000),
        ("nested tables", b"a = " + b"{a = " * 20_000),
        ("key", b".".join([b"a"] * 100_000) + b" = 1"),
        ("key with quotes", b"'x'." + b".".join([b"a"] * 100_000) + b" = 1"),
        ("table", b"[" + b".".join([b"a"] * 100_000) + b"]"),
        ("number", b"a = " + b"9" * 100_000),
        ("zeros", bytes(100_000)),
        ("a value", b"[eeg]\nnotch_hz = '" + b"x" * 900_000 + b"'\n"),
    ]


def _json(_mark: Path) -> list[Case]:
    return [
        ("nested", b"[" * 100_000),
        ("nested objects", b'{"event": ' * 50_000),
        ("number", b'{"event": ' + b"9" * 100_000 + b"}"),
        ("no object", b"[]"),
        ("no number", b'{"event": "movement", "onset_s": NaN, "delays": {"a": {"delay_s": NaN}}}'),
        ("long key", b'{"' + b"k" * 500_000 + b'": 1}'),
        ("halves of letters", b'{"event": "\\ud800"}'),
    ]


def _xlsx(_mark: Path) -> list[Case]:
    from openpyxl import Workbook

    def changed(name: str, change: Callable[[bytes], bytes]) -> bytes:
        made, target = io.BytesIO(), io.BytesIO()
        book = Workbook()
        assert book.active is not None
        book.active.append(["Subject", "Marker"])
        book.active.append(["a", 1])
        book.save(made)
        with zipfile.ZipFile(made) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as out:
            for member in source.namelist():
                content = source.read(member)
                out.writestr(member, change(content) if member == name else content)
        return target.getvalue()

    sheet = "xl/worksheets/sheet1.xml"
    laughs = b"<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '" + b"&a;" * 50_000 + b"'>]>"
    return [
        ("far cell", changed(sheet, lambda x: x.replace(b'r="B2"', b'r="XFD1048576"'))),
        ("entities", changed(sheet, lambda x: laughs + x)),
        ("bomb", changed(sheet, lambda x: x.replace(b"</sheetData>", b" " * (200 << 20) + b"</sheetData>"))),
        ("nested", changed(sheet, lambda x: x.replace(b"<sheetData>", b"<sheetData>" + b"<a>" * 100_000))),
        ("no book", changed("xl/workbook.xml", lambda _x: b"")),
    ]


def _table(_mark: Path) -> list[Case]:
    return [
        ("quotation marks", b'"' * 200_001),
        ("long cell", b"subject,label\n" + b"x" * 500_000),
        ("columns", b",".join(b"c%d" % i for i in range(100_000))),
        ("rows", b"subject,label,eeg\n" + b"a,b,c\n" * 20_000),
        ("UTF-16", "subject\tlabel\n".encode("utf-16") + b"\x00"),
    ]


def _parquet(_mark: Path) -> list[Case]:
    import pyarrow
    from pyarrow import parquet

    target = io.BytesIO()
    column = pyarrow.DictionaryArray.from_arrays(np.zeros(20_000_000, np.int8), pyarrow.array(["x" * 100]))
    parquet.write_table(pyarrow.table({"subject": column}), target)
    return [("rows of one value", target.getvalue())]


def _weights(mark: Path) -> list[Case]:
    def tensors(said: object) -> bytes:
        raw = json.dumps(said).encode()
        return struct.pack("<Q", len(raw)) + raw + bytes(64)

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Program(mark)))
    return [
        *((f"pickle {n}", pickle.dumps({"state": _Program(mark)}, protocol=n)) for n in range(6)),
        ("pickle in a zip", packed.getvalue()),
        ("length", struct.pack("<Q", 2**62) + b"{" + bytes(64)),
        ("shape", tensors({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 64]}})),
        ("offsets", tensors({"a": {"dtype": "F32", "shape": [16], "data_offsets": [-8, 2**60]}})),
        ("overlap", tensors({k: {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]} for k in "ab"})),
        ("nested", struct.pack("<Q", 100_000) + b"{" + b'"a":{' * 19_999 + bytes(64)),
    ]


def _xml(_mark: Path) -> list[Case]:
    laughs = "<!DOCTYPE l [<!ENTITY a 'ha'>" + "".join(
        f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(12)
    )
    laughs += "]><session><subject id='1'/><a>&m;</a></session>"
    return [
        ("entities", laughs.encode()),
        ("entities in UTF-16", f"<?xml version='1.0' encoding='utf-16'?>{laughs}".encode("utf-16")),
        ("nested", b"<session>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</session>"),
        *((f"in {name}", f"<?xml version='1.0' encoding='{name}'?><session/>".encode()) for name in ("no", "rot13")),
    ]


def _key(_mark: Path) -> list[Case]:
    line = b"AGE-SECRET-KEY-1" + b"Q" * 58
    stanzas, end = b"-> X25519 " + b"A" * 43 + b"\n" + b"B" * 43 + b"\n", b"\n--- " + b"C" * 43 + b"\n"
    return [
        ("keys", (line + b"\n") * 1000),
        ("long key", b"AGE-SECRET-KEY-1" + b"Q" * 200_000),
        ("no text", b"\xff" * 1000),
        ("recipients", b"age-encryption.org/v1\n" + stanzas * 10_000 + end[1:] + bytes(100)),
        ("no end", b"age-encryption.org/v1\n" + b"-> " + b"A" * 1_000_000),
        ("work", b"age-encryption.org/v1\n-> scrypt " + b"A" * 22 + b" 62\n" + b"B" * 43 + end + bytes(100)),
    ]


def _picture(_mark: Path) -> list[Case]:
    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    def png(side: int, pixels: bytes) -> bytes:
        head = part(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", pixels) + part(b"IEND", b"")

    bmp = b"BM" + struct.pack("<IHHI", 64, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 30000, 30000, 1, 24, *[0] * 6)
    return [("large", png(9_000, _zeros(_BOMB_BYTES))), ("larger", png(2**31 - 1, b"")), ("large .bmp", bmp)]


def _sound(_mark: Path) -> list[Case]:
    return [
        ("late", sounding(10_000.0)),
        ("later", sounding(4e6)),
        ("slow", sounding(0.0, rate_hz=1, samples=30_000)),
        ("early", sounding(-10_000.0)),
    ]


_XDF = ("xdf", "xdf-streams", "xdf-chunks", "export")
_KEPT = ("hed-facts", "meaning", "analysis", "view")
_JSON = ("session", "film-notes", "delays", "markers", "journal", "checkpoint", *_KEPT)
_TABLES = ("csv", "annotations", "hed-index", "ratings", "sheet", "movements", "motion")
_MAKERS: tuple[tuple[tuple[str, ...], Callable[[Path], list[Case]]], ...] = (
    (_XDF, _xdf),
    (("set", "mat"), _mat),
    (("npy", "flow"), _npy),
    (("npz", "calibration", "training-data", "fold", "features"), _npz),
    (("pickle",), _pickle),
    (("toml", "playlist", "preset", "training"), _toml),
    (_JSON, _json),
    (("xlsx",), _xlsx),
    (_TABLES, _table),
    (("parquet", "columns"), _parquet),
    (("weights", "state"), _weights),
    (("picture", "face", "still"), _picture),
    (("mahnob",), _xml),
    (("sound", "stimulus-sound"), _sound),
    (("identity", "encrypted"), _key),
)
