"""Forward model: what electrodes see of dipoles in a three-shell-and-scalp sphere (MNE's spherical head model)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mne
import numpy as np
from numpy.typing import NDArray

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import MontageError
from simulators.person import SOURCE_GROUPS

_STAND_INS = {"CB1": "PO9", "CB2": "PO10", "T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}
"""Where electrodes sit that the 10-05 system spells otherwise: the cap's cerebellar pair lies over PO9 and PO10."""

# electrodes the dipoles of each group lie under
_DIPOLES: dict[str, tuple[str, ...]] = {
    "frontal_left": ("AF3", "F3", "F5", "FC3"),
    "frontal_right": ("AF4", "F4", "F6", "FC4"),
    "central": ("C3", "FCz", "Cz", "C4", "CPz"),
    "temporal_left": ("FT7", "T7", "C5", "TP7"),
    "temporal_right": ("FT8", "T8", "C6", "TP8"),
    "parietal": ("P3", "P5", "Pz", "P4", "P6"),
    "occipital": ("PO3", "O1", "Oz", "O2"),
}
_DEPTH = 0.78  # of the head's radius: cortex
_TILT = 0.45  # tangential part of a dipole's direction against its radial part
_EYES = ((-0.030, 0.072, -0.052), (0.030, 0.072, -0.052))  # m, from the sphere's centre: directions only
_EYE_DEPTH = 0.86  # of the head's radius: the sphere has no face, so just under the innermost shell


@dataclass(frozen=True, slots=True)
class HeadModel:
    """What each electrode sees; arrays are read-only.

    Parameters
    ----------
    channels : (n_channels,) tuple of str
    positions : (n_channels, 3) float64
        Electrodes, m, from the centre of the sphere.
    leadfield : (n_channels, n_sources) float32
        Potential of each dipole, scaled so that independent sources of variance 1 give the model's 62 electrodes a
        mean square of 1. The same for an electrode whatever others are worn.
    occipital : (n_sources,) float64
        Mean square of each source over O1, Oz and O2.
    group : (n_sources,) int64
        Index into `SOURCE_GROUPS`.
    blink, gaze : (n_channels,) float32
        Topography of a blink and of a look to the right; 1 at the strongest electrode of all.
    """

    channels: tuple[str, ...]
    positions: NDArray[np.float64]
    leadfield: NDArray[np.float32]
    occipital: NDArray[np.float64]
    group: NDArray[np.int64]
    blink: NDArray[np.float32]
    gaze: NDArray[np.float32]


