"""The live EEG as MNE objects: our bridge, mne-lsl's StreamLSL, mne-realtime's LSLClient."""

from __future__ import annotations

import mne
import numpy as np
import pytest

from realtime.errors import DataError
from realtime.lsl.mne_bridge import LiveRaw, mne_info, to_raw
from realtime.packets import EegChunk, EegInfo

_INFO = EegInfo("amp", "amp-1", ("Fp1", "CZ", "CB1", "strange"), 100.0)


def _chunk(first: int, n: int, stream_id: str = "u1") -> EegChunk:
    samples = (np.arange(first, first + n) + 1000.0 * np.arange(4)[:, None]).astype(np.float32)
    return EegChunk(samples, 5.0 + np.arange(first, first + n) / 100.0, stream_id, first)


def test_mne_info_places_known_electrodes() -> None:
    info = mne_info(_INFO)
    assert info["sfreq"] == 100.0
    assert info.ch_names == ["Fp1", "CZ", "CB1", "strange"]
    assert info.get_channel_types() == ["eeg"] * 4
    placed = [bool(np.isfinite(ch["loc"][:3]).all() and ch["loc"][:3].any()) for ch in info["chs"]]
    assert placed == [True, True, False, False]


def test_mne_raw_is_in_volts_and_marks_lost_samples() -> None:
    raw = to_raw([_chunk(0, 50), _chunk(50, 25), _chunk(95, 30)], _INFO)
    data = raw.get_data()
    assert data.shape == (4, 125)
    assert data[:, :75] == pytest.approx((np.arange(75) + 1000.0 * np.arange(4)[:, None]) * 1e-6)
    assert not data[:, 75:95].any()
    assert data[0, 95] == pytest.approx(95e-6)
    assert raw.annotations.description.tolist() == ["BAD_ACQ_SKIP"]
    assert (raw.annotations.onset[0], raw.annotations.duration[0]) == pytest.approx((0.75, 0.2))
    assert raw.get_data(reject_by_annotation="omit").shape == (4, 105)


def test_mne_raw_refuses_chunks_that_do_not_belong_together() -> None:
    with pytest.raises(DataError, match="no EEG of 'amp' yet"):
        to_raw([], _INFO)
    with pytest.raises(DataError, match="are not in order: index 0 after 20"):
        to_raw([_chunk(10, 10), _chunk(0, 10)], _INFO)
    with pytest.raises(DataError, match="a chunk of 4 channels, 'b' has 1"):
        to_raw([_chunk(0, 5)], EegInfo("b", "b", ("Cz",), 100.0))


def test_mne_live_raw_holds_the_newest_seconds_without_gaps() -> None:
    live = LiveRaw(_INFO, duration_s=1.0)
    with pytest.raises(DataError, match="wait for the first samples"):
        live.raw()
    for first in range(0, 150, 10):
        live.push(_chunk(first, 10))
    raw = live.raw()
    assert isinstance(raw, mne.io.BaseRaw)
    assert raw.n_times == 100
    assert raw.get_data()[0] == pytest.approx(np.arange(50, 150) * 1e-6)
    assert live.raw(0.2).get_data()[0] == pytest.approx(np.arange(130, 150) * 1e-6)
    assert live.newest_s == pytest.approx(6.49)
    live.push(_chunk(200, 10))
    assert live.raw().n_times == 10
    live.push(_chunk(0, 20, "u2"))
    assert live.raw().get_data()[1] == pytest.approx((1000 + np.arange(20)) * 1e-6)
    with pytest.raises(ValueError, match="a positive number is wanted"):
        LiveRaw(_INFO, 0.0)


_OPEN = """
labels = ("Fp1", "Cz", "O2")
eeg = EegOutlet(EegInfo("amp", source_id, labels, 200.0))
t0 = pylsl.local_clock()
def push(first, n):
    index = np.arange(first, first + n)
    eeg.push(index + 1000.0 * np.arange(3)[:, None], t0 + index / 200.0)
"""


@pytest.mark.end_to_end
def test_mne_lsl_stream_reads_our_outlet(peers, lsl_environment) -> None:
    amp = peers()
    amp.run(_OPEN, source_id="mne-1")
    client = peers(bare=True, environment={**lsl_environment, "MNE_LSL_LOG_LEVEL": "ERROR"})
    client.run("""
from mne_lsl.stream import StreamLSL
stream = StreamLSL(bufsize=4.0, source_id="mne-1").connect(acquisition_delay=None, timeout=10.0)
""")
    amp.run("eeg.wait_for_consumers(10); push(0, 600)")
    found = client.run("""
import time
end = time.monotonic() + 10
while stream._timestamps[-1] < stamp and time.monotonic() < end:
    stream.acquire()
data, stamps = stream.get_data()
result = dict(names=stream.ch_names, types=stream.get_channel_types(), sfreq=stream.info["sfreq"],
              units=[int(u[1]) for u in stream.get_channel_units()], data=data.tolist(), stamps=stamps.tolist())
stream.disconnect()
""", stamp=amp.run("result = t0 + 599 / 200.0 - 0.001"))  # fmt: skip
    assert found["names"] == ["Fp1", "Cz", "O2"]
    assert found["types"] == ["eeg"] * 3
    assert found["sfreq"] == 200.0
    assert found["units"] == [-6] * 3
    data = np.array(found["data"])[:, -600:]
    assert np.array_equal(data, np.arange(600) + 1000.0 * np.arange(3)[:, None])
    t0 = amp.run("result = t0")
    assert np.array(found["stamps"])[-600:] == pytest.approx(t0 + np.arange(600) / 200.0, abs=2e-3)


@pytest.mark.end_to_end
def test_mne_realtime_client_reads_our_outlet_in_volts(peers) -> None:
    amp = peers()
    amp.run(_OPEN, source_id="mne-2")
    client = peers()
    client.run("""
from realtime.lsl.mne_bridge import realtime_client
client = realtime_client("mne-2", buffer_size=1000, wait_max=10.0)
client.start()
client.client.open_stream(10.0)
""")
    amp.run("eeg.wait_for_consumers(10); push(0, 300)")
    epoch = client.run("""
epochs = client.get_data_as_epoch(n_samples=300, timeout=10.0)
result = dict(names=epochs.ch_names, data=epochs.get_data(copy=True)[0].tolist(), sfreq=epochs.info["sfreq"],
              kinds=epochs.get_channel_types())
""")
    assert epoch["names"] == ["Fp1", "Cz", "O2"]
    assert epoch["kinds"] == ["eeg"] * 3
    assert epoch["sfreq"] == 200.0
    assert np.array(epoch["data"]) == pytest.approx((np.arange(300) + 1000.0 * np.arange(3)[:, None]) * 1e-6)
    client.run("""
import threading
import numpy as np
got, enough = [], threading.Event()
def receive(buffer):
    got.append(buffer)
    if sum(b.shape[1] for b in got) >= 200:
        enough.set()
client.register_receive_callback(receive)
client.start_receive_thread(3)
""")
    amp.run("push(300, 200)")
    out = client.run("""
ok = enough.wait(10)
client.stop_receive_thread(stop_measurement=True)
result = dict(ok=ok, empty=min(b.shape[1] for b in got), first=np.concatenate(got, axis=1)[0].tolist())
""")
    assert out["ok"]
    assert out["empty"] > 0
    assert np.array(out["first"]) == pytest.approx(np.arange(300, 500) * 1e-6)
