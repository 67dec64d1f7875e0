"""How a vocabulary fits a text: pieces per word, and how much of it is unknown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bertcli.text.tokenizer import Tokenizer
from bertcli.text.words import WordCounts


@dataclass(frozen=True)
class Fit:
    """Over every word of a text as often as it occurs: pieces, words and the share of the pieces that is unknown."""

    tokens: int
    words: int
    unknown_rate: float

    @property
    def tokens_per_word(self) -> float:
        """Pieces per word."""
        return self.tokens / self.words


def fit_of(tokenizer: Tokenizer, words: WordCounts) -> Fit:
    """How the tokenizer cuts the words of a text; there must be some."""
    times = np.fromiter(words.values(), np.int64, len(words))
    encoded = tokenizer.encode(list(words))
    pieces = np.fromiter(map(len, encoded), np.int64, len(words))
    unknown = np.fromiter((int((ids == tokenizer.vocabulary.unk_id).sum()) for ids in encoded), np.int64, len(words))
    tokens = int((pieces * times).sum())
    return Fit(tokens, int(times.sum()), int((unknown * times).sum()) / max(1, tokens))
