"""This process in the test run's own LSL session."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def lsl_session() -> None:
    from realtime.lsl import session

    session.configure()
