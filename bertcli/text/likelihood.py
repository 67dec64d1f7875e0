"""Which pair to join: the one that raises the likelihood of the words most.

With a unigram model over symbols the log-likelihood is ``L = Σ f(n_i) - f(N)``, ``f(x) = x ln x``, where symbol i
occurs n_i times and N = Σ n_i. Joining a pair (a, b) that occurs c times to a symbol that occurs m times so far changes
it by

    Δ = f(m + c) - f(m) + f(n_a - c) + f(n_b - c) - f(n_a) - f(n_b) - f(N - c) + f(N)

and, where a is b, by the same with ``f(n_a - 2c) - f(n_a)`` for the terms of a and b.

*Source*: Schuster & Nakajima 2012, section 2; Wu et al. 2016, section 4.1. They join to new symbols (m = 0); but a
symbol can come about in several ways, and then its count so far is part of what the likelihood changes by.
"""

from __future__ import annotations

import decimal
import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bertcli.text.word_table import WordTable

_CANDIDATES = 1024
"""Pairs that are surely candidates when they are chosen."""
_FALL = 0.7
"""Share to which a symbol's count may fall before the pairs with it that are no candidates are looked at again."""
_ROUNDING = 1e-12
"""Per occurrence of a pair, what rounding may change in its gain."""
_BELOW_ONE = 1 - 2**-53
_DIGITS = decimal.Context(prec=80)
_NOTHING = decimal.Decimal("1e-40")


