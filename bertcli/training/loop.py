"""The training loop: a generator of optimizer steps. The stage that runs it evaluates, logs, saves and stops.

Losses are sums. The counts of a whole optimizer step are known before its first micro-batch, over all processes, so
that each loss is divided once by its global count: the gradient does not depend on how a batch is cut into
micro-batches or spread over devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from bertcli.contracts.batch import Batch, StepBatches
from bertcli.training.optimizers import set_groups

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass(frozen=True)
class StepResult:
    """One finished optimizer step.

    ``losses`` and ``correct`` are sums over the step's targets, as tensors on the device: reading them waits for
    the device. ``tokens`` counts pieces without padding, ``after`` is where the stream of batches stands.
    """

    step: int
    losses: dict[str, torch.Tensor]
    correct: dict[str, torch.Tensor]
    counts: dict[str, int]
    weights: dict[str, float]
    gradient_norm: torch.Tensor
    learning_rate: float
    tokens: int
    sequences: int
    epoch: int
    example_ids: list[int] = field(repr=False)
    after: dict[str, int] = field(repr=False)
    bottom: dict[str, float] = field(default_factory=dict)
    """Where depths are trained differently: the lowest that is trained, and its learning rate."""


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    learning_rate: Callable[[int], float],
    batches: Iterator[StepBatches],
    *,
    accelerator: Accelerator,
    weights: Callable[[float], dict[str, float]],
    start_step: int,
    steps: int,
    clip: float,
) -> Iterator[StepResult]:
    """Train from ``start_step`` to ``steps`` and yield after every optimizer step.

    ``model`` maps a batch to named ``Loss`` sums; ``weights`` gives the factor of each when a share of the run is done.
    ``clip`` is the largest norm of the gradient.
    """
    parameters = list(model.parameters())  # those that are not trained in a step have no gradient
    for step, step_batches in zip(range(start_step, steps), batches, strict=False):
        rate = learning_rate(step)
        bottom = set_groups(optimizer, rate, step)
        model.train()
        counts = _global_counts(step_batches.micro_batches, accelerator)
        factors = weights(step / steps)
        losses, correct = _backward(model, step_batches.micro_batches, counts, factors, accelerator)
        gradient_norm = nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        yield StepResult(
            step=step + 1,
            losses=losses,
            correct=correct,
            counts=counts,
            weights=factors,
            gradient_norm=gradient_norm,
            learning_rate=rate,
            tokens=sum(batch.tokens for batch in step_batches.micro_batches),
            sequences=sum(len(batch.example_ids) for batch in step_batches.micro_batches),
            epoch=step_batches.micro_batches[0].epoch,
            example_ids=[int(number) for batch in step_batches.micro_batches for number in batch.example_ids],
            after=step_batches.after,
            bottom=bottom,
        )


def _backward(
    model: nn.Module,
    micro_batches: tuple[Batch, ...],
    counts: dict[str, int],
    weights: dict[str, float],
    accelerator: Accelerator,
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Accumulate the step's gradient; return detached sums of losses and of right predictions."""
    losses: dict[str, torch.Tensor] = {}
    correct: dict[str, torch.Tensor] = {}
    for number, batch in enumerate(micro_batches):
        last = number == len(micro_batches) - 1
        with nullcontext() if last else accelerator.no_sync(model):
            named = model(batch.to(accelerator.device))
            # DDP averages over processes; the counts are global, so the average is undone here.
            shares = [
                weights[name] * accelerator.num_processes / max(1, counts[name]) * loss.total
                for name, loss in named.items()
            ]
            accelerator.backward(torch.stack(shares).sum())
        for name, loss in named.items():
            losses[name] = losses.get(name, 0) + loss.total.detach()
            if loss.correct is not None:
                correct[name] = correct.get(name, 0) + loss.correct
    return losses, correct


def _global_counts(micro_batches: tuple[Batch, ...], accelerator: Accelerator) -> dict[str, int]:
    names = sorted({name for batch in micro_batches for name in batch.counts})
    counts = [sum(batch.counts.get(name, 0) for batch in micro_batches) for name in names]
    if accelerator.num_processes > 1:
        summed: Any = accelerator.reduce(torch.tensor(counts, device=accelerator.device), reduction="sum")
        counts = summed.tolist()
    return dict(zip(names, counts, strict=True))
