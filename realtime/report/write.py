"""`write_report`: the analysis folder -> `report.html`. Nothing heavy is loaded before it is called."""

from __future__ import annotations

import os
from pathlib import Path

REPORT = "report.html"
_MODE = 0o600


def write_report(folder: Path, *, annotations: Path | None = None, faces: bool = True) -> Path:
    """Write the report of an analysis: one HTML file that needs no other and asks nothing of the network.

    Parameters
    ----------
    folder : Path
        What `emostream analyze` wrote; only files of this folder are read.
    annotations : Path, optional
        A coder's review of the movements (`<stem>_annotations.tsv`): what was accepted, rejected or added is marked.
    faces : bool
        Show the pictures of the face. Without them the report still shows where the face moved.

    Returns
    -------
    Path
        `report.html` in that folder, readable by its owner only; whole or not written at all.

    Raises
    ------
    DataError
        The folder is no analysis, a table of it cannot be read, or the report cannot be written.
    """
    from realtime.errors import DataError
    from realtime.report.folder import read_analysis
    from realtime.report.page import render_page
    from realtime.report.review import read_review

    analysis = read_analysis(folder)
    page = render_page(analysis, None if annotations is None else read_review(annotations), faces=faces)
    path = folder / REPORT
    temporary = path.with_name(f".{REPORT}.{os.getpid()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w", encoding="utf-8") as file:
            file.write(page)
        temporary.replace(path)
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err.strerror or err}; choose another folder") from err
    finally:
        temporary.unlink(missing_ok=True)
    return path
