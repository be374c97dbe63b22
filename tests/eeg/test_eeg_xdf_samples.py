"""Numbers of an XDF file read a chunk at a time are pyxdf's, to the last bit."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyxdf
from numpy.typing import NDArray

from realtime.eeg import xdf
from realtime.eeg.xdf_content import BOUNDARY_UUID, Stream, UnsoundError, measure, numbers_of

KINDS = {"int8": "<i1", "int16": "<i2", "int32": "<i4", "int64": "<i8", "float32": "<f4", "double64": "<f8"}
EVERY, NONE, SOME = "every sample stamped", "the first one alone", "some"


def chunk(tag: int, content: bytes, width: int = 4) -> bytes:
    length = len(content) + 2
    return struct.pack("<B", width) + length.to_bytes(width, "little") + struct.pack("<H", tag) + content


def samples(values: NDArray[Any], stamps: Sequence[float | None], width: int) -> bytes:
    rows = [
        (b"\0" if stamp is None else struct.pack("<Bd", 8, stamp)) + row.tobytes()
        for stamp, row in zip(stamps, values, strict=True)
    ]
    return struct.pack("<B", width) + len(rows).to_bytes(width, "little") + b"".join(rows)


def header(number: int, kind: str, channels: int, rate_hz: float) -> bytes:
    return (
        struct.pack("<I", number)
        + f"<info><name>s{number}</name><type>EEG</type><channel_count>{channels}"
        f"</channel_count><nominal_srate>{rate_hz}</nominal_srate><channel_format>{kind}</channel_format></info>".encode()
    )


def which(stamped: str, n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    if stamped == EVERY:
        return np.ones(n, bool)
    if stamped == NONE:
        return np.arange(n) == 0
    # runs of all lengths, and kinds that take turns
    return np.concatenate([np.arange(60) % 2 == 0, rng.random(n - 60) < 0.9])


def written(path: Path, kind: str, stamped: str, width: int, rate_hz: float = 250.0) -> Path:
    """Two streams of numbers and one of texts in turns, with boundaries, clock offsets and footers."""
    rng = np.random.default_rng(len(kind) + width)
    parts = [b"XDF:", chunk(1, b"<info><version>1.0</version></info>")]
    parts += [chunk(2, header(1, kind, 5, rate_hz)), chunk(2, header(2, "int16", 1, 0.0))]
    parts.append(chunk(2, header(3, "string", 1, 0.0)))
    done = 0
    for turn, n in enumerate([250, 1, 0, 137, 200, 250, 90]):
        n = min(n, 255) if width == 1 else n
        values = rng.integers(-100, 100, (n, 5)).astype(KINDS[kind])
        times = 40.0 + (done + np.arange(n)) / 250.0 + rng.normal(0, 1e-4, n)
        given = which(stamped, n, rng) if n > 60 else np.ones(n, bool)
        stamps = [float(t) if own else None for t, own in zip(times, given, strict=True)]
        parts.append(chunk(3, struct.pack("<I", 1) + samples(values, stamps, width), 8 if turn == 1 else 4))
        code = np.array([[turn]], "<i2")
        parts.append(chunk(3, struct.pack("<I", 2) + samples(code, [40.0 + turn], width), 1))
        text = struct.pack("<BBBdBB", 1, 1, 8, 40.0 + turn, 1, 2) + b"ab"
        parts.append(chunk(3, struct.pack("<I", 3) + text, 1))
        parts.append(chunk(5, BOUNDARY_UUID))
        parts += [chunk(4, struct.pack("<Idd", s, 40.0 + turn, 1e-3 * turn)) for s in (1, 2, 3)]
        done += n
    parts += [
        chunk(6, struct.pack("<I", s) + b"<info><sample_count>%d</sample_count></info>" % done) for s in (1, 2, 3)
    ]
    path.write_bytes(b"".join(parts))
    return path


def require_equal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # what is mended beyond pyxdf is left out
    monkeypatch.setattr(xdf, "_mend_leaps", lambda *_: None)
    monkeypatch.setattr(xdf, "_mend_lone_stamps", lambda *_: "")
    for on_disk in (False, True):
        monkeypatch.setattr(xdf, "_IN_MEMORY_BYTES", 10 if on_disk else 2**30)
        for dejitter, synchronize in ((False, False), (False, True), (True, True)):
            ours, _ = xdf.load_streams(path, dejitter=dejitter, synchronize=synchronize)
            options: dict[str, Any] = {"dejitter_timestamps": dejitter, "synchronize_clocks": synchronize}
            theirs, _ = pyxdf.load_xdf(path, verbose=False, **options, **xdf._BREAKS)
            assert len(ours) == len(theirs)
            for one, other in zip(ours, theirs, strict=True):
                assert one["info"] == other["info"]
                assert one.get("footer") == other.get("footer")
                assert one["clock_values"] == other["clock_values"]
                np.testing.assert_array_equal(one["time_stamps"], other["time_stamps"], strict=True)
                if isinstance(other["time_series"], list):
                    assert one["time_series"] == other["time_series"]
                else:
                    np.testing.assert_array_equal(np.asarray(one["time_series"]), other["time_series"], strict=True)


@pytest.mark.parametrize("stamped", [EVERY, NONE, SOME])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_pyxdf(tmp_path: Path, kind: str, stamped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    require_equal(written(tmp_path / "x.xdf", kind, stamped, 4), monkeypatch)


@pytest.mark.parametrize("width", [1, 4, 8])
@pytest.mark.parametrize("rate_hz", [0.0, 250.0, 333.3])
def test_counts_of_any_size_and_rates(
    tmp_path: Path, width: int, rate_hz: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_equal(written(tmp_path / "x.xdf", "float32", SOME, width, rate_hz), monkeypatch)


def test_a_file_cut_between_two_chunks_is_read_as_pyxdf_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "x.xdf", "float32", SOME, 4)
    whole = path.read_bytes()
    # the footers are missing, and the last boundary with its offsets
    path.write_bytes(whole[: whole.rindex(BOUNDARY_UUID) - 7])
    require_equal(path, monkeypatch)
    (ours, *_), _ = xdf.load_streams(path)
    assert len(ours["time_stamps"]) == 928
    # in the middle of one: what was before it is left
    path.write_bytes(whole[: len(whole) // 2])
    (left, *_), _ = xdf.load_streams(path, dejitter=False, synchronize=False)
    np.testing.assert_array_equal(left["time_series"], ours["time_series"][: len(left["time_series"])])
    assert 0 < len(left["time_stamps"]) < 928


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["minimal", "clock_resets", "empty_streams", "obci_8ch"])
def test_recordings_of_others_are_read_as_pyxdf_reads_them(
    data_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_equal(data_dir / "eeg" / f"{name}.xdf", monkeypatch)


def test_only_what_is_wanted_is_read_and_one_file_is_opened_for_all(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xdf", "float32", EVERY, 4)
    with xdf.open_xdf(path) as file:
        (marks,), _ = file.load(wanted=lambda head: head["channel_format"] == "string")
        (codes,), _ = file.load(wanted=lambda head: head["name"] == "s2")
        none, _ = file.load(wanted=lambda head: False)
        both, _ = file.load(wanted=lambda head: head["name"] != "s3")
    assert marks["time_series"] == [["ab"]] * 7
    np.testing.assert_array_equal(codes["time_series"][:, 0], np.arange(7))
    assert none == []
    assert [len(stream["time_stamps"]) for stream in both] == [928, 7]


def test_runs_are_told_from_what_only_looks_like_them() -> None:
    stream = Stream(1, {"nominal_srate": "10"}, 1, 1)
    # values that are bytes of the kinds themselves
    content = (
        struct.pack("<I", 1) + b"\x01\x04" + b"\0\x08" + b"\0\0" + b"\x08" + struct.pack("<d", 2.0) + b"\0" + b"\0\x08"
    )
    assert measure(content, stream).lead == 2
    rows, stamps = numbers_of(content, stream)
    assert rows[:, 0].tolist() == [8, 0, 0, 8]
    np.testing.assert_array_equal(stamps, [np.nan, np.nan, 2.0, np.nan])
    for damaged in (content[:-1], content + b"\0", content[:6] + b"\x07" + content[7:]):
        with pytest.raises(UnsoundError):
            numbers_of(damaged, stream)
