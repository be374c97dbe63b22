"""Processes of a benchmark that print one JSON object when they are done."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from realtime.errors import EmostreamError


def answer(role: str, node: subprocess.Popen[str], timeout_s: float) -> dict[str, Any]:
    """What a process printed.

    Raises
    ------
    EmostreamError
        It did not end within `timeout_s`, or otherwise than it should.
    """
    try:
        text, _ = node.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as err:
        raise EmostreamError(f"the benchmark's '{role}' process did not end within {timeout_s:.0f} s") from err
    if node.returncode != 0:
        raise EmostreamError(f"the benchmark's '{role}' process ended with exit code {node.returncode}")
    return json.loads(text)
