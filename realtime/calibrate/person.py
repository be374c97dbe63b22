"""What a calibration learns of a person, and the file it is kept in."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.calibrate.baseline import Baseline
from realtime.eeg.calibration import Calibration
from realtime.errors import DataError
from realtime.face.noise import LearnedNoise
from realtime.face.regions import REGIONS
from realtime.face.spotter import FaceNoise
from realtime.npz_file import open_npz
from realtime.untrusted import parse_json

_FORMAT = "emostream-calibration-2"
_MOST_SAMPLES = 100_000


@dataclass(frozen=True, slots=True)
class PersonCalibration:
    """One participant, headset, camera and light.

    Parameters
    ----------
    eeg : Calibration, optional
        The spatial matrix that takes the eyes out.
    baseline : Baseline, optional
        Log band power at rest.
    face : FaceNoise, optional
        What the spotter takes for noise.
    report : mapping
        What was found, for people to read: see `realtime.calibrate.report`.
    """

    eeg: Calibration | None = None
    baseline: Baseline | None = None
    face: FaceNoise | None = None
    report: dict[str, Any] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write as .npz, readable by its owner alone; the whole file or none of it.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        meta: dict[str, Any] = {"format": _FORMAT, "report": self.report}
        arrays: dict[str, NDArray] = {}
        if self.eeg is not None:
            meta["eeg"], arrays["matrix"] = self.eeg.describe(), self.eeg.matrix
        if self.baseline is not None:
            b = self.baseline
            meta["baseline"] = {"channels": b.channels, "bands": b.bands, "windows": b.windows}
            arrays |= {"baseline_mean": b.mean, "baseline_sd": b.sd}
        if self.face is not None:
            motion, returned = self.face.motion, self.face.returned
            meta["face"] = {"regions": REGIONS, "seconds": motion.seconds, "returned_seconds": returned.seconds}
            arrays |= {"motion_px": motion.sizes_px, "returned_px": returned.sizes_px}
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
            partial.replace(path)
        except OSError as err:
            raise DataError(f"cannot write calibration '{path}': {err.strerror or err}; choose another folder") from err
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> PersonCalibration:
        """Read what `save` wrote, or what `Calibration.save` did.

        Raises
        ------
        DataError
            Not there, not a calibration, or damaged.
        """
        try:
            with open_npz(path, most_times=0) as file:
                meta = parse_json(str(file["meta"][()]))
                if meta["format"] != _FORMAT:
                    return cls(eeg=Calibration.load(path))
                return cls(_eeg(meta, file), _baseline(meta, file), _face(meta, file), dict(meta["report"]))
        except OSError as err:
            raise DataError(f"cannot read calibration '{path}': {err.strerror or err}") from err
        except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as err:
            reason = " ".join(str(err).split()) or type(err).__name__
            raise DataError(f"'{path}' is no calibration ({reason}); make one with 'emostream calibrate'") from err


def _eeg(meta: dict[str, Any], file: Any) -> Calibration | None:
    return Calibration.described(meta["eeg"], file["matrix"]) if "eeg" in meta else None


def _baseline(meta: dict[str, Any], file: Any) -> Baseline | None:
    if (said := meta.get("baseline")) is None:
        return None
    names = tuple(str(name) for name in said["channels"]), tuple(str(name) for name in said["bands"])
    return Baseline(*names, file["baseline_mean"], file["baseline_sd"], int(said["windows"]))


def _face(meta: dict[str, Any], file: Any) -> FaceNoise | None:
    if (said := meta.get("face")) is None:
        return None
    if tuple(said["regions"]) != REGIONS:
        raise ValueError("its facial regions are not those of this version: calibrate again")
    learnt = []
    for name, seconds in (("motion_px", said["seconds"]), ("returned_px", said["returned_seconds"])):
        sizes = np.asarray(file[name], np.float32)
        if sizes.ndim != 2 or sizes.shape[1] != len(REGIONS) or len(sizes) > _MOST_SAMPLES:
            raise ValueError(f"its {name} are {sizes.shape}, wanted (n, {len(REGIONS)})")
        if not (np.isfinite(sizes).all() and (sizes >= 0).all() and 0 <= float(seconds) < 1e6):
            raise ValueError(f"its {name} are not all finite and positive")
        learnt.append(LearnedNoise(sizes, float(seconds)))
    return FaceNoise(*learnt)
