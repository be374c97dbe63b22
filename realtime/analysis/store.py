"""Tables that grow a row at a time and never stay in memory: Parquet in row groups, and the same as CSV beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from realtime.errors import DataError

_ROWS = 2_000

Column = tuple[str, str]
"""Name and type, 'float64', 'float32', 'int32' or 'string'."""


class Table:
    """A table being written to `<folder>/<name>.parquet` and `.csv`; a context manager.

    Parameters
    ----------
    folder : Path
    name : str
    columns : sequence of (name, type)

    Raises
    ------
    DataError
        It cannot be written.
    """

    def __init__(self, folder: Path, name: str, columns: Sequence[Column]) -> None:
        import pyarrow
        from pyarrow import csv, parquet

        self._schema = pyarrow.schema([(column, getattr(pyarrow, kind)()) for column, kind in columns])
        self._rows: list[Mapping[str, Any]] = []
        self._path = folder / f"{name}.parquet"
        try:
            self._parquet = parquet.ParquetWriter(self._path, self._schema, compression="zstd")
            self._csv = csv.CSVWriter(
                self._path.with_suffix(".csv"), self._schema, write_options=csv.WriteOptions(quoting_style="needed")
            )
        except OSError as err:
            raise self._unwritable(err) from err
        self.rows = 0
        """Rows so far."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take a row; what it does not name is empty.

        Raises
        ------
        DataError
            The disk is full.
        """
        self._rows.append(row)
        self.rows += 1
        if len(self._rows) == _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is left. A second call does nothing."""
        try:
            self._flush()
        finally:
            self._parquet.close()
            self._csv.close()

    def _flush(self) -> None:
        import pyarrow

        if not self._rows:
            return
        rows, self._rows = self._rows, []
        table = pyarrow.Table.from_pylist(list(map(dict, rows)), schema=self._schema)
        try:
            self._parquet.write_table(table)
            self._csv.write_table(table)
        except OSError as err:
            raise self._unwritable(err) from err

    def _unwritable(self, err: OSError) -> DataError:
        return DataError(f"cannot write '{self._path.name}': {err.strerror or err}; free space or choose another --out")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
