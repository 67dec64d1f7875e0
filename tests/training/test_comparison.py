"""Comparisons of two systems, against scipy and hand calculation; tallied and scored ones against each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from bertcli.contracts.tally import Tally
from bertcli.contracts.task import Prediction
from bertcli.tasks.classification import Classification, ClassificationSettings
from bertcli.tasks.multi_label import MultiLabel, MultiLabelSettings
from bertcli.tasks.question_answering import QuestionAnswering, QuestionAnsweringSettings
from bertcli.tasks.regression import Regression, RegressionSettings
from bertcli.training.comparison import ScoredComparison, TalliedComparison, compare, right
from bertcli.training.score_intervals import score_interval

METRICS = ("accuracy", "macro_f1", "matthews", "f1")


def classification() -> Classification:
    return Classification(ClassificationSettings(metrics=METRICS), labels={"n": "n", "p": "p"})


def predictions(gold: str, pred: str) -> list[Prediction]:
    return [Prediction(str(row), *pair) for row, pair in enumerate(zip(gold, pred, strict=True))]


def drawn(examples: int, seed: int, right: float = 0.7) -> list[Prediction]:
    draw = np.random.default_rng(seed)
    gold = np.random.default_rng(0).choice(["n", "p"], examples)
    hits = draw.random(examples) < right
    wrong = np.where(gold == "n", "p", "n")
    return predictions("".join(gold), "".join(np.where(hits, gold, wrong)))


def test_accuracies_are_tested_as_scipys_permutation_test_does() -> None:
    gold = "npnpnpnpnp"
    a, b = predictions(gold, "npnpnpnppn"), predictions(gold, "ppppnpnppp")
    hits_a, hits_b = (np.asarray([p.gold == p.pred for p in run], dtype=float) for run in (a, b))
    theirs = stats.permutation_test(
        (hits_a, hits_b), lambda x, y, axis: (x - y).mean(axis=axis), permutation_type="samples", vectorized=True
    )
    found = compare(classification(), [a], [b], "accuracy").randomization(samples=2000, seed=0)
    assert found.exact
    assert found.p_value == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize("metric", METRICS)
def test_counts_and_scores_give_the_same_test(metric: str) -> None:
    task = classification()
    a, b = ([drawn(40, seed, right) for seed in seeds] for seeds, right in (((1, 2), 0.9), ((3, 4), 0.6)))
    tallied = TalliedComparison(task, a, b, metric).randomization(samples=100, seed=5)
    scored = ScoredComparison(task, a, b, metric).randomization(samples=100, seed=5)
    assert tallied == scored


def test_intervals_of_counts_and_scores_agree_but_for_their_draws() -> None:
    task = classification()
    a, b = [drawn(300, 1, 0.9)], [drawn(300, 2, 0.7)]
    tallied = TalliedComparison(task, a, b, "macro_f1").interval(resamples=400, seed=0)
    scored = ScoredComparison(task, a, b, "macro_f1").interval(resamples=400, seed=0)
    assert tallied == pytest.approx(scored, abs=0.02)


def test_the_interval_of_a_difference_of_accuracies_is_about_the_normal_one() -> None:
    task = classification()
    a, b = drawn(2000, 1, 0.9), drawn(2000, 2, 0.8)
    gains = np.asarray([float(x.gold == x.pred) - float(y.gold == y.pred) for x, y in zip(a, b, strict=True)])
    half = 1.96 * gains.std() / 2000**0.5
    found = compare(task, [a], [b], "accuracy").interval(resamples=4000, seed=1)
    assert found == pytest.approx([gains.mean() - half, gains.mean() + half], abs=0.1 * half)


def test_a_rank_correlation_is_scored_anew() -> None:
    task = Regression(RegressionSettings())
    draw = np.random.default_rng(0)
    gold = draw.normal(size=8)
    a, b = (
        [Prediction(str(row), value, value + noise * draw.normal()) for row, value in enumerate(gold)]
        for noise in (0.1, 3.0)
    )
    comparison = compare(task, [a], [b], "spearman")
    assert isinstance(comparison, ScoredComparison)

    def statistic(x: Any, y: Any) -> float:
        return float(stats.spearmanr(gold, x).statistic - stats.spearmanr(gold, y).statistic)

    theirs = stats.permutation_test(
        ([p.pred for p in a], [p.pred for p in b]), statistic, permutation_type="samples", vectorized=False
    )
    assert comparison.randomization(samples=256, seed=0).p_value == pytest.approx(theirs.pvalue)
    low, high = comparison.interval(resamples=100, seed=0)
    assert -1 < low < high < 2


def test_systems_that_predict_alike_are_told_apart_by_their_probabilities() -> None:
    task = MultiLabel(MultiLabelSettings(metrics=("lrap",)), labels={"a": "a", "b": "b"})
    # The one true label is ranked first (precision 1) or second (1/2); at a threshold of 0.5 neither is predicted.
    a, b = ([Prediction(str(row), ["a"], [], {"a": of_a, "b": 0.3}) for row in range(3)] for of_a in (0.4, 0.2))
    found = compare(task, [a], [b], "lrap").randomization(samples=100, seed=0)
    # Of the 2³ exchanges, none and all of them differ as much as the systems.
    assert (found.p_value, found.samples, found.exact) == (2 / 8, 8, True)


def test_systems_that_answer_alike_are_told_apart_by_their_scores() -> None:
    task = QuestionAnswering(QuestionAnsweringSettings(), no_answer=True)
    # The likeliest answer is right where there is one; b doubts the questions with an answer most.
    gold: list[list[str]] = [["x"], ["x"], []]
    a, b = (
        [
            Prediction(str(row), one, "", {"x": 1.0}, score)
            for row, (one, score) in enumerate(zip(gold, scores, strict=True))
        ]
        for scores in ((-2.0, -1.0, 1.0), (2.0, 1.0, -1.0))
    )
    assert [task.score(run)["best_f1"] for run in (a, b)] == pytest.approx([1.0, 2 / 3])
    assert compare(task, [a], [b], "best_f1").randomization(samples=100, seed=0).samples == 8


def test_the_same_predictions_do_not_differ() -> None:
    run = drawn(30, 1)
    comparison = compare(classification(), [run], [run], "accuracy")
    assert comparison.randomization(samples=100, seed=0).p_value == 1.0
    assert comparison.interval(resamples=100, seed=0) == [0.0, 0.0]


def test_what_is_right_is_told_of_shares_of_right_examples_alone() -> None:
    task, run = classification(), predictions("npnp", "nppp")
    found = right(task, run, "accuracy")
    assert found is not None
    assert found.tolist() == [True, True, False, True]
    assert right(task, run, "f1") is None


def test_an_accuracy_that_lies_between_is_no_share_of_right_examples() -> None:
    class Tags:
        def tally(self, run: Any) -> Tally:
            return Tally(np.asarray([[1.0, 2.0], [2.0, 2.0]]), {"accuracy": lambda sums: sums[..., 0] / sums[..., 1]})

    assert right(Tags(), [], "accuracy") is None  # type: ignore[arg-type]


def test_the_interval_of_a_score_is_about_the_normal_one() -> None:
    run = drawn(1000, 3, 0.8)
    share = sum(p.gold == p.pred for p in run) / 1000
    half = 1.96 * (share * (1 - share) / 1000) ** 0.5
    found = score_interval(classification(), run, "accuracy", resamples=4000)
    assert found == pytest.approx([share - half, share + half], abs=0.1 * half)


def test_the_interval_of_a_score_that_is_no_function_of_sums_is_found_all_the_same() -> None:
    draw = np.random.default_rng(0)
    run = [Prediction(str(row), float(value), float(value + draw.normal())) for row, value in enumerate(range(30))]
    task = Regression(RegressionSettings())
    low, high = score_interval(task, run, "spearman", resamples=100)
    assert low < task.score(run)["spearman"] < high
