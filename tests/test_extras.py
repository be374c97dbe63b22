"""Optional libraries: asked for by name, in one line."""

from __future__ import annotations

import importlib.util

import pytest

from realtime.errors import ConfigurationError
from realtime.extras import require_extra


def test_what_is_installed_passes() -> None:
    assert require_extra("train", "'emostream train'") is None


def test_what_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(ConfigurationError, match=r"'emostream train' needs torch, .* pip install 'emostream\[train\]'"):
        require_extra("train", "'emostream train'")
