"""Where the pieces of some examples come from in the store, and where they go in the rows of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.data.sequences import Plan


@dataclass(frozen=True)
class Layout:
    """``[CLS]``, then every run of tokens with a ``[SEP]`` behind it, for each example of a batch.

    A run is a piece of the plan: consecutive tokens of one document.
    """

    rows: int
    width: int
    """Positions of the longest row."""
    lengths: NDArray[np.int64]
    """(rows,) positions of each row that are no padding."""
    pieces: NDArray[np.int64]
    """(runs,) which piece of the plan each run is."""
    starts: NDArray[np.int64]
    """(runs,) where each run begins in the store."""
    ends: NDArray[np.int64]
    """(runs,) where it ends there."""
    tokens: NDArray[np.int64]
    """(tokens,) where each token goes in the flattened (rows, width)."""
    separators: NDArray[np.int64]
    """(runs,) where the ``[SEP]`` behind each run goes."""

    @classmethod
    def of(cls, plan: Plan, numbers: NDArray[np.int64]) -> Layout:
        """For these examples of a plan."""
        first, last = plan.first_piece[numbers], plan.first_piece[numbers + 1]
        runs = last - first  # of each row
        pieces = ranges(first, runs)
        starts, ends = plan.bounds[pieces, 0], plan.bounds[pieces, 1]
        lengths_of_runs = ends - starts
        row_of_run = np.repeat(np.arange(len(numbers)), runs)
        taken = np.cumsum(lengths_of_runs + 1)  # each with its [SEP]
        lengths = 1 + np.bincount(row_of_run, weights=lengths_of_runs + 1, minlength=len(numbers)).astype(np.int64)
        width = int(lengths.max()) if len(lengths) else 0
        taken_before_row = np.cumsum(lengths - 1) - (lengths - 1)
        separators = row_of_run * width + taken - taken_before_row[row_of_run]
        return cls(
            rows=len(numbers),
            width=width,
            lengths=lengths,
            pieces=pieces,
            starts=starts,
            ends=ends,
            tokens=ranges(separators - lengths_of_runs, lengths_of_runs),
            separators=separators,
        )

    def spread(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Values of the tokens (tokens,) in their places (rows, width), zero at specials and padding."""
        column = np.zeros(self.rows * self.width, dtype=values.dtype)
        column[self.tokens] = values
        return column.reshape(self.rows, self.width)


def ranges(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """``start, start + 1, …`` for each start, as many as its length, one after the other."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))
