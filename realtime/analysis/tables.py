"""Sinks that write an engine's results into the analysis folder as they come, in bounded memory."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from realtime.analysis.store import Column, Table
from realtime.analysis.timeline import Span
from realtime.errors import DataError
from realtime.face.regions import REGIONS
from realtime.interfaces import RecognizerSpec
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegInfo,
    FaceObservation,
    MicroMovement,
    Prediction,
    Result,
)

MOST_PICTURES = 2_000
"""Movements beyond this many are in the table without pictures (0.4 MB each)."""

TrialAt = Callable[[float], Span | None]


class Tables:
    """All tables of an analysis; a context manager and a `realtime.interfaces.Sink`.

    Parameters
    ----------
    folder : Path
    spec : RecognizerSpec
    eeg : EegInfo or None
    has_video : bool
    trial_at : callable
        The trial that is on at a time.
    """

    def __init__(
        self, folder: Path, spec: RecognizerSpec, eeg: EegInfo | None, *, has_video: bool, trial_at: TrialAt
    ) -> None:
        self._open = ExitStack()

        def table(name: str, columns: Sequence[Column]) -> Table:
            return self._open.enter_context(Table(folder, name, columns))

        self._classes = spec.classes
        self._predictions = table("predictions", _prediction_columns(spec.classes))
        self._band_power = self._quality = self._face = self._movements = None
        if eeg is not None:
            names = [f"{channel}_{band}" for channel in spec.channels for band, _, _ in spec.bands]
            self._band_power = _BandPowerSeconds(
                table("band_power", _timed(names, "float32")), names, len(spec.channels)
            )
            self._quality = QualitySeconds(table("quality", _timed(eeg.channels, "int32")), eeg.channels)
        if has_video:
            names = [f"motion_{region}" for region in REGIONS]
            self._face = _FaceSeconds(table("face", _timed(["face_share", *names], "float32")), names)
            self._movements = _Movements(folder, table("movements", _MOVEMENT_COLUMNS), trial_at)

    @property
    def bad_share(self) -> dict[str, float]:
        """Share of the quality reports in which a channel was not good, by channel."""
        return self._quality.bad_share if self._quality else {}

    @property
    def blinks_and_gaze_shifts(self) -> int | None:
        """How many began; None without video."""
        return self._face.eye_episodes if self._face else None

    @property
    def without_pictures(self) -> int:
        """Movements beyond `MOST_PICTURES`."""
        return self._movements.without_pictures if self._movements else 0

    def write(self, result: Result) -> None:
        """Take one result."""
        match result:
            case Prediction():
                self._predictions.add(_prediction_row(result, self._classes))
            case BandPowerWindow():
                if self._band_power:
                    self._band_power.take(result.end_s, result)
            case ChannelQuality():
                if self._quality:
                    self._quality.take(result.stamp, result)
            case FaceObservation():
                if self._face:
                    self._face.take(result.stamp, result)
            case MicroMovement():
                if self._movements:
                    self._movements.write(result)

    def close(self) -> None:
        """Write the last seconds and close the files."""
        with self._open:
            for seconds in (self._band_power, self._quality, self._face):
                if seconds:
                    seconds.finish()

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _timed(names: Sequence[str], kind: str) -> list[Column]:
    columns: list[Column] = [("time_s", "float64")]
    columns += [(name, kind) for name in names]
    return columns


def _prediction_columns(classes: Sequence[str]) -> list[Column]:
    columns: list[Column] = [("time_s", "float64"), ("confidence", "float32"), ("evidence", "int32")]
    columns += [("used_eeg", "int32"), ("used_face", "int32")]
    for kind in ("p", "eeg", "face"):
        columns += [(f"{kind}_{name}", "float32") for name in classes]
    return columns


def _prediction_row(prediction: Prediction, classes: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "time_s": prediction.stamp,
        "confidence": prediction.confidence,
        "evidence": int(prediction.evidence),
        "used_eeg": int("eeg" in prediction.modalities),
        "used_face": int("face" in prediction.modalities),
    }
    for kind, values in (("p", prediction.probabilities), *prediction.by_modality.items()):
        row |= {f"{kind}_{name}": value for name, value in zip(classes, values.tolist(), strict=True)}
    return row


class _Seconds(ABC):
    """Gathers what falls into one second and writes it as a row, stamped with the second's beginning."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._second: int | None = None

    def take(self, stamp: float, item: Any) -> None:
        second = math.floor(stamp)
        if self._second is not None and second != self._second:
            self.finish()
        self._second = second
        self._gather(item)

    def finish(self) -> None:
        """Write the second that is gathered now."""
        if self._second is not None:
            self._table.add({"time_s": float(self._second), **self._row()})
            self._second = None

    @abstractmethod
    def _gather(self, item: Any) -> None:
        """Take an item of this second in."""

    @abstractmethod
    def _row(self) -> dict[str, Any]:
        """The row, and an empty second to begin with."""


