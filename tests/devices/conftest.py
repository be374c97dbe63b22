"""Devices over real LSL: this process in the test run's own session."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def lsl_session() -> None:
    """This process in the test run's own LSL session."""
    from realtime.lsl import session

    session.configure()
