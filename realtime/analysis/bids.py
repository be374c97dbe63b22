"""A recorded session's EEG and self reports as BIDS raw data, beside the originals in sourcedata."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.analysis.eeg_copy import quiet, refusing_disk
from realtime.analysis.out import Place
from realtime.analysis.timeline import SelfReport
from realtime.errors import DataError
from realtime.session.folder import BIDS_VERSION, FILE_MODE, make_private_folder, write_new
from realtime.session.metadata import software_versions
from realtime.session.run import Run

if TYPE_CHECKING:
    import mne

_REPORT_COLUMNS: dict[str, str] = {
    "trial": "number of the trial the report is about",
    "time_s": "when it was given, s from the first EEG sample, without EEG from the first frame",
    "emotion": "what was felt, in the participant's words or choice",
    "intensity": "how strong it was, as the playlist scales it",
    "arousal": "how aroused, as the playlist scales it",
    "valence": "how pleasant, as the playlist scales it",
    "hidden": "how well it was hidden, as the playlist scales it",
}


def write_bids(
    root: Path, run: Run, raw: mne.io.BaseRaw | None, reports: Sequence[SelfReport], *, simulated: bool
) -> list[Path]:
    """Write <root>/sub-xx/ses-yy/eeg and beh; what is there already stays, and the new files appear at once or not.

    Parameters
    ----------
    root : Path
        The recordings root, a BIDS dataset.
    run : Run
    raw : mne.io.BaseRaw or None
        BrainVision on disk, as `realtime.analysis.eeg_copy` leaves it; None for the self reports alone.
    reports : sequence of SelfReport
    simulated : bool
        Whether the person does not exist.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ConfigurationError
        A library is missing.
    DataError
        The disk refuses it, or a file's name is none of BIDS'.
    """
    part = root / f".bids.{os.getpid()}.part"
    with refusing_disk():
        try:
            make_private_folder(part, inside=root)
            if raw is not None:
                _write_eeg(part, run, raw, simulated)
            if reports:
                _write_reports(part, run, reports)
            return _move_in(part, root)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def describe_derivatives(place: Place) -> None:
    """Write the description that BIDS wants of derivatives, of those of the analyses, where there is none yet.

    Raises
    ------
    ConfigurationError, DataError
        It cannot be written.
    """
    folder = place.root / place.run.derivatives.parents[2]
    description = {
        "Name": "emostream analyses",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "emostream", "Version": software_versions().get("emostream", "n/a")}],
        "SourceDatasets": [{"URL": "../.."}],
    }
    make_private_folder(folder, inside=place.root)
    path = folder / "dataset_description.json"
    try:
        write_new(path, (json.dumps(description, indent=2) + "\n").encode())
    except FileExistsError:
        return
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err.strerror or err}; free space") from err


def is_there(root: Path, run: Run) -> bool:
    """Whether the run's EEG is in the dataset already."""
    return any((root / f"sub-{run.subject}" / f"ses-{run.session}" / "eeg").glob(f"{run.stem}_eeg.*"))


def _write_eeg(part: Path, run: Run, raw: mne.io.BaseRaw, simulated: bool) -> None:
    from mne_bids import BIDSPath, update_sidecar_json, write_raw_bids

    where = BIDSPath(
        root=part,
        subject=run.subject,
        session=run.session,
        task=run.task,
        run=f"{run.run:02d}",
        datatype="eeg",
        suffix="eeg",
    )
    with quiet():
        write_raw_bids(raw, where, format="auto", overwrite=False, verbose="ERROR")
        # BrainVision is the format of the copy and not the maker of the headset
        told = {"Manufacturer": "n/a", "Simulated": simulated}
        update_sidecar_json(where.copy().update(extension=".json"), told, verbose="ERROR")


def _write_reports(part: Path, run: Run, reports: Sequence[SelfReport]) -> None:
    folder = part / f"sub-{run.subject}" / f"ses-{run.session}" / "beh"
    folder.mkdir(parents=True)
    others = {name: "as the playlist asks and scales it" for report in reports for name in report.others}
    columns = _REPORT_COLUMNS | {name: about for name, about in others.items() if name not in _REPORT_COLUMNS}
    rows = [report.others | {name: getattr(report, name) for name in _REPORT_COLUMNS} for report in reports]
    lines = ["\t".join(columns), *("\t".join(_cell(row.get(name)) for name in columns) for row in rows)]
    (folder / f"{run.stem}_beh.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    told = {name: {"Description": about} for name, about in columns.items()}
    (folder / f"{run.stem}_beh.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def _cell(value: object) -> str:
    return "n/a" if value is None or value == "" else " ".join(str(value).split())


def _move_in(part: Path, root: Path) -> list[Path]:
    """Take the files of the subject over; those of the whole dataset are the recorder's."""
    from bids_validator import BIDSValidator

    validator = BIDSValidator()
    moved: list[Path] = []
    files = sorted(file for file in part.glob("sub-*/**/*") if file.is_file() and file.parent.name in ("eeg", "beh"))
    for file in files:
        name = file.relative_to(part)
        if not validator.is_bids(f"/{name.as_posix()}"):
            raise DataError(f"'{name}' is no name of a BIDS file: rename subject, session or task")
        target = root / name
        if target.exists():
            continue  # electrode places of the same session are those of its first run
        make_private_folder(target.parent, inside=root)
        file.chmod(FILE_MODE)
        file.rename(target)
        moved.append(target)
    return moved
