"""Joining neighbours, again and again: the loop that byte-pair encoding and WordPiece share.

They differ in which pair is joined next. ``MostFrequent`` takes the most frequent pair (Sennrich et al. 2016,
algorithm 1), ``likelihood.LargestGain`` the one that raises the likelihood most. Among equals the pair that stands
first in the words is joined, so that the same words in the same order always give the same merges.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bertcli.text.word_table import WordTable


@dataclass(frozen=True, slots=True)
class Merge:
    """Two symbols, what they make, how often they stood side by side when they were joined, and why they were."""

    left: str
    right: str
    merged: str
    count: int
    score: float
    """What the choice went by: the pair's count, or its gain in nats."""


class Choice(Protocol):
    """Says which pair is joined next."""

    def best(self) -> tuple[int, float] | None:
        """A pair and its score; None where no pair may be joined."""

    def joined(self, pair: int, grown: Iterable[int]) -> None:
        """The table has changed; ``grown`` are the pairs that may stand more often than before."""


def learn_merges(table: WordTable, choice: Choice) -> Iterator[Merge]:
    """Merges in their order. A symbol may come about in more than one way, and then comes up again."""
    while (found := choice.best()) is not None:
        pair, score = found
        left, right, merged = (table.symbols[part[pair]] for part in (table.left, table.right, table.makes))
        merge = Merge(left, right, merged, table.pair_counts[pair], score)
        choice.joined(pair, table.join(pair))
        yield merge


class MostFrequent:
    """Keeps track of the most frequent pair while a table changes."""

    def __init__(self, table: WordTable, *, min_count: int = 1, allowed: Callable[[str], bool] | None = None) -> None:
        """Pairs that occur fewer than ``min_count`` times, or make a symbol that is not allowed, are never the best."""
        self._table = table
        self._min_count = max(1, min_count)
        self._allows = allowed
        self._queue: list[tuple[int, int, int]] = []
        self._add(range(len(table)))

    def best(self) -> tuple[int, float] | None:
        """The most frequent pair and its count; among equals, the one that stands first in the words."""
        # An entry may overstate its pair, never understate it: counts fall and first places move on.
        table, queue = self._table, self._queue
        while queue:
            negative, place, pair = queue[0]
            count = table.pair_counts[pair]
            if count == -negative and table.stands(place, pair):
                return pair, float(count)
            if self._min_count <= count <= -negative:
                heapq.heapreplace(queue, (-count, table.first_place(pair), pair))
            else:  # it has grown, and a later entry says so; or it is too rare
                heapq.heappop(queue)
        return None

    def joined(self, pair: int, grown: Iterable[int]) -> None:
        """Take note of what a join has changed."""
        self._add(grown)

    def _add(self, pairs: Iterable[int]) -> None:
        table = self._table
        for pair in pairs:
            count = table.pair_counts[pair]
            if count < self._min_count:
                continue
            if self._allows is None or self._allows(table.symbols[table.makes[pair]]):
                heapq.heappush(self._queue, (-count, 0, pair))
