"""Layers and pooling, against numbers worked out by hand."""

from __future__ import annotations

import pytest
import torch

from bertcli.errors import ConfigError
from bertcli.models.hidden_states import check_layers, choose_layers, dimensions, pool

# Embeddings and five layers of one sequence of two pieces; layer n holds n at the first piece and 10 n at the second.
LAYERS = tuple(torch.tensor([[[float(number)], [10.0 * number]]]) for number in range(6))


@pytest.mark.parametrize(
    ("choice", "first_piece", "second_piece"),
    [
        ("embeddings", [0], [0]),
        ("second-to-last", [4], [40]),
        ("last", [5], [50]),
        ("sum-last-four", [2 + 3 + 4 + 5], [140]),
        ("concat-last-four", [2, 3, 4, 5], [20, 30, 40, 50]),
        ("sum-all", [1 + 2 + 3 + 4 + 5], [150]),
    ],
)
def test_the_six_choices_of_layers(choice: str, first_piece: list[int], second_piece: list[int]) -> None:
    chosen = choose_layers(LAYERS, choice)
    assert chosen.tolist() == [[first_piece, second_piece]]
    assert chosen.shape[2] == dimensions(choice, 1)


def test_half_precision_layers_are_summed_in_fp32() -> None:
    layers = tuple(torch.full((1, 1, 1), value, dtype=torch.bfloat16) for value in (0.0, 256.0, 1.0, 1.0, 1.0))
    assert choose_layers(layers, "sum-last-four").item() == 259.0  # bf16 cannot hold 257


@pytest.mark.parametrize(
    ("pooling", "without_mask", "with_mask"),
    [("cls", [1.0, -8.0], [1.0, -8.0]), ("mean", [3.0, -3.0], [2.0, -6.0]), ("max", [5.0, 3.0], [3.0, -4.0])],
)
def test_pooling_leaves_padding_out(pooling: str, without_mask: list[float], with_mask: list[float]) -> None:
    hidden = torch.tensor([[[1.0, -8.0], [3.0, -4.0], [5.0, 3.0]]])
    assert pool(hidden, None, pooling).tolist() == [without_mask]
    assert pool(hidden, torch.tensor([[1, 1, 0]]), pooling).tolist() == [with_mask]


def test_padding_that_is_no_number_stays_outside_the_mean() -> None:
    hidden = torch.tensor([[[1.0], [float("nan")]]])
    assert pool(hidden, torch.tensor([[1, 0]]), "mean").tolist() == [[1.0]]


@pytest.mark.parametrize(("choice", "layers"), [("sum-last-four", 3), ("concat-last-four", 2), ("second-to-last", 1)])
def test_too_shallow_an_encoder_is_refused(choice: str, layers: int) -> None:
    with pytest.raises(ConfigError, match=f"--layers {choice} needs . layers, the model has {layers}"):
        check_layers(choice, layers)
    check_layers(choice, 4)
    check_layers("last", 1)


def test_an_unknown_choice_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="no such choice of layers: first"):
        choose_layers(LAYERS, "first")
