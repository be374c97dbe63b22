"""Whoever observes goes before everybody, where that is allowed: what is measured is then the engine's delay alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

FIRST = ("nice", "-n", "-10")
"""Before the command of a source: a headset has a processor of its own."""


@contextmanager
def first() -> Iterator[None]:
    """This process goes first within the block; what it starts before is not concerned."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    try:
        yield
    finally:
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, before)
