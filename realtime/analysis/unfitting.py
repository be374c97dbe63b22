"""Recordings whose channels are not the model's: what needs no model is computed all the same."""

from __future__ import annotations

from dataclasses import replace

from realtime.config import Config
from realtime.eeg.montage import ChannelMap
from realtime.errors import MontageError
from realtime.interfaces import Recognizer, RecognizerSpec
from realtime.packets import EegInfo, EegSequence, MicroMovement, Recognition


class FaceAlone:
    """A recogniser that answers from movements alone, over the channels a recording happens to have.

    Parameters
    ----------
    recognizer : Recognizer
    channels : tuple of str
        Of the recording; band powers are computed for these.
    """

    def __init__(self, recognizer: Recognizer, channels: tuple[str, ...]) -> None:
        self._recognizer = recognizer
        self._spec = replace(recognizer.spec, channels=channels)

    @property
    def spec(self) -> RecognizerSpec:
        """The model's, with the recording's channels."""
        return self._spec

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        """What the model says of the movement."""
        del eeg
        return self._recognizer.recognize(None, movement)


def fitted(recognizer: Recognizer, eeg: EegInfo | None, config: Config) -> tuple[Recognizer, Config, str]:
    """The recogniser itself, or where the EEG does not fit it one that leaves the EEG out, and a line that says so.

    Parameters
    ----------
    recognizer : Recognizer
    eeg : EegInfo or None
    config : Config
    """
    if eeg is None:
        return recognizer, config, ""
    try:
        ChannelMap.build(eeg.channels, recognizer.spec.channels, config.eeg.min_channels)
    except MontageError as err:
        least = min(config.eeg.min_channels, len(eeg.channels))
        own = config.model_copy(
            update={"eeg": config.eeg.model_copy(update={"min_channels": least, "interpolate": False})}
        )
        said = f"nothing is recognised from this EEG, only its quality and powers are shown: {err}"
        return FaceAlone(recognizer, eeg.channels), own, said
    return recognizer, config, ""
