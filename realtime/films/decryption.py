"""Opening encrypted films: with the key of one of those they were made for, and never onto the disk by itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from realtime.errors import ConfigurationError, DataError
from realtime.films.encryption import age
from realtime.films.names import ENCRYPTED
from realtime.session.folder import FOLDER_MODE, write_new

_MOST_IDENTITY_BYTES = 64 * 1024
_SPARE_BYTES = 512 * 2**20
_PRIVATE_KEY = "AGE-SECRET-KEY-"

Identity = Any
"""A private key, of pyrage's own type."""

Say = Callable[[str], object]


class WrongKeyError(DataError):
    """A film was encrypted for others than those whose key was given."""


def new_identity(path: Path) -> str:
    """Write a new private key, 0600; its public key.

    Raises
    ------
    ConfigurationError
        The file is there, its folder is not, or pyrage is not installed.
    """
    made = age("making a key").x25519.Identity.generate()
    public = str(made.to_public())
    try:
        write_new(path, f"# public key: {public}\n{made}\n".encode())
    except FileExistsError as err:
        raise ConfigurationError(f"'{path}' is there already and no key is overwritten: choose another name") from err
    except OSError as err:
        raise ConfigurationError(f"cannot write '{path}': {err.strerror or err}; choose another folder") from err
    return public


def load_identities(path: Path) -> tuple[Identity, ...]:
    """The private keys of an identity file, as 'age-keygen' or 'emostream session new-key' writes it.

    Raises
    ------
    DataError
        It cannot be read or holds no key; what it holds is never repeated.
    ConfigurationError
        pyrage is not installed.
    """
    pyrage = age("opening encrypted films")
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_IDENTITY_BYTES).decode("ascii")
        keys = [line.strip() for line in text.splitlines() if line.strip().upper().startswith(_PRIVATE_KEY)]
        found = tuple(pyrage.x25519.Identity.from_str(key) for key in keys)
    except OSError as err:
        raise DataError(f"cannot read the identity file '{path}': {err.strerror or err}") from err
    except (UnicodeDecodeError, pyrage.IdentityError):
        found = ()
    if not found:
        raise DataError(f"'{path}' holds no private key of age: a line {_PRIVATE_KEY}1... is wanted")
    return found


def decrypt(film: Path, identities: Sequence[Identity], target: BinaryIO) -> int:
    """Write a film in the clear; how many bytes at its end could not be authenticated and are left out.

    A camera that was killed leaves a film without its end. What authenticates is good: age checks every 64 KiB.

    Raises
    ------
    DataError
        It was encrypted for others, is damaged from its begin on, or the target is full.
    """
    pyrage = age("opening encrypted films")
    size, copy = film.stat().st_size, _Counting(target)
    try:
        with film.open("rb") as source:
            pyrage.decrypt_io(source, copy, list(identities))
            return 0
    except pyrage.DecryptError as err:
        told = str(err)
        if "matching" in told:
            raise WrongKeyError(
                f"none of the keys given opens '{film.name}': it was encrypted for others; give the identity file "
                "whose public key it was recorded with"
            ) from err
        raise DataError(f"'{film.name}' is damaged or not encrypted with age: {told}") from err
    except OSError as err:
        if copy.error is not None:
            raise DataError(f"cannot decrypt '{film.name}': {copy.error.strerror or copy.error}") from err
        if copy.count == 0:
            raise DataError(f"nothing of '{film.name}' can be decrypted: it is damaged or was cut short") from err
        return max(1, size - copy.count)


class _Counting:
    """The target as pyrage wants it; counts, and keeps what went wrong."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.count = file, 0
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            self._file.write(data)
        except OSError as err:
            self.error = err
            raise
        self.count += len(data)
        return len(data)

    def flush(self) -> None:
        self._file.flush()


class _Ring:
    """Keys in use, and the films opened with them: in memory, where the system has files without a name."""

    def __init__(self, identities: Sequence[Identity], say: Say) -> None:
        self._identities, self._say = identities, say
        self._folder = Path(tempfile.mkdtemp(prefix="emostream-film-"))
        self._folder.chmod(FOLDER_MODE)
        self._opened: dict[Path, Path] = {}
        self._files: list[BinaryIO] = []

    def open(self, film: Path) -> Path:
        film = film.absolute()
        if film not in self._opened:
            place = self._folder / str(len(self._opened))
            place.mkdir(FOLDER_MODE)
            self._opened[film] = self._decrypted(film, place / film.name.removesuffix(ENCRYPTED))
        return self._opened[film]

    def _decrypted(self, film: Path, shown: Path) -> Path:
        file = self._unnamed(film, shown)
        lost = decrypt(film, self._identities, file)
        file.flush()
        if lost:
            self._say(f"the last {lost} bytes of '{film.name}' cannot be authenticated and are left out: cut short?")
        return shown

    def _unnamed(self, film: Path, shown: Path) -> BinaryIO:
        """A file in memory that ends with this process, however that ends; `shown` leads to it."""
        if not hasattr(os, "memfd_create"):
            self._say(f"'{film.name}' is decrypted into '{shown.parent}' until this ends")
            file = shown.open("xb")
            shown.chmod(0o600)
        else:
            _require_memory(film)
            file = os.fdopen(os.memfd_create(film.name), "wb")
            shown.symlink_to(f"/proc/{os.getpid()}/fd/{file.fileno()}")
        self._files.append(file)
        return file

    def close(self) -> None:
        for file in self._files:
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)


_ring: _Ring | None = None
"""Of this process, as an agent's keys are: films are opened in rooms that know nothing of options."""


@contextmanager
def unlocked(identity: Path | None, say: Say = lambda _line: None) -> Iterator[None]:
    """Within the block, `readable` opens films that were encrypted for one of the keys in a file.

    Parameters
    ----------
    identity : Path or None
        None opens nothing.
    say : callable, optional
        Takes a line about what of a film is missing.

    Raises
    ------
    DataError
        The identity file cannot be used.
    """
    global _ring
    before, made = _ring, None if identity is None else _Ring(load_identities(identity), say)
    _ring = made
    try:
        yield
    finally:
        _ring = before
        if made is not None:
            made.close()


def readable(film: Path) -> Path:
    """A film's path as any reader of films takes it: decrypted for as long as the keys are in use.

    Raises
    ------
    DataError
        It is encrypted and no key given opens it.
    """
    if film.suffix.lower() != ENCRYPTED:
        return film
    if _ring is None:
        raise DataError(
            f"'{film.name}' is encrypted: give the key of one it was made for, with --identity FILE, or decrypt a "
            "copy with 'emostream session decrypt'"
        )
    return _ring.open(film)


def _require_memory(film: Path) -> None:
    import psutil

    size, free = film.stat().st_size, psutil.virtual_memory().available
    if size + _SPARE_BYTES > free:
        raise DataError(
            f"'{film.name}' decrypted takes {size / 1e9:.1f} GB and {free / 1e9:.1f} GB of memory are free: decrypt a "
            "copy onto a disk you trust with 'emostream session decrypt'"
        )
