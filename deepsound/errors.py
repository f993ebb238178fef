"""Errors for people to read: what was wrong, with which value, and what to do."""

from __future__ import annotations


class DeepSoundError(Exception):
    """Base of all errors that are meant for a person to read; `exit_code` is the command line's status."""

    exit_code = 1


class InputError(DeepSoundError):
    """An argument or option has a value that cannot be used."""

    exit_code = 2


class MediaError(DeepSoundError):
    """A file cannot be read as the video or sound it should be."""

    exit_code = 3


class EngineError(DeepSoundError):
    """An engine is unknown, lacks what it needs, or broke its contract."""

    exit_code = 4


class MissingPackage(EngineError):
    """An optional Python package is not installed, or cannot be imported; the message has the command to install it."""


class OutputError(DeepSoundError):
    """A result cannot be written."""

    exit_code = 5


class Cancelled(DeepSoundError):
    """The run was stopped by the user; nothing was left half-written."""

    exit_code = 130

    def __init__(self, message: str = "Cancelled: the run was stopped, nothing was changed.") -> None:
        super().__init__(message)
