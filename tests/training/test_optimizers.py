import pytest
import torch
from torch import nn

from bertcli.training.depths import DepthPlan
from bertcli.training.optimizers import Depths, adamw, set_groups

SETTINGS = {"weight_decay": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def stack(depths=4):
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(3, 3) for _ in range(depths)))


def depth_of(name):
    return int(name.partition(".")[0])


def made(plan, model=None):
    model = model or stack()
    return model, adamw(model, **SETTINGS, depths=Depths(plan, depth_of))


def trained_step(model, optimizer, rate, step):
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    bottom = set_groups(optimizer, rate, step)
    model(torch.ones(2, 3)).square().sum().backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    moved = {depth_of(name) for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    return moved, bottom


def test_biases_are_not_decayed_and_every_depth_has_its_share_of_the_rate():
    model, optimizer = made(DepthPlan(top=3, factor=0.5))
    set_groups(optimizer, 0.8, 0)
    found = {(group["depth"], group["weight_decay"]): group["lr"] for group in optimizer.param_groups}
    rates = [0.1, 0.2, 0.4, 0.8]
    assert found == {(depth, decay): pytest.approx(rates[depth]) for depth in range(4) for decay in (0.0, 0.1)}
    assert [parameter.shape for parameter in optimizer.param_groups[0]["params"]] == [model[3].weight.shape]


def test_the_first_step_of_adam_moves_a_parameter_by_the_rate_of_its_depth():
    # With the bias of both moments corrected, AdamW's first step is rate · sign(gradient), here without decay.
    model = stack()
    optimizer = adamw(model, **SETTINGS | {"weight_decay": 0.0}, depths=Depths(DepthPlan(3, factor=0.5), depth_of))
    before = [layer.bias.detach().clone() for layer in model]
    trained_step(model, optimizer, 0.01, 0)
    for depth, layer in enumerate(model):
        assert (layer.bias - before[depth]).abs().max().item() == pytest.approx(0.01 * 0.5 ** (3 - depth), rel=1e-3)


def test_a_depth_moves_from_its_first_step_on_and_not_before():
    model, optimizer = made(DepthPlan(top=3, epoch_steps=2))
    moved = [trained_step(model, optimizer, 0.01, step)[0] for step in range(6)]
    assert moved == [{2, 3}, {2, 3}, {1, 2, 3}, {1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 3}]


def test_neither_decay_nor_moments_move_what_is_frozen():
    """Also where a parameter was trained before and has moments, as after a resume with a wrong state."""
    model, optimizer = made(DepthPlan(top=3, epoch_steps=2))
    trained_step(model, optimizer, 0.01, 5)
    assert trained_step(model, optimizer, 0.01, 0)[0] == {2, 3}


def test_what_is_never_trained_is_not_the_optimizers():
    model = stack()
    model[0].requires_grad_(False)
    model, optimizer = made(DepthPlan(top=3, frozen=1), model)
    assert {group["depth"] for group in optimizer.param_groups} == {1, 2, 3}
    assert trained_step(model, optimizer, 0.01, 100)[0] == {1, 2, 3}


def test_the_lowest_depth_and_its_rate_are_told():
    _, optimizer = made(DepthPlan(top=3, factor=0.5, epoch_steps=2))
    told = [set_groups(optimizer, 0.8, step) for step in (0, 2, 4)]
    assert told == [
        {"learning_rate_bottom": pytest.approx(0.4), "lowest_trained_depth": 2},
        {"learning_rate_bottom": pytest.approx(0.2), "lowest_trained_depth": 1},
        {"learning_rate_bottom": pytest.approx(0.1), "lowest_trained_depth": 0},
    ]


def test_without_depths_there_are_two_groups_at_the_whole_rate_and_nothing_is_told():
    optimizer = adamw(stack(), **SETTINGS)
    assert set_groups(optimizer, 0.3, 0) == {}
    assert [(group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [(0.3, 0.1), (0.3, 0.0)]