@lru_cache(maxsize=8)
def head_model(channels: tuple[str, ...]) -> HeadModel:
    """Solve the forward problem for a cap; kept in memory.

    Parameters
    ----------
    channels : tuple of str
        Electrode names of the 10-05 system in any case, CB1 and CB2 included.

    Raises
    ------
    MontageError
        A name without a position.
    """
    template = _template()
    known = {name.upper(): np.asarray(at) for name, at in template["ch_pos"].items()}
    keys = [_STAND_INS.get(name.upper(), name.upper()) for name in channels]
    missing = [name for name, key in zip(channels, keys, strict=True) if key not in known]
    if missing or not channels:
        raise MontageError(f"cannot simulate a cap with {missing or 'no channels'}: wanted 10-05 electrode names")
    # the sphere is the whole template's: the head stays the same whatever electrodes are worn
    auto: Any = "auto"
    sphere = mne.make_sphere_model(auto, auto, _placed(template, known), verbose="error")
    centre, radius = np.asarray(sphere["r0"]), float(sphere["layers"][-1]["rad"])
    names = [name.upper() for group in SOURCE_GROUPS for name in _DIPOLES[group]]
    above = _positions(_placed(template, {name: known[name] for name in names})) - centre
    radial = above / np.linalg.norm(above, axis=1, keepdims=True)
    eyes = np.asarray(_EYES)
    eyes = eyes * (_EYE_DEPTH * radius) / np.linalg.norm(eyes, axis=1, keepdims=True)
    # the model's cap comes along for the scaling; keyed by number, since two labels may stand for one place
    n_own, cap_keys = len(channels), [*keys, *(_STAND_INS.get(name, name.upper()) for name in MODEL_CHANNELS)]
    cap = _placed(template, {str(i): known[key] for i, key in enumerate(cap_keys)})
    gain = _solve(np.concatenate((radial * (_DEPTH * radius), eyes)) + centre, cap, sphere)
    leadfield = np.einsum("csk,sk->cs", gain[:, : len(radial)], _directions(radial))
    leadfield /= np.sqrt((leadfield[n_own:] ** 2).sum(axis=1).mean())
    occipital = [n_own + MODEL_CHANNELS.index(name) for name in ("O1", "Oz", "O2")]
    eye_gain = gain[:, len(radial) :].sum(axis=1)
    return HeadModel(
        channels=channels,
        positions=_frozen(_positions(cap)[:n_own] - centre),
        leadfield=_frozen(leadfield[:n_own].astype(np.float32)),
        occipital=_frozen((leadfield[occipital] ** 2).mean(axis=0)),
        group=_frozen(np.array([g for g, group in enumerate(SOURCE_GROUPS) for _ in _DIPOLES[group]])),
        # the lid slides over a positive cornea: a dipole that points up and forward
        blink=_frozen(_unit_peak(eye_gain @ np.array([0.0, 0.8, 0.6]), n_own)),
        gaze=_frozen(_unit_peak(eye_gain @ np.array([1.0, 0.0, 0.0]), n_own)),
    )


def _template() -> dict[str, Any]:
    # renamed in mne 1.13
    name = "colin27_1005" if "colin27_1005" in mne.channels.get_builtin_montages() else "standard_1005"
    return mne.channels.make_standard_montage(name).get_positions()


def _placed(template: dict[str, Any], positions: dict[str, NDArray[np.float64]]) -> mne.Info:
    """Measurement info with electrodes in head coordinates."""
    fiducials = {key: template[key] for key in ("nasion", "lpa", "rpa")}
    montage = mne.channels.make_dig_montage(positions, coord_frame=template["coord_frame"], **fiducials)
    info = mne.create_info(list(positions), 1000.0, "eeg")
    info.set_montage(montage, verbose="error")
    return info


def _positions(info: mne.Info) -> NDArray[np.float64]:
    return np.array([channel["loc"][:3] for channel in info["chs"]])


def _solve(places: NDArray[np.float64], info: mne.Info, sphere: Any) -> NDArray[np.float64]:
    """Potential (n_channels, n_places, 3) of unit dipoles along x, y, z; places in head coordinates, m."""
    grid: Any = {"rr": places, "nn": np.tile([0.0, 0.0, 1.0], (len(places), 1))}
    source_space = mne.setup_volume_source_space(pos=grid, verbose="error")
    forward = mne.make_forward_solution(
        info, trans=None, src=source_space, bem=sphere, meg=False, eeg=True, mindist=0.0, verbose="error"
    )
    return forward["sol"]["data"].reshape(len(info["ch_names"]), len(places), 3)


def _directions(radial: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit dipole directions: mostly radial, each tilted its own way, as gyri and sulci would have it."""
    rng = np.random.default_rng(62)
    tangent = rng.normal(size=radial.shape)
    tangent -= (tangent * radial).sum(axis=1, keepdims=True) * radial
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    direction = radial + _TILT * tangent
    return direction / np.linalg.norm(direction, axis=1, keepdims=True)


def _frozen(array: NDArray) -> NDArray:
    array.flags.writeable = False
    return array


def _unit_peak(topography: NDArray[np.float64], n_own: int) -> NDArray[np.float32]:
    return (topography[:n_own] / np.abs(topography).max()).astype(np.float32)
