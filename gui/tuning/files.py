"""Presets of a tuning from and into files; asks before it replaces one. GUI thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtWidgets import QDialog, QFileDialog, QMessageBox, QWidget

from realtime.errors import DataError
from realtime.tuning import Tuning
from realtime.tuning_presets import load_preset, save_preset

_FILTER = "Presets (*.toml)"


class PresetFiles:
    """Asks for a file, then reads or writes it; what went wrong is told in one line.

    Parameters
    ----------
    parent : QWidget
        Of the dialogs.
    say : callable
        Takes a line for the panel, and whether something is wrong.
    """

    def __init__(self, parent: QWidget, say: Callable[[str, bool], object]) -> None:
        self._parent, self._say = parent, say
        self.folder = ""
        self.dialog: QDialog | None = None
        """The one that is open."""

    def ask_to_save(self, tuning: Tuning) -> None:
        """Ask where to, then save."""
        dialog = QFileDialog(self._parent.window(), "Save what is in force as a preset", self.folder, _FILTER)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        # asked below, by the very write: a file may have appeared in the meantime
        dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)
        dialog.fileSelected.connect(lambda name: self.save(Path(name), tuning))
        self._open(dialog)

    def ask_to_load(self, base: Tuning, use: Callable[[Tuning], object]) -> None:
        """Ask for a file, then hand what it holds to `use`."""
        dialog = QFileDialog(self._parent.window(), "Load a preset", self.folder, _FILTER)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(lambda name: self.load(Path(name), base, use))
        self._open(dialog)

    def save(self, path: Path, tuning: Tuning, *, replace: bool = False) -> None:
        """Save a preset; where there is a file of that name, ask first."""
        self.folder = str(path.parent)
        try:
            save_preset(path, tuning, replace=replace)
        except FileExistsError:
            self._ask_to_replace(path, tuning)
        except DataError as err:
            self._say(str(err), True)
        else:
            self._say(f"saved: {path.name}", False)

    def load(self, path: Path, base: Tuning, use: Callable[[Tuning], object]) -> None:
        """Read a preset and hand it on."""
        self.folder = str(path.parent)
        try:
            tuning = load_preset(path, base)
        except DataError as err:
            self._say(str(err), True)
        else:
            self._say(f"asked for: {path.name}", False)
            use(tuning)

    def _ask_to_replace(self, path: Path, tuning: Tuning) -> None:
        text = f"There is a file '{path.name}'. Replace it?"
        question = QMessageBox(QMessageBox.Icon.Question, "Replace the preset?", text, parent=self._parent.window())
        replace = question.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
        keep = question.addButton("Keep it", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(keep)
        question.setEscapeButton(keep)
        question.buttonClicked.connect(
            lambda pressed: self.save(path, tuning, replace=True) if pressed is replace else None
        )
        self._open(question)

    def _open(self, dialog: QDialog) -> None:
        if self.dialog is not None:
            self.dialog.close()
        self.dialog = dialog
        dialog.finished.connect(lambda _code: self._closed(dialog))
        dialog.open()

    def _closed(self, dialog: QDialog) -> None:
        if self.dialog is dialog:
            self.dialog = None
        dialog.deleteLater()
