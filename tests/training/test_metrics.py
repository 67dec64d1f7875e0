from dataclasses import replace

import pytest
import torch

from bertcli.errors import NonFiniteLossError
from bertcli.training.loop import StepResult
from bertcli.training.metrics import Meter


def result(step, loss, *, count=10, correct=5, norm=1.0, weight=1.0):
    return StepResult(
        step=step,
        losses={"mlm": torch.tensor(loss)},
        correct={"mlm": torch.tensor(correct)},
        counts={"mlm": count},
        weights={"mlm": weight},
        gradient_norm=torch.tensor(norm),
        learning_rate=0.1,
        tokens=100,
        sequences=4,
        epoch=0,
        example_ids=[1, 2, 3],
        after={},
    )


def test_means_are_over_targets_and_not_over_steps():
    meter = Meter(check_every_step=True)
    meter.add(result(1, 10.0, count=10))
    meter.add(result(2, 90.0, count=30, correct=15))
    metrics = meter.read()
    assert metrics["train/loss_mlm"] == pytest.approx(100 / 40)
    assert metrics["train/accuracy_mlm"] == pytest.approx(20 / 40)


def test_the_loss_is_the_mean_of_what_the_steps_minimised_each_with_its_own_weight():
    meter = Meter(check_every_step=True)
    meter.add(result(1, 10.0, count=10))
    meter.add(result(2, 90.0, count=30, weight=2.0))
    assert meter.read()["train/loss"] == pytest.approx((1 * 10 / 10 + 2 * 90 / 30) / 2)


def test_all_losses_of_a_step_are_in_its_loss():
    meter = Meter(check_every_step=True)
    both = result(1, 10.0, count=10)
    losses, counts, weights = both.losses | {"nsp": torch.tensor(6.0)}, both.counts | {"nsp": 4}, {"mlm": 1, "nsp": 0.5}
    meter.add(replace(both, losses=losses, counts=counts, weights=weights))
    assert meter.read()["train/loss"] == pytest.approx(10 / 10 + 0.5 * 6 / 4)


def test_a_loss_that_is_not_finite_is_found_at_once_on_a_cpu():
    meter = Meter(check_every_step=True)
    with pytest.raises(NonFiniteLossError, match=r"loss of mlm is nan at step 3 \(epoch 0, examples 1, 2, 3\)"):
        meter.add(result(3, float("nan")))


def test_elsewhere_reading_names_the_first_step_that_was_not_finite():
    meter = Meter(check_every_step=False)
    for step, norm in ((1, 1.0), (2, float("inf")), (3, float("nan"))):
        meter.add(result(step, 1.0, norm=norm))
    with pytest.raises(NonFiniteLossError, match="gradient norm is inf at step 2"):
        meter.read()
