"""Readers against real outlets in other processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pylsl
import pytest

from realtime.errors import DataError, StreamNotFoundError
from realtime.packets import EegChunk, Marker

pytestmark = [pytest.mark.end_to_end, pytest.mark.usefixtures("lsl_session")]

_OPEN = """
eeg = EegOutlet(EegInfo(name, source_id, tuple(labels), rate))
t0 = pylsl.local_clock()
result = t0
"""
# channel k of sample i is i + 1000 k, so that order and identity show
_PUSH = """
index = np.arange(first, first + n)
eeg.push(index[None] + 1000.0 * np.arange(len(labels))[:, None], t0 + index / rate)
"""


def _open(peer, name: str, source_id: str, *, labels: tuple[str, ...] = ("Fp1", "Cz", "O2"), rate: float = 500.0):
    return peer.run(_OPEN, name=name, source_id=source_id, labels=labels, rate=rate)


def _push(peer, first: int, n: int, t0: float | None = None) -> None:
    peer.run(_PUSH if t0 is None else f"t0 = {t0!r}\n{_PUSH}", first=first, n=n)


def _find(source_id: str):
    # not `find_stream`, which waits for a second one: that has tests of its own
    (info,) = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
    return info


def _reader(source_id: str, on_chunk: Callable[[EegChunk], None]):
    from realtime.lsl.inlets import EegReader

    return EegReader(_find(source_id), on_chunk)


def test_reader_delivers_all_samples_in_order_and_counts_a_gap(peers, step_until) -> None:
    peer = peers()
    t0 = _open(peer, "amp", "amp-1")
    chunks: list[EegChunk] = []
    reader = _reader("amp-1", chunks.append)
    assert (reader.state, reader.health().age_s) == ("waiting", pytest.approx(np.nan, nan_ok=True))
    reader.step(0.05)
    _push(peer, 0, 2000)
    _push(peer, 2300, 1000)
    step_until(reader, lambda: reader.received >= 3000)
    reader.stop()
    samples = np.concatenate([c.samples for c in chunks], axis=1)
    stamps = np.concatenate([c.stamps for c in chunks])
    truth = np.r_[np.arange(2000), np.arange(2300, 3300)]
    assert reader.info.channels == ("Fp1", "Cz", "O2")
    assert reader.info.sfreq_hz == 500.0
    assert np.array_equal(samples, (truth + 1000.0 * np.arange(3)[:, None]).astype(np.float32))
    assert np.abs(stamps - (t0 + truth / 500.0)).max() < 2e-3
    assert np.diff(stamps).min() > 0
    assert (reader.received, reader.lost, reader.health().gaps) == (3000, 300, 1)
    indices = np.concatenate([c.first_index + np.arange(c.stamps.size) for c in chunks])
    assert np.array_equal(indices, truth)


def test_reader_survives_a_restart_and_counts_what_was_lost(peers, step_until) -> None:
    peer = peers()
    t0 = _open(peer, "amp", "amp-2")
    chunks: list[EegChunk] = []
    reader = _reader("amp-2", chunks.append)
    reader.step(0.05)
    _push(peer, 0, 1000)
    step_until(reader, lambda: reader.received == 1000)
    first_uid = reader.uid
    peer.kill()
    step_until(reader, lambda: reader.state == "lost")
    assert "is gone: waiting for it to come back" in reader.error
    again = peers()
    _open(again, "amp", "amp-2")
    step_until(reader, lambda: reader.state != "lost")
    _push(again, 1750, 500, t0)
    step_until(reader, lambda: reader.received == 1500)
    reader.stop()
    assert reader.uid != first_uid
    assert {c.stream_id for c in chunks} == {first_uid, reader.uid}
    back = [c for c in chunks if c.stream_id == reader.uid]
    assert (back[0].first_index, back[0].samples[0, 0]) == (1750, 1750.0)
    assert reader.lost == 750
    assert reader.error is None


@pytest.mark.parametrize(
    ("labels", "rate", "difference"),
    [
        (("Fp1", "Cz"), 500.0, "2 channels instead of 3"),
        (("Fp1", "Cz", "O2"), 250.0, "a rate of 250 Hz instead of 500 Hz"),
        (("Fp1", "Pz", "O2"), 500.0, "channel 'Pz' instead of 'Cz'"),
    ],
)
def test_reader_refuses_a_restart_with_another_layout(peers, step_until, labels, rate, difference) -> None:
    peer = peers()
    _open(peer, "amp", "amp-3")
    reader = _reader("amp-3", lambda chunk: None)
    reader.step(0.05)
    _push(peer, 0, 10)
    step_until(reader, lambda: reader.received == 10)
    peer.run("eeg.close()")
    step_until(reader, lambda: reader.state == "lost")
    _open(peer, "amp", "amp-3", labels=labels, rate=rate)
    step_until(reader, lambda: "came back with" in (reader.error or ""))
    assert f"LSL stream 'amp' (source_id amp-3) came back with {difference}" in reader.error
    assert reader.state == "lost"
    peer.run("eeg.close()")
    _open(peer, "amp", "amp-3")
    step_until(reader, lambda: reader.state == "live")
    reader.stop()


def test_two_streams_of_one_source_id_are_refused(peers) -> None:
    from realtime.lsl.discovery import find_stream

    first, second = peers(), peers()
    _open(first, "amp", "amp-4")
    _open(second, "amp", "amp-4")
    with pytest.raises(StreamNotFoundError, match="2 LSL streams share the source_id 'amp-4'"):
        find_stream(source_id="amp-4", timeout_s=10.0)


def test_reader_does_not_go_over_to_a_duplicate(peers, step_until) -> None:
    first, second = peers(), peers()
    _open(first, "amp", "amp-5")
    reader = _reader("amp-5", lambda chunk: None)
    reader.step(0.05)
    _open(second, "amp", "amp-5")
    _push(first, 0, 100)
    step_until(reader, lambda: reader.received == 100)
    first.kill()
    step_until(reader, lambda: "was there before" in (reader.error or ""))
    _push(second, 0, 100)
    assert reader.step(0.2) == 0
    assert (reader.received, reader.state) == (100, "lost")
    reader.stop()


def test_ambiguous_request_lists_what_was_found(peers) -> None:
    from realtime.lsl.discovery import find_stream

    peer = peers()
    _open(peer, "left", "amp-6")
    peer.run("other = EegOutlet(EegInfo('right', 'amp-7', ('Cz',), 100.0))")
    with pytest.raises(StreamNotFoundError) as caught:
        find_stream(stream_type="EEG", timeout_s=10.0)
    assert "2 LSL streams fit type 'EEG', one is wanted" in str(caught.value)
    assert "'EEG' (name left, source_id amp-6), 'EEG' (name right, source_id amp-7)" in str(caught.value)


def test_absent_stream_lists_what_was_found(peers) -> None:
    from realtime.lsl.discovery import find_stream

    peer = peers()
    peer.run("psy = MarkerOutlet('Markers', 'psy1')")
    with pytest.raises(StreamNotFoundError) as caught:
        find_stream(stream_type="EEG", timeout_s=0.5)
    assert str(caught.value) == (
        "no LSL stream of type 'EEG' within 0.5 s; found: 'Markers' (source_id psy1). "
        "Start the headset's app, or 'emostream replay FILE'."
    )


def test_reader_converts_units_and_keeps_eeg_channels_only(peers, step_until) -> None:
    peer = peers()
    peer.run("""
