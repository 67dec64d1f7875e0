"""Sequences of words that are labelled one by one: where each word's first piece stands, whatever the tokenizer.

Words are encoded each by itself, so that no piece has parts of two. A sentence that is too long goes on in further
sequences: each word is labelled in one of them, and words before it may be repeated there as its context.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.task import Encoding, Features
from bertcli.core.ranges import ranges

WORD_POSITIONS = "word_positions"
"""The note of ``Features`` with (words,) the position in ``input_ids`` of each word's first piece."""

_CONTEXT = 4
"""A sequence that goes on with a sentence has up to a fourth of its pieces from before."""

Integers = NDArray[np.int64]


def encode_words(sentences: Sequence[Sequence[str]], tokenizer: Encoding, *, max_length: int) -> Features:
    """Sequences of at most ``max_length`` pieces, special ones included; every word is in ``word_positions`` once.

    A word without any piece, as of control characters alone, is an unknown one. Nothing is lost but the end of a word
    that has more pieces than a sequence.
    """
    budget = max_length - 2
    words, starts, lengths, pieces = _pieces_of_words(sentences, tokenizer)
    kept = np.minimum(lengths, budget)[words]  # (words,) pieces of each word of the text
    lost = np.cumsum([0, *(lengths[words] - kept)])
    ends = np.cumsum([0, *kept])
    rows, context, begin, end = _windows(np.cumsum([0, *map(len, sentences)]), ends, budget)

    members = ranges(context, end - context)  # the words of all sequences, also those that are repeated
    of_members = kept[members]
    sizes = ends[end] - ends[context] + 2
    offsets = np.cumsum([0, *sizes])
    is_piece = np.ones(int(offsets[-1]), dtype=np.bool_)
    is_piece[offsets[:-1]] = is_piece[offsets[1:] - 1] = False
    input_ids = np.empty(len(is_piece), dtype=np.int32)
    input_ids[offsets[:-1]] = tokenizer.vocabulary.cls_id
    input_ids[offsets[1:] - 1] = tokenizer.vocabulary.sep_id
    input_ids[is_piece] = pieces[ranges(starts[words[members]], of_members)]

    first_pieces = np.flatnonzero(is_piece)[np.cumsum(of_members) - of_members]
    is_labelled = members >= np.repeat(begin, end - context)
    return Features(
        input_ids=input_ids,
        offsets=offsets,
        second_starts=sizes,
        lost=lost[end] - lost[begin],
        examples=rows,
        notes={WORD_POSITIONS: first_pieces[is_labelled]},
    )


def labels_of_pieces(features: Features, labels: Integers) -> Integers:
    """(tokens,) the label of each word on its first piece, ``IGNORED`` on all others; ``labels`` is (words,)."""
    of_pieces = np.full(len(features.input_ids), IGNORED, dtype=np.int64)
    of_pieces[features.notes[WORD_POSITIONS]] = labels
    return of_pieces


def _pieces_of_words(
    sentences: Sequence[Sequence[str]], tokenizer: Encoding
) -> tuple[Integers, Integers, Integers, NDArray[np.int32]]:
    """(words,) the form of each word; (forms,) where the pieces of each begin and how many they are; all pieces."""
    space = _space_before_words(tokenizer)
    numbers: dict[str, int] = {}
    words = [
        numbers.setdefault(space + word if at else word, len(numbers))
        for sentence in sentences
        for at, word in enumerate(sentence)
    ]
    unknown = np.asarray([tokenizer.vocabulary.unk_id], dtype=np.int32)
    pieces = [ids if len(ids) else unknown for ids in tokenizer.encode(list(numbers))]
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces))
    return np.asarray(words, dtype=np.int64), np.cumsum(lengths) - lengths, lengths, np.concatenate(pieces)


def _space_before_words(tokenizer: Encoding) -> str:
    """What stands before a word that does not begin a text for it to be cut as it is there: nothing, or a space."""
    both, first, bare, spaced = map(np.ndarray.tolist, tokenizer.encode(["a b", "a", "b", " b"]))
    return " " if both == first + spaced and both != first + bare else ""


def _windows(sentence_ends: Integers, ends: Integers, budget: int) -> tuple[Integers, Integers, Integers, Integers]:
    """For each sequence its sentence, where its context begins, and where its words begin and end.

    ``ends`` (words + 1,) are the pieces before each word.
    """
    first, after = sentence_ends[:-1], sentence_ends[1:]
    is_long = ends[after] - ends[first] > budget
    if not is_long.any():
        return np.arange(len(first)), first, first, after
    windows = chain.from_iterable(
        ((row, *window) for window in _cut(begin, end, ends, budget)) if long else ((row, begin, begin, end),)
        for row, (begin, end, long) in enumerate(zip(first.tolist(), after.tolist(), is_long.tolist(), strict=True))
    )
    rows, context, begin, end = np.asarray(list(windows), dtype=np.int64).T
    return rows, context, begin, end


def _cut(begin: int, end: int, ends: Integers, budget: int) -> Iterator[tuple[int, int, int]]:
    """Where the context, the words and the end of each sequence of a long sentence stand."""
    at = begin
    while at < end:
        room = min(budget // _CONTEXT, budget - int(ends[at + 1] - ends[at]))  # the next word has to fit
        context = max(begin, int(np.searchsorted(ends, ends[at] - room))) if at > begin else begin
        until = min(end, int(np.searchsorted(ends, ends[context] + budget, side="right")) - 1)
        yield context, at, until
        at = until
