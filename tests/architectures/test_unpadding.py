import pytest
import torch

from bertcli.architectures.bert import Bert
from bertcli.contracts.batch import Batch

LENGTHS = (12, 3, 9, 1)


@pytest.fixture
def encoder(vocabulary):
    torch.manual_seed(0)
    overrides = Bert.Settings(hidden_size=32, num_attention_heads=4, num_hidden_layers=3, intermediate_size=64)
    return Bert.build(Bert.configuration("bert-tiny", vocabulary, overrides=overrides), pooled=True).eval()


def columns(vocabulary):
    torch.manual_seed(1)
    mask = (torch.arange(12)[None, :] < torch.tensor(LENGTHS)[:, None]).long()
    return {
        "input_ids": torch.randint(5, vocabulary.size, (4, 12)) * mask,
        "token_type_ids": (torch.arange(12)[None, :] > 2).long() * mask,
        "attention_mask": mask,
        "target_positions": torch.tensor([[1, 5, 11], [1, 2, 0], [4, 8, 0], [0, 0, 0]]),
    }


def encode(encoder, columns):
    return encoder(Batch(columns, example_ids=torch.arange(4).numpy()))


def test_unpadded_states_equal_transformers_padded_ones(encoder, vocabulary):
    given = columns(vocabulary)
    encoded = encode(encoder, given)
    with torch.no_grad():
        reference = encoder.bert(**{name: given[name] for name in ("input_ids", "token_type_ids", "attention_mask")})
    wanted = reference.last_hidden_state.gather(1, given["target_positions"][:, :, None].expand(-1, -1, 32))
    assert torch.allclose(encoded.streams["targets"], wanted, atol=1e-6)
    assert torch.allclose(encoded.pooled, reference.pooler_output, atol=1e-6)


def test_unpadded_gradients_equal_padded_ones(encoder, vocabulary):
    gradients = []
    for unpadded in (True, False):
        given = columns(vocabulary)
        encoder.zero_grad()
        if unpadded:
            encoded = encode(encoder, given)
            states, pooled = encoded.streams["targets"], encoded.pooled
        else:
            output = encoder.bert(**{name: given[name] for name in ("input_ids", "token_type_ids", "attention_mask")})
            states = output.last_hidden_state.gather(1, given["target_positions"][:, :, None].expand(-1, -1, 32))
            pooled = output.pooler_output
        (states.pow(2).sum() + pooled.pow(3).sum()).backward()
        gradients.append({name: parameter.grad.clone() for name, parameter in encoder.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=2e-5, rtol=1e-4), name


def test_what_stands_in_padding_does_not_matter(encoder, vocabulary):
    given = columns(vocabulary)
    before = encode(encoder, given)
    noise = torch.randint(5, vocabulary.size, (4, 12)) * (1 - given["attention_mask"])
    after = encode(encoder, given | {"input_ids": given["input_ids"] + noise})
    assert torch.equal(before.streams["targets"], after.streams["targets"])
    assert torch.equal(before.pooled, after.pooled)
