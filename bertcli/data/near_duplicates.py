"""Near-duplicates between training and held-out documents, found by MinHash.

A document is the set of its runs of five words; two documents are as near as the Jaccard index of their sets. The share
of equal minima under random orders of all runs estimates it (Broder 1997), and documents that agree in a whole band of
minima are compared (Leskovec, Rajaraman & Ullman 2014, section 3.4). The held-out signatures stay in memory, 512 bytes
a document; training documents pass by in blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.messages import Progress
from bertcli.core.randomness import UInt64Array, hash64
from bertcli.core.ranges import ranges
from bertcli.data.documents import DocumentBlock, document_blocks
from bertcli.data.token_store import TokenStore
from bertcli.text.word_boundaries import WordBoundaries

RUN_WORDS = 5
MINIMA = 128
"""Minima in a signature: the standard deviation of an estimate is at most 0.044."""
_FOUND = 0.99
"""Least probability that a pair as near as the threshold is compared."""
_PAIRS_PER_COMPARISON = 50_000

Signatures = NDArray[np.uint32]
"""(documents, minima)"""


@dataclass(frozen=True)
class NearDuplicate:
    """A held-out document, the training document nearest to it, and their estimated Jaccard index."""

    held_out: int
    training: int
    jaccard: float


def near_duplicates(
    training: TokenStore, held_out: TokenStore, boundaries: WordBoundaries, *, threshold: float, progress: Progress
) -> list[NearDuplicate]:
    """Held-out documents with a training document at least as near as ``threshold``, by their number.

    Progress is told in training documents.
    """
    signatures = [minima_of(runs_of(block, boundaries)) for block in document_blocks(held_out)]
    if not signatures:
        return []
    passing = ((block, minima_of(runs_of(block, boundaries))) for block in document_blocks(training))

    def told() -> Iterator[tuple[int, Signatures]]:
        for block, minima in passing:
            yield block.first, minima
            progress.update(block.first + len(block.starts))

    return nearest(np.concatenate(signatures), told(), threshold=threshold)


def nearest(known: Signatures, training: Iterable[tuple[int, Signatures]], *, threshold: float) -> list[NearDuplicate]:
    """For each known document the nearest that passes by, if it is at least as near as ``threshold``.

    ``training`` are blocks of documents, each with the number of its first.
    """
    index = _BandIndex(known, rows_per_band(threshold))
    best = np.zeros(len(known), dtype=np.float64)
    nearest = np.full(len(known), -1, dtype=np.int64)
    for first, passing in training:
        for theirs, ours in index.meetings(passing):
            jaccard = (passing[theirs] == known[ours]).mean(axis=1)
            # The nearest of each held-out document, the earliest where several are equally near.
            order = np.lexsort((theirs, -jaccard, ours))
            _, firsts = np.unique(ours[order], return_index=True)
            chosen = order[firsts]
            better = chosen[jaccard[chosen] > best[ours[chosen]]]
            best[ours[better]], nearest[ours[better]] = jaccard[better], first + theirs[better]
    found = np.flatnonzero(best >= threshold)
    return [NearDuplicate(int(n), int(nearest[n]), float(best[n])) for n in found]


@dataclass(frozen=True)
class Runs:
    """Hashes of the runs of five words of some documents."""

    hashes: UInt64Array
    """(runs,)"""
    starts: NDArray[np.int64]
    """(documents,) where each document's runs begin; each has at least one."""


def runs_of(block: DocumentBlock, boundaries: WordBoundaries) -> Runs:
    """The runs of each document; one with fewer than five words is one run."""
    starts_word = boundaries.starts(block.ids.astype(np.int64))
    starts_word[block.starts] = True
    word_starts = np.flatnonzero(starts_word)
    in_word = np.arange(len(block.ids)) - np.repeat(word_starts, np.diff(word_starts, append=len(block.ids)))
    words = np.add.reduceat(hash64(0, "near-duplicates: word", in_word, block.ids), word_starts)
    return runs_of_words(words, np.searchsorted(word_starts, block.starts))


def runs_of_words(words: UInt64Array, first_word: NDArray[np.int64]) -> Runs:
    """The runs of documents, of which the hashes of all words are given, and at which of them each begins.

    Every document has a word.
    """
    counts = np.diff(first_word, append=len(words))
    runs = np.maximum(1, counts - RUN_WORDS + 1)
    starts = np.cumsum(runs) - runs
    begin = ranges(first_word, runs)
    end = np.repeat(first_word + counts, runs)
    of_run = [
        np.where(begin + k < end, words[np.minimum(begin + k, len(words) - 1)], np.uint64(0)) for k in range(RUN_WORDS)
    ]
    return Runs(hash64(0, "near-duplicates: run", *of_run), starts)


def minima_of(runs: Runs) -> Signatures:
    """The smallest of each document's runs under each of the orders."""
    factors = hash64(0, "near-duplicates: factor", np.arange(MINIMA)) | np.uint64(1)
    offsets = hash64(0, "near-duplicates: offset", np.arange(MINIMA))
    signatures = np.empty((len(runs.starts), MINIMA), dtype=np.uint32)
    for order, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
        ranks = ((runs.hashes * factor + offset) >> np.uint64(32)).astype(np.uint32)
        signatures[:, order] = np.minimum.reduceat(ranks, runs.starts)
    return signatures


def rows_per_band(threshold: float) -> int:
    """The most minima in a band with which a pair as near as the threshold still meets in one, almost surely.

    A pair of Jaccard index s agrees in one of b bands of r minima with probability 1 - (1 - s**r)**b.
    """
    fitting = [
        rows for rows in range(1, MINIMA + 1) if 1 - (1 - threshold**rows) ** (MINIMA // rows) >= _FOUND
    ]  # 6 for 0.8, 3 for 0.5
    return max(fitting, default=1)


class _BandIndex:
    """Finds the known signatures that agree with others in a whole band."""

    def __init__(self, known: Signatures, rows: int) -> None:
        self._rows = rows
        self._orders = []
        self._keys = []
        for keys in self._bands(known):
            order = np.argsort(keys, kind="stable")
            self._orders.append(order)
            self._keys.append(keys[order])

    def meetings(self, passing: Signatures) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Pairs (passing, known) that agree in a band, some at a time; a pair comes once for each such band."""
        for keys, known, order in zip(self._bands(passing), self._keys, self._orders, strict=True):
            low, high = np.searchsorted(known, keys, side="left"), np.searchsorted(known, keys, side="right")
            meeting = np.flatnonzero(high > low)
            counts = (high - low)[meeting]
            blocks = np.cumsum(counts) // _PAIRS_PER_COMPARISON
            for block in np.unique(blocks):
                chosen = blocks == block
                theirs, many = meeting[chosen], counts[chosen]
                places = ranges(low[theirs], many)
                yield np.repeat(theirs, many), order[places]

    def _bands(self, signatures: Signatures) -> Iterator[UInt64Array]:
        for band in range(MINIMA // self._rows):
            of_band = signatures[:, band * self._rows : (band + 1) * self._rows]
            yield hash64(0, "near-duplicates: band", band, *of_band.T)
