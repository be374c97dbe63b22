"""Two hosts on one machine, for row 20: `unshare --net --uts python -m benchmarks.faults.two_hosts [--peers]`.

That process becomes the host 'lab1'; it makes a second one, 'lab2', and a cable between them, all of it namespaces of
this machine's kernel that end with the processes. On 'lab2' runs a source of the wanted name and source id. What the
engine on 'lab1' does about it, or what the peers do, is printed as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.faults.lab import Consumer, Engine, Source, installed

OTHER = "lab2"
_OWN = "lab1"
_NAME = "amp"
_SEARCH = "[lsl]\nresolve_timeout_s = 3.0\n"
_ALLOWED = f'[lsl]\nresolve_timeout_s = 10.0\nallow = ["{OTHER}"]\n'
_SET_UP = (
    f"hostname {OTHER}; ip link set lo up; while ! ip link show veth1 >/dev/null 2>&1; do sleep 0.05; done; "
    'ip addr add 10.77.0.2/24 dev veth1; ip link set veth1 up; ip route add default dev veth1; exec "$@"'
)


def host() -> list[str]:
    """Command that runs another one on a host of its own; as root of it, where we are not root."""
    return ["unshare", "--net", "--uts", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def possible() -> bool:
    """Whether this machine lets us make hosts."""
    try:
        made = subprocess.run([*host(), "ip", "link", "set", "lo", "up"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return made.returncode == 0


def _cable(pid: int) -> None:
    """Connect this host to that of a process, once it has one."""
    own, other = (Path(f"/proc/{who}/ns/net") for who in ("self", pid))
    while own.readlink() == other.readlink():
        time.sleep(0.01)
    _run(f"ip link add veth0 type veth peer name veth1 netns {pid}")
    _run("ip addr add 10.77.0.1/24 dev veth0")
    _run("ip link set veth0 up")
    _run("ip route add default dev veth0")


def _run(command: str) -> None:
    subprocess.run(command.split(), check=True)


def _engine(config: str, *more: str) -> dict[str, Any]:
    """Whether an engine reads what it finds, its exit code where it ends, and its words."""
    with Engine(_NAME, config=config, more=more) as engine:
        end_s = time.monotonic() + 60.0
        while engine.running and " live " not in engine.said and time.monotonic() < end_s:
            time.sleep(0.05)
        return {"live": " live " in engine.said, "code": engine.process.poll(), "said": " ".join(engine.said.split())}


def _ours() -> dict[str, Any]:
    """The engine on the loopback, on the network, with the other host allowed, and with a source of its own."""
    with ThreadPoolExecutor(3) as pool:
        loopback = pool.submit(_engine, _SEARCH)
        stranger = pool.submit(_engine, _SEARCH, "--network")
        allowed = pool.submit(_engine, _ALLOWED, "--network")
        found = {"loopback": loopback.result(), "stranger": stranger.result(), "allowed": allowed.result()}
    with Source(_NAME, network=True):
        found["own"] = _engine(_SEARCH, "--network")
    return found


def _peers() -> dict[str, Any]:
    """How many samples each peer took from the other host, which nobody told it to trust."""
    taken: dict[str, Any] = {}
    for kind, package in (("pylsl", "pylsl"), ("mne-lsl", "mne_lsl")):
        if installed(package):
            with Consumer(kind, _NAME, network=True) as consumer:
                time.sleep(0.5)
                taken[kind] = consumer.ask(since=0.0)["received"]
    return taken


def main() -> None:
    """Become a host, make the other one, and measure."""
    _run(f"hostname {_OWN}")
    _run("ip link set lo up")
    prefix = [*host()[:3], "sh", "-c", _SET_UP, "sh"]
    with Source(_NAME, network=True, prefix=prefix, started=_cable):
        print(json.dumps(_peers() if "--peers" in sys.argv else _ours()))


if __name__ == "__main__":
    main()
