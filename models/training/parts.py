"""Which samples a training reads, and what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.samples import SampleSet
from models.splits import Split, inner_split
from models.training.options import Modality, TrainingOptions
from realtime.errors import DataError


@dataclass(frozen=True, slots=True)
class Parts:
    """The samples of a training, parted by subject.

    Parameters
    ----------
    training, validation : (n,) int
        Positions of the samples.
    split : Split
    modality : 'both', 'eeg' or 'face'
        What the network really learns: one of them where no training subject has the other.
    warnings : tuple of str
        What is missing, and what was left out for that.
    """

    training: NDArray[np.intp]
    validation: NDArray[np.intp]
    split: Split
    modality: Modality
    warnings: tuple[str, ...]

    def of(self, samples: SampleSet, rows: NDArray[np.intp]) -> SampleSet:
        """The samples at these positions, the modality that is not learnt hidden."""
        return samples.take(rows).only(self.modality)


def part_samples(samples: SampleSet, options: TrainingOptions, held_out: Sequence[int] = ()) -> Parts:
    """Choose validation subjects and say what the parts lack.

    Nothing of the held-out subjects is read.

    Raises
    ------
    DataError
        No sample has the modality, fewer than two subjects remain, the training subjects show fewer than two classes,
        or the validation subjects have nothing that the network learns from.
    """
    mine = ~np.isin(samples.subject, np.asarray(held_out, np.int64))
    usable = mine & _has(samples, options.modality)
    if not usable.any():
        raise DataError(
            f"none of the {int(mine.sum())} samples to train on has the modality '{options.modality}'; "
            f"{len(samples) - int(mine.sum())} are held out"
        )
    warnings = _left_out(samples, mine, usable, options.modality)
    known = samples if usable[mine].all() else samples.take(usable | ~mine)
    split = inner_split(known, held_out, options.validation_fraction, options.seed)
    of_training = usable & np.isin(samples.subject, split.training)
    of_validation = usable & np.isin(samples.subject, split.validation)
    modality = _learnt(samples, of_training, options.modality)
    if modality != options.modality:
        warnings.append(f"no training sample has the other modality: the network learns '{modality}' alone")
        of_validation &= _has(samples, modality)
        if not of_validation.any():
            raise DataError(
                f"no sample of the validation subjects has the modality '{modality}', the only one that the training "
                "subjects have; use another seed or a larger validation_fraction"
            )
    warnings += _lacking(samples, of_training, of_validation)
    return Parts(np.flatnonzero(of_training), np.flatnonzero(of_validation), split, modality, tuple(warnings))


def _has(samples: SampleSet, modality: Modality) -> NDArray[np.bool_]:
    has = {"both": samples.has_eeg | samples.has_face, "eeg": samples.has_eeg, "face": samples.has_face}
    return has[modality]


def _learnt(samples: SampleSet, of_training: NDArray[np.bool_], wanted: Modality) -> Modality:
    if wanted == "both" and not samples.has_face[of_training].any():
        return "eeg"
    if wanted == "both" and not samples.has_eeg[of_training].any():
        return "face"
    return wanted


def _left_out(samples: SampleSet, mine: NDArray[np.bool_], usable: NDArray[np.bool_], modality: Modality) -> list[str]:
    found = []
    if lacking := int(mine.sum() - usable.sum()):
        found.append(f"{lacking} of {int(mine.sum())} samples lack the modality '{modality}' and were left out")
    if gone := sorted(set(samples.subject[mine].tolist()) - set(samples.subject[usable].tolist())):
        names = ", ".join(samples.subject_name(s) for s in gone)
        found.append(f"no sample of {names} has the modality '{modality}'")
    return found


def _lacking(samples: SampleSet, of_training: NDArray[np.bool_], of_validation: NDArray[np.bool_]) -> list[str]:
    classes = samples.classes
    seen = np.bincount(samples.label[of_training], minlength=len(classes)) > 0
    checked = np.bincount(samples.label[of_validation], minlength=len(classes)) > 0
    if seen.sum() < 2:
        raise DataError(
            f"the {int(of_training.sum())} training samples are all of class '{classes[int(np.argmax(seen))]}'; "
            "wanted two classes or more"
        )
    found = [f"class '{classes[i]}' has no training sample: it cannot be learnt" for i in np.flatnonzero(~seen)]
    found += [
        f"class '{classes[i]}' has no validation sample: early stopping and temperature do not see it"
        for i in np.flatnonzero(seen & ~checked)
    ]
    for name, has in (("EEG", samples.has_eeg), ("face", samples.has_face)):
        if has[of_training].any() and not has[of_validation].any():
            found.append(f"no validation sample has the modality {name}: its temperature stays at 1")
    return found
