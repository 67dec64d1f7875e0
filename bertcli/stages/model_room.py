"""Whether a model has room for sequences of a length and for the pieces of a vocabulary."""

from __future__ import annotations

from bertcli.errors import ConfigError, VocabularyError
from bertcli.text.tokenizer import Tokenizer

PADDING = 128
"""Rows that an embedding may have beyond its vocabulary: tables are padded to a multiple of 64 or 128 for speed."""
PADDING_SHARE = 0.01
"""Share of the rows that may be beyond it: large tables also keep some for pieces that are added later."""


def check_room(tokenizer: Tokenizer, max_length: int, *, model: str, positions: int, pieces: int) -> None:
    """Raises ``ConfigError`` for sequences that are too long, ``VocabularyError`` for a vocabulary of another size.

    No piece may be without an embedding, and hardly an embedding without a piece.
    """
    if max_length > positions:
        raise ConfigError(
            f"--max-length {max_length} is longer than the model's {positions} positions",
            hint=f"--max-length {positions} or less",
        )
    size = tokenizer.vocabulary.size
    if size > pieces or pieces - size > max(PADDING, PADDING_SHARE * pieces):
        raise VocabularyError(
            f"the vocabulary has {size:,} pieces, the model {pieces:,}",
            path=model,
            hint="the vocabulary is not this model's; take both from the same place",
        )
