"""A checkpoint as the engine's recogniser, whatever runs it: ONNX Runtime live, torch where nothing is exported.

No torch at import: a lab's live machine does not need it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from models.checkpoint_info import CheckpointInfo, Part, read_checkpoint, read_kind
from models.evidence import not_enough, views_of, what_counts
from models.exported import require_torch
from models.normaliser import Normaliser
from models.views import View, softmax
from realtime.errors import DataError
from realtime.interfaces import Question, RecognizerSpec
from realtime.packets import EegSequence, Evidence, MicroMovement, Recognition, readonly

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint
    from models.small.recognizer import EnsembleRecognizer

Tokens = tuple[NDArray[np.float32], NDArray[np.bool_]]


class NetworkRuntime(Protocol):
    """Runs the three parts of one trained network, on one thread."""

    @property
    def name(self) -> str:
        """What runs it and which version, for instance 'onnxruntime 1.32.0'."""
        ...

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part, arrays in the order of its `forward` in `models.network` and `models.fusion`.

        Parameters
        ----------
        part : 'eeg', 'face' or 'fusion'
            'eeg' and 'face' take a batch of one; 'fusion' any batch and any number of tokens.
        inputs : arrays
            'eeg': z-scores, channel mask, window mask. 'face': scaled flow, apex. 'fusion': EEG tokens and which are
            valid, face tokens and which are valid, which rows have EEG, which have a face.

        Returns
        -------
        tuple of arrays
            'eeg' and 'face': tokens (1, n_tokens, token_width) float32, which are valid (1, n_tokens) bool.
            'fusion': logits (batch, n_classes) float32.
        """
        ...


class NetworkRecognizer:
    """Calibrated probabilities from an EEG sequence and a movement, either of which may be missing.

    Implements `realtime.interfaces.Recognizer` and `ManyRecognizer`. The runtime must be safe to run from several
    threads at once, as ONNX Runtime and torch are.

    Parameters
    ----------
    runtime : NetworkRuntime
    info : CheckpointInfo
    normaliser : Normaliser
    """

    def __init__(self, runtime: NetworkRuntime, info: CheckpointInfo, normaliser: Normaliser) -> None:
        self._run = runtime.run
        self._normaliser = normaliser
        self._spec = replace(info.spec, runtime=runtime.name)
        self._temperature: Mapping[View, float] = info.temperature
        self._min_windows = info.min_windows
        self._modality: View = info.modality
        self._face_px = info.network.face_px
        self._absent: Tokens = (np.zeros((1, 1, info.network.token_width), np.float32), np.ones((1, 1), np.bool_))
        self._last: tuple[MicroMovement | None, Tokens] = (None, self._absent)

    @property
    def spec(self) -> RecognizerSpec:
        """What the network was trained for, and what runs it."""
        return self._spec

    @property
    def normaliser(self) -> Normaliser:
        """What the network's input is scaled by; its mean is the EEG of nobody in particular."""
        return self._normaliser

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        """Answer from what there is.

        EEG counts from the third usable window on; with neither that nor a movement the answer is uniform and says
        that the evidence is not enough. A modality that the network was not trained on is not looked at. The tokens
        of the last movement are kept, since a movement is asked about again until it is too old.

        Parameters
        ----------
        eeg : EegSequence or None
        movement : MicroMovement or None

        Returns
        -------
        Recognition

        Raises
        ------
        DataError
            The sequence is not of the shape that `spec` asks for.
        """
        eeg, movement = what_counts(eeg, movement, self._spec, self._min_windows, self._modality)
        if eeg is None and movement is None:
            return not_enough(self._spec)
        eeg_tokens = self._absent if eeg is None else self._encode_eeg(eeg)
        face_tokens = self._absent if movement is None else self._encode_face(movement)
        return self._answer(eeg_tokens, face_tokens, views_of(eeg is not None, movement is not None))

    def recognize_many(self, questions: Sequence[Question]) -> list[Recognition]:
        """As `recognize`, one question a core at a time: of a recording, many are known at once."""
        with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="recognizer") as pool:
            return list(pool.map(lambda question: self.recognize(*question), questions))

    def _encode_eeg(self, eeg: EegSequence) -> Tokens:
        mask = eeg.channel_mask & eeg.window_mask[:, None]
        power = self._normaliser.log_power(eeg.log_power, mask)
        window_mask = np.asarray(mask.any(axis=1))
        tokens, valid = self._run("eeg", power[None], mask[None], window_mask[None])
        return tokens, valid

    def _encode_face(self, movement: MicroMovement) -> Tokens:
        known, tokens = self._last
        if movement is not known:
            flow = self._normaliser.flow(movement.flow, self._face_px)
            apex = self._normaliser.image(movement.apex_crop, self._face_px)
            found, valid = self._run("face", flow[None], apex[None])
            tokens = (found, valid)
            # one assignment: another thread finds either pair whole
            self._last = (movement, tokens)
        return tokens

    def _answer(self, eeg: Tokens, face: Tokens, views: tuple[View, ...]) -> Recognition:
        n = len(views)
        has_eeg = np.array([view != "face" for view in views])
        has_face = np.array([view != "eeg" for view in views])
        (logits,) = self._run("fusion", *(_rows(part, n) for part in (*eeg, *face)), has_eeg, has_face)
        scale = np.array([[self._temperature[view]] for view in views])
        rows = softmax(logits / scale)
        if not np.isfinite(rows).all():
            raise DataError("the network's answer is not finite; the EEG or the flow it was given is not finite either")
        answers = {view: readonly(row) for view, row in zip(views, rows, strict=True)}
        alone = {view: answer for view, answer in answers.items() if view != "both"}
        return Recognition(answers[views[0]], Evidence.ENOUGH, alone)


