"""Words as rows of symbols whose neighbours are joined, step by step: what vocabularies are learned on.

All words stand in one row of positions, with a boundary between two. Joining two neighbours empties the position of the
second. For every pair of neighbours the table keeps its count and the positions where it stands, so that a join touches
nothing else.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

_BOUNDARY, _EMPTY = -1, -2
_MANY = 96
"""Positions from which on a join is done by numpy: below, its calls cost more than a loop."""


class WordTable:
    """Distinct words with their counts, as symbols that can be joined.

    Symbols and pairs have numbers. A symbol's number is given when a pair that would make it is first seen; until the
    pair is joined its count is 0. A pair of a symbol with itself is counted without overlap: three in a row are one.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        row: NDArray[np.int32],
        lengths: NDArray[np.int64],
        counts: NDArray[np.int64],
        *,
        join: Callable[[str, str], str],
    ) -> None:
        """``row`` (symbols of all words,) holds numbers in ``symbols``; ``lengths`` and ``counts`` are (words,).

        ``join`` spells what two symbols make.
        """
        self.symbols = list(symbols)
        self._join_names = join
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        total = len(row) + len(lengths) + 1
        word_of = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        places = np.arange(1, len(row) + 1, dtype=np.int32) + word_of
        padded = np.full(total, _BOUNDARY, np.int32)
        padded[places] = row
        times = np.zeros(total, np.int64)
        times[places] = counts[word_of]
        self._symbol = array("i", padded.tobytes())
        self._times = array("q", times.tobytes())
        self._after = array("i", np.arange(1, total + 1, dtype=np.int32).tobytes())
        self._before = array("i", np.arange(-1, total - 1, dtype=np.int32).tobytes())
        totals = np.zeros(len(self.symbols), np.int64)
        np.add.at(totals, row, counts[word_of])
        self.counts = array("q", totals.tobytes())
        """Occurrences of each symbol."""
        self.total = int(totals.sum())
        """Occurrences of all symbols."""
        self.left, self.right, self.makes = array("i"), array("i"), array("i")
        """The symbols of each pair, and the symbol that they make."""
        self.pair_counts = array("q")
        """Occurrences of each pair."""
        self._pairs: dict[int, int] = {}
        self._places: list[array[int]] = []
        self._find_pairs(padded, times)

    def __len__(self) -> int:
        """The number of pairs that were ever seen."""
        return len(self.left)

    def pair(self, left: int, right: int) -> int:
        """The number of a pair, a new one where it has none."""
        number = self._pairs.get(left << 32 | right)
        return self._new_pair(left, right) if number is None else number

    def first_place(self, pair: int) -> int:
        """Where the pair stands first, in the order of the words. Raises ``ValueError`` where it stands nowhere."""
        return min(place for place in self._places[pair] if self.stands(place, pair))

    def stands(self, place: int, pair: int) -> bool:
        """Whether the pair stands at a place."""
        symbol = self._symbol
        return symbol[place] == self.left[pair] and symbol[self._after[place]] == self.right[pair]

    def join(self, pair: int) -> set[int]:
        """Put what the pair makes wherever it stands; the pairs that may stand more often now."""
        places = self._places[pair]
        self._places[pair] = array("i")
        left, right, merged, count = self.left[pair], self.right[pair], self.makes[pair], self.pair_counts[pair]
        grown: set[int] = set()
        rest: Sequence[int] = places
        if left != right and len(places) >= _MANY:
            rest = self._join_at_once(places, left, right, merged, grown)
        self._join_one_by_one(rest, left, right, merged, grown)
        self.pair_counts[pair] = 0
        self.counts[left] -= count
        self.counts[right] -= count
        self.counts[merged] += count
        self.total -= count
        return grown

    def _new_pair(self, left: int, right: int) -> int:
        number = self._pairs[left << 32 | right] = len(self.left)
        self.left.append(left)
        self.right.append(right)
        name = self._join_names(self.symbols[left], self.symbols[right])
        made = self._numbers.setdefault(name, len(self.symbols))
        if made == len(self.symbols):
            self.symbols.append(name)
            self.counts.append(0)
        self.makes.append(made)
        self.pair_counts.append(0)
        self._places.append(array("i"))
        return number

    def _find_pairs(self, row: NDArray[np.int32], times: NDArray[np.int64]) -> None:
        here = np.flatnonzero((row[:-1] >= 0) & (row[1:] >= 0)).astype(np.int32)
        keys = row[here].astype(np.int64) << 32 | row[here + 1]
        order = np.argsort(keys, kind="stable")
        keys, places = keys[order], here[order]
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        sums = np.add.reduceat(times[places], starts) if len(starts) else starts
        bounds = [*starts.tolist(), len(keys)]
        for at, (key, count) in enumerate(zip(keys[starts].tolist(), sums.tolist(), strict=True)):
            pair = self._new_pair(key >> 32, key & 0xFFFFFFFF)
            self._places[pair].frombytes(places[bounds[at] : bounds[at + 1]].tobytes())
            same = self.left[pair] == self.right[pair]
            self.pair_counts[pair] = self._without_overlap(self._places[pair]) if same else count

    def _without_overlap(self, places: array[int]) -> int:
        total, last = 0, -2
        for place in places:
            if place == last + 1:
                last = -2  # the second of two that overlap
            else:
                total += self._times[place]
                last = place
        return total

    def _join_one_by_one(self, places: Sequence[int], left: int, right: int, merged: int, grown: set[int]) -> None:
        symbol, after, before, times = self._symbol, self._after, self._before, self._times
        pairs, counts, all_places, grows = self._pairs, self.pair_counts, self._places, grown.add
        right_high, merged_high = right << 32, merged << 32
        for place in places:
            second = after[place]
            if symbol[place] != left or symbol[second] != right:
                continue
            one_before, one_after = before[place], after[second]
            before_symbol, after_symbol = symbol[one_before], symbol[one_after]
            if left == right or before_symbol in (left, merged) or after_symbol in (right, merged):
                self._join_in_word(place, left, right, merged, grown)
                continue
            symbol[place] = merged
            symbol[second] = _EMPTY
            after[place] = one_after
            before[one_after] = place
            count = times[place]
            if before_symbol >= 0:
                high = before_symbol << 32
                counts[pairs[high | left]] -= count
                pair = pairs.get(high | merged)
                if pair is None:
                    pair = self._new_pair(before_symbol, merged)
                counts[pair] += count
                all_places[pair].append(one_before)
                grows(pair)
            if after_symbol >= 0:
                counts[pairs[right_high | after_symbol]] -= count
                pair = pairs.get(merged_high | after_symbol)
                if pair is None:
                    pair = self._new_pair(merged, after_symbol)
                counts[pair] += count
                all_places[pair].append(place)
                grows(pair)

    def _join_in_word(self, place: int, left: int, right: int, merged: int, grown: set[int]) -> None:
        """Join in a whole word, where neighbours are alike: counts without overlap are counted anew."""
        symbol, after, before, count = self._symbol, self._after, self._before, self._times[place]
        while symbol[before[place]] != _BOUNDARY:
            place = before[place]
        first = place
        standing = self._change_pairs_of_word(first, -count)
        while symbol[place] != _BOUNDARY:
            second = after[place]
            if symbol[place] == left and symbol[second] == right:
                symbol[place] = merged
                symbol[second] = _EMPTY
                after[place] = after[second]
                before[after[second]] = place
            place = after[place]
        for place, pair in self._change_pairs_of_word(first, count) - standing:
            self._places[pair].append(place)
            grown.add(pair)

    def _change_pairs_of_word(self, place: int, difference: int) -> set[tuple[int, int]]:
        """Change the counts of all pairs of the word that begins at ``place``; the places and pairs that it has."""
        symbol, after, counts = self._symbol, self._after, self.pair_counts
        standing = set()
        left, overlaps = symbol[place], False
        while (right := symbol[after[place]]) != _BOUNDARY:
            pair = self.pair(left, right)
            if not overlaps:
                counts[pair] += difference
            standing.add((place, pair))
            place = after[place]
            overlaps = left == right == symbol[after[place]] and not overlaps
            left = right
        return standing

    def _join_at_once(self, places: array[int], left: int, right: int, merged: int, grown: set[int]) -> list[int]:
        """Join where no neighbour is one of the three symbols; the places that are left."""
        symbol, times = np.frombuffer(self._symbol, np.int32), np.frombuffer(self._times, np.int64)
        after, before = np.frombuffer(self._after, np.int32), np.frombuffer(self._before, np.int32)
        here = np.frombuffer(places, np.int32)
        here = here[symbol[here] == left]
        seconds = after[here]
        stands = symbol[seconds] == right
        here, seconds = here[stands], seconds[stands]
        befores, afters = before[here], after[seconds]
        before_symbols, after_symbols = symbol[befores], symbol[afters]
        alike = np.zeros(len(here), bool)
        for number in (left, right, merged):
            alike |= (before_symbols == number) | (after_symbols == number)
        rest: list[int] = here[alike].tolist()
        if rest:
            here, seconds, befores, afters = (values[~alike] for values in (here, seconds, befores, afters))
        symbol[here] = merged
        symbol[seconds] = _EMPTY
        after[here] = afters
        before[afters] = here
        for neighbours, at, is_before in ((befores, befores, True), (afters, here, False)):
            lost = left if is_before else right
            for other, count, standing in _groups(symbol[neighbours], at, times[here]):
                old = self.pair(other, lost) if is_before else self.pair(lost, other)
                new = self.pair(other, merged) if is_before else self.pair(merged, other)
                self.pair_counts[old] -= count
                self.pair_counts[new] += count
                self._places[new].frombytes(standing)
                grown.add(new)
        return rest


def _groups(
    neighbours: NDArray[np.int32], places: NDArray[np.int32], times: NDArray[np.int64]
) -> Iterator[tuple[int, int, bytes]]:
    """For every neighbour that is no boundary: its symbol, how often it stands there, and its places as bytes."""
    inside = neighbours >= 0
    neighbours, places, times = neighbours[inside], places[inside], times[inside]
    if not len(neighbours):
        return
    order = np.argsort(neighbours, kind="stable")
    neighbours, places = neighbours[order], places[order]
    starts = np.flatnonzero(np.diff(neighbours, prepend=-1))
    sums = np.add.reduceat(times[order], starts)
    bounds = [*starts.tolist(), len(neighbours)]
    for at, (other, count) in enumerate(zip(neighbours[starts].tolist(), sums.tolist(), strict=True)):
        yield other, count, places[bounds[at] : bounds[at + 1]].tobytes()
