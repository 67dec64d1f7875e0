"""Runs of numbers are taken, joined and measured as lists of lists would be."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertcli.core.runs import Runs

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=4), max_size=6)


def lists_of(runs: Runs) -> list[list[int]]:
    return [runs.values[begin:end].tolist() for begin, end in zip(runs.offsets[:-1], runs.offsets[1:], strict=True)]


@given(LISTS, LISTS, st.data())
def test_they_are_taken_and_joined_like_lists(first: list[list[int]], second: list[list[int]], data: st.DataObject):
    runs = Runs.of(first, np.int32)
    assert lists_of(runs) == first
    assert runs.lengths.tolist() == list(map(len, first))
    rows = data.draw(st.lists(st.integers(0, len(first) - 1), max_size=8)) if first else []
    taken = runs.take(np.array(rows, np.int64))
    assert lists_of(taken) == [first[row] for row in rows]
    assert lists_of(taken.joined(Runs.of(second, np.int32))) == [first[row] for row in rows] + second


def test_a_part_of_an_array_is_joined_without_the_rest() -> None:
    part = Runs(np.arange(10), np.array([4, 6, 7]))
    assert lists_of(part.joined(part)) == [[4, 5], [6], [4, 5], [6]]
