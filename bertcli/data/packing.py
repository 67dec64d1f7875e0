"""Packing: the sequences of a finished micro-batch, moved together into fewer rows; only the layout changes.

Every sequence keeps its pieces, its mask and its labels, whatever row it comes to stand in. What tells sequences apart:

===================  ===================  ===================================================================
``sequence_ids``     (rows, seq)          1, 2, … along each row, 0 on padding
``position_ids``     (rows, seq)          0, 1, … from the beginning of each sequence, 0 on padding
``first_positions``  (rows, sequences)    where each sequence of a row begins, padded with 0
``firsts``           (sequences,)         where the sequences stand among the flattened ``first_positions``
===================  ===================  ===================================================================

Columns (batch, seq) are moved along; those of sequences, (sequences,), follow the order of the rows and of the places
in them.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED, Columns
from bertcli.core.ranges import ranges

_LABELS = "labels"
"""A column (batch, seq) that is called so, or ends so, has ``IGNORED`` where there is nothing; others have 0."""


@dataclass(frozen=True)
class Packing:
    """The longest that a row may become, and the piece that pads it. A longer sequence has a row of its own."""

    row_length: int
    pad_id: int

    def place(self, attention_mask: NDArray[Any]) -> Placement | None:
        """Where the sequences of a batch go; None where no two of them fit into a row together."""
        lengths = attention_mask.sum(axis=1)
        rows = best_fit(lengths.tolist(), self.row_length)
        if len(rows) == len(lengths):
            return None
        return Placement.of(rows, lengths, attention_mask.shape[1], self.pad_id)


@dataclass(frozen=True)
class Placement:
    """Where the sequences of a batch (batch, seq) stand in packed rows (rows, width)."""

    rows: int
    width: int
    pad_id: int
    order: NDArray[np.int64]
    """(sequences,) which of the batch they are: row by row, then by place in the row."""
    numbers: NDArray[np.int64]
    """(sequences,) the place of each in its row, from 1."""
    starts: NDArray[np.int64]
    """(sequences,) where each begins in the flattened (rows, width)."""
    lengths: NDArray[np.int64]
    """(sequences,) pieces of each."""
    sources: NDArray[np.int64]
    """(tokens,) where the pieces stand in the flattened (batch, seq)."""
    destinations: NDArray[np.int64]
    """(tokens,) where they go in the flattened (rows, width)."""

    @classmethod
    def of(cls, rows: list[list[int]], lengths: NDArray[np.int64], seq: int, pad_id: int) -> Placement:
        """For rows of sequences, each of ``lengths`` (sequences,) at the front of its row of ``seq`` positions."""
        in_row = np.array([len(row) for row in rows])
        order = np.array([number for row in rows for number in row])
        first_of_row = np.repeat(np.cumsum(in_row) - in_row, in_row)
        row_of = np.repeat(np.arange(len(rows)), in_row)
        taken = lengths[order]
        before = np.cumsum(taken) - taken
        offsets = before - before[first_of_row]
        width = int((offsets + taken).max())
        starts = row_of * width + offsets
        return cls(
            rows=len(rows),
            width=width,
            pad_id=pad_id,
            order=order,
            numbers=1 + np.arange(len(order)) - first_of_row,
            starts=starts,
            lengths=taken,
            sources=ranges(order * seq, taken),
            destinations=ranges(starts, taken),
        )

    def pack(self, columns: Columns) -> Columns:
        """The columns of the batch in their new places, with those that tell sequences apart."""
        packed = {
            name: self.move(values, self._fill(name)) if values.ndim > 1 else values[self.order]
            for name, values in columns.items()
        }
        packed["sequence_ids"] = self._spread(np.repeat(self.numbers, self.lengths), 0)
        packed["position_ids"] = self._spread(ranges(np.zeros_like(self.lengths), self.lengths), 0)
        packed["first_positions"], packed["firsts"] = self._firsts()
        return packed

    def move(self, values: NDArray[Any], fill: int) -> NDArray[Any]:
        """One column, (batch, seq) → (rows, width), with ``fill`` on padding."""
        return self._spread(values.reshape(-1).take(self.sources), fill)

    def _fill(self, name: str) -> int:
        if name == "input_ids":
            return self.pad_id
        return IGNORED if name.endswith(_LABELS) else 0

    def _spread(self, values: NDArray[Any], fill: int) -> NDArray[Any]:
        row = np.full(self.rows * self.width, fill, dtype=values.dtype)
        row[self.destinations] = values
        return row.reshape(self.rows, self.width)

    def _firsts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        most = int(self.numbers.max())
        firsts = self.starts // self.width * most + self.numbers - 1
        positions = np.zeros(self.rows * most, dtype=np.int64)
        positions[firsts] = self.starts % self.width
        return positions.reshape(self.rows, most), firsts


def best_fit(lengths: list[int], row_length: int) -> list[list[int]]:
    """Rows of sequences, by number: the longest first, each into the fullest row that still has room for it.

    Best-fit decreasing needs at most 11/9 of the fewest rows possible, and four (Johnson et al. 1974). In a row the
    sequences keep their order, and rows that of their first sequences: the result depends on the lengths alone.
    """
    rows: list[list[int]] = []
    rooms: list[tuple[int, int]] = []  # (room left, row), sorted
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        length = lengths[number]
        at = bisect_left(rooms, (length, 0))
        if at < len(rooms):
            room, row = rooms.pop(at)
        else:
            room, row = row_length, len(rows)
            rows.append([])
        rows[row].append(number)
        insort(rooms, (room - length, row))
    return sorted(sorted(row) for row in rows)
