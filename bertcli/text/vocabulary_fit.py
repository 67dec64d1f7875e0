"""How a vocabulary fits text: pieces per word, what is unknown, and the likelihood of a unigram model of its pieces.

The model gives piece i the probability ``(n_i + 1) / (N + V)``: n_i its count in the longest-match segmentation of the
training text, V the ordinary pieces and [UNK], N the sum of their counts. A word costs the sum of -ln p over its
pieces; characters that no piece covers cost ln K each besides, K being the number of distinct characters, so that a
vocabulary gains nothing by not knowing a word. In WordPiece those are all characters of an unknown word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.words import WordCounts, count_characters

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_WORDS_PER_BLOCK = 50_000
"""Words that are cut together: some 800 bytes each were measured meanwhile."""


@dataclass(frozen=True)
class VocabularyFit:
    """The figures of one vocabulary on one text. Shares are fractions, the log-likelihood is in nats."""

    pieces_per_word: float
    pieces_per_character: float
    characters_per_piece: float
    unknown_words: float
    unknown_pieces: float
    continuation_pieces: float
    log_likelihood_per_character: float
    bits_per_character: float


@dataclass(frozen=True)
class Segmentation:
    """Words cut into pieces, each word alone. ``ids`` is (pieces,), word after word; the rest is (words,)."""

    ids: NDArray[np.int32]
    pieces: IntArray
    unknown_pieces: IntArray
    uncovered: IntArray
    """Characters that no piece covers."""

    @property
    def is_unknown(self) -> NDArray[np.bool_]:
        """(words,) whether some of a word is unknown (in WordPiece all of it), or it was dropped for want of [UNK]."""
        unknown: NDArray[np.bool_] = (self.unknown_pieces > 0) | (self.pieces == 0)
        return unknown

    @property
    def continuation_pieces(self) -> IntArray:
        """(words,) pieces that do not begin their word."""
        return np.maximum(self.pieces - 1, 0)

    def sums(self, of_pieces: FloatArray) -> FloatArray:
        """(vocab,) to (words,): the sum over each word's pieces."""
        owners = np.repeat(np.arange(len(self.pieces)), self.pieces)
        return np.bincount(owners, weights=of_pieces[self.ids], minlength=len(self.pieces)).astype(np.float64)


class Sums(NamedTuple):
    """What the figures are made of, summed over a text; each of the same shape, one number for each text."""

    words: FloatArray
    pieces: FloatArray
    continuation_pieces: FloatArray
    unknown_words: FloatArray
    unknown_pieces: FloatArray
    cost: FloatArray
    """Minus the log-likelihood, in nats."""


def segment(tokenizer: Tokenizer, words: Sequence[str]) -> Segmentation:
    """The pieces of words that ``text.words`` has cut out. Of very many the tokenizer remembers nothing."""
    if len(words) <= _WORDS_PER_BLOCK:
        return _segment(tokenizer, words)
    blocks = []
    for begin in range(0, len(words), _WORDS_PER_BLOCK):
        blocks.append(_segment(tokenizer, words[begin : begin + _WORDS_PER_BLOCK]))
        tokenizer.forget()
    return Segmentation(
        ids=np.concatenate([block.ids for block in blocks]),
        pieces=np.concatenate([block.pieces for block in blocks]),
        unknown_pieces=np.concatenate([block.unknown_pieces for block in blocks]),
        uncovered=np.concatenate([block.uncovered for block in blocks]),
    )


def _segment(tokenizer: Tokenizer, words: Sequence[str]) -> Segmentation:
    encoded = tokenizer.encode_all(words)
    ids, pieces = encoded.ids, np.diff(encoded.ends, prepend=0)
    owners = np.repeat(np.arange(len(words)), pieces)
    known = ids != tokenizer.vocabulary.unk_id
    unknown_pieces = np.bincount(owners[~known], minlength=len(words))
    covered = np.bincount(owners[known], weights=tokenizer.piece_lengths[ids[known]], minlength=len(words))
    characters = np.fromiter(map(len, words), np.int64, len(words))
    uncovered = np.maximum(characters - covered.astype(np.int64), unknown_pieces)
    return Segmentation(ids, pieces, unknown_pieces, np.where((unknown_pieces > 0) | (pieces == 0), uncovered, 0))


def count_pieces(cut: Segmentation, times: IntArray, vocabulary: Vocabulary) -> IntArray:
    """(vocab,) how often each piece occurs in words of which each occurs so many ``times``."""
    counts = np.bincount(cut.ids, weights=np.repeat(times, cut.pieces), minlength=vocabulary.size)
    return counts.astype(np.int64)


def unigram_costs(counts: IntArray, vocabulary: Vocabulary) -> FloatArray:
    """(vocab,) to (vocab,): -ln p of every piece, smoothed by one; of the specials only [UNK] takes part."""
    own = np.append(vocabulary.ordinary_ids, vocabulary.unk_id)
    costs: FloatArray = math.log(int(counts[own].sum()) + len(own)) - np.log(counts + 1.0)
    return costs


def piece_costs(tokenizer: Tokenizer, words: WordCounts) -> FloatArray:
    """(vocab,) what pieces cost by the counts of a text: that of ``unigram_costs``."""
    counts = count_pieces(segment(tokenizer, list(words)), word_times(words), tokenizer.vocabulary)
    return unigram_costs(counts, tokenizer.vocabulary)


def word_sums(cut: Segmentation, costs: FloatArray, distinct_characters: int) -> Sums:
    """(words,) of what each word adds; ``costs`` is (vocab,), K is ``distinct_characters``."""
    return Sums(
        words=np.ones(len(cut.pieces)),
        pieces=cut.pieces.astype(np.float64),
        continuation_pieces=cut.continuation_pieces.astype(np.float64),
        unknown_words=cut.is_unknown.astype(np.float64),
        unknown_pieces=cut.unknown_pieces.astype(np.float64),
        cost=cut.sums(costs) + cut.uncovered * math.log(max(1, distinct_characters)),
    )


def figures(sums: Sums, characters: FloatArray) -> dict[str, FloatArray]:
    """The fields of ``VocabularyFit``, each in the shape of the sums; NaN where a text has no words."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "pieces_per_word": sums.pieces / sums.words,
            "pieces_per_character": sums.pieces / characters,
            "characters_per_piece": characters / sums.pieces,
            "unknown_words": sums.unknown_words / sums.words,
            "unknown_pieces": sums.unknown_pieces / sums.pieces,
            "continuation_pieces": sums.continuation_pieces / sums.pieces,
            "log_likelihood_per_character": -sums.cost / characters,
            "bits_per_character": sums.cost / characters / math.log(2),
        }


def measure_fit(tokenizer: Tokenizer, words: WordCounts) -> VocabularyFit:
    """How a vocabulary fits the words that it was learned from, which give the counts too. There are some.

    Characters are those of the words.
    """
    times = word_times(words)
    cut = segment(tokenizer, list(words))
    costs = unigram_costs(count_pieces(cut, times, tokenizer.vocabulary), tokenizer.vocabulary)
    characters = count_characters(words)
    sums = Sums(*(column @ times for column in word_sums(cut, costs, len(characters))))
    fit = figures(sums, np.asarray(characters.total(), np.float64))
    return VocabularyFit(**{name: float(value) for name, value in fit.items()})


def word_times(words: WordCounts) -> IntArray:
    """(words,) how often each word occurs, in their order."""
    return np.fromiter(words.values(), np.int64, len(words))
