"""The tuning bench: a folder of clips in; a table, JSON and figures out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.spotting.clips import find_clips, is_simulated
from benchmarks.spotting.examine import ClipResult, examine
from benchmarks.spotting.folder import ReportFolder
from realtime.errors import DataError

Work = Callable[..., ClipResult]
"""Examines one clip; takes `baselines` and `pictures`."""


@dataclass(frozen=True, slots=True)
class SpottingBench:
    """One run.

    Parameters
    ----------
    clips : Path or None
        Folder of videos; None renders simulated people nobody tuned on.
    summary : Path or None
        JSON.
    out : Path or None
        Folder of the figures; None is `spotting-report` beside the summary, or in the folder we are in.
    seconds : float or None
        Length of a simulated clip.
    jobs : int
        Processes; -1 is one a core.
    baselines : bool
        The published rules too.
    """

    clips: Path | None = None
    summary: Path | None = None
    out: Path | None = None
    seconds: float | None = None
    jobs: int = -1
    baselines: bool = True

    def run(self) -> int:
        """Do it; returns the exit code: 4 where a clip could not be read.

        Raises
        ------
        DataError
            No folder, no video in it, or nothing can be written.
        ConfigurationError
            The figures' folder is a file, lies nowhere, or holds what is not ours.
        """
        folder = ReportFolder(self._report_folder())
        if self.clips is not None:
            work = [partial(examine, clip) for clip in find_clips(self.clips)]
            return self._score(work, folder, simulated=is_simulated(self.clips))
        from benchmarks.spotting.simulated import held_out_clips

        return self._score([clip.examine for clip in held_out_clips(self.seconds)], folder, simulated=True)

    def _report_folder(self) -> Path:
        if self.out is not None:
            return self.out
        return (self.summary.parent if self.summary is not None else Path()) / "spotting-report"

    def _score(self, work: Sequence[Work], folder: ReportFolder, *, simulated: bool) -> int:
        from rich.console import Console

        from benchmarks.spotting.figures import write_figures
        from benchmarks.spotting.report import summarise
        from benchmarks.spotting.tables import tables
        from realtime.output import write_json

        results = self._examined(work)
        summary = summarise(results, simulated=simulated)
        Console(width=None if sys.stdout.isatty() else 150).print(tables(summary))
        with folder:
            write_figures(results, folder, simulated=simulated)
        print(f"{len(folder.names)} figures in '{folder.folder}'")
        if self.summary is not None:
            write_json(self.summary, summary | {"figures": [str(folder.folder / name) for name in folder.names]})
        bad = [r for r in results if r.error is not None]
        for result in bad:
            print(f"benchmarks: {result.name}: {result.error}", file=sys.stderr)
        return DataError.exit_code if bad else 0

    def _examined(self, work: Sequence[Work]) -> list[ClipResult]:
        from joblib import Parallel, delayed
        from tqdm import tqdm

        jobs = min(self.jobs, len(work)) if self.jobs > 0 else self.jobs
        calls = (delayed(call)(baselines=self.baselines, pictures=True) for call in work)
        # no more is begun than there are processes: what is done is kept small, what is read is not
        done = Parallel(n_jobs=jobs, return_as="generator", pre_dispatch="n_jobs")(calls)
        return [result for result in tqdm(done, total=len(work), unit="clip", disable=None) if result is not None]
