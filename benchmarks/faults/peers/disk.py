"""A disk that fills up, or waits until it is let go on."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from realtime.session.folder import open_new


class _Disk(io.RawIOBase):
    """A file on a disk that may fill up, or wait until it is let go on."""

    def __init__(self, path: Path, room: int = 1 << 40, gate: threading.Event | None = None) -> None:
        super().__init__()
        self._file, self._room, self._gate = open_new(path), room, gate

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self._gate is not None:
            self._gate.wait()
        self._room -= len(data)
        if self._room < 0:
            raise OSError(28, "No space left on device")
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        super().close()
        self._file.close()


def disk(**how: object) -> Callable[[Path], BinaryIO]:
    return lambda path: cast(BinaryIO, _Disk(path, **how))  # type: ignore[arg-type]
