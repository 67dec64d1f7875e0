"""Questions with their contexts as sequences ``[CLS] question [SEP] context [SEP]``, long contexts in several windows.

A window begins ``stride`` pieces after the one before it, until one reaches the end of the context (Devlin et al. 2019,
``run_squad.py``), by default so that neighbours share at least half. A context of several questions is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Encoding, Features
from bertcli.core.ranges import ranges

Integers = NDArray[np.int64]

SPECIALS = 3
STRIDE = 128
"""The usual stride, of ``run_squad.py``, where it is no more than half of a window."""


@dataclass(frozen=True)
class Pieces:
    """Texts in pieces, with the place of each: all texts one after another, and so are their characters."""

    ids: NDArray[np.int32]
    """(pieces,)"""
    begins: Integers
    """(pieces,) the character at which each piece begins, its leading spaces aside."""
    ends: Integers
    """(pieces,) the character before which it ends."""
    starts: Integers
    """(texts + 1,) the first piece of each text."""
    characters: Integers
    """(texts + 1,) the first character of each text."""

    def spanned(self, texts: Integers, begins: Integers, ends: Integers) -> tuple[Integers, Integers]:
        """The first and the last piece that share a character with ``begins`` to ``ends`` of each of ``texts``.

        Both are numbers within the text; where no piece does, the last comes before the first.
        """
        at = self.characters[texts]
        first = np.searchsorted(self.ends, at + begins, side="right")
        last = np.searchsorted(self.begins, at + ends, side="left") - 1
        return first - self.starts[texts], last - self.starts[texts]


@dataclass(frozen=True)
class Windows:
    """Which part of which context each sequence holds."""

    pieces: Pieces
    """Those of the distinct contexts."""
    contexts: Integers
    """(sequences,) the number of the context among the distinct ones."""
    firsts: Integers
    """(sequences,) the first piece of the context that the window holds, a number within the context."""
    counts: Integers
    """(sequences,) how many pieces of the context it holds."""
    positions: Integers
    """(sequences,) where in the sequence they begin."""

    def positions_of(self, examples: Integers, first: Integers, last: Integers) -> tuple[Integers, Integers]:
        """(sequences,) where in each sequence the pieces ``first`` to ``last`` of its example's context stand.

        0, the position of ``[CLS]``, where the window does not hold all of them.
        """
        first, last = first[examples], last[examples]
        held = (first <= last) & (first >= self.firsts) & (last < self.firsts + self.counts)
        moved = self.positions - self.firsts
        return np.where(held, first + moved, 0), np.where(held, last + moved, 0)


def locate(texts: Sequence[str], tokenizer: Encoding) -> Pieces:
    """The pieces of texts, and where they stand."""
    encoded = list(tokenizer.encode_with_places(texts))
    lengths = np.fromiter((len(ids) for ids, _ in encoded), np.int64, len(encoded))
    characters = _starts(np.fromiter(map(len, texts), np.int64, len(texts)))
    moved = np.repeat(characters[:-1], lengths)
    places = np.concatenate([np.zeros((0, 2), dtype=np.int64), *(places for _, places in encoded)])
    ends = places[:, 1] + moved
    begins = np.minimum(_after_spaces("".join(texts))[places[:, 0] + moved], ends)
    ids = np.concatenate([np.zeros(0, dtype=np.int32), *(ids for ids, _ in encoded)], dtype=np.int32)
    return Pieces(ids, begins, ends, _starts(lengths), characters)


def encode_windows(
    questions: Sequence[str],
    contexts: Sequence[str],
    tokenizer: Encoding,
    *,
    max_length: int,
    stride: int | None,
    max_question: int,
) -> tuple[Features, Windows]:
    """One item for each window, of at most ``max_length`` pieces with the special ones; contexts lose nothing.

    Questions lose what is beyond ``max_question`` pieces, or beyond half of the sequence where that is less.
    """
    distinct = {context: number for number, context in enumerate(dict.fromkeys(contexts))}
    pieces = locate(list(distinct), tokenizer)
    context_of = np.fromiter((distinct[context] for context in contexts), np.int64, len(contexts))
    asked = tokenizer.encode(questions)
    whole = np.fromiter(map(len, asked), np.int64, len(asked))
    question = np.minimum(whole, min(max_question, (max_length - SPECIALS) // 2))

    room = max_length - SPECIALS - question  # (examples,)
    beyond = np.maximum(np.diff(pieces.starts)[context_of] - room, 0)
    step = np.clip(room // 2, 1, STRIDE) if stride is None else np.minimum(stride, room)
    count = 1 - (-beyond // step)
    examples = np.repeat(np.arange(len(questions)), count)
    numbers = ranges(np.zeros_like(count), count)  # of each window within its example
    firsts = numbers * step[examples]
    contexts_of = context_of[examples]
    counts = np.minimum(room[examples], np.diff(pieces.starts)[contexts_of] - firsts)
    windows = Windows(pieces, contexts_of, firsts, counts, question[examples] + 2)

    offsets = _starts(counts + question[examples] + SPECIALS)
    vocabulary = tokenizer.vocabulary
    ids = np.full(int(offsets[-1]), vocabulary.sep_id, dtype=np.int32)
    ids[offsets[:-1]] = vocabulary.cls_id
    flat = np.concatenate([np.zeros(0, dtype=np.int32), *asked])
    of_question = question[examples]
    ids[ranges(offsets[:-1] + 1, of_question)] = flat[ranges(_starts(whole)[examples], of_question)]
    ids[ranges(offsets[:-1] + windows.positions, counts)] = pieces.ids[
        ranges(pieces.starts[contexts_of] + firsts, counts)
    ]
    features = Features(
        input_ids=ids,
        offsets=offsets,
        second_starts=windows.positions,
        lost=np.where(numbers == 0, (whole - question)[examples], 0),
        examples=examples,
    )
    return features, windows


def _starts(lengths: Integers) -> Integers:
    starts: Integers = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return starts


def _after_spaces(text: str) -> Integers:
    """(characters + 1,) for each place the next character that is no space; the text's length behind the last."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    distinct, which = np.unique(codes, return_inverse=True)
    spaces = np.fromiter((chr(code).isspace() for code in distinct.tolist()), np.bool_, len(distinct))[which]
    places = np.where(spaces, len(codes), np.arange(len(codes)))
    following: Integers = np.minimum.accumulate(np.append(places, len(codes))[::-1])[::-1]
    return following
