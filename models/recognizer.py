"""A checkpoint as the engine's recogniser, whatever runs it: ONNX Runtime live, torch where nothing is exported.

No torch at import: a lab's live machine does not need it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
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

_MOVEMENTS_KEPT = 16
"""A movement found is asked about a little later, while an older one still is; and several engines may share this."""

Answered = tuple[NDArray[np.float32], tuple[NDArray, ...]]
"""(1, n_classes) logits of one modality alone, and what the fusion reads of it."""


class NetworkRuntime(Protocol):
    """Runs the three parts of one trained network, on one thread, one question at a time."""

    @property
    def name(self) -> str:
        """What runs it and which version, for instance 'onnxruntime 1.32.0'."""
        ...

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part: (1, n_classes) float32 logits first.

        Parameters
        ----------
        part : 'eeg', 'face' or 'fusion'
            What EEG alone says, what a face alone says, what both say.
        inputs : arrays
            'eeg': power (1 + n_windows, n_channels * n_bands), mask (1 + n_windows, n_channels), windows (1 +
            n_windows,), all float32. Powers are z-scores, 0 where masked; masks are 1 where there is something, else 0.
            The first row is a window that never is: the place of the summary token.
            'face': scaled flow (1, 2, face_px, face_px), apex (1, 1, face_px, face_px), float32.
            'fusion': what 'eeg' and then what 'face' gave beside the logits.

        Returns
        -------
        tuple of arrays
            'eeg' and 'face': beside the logits what 'fusion' reads of them, in a form of the runtime's own; the first
            of these are the tokens.
        """
        ...


class NetworkRecognizer:
    """Calibrated probabilities from an EEG sequence and a movement, either of which may be missing.

    Implements `realtime.interfaces.Recognizer`, `ManyRecognizer` and `ForesightedRecognizer`. The runtime must be safe
    to run from several threads at once, as ONNX Runtime and torch are.

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
        asked = (views_of(True, True), views_of(True, False), views_of(False, True))
        self._temperature = {views: np.array([[info.temperature[view]] for view in views]) for views in asked}
        self._min_windows = info.min_windows
        self._modality: View = info.modality
        self._face_px = info.network.face_px
        self._known: tuple[tuple[MicroMovement, Answered], ...] = ()

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
        that the evidence is not enough. A modality that the network was not trained on is not looked at. What the last
        movements gave is kept, since a movement is asked about again until it is too old.

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
        of_eeg = None if eeg is None else self._eeg(eeg)
        of_face = None if movement is None else self._face(movement)
        return self._answer(of_eeg, of_face)

    def expect(self, movement: MicroMovement) -> None:
        """Encode a movement, so that the first question about it need not; any thread, also while another asks.

        Raises
        ------
        DataError
            Its flow is not finite.
        """
        if self._modality != "eeg":
            self._face(movement)

    def recognize_many(self, questions: Sequence[Question]) -> list[Recognition]:
        """As `recognize`, one question a core at a time: of a recording, many are known at once."""
        if len(questions) < 2:
            return [self.recognize(*question) for question in questions]
        with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="recognizer") as pool:
            return list(pool.map(lambda question: self.recognize(*question), questions))

    def _eeg(self, eeg: EegSequence) -> Answered:
        mask = eeg.channel_mask & eeg.window_mask[:, None]
        z = self._normaliser.log_power(eeg.log_power, mask)
        _require_finite(z, "EEG")
        n = len(z) + 1
        power, believed, there = (np.zeros(shape, np.float32) for shape in ((n, z[0].size), (n, mask.shape[1]), n))
        power[1:], believed[1:], there[1:] = z.reshape(n - 1, -1), mask, mask.any(axis=1)
        logits, *read = self._run("eeg", power, believed, there)
        return logits, tuple(read)

    def _face(self, movement: MicroMovement) -> Answered:
        for known, found in self._known:
            if known is movement:
                return found
        flow = self._normaliser.flow(movement.flow, self._face_px)
        _require_finite(flow, "flow")
        logits, *read = self._run("face", flow[None], self._normaliser.image(movement.apex_crop, self._face_px)[None])
        found = (logits, tuple(read))
        # one assignment: another thread finds the one tuple or the other, each whole
        self._known = (*self._known[1 - _MOVEMENTS_KEPT :], (movement, found))
        return found

    def _answer(self, eeg: Answered | None, face: Answered | None) -> Recognition:
        said = [found[0] for found in (eeg, face) if found is not None]
        if eeg is not None and face is not None:
            said = [*self._run("fusion", *eeg[1], *face[1]), *said]
        views = views_of(eeg is not None, face is not None)
        rows = readonly(softmax(np.concatenate(said), self._temperature[views]))
        answers = dict(zip(views, rows, strict=True))
        alone = {view: answer for view, answer in answers.items() if view != "both"}
        return Recognition(rows[0], Evidence.ENOUGH, alone)


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


def _require_finite(values: NDArray[np.float32], of: str) -> None:
    """A ReLU makes a number of what is none, so it is looked for on the way in.

    Raises
    ------
    DataError
        NaN or infinity.
    """
    if not np.isfinite(values).all():
        raise DataError(f"the {of} given to the network is not finite where no mask hides it; see what made it")
