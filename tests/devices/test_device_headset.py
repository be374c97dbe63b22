"""Headsets: what the rows of a board mean, its samples on LSL with their gaps, its impedances, and one real board."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pylsl
import pytest

from benchmarks.faults.peers.fake_camera import ManualClock
from realtime.devices import boards
from realtime.devices.boards import Batch, BoardLayout, find_board, layout_of, read_layout
from realtime.devices.headset import HeadsetNode
from realtime.devices.impedance import ImpedanceNode
from realtime.devices.supervision import EndOfSource, Patience
from realtime.errors import ConfigurationError, DataError

TOLD = {
    "name": "Toy",
    "eeg_channels": [1, 2, 3],
    "eeg_names": "Fp1,Cz,Oz",
    "emg_channels": [1, 2, 3, 7],
    "eog_channels": [5, 6],
    "accel_channels": [8, 9, 10],
    "resistance_channels": [11, 12, 13, 14],
    "package_num_channel": 0,
    "timestamp_channel": 15,
    "sampling_rate": 100,
    "num_rows": 16,
}


def test_every_row_has_its_name_and_type_and_what_is_no_voltage_is_left_out() -> None:
    layout = layout_of(TOLD)
    assert layout.rows == (1, 2, 3, 5, 6, 7)
    assert layout.labels == ("Fp1", "Cz", "Oz", "EOG1", "EOG2", "EMG1")
    assert layout.types == ("EEG", "EEG", "EEG", "EOG", "EOG", "EMG")
    assert (layout.n_eeg, layout.sfreq_hz, layout.package_row, layout.stamp_row) == (3, 100.0, 0, 15)
    assert layout.impedance_labels == ("Fp1", "Cz", "Oz", "REF")
    assert layout_of(TOLD, ["C3", "C4", "Pz"]).labels[:3] == ("C3", "C4", "Pz")
    assert layout_of({**TOLD, "resistance_channels": [1, 2, 3, 11, 12]}).impedance_labels[3:] == ("REF", "GND")
    nameless = layout_of({**TOLD, "eeg_names": "", "resistance_channels": [11, 12]})
    assert nameless.labels[:3] == ("EEG1", "EEG2", "EEG3")
    assert nameless.impedance_labels == ("R1", "R2")


def test_wrong_electrodes_and_boards_without_eeg_are_refused() -> None:
    for channels in (["C3"], ["C3", "C3", "C4"], ["C3", "", "C4"]):
        with pytest.raises(ConfigurationError, match="'Toy' has 3: give each its own name"):
            layout_of(TOLD, channels)
    with pytest.raises(DataError, match="measures no EEG"):
        layout_of({**TOLD, "eeg_channels": []})


def test_without_brainflow_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'emostream\[headset\]'"):
        find_board("synthetic")


class FakeBoard:
    """Brings what a test puts in: rows, nothing, or an error."""

    def __init__(self, steps: queue.Queue[Batch | Exception | None]) -> None:
        self.steps = steps

    def read(self) -> Batch | None:
        step = self.steps.get()
        if isinstance(step, Exception):
            raise step
        return step

    def close(self) -> None:
        pass


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Scene:
    """A headset of 100 Hz with an 8-bit counter, whose samples say by their value which they are."""

    def __init__(self, tag: str) -> None:
        self.clock, self.said = ManualClock(), []
        self.steps: queue.Queue[Batch | Exception | None] = queue.Queue()
        self.opened = threading.Semaphore(0)
        self.node = HeadsetNode(
            layout_of(TOLD),
            self.open,
            tag=tag,
            say=self.said.append,
            patience=Patience(stall_s=1.0, replace_s=3.0, retry_s=0.1),
            clock=self.clock,
        )
        self.sample = 0

    def open(self) -> FakeBoard:
        self.opened.release()
        return FakeBoard(self.steps)

    def bring(self, count: int, ohms: float = 0.0) -> None:
        """The next samples, in bursts of ten."""
        for _ in range(count // 10):
            numbers = np.arange(self.sample, self.sample + 10)
            self.sample += 10
            self.clock.now_s += 0.1
            rows = np.zeros((16, 10))
            rows[0], rows[1], rows[2], rows[7] = numbers % 256, numbers, -numbers, 0.5
            rows[11:15] = ohms
            self.steps.put(Batch(rows, np.full(10, self.clock.now_s)))
        until(self.steps.empty)
        self.node.step()
        time.sleep(0.02)

    def lose(self, count: int) -> None:
        self.sample += count
        self.clock.now_s += count / 100.0


def pull(inlet: pylsl.StreamInlet, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    values, stamps = [], []
    end = time.monotonic() + 10.0
    while len(values) < wanted and time.monotonic() < end:
        rows, when = inlet.pull_chunk(timeout=0.2)
        values += rows
        stamps += when
    return np.array(values), np.array(stamps)


@pytest.mark.usefixtures("lsl_session")
def test_samples_impedances_gaps_and_a_board_that_goes_and_comes() -> None:
    scene = Scene("toy-a")
    scene.node.start()
    scene.bring(150, ohms=4000.0)
    until(lambda: any("on LSL" in line for line in scene.said))
    inlets = {}
    for name in ("eeg", "impedance"):
        (info,) = pylsl.resolve_byprop("source_id", f"toy-a-{name}", 1, 10.0)
        inlets[name] = pylsl.StreamInlet(info)
        inlets[name].open_stream(10.0)
    info = inlets["eeg"].info(10.0)
    assert (info.type(), info.nominal_srate(), info.channel_count()) == ("EEG", 100.0, 6)
    assert info.get_channel_labels() == ["Fp1", "Cz", "Oz", "EOG1", "EOG2", "EMG1"]
    assert info.get_channel_types() == ["EEG", "EEG", "EEG", "EOG", "EOG", "EMG"]
    assert set(info.get_channel_units()) == {"microvolts"}
    assert inlets["impedance"].info(10.0).get_channel_labels() == ["Fp1", "Cz", "Oz", "REF"]
    with pytest.raises(ConfigurationError, match="is on LSL already: give this one a --tag"):
        Scene("toy-a").node.start()

    scene.bring(300, ohms=5000.0)
    scene.lose(70)
    scene.bring(200)
    scene.steps.put(OSError("the dongle is gone"))
    until(lambda: [i["event"] for i in scene.node.incidents] == ["headset_samples_lost", "headset_lost"])
    scene.clock.now_s += 2.0
    scene.opened.acquire()
    until(lambda: scene.node.step() or scene.opened.acquire(blocking=False))
    scene.sample = 0  # the board counts anew
    scene.bring(200)
    until(lambda: scene.node.incidents[-1]["event"] == "headset_back")
    scene.steps.put(EndOfSource())
    scene.node.stop()

    values, stamps = pull(inlets["eeg"], 700)
    assert len(values) == 700
    np.testing.assert_array_equal(values[:, 0], -values[:, 1])
    np.testing.assert_array_equal(values[:500, 0], [*range(150, 450), *range(520, 720)])
    steps = np.diff(stamps)
    assert (steps > 0).all()
    assert np.argsort(steps)[-2:].tolist() == [299, 499]
    assert steps[299] == pytest.approx(0.71, abs=0.02)
    assert steps[499] == pytest.approx(2.1, abs=0.12)
    assert np.delete(steps, [299, 499]) == pytest.approx(0.01, abs=0.005)
    ohms, _ = pull(inlets["impedance"], 4)
    assert np.nanmax(ohms) == np.nanmin(ohms) == 5000.0
    assert np.isnan(ohms[-1]).all()  # a zero is none measured
    assert scene.node.incidents[0]["lost"] == 70


@pytest.mark.usefixtures("lsl_session")
def test_impedances_are_measured_instead_of_eeg() -> None:
    told = {**TOLD, "resistance_channels": [1, 2, 3, 11, 12]}
    clock, steps, said = ManualClock(), queue.Queue(), []
    node = ImpedanceNode(layout_of(told), lambda: FakeBoard(steps), tag="toy-d", say=said.append, clock=clock)
    node.start()
    rows = np.zeros((16, 4))
    rows[1], rows[2], rows[11] = (5e3, 0.0, 5.2e3, 5.1e3), 12e3, 1e3
    for second in range(3):
        steps.put(Batch(rows, np.full(4, 100.0 + 1.1 * second)))
    until(lambda: node.summary()["sent"]["values an electrode"] == 2)
    assert node.newest == pytest.approx(
        {"Fp1": 5.1e3, "Cz": 12e3, "Oz": np.nan, "REF": 1e3, "GND": np.nan}, nan_ok=True
    )
    assert said[-1] == "Fp1 5.1 kΩ, Cz 12.0 kΩ, Oz -, REF 1.0 kΩ, GND -"
    assert not pylsl.resolve_byprop("source_id", "toy-d-eeg", 1, 0.2)
    steps.put(EndOfSource())
    node.stop()
    with pytest.raises(DataError, match="measures no impedance"):
        ImpedanceNode(layout_of({**TOLD, "resistance_channels": []}), lambda: FakeBoard(steps))


def test_what_makes_a_board_measure_impedances_is_known_by_family() -> None:
    assert boards.impedance_commands("GANGLION_NATIVE") == (("z",), ())
    assert boards.impedance_commands("ANT_NEURO_EE_411") == (("impedance_mode:1",), ())
    assert boards.impedance_commands("BRAINBIT_BLED") == ((), ("CommandStartResist",))
    assert boards.impedance_commands("SYNTHETIC") == ((), ())


def test_a_board_that_is_not_there_is_an_error_of_one_line() -> None:
    def refuse() -> FakeBoard:
        raise DataError("board 'Toy' cannot be opened: UNABLE_TO_OPEN_PORT_ERROR:2")

    node = HeadsetNode(layout_of(TOLD), refuse, tag="toy-b")
    node._supervisor.start()
    until(lambda: not node.running)
    with pytest.raises(DataError, match="UNABLE_TO_OPEN_PORT"):
        node.stop()


class TestBrainFlow:
    """With the library itself."""

    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("brainflow", reason="the extra 'headset'")

    def test_boards_are_found_by_name_and_the_nearest_are_told(self) -> None:
        assert find_board("synthetic")[0] == find_board("Synthetic_Board")[0] == "SYNTHETIC"
        assert find_board("cyton-daisy")[0] == "CYTON_DAISY"
        with pytest.raises(ConfigurationError, match=r"no board 'cytn': the nearest are cyton, .* shows all"):
            find_board("cytn")
        with pytest.raises(ConfigurationError, match="none is like it"):
            find_board("xyzzy")

    def test_every_board_with_eeg_can_be_described(self) -> None:
        layouts: list[BoardLayout] = []
        for number in boards.board_ids().values():
            try:
                layouts.append(read_layout(number))
            except (DataError, ConfigurationError):
                continue
        assert len(layouts) > 40
        for layout in layouts:
            assert len(set(layout.labels)) == len(layout.labels) == len(layout.rows) == len(set(layout.rows))
            assert len(layout.impedance_labels) == len(layout.impedance_rows) == len(set(layout.impedance_labels))
        assert {layout.name for layout in layouts} >= {"Synthetic", "Cyton", "Muse2", "Unicorn"}

    @pytest.mark.usefixtures("lsl_session")
    def test_the_synthetic_board_on_lsl(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        _, number = find_board("synthetic")
        layout = read_layout(number)
        node = HeadsetNode(layout, lambda: boards.Board(number, layout, {}), tag="toy-c")
        node.start()
        until(lambda: node.step() or node.summary()["sent"]["samples"] > 250)
        node.stop()
        told = node.summary()
        (tmp_path / "told.json").write_text(json.dumps(told))
        assert told["headset"]["losses"] == "counted by the board"
        assert told["headset"]["measured_sfreq_hz"] == pytest.approx(250.0, rel=2e-3)
        assert told["sent"]["lost on the way"] == 0
        assert told["incidents"] == []
        assert capfd.readouterr() == ("", "")  # the library keeps quiet
