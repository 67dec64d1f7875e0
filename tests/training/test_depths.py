import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.training.depths import DepthPlan


def test_discriminative_rates_are_those_of_the_formula_by_hand():
    # Four layers and 2.6: head 1, layer 4 1/2.6, ..., embeddings 1/2.6^5 = 1/118.81376.
    plan = DepthPlan(top=5, factor=1 / 2.6)
    assert [plan.share(depth) for depth in (5, 4, 3)] == pytest.approx([1.0, 0.3846154, 0.1479290])
    assert plan.share(0) == pytest.approx(1 / 118.81376)


@given(st.integers(1, 30), st.floats(1.0, 10.0))
def test_the_rate_of_each_layer_is_that_of_the_one_above_divided(layers, divisor):
    plan = DepthPlan(top=layers + 1, factor=1 / divisor)
    for depth in range(1, layers + 2):
        assert plan.share(depth - 1) == pytest.approx(plan.share(depth) / divisor)
    assert plan.share(layers + 1) == 1.0


def test_gradual_unfreezing_begins_with_the_last_layer_and_adds_one_each_epoch():
    # Three layers, epochs of 10 steps: layer 3 and the head at once, layer 2 from step 10, layer 1 from 20, then all.
    plan = DepthPlan(top=4, epoch_steps=10)
    assert [plan.first_step(depth) for depth in (4, 3, 2, 1, 0)] == [0, 0, 10, 20, 30]
    assert [plan.lowest(step) for step in (0, 9, 10, 19, 20, 29, 30, 1000)] == [3, 3, 2, 2, 1, 1, 0, 0]


def test_frozen_depths_are_never_trained():
    plan = DepthPlan(top=4, frozen=2, epoch_steps=10)
    assert [plan.first_step(depth) for depth in range(5)] == [None, None, 10, 0, 0]
    assert plan.lowest(1000) == 2
    assert DepthPlan(top=4, frozen=4).lowest(1000) == 4


def test_without_a_wish_all_are_trained_alike_from_the_first_step():
    plan = DepthPlan(top=4)
    assert [(plan.share(depth), plan.first_step(depth)) for depth in range(5)] == [(1.0, 0)] * 5
    assert plan.lowest(0) == 0
