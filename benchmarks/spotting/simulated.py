"""The clips that are scored where no folder is given: simulated people on whom nothing was tuned or trained."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.spotting.clips import Clip
from benchmarks.spotting.examine import ClipResult, examine
from simulators.testbed import HELD_OUT_SEEDS, recipe_names, write_testbed

SECONDS = 20.0
_FREE = "-free"
_TWINS = ("moderate", "nods", "flicker", "exposure", "lights", "compressed", "webcam", "fidgety")
"""What is shown without movements too: false alarms a minute need video that holds none."""


@dataclass(frozen=True, slots=True)
class SimulatedClip:
    """A clip of the test bed that is rendered when its turn comes, and then thrown away."""

    recipe: str
    seed: int
    seconds: float = SECONDS

    def examine(self, *, baselines: bool, pictures: bool) -> ClipResult:
        """Render it into a file, as a camera's would be, and run everything over that."""
        with tempfile.TemporaryDirectory(prefix="emostream-spotting-") as folder:
            (path,) = write_testbed(Path(folder), [self.seed], [self.recipe], self.seconds)
            return replace(examine(Clip(path.stem, path), baselines=baselines, pictures=pictures), name=path.stem)


def held_out_clips(seconds: float | None = None) -> list[SimulatedClip]:
    """One clip of every recipe, some with a twin that holds no movement: the same person, the same distractors."""
    names = recipe_names()
    length_s = SECONDS if seconds is None else seconds
    # every recipe a seed of its own: other people, other moments
    seeds = {name: HELD_OUT_SEEDS.start + i for i, name in enumerate(names)}
    twins = [name for name in _TWINS if name in seeds]
    clips = [SimulatedClip(name, seeds[name], length_s) for name in names]
    return clips + [SimulatedClip(f"{name}{_FREE}", seeds[name], length_s) for name in twins]
