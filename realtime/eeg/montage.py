"""Electrode names: the model's 62 channels, other spellings of them, and where a source carries each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.errors import MontageError
from realtime.packets import Bool, Float64, readonly

# one row of the cap a line, front to back, left to right
# fmt: off
MODEL_CHANNELS: tuple[str, ...] = (
    "Fp1", "Fpz", "Fp2", "AF3", "AF4",
    "F7", "F5", "F3", "F1", "Fz", "F2", "F4", "F6", "F8",
    "FT7", "FC5", "FC3", "FC1", "FCz", "FC2", "FC4", "FC6", "FT8",
    "T7", "C5", "C3", "C1", "Cz", "C2", "C4", "C6", "T8",
    "TP7", "CP5", "CP3", "CP1", "CPz", "CP2", "CP4", "CP6", "TP8",
    "P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8",
    "PO7", "PO5", "PO3", "POz", "PO4", "PO6", "PO8",
    "CB1", "O1", "Oz", "O2", "CB2",
)
# fmt: on
"""The 62 scalp channels of the 64-channel SynAmps/Neuroscan Quik-Cap, as in MEs-EEG."""

_OLD_NAMES = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

# the 10-05 system has no CB1 and CB2; the Quik-Cap's cerebellar electrodes lie at PO9 and PO10
_STAND_INS = {"CB1": "PO9", "CB2": "PO10"}

_PREFIX = re.compile(r"^(?:EEG|CH|CHANNEL)[\s:_.-]+", re.IGNORECASE)
_REFERENCE = re.compile(
    r"[\s:_/-]+(?:REF\d*|REFERENCE|LE|RE|AR|AV|AVG|CAR|CLE|A1|A2|M1|M2|A1\+?A2|M1\+?M2|\(?A1-A2\)?|LER|EAR|NOSE|UV|EEG)$",
    re.IGNORECASE,
)
_UNIT = re.compile(r"\s*[\[(].{0,4}[\])]$")
_EOG_LABEL = re.compile(r"EOG|^[HV]EO", re.IGNORECASE)
# EXG, ERG, PLET and TEMP are BioSemi's sockets for anything but the cap
_NOT_BRAIN = (
    *("ECG", "EKG", "EMG", "TEMG", "ZEMG", "GSR", "RESP", "PLET", "TEMP"),
    *("EXG", "ERG", "STATUS", "STI", "TRIG"),
)
_MISSING_SHOWN = 12
_MIN_SOURCES = 4
_HEAD_CENTRE_M = (0.0, 0.0, 0.04)
_ELECTRODE = re.compile(
    r"^(?:FP|AFP|AFF|AF|FFT|FFC|FTT|FCC|FT|FC|F|TTP|TPP|TP|T|CCP|CPP|CP|CB|C|PPO|POO|PO|P|OI|O|I|N|A|M)"
    r"(?:\d{1,2}H?|Z)$"
)


def canonical_name(label: str) -> str:
    """Electrode name of a channel label, in the spelling of the 10-10 system.

    Case, an 'EEG ' prefix, a common-reference suffix ('-REF', '-LE', '-A2', ...), padding dots and the old 10-20 names
    T3, T4, T5, T6 are understood. A bipolar label such as 'Fp1-F7' is returned as it is: it names no electrode.

    Parameters
    ----------
    label : str
        As the source spells it, for instance 'EEG T3-REF'.

    Returns
    -------
    str
        For instance 'T7'; the stripped label where it is no electrode name.
    """
    text = label.strip()
    core = _UNIT.sub("", _PREFIX.sub("", text)).strip(" .")
    core = _REFERENCE.sub("", core).strip(" .").upper()
    if not _ELECTRODE.match(core):
        return text
    core = _OLD_NAMES.get(core, core)
    if core.startswith("FP"):
        core = "Fp" + core[2:]
    if core.endswith(("Z", "H")):
        core = core[:-1] + core[-1].lower()
    return core


def is_eog(label: str) -> bool:
    """Whether a channel label names an electrode at the eyes, such as 'EOG1', 'HEO' or 'VEOG'."""
    return bool(_EOG_LABEL.search(label.strip()))


def is_brain(label: str) -> bool:
    """Whether a channel label may name a scalp electrode: no EOG, ECG, EMG, trigger or the like."""
    return not is_eog(label) and not label.strip().upper().startswith(_NOT_BRAIN)


@dataclass(frozen=True, slots=True)
class ChannelMap:
    """Where a source carries each of the model's channels, by name and never by position.

    Parameters
    ----------
    model_names : tuple of str
        Canonical names in the order of the network's input.
    indices : (n_model,) intp
        Row of each model channel in the source; -1 where absent.
    present : (n_model,) bool
    """

    model_names: tuple[str, ...]
    indices: NDArray[np.intp]
    present: Bool

    @classmethod
    def build(
        cls, source_names: Sequence[str], model_names: Sequence[str] = MODEL_CHANNELS, min_channels: int = 8
    ) -> ChannelMap:
        """Find the model's channels among a source's labels.

        Where two labels name one electrode (T3 and T7), the one spelled like the model's wins, then the first.

        Parameters
        ----------
        source_names : sequence of str
            Labels in the source's order, as it spells them.
        model_names : sequence of str
        min_channels : int
            Fewer in common than this (or than the model has) are refused.

        Raises
        ------
        MontageError
            Too few in common; names the missing, a dozen at most.
        """
        wanted = tuple(canonical_name(name) for name in model_names)
        rows: dict[str, int] = {}
        for row, label in enumerate(source_names):
            name = canonical_name(label)
            if name not in rows or (label == name and source_names[rows[name]] != name):
                rows[name] = row
        indices = np.array([rows.get(name, -1) for name in wanted], dtype=np.intp)
        found = cls(wanted, readonly(indices), readonly(indices >= 0))
        needed = min(min_channels, len(wanted))
        if found.n_present < needed:
            raise MontageError(_too_few(found, source_names, needed))
        return found

    @property
    def n_present(self) -> int:
        """How many of the model's channels the source carries."""
        return int(np.count_nonzero(self.present))

    @property
    def present_names(self) -> tuple[str, ...]:
        """Canonical names of the channels the source carries, in the model's order."""
        return tuple(name for name, there in zip(self.model_names, self.present, strict=True) if there)

    @property
    def missing(self) -> tuple[str, ...]:
        """Canonical names of the channels the source lacks, in the model's order."""
        return tuple(name for name, there in zip(self.model_names, self.present, strict=True) if not there)

    @property
    def rows(self) -> NDArray[np.intp]:
        """Source rows of the present channels, in the model's order: `samples[channel_map.rows]` picks them."""
        return self.indices[self.present]


