"""LSL's clock, read with Python's lock in hand.

pylsl lets go of the lock for every call. Where another thread computes, getting it back takes a switch interval, and a
chunk of EEG asks for the time seven times on its way to a prediction.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from pylsl.lib import lib

_holding = ctypes.PyDLL(lib._name, handle=lib._handle).lsl_local_clock
_holding.restype = ctypes.c_double
_holding.argtypes = ()

local_clock: Callable[[], float] = _holding
"""`pylsl.local_clock`, to the bit."""
