"""An ensemble of a small set as the engine's recogniser: NumPy, and ONNX Runtime where it has face networks.

No torch at import: a lab's live machine does not need it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.evidence import not_enough, views_of, what_counts
from models.exported import require_torch
from models.normaliser import Normaliser
from models.small.experts import put_together
from models.small.face_answers import FaceNetworks
from models.small.maps import live_map
from models.small.stored import StoredEnsemble, read_ensemble
from models.views import View
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegSequence, Evidence, MicroMovement, Recognition, readonly


class EnsembleRecognizer:
    """Calibrated probabilities from an EEG sequence and a movement, either of which may be missing.

    Implements `realtime.interfaces.Recognizer`; not safe to call from two threads at once.

    Parameters
    ----------
    stored : StoredEnsemble
    networks : FaceNetworks or None
        What runs the face networks; None where there are none.
    """

    def __init__(self, stored: StoredEnsemble, networks: FaceNetworks | None) -> None:
        info = stored.info
        runtime = f"numpy {np.__version__}" if networks is None else networks.name
        self._spec = replace(info.spec, runtime=runtime)
        self._normaliser = stored.normaliser
        self._experts = stored.asked(networks).experts
        self._temperature: dict[View, float] = dict(info.temperature)
        self._min_windows = info.min_windows
        self._modality: View = info.modality
        self._stored_px = 0 if info.face is None else info.face.stored_px
        self._nothing = np.full((1, len(info.classes)), np.nan)
        self._last_movement: MicroMovement | None = None
        self._last_face = self._nothing

    @classmethod
    def from_checkpoint(cls, path: Path, expected: RecognizerSpec | None = None) -> EnsembleRecognizer:
        """Load a checkpoint written by `models.small.stored.save_ensemble`.

        By ONNX Runtime where its JSON file names an export, by torch where it names none and there are face networks.

        Raises
        ------
        CheckpointError
            See `models.small.stored.read_ensemble` and `models.small.exported.OnnxNetworks`; or there is no export
            and torch is not installed.
        """
        stored = read_ensemble(path, expected)
        return cls(stored, _networks(Path(path), stored))

    @property
    def spec(self) -> RecognizerSpec:
        """What the experts were trained for, and what runs their networks."""
        return self._spec

    @property
    def normaliser(self) -> Normaliser:
        """What EEG is scaled by; its mean is the EEG of nobody in particular."""
        return self._normaliser

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        """Answer from what there is, by the rules of `models.evidence`.

        What the face experts said of the last movement is kept, since a movement is asked about again until it is
        too old.

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
            The sequence is not of the shape that `spec` asks for, or the answer is not finite.
        """
        eeg, movement = what_counts(eeg, movement, self._spec, self._min_windows, self._modality)
        if eeg is None and movement is None:
            return not_enough(self._spec)
        views = views_of(eeg is not None, movement is not None)
        with np.errstate(invalid="ignore", over="ignore"):  # refused just below
            alone: dict[View, NDArray[np.float64]] = {
                "eeg": self._nothing if eeg is None else self._ask_eeg(eeg),
                "face": self._nothing if movement is None else self._ask_face(movement),
            }
        if not all(np.isfinite(alone[view]).all() for view in views if view != "both"):
            raise DataError(
                "the experts' answer is not finite; the EEG or the flow they were given is not finite either"
            )
        found = put_together(alone, self._temperature)
        answers = {view: readonly(np.exp(found[view][0]), np.float32) for view in views}
        return Recognition(answers[views[0]], Evidence.ENOUGH, {v: p for v, p in answers.items() if v != "both"})

    def _ask_eeg(self, eeg: EegSequence) -> NDArray[np.float64]:
        assert self._experts.eeg is not None
        there = eeg.channel_mask & eeg.window_mask[:, None]
        return self._experts.eeg.answer(eeg.log_power[None], there[None])

    def _ask_face(self, movement: MicroMovement) -> NDArray[np.float64]:
        assert self._experts.face is not None
        if movement is not self._last_movement:
            self._last_face = self._experts.face.log_probabilities(live_map(movement.flow, self._stored_px))
            self._last_movement = movement
        return self._last_face


def _networks(path: Path, stored: StoredEnsemble) -> FaceNetworks | None:
    shape = stored.info.face
    if shape is None or not shape.has_networks:
        return None
    if stored.info.export_sha256:
        from models.small.exported import OnnxNetworks

        return OnnxNetworks(path, stored.info, shape)
    require_torch(path)
    from models.small.face_experts import load_networks

    return load_networks(path, stored)
