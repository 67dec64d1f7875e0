"""Results over seeds, by hand calculation."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bertcli.core import atomic
from bertcli.errors import DataError
from bertcli.training.results import Result, combine, confidence_interval, missed, of_one, read_results, write_results

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
    "elapsed_seconds": 1.5,
    "ci95": [0.4, 0.6],
    "ci95_of": "examples",
    "lost_tokens": 3,
    "restarts": [[]],
    "collapsed": [None],
    "selected_steps": [None],
}


def of_seeds(*values: float, **facts: Any) -> list[Result]:
    return [
        of_one(seed, {"accuracy": value, "f1": 0.5}, "accuracy", **FACTS | facts) for seed, value in enumerate(values)
    ]


def test_the_fields_are_those_that_people_parse() -> None:
    names = (
        "schema task split n primary metrics seeds per_seed mean sd ci95 selected_on truncated model_sha256 "
        "vocab_sha256 data_sha256 config_sha256 tokens_seen device precision elapsed_seconds ci95_of lost_tokens "
        "restarts collapsed selected_steps folds"
    )
    assert list(of_seeds(0.5)[0].dump()) == names.split()


def test_mean_deviation_and_interval_are_those_of_the_primary_metric() -> None:
    result = combine(of_seeds(0.8, 0.9, 1.0))
    assert result.mean == pytest.approx(0.9)
    assert result.sd == pytest.approx(0.1)
    # Student's t with two degrees of freedom at 97.5 % is 4.3027.
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert result.ci95 == pytest.approx([0.9 - half, 0.9 + half], abs=1e-6)
    assert result.ci95_of == "seeds"
    assert result.metrics == pytest.approx({"accuracy": 0.9, "f1": 0.5})
    assert result.seeds == [0, 1, 2]
    assert result.elapsed_seconds == 4.5
    assert (result.n, result.truncated, result.lost_tokens, result.folds) == (10, 0, 3, None)


def test_what_is_said_of_each_seed_stays_in_order() -> None:
    one, two = of_seeds(0.8), of_seeds(0.9, restarts=[[77]], collapsed=["one class"], selected_steps=[12])
    result = combine([*one, *two])
    assert (result.restarts, result.collapsed, result.selected_steps) == ([[], [77]], [None, "one class"], [None, 12])


def test_folds_are_parts_of_one_split_and_of_one_seed() -> None:
    result = combine(of_seeds(0.8)[:1] + of_seeds(0.9, n=11, truncated=2), over="folds")
    assert (result.n, result.truncated, result.lost_tokens) == (21, 2, 6)
    assert (result.seeds, result.folds, result.ci95_of) == ([0], 2, "folds")
    assert [row["accuracy"] for row in result.per_seed] == [0.8, 0.9]


def test_one_seed_has_no_deviation_and_its_interval_is_that_of_the_examples() -> None:
    (result,) = of_seeds(0.8)
    assert (result.sd, result.ci95, result.ci95_of, result.seeds) == (None, [0.4, 0.6], "examples", [0])
    assert confidence_interval([0.5]) is None


def test_a_result_of_before_reads_as_one_without_the_newer_facts(tmp_path: Path) -> None:
    write_results(tmp_path, of_seeds(0.8))
    values = json.loads((tmp_path / "result.json").read_text())
    older = {name: value for name, value in values.items() if name in list(values)[:21]}
    (tmp_path / "result.json").write_text(json.dumps(older))
    (result,) = read_results(tmp_path, ["dev"])
    assert (result.mean, result.ci95_of, result.restarts) == (0.8, None, [])


def results_on(*splits: str) -> list[Result]:
    return [of_seeds(0.5, split=split)[0] for split in splits]


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


@pytest.mark.parametrize("name", ["mse", "mae", "mse_mismatched"])
def test_a_threshold_of_an_error_is_missed_above_its_value(name: str) -> None:
    assert missed({name: 0.2}, {name: 0.2}) == []
    assert missed({name: 0.1}, {name: 0.2}) == []
    assert missed({name: 0.3}, {name: 0.2}) == [f"{name} is 0.3000, above 0.2"]
    assert missed({name: math.nan}, {name: 9.0}) == [f"{name} is nan, above 9"]
