"""Words for a vocabulary that has been learned already: those of another text that save the most pieces.

A word that becomes a piece begins, by longest match, every longer word that begins with it: with "foo" the word
"foobar" is cut "foo ##bar", perhaps into more pieces than before. What a word saves is therefore counted over all words
of the text that begin with it, given what has been added already, and nothing is estimated.

An unknown word counts as one piece more than it has characters: more than any way to write it. So a word or symbol that
was unknown is worth adding, and a word that makes others unknown is not.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bertcli.core.messages import Progress
from bertcli.text.longest_match import LongestMatch
from bertcli.text.pieces import is_unused


@dataclass(frozen=True, slots=True)
class NewWord:
    """A word that becomes a piece: how often it occurs, and the pieces that it saves in all words it begins."""

    word: str
    count: int
    saved: int


@dataclass(frozen=True)
class Extension:
    """All pieces in the order of their ids, and how many of the new ones stand in ``[unusedN]`` places."""

    pieces: list[str]
    filled: int


def extend(pieces: Sequence[str], words: Sequence[str], *, fill_unused: bool) -> Extension:
    """The pieces with the words behind them; with ``fill_unused`` first in the ``[unusedN]`` places, in their order."""
    extended = list(pieces)
    places = [number for number, piece in enumerate(pieces) if is_unused(piece)] if fill_unused else []
    filled = min(len(places), len(words))
    for place, word in zip(places, words, strict=False):
        extended[place] = word
    return Extension(extended + list(words[filled:]), filled)


def choose_words(
    words: Mapping[str, int],
    pieces: Sequence[str],
    *,
    most: int,
    min_count: int = 2,
    progress: Progress | None = None,
) -> list[NewWord]:
    """At most ``most`` words, each the one that saves most when it is added to the pieces and the words before it.

    ``words`` are those of a text with their counts, in the order of first sight, which decides between equals. A word
    that occurs less than ``min_count`` times or saves nothing is never taken.
    """
    savings = _Savings(words, pieces, min_count)
    chosen: list[NewWord] = []
    while len(chosen) < most and (best := savings.take_best()) is not None:
        chosen.append(best)
        if progress is not None:
            progress.update(len(chosen))
    return chosen


class _Savings:
    """What each word would save, kept exact while words are added.

    The words stand sorted, so that those which begin with word ``n`` are the run from ``n`` to ``_ends[n]``, and each
    knows its longest proper beginning among them (``_parents``, -1 for none).
    """

    def __init__(self, words: Mapping[str, int], pieces: Sequence[str], min_count: int) -> None:
        self._match = LongestMatch(pieces)
        self._words = sorted(words)
        self._counts = [words[word] for word in self._words]
        self._parents, self._ends = _runs(self._words)
        self._first = [self._match.first(word) for word in self._words]  # characters of the first piece
        self._costs = [self._cost(word, first) for word, first in zip(self._words, self._first, strict=True)]
        order = {word: number for number, word in enumerate(words)}
        self._seen = [order[word] for word in self._words]
        self._saved = [0] * len(self._words)
        self._queue: list[tuple[int, int, int]] = []  # minus what is saved, order of first sight, number
        self._is_candidate = [
            count >= min_count and first < len(word)
            for word, count, first in zip(self._words, self._counts, self._first, strict=True)
        ]
        for number in range(len(self._words)):
            self._count_anew(number)

    def take_best(self) -> NewWord | None:
        """Add the word that saves most, and return it; None where none saves anything."""
        while self._queue:
            negative, _, number = heapq.heappop(self._queue)
            if self._saved[number] == -negative:
                self._add(number)
                return NewWord(self._words[number], self._counts[number], -negative)
        return None

    def _add(self, number: int) -> None:
        length = len(self._words[number])
        for other, cost in self._changes(number):
            self._first[other], self._costs[other] = length, cost
        self._is_candidate[number], self._saved[number] = False, 0  # entries left in the queue no longer hold
        # What the others save has changed, up or down, where they share a word with this one.
        for other in range(number, self._ends[number]):
            self._count_anew(other)
        above = self._parents[number]
        while above >= 0:
            self._count_anew(above)
            above = self._parents[above]

    def _count_anew(self, number: int) -> None:
        if not self._is_candidate[number]:
            return
        saved = sum(self._counts[other] * (self._costs[other] - cost) for other, cost in self._changes(number))
        if saved != self._saved[number]:
            self._saved[number] = saved
            if saved > 0:
                heapq.heappush(self._queue, (-saved, self._seen[number], number))

    def _changes(self, number: int) -> Iterator[tuple[int, int]]:
        """The words that would begin with this one as their first piece, and the pieces they would have then."""
        length = len(self._words[number])
        for other in range(number, self._ends[number]):
            if self._first[other] < length:
                yield other, self._cost(self._words[other], length)

    def _cost(self, word: str, first: int) -> int:
        """Pieces of a word whose first piece has so many characters; of an unknown one, see above."""
        further = self._match.further_count(word[first:]) if first else None
        return len(word) + 1 if further is None else 1 + further


def _runs(words: Sequence[str]) -> tuple[list[int], list[int]]:
    """For sorted words: the longest other word that each begins with, and the end of the run that begins with it."""
    parents, ends = [-1] * len(words), [len(words)] * len(words)
    open_runs: list[int] = []
    for number, word in enumerate(words):
        while open_runs and not word.startswith(words[open_runs[-1]]):
            ends[open_runs.pop()] = number
        if open_runs:
            parents[number] = open_runs[-1]
        open_runs.append(number)
    return parents, ends
