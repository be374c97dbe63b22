"""Errors a user can act on: one line that says what, got, wanted and fix. The command line maps them to exit codes."""

from __future__ import annotations


class EmostreamError(Exception):
    """Base of every error that is shown to the user in one line."""

    exit_code = 1


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
