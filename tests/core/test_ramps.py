import pytest
from pydantic import ValidationError

from bertcli.core.ramps import Ramp, Rate, Weight
from bertcli.core.settings import Settings


class Example(Settings):
    weight: Weight = Ramp.constant(1.0)
    rate: Rate = Ramp.constant(0.15)


def test_a_number_stays_and_is_written_as_a_number():
    example = Example(weight=2, rate="30%")
    assert [example.weight.at(progress) for progress in (0, 0.5, 1)] == [2, 2, 2]
    assert example.rate.at(0.9) == pytest.approx(0.3)
    assert example.dump() == {"weight": 2.0, "rate": 0.3}


def test_a_ramp_moves_in_a_straight_line_between_its_two_shares_of_the_run():
    rate = Example(rate={"start": "30%", "end": 0.15, "begin": "20%", "finish": 0.7}).rate
    assert [rate.at(progress) for progress in (0, 0.2, 0.45, 0.7, 1)] == pytest.approx([0.3, 0.3, 0.225, 0.15, 0.15])


def test_a_ramp_is_read_back_as_it_was_written():
    example = Example(rate={"start": 0.3, "end": 0.15})
    assert Example.model_validate(example.dump()) == example


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weight": 0}, "a weight is above 0, got 0"),
        ({"weight": {"start": -1, "end": 1}}, "a weight is above 0, got -1 to 1"),
        ({"rate": 0}, "expected a share above 0 and below 1, got 0"),
        ({"rate": 1}, "expected a share above 0 and below 1, got 1"),
        ({"rate": {"start": 0.3, "end": 1}}, "expected a share above 0 and below 1, got 0.3 to 1"),
        ({"rate": {"start": 0.3, "end": 0.1, "begin": 0.5, "finish": 0.5}}, "no way between"),
        ({"rate": "much"}, "expected a number, or start and end of one that moves, got 'much'"),
    ],
)
def test_what_is_no_weight_and_no_rate_is_refused(values, message):
    with pytest.raises(ValidationError, match=message):
        Example(**values)