def name_list(names: Sequence[str], shown: int = _MISSING_SHOWN) -> str:
    """Names joined by commas: up to `shown` of them, then a count of the rest."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def electrode_positions(names: Sequence[str]) -> Float64:
    """Template positions of electrodes on the head, from MNE's 10-05 montage.

    Parameters
    ----------
    names : sequence of str
        Any spelling `canonical_name` understands.

    Returns
    -------
    (n_names, 3) float64
        Metres, MNE head coordinates (x right, y front, z up).

    Raises
    ------
    MontageError
        A name without a place on the template head.
    """
    template = _template_positions()
    canonical = [canonical_name(name) for name in names]
    unknown = [name for name in canonical if name not in template]
    if unknown:
        raise MontageError(f"no position on the 10-05 template head for: {name_list(unknown)}; rename or drop them")
    return np.array([template[name] for name in canonical]).reshape(len(canonical), 3)


def interpolation_matrix(source_names: Sequence[str], target_names: Sequence[str]) -> Float64:
    """Spherical-spline weights that estimate target channels from source channels.

    A target that is among the sources is copied exactly.

    Parameters
    ----------
    source_names, target_names : sequence of str

    Returns
    -------
    (n_target, n_source) float64
        `targets = matrix @ sources`, both in µV.

    Raises
    ------
    MontageError
        A name without a position, or fewer than 4 sources.

    References
    ----------
    Perrin, Pernier, Bertrand, Echallier (1989), "Spherical splines for scalp potential and current density mapping".
    """
    import mne

    sources = [canonical_name(name) for name in source_names]
    targets = [canonical_name(name) for name in target_names]
    absent = [name for name in targets if name not in sources]
    if len(sources) < _MIN_SOURCES:
        raise MontageError(
            f"interpolation needs at least {_MIN_SOURCES} good EEG channels, got {len(sources)}; switch it off"
        )
    places = dict(zip(sources + absent, electrode_positions(sources + absent), strict=True))
    info = mne.create_info(list(places), 1.0, "eeg", verbose="ERROR")
    info.set_montage(mne.channels.make_dig_montage(places, coord_frame="head"), verbose="ERROR")
    info["bads"] = absent
    # the interpolation is linear: what it makes of unit vectors is its matrix
    units = np.concatenate([np.eye(len(sources)), np.zeros((len(absent), len(sources)))])
    raw = mne.io.RawArray(units, info, verbose="ERROR")
    if absent:
        # a fixed centre: a fitted one would move with the channels that are left; MNE's hint says str only
        centre: Any = _HEAD_CENTRE_M
        raw.interpolate_bads(reset_bads=False, origin=centre, method="spline", verbose="ERROR")
    return np.asarray(raw.get_data(picks="all"))[[raw.ch_names.index(name) for name in targets]]


@lru_cache(maxsize=1)
def _template_positions() -> dict[str, NDArray[np.float64]]:
    """Canonical electrode name -> (3,) metres in head coordinates."""
    import mne

    # the same positions under MNE's new and old name
    known = mne.channels.get_builtin_montages()
    montage = mne.channels.make_standard_montage("colin27_1005" if "colin27_1005" in known else "standard_1005")
    info = mne.create_info(montage.ch_names, 1.0, "eeg", verbose="ERROR")
    info.set_montage(montage, verbose="ERROR")
    places = {canonical_name(channel["ch_name"]): channel["loc"][:3] for channel in info["chs"]}
    return places | {name: places[stand_in] for name, stand_in in _STAND_INS.items()}


def _too_few(found: ChannelMap, source_names: Sequence[str], needed: int) -> str:
    here = f" ({name_list(found.present_names)})" if found.n_present else ""
    return (
        f"{found.n_present} of the model's {len(found.model_names)} EEG channels found{here} among the source's "
        f"{len(source_names)} ({name_list(source_names, 6)}), at least {needed} wanted; missing: "
        f"{name_list(found.missing)}. Name the channels as in the 10-20 system."
    )
