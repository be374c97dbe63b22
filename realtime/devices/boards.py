"""Headsets through BrainFlow: which boards there are, what their rows mean, and one open board."""

from __future__ import annotations

import difflib
import importlib.resources
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.errors import ConfigurationError, DataError
from realtime.extras import require_extra
from realtime.packets import Float64

_POLL_S = 0.02
_WAIT_S = 0.25
_BUFFER_S = 60.0
_KINDS = (("EOG", "eog_channels"), ("EMG", "emg_channels"), ("ECG", "ecg_channels"))
_SUFFIX = "_BOARD"
_IMPEDANCE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "GANGLION": (("z",), ()),
    "ANT_NEURO": (("impedance_mode:1",), ()),
    "BRAINBIT": ((), ("CommandStartResist",)),
}
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class BoardLayout:
    """What the rows of a board's data are.

    Parameters
    ----------
    name : str
        What BrainFlow calls the board, without '_BOARD'.
    sfreq_hz : float
    rows : tuple of int
        Rows in microvolts: EEG, then what the board measures apart from it (EOG, EMG, ECG).
    labels, types : tuple of str
        Of these rows; the types as XDF spells them.
    package_row, stamp_row : int or None
    impedance_rows : tuple of int
        Rows in ohm while the board measures impedances; with many boards the rows that are EEG else.
    impedance_labels : tuple of str
    """

    name: str
    sfreq_hz: float
    rows: tuple[int, ...]
    labels: tuple[str, ...]
    types: tuple[str, ...]
    package_row: int | None
    stamp_row: int | None
    impedance_rows: tuple[int, ...] = ()
    impedance_labels: tuple[str, ...] = ()

    @property
    def n_eeg(self) -> int:
        """How many of the rows are EEG."""
        return self.types.count("EEG")


@dataclass(frozen=True, slots=True)
class Batch:
    """What a board brought since it was asked last.

    Parameters
    ----------
    rows : (n_rows, n_times) float64
        As BrainFlow gives them.
    arrived : (n_times,) float64
        LSL seconds at which each sample reached this computer, by the board's own stamps.
    """

    rows: NDArray[np.float64]
    arrived: Float64


def board_ids() -> dict[str, int]:
    """Every board that BrainFlow knows, by its name without '_BOARD'."""
    return {board.name.removesuffix(_SUFFIX): int(board) for board in _shim().BoardIds if board.name != "NO_BOARD"}


def find_board(wanted: str) -> tuple[str, int]:
    """Name and number of the board that is meant; case, '-', ' ' and '_BOARD' do not matter.

    Raises
    ------
    ConfigurationError
        There is no such board; the message names the nearest.
    """
    known = board_ids()
    key = wanted.strip().upper().replace("-", "_").replace(" ", "_").removesuffix(_SUFFIX)
    if key in known:
        return key, known[key]
    near = difflib.get_close_matches(key, known, _MOST_SHOWN, 0.4) or [n for n in known if key and key in n]
    shown = f"the nearest are {', '.join(name.lower() for name in near[:_MOST_SHOWN])}" if near else "none is like it"
    raise ConfigurationError(f"no board '{wanted}': {shown}; 'emostream headset --list' shows all {len(known)}")


