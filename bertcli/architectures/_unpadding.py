"""Unpadded encoding: everything but attention is computed for real pieces alone, (tokens, hidden).

Attention wants rectangles. Moving (tokens, hidden) into (batch, heads, seq, size) costs what splitting heads costs
anyway, because one indexed copy does both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Unpadding:
    """Indices between rows (tokens · heads) and rows (batch · heads · seq), each ``size`` wide.

    Padding positions read the row of the piece before them; a mask keeps them from being looked at.
    """

    batch: int
    seq: int
    heads: int
    tokens: Tensor
    """(tokens,): where each real piece stands in the flattened (batch, seq)."""
    row_of: Tensor
    """(batch · seq,): which row of (tokens, hidden) a position has."""
    into: Tensor
    """(batch · heads · seq,): the row of (tokens · heads) that a padded row reads."""
    out: Tensor
    """(tokens · heads,): the row of (batch · heads · seq) that a real row reads."""
    real: Tensor
    """(batch · heads · seq, 1): 1 on real rows, 0 on padding."""

    @classmethod
    def of(cls, attention_mask: Tensor, tokens: Tensor | None, heads: int) -> Unpadding:
        """For ``attention_mask`` (batch, seq); ``tokens`` spares the search where the batch brings it."""
        batch, seq = attention_mask.shape
        device = attention_mask.device
        if tokens is None:
            tokens = attention_mask.flatten().nonzero().squeeze(1)
        row_of = attention_mask.flatten().cumsum(0) - 1
        head = torch.arange(heads, device=device)
        into = row_of.clamp(min=0).view(batch, 1, seq) * heads + head[:, None]
        row, position = tokens // seq, tokens % seq
        out = (row[:, None] * heads + head) * seq + position[:, None]
        real = attention_mask[:, None, :].expand(batch, heads, seq).reshape(-1, 1)
        return cls(batch, seq, heads, tokens, row_of, into.flatten(), out.flatten(), real)

    def pad(self, states: Tensor) -> Tensor:
        """(tokens, hidden) → (batch, heads, seq, size)."""
        size = states.shape[-1] // self.heads
        apply: Any = _Pad.apply
        rows: Tensor = apply(states.reshape(-1, size), self.into, self.out)
        return rows.view(self.batch, self.heads, self.seq, size)

    def unpad(self, context: Tensor) -> Tensor:
        """(batch, heads, seq, size) → (tokens, hidden)."""
        size = context.shape[-1]
        apply: Any = _Unpad.apply
        rows: Tensor = apply(context.reshape(-1, size), self.into, self.out, self.real)
        return rows.view(-1, self.heads * size)

    def at(self, states: Tensor, positions: Tensor) -> Tensor:
        """(tokens, hidden) at (batch, positions) → (batch, positions, hidden)."""
        rows = torch.arange(self.batch, device=positions.device)[:, None] * self.seq + positions
        found = states.index_select(0, self.row_of.index_select(0, rows.flatten()))
        return found.view(*positions.shape, -1)


class _Pad(torch.autograd.Function):
    """Rows to padded rows; what padding received has no gradient."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, into: Tensor, out: Tensor) -> Tensor:
        ctx.save_for_backward(out)
        return rows.index_select(0, into)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (out,) = ctx.saved_tensors
        return gradients[0].index_select(0, out), None, None


class _Unpad(torch.autograd.Function):
    """Padded rows to rows; padding gets a gradient of zero."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, into: Tensor, out: Tensor, real: Tensor) -> Tensor:
        ctx.save_for_backward(into, real)
        return rows.index_select(0, out)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        into, real = ctx.saved_tensors
        return gradients[0].index_select(0, into).mul_(real), None, None, None
