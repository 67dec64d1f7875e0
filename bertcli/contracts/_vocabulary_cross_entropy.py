"""Linear layer and cross-entropy over the vocabulary in one function: no second copy of the logits is ever held.

Logits are made for a block of targets at a time, turned into probabilities in place, and from these into gradients at
once; autograd would keep logits, their logarithms and both gradients. Imports torch, so it is itself imported late.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_TARGETS_PER_BLOCK = 2048


class LinearCrossEntropy(torch.autograd.Function):
    """Summed cross-entropy of ``hidden @ weight.T + bias`` against ``labels``, and the number predicted right.

    ``hidden`` (targets, hidden), ``weight`` (vocab, hidden), ``bias`` (vocab,), ``labels`` (targets,). Matrix products
    run in ``hidden``'s precision under autocast; probabilities and sums are in float32.
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Loss and count; gradients, where they are asked for, are finished here and only scaled in backward."""
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        states, matrix = hidden.to(dtype), weight.to(dtype)
        wants_gradient = any(ctx.needs_input_grad)
        total = hidden.new_zeros((), dtype=torch.float32)
        correct = torch.zeros((), dtype=torch.int64, device=hidden.device)
        hidden_gradient = torch.empty_like(states) if wants_gradient else None
        weight_gradient = bias_gradient = None
        for start in range(0, len(labels), _TARGETS_PER_BLOCK):
            block, wanted = states[start : start + _TARGETS_PER_BLOCK], labels[start : start + _TARGETS_PER_BLOCK]
            logits = torch.addmm(bias.to(dtype), block, matrix.t()).float()  # (block, vocab)
            highest = logits.amax(dim=-1)  # (block,)
            of_label = logits.gather(1, wanted[:, None]).squeeze(1)
            correct += (logits.argmax(dim=-1) == wanted).sum()
            probabilities = torch.softmax(logits, dim=-1, out=logits)
            # log Σ exp = highest - log p(highest); p(highest) is at least 1/vocab, so nothing underflows.
            total += (highest - probabilities.amax(dim=-1).log() - of_label).sum()
            if hidden_gradient is not None:
                probabilities[torch.arange(len(wanted), device=hidden.device), wanted] -= 1
                errors = probabilities.to(dtype)
                torch.mm(errors, matrix, out=hidden_gradient[start : start + _TARGETS_PER_BLOCK])
                part, bias_part = (errors.t() @ block).float(), probabilities.sum(dim=0)
                weight_gradient = part if weight_gradient is None else weight_gradient.add_(part)
                bias_gradient = bias_part if bias_gradient is None else bias_gradient.add_(bias_part)
        if wants_gradient:
            ctx.save_for_backward(hidden_gradient, weight_gradient, bias_gradient)
            ctx.dtypes = hidden.dtype, weight.dtype, bias.dtype
        ctx.mark_non_differentiable(correct)
        return total, correct

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Scale what forward prepared; it is used once, so in place."""
        scale = gradients[0]
        scaled = (
            None if saved is None else saved.mul_(scale).to(dtype)
            for saved, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return (*scaled, None)
