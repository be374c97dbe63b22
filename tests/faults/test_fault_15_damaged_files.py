"""Row 15: files that are cut, have a bit changed, or a hole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults.damage import record
from benchmarks.faults.fault_15_damaged_files import ROW
from realtime.eeg.xdf import load_streams, read_xdf
from realtime.eeg.xdf_sound import sound_xdf
from realtime.recorder.xdf_chunks import MAGIC, SAMPLES, STREAM_HEADER, chunks


def _require(full: bool, copies: int, lists: int) -> None:
    figures = ROW.ours(full).figures
    assert figures["copies"] >= copies
    assert figures["crashes"] == 0
    assert figures["found_by_checksums"] == figures["copies"]
    assert figures["untold_losses"] == 0
    assert figures["lists_damaged"] >= lists
    assert figures["lists_damaged_untold"] == 0
    assert figures["lost_s_by_a_cut"] == 0.0
    assert float(figures["lost_s_by_a_flip"]) <= 1.0
    assert float(figures["lost_s_by_a_hole"]) <= 2.0


def test_damage_is_found_told_and_costs_the_chunks_that_were_hit() -> None:
    _require(full=False, copies=25, lists=40)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_damage_in_a_thousand_copies() -> None:
    _require(full=True, copies=990, lists=3000)


@pytest.fixture
def xdf(tmp_path: Path) -> Path:
    return record(tmp_path).xdf


def _chunk_places(xdf: Path, tag: int) -> list[tuple[int, int]]:
    with xdf.open("rb") as file:
        return [(c.start, c.content) for c in chunks(file, len(MAGIC), xdf.stat().st_size) if c.tag == tag]


def test_a_sound_file_is_read_as_it_is(xdf: Path) -> None:
    with sound_xdf(xdf) as (sound, file):
        assert (sound.left_out, sound.remarks) == (0, ())
        assert Path(file.name) == xdf
        assert [head["name"] for head in sound.heads] == [
            "emostream-eeg", "emostream-frames", "emostream-emotions", "emostream-control"
        ]  # fmt: skip


def test_a_length_that_points_beyond_the_end_costs_its_chunk_alone(xdf: Path) -> None:
    """pyxdf reads such a file up to there, and says nothing."""
    content, (start, _) = bytearray(xdf.read_bytes()), _chunk_places(xdf, SAMPLES)[20]
    content[start + 4] ^= 0x40
    xdf.write_bytes(content)
    found = read_xdf(xdf)
    assert found.lost <= 125
    assert any("samples are lost to damage" in note or "bytes were left out" in note for note in found.notes)


def test_the_header_of_one_stream_costs_that_stream(xdf: Path) -> None:
    content, (_, place) = bytearray(xdf.read_bytes()), _chunk_places(xdf, STREAM_HEADER)[2]
    content[place + 10] = 0
    xdf.write_bytes(content)
    streams, remarks = load_streams(xdf)
    assert len(streams) == 3
    assert any("no XML" in remark for remark in remarks)
    assert read_xdf(xdf).info.sfreq_hz == 250.0


def test_a_stamp_hours_away_is_put_back_and_nothing_after_it_moves(xdf: Path) -> None:
    honest = read_xdf(xdf)
    content = bytearray(xdf.read_bytes())
    ours = [place for _, place in _chunk_places(xdf, SAMPLES) if content[place] == 1]
    place = ours[5]
    content[place + 4 + 2 + 1 + 6] ^= 0x10  # a high bit of the first sample's stamp
    xdf.write_bytes(content)
    found = read_xdf(xdf)
    assert found.samples_uv.shape == honest.samples_uv.shape
    assert float(np.abs(found.stamps_s - honest.stamps_s).max()) < 0.01
    assert any("stamps far from those around them" in note for note in found.notes)


def test_a_recording_that_was_never_closed_says_so(xdf: Path) -> None:
    with xdf.open("rb") as file:
        footers = [c.start for c in chunks(file, len(MAGIC), xdf.stat().st_size) if c.tag == 6]
    xdf.write_bytes(xdf.read_bytes()[: footers[0]])
    _, remarks = load_streams(xdf)
    assert any("its recorder was killed" in remark for remark in remarks)


def test_samples_whose_time_was_counted_on_from_lost_ones_are_left_out(tmp_path: Path) -> None:
    """Their stamps would be those of the lost ones, and nobody would know."""
    import struct

    def chunk(tag: int, content: bytes) -> bytes:
        return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content

    head = b"<?xml version='1.0'?><info><name>a</name><type>EEG</type><channel_count>1</channel_count>"
    head += b"<nominal_srate>100</nominal_srate><channel_format>int16</channel_format></info>"

    def samples(stamp_s: float | None, last_s: float | None = None) -> bytes:
        rows = [b"\x00\x01\x00"] * 50
        if stamp_s is not None:
            rows[0] = b"\x08" + struct.pack("<d", stamp_s) + b"\x01\x00"
        if last_s is not None:
            rows[-1] = b"\x08" + struct.pack("<d", last_s) + b"\x01\x00"
        return chunk(3, struct.pack("<I", 1) + b"\x04" + struct.pack("<I", 50) + b"".join(rows))

    bad = bytearray(samples(None))
    bad[-3] = 7  # neither stamped nor not
    path = tmp_path / "a.xdf"
    whole = b"XDF:" + chunk(2, struct.pack("<I", 1) + head) + samples(10.0) + bytes(bad)
    path.write_bytes(whole + samples(None, 11.49) + samples(None))
    (stream,), remarks = load_streams(path, dejitter=False)
    stamps = np.asarray(stream["time_stamps"])
    assert len(stamps) == 50 + 1 + 50
    assert stamps[50] == pytest.approx(11.49)
    assert stamps[-1] == pytest.approx(11.99)
    assert any("without a time after damage" in remark for remark in remarks)
