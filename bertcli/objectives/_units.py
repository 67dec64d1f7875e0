"""Units: pieces that are hidden together, such as a word, a phrase or a run of words.

Everything is told by one boolean column, ``unit_starts`` (batch, seq): True where a unit begins. Specials ([UNK]
among them) and padding end a unit and belong to none, so a unit never reaches over a [SEP], and the pieces of a word
that was cut off at a segment's front are a unit of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import Columns
from bertcli.contracts.objective import Corruption
from bertcli.core.randomness import hash64, uniform

Unit = Literal["token", "word", "span", "ngram", "entity"]

_OUTSIDE, _BEGINS = 0, 1  # of the column ``spans``; 2 is inside
_LENGTH = "units: words in a run"
_COIN = np.uint64(32)  # a bit of a draw that neither its place in the order nor the room for a length has to do with


def word_starts(columns: Columns) -> NDArray[np.bool_]:
    """``unit_starts`` of whole words."""
    maskable = columns["special_tokens_mask"] == 0
    starts: NDArray[np.bool_] = maskable & ((columns["word_starts"] == 1) | _after_special(maskable))
    return starts


def entity_starts(columns: Columns) -> NDArray[np.bool_]:
    """``unit_starts`` of entities and phrases, and of the words that lie in none."""
    maskable = columns["special_tokens_mask"] == 0
    spans = columns["spans"]
    outside = spans == _OUTSIDE
    before = np.ones_like(outside)
    before[:, 1:] = outside[:, :-1]
    begins = (spans == _BEGINS) | (outside != before) | (outside & (columns["word_starts"] == 1))
    starts: NDArray[np.bool_] = maskable & (begins | _after_special(maskable))
    return starts


def run_starts(columns: Columns, shares: Sequence[float], corruption: Corruption) -> NDArray[np.bool_]:
    """``unit_starts`` of runs of whole words; ``shares[i]`` of them have ``i + 1`` words.

    A length is drawn for every word of a row, by its number in it, and each run begins where the last one ended. The
    last run before a special may be shorter than drawn.
    """
    words = word_starts(columns)
    rows, width = words.shape
    firsts = np.flatnonzero(words)
    row_of_word = firsts // width
    words_of_rows = words.sum(axis=1)
    words_before = np.cumsum(words_of_rows) - words_of_rows
    number = np.arange(len(firsts)) - words_before[row_of_word]
    draws = hash64(corruption.seed, _LENGTH, corruption.epoch, columns["example_ids"][row_of_word], number)
    is_front = _after_special(columns["special_tokens_mask"] == 0).ravel()[firsts]
    starts = np.zeros(rows * width, dtype=np.bool_)
    starts[firsts[_reached(is_front, lengths_of(draws, shares))]] = True
    return starts.reshape(rows, width)


def lengths_of(draws: NDArray[np.uint64], shares: Sequence[float]) -> NDArray[np.int64]:
    """Draws as lengths from 1 on, of which each has its share."""
    bounds = np.cumsum(shares)[:-1]
    lengths: NDArray[np.int64] = 1 + np.searchsorted(bounds, uniform(draws), side="right")
    return lengths


def geometric_shares(stop: float, longest: int) -> list[float]:
    """Shares of the lengths 1 to ``longest`` where a run ends with probability ``stop`` after every word."""
    return _normalised([stop * (1 - stop) ** length for length in range(longest)])


def harmonic_shares(longest: int) -> list[float]:
    """Shares of the lengths 1 to ``longest`` in proportion to 1 / length."""
    return _normalised([1 / length for length in range(1, longest + 1)])


def _normalised(weights: list[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _after_special(maskable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(batch, seq) whether the position before is a special, or there is none."""
    after = np.ones_like(maskable)
    after[:, 1:] = ~maskable[:, :-1]
    return after


