"""Orders of trials: balance of the square, and no emotion twice in a row where that can be."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gui.present.order import Order, arrange, choose_order, spread, williams_square
from realtime.errors import ConfigurationError
from realtime.session.playlist import Block, Playlist, Trial


def _trials(emotions: str) -> tuple[Trial, ...]:
    return tuple(Trial(stimulus=f"{i}.mp4", emotion=emotion) for i, emotion in enumerate(emotions))


def _playlist(*blocks: str) -> Playlist:
    made = tuple(Block(name=f"b{i}", trials=_trials(block)) for i, block in enumerate(blocks))
    return Playlist(title="t", blocks=made)


def _repeats(emotions: str) -> int:
    return sum(a == b for a, b in pairwise(emotions))


@given(st.integers(1, 14))
def test_the_square_balances_places_and_neighbours(n: int) -> None:
    rows = williams_square(n)
    assert len(rows) == (n if n % 2 == 0 or n == 1 else 2 * n)
    assert all(sorted(row) == list(range(n)) for row in rows)
    places = Counter((place, letter) for row in rows for place, letter in enumerate(row))
    assert len(places) == n * n
    assert len(set(places.values())) == 1
    neighbours = Counter(pair for row in rows for pair in pairwise(row))
    assert len(neighbours) == n * (n - 1)
    assert len(set(neighbours.values())) <= 1


@settings(max_examples=60, deadline=None)
@given(st.text("abc", min_size=1, max_size=7), st.sampled_from(["", "a"]), st.integers(0, 2**32))
def test_a_shuffle_has_as_few_repetitions_as_any_order_has(emotions: str, last: str, seed: int) -> None:
    chosen = spread(_trials(emotions), random.Random(seed), last)
    assert sorted(t.stimulus for t in chosen) == sorted(t.stimulus for t in _trials(emotions))
    fewest = min(_repeats(last + "".join(order)) for order in set(permutations(emotions)))
    assert _repeats(last + "".join(t.emotion for t in chosen)) == fewest


def test_a_shuffle_is_its_seeds_and_differs_between_seeds() -> None:
    playlist = _playlist("aabbccdd", "aabb")
    orders = [arrange(playlist, Order("random", seed, 1)) for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert [one.number for one in orders[0]] == list(range(1, 13))
    assert [one.block for one in orders[0]] == ["b0"] * 8 + ["b1"] * 4
    assert _repeats("".join(one.trial.emotion for one in orders[0])) == 0


def test_every_shuffle_of_distinct_emotions_comes() -> None:
    seen = {tuple(t.emotion for t in spread(_trials("abc"), random.Random(seed))) for seed in range(200)}
    assert len(seen) == 6


def test_rows_of_the_square_are_the_participants() -> None:
    playlist = _playlist("abcd")
    rows = {
        number: "".join(one.trial.emotion for one in arrange(playlist, Order("latin", 7, number)))
        for number in range(1, 6)
    }
    assert rows[5] == rows[1]
    assert len({row[0] for number, row in rows.items() if number <= 4}) == 4
    other = "".join(one.trial.emotion for one in arrange(playlist, Order("latin", 8, 1)))
    assert sorted(other) == sorted(rows[1])


def test_what_is_not_given_follows_from_subject_and_session() -> None:
    playlist = _playlist("ab")
    first = choose_order(playlist, "random", None, None, "01", "01")
    assert first == choose_order(playlist, "random", None, None, "01", "01")
    assert first.seed != choose_order(playlist, "random", None, None, "02", "01").seed
    assert choose_order(playlist, None, None, None, "p7", "01") == Order("fixed", 0, 1)
    assert choose_order(playlist, "latin", None, None, "12", "01") == Order("latin", 0, 12)
    assert choose_order(playlist, "latin", 3, 4, "p7", "01") == Order("latin", 3, 4)
    with pytest.raises(ConfigurationError, match="subject 'p7' is no number: give --participant-number"):
        choose_order(playlist, "latin", None, None, "p7", "01")
