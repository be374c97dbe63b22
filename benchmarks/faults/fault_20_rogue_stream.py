"""Row 20: another host on the network sends a stream of the wanted name and source id."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

from benchmarks.faults import two_hosts
from benchmarks.faults.lab import ROOT, installed
from benchmarks.faults.row import Outcome, Row, not_installed

_TIMEOUT_S = 180.0
_IMPOSSIBLE = Outcome("not measured: this machine does not let us make a second host (unshare --net, ip)", False)


def _measure(*options: str) -> dict[str, Any]:
    command = [*two_hosts.host(), sys.executable, "-m", "benchmarks.faults.two_hosts", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _ours(_full: bool) -> Outcome:
    if not two_hosts.possible():
        return _IMPOSSIBLE
    found = _measure()
    loopback, stranger, allowed, own = (found[key] for key in ("loopback", "stranger", "allowed", "own"))
    named = two_hosts.OTHER in stranger["said"] and "lsl.allow" in stranger["said"]
    figures = {
        "loopback_code": loopback["code"],
        "loopback_saw_it": two_hosts.OTHER in loopback["said"],
        "stranger_code": stranger["code"],
        "stranger_named": named,
        "allowed_live": allowed["live"],
        "own_live": own["live"],
        "said": stranger["said"][:300],
    }
    refused = loopback["code"] == stranger["code"] == 3 and not figures["loopback_saw_it"] and named
    met = bool(refused and allowed["live"] and own["live"])
    measured = (
        f"by default {'seen' if figures['loopback_saw_it'] else 'not seen'}; with --network "
        f"{'refused by its host name' if named else 'taken'}; "
        f"{'read' if allowed['live'] else 'not read'} where lsl.allow names its host; "
        f"beside a stream of ours of the same name and id {'ours is read' if own['live'] else 'nothing is read'}"
    )
    return Outcome(measured, met, figures)


def _peer(kind: str, package: str, _full: bool) -> Outcome:
    if not installed(package):
        return not_installed(kind)
    if not two_hosts.possible():
        return _IMPOSSIBLE
    taken = _measure("--peers")[kind]
    return Outcome(f"{taken} samples taken from it, not a word", taken == 0, {"taken": taken})


ROW = Row(
    id=20,
    title="rogue stream on the network",
    required="loopback by default; allow-list otherwise",
    ours=_ours,
    peers={"pylsl": partial(_peer, "pylsl", "pylsl"), "mne-lsl": partial(_peer, "mne-lsl", "mne_lsl")},
)
