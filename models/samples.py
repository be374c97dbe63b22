"""The training data's form: arrays that belong together, saved as .npz without pickle."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.npz_file import ZLIB_TIMES, open_npz

_ARRAYS = (
    "log_power",
    "channel_mask",
    "window_mask",
    "has_eeg",
    "onset",
    "apex",
    "flow",
    "has_face",
    "label",
    "subject",
    "group",
    "sample",
)
_FLAGS = ("channel_mask", "window_mask", "has_eeg", "has_face")
_INTEGERS = ("label", "subject", "group")


@dataclass(frozen=True, slots=True)
class SampleSet:
    """Samples of hidden emotion: an EEG sequence, a facial movement or both, and whose they are.

    Parameters
    ----------
    classes : tuple of str
        Names that `label` counts.
    channels : tuple of str
        Names of the EEG channels, in the order of `log_power`.
    bands : tuple of (name, low_hz, high_hz)
    log_power : (n, n_windows, n_channels, n_bands) float32
        log10 µV²/Hz, oldest window first; anything where masked.
    channel_mask : (n, n_windows, n_channels) bool
        True where the channel is present and good.
    window_mask : (n, n_windows) bool
        True where the window exists.
    has_eeg, has_face : (n,) bool
        Whether the modality is there at all; every sample has at least one.
    onset, apex : (n, px, px) uint8
        Aligned, oval-masked grey faces, resized by area (`shrink_face`).
    flow : (n, px, px, 2 or 3) float16
        Onset -> apex in pixels of the 256 px crop, whatever px is; a third plane is the optical strain where the data
        bring their own.
    label, subject, group : (n,) integers
        Class index, person, and the person's trial. Folds never part a person, so never a trial either.
    simulated : bool
        True where no real person is among the subjects.
    subject_names : tuple of str
        Pseudonyms, which `subject` then counts; empty where the numbers are all there is.
    hop_s : float
        Between the starts of two windows of `log_power`.
    sample : (n,) str, optional
        What each sample is called in its source; its position where not given.

    Raises
    ------
    DataError
        An array of another shape or kind, a label outside the classes, a sample with neither modality, or a value
        that is not finite where the mask says it counts; the message names the array.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    bands: tuple[tuple[str, float, float], ...]
    log_power: NDArray[np.float32]
    channel_mask: NDArray[np.bool_]
    window_mask: NDArray[np.bool_]
    has_eeg: NDArray[np.bool_]
    onset: NDArray[np.uint8]
    apex: NDArray[np.uint8]
    flow: NDArray[np.float16]
    has_face: NDArray[np.bool_]
    label: NDArray[np.int64]
    subject: NDArray[np.int64]
    group: NDArray[np.int64]
    simulated: bool = False
    subject_names: tuple[str, ...] = ()
    hop_s: float = 1.0
    sample: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, np.str_))

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", tuple(str(name) for name in self.classes))
        object.__setattr__(self, "channels", tuple(str(name) for name in self.channels))
        object.__setattr__(self, "bands", tuple((str(n), float(lo), float(hi)) for n, lo, hi in self.bands))
        object.__setattr__(self, "subject_names", tuple(str(name) for name in self.subject_names))
        if self.sample.size == 0:
            object.__setattr__(self, "sample", np.arange(len(self.label)).astype(np.str_))
        _check_shapes(self)
        _check_values(self)
        for name in _ARRAYS:
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.label)

    @property
    def subjects(self) -> tuple[int, ...]:
        """Distinct subjects, ascending."""
        return tuple(int(s) for s in np.unique(self.subject))

    def subject_name(self, subject: int) -> str:
        """Pseudonym of a subject; 'person 3' where there are only numbers."""
        return self.subject_names[subject] if self.subject_names else f"person {subject}"

    def take(self, index: NDArray[Any] | Sequence[int]) -> SampleSet:
        """The samples at `index` (positions or a boolean mask), in that order."""
        where = np.asarray(index)
        if where.size == 0 and where.dtype != np.bool_:
            where = where.astype(np.intp)  # an empty list has no kind of its own
        return replace(self, **{name: getattr(self, name)[where] for name in _ARRAYS})

    def of_subjects(self, subjects: Sequence[int]) -> SampleSet:
        """The samples of these subjects, in their order here."""
        return self.take(np.isin(self.subject, np.asarray(subjects)))

    def only(self, modality: Literal["eeg", "face", "both"]) -> SampleSet:
        """The samples that have this modality, with the other one hidden; 'both' leaves everything as it is.

        Raises
        ------
        DataError
            No sample has it.
        """
        if modality == "both":
            return self
        has = self.has_eeg if modality == "eeg" else self.has_face
        if not has.any():
            raise DataError(f"none of the {len(self)} samples has the modality '{modality}'")
        kept = self.take(has)
        hidden = "has_face" if modality == "eeg" else "has_eeg"
        return replace(kept, **{hidden: np.zeros(len(kept), np.bool_)})

    def with_channels(self, channels: Sequence[str]) -> SampleSet:
        """The same samples with the EEG channels in this order, matched by name; those not here are masked.

        Raises
        ------
        DataError
            None of the names is here.
        """
        wanted = tuple(channels)
        if wanted == self.channels:
            return self
        here = {name: i for i, name in enumerate(self.channels)}
        found = [(to, here[name]) for to, name in enumerate(wanted) if name in here]
        if not found:
            raise DataError(
                f"none of the {len(wanted)} wanted EEG channels is in the samples; they have {self.channels}"
            )
        to, source = (np.array(part) for part in zip(*found, strict=True))
        n, n_windows, _, n_bands = self.log_power.shape
        power = np.zeros((n, n_windows, len(wanted), n_bands), np.float32)
        mask = np.zeros((n, n_windows, len(wanted)), np.bool_)
        power[:, :, to] = self.log_power[:, :, source]
        mask[:, :, to] = self.channel_mask[:, :, source]
        return replace(self, channels=wanted, log_power=power, channel_mask=mask)

    def digest(self) -> str:
        """SHA-256 of everything that training reads, as 64 hex digits."""
        total = hashlib.sha256(
            repr((self.classes, self.channels, self.bands, self.simulated, self.subject_names, self.hop_s)).encode()
        )
        for name in _ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            total.update(f"{name}{array.dtype.str}{array.shape}".encode())
            total.update(array.tobytes())
        return total.hexdigest()