class _BandPowerSeconds(_Seconds):
    """Mean of the windows that end in a second; NaN where a channel was never good in it."""

    def __init__(self, table: Table, names: Sequence[str], n_channels: int) -> None:
        super().__init__(table)
        self._names = names
        self._sum = np.zeros((n_channels, len(names) // n_channels))
        self._n = np.zeros((n_channels, 1))

    def _gather(self, item: BandPowerWindow) -> None:
        good = item.mask[:, None]
        np.add(self._sum, item.log_power, out=self._sum, where=good)
        self._n += good

    def _row(self) -> dict[str, Any]:
        with np.errstate(invalid="ignore"):
            values = self._sum / self._n
        self._sum[:] = self._n[:] = 0.0
        return dict(zip(self._names, values.ravel().tolist(), strict=True))


class QualitySeconds(_Seconds):
    """Flags of a second, all that were raised in it."""

    def __init__(self, table: Table, channels: Sequence[str]) -> None:
        super().__init__(table)
        self._channels = channels
        self._flags = np.zeros(len(channels), np.uint8)
        self._bad = np.zeros(len(channels), np.int64)
        self._reports = 0

    @property
    def bad_share(self) -> dict[str, float]:
        """Share of the reports in which a channel was not good; empty before the first."""
        if not self._reports:
            return {}
        return dict(zip(self._channels, (self._bad / self._reports).tolist(), strict=True))

    def _gather(self, item: ChannelQuality) -> None:
        self._flags |= item.flags
        self._bad += item.flags != 0
        self._reports += 1

    def _row(self) -> dict[str, Any]:
        row = dict(zip(self._channels, self._flags.tolist(), strict=True))
        self._flags[:] = 0
        return row


class _FaceSeconds(_Seconds):
    """Share of the frames with a face, and each region's greatest motion, in a second; counts what the eyes do."""

    def __init__(self, table: Table, names: Sequence[str]) -> None:
        super().__init__(table)
        self._names = names
        self._frames = self._faces = 0
        self._most = np.full(len(names), np.nan)
        self._eyes_busy = False
        self.eye_episodes = 0
        """Blinks and gaze shifts that began."""

    def _gather(self, item: FaceObservation) -> None:
        self._frames += 1
        self._faces += item.score > 0
        if item.region_motion is not None:
            self._most = np.fmax(self._most, item.region_motion)
            self.eye_episodes += item.eyes_busy and not self._eyes_busy
            self._eyes_busy = item.eyes_busy

    def _row(self) -> dict[str, Any]:
        row = {"face_share": self._faces / self._frames, **dict(zip(self._names, self._most.tolist(), strict=True))}
        self._frames = self._faces = 0
        self._most[:] = np.nan
        return row


_MOVEMENT_COLUMNS: list[Column] = [
    ("number", "int32"),
    ("onset_s", "float64"),
    ("apex_s", "float64"),
    ("offset_s", "float64"),
    ("decided_s", "float64"),
    ("kind", "string"),
    ("score", "float32"),
    ("regions", "string"),
    ("trial", "int32"),
    ("label", "string"),
]


class _Movements:
    """Rows and pictures of the movements found."""

    def __init__(self, folder: Path, table: Table, trial_at: TrialAt) -> None:
        self._folder = folder / "movements"
        self._table = table
        self._trial_at = trial_at
        self.without_pictures = 0

    def write(self, movement: MicroMovement) -> None:
        trial = self._trial_at(movement.apex_s)
        number = self._table.rows + 1
        self._table.add(
            {
                "number": number,
                "onset_s": movement.onset_s,
                "apex_s": movement.apex_s,
                "offset_s": movement.offset_s,
                "decided_s": movement.decided_s,
                "kind": movement.kind,
                "score": movement.score,
                "regions": "+".join(movement.regions),
                "trial": trial.trial if trial else None,
                "label": trial.label if trial else "",
            }
        )
        if number > MOST_PICTURES:
            self.without_pictures += 1
            return
        self._save(number, movement)

    def _save(self, number: int, movement: MicroMovement) -> None:
        from realtime.face._cv import cv2

        self._folder.mkdir(exist_ok=True)
        stem = self._folder / f"movement-{number:03d}"
        for name, picture in (("onset", movement.onset_crop), ("apex", movement.apex_crop)):
            if not cv2.imwrite(f"{stem}_{name}.png", picture):
                raise DataError(f"cannot write '{stem.name}_{name}.png': free space or choose another --out")
        np.save(f"{stem}_flow.npy", movement.flow.astype(np.float16))
