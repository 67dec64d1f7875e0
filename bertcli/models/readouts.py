"""Readouts: what an encoder's output says of every sequence, for a head to be put on.

A readout maps ``(encoded, batch)`` to vectors (sequences, width), or of pieces to states (sequences, seq, width).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from bertcli.contracts.encoder import Encoded
from bertcli.contracts.task import Reads

if TYPE_CHECKING:
    from bertcli.contracts.batch import Batch


class Readout(nn.Module):
    """What all readouts say of themselves."""

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

    needs_pooler = True
    firsts_only = True

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        """(sequences, hidden)."""
        assert encoded.pooled is not None
        return encoded.pooled


class PieceReadout(Readout):
    """The last hidden state of every piece."""

    def forward(self, encoded: Encoded, batch: Batch) -> torch.Tensor:
        """(sequences, seq, hidden)."""
        return encoded.streams["last"]


def readout_for(reads: Reads) -> Readout:
    """The readout for what a task's head is put on."""
    return PoolerReadout() if reads == "sequences" else PieceReadout()