def resize_by_area(image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """(px, px) or (px, px, planes) float32 -> the same with `side` px, values averaged over the area of a pixel."""
    if image.shape[0] == side:
        return image
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA), np.float32)


def shrink_face(
    flow: NDArray[np.floating], crop: NDArray[np.uint8], px: int = 96
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """Reduce a movement to what the network reads, by area; the flow stays in pixels of the 256 px crop.

    Parameters
    ----------
    flow : (256, 256, 2) float
    crop : (256, 256) uint8
    px : int

    Returns
    -------
    (px, px, 2) float16, (px, px) uint8
    """
    small = resize_by_area(crop.astype(np.float32), px)
    return resize_by_area(flow.astype(np.float32), px).astype(np.float16), np.rint(small).astype(np.uint8)


def concatenate(parts: Sequence[SampleSet]) -> SampleSet:
    """Join sample sets of the same classes, channels and bands; subject and group numbers are kept as they are.

    A part in which nobody has a face takes the image size of the others.

    Raises
    ------
    DataError
        No part at all, or two that do not fit; the message names the field.
    """
    if not parts:
        raise DataError("no sample set to join, got an empty list")
    px = max((part.apex.shape[1] for part in parts if part.has_face.any()), default=parts[0].apex.shape[1])
    planes = max((part.flow.shape[3] for part in parts if part.has_face.any()), default=parts[0].flow.shape[3])
    parts = [part if part.has_face.any() else _blank_faces(part, px, planes) for part in parts]
    first = parts[0]
    for part in parts[1:]:
        for name in ("classes", "channels", "bands", "simulated", "subject_names", "hop_s"):
            if getattr(part, name) != getattr(first, name):
                raise DataError(f"sample sets differ in '{name}': {getattr(first, name)} and {getattr(part, name)}")
        for name in ("log_power", "onset", "flow"):
            if getattr(part, name).shape[1:] != getattr(first, name).shape[1:]:
                raise DataError(
                    f"sample sets differ in the shape of '{name}': {getattr(first, name).shape[1:]} "
                    f"and {getattr(part, name).shape[1:]}"
                )
    return replace(first, **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS})


