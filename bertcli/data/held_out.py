"""Which documents are held out: decided by the hash of a document's text, so that copies stay together.

Every document is decided by itself, so that no document waits for another and several jobs decide alike. That at least
one is held out of a larger corpus is seen to at the end: every shard knows its training documents with the smallest
hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from bertcli.text.document_hash import document_hash

Item = TypeVar("Item")

SMALLEST_CORPUS = 10
"""With fewer documents none is held out; from here on never fewer than one."""


@dataclass(frozen=True)
class HeldOut:
    """Holds out a ``share`` of all documents; ``key`` is the hash of one that is held out besides."""

    share: float
    key: int | None = None

    def split(self, documents: Iterable[tuple[str, Item]]) -> Iterator[tuple[bool, int, Item]]:
        """Decide for each (text or group, item) whether it is held out: ``(held_out, hash, item)``, in order."""
        bound = int(self.share * 2**64)
        for text, item in documents:
            key = document_hash(text)
            yield key < bound or key == self.key, key, item


@dataclass
class SmallestHash:
    """The smallest hash of some training documents, and the rows that have it, as ``[first, end]`` runs."""

    key: int | None = None
    runs: list[list[int]] = field(default_factory=list)

    def add(self, keys: NDArray[np.uint64], first_row: int) -> None:
        """Rows from ``first_row`` on, with their hashes (rows,)."""
        if not len(keys):
            return
        smallest = int(keys.min())
        if self.key is None or smallest < self.key:
            self.key, self.runs = smallest, []
        if smallest == self.key:
            for row in (first_row + np.flatnonzero(keys == keys.min())).tolist():
                if self.runs and self.runs[-1][1] == row:
                    self.runs[-1][1] = row + 1
                else:
                    self.runs.append([row, row + 1])

    @property
    def rows(self) -> int:
        """The number of rows that have it."""
        return sum(end - first for first, end in self.runs)

    def among(self, first_row: int, rows: int) -> NDArray[np.bool_]:
        """(rows,) which of so many rows from ``first_row`` on have it."""
        chosen = np.zeros(rows, dtype=np.bool_)
        for first, end in self.runs:
            chosen[max(0, first - first_row) : max(0, end - first_row)] = True
        return chosen

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {"key": self.key, "runs": self.runs}

    @classmethod
    def from_dump(cls, values: dict[str, Any]) -> Self:
        """The inverse of ``dump``."""
        return cls(values["key"], values["runs"])


def smallest_to_hold_out(shards: Iterable[tuple[int, int, SmallestHash | None]], share: float) -> int | None:
    """The hash to hold out besides, for shards of (training documents, held-out documents, smallest hash).

    None where documents are held out already, where there are too few, where none shall be held out, or where all of
    them have one text.
    """
    documents = 0
    rows: dict[int, int] = {}
    for training, held_out, smallest in shards:
        if held_out:
            return None
        documents += training
        if smallest is not None and smallest.key is not None:
            rows[smallest.key] = rows.get(smallest.key, 0) + smallest.rows
    if share == 0 or documents < SMALLEST_CORPUS or not rows:
        return None
    key = min(rows)
    return key if rows[key] < documents else None
