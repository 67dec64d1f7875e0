"""Settings of a schedule: each shape reads its own, and others are refused rather than passed over."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from bertcli.config.sections import READ_BY, FinetuningSchedule, Schedule, Shape
from bertcli.training.schedules import learning_rate

OTHER: dict[str, Any] = {"warmup": 0.3, "cut_fraction": 0.4, "ratio": 4, "cycles": 5, "decay": 0.5}
"""A value of each setting that is not its default."""


def rates(shape: str, **settings: Any) -> list[float]:
    rate = learning_rate(shape, peak=1.0, steps=40, **settings)
    return [rate(step) for step in range(40)]


@pytest.mark.parametrize("shape", get_args(Shape))
@pytest.mark.parametrize("name", OTHER)
def test_a_setting_is_taken_where_it_changes_the_rates_and_refused_elsewhere(shape: Shape, name: str) -> None:
    given = {name: OTHER[name]}
    changes = rates(shape, **given) != rates(shape)
    assert (name in READ_BY[shape]) is changes
    if changes:
        assert getattr(Schedule(shape=shape, **given), name) == OTHER[name]
    else:
        with pytest.raises(ValidationError, match=f"{name} .*: the schedule {shape} does not read it"):
            Schedule(shape=shape, **given)


@pytest.mark.parametrize("kind", [Schedule, FinetuningSchedule])
@pytest.mark.parametrize("shape", get_args(Shape))
def test_a_configuration_that_was_written_down_is_read_again(kind: type[Schedule], shape: Shape) -> None:
    schedule = kind(shape=shape)
    assert kind(**schedule.model_dump()) == schedule
