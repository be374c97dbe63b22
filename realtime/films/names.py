"""How films are named: which files are films, encrypted or not, and what lies beside them."""

from __future__ import annotations

from pathlib import Path

FILM_SUFFIXES: tuple[str, ...] = (".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v")
"""File name endings of films, in the order in which they are preferred."""

ENCRYPTED = ".age"
"""What an encrypted film's name has at its end: 'sub-01_video.mkv.age'."""


def film_name(path: Path) -> str | None:
    """A film's name without its endings, encrypted or not; None where it is none by its name."""
    plain = Path(path.name[: -len(ENCRYPTED)]) if path.name.lower().endswith(ENCRYPTED) else path
    return plain.stem if plain.suffix.lower() in FILM_SUFFIXES else None


def film_order(path: Path) -> tuple[bool, int]:
    """Which of two films of one name is preferred: one that is not encrypted, then by its kind."""
    encrypted = path.name.lower().endswith(ENCRYPTED)
    plain = Path(path.name[: -len(ENCRYPTED)]) if encrypted else path
    return encrypted, FILM_SUFFIXES.index(plain.suffix.lower())


def beside_film(path: Path) -> Path:
    """The JSON file that says of a film what must be known besides."""
    return path.with_name(f"{film_name(path) or path.stem}.json")
