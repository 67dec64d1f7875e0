import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.models.readouts import POOLINGS, PieceReadout, PoolerReadout, readout_for

STATES = [[[1.0, 8.0], [3.0, -2.0], [99.0, 99.0]], [[-5.0, -6.0], [-1.0, -4.0], [-3.0, -8.0]]]
MASK = [[1, 1, 0], [1, 1, 1]]
# By hand: the first sequence has two pieces, of the features (1, 3) and (8, -2); the second three negative ones.
EXPECTED = {
    "cls": [[1.0, 8.0], [-5.0, -6.0]],
    "mean": [[2.0, 3.0], [-3.0, -6.0]],
    "max": [[3.0, 8.0], [-1.0, -4.0]],
    "concat": [[1.0, 8.0, 3.0, 8.0, 2.0, 3.0], [-5.0, -6.0, -1.0, -4.0, -3.0, -6.0]],
}


class Config:
    hidden_size = 2


def read(pooling, states, mask=None):
    columns = {} if mask is None else {"attention_mask": torch.as_tensor(mask)}
    batch = Batch(columns, np.arange(len(states)))
    return POOLINGS[pooling]()(Encoded({"last": torch.as_tensor(states)}), batch)


@pytest.mark.parametrize("pooling", EXPECTED)
def test_it_reads_pieces_and_never_padding(pooling):
    assert read(pooling, STATES, MASK).tolist() == EXPECTED[pooling]
    assert POOLINGS[pooling]().width(Config()) == len(EXPECTED[pooling][0])


@pytest.mark.parametrize("pooling", EXPECTED)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_a_sequence_is_read_in_a_batch_as_it_is_alone(pooling, lengths, seed):
    torch.manual_seed(seed)
    states = torch.randn(len(lengths), max(lengths), 2)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    together = read(pooling, states, mask.long())
    for number, length in enumerate(lengths):
        torch.testing.assert_close(together[number], read(pooling, states[number : number + 1, :length])[0])


@pytest.mark.parametrize("pooling", EXPECTED)
def test_no_gradient_reaches_padding(pooling):
    states = torch.tensor(STATES, requires_grad=True)
    columns = {"attention_mask": torch.tensor(MASK)}
    POOLINGS[pooling]()(Encoded({"last": states}), Batch(columns, np.arange(2))).sum().backward()
    assert states.grad is not None
    assert states.grad[0, 2].tolist() == [0.0, 0.0]
    assert states.grad.isfinite().all()


def test_the_pooler_is_what_sequences_are_read_by_unless_something_else_is_asked_for():
    assert isinstance(readout_for("sequences"), PoolerReadout)
    assert isinstance(readout_for("pieces"), PieceReadout)
    assert {pooling: kind.pooling for pooling, kind in POOLINGS.items()} == {pooling: pooling for pooling in POOLINGS}
    assert [pooling for pooling, kind in POOLINGS.items() if kind.needs_pooler] == ["pooler"]
