"""Every run is hermetic: an LSL session of its own on the loopback, no display, no leaked threads."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

# Children inherit it; it is read before liblsl starts (realtime.lsl.session).
os.environ["EMOSTREAM_SESSION"] = f"test-{uuid.uuid4().hex[:12]}"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# windows remember themselves: neither from the user's own nor from one another
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="emostream-test-")
atexit.register(shutil.rmtree, os.environ["XDG_CONFIG_HOME"], ignore_errors=True)

from realtime.lsl import session  # noqa: E402 - after the variables that it reads

# before any other LSL call of any test, whatever their order: a process is configured once
session.configure()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings; the test is skipped where it does not exist."""
    configured = os.environ.get("EMOSTREAM_DATA")
    folder = Path(configured) if configured else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no real recordings: set EMOSTREAM_DATA to the folder that holds eeg/ and face/")
    return folder


@pytest.fixture(autouse=True, scope="module")
def _no_idle_workers() -> Iterator[None]:
    """joblib keeps its processes for the next call; those that time out while one begins have stalled a run."""
    yield
    if (loky := sys.modules.get("joblib.externals.loky.reusable_executor")) and loky._executor is not None:
        loky._executor.shutdown(wait=True, kill_workers=True)


@pytest.fixture(autouse=True)
def _no_leaked_threads() -> Iterator[None]:
    """A test that leaves one of our threads running fails."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 2.0
    while leaked := [t for t in threading.enumerate() if t not in before and t.name.startswith("emostream")]:
        if time.monotonic() > deadline:
            pytest.fail(f"leaked threads: {[t.name for t in leaked]}")
        time.sleep(0.01)
