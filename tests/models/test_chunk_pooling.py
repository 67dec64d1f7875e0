"""Chunk pooling: values by hand, and documents that do not feel what else is in their batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from bertcli.config.long_texts import ChunkPooling
from bertcli.models.chunk_pooling import chunk_pooling

KINDS: list[ChunkPooling] = ["mean", "max", "attention", "lstm", "concat"]
VECTORS = torch.tensor([[1.0, -2.0], [3.0, -4.0], [8.0, -6.0], [5.0, -5.0]])
ROWS = torch.tensor([[0, 1, 2], [3, -1, -1]])  # three chunks and one


def pool(kind: ChunkPooling, **options: Any) -> Any:
    torch.manual_seed(0)
    return chunk_pooling(kind, 2, most=3, **options)


def test_the_mean_is_over_the_chunks_of_the_document_alone() -> None:
    assert pool("mean")(VECTORS, ROWS).tolist() == [[4.0, -4.0], [5.0, -5.0]]


def test_the_maximum_is_not_that_of_padding() -> None:
    assert pool("max")(VECTORS, ROWS).tolist() == [[8.0, -2.0], [5.0, -5.0]]


def test_concat_has_zeros_for_chunks_that_are_not_there() -> None:
    expected = [[1.0, -2.0, 3.0, -4.0, 8.0, -6.0], [5.0, -5.0, 0.0, 0.0, 0.0, 0.0]]
    assert pool("concat")(VECTORS, ROWS).tolist() == expected
    assert pool("concat")(VECTORS[3:], torch.tensor([[0]])).tolist() == expected[1:]


def test_attention_weighs_chunks_as_its_formula_says() -> None:
    module = pool("attention")
    with torch.no_grad():
        module.hidden.weight.copy_(torch.eye(2))
        module.hidden.bias.zero_()
        module.context.weight.copy_(torch.tensor([[2.0, 0.0]]))
    vectors = torch.tensor([[0.5, 10.0], [-0.5, 20.0]])
    odds = np.exp([2 * np.tanh(0.5), 2 * np.tanh(-0.5)])
    weights = odds / odds.sum()
    expected = weights[0] * vectors[0].numpy() + weights[1] * vectors[1].numpy()
    assert module(vectors, torch.tensor([[0, 1]])).detach().numpy()[0] == pytest.approx(expected, rel=1e-5)


def test_attention_over_one_chunk_is_that_chunk() -> None:
    assert pool("attention")(VECTORS, ROWS)[1].tolist() == [5.0, -5.0]


def test_the_lstm_ends_with_the_last_chunk_of_the_document() -> None:
    module = pool("lstm")
    _, (whole, _) = module.lstm(VECTORS[None, :3])
    _, (single, _) = module.lstm(VECTORS[None, 3:])
    found = module(VECTORS, ROWS)
    assert torch.allclose(found, torch.cat([whole[0], single[0]]), atol=1e-7)


def documents(counts: list[int]) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    vectors = torch.randn(sum(counts), 16)
    rows = torch.full((len(counts), max(counts)), -1)
    starts = np.cumsum([0, *counts])
    for item, count in enumerate(counts):
        rows[item, :count] = torch.arange(starts[item], starts[item] + count)
    return vectors, rows


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_does_not_feel_what_else_is_in_its_batch(kind: ChunkPooling) -> None:
    counts = [3, 1, 7, 2, 7]
    vectors, rows = documents(counts)
    module = chunk_pooling(kind, 16, most=7)
    together = module(vectors, rows)
    assert together.shape == (5, module.outputs)
    start = 0
    for item, count in enumerate(counts):
        alone = module(vectors[start : start + count], torch.arange(count)[None])
        assert torch.allclose(together[item], alone[0], atol=1e-6, rtol=0)
        start += count


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_chunk_and_none_comes_from_padding(kind: ChunkPooling) -> None:
    vectors, rows = documents([3, 1])
    vectors.requires_grad_()
    module = chunk_pooling(kind, 16, most=3)
    module(vectors, rows)[1].sum().backward()
    assert vectors.grad is not None
    assert (vectors.grad[:3] == 0).all()
    assert (vectors.grad[3] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_bf16_encoders_are_pooled_in_full_precision(kind: ChunkPooling) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        found = pool(kind)(VECTORS.bfloat16(), ROWS)
    assert found.dtype == torch.float32
    assert torch.allclose(found, pool(kind)(VECTORS, ROWS), atol=0.02)
