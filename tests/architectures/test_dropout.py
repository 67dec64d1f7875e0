import numpy as np
import pytest
import torch
from torch import nn

from bertcli.architectures._attention import attend
from bertcli.architectures._dropout import WordwiseDropout, scaled_mask, use_wordwise_dropout


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_the_share_of_dropped_elements_is_the_probability(probability):
    torch.manual_seed(0)
    mask = scaled_mask(torch.zeros(1001, 999), probability)
    dropped = (mask == 0).double().mean().item()
    assert abs(dropped - probability) < 5 * np.sqrt(probability * (1 - probability) / mask.numel()) + 2**-17
    assert set(np.unique(mask.numpy())) == {np.float32(0), np.float32(1 / (1 - probability))}


def test_masks_of_neighbouring_elements_are_independent():
    torch.manual_seed(0)
    flat = (scaled_mask(torch.zeros(1_000_000), 0.3) > 0).double()
    for distance in (1, 2, 3, 4, 5):
        correlation = np.corrcoef(flat[:-distance], flat[distance:])[0, 1]
        assert abs(correlation) < 5 / np.sqrt(len(flat)), distance


def test_masks_come_from_torchs_generator():
    torch.manual_seed(3)
    first = scaled_mask(torch.zeros(100), 0.5)
    second = scaled_mask(torch.zeros(100), 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, scaled_mask(torch.zeros(100), 0.5))
    assert not torch.equal(first, second)


def test_nothing_is_dropped_in_evaluation_or_at_zero():
    states = torch.randn(4, 4)
    dropout = WordwiseDropout(0.5).eval()
    assert torch.equal(dropout(states), states)
    assert torch.equal(WordwiseDropout(0.0).train()(states), states)


def test_every_dropout_of_a_model_becomes_wordwise_with_its_probability():
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3), nn.Sequential(nn.Dropout(0.2)))
    use_wordwise_dropout(model)
    assert [module.p for module in model.modules() if isinstance(module, WordwiseDropout)] == [0.3, 0.2]


def test_attention_with_dropout_equals_torchs_in_expectation():
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, 2, 5, 8) for _ in range(3))
    mask = torch.tensor([True, True, True, True, False])[None, None, None, :]
    exact = attend(query, key, value, mask, dropout=0.0, scale=0.3)
    drawn = torch.stack([attend(query, key, value, mask, dropout=0.1, scale=0.3) for _ in range(4000)])
    error = drawn.std(dim=0) / 4000**0.5
    assert ((drawn.mean(dim=0) - exact).abs() < 5 * error).all()
    assert torch.allclose(attend(query, key, value, mask, dropout=1e-9, scale=0.3), exact, atol=1e-5)