from realtime.lsl.description import ChannelDescription as C, make_info
channels = [C("Cz", "millivolts", "EEG"), C("HEO", "uV", "EOG"), C("Pz", "V", "EEG"), C("Oz"), C("T", "", "TRIG")]
info = make_info("mixed", "EEG", channels, rate_hz=100.0, channel_format="double64", source_id="mix-1")
out = pylsl.StreamOutlet(info)
""")
    chunks: list[EegChunk] = []
    reader = _reader("mix-1", chunks.append)
    reader.step(0.05)
    peer.run("out.push_chunk(np.tile([0.002, 7.0, 3e-6, 5.0, 1.0], (20, 1)))")
    step_until(reader, lambda: reader.received == 20)
    reader.stop()
    assert reader.info.channels == ("Cz", "Pz", "Oz")
    assert [c.label for c in reader.others] == ["HEO", "T"]
    assert chunks[0].samples[:, 0] == pytest.approx([2.0, 3.0, 5.0])
    assert chunks[0].samples.dtype == np.float32


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ('[C("Cz", "counts", "EEG")]', "LSL stream 'odd', channel 'Cz': unit 'counts' is not a voltage"),
        ('[C("Cz", "", "EEG"), C("Cz", "", "EEG")]', "LSL stream 'odd' has several channels named Cz"),
        ('[C("HEO", "", "EOG")]', "LSL stream 'odd' has no channel of type EEG, only EOG"),
    ],
)
def test_reader_refuses_what_it_cannot_interpret(peers, channels: str, message: str) -> None:
    peer = peers()
    peer.run(f"""
