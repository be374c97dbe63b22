"""Errors a user can act on: one line that says what, got, wanted and fix. The command line maps them to exit codes."""

from __future__ import annotations

_MOST_LETTERS = 1000


class EmostreamError(Exception):
    """Base of every error that is shown to the user in one line.

    What it quotes may come from a file or the network: its text is one line whatever that is, of letters that a
    terminal shows and does not obey, and not a long one.
    """

    exit_code = 1

    def __str__(self) -> str:
        text = super().__str__()
        if not text.isprintable():
            text = "".join(letter if letter.isprintable() else " " for letter in text)
        return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 3]}..."


class ConfigurationError(EmostreamError):
    """Wrong usage or configuration."""

    exit_code = 2


class StreamNotFoundError(EmostreamError):
    """No LSL stream fits what was asked for, or more than one does."""

    exit_code = 3


class DataError(EmostreamError):
    """Unreadable or wrong data: files, montages, checkpoints, weights."""

    exit_code = 4


class MontageError(DataError):
    """Too few of the model's channels are present."""


class CheckpointError(DataError):
    """A checkpoint cannot be read or does not fit."""


class WeightsError(DataError):
    """The face network's weights are missing or are not the pinned ones."""
