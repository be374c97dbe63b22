"""The trained network as the engine's recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.checkpoint import Checkpoint, load_checkpoint
from models.inference import View
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegSequence, Evidence, MicroMovement, Recognition, readonly

Tokens = tuple[Tensor, Tensor]


class TorchRecognizer:
    """Calibrated probabilities from an EEG sequence and a movement, either of which may be missing.

    Implements `realtime.interfaces.Recognizer`; not safe to call from two threads at once. Sets torch to one intra-op
    thread for the whole process: with more, a busy machine stalls single inferences for hundreds of milliseconds.

    Parameters
    ----------
    checkpoint : Checkpoint
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        torch.set_num_threads(1)
        self._network = checkpoint.network.eval()
        self._normaliser = checkpoint.normaliser
        self._spec = checkpoint.info.spec
        self._temperature: Mapping[View, float] = checkpoint.info.temperature
        self._min_windows = checkpoint.info.min_windows
        width = checkpoint.network.config.token_width
        self._absent: Tokens = (torch.zeros(1, 1, width), torch.ones(1, 1, dtype=torch.bool))
        self._last_movement: MicroMovement | None = None
        self._last_tokens: Tokens = self._absent

    @classmethod
    def from_checkpoint(cls, path: Path, expected: RecognizerSpec | None = None) -> TorchRecognizer:
        """Load a checkpoint written by `save_checkpoint`.

        Raises
        ------
        CheckpointError
            See `models.checkpoint.load_checkpoint`.
        """
        return cls(load_checkpoint(path, expected))

    @property
    def spec(self) -> RecognizerSpec:
        """What the network was trained for."""
        return self._spec

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        """Answer from what there is.

        EEG counts from the third usable window on; with neither that nor a movement the answer is uniform and says
        that the evidence is not enough. The tokens of the last movement are kept, since a movement is asked about
        again until it is too old.

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
        if eeg is not None and self._usable_windows(eeg) < self._min_windows:
            eeg = None
        if eeg is None and movement is None:
            n = len(self._spec.classes)
            return Recognition(readonly(np.full(n, 1.0 / n, np.float32)), Evidence.NOT_ENOUGH)
        with torch.inference_mode():
            eeg_tokens = self._absent if eeg is None else self._encode_eeg(eeg)
            face_tokens = self._absent if movement is None else self._encode_face(movement)
            return self._answer(eeg_tokens, face_tokens, _views(eeg is not None, movement is not None))

    def _usable_windows(self, eeg: EegSequence) -> int:
        spec = self._spec
        wanted = (spec.n_windows, len(spec.channels), len(spec.bands))
        if eeg.log_power.shape != wanted:
            raise DataError(
                f"EEG sequence has shape {eeg.log_power.shape}, model {spec.model_id} wants {wanted} "
                "(windows, channels, bands); prepare it from the model's spec"
            )
        return int((eeg.window_mask & eeg.channel_mask.any(axis=1)).sum())

    def _encode_eeg(self, eeg: EegSequence) -> Tokens:
        mask = eeg.channel_mask & eeg.window_mask[:, None]
        power = self._normaliser.log_power(eeg.log_power, mask)
        return self._network.eeg(
            torch.from_numpy(power)[None], torch.from_numpy(mask)[None], torch.from_numpy(mask.any(axis=1))[None]
        )

    def _encode_face(self, movement: MicroMovement) -> Tokens:
        if movement is not self._last_movement:
            px = self._network.config.face_px
            flow = torch.from_numpy(self._normaliser.flow(movement.flow, px))
            apex = torch.from_numpy(self._normaliser.image(movement.apex_crop, px))
            self._last_tokens = self._network.face(flow[None], apex[None])
            self._last_movement = movement
        return self._last_tokens

    def _answer(self, eeg: Tokens, face: Tokens, views: tuple[View, ...]) -> Recognition:
        n = len(views)
        logits = self._network.fusion(
            eeg[0].expand(n, -1, -1),
            eeg[1].expand(n, -1),
            face[0].expand(n, -1, -1),
            face[1].expand(n, -1),
            torch.tensor([view != "face" for view in views]),
            torch.tensor([view != "eeg" for view in views]),
        )
        scale = torch.tensor([[self._temperature[view]] for view in views])
        rows = torch.softmax(logits / scale, dim=-1).numpy()
        if not np.isfinite(rows).all():
            raise DataError("the network's answer is not finite; the EEG or the flow it was given is not finite either")
        answers = {view: readonly(row) for view, row in zip(views, rows, strict=True)}
        alone = {view: answer for view, answer in answers.items() if view != "both"}
        return Recognition(answers[views[0]], Evidence.ENOUGH, alone)


def _views(has_eeg: bool, has_face: bool) -> tuple[View, ...]:
    if has_eeg and has_face:
        return ("both", "eeg", "face")
    return ("eeg",) if has_eeg else ("face",)
