"""What ``bertcli count-params`` may be told."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bertcli.core.settings import Argument, Flag, Settings


class CountParams(Settings):
    """Which encoder to count, and how to show it."""

    model: Annotated[str, Argument("NAME|DIR|CONFIG")]
    """A named size, a model directory or Hub id, a config.json, or a pretraining YAML."""
    vocab_size: Annotated[int | None, Field(ge=1), Flag("--vocab-size")] = None
    """Pieces in the vocabulary (default: the model's own)."""
    by_hand: Annotated[bool, Flag("--by-hand")] = False
    """Show the calculation line by line."""
