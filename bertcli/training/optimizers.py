"""Optimizers: AdamW with decay only where it belongs, fused where torch can."""

from __future__ import annotations

from torch import nn
from torch.optim import AdamW, Optimizer


def adamw(
    model: nn.Module, *, weight_decay: float, beta1: float, beta2: float, epsilon: float, learning_rate: float = 0.0
) -> Optimizer:
    """AdamW over the trainable parameters of ``model``; biases and norms (one dimension) are not decayed."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trainable if parameter.ndim >= 2], "weight_decay": weight_decay},
        {"params": [parameter for parameter in trainable if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    filled = [group for group in groups if group["params"]]
    return AdamW(filled, lr=learning_rate, betas=(beta1, beta2), eps=epsilon, fused=True)
