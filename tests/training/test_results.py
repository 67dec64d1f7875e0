"""Results over seeds, by hand calculation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bertcli.core import atomic
from bertcli.errors import DataError
from bertcli.training.results import Result, combine, confidence_interval, missed, read_results, write_results

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


def results_on(*splits: str) -> list[Result]:
    return [combine({0: {"accuracy": 0.5}}, "accuracy", **{**FACTS, "split": split}) for split in splits]


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    written = results_on("dev", "test", "challenge")
    write_results(tmp_path, written)
    assert read_results(tmp_path, ["dev", "test", "challenge"]) == written
    assert read_results(tmp_path, ["dev", "challenge"]) == [written[0], written[2]]


def test_the_main_result_is_written_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json = atomic.write_json

    def killed_after_one(path: Path, value: Any) -> None:
        if list(tmp_path.iterdir()):
            raise KeyboardInterrupt
        write_json(path, value)

    monkeypatch.setattr(atomic, "write_json", killed_after_one)
    with pytest.raises(KeyboardInterrupt):
        write_results(tmp_path, results_on("dev", "test"))
    assert [path.name for path in tmp_path.iterdir()] == ["result-test.json"]
    assert read_results(tmp_path, ["dev", "test"]) == []


def test_results_that_are_not_all_there_are_none(tmp_path: Path) -> None:
    write_results(tmp_path, results_on("dev"))
    assert read_results(tmp_path, ["dev", "test"]) == []
    assert read_results(tmp_path, ["dev_matched"]) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"schema": 2}), "a result of schema 2, expected 1"),
        (json.dumps({"schema": 1, "task": "t"}), "not a result that bertcli has written"),
        ("[]", "not a result that bertcli has written"),
        ("{", "not a result that bertcli has written"),
    ],
)
def test_a_result_of_another_schema_is_a_fault_of_the_data(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(DataError, match=f"result.json: {message}") as caught:
        read_results(tmp_path, ["dev"])
    assert caught.value.hint == "--overwrite or -o DIR starts a new run"


def test_a_threshold_is_missed_below_its_value_and_by_what_is_not_a_number() -> None:
    assert missed({"accuracy": 0.8}, {"accuracy": 0.8}) == []
    assert missed({"accuracy": 0.79}, {"accuracy": 0.8}) == ["accuracy is 0.7900, below 0.8"]
    assert missed({"accuracy": math.nan}, {"accuracy": 0.0}) == ["accuracy is nan, below 0"]
