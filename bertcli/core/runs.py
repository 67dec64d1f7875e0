"""Runs of numbers of different lengths, one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bertcli.core.ranges import ranges


@dataclass(frozen=True)
class Runs:
    """``values`` is (numbers,), ``offsets`` (runs + 1,)."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, runs: Sequence[Sequence[Any]], dtype: DTypeLike) -> Runs:
        """A copy of these."""
        lengths = np.fromiter(map(len, runs), np.int64, len(runs))
        return cls.with_lengths(np.fromiter(chain.from_iterable(runs), dtype, int(lengths.sum())), lengths)

    @classmethod
    def with_lengths(cls, values: NDArray[Any], lengths: NDArray[np.int64]) -> Runs:
        """Values cut into runs of these lengths (runs,)."""
        return cls(values, np.concatenate([[0], np.cumsum(lengths)]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(runs,)."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[Any]) -> Runs:
        """A copy of these runs, in this order."""
        lengths = self.lengths[rows]
        return Runs.with_lengths(self.values[ranges(self.offsets[rows], lengths)], lengths)

    def joined(self, more: Runs) -> Runs:
        """A copy with more behind."""
        first, last = int(self.offsets[0]), int(self.offsets[-1])
        values = np.concatenate([self.values[first:last], more.values[more.offsets[0] : more.offsets[-1]]])
        return Runs(values, np.concatenate([self.offsets - first, more.offsets[1:] - more.offsets[0] + last - first]))
