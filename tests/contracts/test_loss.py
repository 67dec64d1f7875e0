"""Losses are sums with counts; their quotient over a whole step is the mean that torch gives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.loss import cross_entropy


def drawn(rows: int, classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator)
    return logits, torch.randint(classes, (rows,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_a_smoothed_loss_is_that_of_torch(smoothing: float) -> None:
    logits, labels = drawn(7, 3, seed=1)
    loss = cross_entropy(logits, labels, label_smoothing=smoothing)
    expected = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(logits, labels)
    assert loss.count == 7
    assert float(loss.total) / 7 == pytest.approx(float(expected))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_weighted_loss_is_that_of_torch_but_for_the_divisor(smoothing: float) -> None:
    logits, labels = drawn(7, 3, seed=2)
    weight = torch.tensor([0.5, 1.0, 3.0])
    loss = cross_entropy(logits, labels, weight, label_smoothing=smoothing)
    expected = torch.nn.CrossEntropyLoss(weight, label_smoothing=smoothing)(logits, labels)
    assert loss.count == 7
    assert float(loss.total) / float(weight[labels].sum()) == pytest.approx(float(expected))


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 99))
def test_sums_of_two_parts_are_the_sum_of_the_whole(first: int, second: int, seed: int) -> None:
    logits, labels = drawn(first + second, 4, seed)
    weight = torch.tensor([0.1, 1.0, 2.0, 5.0])

    def total(part: slice) -> float:
        return float(cross_entropy(logits[part], labels[part], weight, label_smoothing=0.2).total)

    whole = total(slice(None))
    assert total(slice(first)) + total(slice(first, None)) == pytest.approx(whole, rel=1e-5)
