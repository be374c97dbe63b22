"""Counting what is in a growing XDF file, and joining parts: pyxdf reads what comes out."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from fake_labrecorder import FakeInfo, chunk, clock_offset, file_header, footer, samples, stream_header

from realtime.eeg.xdf import load_streams
from realtime.errors import DataError
from realtime.recorder.xdf_chunks import XdfTail, join_part, join_parts

EEG = FakeInfo("eeg")
LATE = FakeInfo("late", "Markers", 0.0, "late-src")


def _file(path: Path, infos: list[FakeInfo], first_s: float, n: int = 200, *, whole: bool = True) -> Path:
    content = file_header() + b"".join(stream_header(i, info) for i, info in enumerate(infos, 1))
    for i, info in enumerate(infos, 1):
        content += clock_offset(i, first_s) + samples(i, first_s, range(n), info.rate)
    content += b"".join(footer(i, n) for i in range(1, len(infos) + 1)) if whole else b""
    path.write_bytes(content)
    return path


def test_a_file_that_grows_byte_by_byte_is_counted_as_it_grows(tmp_path: Path) -> None:
    content = _file(tmp_path / "done.xdf", [EEG, LATE], 50.0, 20).read_bytes()
    path, now = tmp_path / "grows.xdf", 0.0
    tail = XdfTail(path, lambda: now)
    assert tail.step() is False
    seen = []
    with path.open("wb") as file:
        for i in range(0, len(content), 7):
            file.write(content[i : i + 7])
            file.flush()
            now += 1.0
            assert tail.step()
            assert tail.grown_s == now
            seen.append(sum(stream.samples for stream in tail.streams.values()))
    assert seen == sorted(seen)
    assert {stream.name: (stream.samples, stream.first_s) for stream in tail.streams.values()} == {
        "eeg": (20, 50.0),
        "late": (20, 50.0),
    }
    assert (tail.whole, tail.footers) == (len(content), 2)
    assert tail.step() is False


@pytest.mark.parametrize(
    "content", [b"RIFF" + bytes(40), file_header() + b"\x07junk", file_header() + b"\x01\x00\x00\x00"]
)
def test_what_is_no_xdf_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.xdf"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"XDF file"):
        XdfTail(path, float).step()


def test_headers_and_samples_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.xdf"
    path.write_bytes(file_header() + chunk(2, struct.pack("<I", 1) + b"<info><name>"))
    with pytest.raises(DataError, match="no XML"):
        XdfTail(path, float).step()
    path.write_bytes(file_header() + stream_header(1, EEG) + chunk(3, struct.pack("<I", 1) + b"\x09"))
    with pytest.raises(DataError, match="holds no samples"):
        XdfTail(path, float).step()


def test_a_part_goes_on_with_the_stream_it_continues_and_adds_the_late_one(tmp_path: Path) -> None:
    # the first was killed in the middle of a chunk; the second's numbers are others
    whole = _file(tmp_path / "a.xdf", [EEG, FakeInfo("flush", "Markers", 0.0)], 100.0, whole=False)
    whole.write_bytes(whole.read_bytes()[:-9])
    again = FakeInfo("eeg", number="u2")
    part = _file(tmp_path / "a_part-02.xdf", [FakeInfo("flush", "Markers", 0.0), LATE, again], 110.0)
    counts = {stream.name: stream.samples for stream in join_parts(whole, [part], ("flush",))}
    assert counts == {"eeg": 400, "late": 200}
    assert not part.exists()
    streams, _ = load_streams(whole)
    found = {stream["info"]["name"][0]: stream for stream in streams}
    stamps = np.asarray(found["eeg"]["time_stamps"])
    assert len(found["eeg"]["time_series"]) == 400
    assert stamps[0] == pytest.approx(100.0)
    assert np.argmax(np.diff(stamps)) == 199
    assert np.diff(stamps).max() == pytest.approx(110.0 - 101.99)
    assert found["late"]["time_stamps"][0] == pytest.approx(110.0)


def test_a_part_stands_in_for_a_first_file_that_was_never_or_hardly_begun(tmp_path: Path) -> None:
    for begun in (None, b"", b"XDF:", file_header()[:20]):
        whole = tmp_path / "b.xdf"
        whole.unlink(missing_ok=True)
        if begun is not None:
            whole.write_bytes(begun)
        part = _file(tmp_path / "b_part-02.xdf", [EEG], 5.0)
        assert [stream.samples for stream in join_parts(whole, [part])] == [200]
        assert len(load_streams(whole)[0]) == 1


def test_a_disk_that_is_full_while_joining_keeps_the_part(tmp_path: Path) -> None:
    whole = _file(tmp_path / "a.xdf", [EEG], 1.0)
    part = _file(tmp_path / "p.xdf", [LATE], 1.0)
    whole.chmod(0o400)
    broken = tmp_path / "folder.xdf"
    broken.mkdir()
    with pytest.raises((DataError, OSError)):
        join_part(broken, part)
    assert part.exists()
