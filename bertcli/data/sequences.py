"""Sequences: how an epoch's documents are cut into examples.

A plan is a pure function of (sentence ends, seed, epoch). Three ways, in the papers' terms:

``segment-pairs``
    Two segments of whole sentences, ``[CLS] A [SEP] B [SEP]`` (Devlin et al. 2019, appendix A.2;
    ``create_pretraining_data.py``). How B relates to A is the choice of an objective.
``full-sentences``
    Whole sentences up to the length, across documents, with a separator between them (Liu et al. 2019, section 4.2).
``document-sentences``
    The same, never across documents.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.randomness import hash64, permutation, uniform
from bertcli.data.token_store import SequenceKind, TokenStore
from bertcli.errors import DataError

SHORT_SEQUENCE_PROBABILITY = 0.1
"""Share of segment pairs that are made shorter than the length (Devlin et al. 2019)."""

_DRAWS_PER_BLOCK = 1 << 14


@dataclass(frozen=True)
class Plan:
    """The examples of one epoch.

    Example ``i`` is made of the pieces ``first_piece[i]`` to ``first_piece[i + 1]``. Piece ``p`` is the tokens
    ``bounds[p, 0]`` to ``bounds[p, 1]`` of the store and belongs to segment ``segments[p]``; each is followed by
    ``[SEP]``. ``relation[i]`` is the index of the relation of an example's segments, or -1.
    """

    bounds: NDArray[np.int64]
    segments: NDArray[np.int8]
    first_piece: NDArray[np.int64]
    relation: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.relation)


class _PlanBuilder:
    def __init__(self) -> None:
        self._bounds: list[tuple[int, int]] = []
        self._segments: list[int] = []
        self._first_piece: list[int] = [0]
        self._relation: list[int] = []

    def add(self, pieces: Sequence[tuple[int, int]], segments: Sequence[int], relation: int = -1) -> None:
        self._bounds += pieces
        self._segments += segments
        self._first_piece.append(len(self._bounds))
        self._relation.append(relation)

    def plan(self) -> Plan:
        return Plan(
            bounds=np.asarray(self._bounds, dtype=np.int64).reshape(-1, 2),
            segments=np.asarray(self._segments, dtype=np.int8),
            first_piece=np.asarray(self._first_piece, dtype=np.int64),
            relation=np.asarray(self._relation, dtype=np.int8),
        )


def make_plan(
    store: TokenStore,
    kind: SequenceKind,
    *,
    seq_length: int,
    seed: int,
    epoch: int,
    relations: Sequence[str] = (),
    short_sequence_probability: float = SHORT_SEQUENCE_PROBABILITY,
) -> Plan:
    """The examples of an epoch. ``seq_length`` counts ``[CLS]`` and ``[SEP]``.

    ``relations`` are the classes of the pair objective, e.g. ``("next", "random")``, drawn with equal probability.
    """
    if kind == "segment-pairs":
        return _segment_pairs(store, seq_length, seed, epoch, tuple(relations), short_sequence_probability)
    return _sentences(store, seq_length, seed, epoch, across_documents=kind == "full-sentences")


def _sentences(store: TokenStore, seq_length: int, seed: int, epoch: int, *, across_documents: bool) -> Plan:
    budget = seq_length - 2  # [CLS] and the last [SEP]
    builder = _PlanBuilder()
    pieces: list[tuple[int, int]] = []
    room = budget
    ends = store.sentence_ends.tolist()
    sentence_starts = store.sentence_starts.tolist()
    document_starts = store.document_starts.tolist()

    def flush() -> None:
        nonlocal room
        if pieces:
            builder.add(pieces, [0] * len(pieces))
            pieces.clear()
        room = budget

    for document in permutation(seed, "document order", epoch, store.documents).tolist():
        at, document_end = document_starts[document], document_starts[document + 1]
        low, high = sentence_starts[document], sentence_starts[document + 1]
        if pieces:
            room -= 1  # the [SEP] between documents
        while at < document_end:
            low = bisect_right(ends, at + room, low, high)
            fits = ends[low - 1] if low > sentence_starts[document] else at
            if fits > at:
                pieces.append((at, fits))
                room -= fits - at
                at = fits
                if at < document_end:
                    flush()
            elif pieces:
                flush()
            else:  # one sentence longer than a sequence: it is cut
                cut = min(at + budget, document_end)
                pieces.append((at, cut))
                at = cut
                flush()
        if not across_documents:
            flush()
    flush()
    return builder.plan()


class _Draws:
    """Uniform numbers for one purpose, by number of chunk; drawn in blocks, because a call costs more than a draw."""

    def __init__(self, seed: int, purpose: str, epoch: int) -> None:
        self._arguments = (seed, f"segment pairs: {purpose}", epoch)
        self._block = -1
        self._values: list[float] = []

    def __getitem__(self, number: int) -> float:
        block, index = divmod(number, _DRAWS_PER_BLOCK)
        if block != self._block:
            counters = np.arange(block * _DRAWS_PER_BLOCK, (block + 1) * _DRAWS_PER_BLOCK)
            self._values = uniform(hash64(*self._arguments, counters)).tolist()
            self._block = block
        return self._values[index]


class _ChunkDraws:
    """Every draw that one chunk may need."""

    def __init__(self, seed: int, epoch: int) -> None:
        self.short = _Draws(seed, "short", epoch)
        self.length = _Draws(seed, "length", epoch)
        self.split = _Draws(seed, "split", epoch)
        self.relation = _Draws(seed, "relation", epoch)
        self.document = _Draws(seed, "other document", epoch)
        self.sentence = _Draws(seed, "other sentence", epoch)
        self.cut_a = _Draws(seed, "cut a", epoch)
        self.cut_b = _Draws(seed, "cut b", epoch)


def _segment_pairs(
    store: TokenStore,
    seq_length: int,
    seed: int,
    epoch: int,
    relations: tuple[str, ...],
    short_sequence_probability: float,
) -> Plan:
    if "random" in relations and store.documents < 2:
        raise DataError(
            "random next segments need at least two documents, there is one",
            hint="separate documents with blank lines, or say --documents line when every line is one",
        )
    budget = seq_length - 3  # [CLS] A [SEP] B [SEP]
    builder = _PlanBuilder()
    draws = _ChunkDraws(seed, epoch)
    ends = store.sentence_ends.tolist()
    sentence_starts = store.sentence_starts.tolist()
    document_starts = store.document_starts.tolist()
    chunk = 0
    for document in range(store.documents):
        sentence, last = sentence_starts[document], sentence_starts[document + 1]
        begin = document_starts[document]
        while sentence < last:
            target = budget
            if draws.short[chunk] < short_sequence_probability:
                target = 2 + int(draws.length[chunk] * (budget - 1))
            # The chunk: whole sentences until the target is reached or the document ends.
            stop = min(bisect_right(ends, begin + target - 1, sentence, last) + 1, last)
            count = stop - sentence
            first = 1 + int(draws.split[chunk] * (count - 1)) if count > 1 else 1
            a_start, a_end = begin, ends[sentence + first - 1]
            relation = int(draws.relation[chunk] * len(relations)) if relations else -1
            name = relations[relation] if relations else "next"
            if count == 1 and name != "random":
                # Without a next segment only a foreign one can follow.
                relation = relations.index("random") if "random" in relations else -1
                name = "random" if relation >= 0 else "alone"
            if name == "random":
                b = _foreign_segment(store, document, target - (a_end - a_start), chunk, draws)
                _add_pair(builder, (a_start, a_end), b, relation, budget, chunk, draws)
                stop = sentence + first  # the rest of the chunk is used again
            elif name == "alone":
                # A pair objective without negatives of its own cannot use a lone sentence.
                if not relations:
                    builder.add([(a_start, min(a_end, a_start + seq_length - 2))], [0])
            else:
                b = (a_end, ends[stop - 1])
                a = (a_start, a_end)
                first_segment, second_segment = (b, a) if name == "swapped" else (a, b)
                _add_pair(builder, first_segment, second_segment, relation, budget, chunk, draws)
            begin = ends[stop - 1]
            sentence = stop
            chunk += 1
    return builder.plan()


def _foreign_segment(store: TokenStore, document: int, tokens: int, chunk: int, draws: _ChunkDraws) -> tuple[int, int]:
    """Sentences of another document, from a random one on, until ``tokens`` are reached or that document ends."""
    other = int(draws.document[chunk] * (store.documents - 1))
    other += other >= document
    low, high = int(store.sentence_starts[other]), int(store.sentence_starts[other + 1])
    first = low + int(draws.sentence[chunk] * (high - low))
    start = int(store.sentence_ends[first - 1]) if first > low else int(store.document_starts[other])
    ends = store.sentence_ends[first:high]
    stop = min(int(np.searchsorted(ends, start + max(1, tokens), side="left")), len(ends) - 1)
    return start, int(ends[stop])


def _add_pair(
    builder: _PlanBuilder,
    a: tuple[int, int],
    b: tuple[int, int],
    relation: int,
    budget: int,
    chunk: int,
    draws: _ChunkDraws,
) -> None:
    """Cut a pair to the budget as BERT does: from the longer segment, at its front or back, and add it."""
    a_length, b_length = a[1] - a[0], b[1] - b[0]
    a_kept, b_kept = truncated_lengths(a_length, b_length, budget)
    builder.add(
        [_cut(a, a_length - a_kept, draws.cut_a[chunk]), _cut(b, b_length - b_kept, draws.cut_b[chunk])],
        [0, 1],
        relation,
    )


def truncated_lengths(a: int, b: int, budget: int) -> tuple[int, int]:
    """Lengths after taking tokens one by one from the longer of two segments (from ``b`` when they are equal)."""
    if a + b <= budget:
        return a, b
    half = (budget + 1) // 2
    if a < half:
        return a, budget - a
    if b < budget - half:
        return budget - b, b
    return half, budget - half


def _cut(segment: tuple[int, int], tokens: int, draw: float) -> tuple[int, int]:
    """Take ``tokens`` away, each from the front or the back with equal probability."""
    if not tokens:
        return segment
    front = _binomial_half(tokens, draw)
    return segment[0] + front, segment[1] - (tokens - front)


def _binomial_half(trials: int, draw: float) -> int:
    """Successes in ``trials`` fair coin tosses, from one uniform number: its bits are the seed of the tosses."""
    seed = int(draw * 2**53)
    words = hash64(seed, "coins", np.arange(-(-trials // 64))).tolist()
    bits = int.from_bytes(b"".join(word.to_bytes(8, "little") for word in words), "little")
    return (bits & ((1 << trials) - 1)).bit_count()
