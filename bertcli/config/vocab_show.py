"""What ``bertcli vocab show`` may be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bertcli.config.vocab import DEFAULT_VOCAB
from bertcli.core.settings import Argument, Flag, Settings


class VocabShow(Settings):
    """Show a vocabulary."""

    vocabulary: Annotated[str, Argument("VOCAB")] = DEFAULT_VOCAB
    """A directory, a vocab.txt or a Hub id."""
    limit: Annotated[int, Field(ge=0), Flag("--limit")] = 40
    """Pieces in the sample, spread over the ids."""
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of the sample."""
