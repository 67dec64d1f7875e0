"""The worst mistakes, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bertcli.contracts.task import Examples, Prediction
from bertcli.training.mistakes import worst_mistakes


def task(reads: str = "sequences", **score: float) -> Any:
    return SimpleNamespace(reads=reads, primary="f1", score=lambda predictions: score)


def examples(count: int, **columns: list[Any]) -> Examples:
    rows = [str(row) for row in range(count)]
    return Examples("dev", rows, columns or {"text": [f"text {row}" for row in rows]}, ["d"] * count, range(count))


def sure(row: int, gold: str, pred: str, probability: float) -> Prediction:
    return Prediction(str(row), gold, pred, {pred: probability, "other": 1 - probability})


def test_the_surest_is_the_worst_and_what_is_right_is_none() -> None:
    run = [sure(0, "a", "b", 0.6), sure(1, "a", "a", 0.99), sure(2, "b", "a", 0.9)]
    found = worst_mistakes(task(), examples(3), [run], text=True)
    assert [(mistake.id, mistake.badness) for mistake in found] == [("2", 0.9), ("0", 0.6)]
    assert found[0].dump() == {
        "id": "2",
        "badness": 0.9,
        "wrong": 1,
        "gold": "b",
        "pred": "a",
        "text": {"text": "text 2"},
    }


def test_over_several_runs_the_mean_counts_and_the_usual_mistake_is_shown() -> None:
    runs = [
        [sure(0, "a", "b", 0.6), sure(1, "a", "b", 0.9)],
        [sure(0, "a", "c", 0.9), sure(1, "a", "a", 0.9)],
        [sure(0, "a", "c", 0.6), sure(1, "a", "a", 0.9)],
    ]
    first, second = worst_mistakes(task(), examples(2), runs, text=True)
    assert (first.id, first.pred, first.wrong, first.badness) == ("0", "c", 3, 0.7)
    assert (second.id, second.wrong, second.badness) == ("1", 1, 0.3)


def test_without_text_there_are_ids_and_figures_alone() -> None:
    (found,) = worst_mistakes(task(), examples(1), [[sure(0, "a", "b", 0.6)]], text=False)
    assert found.dump() == {"id": "0", "badness": 0.6, "wrong": 1}


def test_no_more_than_asked_for_and_ties_in_the_order_of_the_examples() -> None:
    run = [sure(row, "a", "b", 0.5) for row in range(30)]
    found = worst_mistakes(task(), examples(30), [run], text=False)
    assert [mistake.id for mistake in found] == [str(row) for row in range(20)]


@pytest.mark.parametrize(
    ("reads", "gold", "pred", "probs", "badness"),
    [
        ("sequences", 1.0, 3.5, None, 2.5),
        ("sequences", 1, 2, [0.1, 0.2, 0.7], 0.7),
        ("pieces", ["O", "B-X", "O", "O"], ["O", "O", "O", "B-X"], None, 0.5),
        ("pieces", "an answer", "answer", None, 0.25),
        ("sequences", ["a"], ["a", "b"], {"a": 0.9, "b": 0.6}, 0.25),
        ("pieces", ["the answer", "an answer"], "answer", {"answer": 0.9}, 0.25),
    ],
)
def test_how_bad_a_mistake_is_depends_on_the_kind(reads: str, gold: Any, pred: Any, probs: Any, badness: float) -> None:
    run = [Prediction("0", gold, pred, probs)]
    (found,) = worst_mistakes(task(reads, f1=0.75), examples(1), [run], text=True)
    assert found.badness == badness


def test_an_answer_that_scores_in_full_is_no_mistake() -> None:
    run = [Prediction("0", ["the answer", "answer"], "answer")]
    assert worst_mistakes(task("pieces", f1=1.0), examples(1), [run], text=True) == []


def test_words_are_joined_and_labels_are_not_text() -> None:
    one = examples(1, words=[["New", "York"]], question=["where"], label=[["B-LOC", "I-LOC"]], number=[3])
    (found,) = worst_mistakes(task("pieces"), one, [[Prediction("0", ["O", "O"], ["O", "X"])]], text=True)
    assert found.text == {"words": "New York", "question": "where"}
