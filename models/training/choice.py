"""Which recipe `emostream train` takes, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.recipe import Recipe, chosen_kind
from models.samples import SampleSet
from realtime.errors import ConfigurationError

RecipeName = Literal["auto", "network", "ensemble"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A recipe, in words that can be shown.

    Parameters
    ----------
    kind : 'network' or 'ensemble'
    why : str
    """

    kind: Literal["network", "ensemble"]
    why: str


def choose_recipe(samples: SampleSet, wanted: RecipeName, network_options: Sequence[str] = ()) -> Choice:
    """What `wanted` comes to for these samples; 'auto' as 'emostream evaluate' has it.

    Parameters
    ----------
    samples : SampleSet
        Those to learn from, of the modality that is learnt.
    wanted : 'auto', 'network' or 'ensemble'
    network_options : sequence of str
        Options that were given and that only a network's training has: they decide what is left open.

    Raises
    ------
    ConfigurationError
        The ensemble is wanted, with an option that it does not have.
    """
    named = ", ".join(network_options)
    if wanted == "ensemble" and network_options:
        raise ConfigurationError(f"{named}: for the network alone; leave it out, or use --recipe network")
    limit = Recipe().network_from
    few = len(samples) < limit
    doubt = (
        f"; {len(samples)} samples are few for it: what 'emostream evaluate' says of a set this small holds for the "
        "ensemble"
    )
    if wanted != "auto":
        return Choice(wanted, "asked for" + (doubt if few and wanted == "network" else ""))
    if network_options:
        return Choice("network", f"{named} is for the network alone" + (doubt if few else ""))
    kind = chosen_kind(samples, Recipe())
    size = f"{len(samples)} samples, fewer than {limit}" if few else f"{len(samples)} samples, {limit} or more"
    return Choice(kind, size)
