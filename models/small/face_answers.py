"""What experts for faces answer, whatever runs their networks: kernel machines and networks put together in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.small.kernel_machine import KernelMachine
from models.small.maps import halved, mirror_image
from models.small.options import KernelInput
from models.views import log_softmax

N_FEATURES: dict[KernelInput, int] = {"motion": 576, "map": 588}
"""How many numbers a kernel machine's input has, by what it reads."""


class FaceNetworks(Protocol):
    """Runs face experts' networks: torch in `models.small.face_experts`, ONNX Runtime in `models.small.exported`."""

    @property
    def name(self) -> str:
        """What runs them and which version, for instance 'onnxruntime 1.32.0'."""
        ...

    def read(self, maps: NDArray[np.float32]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Logits of every network, and features of the one that knows simulated motion.

        Parameters
        ----------
        maps : (n, 3, 28, 28) float32
            Standardised.

        Returns
        -------
        (n_networks, n, n_classes), (n, 576) float
            Nothing along the axis of what is not there: 0 networks, or 0 features.
        """
        ...


@dataclass(frozen=True, slots=True)
class MapKernel:
    """A kernel machine on principal components of what it reads of a map.

    Parameters
    ----------
    reads : 'motion' or 'map'
        Features of the network that knows simulated motion, or the map itself with neighbouring pixels averaged.
    mean : (n_features,) float64
    components : (n_features, n_components) float64
    machine : KernelMachine
    """

    reads: KernelInput
    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    machine: KernelMachine

    def log_probabilities(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, n_features) -> (n, n_classes)."""
        return self.machine.log_probabilities((features.astype(np.float64) - self.mean) @ self.components)


@dataclass(frozen=True, slots=True)
class FaceExperts:
    """Kinds of experts, each asked about a map and its mirror image; a kind has one say, whatever its number.

    Parameters
    ----------
    networks : FaceNetworks or None
        None where kernel machines on maps are all there is.
    tuned, fresh : int
        How many of the networks started from simulated motion, and how many, after them, from nothing.
    kernels : tuple of MapKernel
    """

    networks: FaceNetworks | None
    tuned: int
    fresh: int
    kernels: tuple[MapKernel, ...]

    def log_probabilities(self, maps: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, 3, 28, 28) standardised maps -> (n, n_classes), not calibrated yet."""
        n = len(maps)
        views = np.concatenate([maps, mirror_image(maps)])
        kinds: list[NDArray[np.float64]] = []
        motion: NDArray[np.floating] = np.zeros((2 * n, 0))
        if self.networks is not None:
            logits, motion = self.networks.read(views)
            each = log_softmax(logits).reshape(len(logits), 2, n, logits.shape[2])
            kinds += [of.mean(axis=(0, 1)) for of in (each[: self.tuned], each[self.tuned :]) if len(of)]
        for kernel in self.kernels:
            found = kernel.log_probabilities(motion if kernel.reads == "motion" else halved(views))
            kinds.append(found.reshape(2, n, -1).mean(axis=0))
        return log_softmax(np.mean(kinds, axis=0))
