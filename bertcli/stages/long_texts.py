"""How a run reads texts that are longer than a sequence: what its configuration says, checked and made ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bertcli.config.finetune import Finetune
from bertcli.contracts.task import Limits
from bertcli.data.features import SPECIALS
from bertcli.data.splits import Splits
from bertcli.errors import ConfigError
from bertcli.models.chunk_pooling import chunk_pooling
from bertcli.text.key_sentences import ranking

if TYPE_CHECKING:
    from torch import nn


def limits_of(config: Finetune, splits: Splits) -> Limits:
    """The limits of a run's sequences. What key sentences are ranked by is learned from the training split alone.

    Raises ``ConfigError`` where the task has no single texts, where chunks would have nothing new, or for all ways.
    """
    assert config.max_length  # settled when a run is opened
    said, size = config.long_texts, config.max_length - SPECIALS
    if said.strategy == "head":
        return Limits(config.max_length)
    if said.strategy == "all":  # a resume that does not repeat it
        raise ConfigError("this is not one run but one with each --long", hint="--long all --resume continues them")
    flag = f"--long {said.strategy}"
    if splits.task.head != "classification":
        raise ConfigError(
            f"{flag} is for tasks with one prediction for a text, which {config.task} is not", hint="leave --long out"
        )
    if "pair" in splits.train.columns:
        raise ConfigError(f"{flag} is for single texts, and {config.task} has pairs", hint="leave --long out")
    if said.strategy == "chunks" and said.chunk_stride >= size:
        raise ConfigError(
            f"--chunk-stride {said.chunk_stride} leaves nothing new in a chunk of {size} pieces",
            hint=f"--chunk-stride {size // 2}, or a longer --max-length",
        )
    ranks = said.strategy == "key-sentences"
    return Limits(
        config.max_length,
        said.strategy,
        ranking=ranking(said.key_sentences, splits.train.columns["text"]) if ranks else None,
        chunk_stride=said.chunk_stride,
        max_chunks=said.max_chunks,
    )


def pooling_of(config: Finetune, width: int) -> nn.Module | None:
    """What makes one vector of those of a document's chunks, fresh; None where texts are not read in chunks."""
    said = config.long_texts
    return chunk_pooling(said.chunk_pooling, width, most=said.max_chunks) if said.strategy == "chunks" else None


def reading_of(config: Finetune) -> dict[str, Any]:
    """What the record of a saved model says of how longer texts are read: nothing where these are their heads."""
    said = config.long_texts
    return {} if said.strategy == "head" else {"long_texts": said.dump()}
