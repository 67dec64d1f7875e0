"""What a vocabulary consists of: kinds of pieces, its alphabet, and pieces by length and by script."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from bertcli.core.randomness import below, hash64
from bertcli.text.pieces import CONTINUATION, WORD_END, is_unused
from bertcli.text.scripts import script_of_word
from bertcli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Alphabet:
    """Characters that are pieces by themselves: all distinct ones, and those that begin or continue a word.

    ``begins`` and ``continues`` are None where pieces do not tell. A character that only begins words makes every
    word unknown in which it stands later.
    """

    characters: int
    begins: int | None
    continues: int | None


@dataclass(frozen=True)
class VocabularyFacts:
    """Counts of pieces; specials and placeholders (``[unused0]``) are left out of all below ``placeholders``.

    ``initial`` and ``continuation`` are WordPiece's, ``word_ends`` is BPE's with ``</w>``; None elsewhere.
    ``by_length`` counts characters without the marks.
    """

    specials: dict[str, int]
    placeholders: int
    initial: int | None
    continuation: int | None
    word_ends: int | None
    alphabet: Alphabet
    longest: list[str]
    by_length: dict[int, int]
    by_script: dict[str, int]


def describe_vocabulary(tokenizer: Tokenizer, *, longest: int = 10) -> VocabularyFacts:
    """Count the pieces of a vocabulary, and name its ``longest`` ones."""
    ids = tokenizer.vocabulary.ordinary_ids.tolist()
    texts = {
        piece: _text(tokenizer, number)
        for number, piece in zip(ids, tokenizer.pieces(ids), strict=True)
        if not is_unused(piece)
    }
    continuation = sum(map(_continues, texts)) if tokenizer.is_wordpiece else None
    return VocabularyFacts(
        specials={tokenizer.piece(number): number for number in tokenizer.vocabulary.special_ids},
        placeholders=len(ids) - len(texts),
        initial=len(texts) - continuation if continuation is not None else None,
        continuation=continuation,
        word_ends=sum(piece.endswith(WORD_END) for piece in texts) if tokenizer.marks_word_ends else None,
        alphabet=_alphabet(tokenizer, texts),
        longest=sorted(texts, key=lambda piece: -len(texts[piece]))[:longest],
        by_length=dict(sorted(Counter(map(len, texts.values())).items())),
        by_script=dict(Counter(map(script_of_word, texts.values())).most_common()),
    )


def sample_pieces(tokenizer: Tokenizer, count: int, *, seed: int) -> dict[int, str]:
    """Pieces by id, at most ``count`` of them: one drawn from each of as many equal stretches of the ordinary ids."""
    ids = tokenizer.vocabulary.ordinary_ids
    count = min(count, len(ids))
    if not count:
        return {}
    bounds = np.arange(count + 1) * len(ids) // count
    chosen = bounds[:-1] + below(hash64(seed, "vocabulary sample", np.arange(count)), np.diff(bounds))
    return {number: tokenizer.piece(number) for number in ids[chosen].tolist()}


def _continues(piece: str) -> bool:
    return piece.startswith(CONTINUATION)


def _text(tokenizer: Tokenizer, number: int) -> str:
    """The characters that a piece stands for, without its marks."""
    if tokenizer.is_wordpiece:
        return tokenizer.piece(number).removeprefix(CONTINUATION)
    if tokenizer.marks_word_ends:
        return tokenizer.piece(number).removesuffix(WORD_END)
    return tokenizer.text_of([number]).strip()


def _alphabet(tokenizer: Tokenizer, texts: dict[str, str]) -> Alphabet:
    single = {piece: text for piece, text in texts.items() if len(text) == 1}
    if not tokenizer.is_wordpiece:
        return Alphabet(len(set(single.values())), None, None)
    continues = sum(map(_continues, single))
    return Alphabet(len(set(single.values())), len(single) - continues, continues)
