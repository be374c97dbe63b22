"""The folder that a run's figures go to: it replaces its own files of an earlier run and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from realtime.errors import ConfigurationError, DataError

CONTENTS = "spotting-report.json"


class ReportFolder:
    """A context manager: entering it clears what an earlier run wrote, `path` names a new file.

    Parameters
    ----------
    folder : Path
        Made where it is missing, with nothing but its last part missing.

    Raises
    ------
    ConfigurationError
        It is a file, its parent is missing, or it holds files and none of them says that a run wrote them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: list[str] = []
        if folder.exists() and not folder.is_dir():
            raise ConfigurationError(f"cannot write figures into '{folder}': it is a file; choose another --out")
        if not folder.absolute().parent.is_dir():
            raise ConfigurationError(
                f"cannot write figures into '{folder}': there is no folder '{folder.absolute().parent}'; make it first"
            )
        if folder.is_dir() and any(folder.iterdir()) and not (folder / CONTENTS).is_file():
            raise ConfigurationError(
                f"'{folder}' holds files that are not of an earlier run; choose an empty or a new folder with --out"
            )
        self._old = _listed(folder / CONTENTS)

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(exist_ok=True)
            for name in self._old:
                (self.folder / name).unlink(missing_ok=True)
            self._note()
        except OSError as err:
            raise DataError(f"cannot write figures into '{self.folder}': {err.strerror or err}") from err
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._note()

    def path(self, name: str) -> Path:
        """Where a figure of this name goes.

        Raises
        ------
        DataError
            A file of this name is there that no run wrote.
        """
        path = self.folder / name
        if path.exists():
            raise DataError(f"'{path}' is not of an earlier run and would be overwritten; choose another --out")
        self.names.append(name)
        # noted before it is written, so that a run cut short leaves nothing that the next one takes for yours
        self._note()
        return path

    def _note(self) -> None:
        (self.folder / CONTENTS).write_text(json.dumps({"figures": self.names}, indent=1) + "\n", encoding="utf-8")


def _listed(contents: Path) -> list[str]:
    if not contents.is_file():
        return []
    try:
        names = json.loads(contents.read_text(encoding="utf-8"))["figures"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ConfigurationError(f"'{contents}' is not of an earlier run; choose another --out") from err
    # a name with a path in it could reach files elsewhere
    return [name for name in names if isinstance(name, str) and Path(name).name == name and name.endswith(".png")]
