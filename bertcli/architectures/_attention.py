"""Attention as encoders call it: torch's kernels, but for training on a CPU with dropout, where they are slow.

Registered with transformers as ``bertcli``, together with the mask function that belongs to it: a name without one
gets no mask at all, and padding would be attended to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from bertcli.architectures._dropout import scaled_mask

ATTENTION_NAME = "bertcli"


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, dropout: float, scale: float) -> Tensor:
    """Scaled dot-product attention: (batch, heads, queries, size). ``mask`` is True where a query may look."""
    if dropout == 0 or query.device.type != "cpu":
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scale
        )
    scores = torch.matmul(query * scale, key.transpose(-2, -1))  # (batch, heads, queries, keys)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return torch.matmul(weights * scaled_mask(weights, dropout), value)


def _attention_forward(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float = 1.0,
    **unused: Any,
) -> tuple[Tensor, None]:
    """``attend`` in the form that transformers' layers call: (batch, queries, heads, size)."""
    context = attend(query, key, value, attention_mask, dropout=dropout, scale=scaling)
    return context.transpose(1, 2).contiguous(), None


AttentionInterface.register(ATTENTION_NAME, _attention_forward)
AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)
