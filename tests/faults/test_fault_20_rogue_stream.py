"""Row 20: a stream of the wanted name on another host is not seen by default, and not read until it is allowed."""

from __future__ import annotations

import pytest

from benchmarks.faults import two_hosts
from benchmarks.faults.fault_20_rogue_stream import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_20_another_host_is_read_only_where_it_is_allowed() -> None:
    if not two_hosts.possible():
        pytest.skip("this machine does not let us make a second host: 'unshare --net' and 'ip' are wanted")
    figures = ROW.ours(False).figures
    assert figures["loopback_code"] == 3
    assert figures["loopback_saw_it"] is False
    assert figures["stranger_code"] == 3
    assert figures["stranger_named"] is True
    assert figures["allowed_live"] is True
    assert figures["own_live"] is True
