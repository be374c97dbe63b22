"""The plain manifest's files: log band power, flow maps and aligned stills, a folder a subject."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from simulators.cohort_files import DECISION_S, CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.samples import SPEC, aligned_movements, log_power_at

_FLOW_PX = 96

Record = dict[str, Any]
"""A row of the manifest: column -> value."""


def write_features(options: CohortOptions, out: Path, *, jobs: int = 1) -> list[Record]:
    """Write every subject's feature files below `out`.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        An absolute folder.
    jobs : int
        Processes.

    Returns
    -------
    list of dict
        A row for each micro-movement; without `eeg` where the clip's marker was lost, without a face where the stills
        were. Paths are absolute.
    """
    parts = over_subjects(partial(_write_subject, out=out), options, jobs)
    return [row for part in parts for row in part]


def _write_subject(session: SimulatedSession, out: Path) -> list[Record]:
    folder = out / session.pseudonym
    folder.mkdir(parents=True)
    power = log_power_at(session, [movement.apex_s + DECISION_S for movement in session.micros])
    rows = []
    for windows, (movement, images) in zip(power, aligned_movements(session), strict=True):
        clip = session.clips[movement.trial]
        group = f"{session.pseudonym}_clip-{clip.number + 1:02d}"
        stem = f"{group}_movement-{movement.number + 1:02d}"
        row: Record = {"sample": stem, "subject": session.pseudonym, "group": group, "label": clip.emotion}
        if clip.has_eeg:
            row |= {"eeg": folder / f"{stem}_eeg.npy", "channels": SPEC.channels}
            np.save(row["eeg"], windows)
        if movement.has_stills and images is not None:
            row |= {name: folder / f"{stem}_{name}.png" for name in ("onset", "apex")} | {"aligned": True}
            cv2.imwrite(str(row["onset"]), images.onset_crop)
            cv2.imwrite(str(row["apex"]), images.apex_crop)
            row["flow"] = folder / f"{stem}_flow.npy"
            small = cv2.resize(images.flow, (_FLOW_PX, _FLOW_PX), interpolation=cv2.INTER_AREA)
            np.save(row["flow"], small.astype(np.float16))
        if "eeg" in row or "flow" in row:
            rows.append(row | {"simulated": True})
    return rows
