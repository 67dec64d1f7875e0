"""Regression: numbers, correlations by hand calculation, and the loss of transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from bertcli.contracts.batch import Batch
from bertcli.contracts.task import Examples, Fault, Limits, Prediction, Table
from bertcli.tasks.regression import Regression, RegressionSettings

TASK = Regression(RegressionSettings())


def predictions(gold: Sequence[float], pred: Sequence[float]) -> list[Prediction]:
    return [Prediction(str(row), g, p) for row, (g, p) in enumerate(zip(gold, pred, strict=True))]


def examples_of(labels: Sequence[str]) -> Examples:
    rows = range(len(labels))
    texts = [f"text {row}" for row in rows]
    return Examples("dev", [str(row) for row in rows], {"text": texts, "label": labels}, ["t.tsv"] * len(labels), rows)


def test_metrics_on_a_small_vector_by_hand() -> None:
    scores = TASK.score(predictions([1, 2, 3, 4], [1, 3, 2, 6]))
    # means 2.5 and 3; products of deviations 3 + 0 + (-0.5) + 4.5 = 7.5 (1.5*2, 0.5*0, 0.5*-1, 1.5*3)
    # squares 5 and 4 + 0 + 1 + 9 = 14
    assert scores["pearson"] == pytest.approx(7.0 / (5 * 14) ** 0.5)
    # ranks 1 2 3 4 and 1 3 2 4: 1 - 6 * 2 / (4 * 15)
    assert scores["spearman"] == pytest.approx(0.8)
    assert scores["mse"] == pytest.approx((0 + 1 + 1 + 4) / 4)


def test_tied_ranks_share_their_mean() -> None:
    # ranks of gold 1.5 1.5 3, of pred 1 2 3: covariance 1.5, variances 1.5 and 2
    scores = TASK.score(predictions([1, 1, 2], [1, 2, 3]))
    assert scores["spearman"] == pytest.approx(1.5 / (1.5 * 2) ** 0.5)


@pytest.mark.parametrize(("gold", "pred"), [([1, 2], [3, 3]), ([2, 2], [1, 3]), ([1], [1])])
def test_correlations_of_a_constant_are_0(gold: list[float], pred: list[float]) -> None:
    scores = TASK.score(predictions(gold, pred))
    assert (scores["pearson"], scores["spearman"]) == (0.0, 0.0)


@pytest.mark.parametrize("written", ["high", "nan", "inf"])
def test_a_label_that_is_no_number_names_file_and_line(written: str) -> None:
    message, hint = f"the label '{written}' is not a number", "--task classification learns names"
    assert list(TASK.faults(examples_of(["1.5", written]))) == [Fault("error", message, "t.tsv", 1, hint)]


def test_the_loss_is_the_sum_of_squared_errors() -> None:
    batch = Batch({"labels": np.asarray([1.0, 3.0], dtype=np.float32)}, np.arange(2)).to(torch.device("cpu"))
    loss = TASK.loss(torch.tensor([[2.0], [1.0]]), batch)
    assert float(loss.total) == 1 + 4
    assert loss.count == 2


def test_predictions_are_the_outputs_and_have_no_probabilities(letters: Any) -> None:
    examples = examples_of(["1.5"])
    features = TASK.encode(examples, letters, Limits(8))
    (found,) = TASK.decode(examples, features, [np.asarray([2.25], dtype=np.float32)])
    assert found.dump() == {"id": "0", "gold": 1.5, "pred": 2.25}
    assert list(TASK.official([found])) == ["index\tprediction", "0\t2.250000"]


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_metrics_of_sums_are_those_of_scipy_whatever_the_offset(offset: float) -> None:
    draw = np.random.default_rng(0)
    gold = offset + draw.normal(size=50)
    run = predictions(gold.tolist(), (gold + draw.normal(size=50)).tolist())
    tally, scores = TASK.tally(run), TASK.score(run)
    assert list(tally.metrics) == ["pearson", "mse"]  # ranks are no function of sums
    for name, of_sums in tally.metrics.items():
        assert float(of_sums(tally.counts.sum(axis=0))) == pytest.approx(scores[name], rel=1e-6)


@pytest.mark.parametrize(("gold", "pred"), [([1, 2], [3, 3]), ([2, 2], [1, 3]), ([1], [1]), ([0.1, 0.7], [0.1, 0.1])])
def test_correlations_of_the_sums_of_a_constant_are_0(gold: list[float], pred: list[float]) -> None:
    tally = TASK.tally(predictions(gold, pred))
    assert float(tally.metrics["pearson"](tally.counts.sum(axis=0))) == 0.0


def test_numbers_that_hardly_differ_are_a_collapse_where_gold_ones_do() -> None:
    assert TASK.collapsed(predictions([0, 5, 2], [2.5, 2.51, 2.52])) == "every prediction is about 2.51"
    assert TASK.collapsed(predictions([0, 5, 2], [2.4, 2.6, 2.5])) is None
    assert TASK.collapsed(predictions([2, 2, 2], [2.5, 2.5, 2.5])) is None
    assert TASK.collapsed(predictions([2], [2.5])) is None


def test_targets_that_are_nan_or_missing_are_listed() -> None:
    table = Table("t.parquet", {"text": ["a", "b", "c"], "label": [1.5, math.nan, None]}, [1, 2, 3])
    examples = TASK.select([table], "dev", labelled=True)
    assert list(TASK.faults(examples)) == [
        Fault("error", "the label column holds nan here, expected a number", "t.parquet", 2),
        Fault("error", "the label column holds nothing here, expected a number", "t.parquet", 3),
    ]
