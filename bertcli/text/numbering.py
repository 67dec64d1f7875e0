"""Distinct strings, numbered in the order in which they are first met: many at a time, none of them a Python object.

A table of open addressing over a hash of the bytes; where two hashes agree the bytes are compared, so that a number
never stands for two strings.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bertcli.core.ranges import ranges
from bertcli.core.runs import Runs
from bertcli.text.strings import bytes_of_array

_FACTOR = 0x9E3779B97F4A7C15
_MIXER = 0xBF58476D1CE4E5B9
_LONGEST = 256
"""Powers of the factor that are kept; the bytes of a longer string take them from the beginning again."""
_POWERS = np.cumprod(np.full(_LONGEST, _FACTOR, np.uint64), dtype=np.uint64)
_FEWEST_SLOTS = 1 << 12


class Numbering:
    """The numbers of strings that were met."""

    def __init__(self) -> None:
        self._hashes = np.zeros(0, np.uint64)  # (strings,), in the order of the numbers, like what follows
        self._known = Runs.of([], np.uint8)
        self._slots = np.full(_FEWEST_SLOTS, -1, np.int32)

    def __len__(self) -> int:
        return len(self._hashes)

    @property
    def characters(self) -> int:
        """Bytes of all strings."""
        return int(self._known.offsets[-1])

    def number(self, strings: pa.LargeStringArray) -> tuple[NDArray[np.int32], Runs]:
        """(strings,) their numbers, and those that were not met before in the order of their numbers."""
        encoded = strings.dictionary_encode()
        distinct = bytes_of_array(encoded.dictionary)
        hashes = hashes_of(distinct)
        numbers = self._find(distinct, hashes)
        places = np.flatnonzero(numbers < 0)
        new = distinct.take(places)
        if len(places):
            numbers[places] = np.arange(len(self), len(self) + len(places))
            self._add(new, hashes[places])
        indices = np.frombuffer(encoded.indices.buffers()[1], np.int32, len(encoded))
        return numbers[indices], new

    def _find(self, strings: Runs, hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
        """(strings,) the numbers of those that are there, -1 for others."""
        numbers = np.full(len(strings), -1, np.int32)
        waiting = np.arange(len(strings))
        at = self._places(hashes)
        while len(waiting):
            found = self._slots[at]
            same = np.flatnonzero((found >= 0) & (self._hashes[found] == hashes[waiting]) if len(self) else found >= 0)
            same = same[self._are_equal(strings, waiting[same], found[same])]
            numbers[waiting[same]] = found[same]
            goes_on = found >= 0
            goes_on[same] = False
            waiting, at = waiting[goes_on], (at[goes_on] + 1) & (len(self._slots) - 1)
        return numbers

    def _are_equal(self, strings: Runs, rows: NDArray[np.int64], numbers: NDArray[np.int32]) -> NDArray[np.bool_]:
        lengths = np.diff(strings.offsets)[rows]
        begins = self._known.offsets[numbers]
        equal = lengths == self._known.offsets[numbers + 1] - begins
        compared = np.where(equal, lengths, 0)
        differ = strings.values[ranges(strings.offsets[rows], compared)] != self._known.values[ranges(begins, compared)]
        equal[np.repeat(np.arange(len(rows)), compared)[differ]] = False
        return np.asarray(equal, dtype=np.bool_)

    def _add(self, new: Runs, hashes: NDArray[np.uint64]) -> None:
        self._known = self._known.joined(new)
        self._hashes = np.concatenate([self._hashes, hashes])
        first = len(self._hashes) - len(hashes)
        if 2 * len(self) > len(self._slots):
            self._slots = np.full(1 << (4 * len(self) - 1).bit_length(), -1, np.int32)
            first = 0
        self._insert(np.arange(first, len(self), dtype=np.int32))

    def _insert(self, numbers: NDArray[np.int32]) -> None:
        at = self._places(self._hashes[numbers])
        while len(numbers):
            free = self._slots[at] < 0
            self._slots[at[free]] = numbers[free]
            left = self._slots[at] != numbers  # of several for one slot, one has got it
            numbers, at = numbers[left], (at[left] + 1) & (len(self._slots) - 1)

    def _places(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        places: NDArray[np.int64] = (hashes & np.uint64(len(self._slots) - 1)).astype(np.int64)
        return places


def hashes_of(strings: Runs) -> NDArray[np.uint64]:
    """(strings,) a hash of the bytes of each."""
    begins, lengths = strings.offsets[:-1], np.diff(strings.offsets)
    data = strings.values[strings.offsets[0] : strings.offsets[-1]]
    places = np.arange(len(data)) - np.repeat(begins - strings.offsets[0], lengths)
    terms = (data.astype(np.uint64) + np.uint64(1)) * _POWERS[places % _LONGEST]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])  # they wrap around
    ends = strings.offsets - strings.offsets[0]
    hashes = sums[ends[1:]] - sums[ends[:-1]]
    hashes = (hashes ^ (hashes >> np.uint64(32))) * np.uint64(_MIXER)
    return np.asarray(hashes ^ (hashes >> np.uint64(29)), dtype=np.uint64)
