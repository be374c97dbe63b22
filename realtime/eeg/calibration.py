"""A calibration minute: ICA finds the eyes, and one matrix removes them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.config import EegConfig
from realtime.eeg._ica import find_eye_components
from realtime.eeg.cleaning import CausalCleaner
from realtime.eeg.montage import MODEL_CHANNELS, ChannelMap, canonical_name, is_eog, name_list
from realtime.eeg.quality import QualityMonitor
from realtime.errors import DataError
from realtime.npz_file import open_npz
from realtime.packets import Bool, Float64, Quality, readonly
from realtime.untrusted import parse_json

MIN_CALIBRATION_S = 20.0
"""Less clean signal than this does not settle an ICA."""

MIN_ICA_CHANNELS = 4
"""With fewer channels there is nothing to separate."""

_FORMAT = "emostream-calibration-1"
_FRONTAL = ("Fp1", "Fpz", "Fp2", "AF7", "AF3", "AF4", "AF8")
_MAX_BAD_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Calibration:
    """A spatial matrix and the channels it belongs to.

    Parameters
    ----------
    channels : tuple of str
        Canonical names, the order of the matrix's rows and columns.
    matrix : (n_channels, n_channels) float64
        ICA unmixing, rejection and mixing in one: `cleaned = matrix @ samples`.
    sfreq_hz : float
        Rate of the source it was fitted on.
    seconds : float
        Clean signal it was fitted on.
    correlations : tuple of float
        One for each component taken out: its largest absolute correlation with an eye channel, 0 to 1.
    converged : bool
        Whether the ICA settled within its iterations.
    """

    channels: tuple[str, ...]
    matrix: Float64
    sfreq_hz: float
    seconds: float
    correlations: tuple[float, ...]
    converged: bool

    def __post_init__(self) -> None:
        n = len(self.channels)
        if self.matrix.shape != (n, n) or not np.isfinite(self.matrix).all():
            raise DataError(f"calibration holds a matrix {self.matrix.shape} for {n} channels; calibrate again")
        object.__setattr__(self, "matrix", readonly(self.matrix, np.float64))

    def matrix_for(self, channels: Sequence[str]) -> Float64:
        """The matrix with rows and columns in the order of `channels`.

        Raises
        ------
        DataError
            The channels are not those the calibration was fitted on; names the difference.
        """
        wanted = [canonical_name(name) for name in channels]
        lacking = [name for name in self.channels if name not in wanted]
        extra = [name for name in wanted if name not in self.channels]
        if lacking or extra:
            parts = [f"the stream lacks {name_list(lacking)}"] if lacking else []
            parts += [f"it does not know {name_list(extra)}"] if extra else []
            raise DataError(
                f"calibration was made on {len(self.channels)} channels, the stream has {len(wanted)}: "
                f"{'; '.join(parts)}. Calibrate again with this montage."
            )
        order = [self.channels.index(name) for name in wanted]
        return np.ascontiguousarray(self.matrix[np.ix_(order, order)])

    def describe(self) -> dict[str, Any]:
        """All but the matrix, as JSON holds it."""
        return {
            "channels": self.channels,
            "sfreq_hz": self.sfreq_hz,
            "seconds": self.seconds,
            "correlations": self.correlations,
            "converged": self.converged,
        }

    @classmethod
    def described(cls, said: Mapping[str, Any], matrix: Float64) -> Calibration:
        """From what `describe` gave and the matrix.

        Raises
        ------
        KeyError, TypeError, ValueError, DataError
            Something is lacking or wrong.
        """
        return cls(
            channels=tuple(str(name) for name in said["channels"]),
            matrix=matrix,
            sfreq_hz=float(said["sfreq_hz"]),
            seconds=float(said["seconds"]),
            correlations=tuple(float(value) for value in said["correlations"]),
            converged=bool(said["converged"]),
        )

    def save(self, path: Path) -> None:
        """Write as .npz; either the whole file is there afterwards or the old one is untouched.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        meta = {"format": _FORMAT, **self.describe()}
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with partial.open("wb") as file:
                np.savez(file, meta=np.array(json.dumps(meta)), matrix=self.matrix)
            partial.replace(path)
        except OSError as err:
            raise DataError(f"cannot write calibration '{path}': {err.strerror or err}; choose another folder") from err
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Read a calibration written by `save`.

        Raises
        ------
        DataError
            Not there, not a calibration, or damaged.
        """
        try:
            with open_npz(path) as file:
                meta = parse_json(str(file["meta"][()]))
                matrix = file["matrix"]
            if meta["format"] != _FORMAT:
                raise ValueError(f"format {meta['format']!r}, wanted {_FORMAT!r}")
            return cls.described(meta, matrix)
        except OSError as err:
            raise DataError(f"cannot read calibration '{path}': {err.strerror or err}") from err
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as err:
            reason = " ".join(str(err).split()) or type(err).__name__
            raise DataError(f"'{path}' is no calibration ({reason}); make one with 'emostream calibrate'") from err


def fit_ica(
    samples_uv: NDArray[np.floating],
    sfreq_hz: float,
    names: Sequence[str],
    eog_names: Sequence[str] | None = None,
    *,
    config: EegConfig | None = None,
    model_names: Sequence[str] = MODEL_CHANNELS,
    correlation: float = 0.6,
) -> Calibration:
    """Fit an ICA to a calibration recording and fold the removal of eye components into one matrix.

    The recording goes through the live cleaning chain first. A component is an eye component where its 1-10 Hz part
    correlates with an EOG channel, with the difference of two, or with a frontal EEG channel; in the last case it must
    also be heavy-tailed, as blinks are and frontal rhythms are not. Channels that are bad for much of the recording
    are left as they are. Takes seconds: not for a thread that reads a stream.

    Parameters
    ----------
    samples_uv : (n_channels, n_times) float
        Raw µV, at least `MIN_CALIBRATION_S` of them clean; blinks wanted.
    sfreq_hz : float
    names : sequence of str
        Labels of the rows, as the source spells them.
    eog_names : sequence of str, optional
        Which of `names` are EOG channels; by default those labelled EOG, HEO or VEO.
    config : EegConfig, optional
        The one the live chain will run with.
    model_names : sequence of str
        The matrix is for those of them that are among `names`, in this order.
    correlation : float
        Absolute correlation from which a component is an eye component.

    Returns
    -------
    Calibration

    Raises
    ------
    DataError
        Too short or too disturbed, no EOG and no frontal channel, or an EOG name that is not among `names`.
    MontageError
        Too few of the model's channels.

    References
    ----------
    Hyvärinen (1999), "Fast and robust fixed-point algorithms for independent component analysis"; Jung et al. (2000),
    "Removing electroencephalographic artifacts by blind source separation".
    """
    config = config or EegConfig()
    eog_rows = _eog_rows(names, eog_names)
    labels = ["" if row in eog_rows else name for row, name in enumerate(names)]
    picked = ChannelMap.build(labels, model_names, config.min_channels)
    raw = np.asarray(samples_uv)[[*picked.rows, *eog_rows]]
    n_eeg = picked.n_present
    steady = _steady_channels(raw, sfreq_hz, config)
    kept = np.flatnonzero(steady[:n_eeg])
    cleaner = CausalCleaner(len(raw), sfreq_hz, config)
    block = cleaner.process(raw)
    usable = ~block.bad[steady].any(axis=0)
    seconds = float(np.count_nonzero(usable) / cleaner.sfreq_out_hz)
    if seconds < MIN_CALIBRATION_S or len(kept) < MIN_ICA_CHANNELS:
        raise DataError(
            f"calibration holds {seconds:.1f} s of clean signal on {len(kept)} good channels, at least "
            f"{MIN_CALIBRATION_S:g} s on {MIN_ICA_CHANNELS} wanted; check the electrodes, record a minute with blinks"
        )
    clean = block.samples_uv[:, usable]
    eog, frontal = _eye_rows(steady, picked.present_names)
    removal = find_eye_components(
        clean[kept], cleaner.sfreq_out_hz, clean[eog], clean[frontal], correlation=correlation
    )
    matrix = np.eye(n_eeg)
    matrix[np.ix_(kept, kept)] -= removal.matrix
    return Calibration(picked.present_names, matrix, sfreq_hz, seconds, removal.correlations, removal.converged)


def shows_eyes(names: Sequence[str]) -> bool:
    """Whether a headset has an EOG or a frontal channel, by which `fit_ica` finds the eyes."""
    return any(is_eog(name) or canonical_name(name) in _FRONTAL for name in names)


def _eog_rows(names: Sequence[str], eog_names: Sequence[str] | None) -> list[int]:
    if eog_names is None:
        return [row for row, name in enumerate(names) if is_eog(name)]
    unknown = [name for name in eog_names if name not in names]
    if unknown:
        raise DataError(f"no channel {name_list(unknown)} in the calibration recording; it has {name_list(names)}")
    return [list(names).index(name) for name in eog_names]


def _steady_channels(raw: NDArray[np.floating], sfreq_hz: float, config: EegConfig) -> Bool:
    """(n_channels,) True where few seconds of a recording are flat, railed, noisy or not finite."""
    monitor = QualityMonitor(len(raw), sfreq_hz, config)
    second = max(1, int(sfreq_hz))
    ignored = ~np.uint8(Quality.MAINS)
    flags = [monitor.push(raw[:, start : start + second]) & ignored for start in range(0, raw.shape[1], second)]
    return np.mean(np.array(flags) != 0, axis=0) <= _MAX_BAD_SECONDS if flags else np.zeros(len(raw), dtype=np.bool_)


def _eye_rows(steady: Bool, names: Sequence[str]) -> tuple[list[int], list[int]]:
    """Rows of the good EOG channels, which follow the EEG channels `names`, and of the good frontal ones."""
    eog = [row for row in range(len(names), len(steady)) if steady[row]]
    frontal = [row for row, name in enumerate(names) if name in _FRONTAL and steady[row]]
    if not eog and not frontal:
        raise DataError(
            f"no EOG and no good frontal channel ({name_list(_FRONTAL)}) to find blinks by among {name_list(names)}; "
            f"run without a calibration"
        )
    return eog, frontal
