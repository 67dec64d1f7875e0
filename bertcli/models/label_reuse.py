"""Rows of a head that was trained before, for the labels that a new task has too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from bertcli.core.listing import listed
from bertcli.errors import ModelError
from bertcli.models.checkpoint import LabelledRows

_SHOWN = 10


@torch.no_grad()
def reuse_labels(head: nn.Module, names: Sequence[str], source: LabelledRows | None, *, where: str) -> tuple[str, ...]:
    """Copy weights and bias of the rows whose labels are among ``names``, the task's; returns these labels.

    The other rows stay as they are. Raises ``ModelError`` where ``source`` has no labels, none of these, or rows of
    another width.
    """
    if not names:
        raise ModelError("the task has no named labels whose rows could be reused", hint="leave out --reuse-labels")
    if source is None:
        raise ModelError(
            "it has no head with named labels that could be reused",
            path=where,
            hint="take a model that was fine-tuned on a task with labels, or leave out --reuse-labels",
        )
    linear: Any = head.get_submodule("classifier")
    shared = tuple(name for name in names if name in source.labels)
    if not shared:
        raise ModelError(
            f"its head knows the labels {listed(source.labels, most=_SHOWN)}, "
            f"and none of the task's: {listed(names, most=_SHOWN)}",
            path=where,
            hint="labels are matched by name; task_settings.labels maps what files write to names",
        )
    if source.weight.shape[1] != linear.in_features:
        raise ModelError(
            f"its head reads vectors of {source.weight.shape[1]} numbers, this one of {linear.in_features}",
            path=where,
            hint="give the --pooling with which the model was fine-tuned",
        )
    for name in shared:
        row = source.labels.index(name)
        linear.weight[names.index(name)] = source.weight[row]
        linear.bias[names.index(name)] = source.bias[row]
    return shared