class TorchRecognizer(NetworkRecognizer):
    """The checkpoint's network run by torch; imports torch when it is made, and keeps it on one thread.

    Parameters
    ----------
    checkpoint : Checkpoint
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        from models.eager import EagerRuntime

        super().__init__(EagerRuntime(checkpoint.network), checkpoint.info, checkpoint.normaliser)

    @classmethod
    def from_checkpoint(cls, path: Path, expected: RecognizerSpec | None = None) -> TorchRecognizer:
        """Load a checkpoint written by `save_checkpoint`.

        Raises
        ------
        CheckpointError
            See `models.checkpoint.load_checkpoint`.
        """
        from models.checkpoint import load_checkpoint

        return cls(load_checkpoint(path, expected))


class ExportedRecognizer(NetworkRecognizer):
    """What `models.export` wrote beside the checkpoint, run by ONNX Runtime; torch is not needed."""

    @classmethod
    def from_checkpoint(cls, path: Path, expected: RecognizerSpec | None = None) -> ExportedRecognizer:
        """Load the exported parts of the checkpoint `path` (.safetensors).

        Raises
        ------
        CheckpointError
            See `models.checkpoint_info.read_checkpoint` and `models.exported.OnnxRuntime`.
        """
        from models.exported import OnnxRuntime

        stored = read_checkpoint(path, expected)
        return cls(OnnxRuntime(path, stored.info), stored.info, stored.normaliser)


def load_recognizer(path: Path, expected: RecognizerSpec | None = None) -> NetworkRecognizer | EnsembleRecognizer:
    """The checkpoint as a recogniser of its kind: by ONNX Runtime where its JSON file names an export, else by torch.

    An export that is named and is absent or another is an error: it never becomes torch in silence. `spec.runtime` of
    what is returned says which it is. An ensemble without face networks runs in NumPy and needs neither.

    Parameters
    ----------
    path : Path
        The .safetensors file.
    expected : RecognizerSpec, optional
        Classes, channels, bands and window layout that it must have been trained for.

    Raises
    ------
    CheckpointError
        The checkpoint or its export cannot be used; or there is no export and torch is not installed.
    """
    if read_kind(path) == "ensemble":
        from models.small.recognizer import EnsembleRecognizer

        return EnsembleRecognizer.from_checkpoint(path, expected)
    if read_checkpoint(path, expected).info.export_sha256:
        return ExportedRecognizer.from_checkpoint(path, expected)
    require_torch(path)
    return TorchRecognizer.from_checkpoint(path, expected)


def _rows(array: NDArray, n: int) -> NDArray:
    """(1, ...) -> (n, ...), contiguous."""
    return array if n == 1 else np.repeat(array, n, axis=0)
