import json

import pytest

from bertcli.contracts.audit import above, binomial, exact, informative


def test_a_share_lies_within_five_standard_deviations():
    check = binomial("share", 60, 100, 0.5)  # one of them is 0.05
    assert (check.observed, check.low, check.high) == pytest.approx((0.6, 0.25, 0.75))
    assert check.ok
    assert not binomial("share", 76, 100, 0.5).ok


def test_trials_that_are_drawn_together_widen_the_bounds_by_the_root_of_their_effect():
    check = binomial("share", 80, 400, 0.5, design_effect=4)
    assert (check.low, check.high) == pytest.approx((0.25, 0.75))


def test_a_bound_that_has_to_be_exceeded_is_not_enough_itself():
    assert not above("length", 1.0, 1.0).ok
    assert above("length", 1.001, 1.0).ok
    assert json.loads(json.dumps(above("length", 2.0, 1.0).dump()))["high"] is None


def test_what_is_only_reported_never_fails():
    assert informative("figure", 5.0).ok
    assert informative("figure", 5.0, 4.0).ok
    assert not exact("figure", 5.0, 4.0).ok