def _reached(is_front: NDArray[np.bool_], lengths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(words,) where runs begin, of words one after the other.

    A run begins at every front, and ``lengths[word]`` words behind a word where one begins, unless a front comes first.
    The steps are doubled in every round, so that there are as many rounds as the longest chain of runs has binary
    digits.
    """
    count = len(lengths)
    fronts = np.flatnonzero(is_front)
    words_from_front = np.diff(fronts, append=count)
    next_front = np.repeat(fronts + words_from_front, words_from_front)
    reaches = np.append(np.minimum(np.arange(count) + lengths, next_front), count)  # the last one is the end
    reached = np.append(is_front, True)
    for _ in range(int(words_from_front.max(initial=1)).bit_length()):
        reached[reaches[reached]] = True
        reaches = reaches[reaches]
    return reached[:-1]


@dataclass(frozen=True)
class Units:
    """The units of a batch, one after the other."""

    firsts: NDArray[np.int64]
    """(units,) where each begins in the flattened (batch, seq)."""
    pieces: NDArray[np.int64]
    """(units,) how many pieces it has."""
    members: NDArray[np.int64]
    """(pieces,) where every piece that belongs to a unit stands in the flattened (batch, seq)."""

    @classmethod
    def of(cls, starts: NDArray[np.bool_], maskable: NDArray[np.bool_]) -> Units:
        """From ``unit_starts`` (batch, seq) and where there is something to mask."""
        members = np.flatnonzero(maskable)
        begins = np.flatnonzero(starts.ravel()[members])
        return cls(members[begins], np.diff(begins, append=len(members)), members)

    def sums(self, of_positions: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(units,) at how many of its pieces a column (batch, seq) is true."""
        before = np.append(0, np.cumsum(of_positions.ravel()[self.members]))
        ends = np.cumsum(self.pieces)
        sums: NDArray[np.int64] = before[ends] - before[ends - self.pieces]
        return sums

    def spread(self, of_units: NDArray[np.generic]) -> NDArray[np.generic]:
        """Values of the units (units,) for each of their pieces (pieces,)."""
        return np.repeat(of_units, self.pieces)


def pieces_wanted(maskable: NDArray[np.bool_], rate: float) -> NDArray[np.int64]:
    """(batch,) how many pieces of each row are to be hidden: at least one where there is any."""
    counts = maskable.sum(axis=1)
    wanted: NDArray[np.int64] = np.minimum(np.maximum(1, np.rint(rate * counts)), counts).astype(np.int64)
    return wanted


def choose_units(
    units: Units, draws: NDArray[np.uint64], wanted: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """(units,) which ones are hidden, where each row of the batch has ``wanted`` (batch,) pieces to hide.

    Of each row the units with the smallest ``draws`` (units,): as many as come nearest to what is wanted, but at least
    one. Where one unit more is as near, a bit of its draw decides: with the smaller number always, the rate would be a
    hundredth too low.
    """
    rows, width = shape
    row = units.firsts // width
    count = np.bincount(row, minlength=rows)
    column = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    # The number of pieces stands in the lowest digits of what is sorted, so that it comes along.
    digits = np.uint64(width.bit_length())
    low = (np.uint64(1) << digits) - np.uint64(1)
    keys = (draws & ~low) | units.pieces.astype(np.uint64)
    ordered = np.full((rows, int(count.max(initial=0)) + 1), np.iinfo(np.uint64).max)
    ordered[row, column] = keys
    ordered.sort(axis=1)
    taken = np.cumsum((ordered & low).astype(np.int64), axis=1)
    whole = (taken <= wanted[:, None]).sum(axis=1)  # units that fit
    every = np.arange(rows)
    below = np.where(whole > 0, wanted - taken[every, whole - 1], width)
    coin = (ordered[every, whole] >> _COIN) & np.uint64(1) == 1
    above = taken[every, whole] - wanted
    whole += (above < below) | (coin & (above == below))
    bound = ordered[every, np.maximum(whole - 1, 0)]
    chosen: NDArray[np.bool_] = keys <= bound[row]
    return chosen
