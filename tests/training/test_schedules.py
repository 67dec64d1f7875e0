import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from bertcli.training.schedules import cyclical, learning_rate, slanted_triangular, warmup_steps


def rates(shape, steps, **arguments):
    rate = learning_rate(shape, peak=1.0, steps=steps, **arguments)
    return [rate(step) for step in range(steps)]


@pytest.mark.parametrize(
    ("shape", "reference"), [("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)]
)
def test_after_warm_up_the_rates_are_those_of_transformers(shape, reference):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = reference(optimizer, num_warmup_steps=10, num_training_steps=100)
    ours = rates(shape, 100, warmup=10)
    for step in range(100):
        if step >= 10:
            assert ours[step] == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


def test_warm_up_rises_evenly_and_no_step_is_wasted_at_zero():
    assert rates("linear", 100, warmup=3)[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_warm_up_is_a_share_below_one_and_steps_from_one_on():
    assert warmup_steps(0.06, 1000) == 60
    assert warmup_steps(25, 1000) == 25


def test_the_slanted_triangle_equals_the_formula_by_hand():
    # T = 100, cut = 10: half way up p = 0.5, so η = 0.01 · (1 + 0.5 · 31) / 32; the last step has p = 1 - 89/90.
    arguments = {"steps": 100, "peak": 0.01, "cut_fraction": 0.1, "ratio": 32}
    assert slanted_triangular(5, **arguments) == pytest.approx(0.01 * 16.5 / 32)
    assert slanted_triangular(10, **arguments) == pytest.approx(0.01)
    assert slanted_triangular(0, **arguments) == pytest.approx(0.01 / 32)
    assert slanted_triangular(99, **arguments) == pytest.approx(0.01 * (1 + (1 - 89 / 90) * 31) / 32)


def test_the_slanted_triangle_of_fewer_than_ten_steps_has_a_cut_of_one():
    # T = 5: ⌊0.5⌋ is 0, so cut = 1. p = 0 at first, then 1 - (t - 1) / 9.
    expected = [(1 + p * 31) / 32 for p in (0, 1, 8 / 9, 7 / 9, 6 / 9)]
    assert rates("slanted-triangular", 5) == pytest.approx(expected)


def test_the_slanted_triangle_never_falls_below_its_lowest_rate():
    # T = 19: cut = 1, so p would be negative from t = 11 on: 1 - 10/9 < 0.
    assert rates("slanted-triangular", 19)[11:] == pytest.approx([1 / 32] * 8)


def test_cycles_rise_and_fall_evenly_between_the_lowest_rate_and_the_peak():
    # 12 steps in 3 cycles of 4: half way up after 1, at the peak after 2. The lowest rate is 1/5 of the peak.
    assert rates("cyclical", 12, cycles=3, ratio=5) == pytest.approx([0.2, 0.6, 1.0, 0.6] * 3)


def test_cycles_are_those_of_torch():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    reference = torch.optim.lr_scheduler.CyclicLR(optimizer, 0.02, 0.1, step_size_up=10, cycle_momentum=False)
    for step in range(60):
        ours = cyclical(step, steps=60, peak=0.1, cycles=3, ratio=5)
        assert ours == pytest.approx(reference.get_last_lr()[0])
        optimizer.step()
        reference.step()


def test_constant_and_wsd_stay_at_the_peak():
    assert set(rates("constant", 50, warmup=5)[5:]) == {1.0}
    wsd = rates("wsd", 100, warmup=10, decay=0.2)
    assert set(wsd[10:80]) == {1.0}
    assert wsd[90] == pytest.approx(0.5)
