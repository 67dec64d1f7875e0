"""What an encoder takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch


@dataclass(frozen=True)
class Encoded:
    """Hidden states of one batch.

    ``streams["last"]`` is (batch, seq, hidden). Where the batch has ``target_positions``,
    ``streams["targets"]`` is (batch, targets, hidden) and ``last`` may be missing: nobody asked for it.
    ``pooled`` is (sequences, hidden), present only when something reads it. ``layers`` is the embeddings
    and then each layer's output, on request. ``state`` is for recurrent models.
    """

    streams: dict[str, torch.Tensor]
    pooled: torch.Tensor | None = None
    layers: tuple[torch.Tensor, ...] = ()
    state: Any = field(default=None)


class Encoder(Protocol):
    """A ``torch.nn.Module`` that encodes batches; ``config`` is transformers' configuration object."""

    config: Any

    def __call__(self, batch: Batch, *, state: Any = None, layers: bool = False) -> Encoded:
        """Encode; ``layers=True`` also returns every layer's output."""
