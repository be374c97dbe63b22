"""The analysis folder, read and checked: what the report knows."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from realtime.errors import DataError
from realtime.npz_file import open_npz, read_npy
from realtime.packets import Float32, Float64
from realtime.report.facts import FORMAT, Facts
from realtime.untrusted import read_json

Table = Mapping[str, NDArray]
_SMALLEST_PX, _LARGEST_PX = 16, 1024
_MOST_JSON_BYTES = 64 * 2**20
_UNPACKED_BYTES, _MOST_TIMES = 64 * 2**20, 100


@dataclass(frozen=True, slots=True)
class Spectrogram:
    """`times_s` (n,) ends of windows of 2 s, `freqs_hz` (f,), `log_power` (n, f) log10 µV²/Hz of good channels."""

    times_s: Float64
    freqs_hz: Float64
    log_power: Float32


@dataclass(frozen=True, slots=True)
class FoundMovement:
    """A candidate of the spotter as the table has it; times in s of the session."""

    number: int
    onset_s: float
    apex_s: float
    offset_s: float
    decided_s: float
    kind: str
    score: float
    regions: tuple[str, ...]
    trial: str
    label: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """One analysis folder; a table is None where the analysis had nothing to put in it.

    Parameters
    ----------
    folder : Path
    facts : Facts
        `analysis.json`.
    summary : mapping
        `summary.json`.
    predictions, band_power, quality, face : mapping of column -> array, or None
    movements : tuple of FoundMovement
    spectrogram : Spectrogram or None
    """

    folder: Path
    facts: Facts
    summary: Mapping[str, Any]
    predictions: Table | None
    movements: tuple[FoundMovement, ...]
    band_power: Table | None
    quality: Table | None
    face: Table | None
    spectrogram: Spectrogram | None

    @property
    def has_eeg(self) -> bool:
        """Whether EEG was analysed."""
        return self.summary.get("eeg") is not None

    @property
    def has_video(self) -> bool:
        """Whether video was analysed."""
        return self.summary.get("video") is not None

    def picture(self, number: int, which: str) -> Path:
        """Where the picture of a movement is: 'onset' or 'apex'."""
        return self.folder / "movements" / f"movement-{number:03d}_{which}.png"

    def flow(self, number: int) -> Path:
        """Where the flow of a movement is."""
        return self.folder / "movements" / f"movement-{number:03d}_flow.npy"


def read_analysis(folder: Path) -> Analysis:
    """Read an analysis folder.

    Raises
    ------
    DataError
        `analysis.json` or `summary.json` is missing or wrong, or a table cannot be read.
    """
    facts = _read_facts(folder)
    summary = _read_json(folder / "summary.json")
    return Analysis(
        folder=folder,
        facts=facts,
        summary=summary,
        predictions=_table(folder / "predictions.parquet", ("time_s", "confidence", "evidence")),
        movements=_read_movements(folder / "movements.parquet"),
        band_power=_table(folder / "band_power.parquet", ("time_s",)),
        quality=_table(folder / "quality.parquet", ("time_s",)),
        face=_table(folder / "face.parquet", ("time_s", "face_share")),
        spectrogram=_read_spectrogram(folder / "spectrogram.npz"),
    )


def _read_facts(folder: Path) -> Facts:
    path = folder / "analysis.json"
    if not path.is_file():
        raise DataError(f"no analysis in '{folder}': it has no analysis.json; make one with 'emostream analyze'")
    found = _read_json(path)
    if found.get("format") != FORMAT:
        raise DataError(f"'{path}' has format {found.get('format')!r}, wanted '{FORMAT}'; analyse the recording again")
    try:
        return Facts.model_validate(found)
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise DataError(f"'{path}': {key}: {first['msg']}; analyse the recording again") from err


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path, _MOST_JSON_BYTES)
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read '{path}': {err}; analyse the recording again") from err
    if not isinstance(found, dict):
        raise DataError(f"'{path}' holds no JSON object; analyse the recording again")
    return found


def _table(path: Path, wanted: tuple[str, ...]) -> Table | None:
    """Columns of a Parquet file; None where there is no such file or no row in it."""
    if not path.is_file():
        return None
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            size, said = path.stat().st_size, file.metadata
            # a column of one value packs a thousand million rows into a few bytes
            if 8 * said.num_rows * said.num_columns > _UNPACKED_BYTES + _MOST_TIMES * size:
                raise ValueError(f"its {size} bytes say {said.num_rows} rows of {said.num_columns} columns")
            table = file.read()
        columns = {name: table.column(name).to_numpy() for name in table.column_names}
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as err:
        raise DataError(f"cannot read '{path}': {' '.join(str(err).split())}; analyse the recording again") from err
    if missing := [name for name in wanted if name not in columns]:
        raise DataError(
            f"'{path}' has no column '{missing[0]}'; found: {', '.join(table.column_names[:8])}; analyse again"
        )
    return columns if table.num_rows else None


def _read_movements(path: Path) -> tuple[FoundMovement, ...]:
    wanted = ("number", "onset_s", "apex_s", "offset_s", "decided_s", "kind", "score", "regions", "trial", "label")
    table = _table(path, wanted)
    if table is None:
        return ()
    try:
        return tuple(_movement({name: table[name][row] for name in wanted}) for row in range(len(table["number"])))
    except (TypeError, ValueError) as err:
        raise DataError(f"'{path}': {err}; analyse the recording again") from err


def _movement(row: Mapping[str, Any]) -> FoundMovement:
    return FoundMovement(
        number=int(row["number"]),
        onset_s=float(row["onset_s"]),
        apex_s=float(row["apex_s"]),
        offset_s=float(row["offset_s"]),
        decided_s=float(row["decided_s"]),
        kind=_text(row["kind"]),
        score=float(row["score"]),
        regions=tuple(part for part in _text(row["regions"]).split("+") if part),
        trial=_text(row["trial"]),
        label=_text(row["label"]),
    )


def _text(cell: object) -> str:
    """A cell as text: '' where it is empty, and whole numbers without a fraction."""
    if cell is None or (isinstance(cell, float | np.floating) and not np.isfinite(cell)):
        return ""
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def _read_spectrogram(path: Path) -> Spectrogram | None:
    if not path.is_file():
        return None
    try:
        with open_npz(path) as found:
            times_s, freqs_hz, log_power = (found[name] for name in ("times_s", "freqs_hz", "log_power"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as err:
        raise DataError(f"cannot read '{path}': {err}; analyse the recording again") from err
    if log_power.shape != (times_s.size, freqs_hz.size):
        raise DataError(f"'{path}': log_power is {log_power.shape}, wanted {(times_s.size, freqs_hz.size)}")
    return Spectrogram(times_s, freqs_hz, log_power) if log_power.size else None


def read_flow(path: Path) -> Float32 | None:
    """The flow of a movement, (height, width, 2) float32 px; None where there is no such file.

    Raises
    ------
    DataError
        Not a flow field.
    """
    if not path.is_file():
        return None
    try:
        flow = read_npy(path)
    except (OSError, ValueError, EOFError) as err:
        raise DataError(f"cannot read '{path}': {err}; analyse the recording again") from err
    sides = flow.shape[:2]
    if flow.dtype.kind != "f" or flow.ndim != 3 or flow.shape[2] != 2:
        raise DataError(f"'{path}' is {flow.shape} of {flow.dtype}, wanted (256, 256, 2) float; analyse again")
    if not _SMALLEST_PX <= min(sides) <= max(sides) <= _LARGEST_PX:
        raise DataError(f"'{path}' has shape {flow.shape}, wanted (256, 256, 2); analyse the recording again")
    return np.nan_to_num(flow.astype(np.float32))
