"""Films that only a key elsewhere opens: the age format (https://age-encryption.org/v1), written as a stream.

The machine that records has public keys alone, so whoever takes its disk has no picture of anybody. Nothing is on the
disk in the clear at any time: what FFmpeg writes goes through a pipe to the thread that encrypts it.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from realtime.errors import ConfigurationError
from realtime.extras import require_extra
from realtime.session.folder import open_new

Recipient = Any
"""A public key: pyrage's own type, and pyrage has no annotations."""

MOST_RECIPIENTS = 16
_LONGEST = 256


def age(purpose: str) -> Any:
    """The library pyrage.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    require_extra("privacy", purpose)
    import pyrage

    return pyrage


def parse_recipients(texts: Sequence[str]) -> tuple[Recipient, ...]:
    """Public keys from their texts, 'age1...' each.

    Raises
    ------
    ConfigurationError
        Not a public key of age, too many of them, or pyrage is not installed.
    """
    pyrage = age("encrypting films")
    if len(texts) > MOST_RECIPIENTS:
        raise ConfigurationError(f"{len(texts)} keys to encrypt to: up to {MOST_RECIPIENTS} are wanted")
    found = []
    for text in texts:
        try:
            found.append(pyrage.x25519.Recipient.from_str(text.strip()))
        except pyrage.RecipientError as err:
            shown = text if text.startswith("age1") and len(text) < _LONGEST else f"{text[:4]}..."
            raise ConfigurationError(
                f"'{shown}' is no public key of age: age1... is wanted; 'emostream session new-key FILE' makes one"
            ) from err
    return tuple(found)


def encrypting(
    recipients: Sequence[Recipient], open_file: Callable[[Path], BinaryIO] = open_new
) -> Callable[[Path], BinaryIO]:
    """What opens a new file that is written encrypted, for `realtime.films.film.FilmWriter`."""
    return lambda path: EncryptedFile(open_file(path), recipients)  # type: ignore[return-value]


class EncryptedFile(io.RawIOBase):
    """A file for writing whose content only the recipients can read; not seekable.

    What was written is on the disk in pieces of 64 KiB, each authenticated: a program that is killed leaves a beginning
    that can be decrypted, and loses up to 128 KiB.

    Parameters
    ----------
    file : BinaryIO
        Takes what is encrypted; closed with this one.
    recipients : sequence of Recipient
    """

    def __init__(self, file: BinaryIO, recipients: Sequence[Recipient]) -> None:
        super().__init__()
        self._target = _Target(file)
        reading, self._pipe = os.pipe()
        self._source = os.fdopen(reading, "rb", buffering=0)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(list(recipients),), name="emostream-age", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            try:
                left = left[os.write(self._pipe, left) :]
            except BrokenPipeError:  # the other end was closed: it knows why
                self._thread.join()
                raise self._reason() from None
        return size

    def close(self) -> None:
        """Write the end, without which the file counts as cut short.

        Raises
        ------
        OSError
            Not all could be written.
        """
        if self.closed:
            return
        os.close(self._pipe)
        self._thread.join()
        super().close()
        self._target.close()
        if self._failure is not None or self._target.error is not None:
            raise self._reason()

    def _run(self, recipients: list[Recipient]) -> None:
        try:
            age("encrypting films").encrypt_io(self._source, self._target, recipients)
        except Exception as err:  # noqa: BLE001  raised by the next `write`, or `close`
            self._failure = err
        finally:
            self._source.close()

    def _reason(self) -> OSError:
        return self._target.error or OSError(f"the film cannot be encrypted: {self._failure}")


class _Target:
    """The file as pyrage wants it; keeps what went wrong, for it tells texts only."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as err:
            self.error = self.error or err
            raise
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Let it survive a power cut, too."""
        with suppress(OSError, ValueError):  # a file of a test has no number; a full disk was told of before
            os.fsync(self._file.fileno())
        self._file.close()
