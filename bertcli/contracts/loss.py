"""Losses as sums with counts, divided once by the count of the whole optimizer step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Loss:
    """What one objective or task says of one micro-batch.

    ``total`` is the differentiable sum of the loss over ``count`` targets. ``correct`` is the number of
    targets predicted right, as a detached scalar tensor, or None where nothing can be right (regression).
    """

    total: torch.Tensor
    count: int
    correct: torch.Tensor | None = None


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None = None) -> Loss:
    """Summed cross-entropy of ``logits`` (targets, classes) against ``labels`` (targets,)."""
    from torch.nn import functional

    total = functional.cross_entropy(logits.float(), labels, weight=weight, reduction="sum")
    correct = (logits.detach().argmax(dim=-1) == labels).sum()
    return Loss(total, labels.numel(), correct)
