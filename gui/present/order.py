"""In which order trials are shown: as written, shuffled, or by a balanced Latin square."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from realtime.errors import ConfigurationError
from realtime.session.playlist import OrderKind, Playlist, Trial


@dataclass(frozen=True, slots=True)
class Order:
    """How trials are put in order.

    Parameters
    ----------
    kind : {'fixed', 'random', 'latin'}
    seed : int
        Which shuffle, or which Latin square; all participants of a study share the square, so its seed.
    participant_number : int
        Row of the Latin square, from 1 on.
    """

    kind: OrderKind
    seed: int
    participant_number: int


@dataclass(frozen=True, slots=True)
class PlannedTrial:
    """A trial, the block it is in, and its number in order of presentation, from 1 on."""

    number: int
    block: str
    trial: Trial


def choose_order(
    playlist: Playlist, kind: OrderKind | None, seed: int | None, number: int | None, subject: str, session: str
) -> Order:
    """Fill in what was not given: a shuffle follows from subject and session, a row of the square from the subject.

    Raises
    ------
    ConfigurationError
        A Latin square without a participant's number.
    """
    kind = kind or playlist.order
    if number is None and subject.isdecimal() and int(subject) > 0:
        number = int(subject)
    if kind == "latin" and number is None:
        raise ConfigurationError(f"a Latin square, and subject '{subject}' is no number: give --participant-number")
    if seed is None:
        seed = zlib.crc32(f"{subject}/{session}".encode()) if kind == "random" else 0
    return Order(kind, seed, number or 1)


def arrange(playlist: Playlist, order: Order) -> tuple[PlannedTrial, ...]:
    """All trials in the order of presentation; blocks stay where they are.

    Returns
    -------
    tuple of PlannedTrial
        With 'random', no two of one emotion follow each other unless there is no such order.
    """
    planned: list[PlannedTrial] = []
    draw = random.Random(order.seed)
    for block in playlist.blocks:
        if order.kind == "random":
            last = planned[-1].trial.emotion if planned else ""
            chosen = spread(block.trials, draw, last)
        elif order.kind == "latin":
            # which trial is which letter is the seed's choice; the balance is the rows'
            letters = draw.sample(block.trials, len(block.trials))
            rows = williams_square(len(letters))
            chosen = [letters[i] for i in rows[(order.participant_number - 1) % len(rows)]]
        else:
            chosen = list(block.trials)
        planned += [PlannedTrial(len(planned) + i, block.name, trial) for i, trial in enumerate(chosen, 1)]
    return tuple(planned)


def spread(trials: Sequence[Trial], draw: random.Random, last: str = "") -> list[Trial]:
    """Shuffle with as few neighbours of one emotion as can be.

    Parameters
    ----------
    trials : sequence of Trial
    draw : random.Random
    last : str
        Emotion of the trial before the first.
    """
    pools: dict[str, list[Trial]] = {}
    for trial in draw.sample(trials, len(trials)):
        pools.setdefault(trial.emotion, []).append(trial)
    counts = Counter({emotion: len(pool) for emotion, pool in pools.items()})
    chosen: list[Trial] = []
    while counts.total():
        # each choice that spoils nothing is as likely as its share of what is left
        costs = {emotion: _repeats_after(emotion, counts, last) for emotion in counts}
        best = [emotion for emotion, cost in costs.items() if cost == min(costs.values())]
        last = draw.choices(best, [counts[emotion] for emotion in best])[0]
        chosen.append(pools[last].pop())
        counts = +(counts - Counter([last]))
    return chosen


def _repeats_after(emotion: str, counts: Counter[str], last: str) -> int:
    """Fewest neighbours of one emotion if this one comes next: a repetition now, and those that cannot be avoided."""
    left = counts - Counter([emotion])
    total = left.total()
    # n of one kind need n - 1 others between them, and one more before them if the kind came last
    unavoidable = max((2 * n - total - (kind != emotion) for kind, n in left.items()), default=0)
    return int(emotion == last) + max(0, unavoidable)


def williams_square(n: int) -> list[list[int]]:
    """Rows in which every letter is at every place equally often and follows every other equally often.

    Parameters
    ----------
    n : int
        Letters, 1 or more.

    Returns
    -------
    list of list of int
        n rows for even n, 2 n for odd n.

    References
    ----------
    Williams (1949), "Experimental designs balanced for the estimation of residual effects of treatments".
    """
    first = [0]
    while len(first) < n:
        step = (len(first) + 1) // 2
        first.append(step if len(first) % 2 else n - step)
    rows = [[(letter + shift) % n for letter in first] for shift in range(n)]
    return rows if n % 2 == 0 or n == 1 else rows + [row[::-1] for row in rows]
