"""Sequences for supervised tasks: ``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``, all encoded once into flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Encoding, Features, Limits
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.chunking import cut_into_chunks, head_and_tail
from bertcli.data.truncation import truncated_lengths
from bertcli.text.key_sentences import ContentWords, Ranking, kept_pieces
from bertcli.text.sentences import split_sentences

Pieces = NDArray[np.int32]

SPECIALS = 2
"""``[CLS]`` and ``[SEP]`` of a single text."""


def encode_sequences(
    first: Sequence[str], second: Sequence[str] | None, tokenizer: Encoding, *, max_length: int
) -> Features:
    """One sequence per text, or per pair of texts, of at most ``max_length`` pieces with the special ones.

    Single texts lose their tail; of a pair the longer segment is cut first (Devlin et al. 2019, ``run_classifier.py``).
    """
    pieces_a = tokenizer.encode(first)
    pieces_b = tokenizer.encode(second) if second is not None else None
    whole_a = _lengths(pieces_a)
    whole_b = _lengths(pieces_b) if pieces_b is not None else np.zeros_like(whole_a)
    specials = SPECIALS if pieces_b is None else SPECIALS + 1
    kept_a, kept_b = truncated_lengths(whole_a, whole_b, max_length - specials)
    firsts = _heads(pieces_a, kept_a)
    seconds = None if pieces_b is None else _heads(pieces_b, kept_b)
    lost = (whole_a - kept_a) + (whole_b - kept_b)
    return _with_specials(firsts, seconds, tokenizer.vocabulary, lost=lost)


def encode_documents(texts: Sequence[str], tokenizer: Encoding, limits: Limits) -> Features:
    """Single texts, of which longer ones are fitted as the ``limits`` say: one sequence each, or several chunks."""
    pieces = tokenizer.encode(texts)
    budget = limits.max_length - SPECIALS
    if limits.strategy == "chunks":
        return _chunks(pieces, tokenizer.vocabulary, limits)
    if limits.strategy == "key-sentences":
        assert limits.ranking is not None, "key sentences are ranked"
        return _key_sentences(texts, pieces, tokenizer, budget, limits.ranking)
    head, tail = {"head": (budget, 0), "tail": (0, budget), "head+tail": head_and_tail(budget)}[limits.strategy]
    kept = [own if len(own) <= budget else _both_ends(own, head, tail) for own in pieces]
    return _with_specials(kept, None, tokenizer.vocabulary, lost=_lengths(pieces) - _lengths(kept))


def _both_ends(pieces: Pieces, head: int, tail: int) -> Pieces:
    return np.concatenate([pieces[:head], pieces[len(pieces) - tail :]])


def _chunks(pieces: Sequence[Pieces], vocabulary: Vocabulary, limits: Limits) -> Features:
    """Every document an item, every chunk a sequence. What follows the most chunks is lost to the last of them."""
    size = limits.max_length - SPECIALS
    chunks = cut_into_chunks(_lengths(pieces), size, overlap=limits.chunk_stride, most=limits.max_chunks)
    places = zip(chunks.texts.tolist(), chunks.starts.tolist(), chunks.lengths.tolist(), strict=True)
    cut = [pieces[text][start : start + length] for text, start, length in places]
    return _with_specials(cut, None, vocabulary, lost=chunks.lost, item_starts=chunks.item_starts)


def _key_sentences(
    texts: Sequence[str], pieces: Sequence[Pieces], tokenizer: Encoding, budget: int, ranking: Ranking
) -> Features:
    """The best sentences of texts that are too long, in their order."""
    kept, lost = list(pieces), np.zeros(len(pieces), dtype=np.int64)
    words_of = ContentWords()
    long = [number for number, own in enumerate(pieces) if len(own) > budget]
    sentences = {number: split_sentences(texts[number]) for number in long}
    encoded = iter(tokenizer.encode([sentence for number in long for sentence in sentences[number]]))
    for number in long:
        own = [next(encoded) for _ in sentences[number]]
        lengths = _lengths(own)
        best = kept_pieces(ranking([words_of(sentence) for sentence in sentences[number]]), lengths, budget)
        kept[number] = np.concatenate([np.zeros(0, np.int32), *_heads(own, best)])
        lost[number] = (lengths - best).sum()
    return _with_specials(kept, None, tokenizer.vocabulary, lost=lost)


def _heads(pieces: Sequence[Pieces], lengths: NDArray[np.int64]) -> list[Pieces]:
    return [own[:length] for own, length in zip(pieces, lengths.tolist(), strict=True)]


def _with_specials(
    first: Sequence[Pieces],
    second: Sequence[Pieces] | None,
    vocabulary: Vocabulary,
    *,
    lost: NDArray[np.int64],
    item_starts: NDArray[np.int64] | None = None,
) -> Features:
    """Sequences of pieces that fit, one an item where nothing else is said."""
    cls = np.asarray([vocabulary.cls_id], dtype=np.int32)
    sep = np.asarray([vocabulary.sep_id], dtype=np.int32)
    parts: list[Pieces] = []
    for row, own in enumerate(first):
        parts += (cls, own, sep)
        if second is not None:
            parts += (second[row], sep)
    second_starts = _lengths(first) + SPECIALS
    lengths = second_starts if second is None else second_starts + _lengths(second) + 1
    items = len(first) if item_starts is None else len(item_starts) - 1
    return Features(
        input_ids=np.concatenate(parts, dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        second_starts=second_starts,
        lost=lost,
        examples=np.arange(items, dtype=np.int64),
        item_starts=item_starts,
    )


def _lengths(pieces: Sequence[Pieces]) -> NDArray[np.int64]:
    return np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