class LargestGain:
    """Keeps track of the pair with the largest gain while a table changes.

    The gains of some thousand *candidates* are exact. All other pairs stay below a threshold for as long as the counts
    of their symbols stay above a floor: a gain rises while n_a and n_b fall or m grows, and falls with N; in c it is
    convex and begins at 0, so that a falling c never lifts it above what it was or 0.
    """

    def __init__(self, table: WordTable, *, min_count: int = 1, allowed: Callable[[str], bool] | None = None) -> None:
        """Pairs that occur fewer than ``min_count`` times, or make a symbol that is not allowed, are never the best."""
        self._table = table
        self._min_count = max(1, min_count)
        self._allows = allowed
        self._allowed = array("b")
        self._pairs_of: defaultdict[int, array[int]] = defaultdict(_no_numbers)
        self._first_maker: dict[int, int] = {}
        self._other_makers: defaultdict[int, array[int]] = defaultdict(_no_numbers)
        self._first_place = array("i")  # of each pair: at most this, and exactly this where the pair stands there
        self._slot_of = array("i")
        self._floor = array("d")
        self._note_new_pairs()
        self._choose_candidates()

    def best(self) -> tuple[int, float] | None:
        """The pair with the largest gain and its gain; None where no pair may be joined.

        Among pairs of equal gain, the one that stands first in the words.
        """
        chosen_now = self._used > self._most
        if chosen_now:
            self._choose_candidates()
        share = math.log(max(1, self._table.total)) + 1 + _ROUNDING
        while True:
            gains, counts = self._gains[: self._used], self._counts[: self._used]
            bounds = gains + counts * share
            top = int(bounds.argmax()) if self._used else -1
            largest = self._with_total(gains[top], counts[top]) if self._used else -math.inf
            if largest > -math.inf:
                slots = (bounds >= largest).nonzero()[0]
                pair, largest = (int(self._pairs[top]), largest) if len(slots) == 1 else self._best_of(slots)
                if largest >= self._threshold or chosen_now:
                    return pair, largest
            elif chosen_now or self._threshold == -math.inf:
                return None
            self._choose_candidates()
            chosen_now = True

    def joined(self, pair: int, grown: Iterable[int]) -> None:
        """Take note of what a join has changed; ``grown`` are the pairs that ``WordTable.join`` named."""
        table = self._table
        self._note_new_pairs()
        left, right, merged = table.left[pair], table.right[pair], table.makes[pair]
        slot_of, counts, floor, first_place = self._slot_of, table.pair_counts, self._floor, self._first_place
        floor[merged] = _FALL * table.counts[merged]
        for new in grown:
            first_place[new] = 0
        makers = self._makers_of(merged)
        near = [grown, makers]
        for symbol in (left, right):
            if table.counts[symbol] < floor[symbol]:
                floor[symbol] = _FALL * table.counts[symbol]
                near.append(self._pairs_of[symbol])
        fewest, symbol_counts, makes = self._fewest, table.counts, table.makes
        considered = {
            other
            for others in near
            for other in others
            if slot_of[other] < 0 and (counts[other] >= fewest or symbol_counts[makes[other]])
        }
        if considered:
            self._consider(np.array(list(considered)))
        slots_of = self._slots_of
        touched = slots_of[left] + slots_of[right] + slots_of[merged]
        touched.extend(slot for maker in makers if (slot := slot_of[maker]) >= 0)
        self._look_at(np.array(touched))

    def _note_new_pairs(self) -> None:
        table, pairs_of = self._table, self._pairs_of
        known = len(self._slot_of)
        for pair in range(known, len(table)):
            left, right, made = table.left[pair], table.right[pair], table.makes[pair]
            pairs_of[left].append(pair)
            if left != right:
                pairs_of[right].append(pair)
            if self._first_maker.setdefault(made, pair) != pair:
                self._other_makers[made].append(pair)
        if self._allows is None:
            self._allowed.extend([1] * (len(table) - known))
        else:
            self._allowed.extend(self._allows(table.symbols[made]) for made in table.makes[known:])
        self._slot_of.extend([-1] * (len(table) - known))
        self._first_place.extend([0] * (len(table) - known))
        self._floor.extend([0.0] * (len(table.symbols) - len(self._floor)))

    def _makers_of(self, symbol: int) -> list[int]:
        """The pairs that make a symbol."""
        return [self._first_maker[symbol], *self._other_makers.get(symbol, ())]

    def _choose_candidates(self) -> None:
        """Let the pairs become candidates that can reach the gain of the thousandth, so that the best is among them."""
        table = self._table
        occurrences = np.frombuffer(table.counts, np.int64)
        self._floor = array("d", (occurrences * _FALL).tobytes())
        pairs = np.flatnonzero(np.frombuffer(self._allowed, np.int8) != 0)
        pairs = pairs[np.frombuffer(table.pair_counts, np.int64)[pairs] >= self._min_count]
        self._threshold = -math.inf
        if len(pairs) > _CANDIDATES:
            at = len(pairs) - _CANDIDATES
            threshold = float(np.partition(self._gains_with(pairs, occurrences), at)[at])
            self._threshold = threshold * (1 - _ROUNDING) if threshold > 0 else -math.inf
        self._fewest = self._fewest_that_reach(self._threshold)
        self._start(pairs[self._bounds(pairs) >= self._threshold])
        self._most = 2 * self._used + 2 * _CANDIDATES

    def _fewest_that_reach(self, gain: float) -> int:
        """The occurrences below which no pair that makes a new symbol gains that much.

        It gains most where its symbols stand nowhere else: ``f(N) - f(N - c) - f(c)``, less than ``c (ln(N / c) + 1)``.
        """
        total = max(1, self._table.total)
        fewest, enough = self._min_count, total
        while fewest < enough:
            middle = (fewest + enough) // 2
            if middle * (math.log(total / middle) + 1) * (1 + _ROUNDING) < gain:
                fewest = middle + 1
            else:
                enough = middle
        return fewest

    def _start(self, pairs: NDArray[np.int64]) -> None:
        room = 4 * _CANDIDATES + len(pairs)
        self._pairs = np.zeros(room, np.int64)
        self._gains = np.full(room, -np.inf)
        self._counts = np.zeros(room)
        self._used = 0
        self._slot_of = array("i", np.full(len(self._slot_of), -1, np.int32).tobytes())
        self._slots_of: defaultdict[int, array[int]] = defaultdict(_no_numbers)
        self._add(pairs)
        self._look_at(np.arange(self._used))

    def _consider(self, pairs: NDArray[np.int64]) -> None:
        """Make those pairs candidates whose gains can reach the threshold; they are still to be looked at."""
        allowed = np.frombuffer(self._allowed, np.int8)[pairs] != 0
        pairs = pairs[allowed & (np.frombuffer(self._table.pair_counts, np.int64)[pairs] >= self._min_count)]
        if len(pairs):
            self._add(pairs[self._bounds(pairs) >= self._threshold])

    def _add(self, pairs: NDArray[np.int64]) -> None:
        table = self._table
        while self._used + len(pairs) > len(self._pairs):
            self._pairs = np.concatenate([self._pairs, np.zeros_like(self._pairs)])
            self._gains = np.concatenate([self._gains, np.full_like(self._gains, -np.inf)])
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._pairs[self._used : self._used + len(pairs)] = pairs
        for slot, pair in enumerate(pairs.tolist(), start=self._used):
            self._slot_of[pair] = slot
            left, right = table.left[pair], table.right[pair]
            self._slots_of[left].append(slot)
            if left != right:
                self._slots_of[right].append(slot)
        self._used += len(pairs)

    def _look_at(self, slots: NDArray[np.integer]) -> None:
        pairs = self._pairs[slots]
        counts = np.frombuffer(self._table.pair_counts, np.int64)[pairs].astype(np.float64)
        gains = self._without_total(pairs, counts, np.frombuffer(self._table.counts, np.int64))
        gains[counts < self._min_count] = -np.inf
        self._gains[slots], self._counts[slots] = gains, counts

    def _bounds(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """What the gains of pairs can rise to while no count falls below its floor. A symbol with itself: anything."""
        table = self._table
        gains = self._gains_with(pairs, np.frombuffer(self._floor, np.float64))
        gains[np.frombuffer(table.left, np.int32)[pairs] == np.frombuffer(table.right, np.int32)[pairs]] = np.inf
        return gains

    def _gains_with(self, pairs: NDArray[np.int64], occurrences: NDArray[np.number]) -> NDArray[np.float64]:
        """The gains of pairs, with these occurrences of the symbols."""
        counts = np.frombuffer(self._table.pair_counts, np.int64)[pairs].astype(np.float64)
        gains = self._without_total(pairs, counts, occurrences)
        total = max(1.0, float(self._table.total))
        return gains + counts * math.log(total) - (total - counts) * np.log1p(-counts / total)

    def _without_total(
        self, pairs: NDArray[np.int64], counts: NDArray[np.float64], occurrences: NDArray[np.number]
    ) -> NDArray[np.float64]:
        """The terms of the gains that have no N in them, with these occurrences of the symbols."""
        table = self._table
        left, right = np.frombuffer(table.left, np.int32)[pairs], np.frombuffer(table.right, np.int32)[pairs]
        made = np.frombuffer(table.counts, np.int64)[np.frombuffer(table.makes, np.int32)[pairs]]
        c = np.maximum(counts, 1)
        both = np.empty((2, len(pairs)))
        both[0], both[1] = occurrences[left], occurrences[right]
        np.maximum(both, c, out=both)
        gains: NDArray[np.float64] = np.log((made + c) / (both[0] * both[1]))
        gains *= c
        left_over = -c / both
        np.maximum(left_over, -_BELOW_ONE, out=left_over)
        np.log1p(left_over, out=left_over)
        both -= c
        left_over *= both
        gains += left_over[0]
        gains += left_over[1]
        grows = made.nonzero()[0]
        if len(grows):
            gains[grows] += made[grows] * np.log1p(c[grows] / made[grows])
        twice = (left == right).nonzero()[0]
        if len(twice):
            c = c[twice]
            n = np.maximum(both[0, twice] + c, 2 * c)
            own = np.log1p(np.maximum(-2 * c / n, -_BELOW_ONE)) * (n - 2 * c)
            gains[twice] += own - (left_over[0, twice] + left_over[1, twice])
        return gains

    def _with_total(self, gain: float, count: float) -> float:
        """A gain with the terms of N: ``f(N) - f(N - c) = c ln N - (N - c) ln(1 - c / N)``."""
        if gain == -math.inf:
            return gain
        total = self._table.total
        return float(gain + count * math.log(total) - (total - count) * math.log1p(-count / total))

    def _best_of(self, slots: NDArray[np.int64]) -> tuple[int, float]:
        """The best among slots whose gains are equal or nearly so."""
        pairs, counts, total = self._pairs[slots], self._counts[slots], float(self._table.total)
        gains = self._gains[slots] + counts * math.log(total) - (total - counts) * np.log1p(-counts / total)
        largest = float(gains.max())
        near = pairs[gains >= largest - _ROUNDING * counts.max()]
        terms = self._terms(near)
        if (terms != terms[0]).any():
            exact = {tuple(terms_of): _gain(terms_of, self._table.total) for terms_of in terms.tolist()}
            best = max(exact.values())
            near = near[[best - exact[tuple(terms_of)] < _NOTHING for terms_of in terms.tolist()]]
        return self._first_of(near), largest

    def _terms(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """(pairs, 5) what a gain is made of: the counts of the pair, its symbols and what it makes; whether alike."""
        table = self._table
        left, right = np.frombuffer(table.left, np.int32)[pairs], np.frombuffer(table.right, np.int32)[pairs]
        occurrences = np.frombuffer(table.counts, np.int64)
        symbols = np.sort([occurrences[left], occurrences[right]], axis=0)
        made = occurrences[np.frombuffer(table.makes, np.int32)[pairs]]
        return np.stack([np.frombuffer(table.pair_counts, np.int64)[pairs], *symbols, made, left == right], axis=1)

    def _first_of(self, pairs: NDArray[np.int64]) -> int:
        table = self._table
        while True:
            pair = int(pairs[np.frombuffer(self._first_place, np.int32)[pairs].argmin()])
            if len(pairs) == 1 or table.stands(self._first_place[pair], pair):
                return pair
            self._first_place[pair] = table.first_place(pair)


def _no_numbers() -> array[int]:
    return array("i")


def _gain(terms: list[int], total: int) -> decimal.Decimal:
    """The gain to 80 digits, from what ``LargestGain._terms`` says of a pair."""
    count, left, right, made, alike = terms
    parts = [(1, made + count), (-1, made), (-1, left), (-1, total - count), (1, total)]
    parts += [(1, left - 2 * count)] if alike else [(1, left - count), (1, right - count), (-1, right)]
    with decimal.localcontext(_DIGITS):
        return sum((sign * _x_ln_x(value) for sign, value in parts), decimal.Decimal(0))


@lru_cache(maxsize=4096)
def _x_ln_x(x: int) -> decimal.Decimal:
    return _DIGITS.multiply(x, _DIGITS.ln(x)) if x else decimal.Decimal(0)