from realtime.lsl.description import ChannelDescription as C, make_info
info = make_info("odd", "EEG", {channels}, rate_hz=100.0, channel_format="float32", source_id="odd-1")
out = pylsl.StreamOutlet(info)
""")
    with pytest.raises(DataError, match=message):
        _reader("odd-1", lambda chunk: None)


def test_markers_and_their_stamps(peers, step_until) -> None:
    from realtime.lsl.discovery import find_stream
    from realtime.lsl.inlets import MarkerReader

    peer = peers()
    peer.run("""
marks = MarkerOutlet("emostream-truth")
codes = pylsl.StreamOutlet(pylsl.StreamInfo("codes", "Markers", 1, 0.0, "int32", "codes-1"))
""")
    texts: list[Marker] = []
    numbers: list[Marker] = []
    reader = MarkerReader(find_stream(name="emostream-truth", timeout_s=10.0), texts.append)
    other = MarkerReader(_find("codes-1"), numbers.append)
    reader.step(0.05)
    other.step(0.05)
    peer.run("""
marks.push_json({"event": "trial_start", "emotion": "fear"}, 12.5)
marks.push("ünï\\u4f60", 13.0)
codes.push_sample([101], 14.0)
marks._outlet.push_sample([b"caf\\xe9"], 15.0)
""")
    step_until(reader, lambda: reader.received == 3)
    step_until(other, lambda: other.received == 1)
    reader.stop()
    other.stop()
    assert [m.text for m in texts] == ['{"event": "trial_start", "emotion": "fear"}', "ünï你", "café"]
    assert [m.stamp for m in texts] == pytest.approx([12.5, 13.0, 15.0], abs=1e-3)
    assert (numbers[0].text, numbers[0].stamp) == ("101", pytest.approx(14.0, abs=1e-3))


def test_reader_thread_reads_stops_and_reports_a_failing_consumer(peers) -> None:
    import threading

    peer = peers()
    _open(peer, "amp", "amp-8")
    got = threading.Event()

    def consume(chunk: EegChunk) -> None:
        got.set()
        raise RuntimeError("the consumer broke")

    reader = _reader("amp-8", consume)
    reader.start()
    peer.run("eeg.wait_for_consumers(10)")
    _push(peer, 0, 5)
    assert got.wait(10)
    with pytest.raises(RuntimeError, match="the consumer broke"):
        reader.stop()


def test_stale_stream_is_said_to_be_stale(peers, step_until) -> None:
    import pylsl

    from realtime.lsl.inlets import EegReader

    peer = peers()
    _open(peer, "amp", "amp-9")
    shift = [0.0]
    reader = EegReader(_find("amp-9"), lambda chunk: None, clock=lambda: pylsl.local_clock() + shift[0])
    reader.step(0.05)
    _push(peer, 0, 10)
    step_until(reader, lambda: reader.received == 10)
    assert reader.state == "live"
    shift[0] = 1.5
    assert reader.state == "stale"
    assert reader.health().age_s > 1.0
    reader.stop()


def test_clock_offset_of_another_machine_is_measured(peers, step_until, monkeypatch) -> None:
    """With discovery beyond this machine the offset is asked for; between two processes here it is next to nothing."""
    from realtime.lsl import session

    monkeypatch.setattr(session, "is_local", lambda: False)
    peer = peers()
    t0 = _open(peer, "amp", "amp-10")
    chunks: list[EegChunk] = []
    reader = _reader("amp-10", chunks.append)
    reader.step(0.05)
    _push(peer, 0, 50)
    step_until(reader, lambda: reader.received == 50)
    reader.stop()
    assert reader._connection.synchronised
    assert chunks[0].stamps[0] == pytest.approx(t0, abs=2e-3)
    assert chunks[0].stamps[0] != t0


def test_overflow_of_a_stalled_reader_is_counted(peers, step_until) -> None:
    from realtime.config import LslConfig
    from realtime.lsl.inlets import EegReader

    peer = peers()
    _open(peer, "amp", "amp-11")
    chunks: list[EegChunk] = []
    reader = EegReader(_find("amp-11"), chunks.append, LslConfig(buffer_s=1.0))
    reader.step(0.05)
    _push(peer, 0, 100)
    step_until(reader, lambda: reader.received == 100)
    for first in range(100, 4100, 500):
        _push(peer, first, 500)
    step_until(reader, lambda: bool(chunks) and chunks[-1].samples[0, -1] == 4099)
    reader.stop()
    assert reader.lost > 2000
    assert reader.received + reader.lost == 4100
    assert chunks[-1].first_index + chunks[-1].stamps.size == 4100


def test_frozen_source_is_lost_and_found_again(peers, step_until, monkeypatch) -> None:
    """A source that freezes breaks no connection: it is given up when it is silent and does not answer a look-up."""
    monkeypatch.setattr("realtime.lsl.connection._PRESENCE_AFTER_S", 0.8)
    peer = peers()
    t0 = _open(peer, "amp", "amp-12")
    reader = _reader("amp-12", lambda chunk: None)
    reader.step(0.05)
    _push(peer, 0, 100)
    step_until(reader, lambda: reader.received == 100)
    uid = reader.uid
    peer.freeze()
    step_until(reader, lambda: reader.state == "lost")
    peer.thaw()
    step_until(reader, lambda: reader.state != "lost")
    _push(peer, 400, 100, t0)
    step_until(reader, lambda: reader.received == 200)
    reader.stop()
    assert reader.uid == uid
    assert reader.lost == 300


def test_source_that_vanished_before_it_was_opened(peers) -> None:
    from realtime.lsl.inlets import EegReader

    peer = peers()
    _open(peer, "amp", "amp-13")
    info = _find("amp-13")
    peer.kill()
    with pytest.raises(
        StreamNotFoundError, match=r"LSL stream 'amp' \(source_id amp-13\) was found but does not answer"
    ):
        EegReader(info, lambda chunk: None)


def test_rate_meter_forgets_old_seconds() -> None:
    from realtime.lsl.reader import RateMeter

    meter = RateMeter()
    assert meter.rate_hz(5.0) == 0.0
    for tick in range(1000, 2000):
        meter.add(tick / 100.0, 5)
    assert meter.rate_hz(20.0) == pytest.approx(500.0)
    assert meter.rate_hz(22.5) == pytest.approx(300.0)
    assert meter.rate_hz(40.0) == 0.0
