"""Dropout for CPUs: masks from whole random words, four decisions each, instead of one draw per element.

torch draws every element of a dropout mask by itself, which takes a sixth of a training step on a CPU. A 16-bit
comparison is exact to 2**-17 of the probability. The random words come from torch's generator, so a checkpoint of its
state continues the same masks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_DECISIONS_PER_WORD = 4


def scaled_mask(like: Tensor, probability: float) -> Tensor:
    """A mask of ``like``'s shape and dtype: 0 with ``probability``, otherwise 1 / (1 - probability)."""
    words = torch.empty(-(-like.numel() // _DECISIONS_PER_WORD), dtype=torch.int64)
    words.random_(-(2**63), None)
    threshold = round(probability * 2**16) - 2**15
    kept = (words.view(torch.int16)[: like.numel()] >= threshold).view(like.shape)
    return kept.to(like.dtype).mul_(1 / (1 - probability))


class WordwiseDropout(nn.Dropout):
    """``nn.Dropout`` with masks from whole words; on other devices it is ``nn.Dropout``."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Drop elements in training mode."""
        if not self.training or self.p == 0:
            return hidden
        if hidden.device.type != "cpu":
            return super().forward(hidden)
        return hidden * scaled_mask(hidden, self.p)


def use_wordwise_dropout(model: nn.Module) -> None:
    """Make every ``nn.Dropout`` of a model a ``WordwiseDropout``; names, states and probabilities stay."""
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = WordwiseDropout
