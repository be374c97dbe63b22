"""`python -m benchmarks.spotting.learn [--seeds N] [--jobs N]`: the weights of the spotter's evidence.

Candidates of simulated development clips are labelled by the truth; a logistic regression of their evidence on the
labels gives the weights that `realtime.face.evidence` holds. Held-out seeds are not touched.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from realtime.config import SpotterConfig
from realtime.face.evidence import Evidence
from realtime.face.metrics import interval_iou
from realtime.face.motion import Sample
from realtime.face.pipeline import FacePipeline
from realtime.face.profile import Hump
from realtime.face.spotter import Candidate, Spotter
from realtime.packets import VideoFrame
from simulators.testbed import DEVELOPMENT_SEEDS, draw_clip, recipe_names

SECONDS = 24.0
_HIT, _MISS = 0.5, 0.3  # overlap with the truth; what lies between is neither
_PENALTY = 0.3

NAMES = tuple(field.name for field in fields(Evidence))


class _Listener(Spotter):
    """Writes every candidate down and accepts none."""

    def __init__(self, config: SpotterConfig | None = None) -> None:
        super().__init__(config)
        self.heard: list[Candidate] = []

    def candidates_at(self, back: Sample) -> list[Candidate]:
        self.heard += super().candidates_at(back)
        return []


def labelled(recipe: str, seed: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Evidence (n, 3) of the candidates of one clip, and which of them are movements."""
    clip = draw_clip(recipe, seed, SECONDS)
    simulator, listeners = clip.simulator(), list[_Listener]()

    def listen(config: SpotterConfig) -> Spotter:
        listeners.append(_Listener(config))
        return listeners[-1]

    pipeline = FacePipeline(make_spotter=listen)
    for index in range(simulator.n_frames):
        if not simulator.is_lost(index):
            pipeline.push(VideoFrame(simulator.frame(index), index / clip.fps, index))
    events = [Hump(t["onset_s"], t["apex_s"], t["offset_s"], 0.0, 1.0) for t in clip.truth()]
    heard = [candidate for listener in listeners for candidate in listener.heard]
    overlap = np.array([max((interval_iou(c.hump, e) for e in events), default=0.0) for c in heard])
    evidence = np.array([[getattr(c.evidence, name) for name in NAMES] for c in heard]).reshape(-1, len(NAMES))
    clear = (overlap >= _HIT) | (overlap < _MISS)
    return evidence[clear], overlap[clear] >= _HIT


def learn(evidence: NDArray[np.float64], is_movement: NDArray[np.bool_]) -> tuple[dict[str, float], float]:
    """Weights by name, and the intercept."""
    from sklearn.linear_model import LogisticRegression

    middle, scale = evidence.mean(axis=0), evidence.std(axis=0)
    model = LogisticRegression(C=_PENALTY, max_iter=3000).fit((evidence - middle) / scale, is_movement)
    weights = model.coef_[0] / scale
    intercept = float(model.intercept_[0] - weights @ middle)
    return dict(zip(NAMES, weights.tolist(), strict=True)), intercept


def main(arguments: Sequence[str] | None = None) -> None:
    """Render, listen, fit, print."""
    from joblib import Parallel, delayed

    parser = argparse.ArgumentParser(prog="python -m benchmarks.spotting.learn", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="development seeds a recipe")
    parser.add_argument("--jobs", type=int, default=-1, help="processes; -1 is one a core")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    seeds = DEVELOPMENT_SEEDS[: chosen.seeds]
    work = [delayed(labelled)(name, seed) for seed in seeds for name in recipe_names()]
    found = list(Parallel(n_jobs=chosen.jobs)(work))
    evidence, is_movement = (np.concatenate(part) for part in zip(*found, strict=True))
    weights, intercept = learn(evidence, is_movement)
    print(f"{len(evidence)} candidates of {len(found)} clips, {int(is_movement.sum())} of them movements")
    print("weights " + ", ".join(f"{name} {weight:.2f}" for name, weight in weights.items()))
    print(f"intercept {intercept:.2f}")


if __name__ == "__main__":
    main()
