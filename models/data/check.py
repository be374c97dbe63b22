"""What is wrong with a data set, row by row, and what is in it: for people and as JSON."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.data.rows import Dataset, Problem
from models.data.survey import BuildOptions, survey
from models.scale_out import ScaleOut

if TYPE_CHECKING:
    from rich.console import RenderableType

FEW_SUBJECTS = 3
_SHOWN_ALIKE = 5


@dataclass(frozen=True, slots=True)
class Report:
    """A data set's content and problems.

    Parameters
    ----------
    name : str
    simulated : bool
    rows : int
        As the reader found them.
    usable : int
        Rows of which a sample can be made.
    subjects, groups : int
        Of the usable rows, as the following.
    modalities : dict of str -> int
        'eeg', 'face', 'both': rows with EEG alone, with a face alone, with both.
    classes : dict of str -> (rows, subjects)
    labels : dict of str -> int
        As the source calls them, of all rows.
    problems : tuple of Problem
    """

    name: str
    simulated: bool
    rows: int
    usable: int
    subjects: int
    groups: int
    modalities: dict[str, int]
    classes: dict[str, tuple[int, int]]
    labels: dict[str, int]
    problems: tuple[Problem, ...]

    @property
    def fatal(self) -> bool:
        """Whether nothing can be made of it."""
        return not self.usable or any(problem.kind == "fatal" for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        counts = Counter(problem.kind for problem in self.problems)
        return {
            "name": self.name,
            "simulated": self.simulated,
            "rows": self.rows,
            "usable": self.usable,
            "subjects": self.subjects,
            "groups": self.groups,
            "modalities": self.modalities,
            "classes": {name: {"rows": n, "subjects": people} for name, (n, people) in self.classes.items()},
            "labels": self.labels,
            "excluded": counts["excluded"],
            "kept_with_remark": counts["kept"],
            "fatal": counts["fatal"],
            "problems": [asdict(problem) for problem in self.problems],
        }

    def render(self, *, everything: bool = False) -> list[RenderableType]:
        """Tables for a `rich` console; of problems that say the same, a few, unless `everything` is wanted."""
        from rich.table import Table
        from rich.text import Text

        said = "simulated people only" if self.simulated else "not marked as simulated"
        counts = ", ".join(f"{name} {n}" for name, n in self.modalities.items())
        excluded = sum(problem.kind == "excluded" for problem in self.problems)
        head = (
            f"{self.name} ({said}): {self.rows} rows read, {self.usable} usable of {self.subjects} subjects in "
            f"{self.groups} groups ({counts}); {excluded} times something was excluded"
        )
        classes = Table("class", "rows", "subjects", title="usable rows of each class", title_justify="left")
        for name, (n, people) in self.classes.items():
            classes.add_row(name, str(n), str(people))
        if not self.problems:
            return [Text(head), classes, Text("no problems")]
        title = f"{len(self.problems)} problems"
        table = Table("where", "what", "", "problem", title=title, title_justify="left")
        for where, what, kind, message in _lines(self.problems, everything):
            table.add_row(Text(where), Text(what), Text(kind), Text(message))
        return [Text(head), classes, table]


def check_dataset(
    dataset: Dataset,
    options: BuildOptions | None = None,
    *,
    cache: Path | None = None,
    jobs: int = -1,
    scale: ScaleOut | None = None,
    progress: bool = True,
) -> Report:
    """Try every row as `build_samples` would, and tell what became of it.

    Features are computed and, with a `cache`, kept: a build after a check has nothing left to do.
    """
    where = scale or ScaleOut(jobs=jobs)
    found = survey(dataset, options or BuildOptions(), cache=cache, scale=where, progress=progress)
    usable = [(row, found.classes.names[label], part) for row, label, part in found.whole]
    modalities = {"both": 0, "eeg": 0, "face": 0}
    people: dict[str, set[str]] = defaultdict(set)
    for row, name, part in usable:
        people[name].add(row.subject)
        modalities["both" if part.eeg and part.face else "eeg" if part.eeg else "face"] += 1
    n_rows = Counter(name for _, name, _ in usable)
    classes = {name: (n_rows[name], len(people[name])) for name in found.classes.names}
    subjects = {row.subject for row, _, _ in usable}
    return Report(
        name=dataset.name,
        simulated=dataset.simulated,
        rows=len(dataset.rows),
        usable=len(usable),
        subjects=len(subjects),
        groups=len({(row.subject, row.group) for row, _, _ in usable}),
        modalities=modalities,
        classes=classes,
        labels=dict(sorted(Counter(row.label for row in dataset.rows).items())),
        problems=(*found.problems, *_about_classes(classes, [(row.subject, name) for row, name, _ in usable])),
    )


def _about_classes(classes: dict[str, tuple[int, int]], pairs: Sequence[tuple[str, str]]) -> list[Problem]:
    """What makes leave-one-subject-out weak or impossible."""
    remarks = []
    for name, (n, people) in classes.items():
        if not n:
            remarks.append(("label", f"no usable row of class '{name}'"))
        elif people < FEW_SUBJECTS:
            remarks.append(
                ("label", f"class '{name}' has {n} rows of {people} subjects; wanted {FEW_SUBJECTS} or more")
            )
    of_subject: dict[str, set[str]] = defaultdict(set)
    for subject, name in pairs:
        of_subject[subject].add(name)
    single = sorted(subject for subject, names in of_subject.items() if len(names) == 1)
    if single and len(of_subject) > 1:
        shown = ", ".join(single[:8]) + (" ..." if len(single) > 8 else "")
        remarks.append(("subject", f"{len(single)} of {len(of_subject)} subjects have one class only: {shown}"))
    if len(of_subject) == 1:
        remarks.append(("subject", "one subject only: nothing can be said about another person"))
    return [Problem("data set", part, message, "kept") for part, message in remarks]


def _lines(problems: Sequence[Problem], everything: bool) -> list[tuple[str, str, str, str]]:
    """What is shown: fatal first, then what was excluded; of those alike but for numbers, the first few and a count."""
    order = {"fatal": 0, "excluded": 1, "kept": 2}
    alike: dict[tuple[str, str, str], list[Problem]] = defaultdict(list)
    for problem in sorted(problems, key=lambda p: order[p.kind]):
        alike[problem.kind, problem.field, _shape(problem.message)].append(problem)
    lines = []
    for group in alike.values():
        shown = group if everything else group[:_SHOWN_ALIKE]
        lines += [(p.where, p.field, p.kind, p.message) for p in shown]
        if len(shown) < len(group):
            lines.append(("", group[0].field, group[0].kind, f"... and {len(group) - len(shown)} more like these"))
    return lines


def _shape(message: str) -> str:
    """A message without its numbers and quoted parts."""
    return re.sub(r"'[^']*'|[-+]?\d[\d.e+-]*", "#", message)
