"""Chunk pooling: the vectors of a document's chunks made into one vector, whatever else is in the batch.

*Source*: mean, max and attention are the hierarchical methods of Sun et al. 2019, section 5.3.1, attention as in
Yang et al. 2016, section 2.2; an LSTM over the chunks is from Pappagari et al. 2019.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from bertcli.config.long_texts import ChunkPooling as Kind


class ChunkPooling(Protocol):
    """A ``torch.nn.Module``: (sequences, width) and ``item_sequences`` (items, most) to (items, outputs).

    ``item_sequences`` are the rows of each item's sequences in order, with -1 after the last.
    """

    outputs: int

    def __call__(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """One vector an item."""


class Mean(nn.Module):
    """The mean of the chunks."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.outputs = width

    def forward(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """(sequences, width) → (items, width)."""
        chunks, real = _by_item(vectors, item_sequences)
        return chunks.sum(dim=1) / real.sum(dim=1, keepdim=True)


class Max(nn.Module):
    """The maximum over the chunks, in each dimension."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.outputs = width

    def forward(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """(sequences, width) → (items, width)."""
        chunks, real = _by_item(vectors, item_sequences)
        return chunks.masked_fill(~real[:, :, None], -torch.inf).amax(dim=1)


class Attention(nn.Module):
    """A mean with weights: softmax over the chunks of ``context · tanh(W h + b)``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.outputs = width
        self.hidden = nn.Linear(width, width)
        self.context = nn.Linear(width, 1, bias=False)

    def forward(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """(sequences, width) → (items, width)."""
        chunks, real = _by_item(vectors, item_sequences)
        scores = self.context(torch.tanh(self.hidden(chunks))).float()  # (items, most, 1)
        weights = scores.masked_fill(~real[:, :, None], -torch.inf).softmax(dim=1)
        pooled: Tensor = (weights * chunks).sum(dim=1)
        return pooled


class LSTM(nn.Module):
    """The last state of an LSTM that reads the chunks in order."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.outputs = width
        self.lstm = nn.LSTM(width, width, batch_first=True)

    def forward(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """(sequences, width) → (items, width)."""
        chunks, real = _by_item(vectors, item_sequences)
        with torch.autocast(chunks.device.type, enabled=False):  # its kernels take one type for states and weights
            states, _ = self.lstm(chunks)  # (items, most, width); what follows the last chunk changes none before it
        last = real.sum(dim=1) - 1
        found: Tensor = states.gather(1, last[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)
        return found


class Concat(nn.Module):
    """All chunks side by side, with zeros for those that a document does not have."""

    def __init__(self, width: int, most: int) -> None:
        super().__init__()
        self.outputs = most * width
        self._most = most

    def forward(self, vectors: Tensor, item_sequences: Tensor) -> Tensor:
        """(sequences, width) → (items, most · width)."""
        chunks, _ = _by_item(vectors, item_sequences)
        missing = self._most - chunks.shape[1]
        return nn.functional.pad(chunks, (0, 0, 0, missing)).flatten(1)


def chunk_pooling(kind: Kind, width: int, *, most: int | None = None) -> nn.Module:
    """A fresh one for vectors of that width, whose weights come from torch's generator.

    ``concat`` needs ``most``, the number of chunks that a document has at most.
    """
    match kind:
        case "mean":
            return Mean(width)
        case "max":
            return Max(width)
        case "attention":
            return Attention(width)
        case "lstm":
            return LSTM(width)
        case "concat":
            assert most is not None, "the configuration asks for it"
            return Concat(width, most)


def _by_item(vectors: Tensor, item_sequences: Tensor) -> tuple[Tensor, Tensor]:
    """The vectors as (items, most, width) with zeros where an item has none, and where they are real (items, most)."""
    real = item_sequences >= 0
    rows = item_sequences.clamp(min=0)
    chunks = vectors.float().index_select(0, rows.flatten()).view(*rows.shape, -1)
    return chunks.masked_fill(~real[:, :, None], 0), real
