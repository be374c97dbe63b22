"""A virtual display for tests that open a real window."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

needs_display = pytest.mark.skipif(shutil.which("Xvfb") is None, reason="no Xvfb: install the package xvfb")


@contextmanager
def virtual_display(size: str = "1600x900") -> Iterator[str]:
    """Xvfb on a free display number of its own choice; yields the value of DISPLAY."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait(10)
