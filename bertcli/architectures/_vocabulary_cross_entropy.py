"""Linear layer and cross-entropy over the vocabulary in one function: no second copy of the logits is ever held.

Logits are made for a block of targets at a time, turned into probabilities in place, and from these into gradients at
once; autograd would keep logits, their logarithms and both gradients. Imports torch, so it is itself imported late.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bertcli.contracts.loss import Loss

_TARGETS_PER_CHUNK = 2048
"""Targets whose errors are held at once, until the matrix products that turn them into gradients."""
_LOGITS_PER_BLOCK_ON_CPU = 1 << 21
"""Float32 logits that a CPU works on at a time: 8 MiB stay in its cache from the product to the errors."""


def vocabulary_cross_entropy(features: Tensor, weight: Tensor, bias: Tensor, labels: Tensor) -> Loss:
    """The loss of a language model whose logits are ``features @ weight.T + bias``; shapes as below."""
    apply: Any = LinearCrossEntropy.apply
    total, correct = apply(features, weight, bias, labels)
    return Loss(total, labels.numel(), correct)


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
        states, matrix, offsets = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        wants_gradient = any(ctx.needs_input_grad)
        total = hidden.new_zeros((), dtype=torch.float32)
        correct = torch.zeros((), dtype=torch.int64, device=hidden.device)
        hidden_gradient = torch.empty_like(states) if wants_gradient else None
        weight_gradient = bias_gradient = None
        for chunk in _slices(len(labels), _TARGETS_PER_CHUNK):
            errors = torch.empty(len(labels[chunk]), len(matrix), dtype=dtype, device=hidden.device)
            for block in _slices(len(errors), _block_size(hidden, len(matrix))):
                wanted = labels[chunk][block]
                logits = torch.addmm(offsets, states[chunk][block], matrix.t()).float()  # (block, vocab)
                correct += (logits.argmax(dim=-1) == wanted).sum()
                log_probabilities = torch.log_softmax(logits, dim=-1)
                of_label = log_probabilities.gather(1, wanted[:, None])
                total -= of_label.sum()
                if wants_gradient:
                    torch.exp(log_probabilities, out=errors[block])
                    errors[block].scatter_(1, wanted[:, None], of_label.expm1().to(dtype))  # p - 1, before rounding
            if hidden_gradient is not None:
                torch.mm(errors, matrix, out=hidden_gradient[chunk])
                part, bias_part = (errors.t() @ states[chunk]).float(), errors.sum(dim=0, dtype=torch.float32)
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


def _slices(length: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, length, size)]


def _block_size(hidden: Tensor, vocabulary_size: int) -> int:
    """Targets whose logits are made at a time; other devices than a CPU are quickest with many."""
    if hidden.device.type != "cpu":
        return _TARGETS_PER_CHUNK
    return max(1, _LOGITS_PER_BLOCK_ON_CPU // vocabulary_size)
