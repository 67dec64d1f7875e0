"""Whether a model has room for sequences of a length and for the pieces of a vocabulary."""

from __future__ import annotations

from bertcli.errors import ConfigError, VocabularyError
from bertcli.text.tokenizer import Tokenizer


def check_room(tokenizer: Tokenizer, max_length: int, *, model: str, positions: int, pieces: int) -> None:
    """Raises ``ConfigError`` for sequences that are too long, ``VocabularyError`` for pieces without an embedding."""
    if max_length > positions:
        raise ConfigError(
            f"--max-length {max_length} is longer than the model's {positions} positions",
            hint=f"--max-length {positions} or less",
        )
    if tokenizer.vocabulary.size > pieces:
        raise VocabularyError(
            f"the vocabulary has {tokenizer.vocabulary.size:,} pieces, the model {pieces:,}",
            path=model,
            hint="the vocabulary is not this model's; take both from the same place",
        )
