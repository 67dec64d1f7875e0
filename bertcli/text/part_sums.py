"""Sums over the words of many texts: what stands between two spaces is split and valued once, then looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

_MOST_PARTS = 250_000  # then the table starts anew: its size does not depend on the size of the text

FloatArray = NDArray[np.float64]
Split = Callable[[str], Iterable[str]]
Value = Callable[[Sequence[str]], FloatArray]


class PartSums:
    """The parts that were met, and the sums over the words of each; ``value`` gives (parts, columns) for new ones."""

    def __init__(self, value: Value, *, columns: int) -> None:
        self._value = value
        self._columns = columns
        self._numbers = _Numbers()
        self._sums: FloatArray = np.empty((0, columns))

    def of(self, texts: Sequence[str]) -> FloatArray:
        """(texts, columns) the sums over the words of each text."""
        if len(self._numbers) > _MOST_PARTS:
            self._numbers.clear()
        known = len(self._numbers)
        parts = [text.replace("\n", " ").split(" ") for text in texts]
        lengths = np.fromiter(map(len, parts), np.int64, len(parts))
        numbers = np.fromiter(map(self._numbers.__getitem__, chain.from_iterable(parts)), np.int64, int(lengths.sum()))
        self._learn(known)
        return np.add.reduceat(self._sums[numbers], np.cumsum(lengths) - lengths, axis=0)

    def _learn(self, known: int) -> None:
        """Fill in the sums of all parts but the first ``known``."""
        met = len(self._numbers)
        new = list(islice(reversed(self._numbers), met - known))[::-1]
        if met > len(self._sums):
            grown = np.empty((2 * met, self._columns))
            grown[:known] = self._sums[:known]
            self._sums = grown
        if new:
            self._sums[known:met] = self._value(new)


class _Numbers(dict[str, int]):
    """Numbers parts in the order in which they are looked up."""

    def __missing__(self, part: str) -> int:
        number = self[part] = len(self)
        return number


def sum_over_words(parts: Sequence[str], split: Split, value: Value) -> FloatArray:
    """(parts, columns) from ``value``, which gives (words, columns) for distinct words."""
    words = [list(split(part)) for part in parts]
    places: dict[str, int] = {}
    of_word = np.array([places.setdefault(word, len(places)) for word in chain.from_iterable(words)], np.int64)
    values = value(list(places))
    owners = np.repeat(np.arange(len(parts)), np.fromiter(map(len, words), np.int64, len(words)))
    columns = [np.bincount(owners, weights=column[of_word], minlength=len(parts)) for column in values.T]
    return np.stack(columns, axis=1)