def impedance_commands(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What makes a board measure impedances instead of EEG: texts before it streams, and when it does.

    From BrainFlow's own examples (ganglion_resist, brainbit_resist, eego_impedances_and_eeg).
    """
    for family, commands in _IMPEDANCE.items():
        if name.startswith(family):
            return commands
    return (), ()


def read_layout(number: int, channels: Sequence[str] | None = None) -> BoardLayout:
    """What BrainFlow says of a board.

    Parameters
    ----------
    number : int
    channels : sequence of str, optional
        Names of the electrodes, in the board's order; default: BrainFlow's, or EEG1, EEG2 and so on.

    Raises
    ------
    ConfigurationError
        BrainFlow does not know the board, or it has another number of electrodes.
    DataError
        The board measures no EEG.
    """
    shim = _shim()
    try:
        told = shim.BoardShim.get_board_descr(number)
    except Exception as err:  # brainflow's own error, which only it can import
        raise ConfigurationError(f"BrainFlow cannot describe board {number}: {_reason(err)}") from err
    return layout_of(told, channels)


def layout_of(told: Mapping[str, Any], channels: Sequence[str] | None = None) -> BoardLayout:
    """Rows, labels and types from BrainFlow's description of a board; see `read_layout`."""
    name = str(told.get("name", "board"))
    eeg = [int(row) for row in told.get("eeg_channels", ())]
    if not eeg:
        raise DataError(f"board '{name}' measures no EEG: choose another")
    labels = _eeg_labels(name, len(eeg), str(told.get("eeg_names", "")), channels)
    rows, types = list(eeg), ["EEG"] * len(eeg)
    for kind, key in _KINDS:
        # most boards list the same electrodes under each: what is apart from EEG is what was meant
        apart = [int(row) for row in told.get(key, ()) if int(row) not in rows]
        labels += [f"{kind}{i + 1}" for i in range(len(apart))]
        rows += apart
        types += [kind] * len(apart)
    ohms = [int(row) for row in told.get("resistance_channels", ())]
    package, stamp = told.get("package_num_channel"), told.get("timestamp_channel")
    return BoardLayout(
        name,
        float(told["sampling_rate"]),
        tuple(rows),
        tuple(labels),
        tuple(types),
        None if package is None else int(package),
        None if stamp is None else int(stamp),
        tuple(ohms),
        _impedance_labels(labels[: len(eeg)], len(ohms)),
    )


def _eeg_labels(board: str, count: int, own: str, channels: Sequence[str] | None) -> list[str]:
    if channels is not None:
        if len(channels) != count or len(set(channels)) != count or not all(channels):
            raise ConfigurationError(
                f"--channels names {len(channels)} electrodes and '{board}' has {count}: "
                "give each its own name, in the board's order"
            )
        return list(channels)
    names = [name.strip() for name in own.split(",") if name.strip()]
    return names if len(names) == count else [f"EEG{i + 1}" for i in range(count)]


def _impedance_labels(labels: Sequence[str], count: int) -> tuple[str, ...]:
    if count == len(labels):
        return tuple(labels)
    if count in (len(labels) + 1, len(labels) + 2):
        return (*labels, "REF", "GND")[:count]
    return tuple(f"R{i + 1}" for i in range(count))


class Board:
    """One open board; a `realtime.devices.supervision.Link`.

    Parameters
    ----------
    number : int
        See `find_board`.
    layout : BoardLayout
    parameters : mapping
        Fields of BrainFlow's input parameters: serial_port, mac_address, ip_address and so on.
    setup, then : sequence of str
        Texts for the board itself, sent before it streams and when it does; each board has its own.
    clock : callable
        LSL seconds.
    wall_clock : callable
        What BrainFlow stamps with.

    Raises
    ------
    ConfigurationError
        A parameter is missing or unknown to this board.
    DataError
        The board does not answer.
    """

    def __init__(
        self,
        number: int,
        layout: BoardLayout,
        parameters: Mapping[str, Any],
        setup: Sequence[str] = (),
        then: Sequence[str] = (),
        *,
        clock: Callable[[], float] = pylsl.local_clock,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        shim = _shim()
        self._layout, self._clock, self._wall_clock = layout, clock, wall_clock
        given = shim.BrainFlowInputParams()
        for key, value in parameters.items():
            setattr(given, key, value)
        self._board: Any = None
        try:
            self._board = shim.BoardShim(number, given)
            self._board.prepare_session()
            for text in setup:
                self._board.config_board(text)
            self._board.start_stream(math.ceil(_BUFFER_S * layout.sfreq_hz))
            for text in then:
                self._board.config_board(text)
            self._read_s = clock()
        except Exception as err:  # brainflow's own error, which only it can import
            self.close()
            raise DataError(
                f"board '{layout.name}' cannot be opened: {_reason(err)}; is it on, and its port or address right?"
            ) from err

    def read(self) -> Batch | None:
        """What came since the last call; None where nothing did within a quarter of a second."""
        end_s = self._clock() + _WAIT_S
        while True:
            rows = np.asarray(self._board.get_board_data(), np.float64)
            if rows.size:
                return Batch(rows, self._arrival(rows))
            if self._clock() >= end_s:
                return None
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Stop the board and let it go."""
        board, self._board = self._board, None
        if board is not None:
            with suppress(Exception):  # a board that is gone cannot be stopped
                board.stop_stream()
            with suppress(Exception):
                board.release_session()

    def _arrival(self, rows: NDArray[np.float64]) -> Float64:
        now, since, count = self._clock(), self._read_s, rows.shape[1]
        self._read_s = now
        if self._layout.stamp_row is None:
            return now - np.arange(count - 1, -1, -1) / self._layout.sfreq_hz
        return arrival_times(rows[self._layout.stamp_row], now, self._wall_clock(), since)


def arrival_times(stamps: Float64, now_s: float, wall_s: float, since_s: float) -> Float64:
    """When samples arrived, on the LSL clock.

    Parameters
    ----------
    stamps : (n_times,) float64
        The same by the wall clock.
    now_s, wall_s : float
        Both clocks at present.
    since_s : float
        LSL time of the last look: all of them came after it, whatever was done to the wall clock meanwhile.
    """
    return np.clip(stamps + (now_s - wall_s), since_s, now_s)


def _reason(error: Exception) -> str:
    """BrainFlow's message with the name of its code, on one line."""
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _shim() -> Any:
    """BrainFlow's module, silent, and able to find its library."""
    require_extra("headset", "'emostream headset'")
    from brainflow import board_shim

    # before Python 3.12 it asks for the resources of a module that is no package, and then for pkg_resources,
    # which setuptools no longer has
    board_shim.files = lambda _name: importlib.resources.files("brainflow")
    board_shim.BoardShim.disable_board_logger()
    return board_shim
