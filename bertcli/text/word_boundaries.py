"""Where words begin, told from pieces alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class WordBoundaries:
    """What each piece of a vocabulary says of words."""

    continues: NDArray[np.bool_]
    """(vocab,) whether a piece continues the word of the piece before it."""

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> WordBoundaries:
        """For the pieces of a tokenizer."""
        return cls(tokenizer.continuation)

    def starts(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(batch, seq) whether each piece begins a word."""
        return ~self.continues[ids]
