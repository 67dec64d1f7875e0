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


def cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor | None = None, *, label_smoothing: float = 0.0
) -> Loss:
    """Summed cross-entropy of ``logits`` (targets, classes) against ``labels`` (targets,).

    ``weight`` (classes,) multiplies each target's loss by its class's weight. The count stays the number of targets,
    so that losses add up over micro-batches and devices; torch's mean divides by the sum of the targets' weights.
    ``label_smoothing`` spreads that share of every target evenly over all classes (Szegedy et al. 2016, section 7).
    """
    from torch.nn import functional

    total = functional.cross_entropy(
        logits.float(), labels, weight=weight, label_smoothing=label_smoothing, reduction="sum"
    )
    correct = (logits.detach().argmax(dim=-1) == labels).sum()
    return Loss(total, labels.numel(), correct)
