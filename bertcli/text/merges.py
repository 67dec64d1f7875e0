"""Pair merging: the most frequent neighbours become one symbol, again and again.

*Source*: Sennrich et al. 2016, algorithm 1. Among pairs of equal count the one first seen is merged, so that the same
words in the same order always give the same merges.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Merge:
    """Two symbols, what they make, and how often they stood side by side when they were merged."""

    left: str
    right: str
    merged: str
    count: int


def learn_merges(
    words: Iterable[tuple[Sequence[str], int]], *, min_count: int, join: Callable[[str, str], str]
) -> Iterator[Merge]:
    """Merges in their order, for words as (symbols, count), until no pair occurs ``min_count`` times.

    ``join`` spells the symbol that two make. A symbol may come about in more than one way, and then comes up again.
    """
    table = PairTable(words)
    while (found := table.most_frequent(min_count)) is not None:
        (left, right), count = found
        merged = join(table.symbols[left], table.symbols[right])
        table.merge((left, right), table.number_of(merged))
        yield Merge(table.symbols[left], table.symbols[right], merged, count)


class PairTable:
    """Distinct words as symbol numbers, and for every pair its count and the words in which it stands."""

    def __init__(self, words: Iterable[tuple[Sequence[str], int]]) -> None:
        self.symbols: list[str] = []
        self._numbers: dict[str, int] = {}
        self._words: list[list[int]] = []
        self._counts: list[int] = []
        self._pairs: defaultdict[Pair, int] = defaultdict(int)
        self._places: defaultdict[Pair, list[int]] = defaultdict(list)
        self._seen: dict[Pair, int] = {}
        for place, (symbols, count) in enumerate(words):
            numbers = [self.number_of(symbol) for symbol in symbols]
            self._words.append(numbers)
            self._counts.append(count)
            for pair in pairwise(numbers):
                self._pairs[pair] += count
                self._places[pair].append(place)
        for pair in self._pairs:
            self._seen[pair] = len(self._seen)
        self._queue = [(-count, self._seen[pair], pair) for pair, count in self._pairs.items()]
        heapq.heapify(self._queue)

    def number_of(self, symbol: str) -> int:
        """The number of a symbol, a new one where it has none."""
        number = self._numbers.setdefault(symbol, len(self.symbols))
        if number == len(self.symbols):
            self.symbols.append(symbol)
        return number

    def most_frequent(self, min_count: int) -> tuple[Pair, int] | None:
        """The pair that occurs most often, with its count."""
        while self._queue:
            negative, seen, pair = self._queue[0]
            count = self._pairs[pair]
            if count == -negative:
                return (pair, count) if count >= max(1, min_count) else None
            heapq.heappop(self._queue)
            if 0 < count < -negative:  # where it has grown, a later entry of the queue says so
                heapq.heappush(self._queue, (-count, seen, pair))
        return None

    def count(self, left: str, right: str) -> int:
        """How often two symbols stand side by side."""
        return self._pairs.get((self._numbers[left], self._numbers[right]), 0)

    def merge(self, pair: Pair, merged: int) -> None:
        """Put ``merged`` wherever the pair stands."""
        changes: defaultdict[Pair, int] = defaultdict(int)
        for place in self._places.pop(pair):
            self._merge_in_word(place, pair, merged, changes)
        for changed, difference in changes.items():
            self._pairs[changed] += difference
            if difference > 0:
                seen = self._seen.setdefault(changed, len(self._seen))
                heapq.heappush(self._queue, (-self._pairs[changed], seen, changed))
        del self._pairs[pair]

    def _merge_in_word(self, place: int, pair: Pair, merged: int, changes: dict[Pair, int]) -> None:
        left, right = pair
        word, count = self._words[place], self._counts[place]
        result: list[int] = []
        at, last = 0, len(word) - 1
        while at <= last:
            if at == last or word[at] != left or word[at + 1] != right:
                result.append(word[at])
                at += 1
                continue
            if result:
                changes[result[-1], left] -= count
                changes[result[-1], merged] += count
                self._places[result[-1], merged].append(place)
            if at + 2 <= last:
                changes[right, word[at + 2]] -= count
                changes[merged, word[at + 2]] += count
                self._places[merged, word[at + 2]].append(place)
            result.append(merged)
            at += 2
        self._words[place] = result
