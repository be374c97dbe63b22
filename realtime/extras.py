"""What an installation may lack: libraries that most machines of a lab do without."""

from __future__ import annotations

import importlib.util

from realtime.errors import ConfigurationError

_EXTRAS = {
    "train": ("torch", "onnx", "onnxscript"),
    "headset": ("brainflow",),
    "privacy": ("pyrage",),
    "bids": ("mne_bids", "pybv", "bids_validator"),
    "set": ("eeglabio",),
}
_WITHIN = {"bids": "analyze", "set": "analyze"}


def require_extra(extra: str, purpose: str) -> None:
    """Refuse in one line to go on without the libraries of an optional dependency of the package.

    Parameters
    ----------
    extra : str
        Its name in pyproject.toml, or 'bids' and 'set': parts of the extra 'analyze'.
    purpose : str
        What needs it, for instance "'emostream train'".

    Raises
    ------
    ConfigurationError
        One of its libraries is not installed; the message names it and the extra.
    """
    missing = [name for name in _EXTRAS[extra] if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"{purpose} needs {', '.join(missing)}, not installed here: "
            f"pip install 'emostream[{_WITHIN.get(extra, extra)}]'"
        )
