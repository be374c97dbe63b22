"""Python, the libraries of every command, the face networks, Qt's plugin."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from realtime.doctor.findings import Finding, fail, ok, warn
from realtime.errors import WeightsError

OLDEST_PYTHON = (3, 11)

NEEDED_BY: Mapping[str, str] = {
    "train": "train, evaluate, dataset, export",
    "cluster": "evaluate and dataset on a cluster",
    "record": "record",
    "headset": "headset",
    "camera": "the modes of cameras and locking their exposure",
    "analyze": "copies of a session as BIDS and for EEGLAB",
    "curry": "Neuroscan .cdt files",
    "mne-live": "the bridge to MNE's live clients",
}
"""Which commands want the libraries of an optional dependency; 'dev' is for those who change this program."""

_NAMED_IN_TABLE = ("numpy", "scipy", "mne", "pylsl", "onnxruntime", "opencv-python-headless", "PyQt5")
_XCB_PACKAGES = "libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-xinerama0 libxkbcommon-x11-0"


def check_python(
    version: tuple[int, ...] = sys.version_info[:3], system: str = f"{platform.system()} {platform.release()}"
) -> Finding:
    """Whether Python is new enough."""
    found = f"{'.'.join(str(part) for part in version)} on {system}"
    if tuple(version[:2]) < OLDEST_PYTHON:
        return fail("Python", found, f"install Python {'.'.join(str(part) for part in OLDEST_PYTHON)} or newer")
    return ok("Python", found)


def installed_version(name: str) -> str | None:
    """Version of an installed distribution; None where it is absent."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def requirements() -> list[str] | None:
    """What this program's own package asks for; None where it was not installed."""
    try:
        return importlib.metadata.requires("emostream") or []
    except importlib.metadata.PackageNotFoundError:
        return None


def check_libraries(
    asked: Sequence[str] | None, version_of: Callable[[str], str | None] = installed_version
) -> list[Finding]:
    """Whether what the package asks for is there, and which commands lack something.

    Parameters
    ----------
    asked : sequence of str, or None
        As `requirements` gives it.
    version_of : callable
        Version of a distribution, None where it is absent.
    """
    if asked is None:
        advice = "install it: 'pip install -e .' in the checkout"
        return [warn("libraries", "emostream runs from a folder and is not installed, so they are not known", advice)]
    from packaging.requirements import Requirement

    lacking: dict[str, list[str]] = {}
    for one in map(Requirement, asked):
        extra = next((name for name in _extras(one) if one.marker is not None), "")
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        version = version_of(one.name)
        if version is None:
            lacking.setdefault(extra, []).append(one.name)
        elif not one.specifier.contains(version, prereleases=True):
            lacking.setdefault(extra, []).append(f"{one.name} {version} (wanted {one.specifier})")
    found = ", ".join(f"{name} {version}" for name in _NAMED_IN_TABLE if (version := version_of(name)))
    if "" in lacking:
        missing = ", ".join(lacking.pop(""))
        findings = [fail("libraries", f"missing or of another version: {missing}", "pip install --upgrade emostream")]
    else:
        findings = [ok("libraries", found)]
    for extra, names in sorted(lacking.items()):
        if extra == "dev":
            continue
        needed = NEEDED_BY.get(extra, extra)
        findings.append(
            warn(
                f"optional: {extra}", f"{', '.join(names)} not there", f"for {needed}: pip install 'emostream[{extra}]'"
            )
        )
    return findings


def _extras(requirement: object) -> list[str]:
    """Names a requirement's marker compares 'extra' with."""
    text = str(getattr(requirement, "marker", "") or "")
    return [part.split('"')[1] for part in text.split("extra ==")[1:] if part.count('"') >= 2]


def check_weights(folder: Path, wanted: Mapping[str, str], digest: Callable[[Path], str]) -> Finding:
    """Whether the face networks are in the cache and are the pinned ones; nothing is downloaded.

    Parameters
    ----------
    folder : Path
    wanted : mapping
        File name -> sha256.
    digest : callable
        sha256 of a file.
    """
    advice = "run 'python -m realtime.face.weights' once while online"
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        return fail("face weights", f"not in the cache: {', '.join(missing)}", advice)
    try:
        wrong = [name for name, sha256 in wanted.items() if digest(folder / name) != sha256]
    except OSError as err:
        return fail("face weights", f"cannot be read: {err.strerror or err}", advice)
    if wrong:
        return fail("face weights", f"not the pinned ones: {', '.join(wrong)}", f"delete them and {advice}")
    return ok("face weights", f"{len(wanted)} networks, as pinned")


def look_at_weights() -> Finding:
    """`check_weights` of this machine."""
    import hashlib

    from realtime.face.weights import WEIGHTS, cache_dir

    try:
        return check_weights(cache_dir(), WEIGHTS, lambda path: hashlib.sha256(path.read_bytes()).hexdigest())
    except WeightsError as err:
        return fail("face weights", str(err), "run 'python -m realtime.face.weights' once while online")


def check_display(display: str, system: str, lacking: Sequence[str] | None) -> list[Finding]:
    """Whether windows can open: a display, and on Linux the libraries of Qt's 'xcb' plugin.

    Parameters
    ----------
    display : str
        $DISPLAY or $WAYLAND_DISPLAY, '' where there is none.
    system : str
        `sys.platform`.
    lacking : sequence of str, or None
        Libraries the plugin asks for and does not find; None where that cannot be told.
    """
    findings = []
    if system == "linux" and not display:
        advice = "log in to a desktop or set DISPLAY; 'emostream run --headless' needs none"
        findings.append(warn("display", "none: the dashboard and 'present' cannot open here", advice))
    else:
        findings.append(ok("display", display or "the system's"))
    if system != "linux":
        return findings
    if lacking is None:
        findings.append(warn("Qt", "its 'xcb' plugin was not found", "pip install --force-reinstall PyQt5"))
    elif lacking:
        findings.append(fail("Qt", f"its 'xcb' plugin lacks {', '.join(lacking)}", f"sudo apt install {_XCB_PACKAGES}"))
    else:
        findings.append(ok("Qt", "its 'xcb' plugin finds all its libraries"))
    return findings


def lacking_of_xcb() -> list[str] | None:
    """Libraries that Qt's xcb plugin asks for and the linker does not find; None where that cannot be told.

    Qt itself is not imported.
    """
    spec = importlib.util.find_spec("PyQt5")
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    plugins = [file for place in places for file in Path(place).glob("Qt*/plugins/platforms/libqxcb.so")]
    if not plugins or shutil.which("ldd") is None:
        return None
    done = subprocess.run(["ldd", str(plugins[0])], capture_output=True, text=True, timeout=20, check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines() if "not found" in line})


def look_at_display() -> list[Finding]:
    """`check_display` of this machine."""
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or ""
    return check_display(display, sys.platform, lacking_of_xcb() if sys.platform == "linux" else None)
