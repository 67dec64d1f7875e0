"""Pairs: ``[CLS] A [SEP] B [SEP]``, where an objective decides how B stands to A (Devlin et al. 2019, appendix A.2).

A chunk is whole sentences of one document until the length is reached, and is divided after a random sentence; or it is
two sentences, and each is a segment. The two parts follow each other, in their order or swapped. Where B is from
elsewhere instead, the second part of the chunk begins the next one, as in ``create_pretraining_data.py``, so that its
tokens are not lost. Among the relations that a chunk allows each is as probable.

A chunk of one sentence has no second part: what allows no pair then is left out. Where no relation takes B from another
document, such a sentence at the end of a document is paired with the one before it, which is used twice.

A chunk is a function of the sentence that it begins with, whose number is what every draw is keyed by: chunks are made
for all sentences at once, and then those are kept that a pass comes by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bertcli.core.randomness import hash64, uniform
from bertcli.data.chains import SENTENCES_PER_BLOCK, reached
from bertcli.data.plan import Plan
from bertcli.data.relations import FROM_ELSEWHERE, lone_is_unused, pairing_fault
from bertcli.data.token_store import TokenStore
from bertcli.data.truncation import tosses, truncated_lengths

Integers = NDArray[np.int64]

_SPECIALS = 3  # [CLS] A [SEP] B [SEP]


def plan_pairs(
    store: TokenStore,
    *,
    seq_length: int,
    seed: int,
    epoch: int,
    relations: tuple[str, ...],
    short_sequence_probability: float = 0.0,
    single_sentences: bool = False,
) -> Plan:
    """One pass over the documents in their order. Without ``relations`` B follows A, and a lone sentence is alone.

    With ``single_sentences`` segments are one sentence each. Raises ``DataError`` where the documents give no pair.
    """
    fault = pairing_fault(store, relations)
    if fault is not None:
        raise fault
    pairing = _Pairing(store, seq_length, seed, epoch, relations, short_sequence_probability, single_sentences)
    parts: list[Plan] = []
    at, sentences = 0, len(store.sentence_ends)
    while at < sentences:
        chunks = pairing.chunks(at, min(at + SENTENCES_PER_BLOCK, sentences))
        begun, after = reached(chunks.following - at)
        parts.append(pairing.plan(chunks.where(begun)))
        at += after
    return Plan.joined(parts)


@dataclass(frozen=True)
class _Chunks:
    """Chunks (chunks,) of sentences: A is ``first`` to ``middle``, what follows it in the chunk goes to ``stop``."""

    number: Integers
    """The sentence that draws are keyed by."""
    first: Integers
    middle: Integers
    stop: Integers
    document: Integers
    target: Integers
    """Tokens that A and B are to have."""
    relation: Integers
    """Index of the relation, -1 where none is possible."""
    following: Integers
    """The sentence that the next chunk begins with."""

    def where(self, chosen: Integers | NDArray[np.bool_]) -> Self:
        """Some of them."""
        return type(self)(*(values[chosen] for values in vars(self).values()))


@dataclass(frozen=True)
class _Pairing:
    """Everything that pairs depend on."""

    store: TokenStore
    seq_length: int
    seed: int
    epoch: int
    relations: tuple[str, ...]
    short_sequence_probability: float
    single_sentences: bool

    @property
    def budget(self) -> int:
        """Tokens that A and B may have."""
        return self.seq_length - _SPECIALS

    def chunks(self, low: int, high: int) -> _Chunks:
        """The chunks that would begin with the sentences from ``low`` to ``high``."""
        number = np.arange(low, high)
        document = self._documents(low, high)
        opening, closing = self.store.sentence_starts[document], self.store.sentence_starts[document + 1]
        target = self._targets(number)
        neighbours_only = lone_is_unused(self.relations)
        stop = number + 2 if self.single_sentences else self._reach(number, target)
        stop = np.minimum(np.maximum(stop, number + 2) if neighbours_only else stop, closing)
        lone = stop - number == 1
        first = np.where(lone & (number > opening), number - 1, number) if neighbours_only else number
        count = stop - first
        middle = first + 1
        if not self.single_sentences:
            middle += np.floor(self._draw("split", number) * (count - 1)).astype(np.int64)
        chunks = _Chunks(number, first, middle, stop, document, target, np.full(len(number), -1), stop)
        relation = self._relations(chunks)
        elsewhere = np.array([name in FROM_ELSEWHERE for name in self.relations] + [False])
        following = np.where(elsewhere[relation], middle, stop)
        if self.single_sentences and "random" not in self.relations:
            # Otherwise the second sentence would in no epoch be paired with the third.
            shifted = (number == opening) & (self._draw("shift", number) < 0.5)
            following = np.where(shifted, number + 1, following)
        return _Chunks(number, first, middle, stop, document, target, relation, following)

    def plan(self, chunks: _Chunks) -> Plan:
        """The examples of these chunks."""
        chunks = chunks.where((chunks.relation >= 0) | (not self.relations))
        count = len(chunks.number)
        a_start, a_end = self._tokens(chunks.first, chunks.middle)
        b_start, b_end = self._second_segments(chunks)
        lone = b_end == b_start
        if "swapped" in self.relations:
            swapped = chunks.relation == self.relations.index("swapped")
            a_start, b_start = np.where(swapped, b_start, a_start), np.where(swapped, a_start, b_start)
            a_end, b_end = np.where(swapped, b_end, a_end), np.where(swapped, a_end, b_end)
        room = self.budget + lone  # which needs no second [SEP]
        a_kept, b_kept = truncated_lengths(a_end - a_start, b_end - b_start, room)
        a_cut, b_cut = a_end - a_start - a_kept, b_end - b_start - b_kept
        a_start += self._cut_in_front("a", a_cut, chunks.number)
        b_start += self._cut_in_front("b", b_cut, chunks.number)
        bounds = np.stack([a_start, a_start + a_kept, b_start, b_start + b_kept], axis=1).reshape(-1, 2)
        kept = np.stack([np.ones(count, dtype=np.bool_), ~lone], axis=1).ravel()
        return Plan(
            bounds=bounds[kept],
            segments=np.tile(np.array([0, 1], dtype=np.int8), count)[kept],
            first_piece=np.append(0, np.cumsum(2 - lone)),
            relation=chunks.relation.astype(np.int8),
        )

    def _draw(self, purpose: str, number: Integers) -> NDArray[np.float64]:
        return uniform(hash64(self.seed, f"segment pairs: {purpose}", self.epoch, number))

    def _documents(self, low: int, high: int) -> Integers:
        """The document of each sentence from ``low`` to ``high``."""
        starts = self.store.sentence_starts
        first, last = np.searchsorted(starts, [low, high - 1], side="right") - 1
        edges = np.clip(starts[first : last + 2], low, high)
        return np.repeat(np.arange(first, last + 1), np.diff(edges))

    def _targets(self, number: Integers) -> Integers:
        """The tokens that each chunk is to have: mostly all that there is room for."""
        if not self.short_sequence_probability or self.single_sentences:
            return np.full(len(number), self.budget)
        shorter = 2 + np.floor(self._draw("length", number) * (self.budget - 1)).astype(np.int64)
        is_short = self._draw("short", number) < self.short_sequence_probability
        return np.where(is_short, shorter, self.budget)

    def _tokens(self, first: Integers, stop: Integers) -> tuple[Integers, Integers]:
        """Where the tokens of the sentences from ``first`` to ``stop`` start and end."""
        return self.store.sentence_bounds(first)[0], self.store.sentence_ends[stop - 1]

    def _reach(self, first: Integers, tokens: Integers) -> Integers:
        """The sentence behind the one that, counted from ``first``, completes so many tokens."""
        start, _ = self.store.sentence_bounds(first)
        return np.searchsorted(self.store.sentence_ends, start + np.maximum(tokens, 1), side="left") + 1

    def _relations(self, chunks: _Chunks) -> Integers:
        """One of the relations that are possible, each as probable; -1 where none is."""
        if not self.relations:
            return chunks.relation
        possible = np.stack([self._is_possible(name, chunks) for name in self.relations])  # (relations, chunks)
        count = possible.sum(axis=0)
        rank = np.floor(self._draw("relation", chunks.number) * count).astype(np.int64)
        chosen = (possible & (np.cumsum(possible, axis=0) == rank + 1)).argmax(axis=0)
        return np.where(count > 0, chosen, -1)

    def _is_possible(self, relation: str, chunks: _Chunks) -> NDArray[np.bool_]:
        match relation:
            case "random":
                return np.ones(len(chunks.number), dtype=np.bool_)
            case "distant":
                before, after = self._distant_sentences(chunks)
                return before + after > 0
            case _:
                return chunks.stop > chunks.middle

    def _distant_sentences(self, chunks: _Chunks) -> tuple[Integers, Integers]:
        """How many sentences before and after A are in its document with at least one between them and A."""
        starts = self.store.sentence_starts
        before = chunks.first - 1 - starts[chunks.document]
        after = starts[chunks.document + 1] - chunks.middle - 1
        return np.maximum(before, 0), np.maximum(after, 0)

    def _second_segments(self, chunks: _Chunks) -> tuple[Integers, Integers]:
        """Where the tokens of B start and end: of the chunk's second part, or of sentences from elsewhere."""
        first, stop = chunks.middle.copy(), chunks.stop.copy()
        for index, name in enumerate(self.relations):
            if name not in FROM_ELSEWHERE:
                continue
            chosen = np.flatnonzero(chunks.relation == index)
            own = chunks.where(chosen)
            begin, limit = self._random_sentences(own) if name == "random" else self._far_sentences(own)
            a_start, a_end = self._tokens(own.first, own.middle)
            end = begin + 1 if self.single_sentences else self._reach(begin, own.target - (a_end - a_start))
            first[chosen], stop[chosen] = begin, np.minimum(end, limit)
        start, end = self._tokens(first - (first == stop), stop)
        return np.where(first == stop, end, start), end

    def _random_sentences(self, chunks: _Chunks) -> tuple[Integers, Integers]:
        """A sentence of another document for each chunk, both drawn uniformly, and where that document ends."""
        others = self.store.documents - 1
        other = np.floor(self._draw("other document", chunks.number) * others).astype(np.int64)
        other += other >= chunks.document
        low, high = self.store.sentence_starts[other], self.store.sentence_starts[other + 1]
        return low + np.floor(self._draw("other sentence", chunks.number) * (high - low)).astype(np.int64), high

    def _far_sentences(self, chunks: _Chunks) -> tuple[Integers, Integers]:
        """A distant sentence of the same document for each chunk, and where B has to end so as not to come near A."""
        before, after = self._distant_sentences(chunks)
        pick = np.floor(self._draw("distant sentence", chunks.number) * (before + after)).astype(np.int64)
        opening, closing = (self.store.sentence_starts[chunks.document + side] for side in (0, 1))
        is_before = pick < before
        begin = np.where(is_before, opening + pick, chunks.middle + 1 + pick - before)
        return begin, np.where(is_before, chunks.first - 1, closing)

    def _cut_in_front(self, segment: str, cut: Integers, number: Integers) -> Integers:
        """How many of the tokens to cut are at the front, each with probability one half."""
        return tosses(cut, self.seed, f"segment pairs: cut {segment}", self.epoch, number)
