"""What a learned vocabulary may hold, whichever way it is learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bertcli.errors import ConfigError
from bertcli.text.pieces import CONTINUATION, SPECIALS, WORD_END


@dataclass(frozen=True)
class LearningRules:
    """What may become a piece."""

    min_count: int = 2
    """Occurrences that a pair needs to be joined."""
    min_gain: float = 0.0
    """Nats that a join has to raise the likelihood by more than, unless pairs are joined by count."""
    max_piece_length: int | None = None
    """Characters of a piece at most."""
    alphabet_size: int | None = None
    """Distinct characters at most; None takes those that make up 99.99 % of the text."""
    specials: Sequence[str] = SPECIALS
    """The first pieces."""
    pieces: Sequence[str] = ()
    """Pieces given by hand; they come after the specials."""

    def allows(self, piece: str) -> bool:
        """Whether a piece is short enough."""
        return (
            self.max_piece_length is None
            or len(piece.removeprefix(CONTINUATION).removesuffix(WORD_END)) <= self.max_piece_length
        )


def check_size(size: int, needed: int, characters: int) -> None:
    """Raise ``ConfigError`` where the pieces that a vocabulary has before any join are more than its size."""
    if needed > size:
        raise ConfigError(
            f"--size {size:,} is below the alphabet: {needed:,} pieces are needed before anything is joined, "
            f"{characters:,} of them characters",
            hint=f"--size {needed:,} or more, or fewer characters with --alphabet-size",
        )
