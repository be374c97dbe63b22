"""ONNX Runtime runs the face networks of an ensemble: no torch; everything else of it is NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.exported import open_session, runtime_name
from models.small.face_answers import N_FEATURES
from models.small.maps import MAP_PX
from models.small.stored import EnsembleInfo, FaceShape
from realtime.errors import CheckpointError

VIEWS_ASKED = 2
"""A movement's map and its mirror image: live there is one movement at a time."""


class OnnxNetworks:
    """The exported face networks of an ensemble; see `models.small.face_answers.FaceNetworks`. Takes two maps.

    Parameters
    ----------
    path : Path
        The checkpoint's .safetensors file; 'name.face.onnx' lies beside it.
    info : EnsembleInfo
        Of that checkpoint.
    shape : FaceShape
        Its face experts.

    Raises
    ------
    CheckpointError
        See `models.exported.OnnxRuntime`; or what was exported answers in another shape.
    """

    def __init__(self, path: Path, info: EnsembleInfo, shape: FaceShape) -> None:
        self._session = open_session(path, "face", info)
        self._outputs = {output.name for output in self._session.get_outputs()}
        n_networks, n_classes = shape.tuned + shape.fresh, len(info.classes)
        self._absent = {"logits": np.zeros((0, VIEWS_ASKED, n_classes)), "motion": np.zeros((VIEWS_ASKED, 0))}
        wanted = ((n_networks, VIEWS_ASKED, n_classes), (VIEWS_ASKED, N_FEATURES["motion"] * shape.reads_motion))
        try:
            got = tuple(found.shape for found in self.read(np.zeros((VIEWS_ASKED, 3, MAP_PX, MAP_PX), np.float32)))
        except Exception as err:  # its exceptions have no base of their own
            raise CheckpointError(f"ONNX Runtime cannot run the export of '{path}': {err}") from err
        if got != wanted:
            raise CheckpointError(
                f"the export of '{path}' answers in the shapes {got}, wanted {wanted}; export it again"
            )

    @property
    def name(self) -> str:
        """'onnxruntime 1.32.0'."""
        return runtime_name()

    def read(self, maps: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Logits of every network, and features of the one that knows simulated motion."""
        names = [name for name in self._absent if name in self._outputs]
        found = dict(zip(names, self._session.run(names, {"maps": maps}), strict=True))
        logits, motion = (np.asarray(found.get(name, absent)) for name, absent in self._absent.items())
        return logits, motion
