"""Flow maps as small-set methods read them: without zero and scale of a plane, on which data sets do not agree.

Maps from pictures carry neither (their coding stretched each plane to its range), and those in pixels still hold the
head's own motion and a lab's camera. What is left, the pattern, is what a class is told by. No torch here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.baseline_features import flow_map, flow_maps
from models.samples import SampleSet, resize_by_area

MAP_PX = 28


def sample_maps(samples: SampleSet, rows: NDArray[np.intp]) -> NDArray[np.float32]:
    """(n_rows, 3, 28, 28): u, v and strain of the samples at `rows`, standardised."""
    return standardised(flow_maps(samples, rows, MAP_PX).transpose(0, 3, 1, 2))


def live_map(flow: NDArray[np.floating], stored_px: int) -> NDArray[np.float32]:
    """(1, 3, 28, 28): the map that a sample with this flow, stored at `stored_px` in a sample set, would have.

    Parameters
    ----------
    flow : (px, px, 2) float
        Onset -> apex, px of the 256 px crop.
    stored_px : int
        Of the training samples: the strain of a flow depends on the size at which it is taken.
    """
    stored = resize_by_area(flow.astype(np.float32, copy=False), stored_px).astype(np.float16)
    return standardised(flow_map(stored, MAP_PX).transpose(2, 0, 1)[None])


def standardised(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the median from u and v (most of a face is at rest), the mean from the strain, and the scale from all three.

    Parameters
    ----------
    maps : (n, 3, px, px) float32
    """
    flat = maps.reshape(len(maps), 3, -1)
    # the lower of the two in the middle, an even number of pixels having no median of its own
    middle = (flat.shape[2] - 1) // 2
    rest = np.partition(flat[:, :2], middle, axis=2)[:, :, middle]
    zero = np.concatenate([rest, flat[:, 2:].mean(axis=2)], axis=1)
    centred = maps - zero[:, :, None, None]
    scale = np.sqrt(np.square(centred).mean(axis=(2, 3), keepdims=True))
    # a plane that is the same everywhere stays zero
    return centred / np.maximum(scale, np.float32(1e-6))


def mirror_image(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 3, px, px) -> the same faces seen in a mirror: u changes its sign."""
    turned = maps[..., ::-1].copy()
    turned[:, 0] *= -1.0
    return turned


def halved(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, 3, 28, 28) -> (n, 588): neighbouring pixels averaged, which costs nothing where answers are smooth."""
    n, planes, px, _ = maps.shape
    return maps.reshape(n, planes, px // 2, 2, px // 2, 2).mean(axis=(3, 5)).reshape(n, -1).astype(np.float64)
