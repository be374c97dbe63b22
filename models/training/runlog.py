"""What a training tells while it runs: a progress bar, a table in the run folder, TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from models.training.epochs import EpochReport, Progress
from models.views import VIEWS
from realtime.errors import ConfigurationError, DataError

METRICS_FILE = "metrics.csv"
_COLUMNS = ("epoch", "train_loss", "validation_loss", *(f"uf1_{view}" for view in VIEWS), "best", "seconds", "data_s")


class RunLog:
    """Keeps `metrics.csv` in a run folder and, where asked, writes the same figures for TensorBoard.

    The table is written anew from the whole history after each epoch, complete or not at all: it always agrees with
    the state beside it, however often a training was killed and resumed. Use as a context manager.

    Parameters
    ----------
    folder : Path
    tensorboard : bool
        Write event files to `folder/tensorboard`.
    done : int
        Epochs that a resumed training already has.

    Raises
    ------
    ConfigurationError
        TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, *, tensorboard: bool = False, done: int = 0) -> None:
        self._folder = folder
        self._writer = _tensorboard_writer(folder / "tensorboard", done) if tensorboard else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, history: Sequence[EpochReport]) -> None:
        """Log the newest epoch of a history.

        Raises
        ------
        DataError
            The folder cannot be written to.
        """
        _write_text(self._folder / METRICS_FILE, metrics_table(history))
        if self._writer is not None:
            newest = history[-1]
            for name, value in zip(_COLUMNS[1:-3], _figures(newest)[1:-3], strict=True):
                self._writer.add_scalar(name.replace("_", "/", 1), value, newest.epoch)
            self._writer.flush()


def metrics_table(history: Sequence[EpochReport]) -> str:
    """One line an epoch as CSV, with a header; numbers so that reading them gives the same floats."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(_figures(report) for report in history)
    return text.getvalue()


@contextmanager
def epoch_bar(epochs: int, *, shown: bool = True) -> Iterator[Progress]:
    """A progress bar over epochs on stderr; a resumed training starts it where it goes on.

    Parameters
    ----------
    epochs : int
    shown : bool
        False in all processes of a training but the first.
    """
    with tqdm(total=epochs, desc="epochs", unit="epoch", disable=not shown) as bar:

        def report(epoch: EpochReport) -> None:
            bar.update(epoch.epoch - bar.n)
            bar.set_postfix({f"uf1 {view}": f"{value:.3f}" for view, value in epoch.uf1.items() if value == value})

        yield report


def _figures(report: EpochReport) -> list[Any]:
    uf1 = [report.uf1[view] for view in VIEWS]
    spent = [report.seconds, report.data_s]
    return [report.epoch, report.train_loss, report.validation_loss, *uf1, int(report.best), *spent]


def _tensorboard_writer(folder: Path, done: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as err:
        raise ConfigurationError(
            "--tensorboard needs the package 'tensorboard', which is not installed; "
            "pip install 'emostream[train]', or leave the option out: metrics.csv is written in any case"
        ) from err
    # what a killed run logged beyond its last saved epoch is hidden
    return SummaryWriter(str(folder), purge_step=done + 1 if done else None)


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err}; choose another run folder") from err
    finally:
        partial.unlink(missing_ok=True)
