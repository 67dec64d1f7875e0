"""Evaluation: the sums of every loss over a set of batches, without gradients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from bertcli.contracts.batch import Batch

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class Evaluation:
    """Mean loss per target, share of targets predicted right, and the number of targets."""

    loss: float
    accuracy: float | None
    count: int


@torch.no_grad()
def evaluate(model: nn.Module, batches: Iterable[Batch], *, accelerator: Accelerator) -> dict[str, Evaluation]:
    """Every loss of ``model`` over ``batches``, in evaluation mode; leaves the model's mode as it was."""
    training = model.training
    model.eval()
    totals: dict[str, torch.Tensor] = {}
    correct: dict[str, torch.Tensor] = {}
    counts: dict[str, int] = {}
    for batch in batches:
        for name, loss in model(batch.to(accelerator.device)).items():
            totals[name] = totals.get(name, 0) + loss.total.double()
            counts[name] = counts.get(name, 0) + loss.count
            if loss.correct is not None:
                correct[name] = correct.get(name, 0) + loss.correct
    model.train(training)
    return {
        name: Evaluation(
            loss=float(total) / max(1, counts[name]),
            accuracy=float(correct[name]) / max(1, counts[name]) if name in correct else None,
            count=counts[name],
        )
        for name, total in totals.items()
    }
