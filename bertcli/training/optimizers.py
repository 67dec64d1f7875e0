"""Optimizers: AdamW with decay only where it belongs, in groups that may differ in rate and start."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from bertcli.training.depths import DepthPlan


@dataclass(frozen=True)
class Depths:
    """A plan for the depths of a model, and the depth of each of its parameters by name."""

    plan: DepthPlan
    of: Callable[[str], int]


def adamw(
    model: nn.Module,
    *,
    weight_decay: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    learning_rate: float = 0.0,
    depths: Depths | None = None,
) -> Optimizer:
    """AdamW over the trainable parameters of ``model``; biases and norms (one dimension) are not decayed.

    With ``depths`` every depth is a group of its own, which ``set_groups`` gives its rate and lets begin in its time.
    The moments' bias is corrected, by every parameter's own number of steps.
    """
    groups = _groups(model.named_parameters(), weight_decay, depths)
    return AdamW(groups, lr=learning_rate, betas=(beta1, beta2), eps=epsilon, fused=True)


def _groups(
    parameters: Iterable[tuple[str, nn.Parameter]], weight_decay: float, depths: Depths | None
) -> list[dict[str, Any]]:
    """Groups by depth, top first, and by whether they are decayed."""
    found: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            depth = 0 if depths is None else depths.of(name)
            found.setdefault((depth, parameter.ndim >= 2), []).append(parameter)
    groups = []
    for (depth, decayed), members in sorted(found.items(), key=lambda entry: entry[0], reverse=True):
        group: dict[str, Any] = {"params": members, "weight_decay": weight_decay if decayed else 0.0}
        if depths is not None:
            group |= {"depth": depth, "share": depths.plan.share(depth), "first_step": depths.plan.first_step(depth)}
        groups.append(group)
    return groups


def set_groups(optimizer: Optimizer, rate: float, step: int) -> dict[str, float]:
    """Give every group its share of ``rate`` and let it be trained or not in ``step``, from 0.

    A parameter whose time has not come has no gradient, and so neither decay nor moments move it. Returns, where there
    are depths, the lowest one that is trained (``lowest_trained_depth``) and its rate (``learning_rate_bottom``).
    """
    lowest: dict[str, float] = {}
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)
        if "first_step" not in group:
            continue
        trained = step >= group["first_step"]
        for parameter in group["params"]:
            parameter.requires_grad_(trained)
        if trained:  # groups stand in order, the top first
            lowest = {"learning_rate_bottom": group["lr"], "lowest_trained_depth": group["depth"]}
    return lowest
