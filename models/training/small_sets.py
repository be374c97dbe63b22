"""What `emostream train` does with samples that are few: experts fitted on everybody, written as a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from models.normaliser import fit_normaliser
from models.samples import SampleSet
from models.small.ensemble import Ensemble, count_experts, fit_ensemble
from models.small.face_experts import network_arrays
from models.small.options import EnsembleOptions
from models.small.stored import EnsembleInfo, save_ensemble
from models.training.command import honest, require_checkpoint_name
from models.views import View
from realtime.errors import ConfigurationError

_MIN_WINDOWS = 3


def run_ensemble(
    samples: SampleSet,
    *,
    out: Path,
    name: str,
    trained_on: str,
    options: EnsembleOptions | None = None,
    modality: View = "both",
    seed: int = 0,
    window_s: float = 1.0,
    progress: bool = True,
) -> EnsembleInfo:
    """Fit the experts on all subjects and write a checkpoint that the live engine loads.

    Parameters
    ----------
    samples : SampleSet
        Classes, channels, bands and the windows' hop of the checkpoint are theirs.
    out : Path
        The .safetensors file; its .json is written beside it.
    name : str
        Stem of the model's id.
    trained_on : str
        Plain words, shown on screen with every prediction; 'simulated' is said in any case where they are.
    options : EnsembleOptions, optional
    modality : 'both', 'eeg' or 'face'
        What the experts are shown.
    seed : int
    window_s : float
        Length of the samples' band-power windows.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    DataError
        See `models.small.ensemble.fit_ensemble`; or nothing of the modality.
    ConfigurationError
        Several processes of `torchrun`: an ensemble is fitted by one.
    CheckpointError
        `out` cannot be written.
    """
    require_checkpoint_name(out)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigurationError("an ensemble is fitted by one process: leave out torchrun, or use --recipe network")
    options = options or EnsembleOptions()
    shown = samples.only(modality)
    with _bar(count_experts(shown, options, seed), progress) as done:
        ensemble = fit_ensemble(shown, options, seed=seed, progress=done)
    eeg, face = ensemble.experts.eeg, ensemble.experts.face
    return save_ensemble(
        out,
        ensemble,
        fit_normaliser(shown, shown.subjects) if eeg is None else eeg.normaliser,
        network_arrays(face),
        name=name,
        trained_on=honest(trained_on, samples.simulated),
        simulated=samples.simulated,
        bands=samples.bands,
        n_windows=samples.log_power.shape[1],
        stored_px=samples.flow.shape[1],
        data_sha256=shown.digest(),
        window_s=window_s,
        hop_s=samples.hop_s,
        # a data set with shorter sequences is never asked for more than it has
        min_windows=min(_MIN_WINDOWS, samples.log_power.shape[1]),
        training=_story(ensemble, shown, seed),
    )


def _story(ensemble: Ensemble, samples: SampleSet, seed: int) -> dict[str, Any]:
    """What the checkpoint tells of its making."""
    return {
        "people": len(samples.subjects),
        "samples": len(samples),
        "seed": seed,
        "validation_people": [samples.subject_name(s) for s in ensemble.split.validation],
        "warnings": _lacking(ensemble, samples),
        "options": ensemble.options.model_dump(mode="json"),
    }


def _lacking(ensemble: Ensemble, samples: SampleSet) -> list[str]:
    seen = np.bincount(samples.label, minlength=len(samples.classes)) > 0
    found = [f"class '{samples.classes[i]}' has no sample: it cannot be learnt" for i in np.flatnonzero(~seen)]
    if not ensemble.split.validation:
        found.append("too few people to set any aside: probabilities are not calibrated")
    if ensemble.experts.face is not None and samples.flow.shape[3] == 3:
        found.append(
            "the flow maps brought their own strain: live, flow and strain are this project's, so expect less of the "
            "face than 'emostream evaluate' says"
        )
    return found


@contextmanager
def _bar(total: int, shown: bool) -> Iterator[Any]:
    with tqdm(total=total, desc="experts", unit="expert", disable=not shown) as bar:

        def done(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        yield done