def save_samples(path: Path, samples: SampleSet) -> None:
    """Write to .npz, complete or not at all.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            np.savez(
                file,
                classes=np.array(samples.classes),
                channels=np.array(samples.channels),
                band_names=np.array([name for name, _, _ in samples.bands]),
                band_edges_hz=np.array([(lo, hi) for _, lo, hi in samples.bands], np.float64),
                simulated=np.array(samples.simulated),
                subject_names=np.array(samples.subject_names, np.str_),
                hop_s=np.array(samples.hop_s),
                **{name: getattr(samples, name) for name in _ARRAYS},
            )
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write samples to '{path}': {err}") from err
    finally:
        partial.unlink(missing_ok=True)


def load_samples(path: Path) -> SampleSet:
    """Read what `save_samples` wrote.

    Raises
    ------
    DataError
        Unreadable, an array is missing, or the arrays do not fit together.
    """
    try:
        with open_npz(path, ZLIB_TIMES) as archive:
            stored = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as err:
        raise DataError(f"cannot read samples from '{path}': {err}; make them with 'emostream dataset'") from err
    wanted = (*_ARRAYS, "classes", "channels", "band_names", "band_edges_hz", "simulated", "subject_names", "hop_s")
    if missing := [name for name in wanted if name not in stored]:
        raise DataError(f"'{path}' is not a sample set: it lacks {', '.join(missing)}")
    try:
        edges = zip(stored["band_names"], stored["band_edges_hz"], strict=True)
        return SampleSet(
            classes=tuple(stored["classes"]),
            channels=tuple(stored["channels"]),
            bands=tuple((name, lo, hi) for name, (lo, hi) in edges),
            simulated=bool(stored["simulated"]),
            subject_names=tuple(stored["subject_names"]),
            hop_s=float(stored["hop_s"]),
            **{name: stored[name] for name in _ARRAYS},
        )
    except (TypeError, ValueError, SystemError) as err:  # a SystemError: a letter beyond Unicode
        raise DataError(f"'{path}' is not a sample set: {err}; make one with 'emostream dataset'") from err


def _blank_faces(samples: SampleSet, px: int, planes: int) -> SampleSet:
    n = len(samples)
    blank = np.zeros((n, px, px), np.uint8)
    return replace(samples, onset=blank, apex=blank, flow=np.zeros((n, px, px, planes), np.float16))


def _check_shapes(samples: SampleSet) -> None:
    for part in fields(samples):
        if part.name in _ARRAYS and not isinstance(getattr(samples, part.name), np.ndarray):
            raise DataError(
                f"samples: '{part.name}' must be an array, got {type(getattr(samples, part.name)).__name__}"
            )
    n = len(samples.label)
    n_windows = samples.log_power.shape[1] if samples.log_power.ndim == 4 else -1
    px = samples.apex.shape[-1] if samples.apex.ndim == 3 else -1
    planes = samples.flow.shape[-1] if samples.flow.shape[-1:] in ((2,), (3,)) else 2
    wanted = {
        "log_power": (n, n_windows, len(samples.channels), len(samples.bands)),
        "channel_mask": (n, n_windows, len(samples.channels)),
        "window_mask": (n, n_windows),
        "onset": (n, px, px),
        "apex": (n, px, px),
        "flow": (n, px, px, planes),
        **dict.fromkeys(("has_eeg", "has_face", "label", "subject", "group", "sample"), (n,)),
    }
    for name, shape in wanted.items():
        if getattr(samples, name).shape != shape:
            raise DataError(f"samples: '{name}' must have shape {shape}, got {getattr(samples, name).shape}")


def _check_values(samples: SampleSet) -> None:
    kinds = {"log_power": np.float32, "onset": np.uint8, "apex": np.uint8, "flow": np.float16}
    kinds |= dict.fromkeys(_FLAGS, np.bool_)
    for name, kind in kinds.items():
        if getattr(samples, name).dtype != kind:
            raise DataError(f"samples: '{name}' must be {np.dtype(kind)}, got {getattr(samples, name).dtype}")
    for name in _INTEGERS:
        if not np.issubdtype(getattr(samples, name).dtype, np.integer):
            raise DataError(f"samples: '{name}' must be integers, got {getattr(samples, name).dtype}")
    if not np.issubdtype(samples.sample.dtype, np.str_):
        raise DataError(f"samples: 'sample' must be names, got {samples.sample.dtype}")
    if len(samples) == 0:
        return
    if samples.subject_names and not 0 <= samples.subject.min() <= samples.subject.max() < len(samples.subject_names):
        raise DataError(
            f"samples: 'subject' must count {len(samples.subject_names)} names, "
            f"got {samples.subject.min()} to {samples.subject.max()}"
        )
    low, high = int(samples.label.min()), int(samples.label.max())
    if low < 0 or high >= len(samples.classes):
        raise DataError(
            f"samples: 'label' must be 0 to {len(samples.classes) - 1} for {samples.classes}, got {low} to {high}"
        )
    if not (samples.has_eeg | samples.has_face).all():
        lacking = int(np.flatnonzero(~(samples.has_eeg | samples.has_face))[0])
        raise DataError(f"samples: 'has_eeg' and 'has_face' are both False for sample {lacking}; leave it out")
    _check_finite(samples)


def _check_finite(samples: SampleSet, rows: int = 256) -> None:
    for start in range(0, len(samples), rows):
        part = slice(start, start + rows)
        counts = samples.channel_mask[part] & (samples.window_mask[part] & samples.has_eeg[part, None])[..., None]
        if not np.isfinite(np.where(counts[..., None], samples.log_power[part], 0.0)).all():
            raise DataError(f"samples: 'log_power' is not finite under a True mask near sample {start}")
        flow = samples.flow[part][samples.has_face[part]]
        if not np.isfinite(flow).all():
            raise DataError(f"samples: 'flow' is not finite near sample {start}")
