"""Readouts: what an encoder's output says of every sequence, for a head to be put on.

A readout maps ``(encoded, batch)`` to vectors (sequences, width), or of pieces to states (sequences, seq, width).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from bertcli.contracts.encoder import Encoded
from bertcli.contracts.task import Reads

if TYPE_CHECKING:
    from bertcli.contracts.batch import Batch


class Readout(nn.Module):
    """What all readouts say of themselves."""

    pooling: ClassVar[str] = ""
    """The name under which configurations and records know it; none where there is nothing to choose."""
    has_class: ClassVar[bool] = False
    """Whether transformers has classes that read the same."""
    needs_pooler: ClassVar[bool] = False
    """Whether the encoder's pooled vector is read."""
    firsts_only: ClassVar[bool] = False
    """Whether nothing but the first piece of every sequence is read."""

    def width(self, config: Any) -> int:
        """The length of the vectors."""
        width: int = config.hidden_size
        return width


class PoolerReadout(Readout):
    """The pooled vector: a layer with tanh on the state of ``[CLS]`` (Devlin et al. 2019)."""

    pooling = "pooler"
    has_class = True
    needs_pooler = True
    firsts_only = True

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, hidden)."""
        assert encoded.pooled is not None
        return encoded.pooled


class PieceReadout(Readout):
    """The last hidden state of every piece."""

    has_class = True

    def forward(self, encoded: Encoded, batch: Batch) -> torch.Tensor:
        """(sequences, seq, hidden)."""
        return encoded.streams["last"]


class ClsReadout(Readout):
    """The last hidden state of ``[CLS]``, without the pooler."""

    pooling = "cls"

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, hidden)."""
        return encoded.streams["last"][:, 0]


class MeanReadout(Readout):
    """The mean of the last hidden states of a sequence's pieces, special ones included, padding not."""

    pooling = "mean"

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, hidden)."""
        return _mean(encoded.streams["last"], batch.get("attention_mask"))


class MaxReadout(Readout):
    """The largest value that each feature has over a sequence's pieces, special ones included, padding not."""

    pooling = "max"

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, hidden)."""
        return _max(encoded.streams["last"], batch.get("attention_mask"))


class ConcatReadout(Readout):
    """Concat pooling, [h_last; maxpool(H); meanpool(H)] (Howard & Ruder 2018, section 3.3).

    There h_last is the state that has read the whole text, a left-to-right model's last. In an encoder that reads both
    ways this is the state of ``[CLS]``, and so it is taken here.
    """

    pooling = "concat"

    def width(self, config: Any) -> int:
        """Three vectors."""
        return 3 * super().width(config)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, 3 · hidden)."""
        last, mask = encoded.streams["last"], batch.get("attention_mask")
        return torch.cat([last[:, 0], _max(last, mask), _mean(last, mask)], dim=1)


def _mean(states: Tensor, mask: Tensor | None) -> Tensor:
    """(sequences, seq, hidden) over the pieces of ``mask`` (sequences, seq) → (sequences, hidden)."""
    if mask is None:
        return states.mean(dim=1)
    real = mask[:, :, None].to(states.dtype)
    return (states * real).sum(dim=1) / real.sum(dim=1)


def _max(states: Tensor, mask: Tensor | None) -> Tensor:
    """(sequences, seq, hidden) over the pieces of ``mask`` (sequences, seq) → (sequences, hidden)."""
    if mask is not None:
        states = states.masked_fill(mask[:, :, None] == 0, float("-inf"))
    return states.amax(dim=1)


POOLINGS: Mapping[str, type[Readout]] = {
    kind.pooling: kind for kind in (PoolerReadout, ClsReadout, MeanReadout, MaxReadout, ConcatReadout)
}
"""The readouts of a sequence by the names that configurations have for them."""


def readout_for(reads: Reads, pooling: str | None = None) -> Readout:
    """The readout for what a task's head is put on; without ``pooling`` a sequence is read by the pooler."""
    return POOLINGS[pooling or "pooler"]() if reads == "sequences" else PieceReadout()
