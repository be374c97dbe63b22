"""What the lab chose on this screen, kept in the platform's place for settings. GUI thread."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QByteArray, QSettings

ORGANISATION, PROGRAM = "emostream", "dashboard"


class Settings:
    """Values by key, of the type of the default that is given.

    Parameters
    ----------
    store : QSettings, optional
        None for values that are forgotten at the end.
    """

    def __init__(self, store: QSettings | None = None) -> None:
        self._store = store
        self._held: dict[str, object] = {}

    @classmethod
    def of_user(cls) -> Settings:
        """Those of the user who runs the program."""
        store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, ORGANISATION, PROGRAM)
        store.setFallbacksEnabled(False)
        return cls(store)

    def _value(self, key: str) -> object:
        return self._held.get(key) if self._store is None else self._store.value(key)

    def _keep(self, key: str, value: object) -> None:
        if self._store is None:
            self._held[key] = value
        else:
            self._store.setValue(key, value)

    def text(self, key: str, default: str = "") -> str:
        """The text kept under `key`."""
        value = self._value(key)
        return value if isinstance(value, str) else default

    def flag(self, key: str, default: bool = False) -> bool:
        """The flag kept under `key`."""
        return {"yes": True, "no": False}.get(self.text(key), default)

    def number(self, key: str, default: float) -> float:
        """The number kept under `key`; the default where somebody wrote something else into the file."""
        try:
            return float(self.text(key))
        except ValueError:
            return default

    def texts(self, key: str, default: Sequence[str]) -> list[str]:
        """As many texts as `default` has."""
        return [self.text(f"{key}/{index}", text) for index, text in enumerate(default)]

    def layout(self, key: str) -> QByteArray | None:
        """The geometry or layout kept under `key`."""
        value = self._value(key)
        return value if isinstance(value, QByteArray) else None

    def keep(self, key: str, value: str | float | Sequence[str] | QByteArray) -> None:
        """Keep a value: a flag, a number, a text, several texts or a layout."""
        if isinstance(value, bool):
            self._keep(key, "yes" if value else "no")
        elif isinstance(value, str | QByteArray):
            self._keep(key, value)
        elif isinstance(value, int | float):
            self._keep(key, str(value))
        else:
            for index, text in enumerate(value):
                self._keep(f"{key}/{index}", text)

    def forget(self, key: str) -> None:
        """Keep nothing under `key` any more."""
        if self._store is None:
            self._held.pop(key, None)
        else:
            self._store.remove(key)
