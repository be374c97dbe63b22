"""LSL on this machine: its version and configuration, and whether a stream that is opened here is found here."""

from __future__ import annotations

import configparser
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from realtime.doctor.findings import Finding, fail, ok, warn

OLDEST_LIBLSL = 116
_SLOW_S = 3.0
_PORTS = "UDP 16571 and TCP and UDP 16572 to 16699"


def check_liblsl(version: int, network: bool, session: str) -> Finding:
    """Which liblsl is there, and how emostream uses it.

    Parameters
    ----------
    version : int
        Times 100, as liblsl gives it.
    network : bool
        Whether the loopback is left.
    session : str
        LSL session id.
    """
    found = f"liblsl {version // 100}.{version % 100}, {'the local network' if network else 'this machine only'}"
    found += f", session '{session}'"
    if version < OLDEST_LIBLSL:
        return fail("LSL", found, "pip install --upgrade pylsl")
    return ok("LSL", found)


def check_other_configuration(files: Sequence[Path], session: str) -> list[Finding]:
    """Configuration files that other LSL programs here read and emostream does not.

    Parameters
    ----------
    files : sequence of Path
        Those that are there, the one that counts first.
    session : str
        Our session id.
    """
    if not files:
        return [ok("LSL configuration", "no lsl_api.cfg: other programs use LSL's defaults")]
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read(files[0], encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError) as err:
        reason = " ".join(str(err).split())
        return [warn("LSL configuration", f"'{files[0]}' cannot be read: {reason}", "mend it or move it away")]
    theirs = parser.get("lab", "sessionid", fallback="default").strip()
    if theirs != session:
        found = f"'{files[0]}' puts other programs into the session '{theirs}', this one is in '{session}'"
        return [fail("LSL configuration", found, f"set EMOSTREAM_SESSION={theirs}, or change the file")]
    scope = parser.get("multicast", "resolvescope", fallback="")
    found = f"'{files[0]}' holds for other programs{f', which look at scope {scope}' if scope else ''}"
    return [warn("LSL configuration", found, "emostream does not read it; if their streams are missing, look there")]


def configuration_files(environment: Mapping[str, str], folder: Path, home: Path) -> list[Path]:
    """The files liblsl would read, in its order, where they are there."""
    named = environment.get("LSLAPICFG", "")
    places = [Path(named)] if named else []
    places += [folder / "lsl_api.cfg", home / "lsl_api" / "lsl_api.cfg", Path("/etc/lsl_api/lsl_api.cfg")]
    return [place for place in places if place.is_file()]


def check_resolved(seconds: float | None, received: bool, network: bool) -> Finding:
    """Whether a stream that was opened here was found here and gave its sample.

    Parameters
    ----------
    seconds : float or None
        How long it took to be found; None where it was not.
    received : bool
    network : bool
    """
    where = "this machine and the network" if network else "this machine (loopback)"
    if seconds is None:
        advice = f"let the firewall pass {_PORTS} on {where}; switch off a VPN; see that multicast is allowed"
        return fail("own stream", "a stream opened here is not found here", advice)
    if not received:
        advice = f"let the firewall pass {_PORTS} on {where}"
        return fail("own stream", f"found in {seconds:.1f} s, but its sample never came", advice)
    if seconds > _SLOW_S:
        return warn("own stream", f"found after {seconds:.1f} s only", "a VPN or a busy network delays multicast")
    return ok("own stream", f"found in {seconds:.1f} s, its sample came")


def check_interfaces(interfaces: Mapping[str, tuple[bool, bool, bool]], network: bool) -> Finding:
    """Whether a network is up, for sessions over several machines.

    Parameters
    ----------
    interfaces : mapping
        Name -> (up, has an IPv4 address, multicast), the loopback left out.
    network : bool
        Whether it is needed.
    """
    up = sorted(name for name, (is_up, has_address, _) in interfaces.items() if is_up and has_address)
    if not network:
        return ok("network", f"not used (--network would): {', '.join(up) or 'none up'}")
    if not up:
        return fail("network", "no interface is up", "plug the cable in, or leave --network away")
    if not any(interfaces[name][2] for name in up):
        advice = "name the other machines as KnownPeers in their lsl_api.cfg, or use a wired network"
        return warn("network", f"{', '.join(up)}: none passes multicast", advice)
    if len(up) > 1:
        found = f"{', '.join(up)} are up"
        return warn("network", found, "LSL speaks on all; if streams come and go, leave one: wired before wireless")
    return ok("network", f"{up[0]} is up")


def look_at_interfaces(network: bool) -> Finding:
    """`check_interfaces` of this machine."""
    import socket

    import psutil

    addresses = psutil.net_if_addrs()
    found = {}
    for name, stats in psutil.net_if_stats().items():
        flags = getattr(stats, "flags", "").split(",")
        if "loopback" not in flags and not name.startswith("lo"):
            has_address = any(a.family == socket.AF_INET for a in addresses.get(name, []))
            found[name] = (stats.isup, has_address, "multicast" in flags or not any(flags))
    return check_interfaces(found, network)


def look_at_lsl(network: bool, timeout_s: float = 5.0) -> list[Finding]:
    """Open a stream, look for it and read it; `check_liblsl` and `check_resolved` of this machine."""
    import pylsl

    from realtime.lsl.session import session_id

    findings = [check_liblsl(pylsl.library_version(), network, session_id())]
    findings += check_other_configuration(configuration_files(os.environ, Path.cwd(), Path.home()), session_id())
    name = f"emostream-doctor-{uuid.uuid4().hex[:12]}"
    outlet = pylsl.StreamOutlet(pylsl.StreamInfo(name, "Doctor", 1, 0.0, pylsl.cf_int32, name))
    since_s = time.monotonic()
    infos = pylsl.resolve_byprop("source_id", name, 1, timeout_s)
    if not infos:
        return [*findings, check_resolved(None, False, network)]
    took_s = time.monotonic() - since_s
    inlet = pylsl.StreamInlet(infos[0], recover=False)
    try:
        inlet.open_stream(timeout_s)
        outlet.push_sample([1])
        received = inlet.pull_sample(timeout_s)[0] is not None
    except (pylsl.util.LostError, pylsl.util.TimeoutError):
        received = False
    return [*findings, check_resolved(took_s, received, network)]
