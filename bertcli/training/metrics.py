"""Metrics: sums on the device between two log lines, read once per line."""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from bertcli.errors import NonFiniteLossError
from bertcli.training.loop import StepResult


class Meter:
    """Collects optimizer steps and turns them into one line of metrics.

    On a CPU every step is checked at once; on other devices reading waits for the device, so the check happens
    with the log line and finds the first step that was not finite.
    """

    def __init__(self, *, check_every_step: bool) -> None:
        self._check_every_step = check_every_step
        self._pending: list[StepResult] = []
        self._started_at = time.perf_counter()
        self._paused_seconds = 0.0

    def add(self, result: StepResult) -> None:
        """Collect a step. Raises ``NonFiniteLossError`` naming the step and its examples."""
        self._pending.append(result)
        if self._check_every_step:
            _check_finite([result])

    def pause(self, seconds: float) -> None:
        """Leave time out of the speed: an evaluation, a checkpoint."""
        self._paused_seconds += seconds

    def read(self) -> dict[str, float]:
        """The metrics since the last reading, with units in their names.

        ``train/loss_NAME`` and ``train/accuracy_NAME`` are means over all targets. ``train/loss`` is the mean over
        steps of what each step minimised: the sum of its losses' means, each with the weight of that step.
        """
        steps = self._pending
        _check_finite(steps)
        elapsed = max(1e-9, time.perf_counter() - self._started_at - self._paused_seconds)
        metrics: dict[str, float] = {}
        for name in steps[-1].losses:
            count = sum(step.counts[name] for step in steps)
            total = torch.stack([step.losses[name].float() for step in steps]).sum().item()
            metrics[f"train/loss_{name}"] = total / max(1, count)
            if name in steps[-1].correct:
                right = sum(float(step.correct[name]) for step in steps)
                metrics[f"train/accuracy_{name}"] = right / max(1, count)
        metrics["train/loss"] = torch.stack([_minimised(step) for step in steps]).mean().item()
        metrics["optim/learning_rate"] = steps[-1].learning_rate
        metrics |= {f"optim/{name}": value for name, value in steps[-1].bottom.items()}
        metrics["optim/gradient_norm"] = float(steps[-1].gradient_norm)
        metrics["speed/tokens_per_second"] = sum(step.tokens for step in steps) / elapsed
        metrics["speed/sequences_per_second"] = sum(step.sequences for step in steps) / elapsed
        self._pending = []
        self._paused_seconds = 0.0
        self._started_at = time.perf_counter()
        return metrics


def _minimised(step: StepResult) -> torch.Tensor:
    """What a step minimised: the weighted sum of its losses, each a mean over the step's targets."""
    means = [step.weights[name] / max(1, step.counts[name]) * total.float() for name, total in step.losses.items()]
    return torch.stack(means).sum()


def _check_finite(steps: list[StepResult]) -> None:
    for step in steps:
        values: dict[str, Any] = {f"loss of {name}": value for name, value in step.losses.items()}
        values["gradient norm"] = step.gradient_norm
        for name, value in values.items():
            if not math.isfinite(float(value)):
                shown = ", ".join(map(str, step.example_ids[:8])) + (", …" if len(step.example_ids) > 8 else "")
                raise NonFiniteLossError(
                    f"the {name} is {float(value)} at step {step.step} (epoch {step.epoch}, examples {shown})",
                    hint="lower --lr, raise --warmup or try --precision fp32; --resume goes on from the checkpoint",
                )
