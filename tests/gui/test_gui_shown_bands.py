"""Bands that somebody wants to see have a stream of their own; a calibration's rest comes with the model's bands."""

from __future__ import annotations

import time

import numpy as np

from gui.streams.bridge import Bridge
from gui.streams.messages import BandSample
from realtime.interfaces import RecognizerSpec
from realtime.lsl.outlets import LslSink
from realtime.lsl.session import configure
from realtime.packets import BandPowerWindow, EegInfo, ShownPower

SPEC = RecognizerSpec("m7", "simulated people", True, ("sad", "happy"), ("C3", "C4"), (("theta", 4.0, 8.0),))
EEG = EegInfo("emostream-eeg", "gui-test-shown", ("C3", "C4"), 250.0)
REST = np.array([[0.5], [np.nan]], np.float32)
MODEL, MU, TWO = ("theta",), ("mu 8-12 Hz",), ("low 1-3.5 Hz", "mu 8-12 Hz")
PATIENCE_S = 20.0


def test_the_bands_on_the_screen_are_those_in_force() -> None:
    configure()
    sink = LslSink(SPEC, EEG, rest=REST, source_id="gui-test-shown")
    bridge = Bridge()
    newest: list[BandSample] = []
    stamp = 0.0

    def send(*bands: tuple[str, float, float]) -> None:
        nonlocal stamp
        stamp += 0.05
        shown = ShownPower(bands, np.full((2, len(bands)), 3.0, np.float32)) if bands else None
        sink.write(BandPowerWindow(np.ones((2, 1), np.float32), stamp, np.ones(2, bool), shown))

    def until(wanted: tuple[str, ...], *bands: tuple[str, float, float]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not newest or newest[-1].bands != wanted:
            assert time.monotonic() < deadline, (wanted, newest[-1:])
            send(*bands)
            bridge.search_once()
            if (sample := bridge.poll().bands) is not None:
                newest.append(sample)
            time.sleep(0.02)

    try:
        until(MODEL)
        assert newest[-1].rest is not None
        np.testing.assert_array_equal(newest[-1].rest, REST)
        until(MU, ("mu", 8.0, 12.0))
        assert newest[-1].power.tolist() == [[3.0], [3.0]]
        assert newest[-1].rest is None
        until(TWO, ("low", 1.0, 3.5), ("mu", 8.0, 12.0))
        until(MODEL)
        link = next(link for link in bridge.links() if link.key == "shown bands")
        assert link.error == "", "that it is gone is no loss"
    finally:
        bridge.stop()
        sink.close()
