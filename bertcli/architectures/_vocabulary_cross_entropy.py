"""Linear layer and cross-entropy over the vocabulary in one function: no logits are held for the gradient.

Logits are made for a chunk of targets at a time, turned into errors in place, and from these into gradients at once;
autograd would keep logits, their logarithms and both gradients. Imports torch, so it is itself imported late.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from bertcli.contracts.loss import Loss

_TARGETS_PER_CHUNK = 2048
"""Targets in one matrix product: smaller ones would spend their time on arranging the weights anew."""
_LOGITS_PER_BLOCK_ON_CPU = 1 << 19
"""Logits that a CPU turns into errors at a time: 2 MiB in float32 stay in its cache for all the passes."""


def vocabulary_cross_entropy(features: Tensor, weight: Tensor, bias: Tensor, labels: Tensor) -> Loss:
    """The loss of a language model whose logits are ``features @ weight.T + bias``; shapes as below."""
    if not torch.is_grad_enabled():  # a function is not told: its inputs still ask for gradients
        features, weight, bias = features.detach(), weight.detach(), bias.detach()
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
        bias_gradient = torch.zeros_like(bias, dtype=torch.float32) if wants_gradient else None
        weight_gradient = None
        for chunk in _slices(len(labels), _TARGETS_PER_CHUNK):
            errors = torch.addmm(offsets, states[chunk], matrix.t())  # logits (chunk, vocab), replaced block by block
            for block in _slices(len(errors), _block_size(hidden, len(matrix))):
                wanted = labels[chunk][block][:, None]
                logits = errors[block].float()
                highest, of_label = logits.amax(dim=-1, keepdim=True), logits.gather(1, wanted)
                correct += _count_correct(logits, wanted, of_label == highest)
                probabilities = torch.softmax(logits, dim=-1, out=logits)
                # log Σ exp = highest - log p(highest); p(highest) is at least 1/vocab, so nothing underflows.
                total += (highest - probabilities.amax(dim=-1, keepdim=True).log() - of_label).sum()
                if bias_gradient is not None:
                    probabilities.scatter_add_(1, wanted, torch.full_like(of_label, -1))
                    bias_gradient += probabilities.sum(dim=0)
                    errors[block] = probabilities
            if hidden_gradient is not None:
                torch.mm(errors, matrix, out=hidden_gradient[chunk])
                part = (errors.t() @ states[chunk]).float()
                weight_gradient = part if weight_gradient is None else weight_gradient.add_(part)
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


def _count_correct(logits: Tensor, wanted: Tensor, is_highest: Tensor) -> Tensor:
    """How many labels come first among the highest logits, of which bf16 gives several.

    On a CPU, where finding the first takes longer than anything else here, only rows that may be right are looked at.
    """
    if logits.device.type == "cpu":
        rows = is_highest.squeeze(1).nonzero().squeeze(1)
        logits, wanted = logits.index_select(0, rows), wanted.index_select(0, rows)
    return (logits.argmax(dim=-1, keepdim=True) == wanted).sum()


def _block_size(hidden: Tensor, vocabulary_size: int) -> int:
    """Targets whose logits are worked on at a time; other devices than a CPU are quickest with many."""
    if hidden.device.type != "cpu":
        return _TARGETS_PER_CHUNK
    return max(1, _LOGITS_PER_BLOCK_ON_CPU // vocabulary_size)
