"""Sequences of whole sentences up to the length, across documents or within them (Liu et al. 2019, section 4.2).

A document's first sentence that follows another document's last one has a ``[SEP]`` before it. A sentence longer than a
sequence is cut, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.randomness import permutation
from bertcli.core.ranges import ranges
from bertcli.data.chains import SENTENCES_PER_BLOCK, reached
from bertcli.data.plan import Plan
from bertcli.data.token_store import TokenStore


def plan_whole_sentences(store: TokenStore, *, seq_length: int, seed: int, epoch: int, across_documents: bool) -> Plan:
    """The documents in random order, each sentence in the first sequence that has room for it."""
    budget = seq_length - 2  # [CLS] and the last [SEP]
    order = permutation(seed, "document order", epoch, store.documents)
    parts: list[Plan] = []
    units = _Units.of(store, order[:0], budget)
    for documents in _blocks(store, order):
        units = units.followed_by(_Units.of(store, documents, budget))
        part, units = _filled(units, budget, across_documents=across_documents)
        parts.append(part)
    if len(units):
        parts.append(units.plan(np.zeros(1, np.int64)))
    return Plan.joined(parts)


@dataclass(frozen=True)
class _Units:
    """What is not divided any more: sentences, and the parts of those that are longer than a sequence."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    opens: NDArray[np.bool_]
    """Whether it is the first of its document."""

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def of(cls, store: TokenStore, documents: NDArray[np.int64], budget: int) -> _Units:
        """The sentences of these documents, in their order."""
        low = store.sentence_starts[documents]
        counts = store.sentence_starts[documents + 1] - low
        starts, ends = store.sentence_bounds(ranges(low, counts))
        parts = -(-(ends - starts) // budget)
        first = np.cumsum(parts) - parts  # each sentence's first unit
        part = ranges(np.zeros_like(parts), parts)
        starts = np.repeat(starts, parts) + part * budget
        ends = np.minimum(starts + budget, np.repeat(ends, parts))
        opens = np.zeros(len(starts), dtype=np.bool_)
        opens[first[np.cumsum(counts) - counts]] = True
        return cls(starts, ends, opens)

    def followed_by(self, others: _Units) -> _Units:
        """These, then the others."""
        return _Units(
            np.concatenate([self.starts, others.starts]),
            np.concatenate([self.ends, others.ends]),
            np.concatenate([self.opens, others.opens]),
        )

    def cut(self, at: int) -> tuple[_Units, _Units]:
        """Those before ``at``, and those from it on."""
        return (
            _Units(self.starts[:at], self.ends[:at], self.opens[:at]),
            _Units(self.starts[at:], self.ends[at:], self.opens[at:]),
        )

    def plan(self, firsts: NDArray[np.int64]) -> Plan:
        """Examples that begin at the units ``firsts``: a piece is what lies in one example and one document."""
        begins = self.opens.copy()
        begins[firsts] = True
        pieces = np.flatnonzero(begins)
        ends = self.ends[np.append(pieces[1:], len(self)) - 1] if len(pieces) else self.ends
        return Plan(
            bounds=np.stack([self.starts[pieces], ends], axis=1),
            segments=np.zeros(len(pieces), dtype=np.int8),
            first_piece=np.append(np.searchsorted(pieces, firsts), len(pieces)),
            relation=np.full(len(firsts), -1, dtype=np.int8),
        )


def _blocks(store: TokenStore, order: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """The documents in their order, some at a time."""
    sentences = np.cumsum(store.sentence_starts[order + 1] - store.sentence_starts[order])
    at = 0
    while at < len(order):
        before = int(sentences[at - 1]) if at else 0
        stop = max(at + 1, int(np.searchsorted(sentences, before + SENTENCES_PER_BLOCK, side="right")))
        yield order[at:stop]
        at = stop


def _filled(units: _Units, budget: int, *, across_documents: bool) -> tuple[Plan, _Units]:
    """The examples that are full whatever follows, and the units of the one that is not."""
    lengths = units.ends - units.starts
    ends = np.cumsum(lengths + units.opens)  # with the [SEP] before each document
    stops = np.searchsorted(ends, ends - lengths + budget, side="right")
    if not across_documents:
        opening = np.append(np.flatnonzero(units.opens), len(units))
        stops = np.minimum(stops, opening[np.cumsum(units.opens)])
    firsts, _ = reached(stops)
    full, open_ones = units.cut(int(firsts[-1]) if across_documents else len(units))
    return full.plan(firsts[firsts < len(full)]), open_ones
