"""Seams: what the engine asks of the parts that are passed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from realtime.packets import EegSequence, MicroMovement, Recognition, Result


@dataclass(frozen=True, slots=True)
class RecognizerSpec:
    """What a recogniser was trained for, so that the engine can prepare its input and name a mismatch.

    Parameters
    ----------
    model_id : str
        Stable id, shown with each prediction.
    trained_on : str
        Plain words, for instance 'simulated people only (demonstration)'.
    simulated : bool
        True where no real person was in the training set.
    classes : tuple of str
    channels : tuple of str
        EEG channel names, in the order of the network's input.
    bands : tuple of (name, low_hz, high_hz)
    n_windows : int
        Length of the EEG sequence.
    window_s, hop_s : float
        Window length and hop of that sequence.
    runtime : str
        What runs the network and which version, for instance 'onnxruntime 1.32.0'; '' where nothing does.
    """

    model_id: str
    trained_on: str
    simulated: bool
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    bands: tuple[tuple[str, float, float], ...]
    n_windows: int = 40
    window_s: float = 1.0
    hop_s: float = 1.0
    runtime: str = ""


class Recognizer(Protocol):
    """Turns an EEG sequence and a micro-movement, either of which may be missing, into probabilities."""

    @property
    def spec(self) -> RecognizerSpec: ...

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        """Called from the engine's EEG thread (or the video thread where there is no EEG); never from two at once."""
        ...


Question = tuple[EegSequence | None, MicroMovement | None]
"""What a recogniser is asked about."""


@runtime_checkable
class ManyRecognizer(Protocol):
    """A recogniser that answers many questions at once sooner than one after the other, with the same answers."""

    def recognize_many(self, questions: Sequence[Question]) -> list[Recognition]:
        """An answer a question, in order; called as `Recognizer.recognize`."""
        ...


@runtime_checkable
class ForesightedRecognizer(Protocol):
    """A recogniser that answers the first question about a movement sooner if it was told of it before."""

    def expect(self, movement: MicroMovement) -> None:
        """Take note of it; answers stay the same. Called from the video thread, also while `recognize` is running."""
        ...


class Sink(Protocol):
    """Takes the engine's results: LSL outlets live, tables offline."""

    def write(self, result: Result) -> None:
        """Called from the thread that pushed the input."""
        ...
