"""Results over seeds, by hand calculation."""

from __future__ import annotations

import math

import pytest

from bertcli.training.results import combine, confidence_interval, missed

FACTS = {
    "task": "t",
    "split": "dev",
    "n": 10,
    "selected_on": None,
    "truncated": 0,
    "model_sha256": "",
    "vocab_sha256": "",
    "data_sha256": "",
    "config_sha256": "",
    "tokens_seen": 0,
    "device": "cpu",
    "precision": "fp32",
    "elapsed_seconds": 0.0,
}


def test_the_fields_are_those_that_people_parse() -> None:
    names = (
        "schema task split n primary metrics seeds per_seed mean sd ci95 selected_on truncated model_sha256 "
        "vocab_sha256 data_sha256 config_sha256 tokens_seen device precision elapsed_seconds"
    )
    assert list(combine({0: {"accuracy": 0.5}}, "accuracy", **FACTS).dump()) == names.split()


def test_mean_deviation_and_interval_are_those_of_the_primary_metric() -> None:
    rows = {seed: {"accuracy": value, "f1": 0.5} for seed, value in enumerate([0.8, 0.9, 1.0])}
    result = combine(rows, "accuracy", **FACTS)
    assert result.mean == pytest.approx(0.9)
    assert result.sd == pytest.approx(0.1)
    # Student's t with two degrees of freedom at 97.5 % is 4.3027.
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert result.ci95 == pytest.approx([0.9 - half, 0.9 + half], abs=1e-6)
    assert result.metrics == pytest.approx({"accuracy": 0.9, "f1": 0.5})


def test_one_seed_has_no_deviation() -> None:
    result = combine({7: {"accuracy": 0.8}}, "accuracy", **FACTS)
    assert (result.sd, result.ci95, result.seeds) == (None, None, [7])
    assert confidence_interval([0.5]) is None


def test_a_threshold_is_missed_below_its_value_and_by_what_is_not_a_number() -> None:
    assert missed({"accuracy": 0.8}, {"accuracy": 0.8}) == []
    assert missed({"accuracy": 0.79}, {"accuracy": 0.8}) == ["accuracy is 0.7900, below 0.8"]
    assert missed({"accuracy": math.nan}, {"accuracy": 0.0}) == ["accuracy is nan, below 0"]
