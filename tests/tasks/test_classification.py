"""Classification: labels by name, metrics by hand calculation, predictions and their official form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bertcli.contracts.task import Examples, Fault, Limits, Prediction, Table
from bertcli.errors import ConfigError, InputFileError
from bertcli.tasks.classification import Classification, ClassificationSettings


def make_task(**settings: Any) -> Classification:
    return Classification(ClassificationSettings(**settings))


def examples_of(labels: Sequence[str]) -> Examples:
    texts = [f"text {row}" for row in range(len(labels))]
    rows = range(len(labels))
    return Examples(
        "train", [str(row) for row in rows], {"text": texts, "label": labels}, ["t.tsv"] * len(labels), rows
    )


def predictions(gold: str, pred: str) -> list[Prediction]:
    return [Prediction(str(row), g, p) for row, (g, p) in enumerate(zip(gold, pred, strict=True))]


BINARY = make_task(labels=["n", "p"], metrics=["accuracy", "f1", "macro_f1", "matthews"]).fit(examples_of("np"))


def test_metrics_on_a_small_vector_by_hand() -> None:
    # tp 3, fp 1, fn 2, tn 4
    scores = BINARY.score(predictions("pppppnnnnn", "pppnnpnnnn"))
    assert scores["accuracy"] == pytest.approx(7 / 10)
    assert scores["f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 2))
    f1_negative = 2 * 4 / (2 * 4 + 2 + 1)
    assert scores["macro_f1"] == pytest.approx((6 / 9 + f1_negative) / 2)
    # (tp tn - fp fn) / sqrt((tp + fp)(tp + fn)(tn + fp)(tn + fn))
    assert scores["matthews"] == pytest.approx((3 * 4 - 1 * 2) / (4 * 5 * 5 * 6) ** 0.5)


def test_constant_predictions_have_a_matthews_correlation_of_0() -> None:
    scores = BINARY.score(predictions("ppnn", "nnnn"))
    assert (scores["matthews"], scores["f1"], scores["accuracy"]) == (0.0, 0.0, 0.5)


def test_a_class_that_never_occurs_counts_0_in_macro_f1() -> None:
    task = make_task(labels=["a", "b", "c"], metrics=["macro_f1"]).fit(examples_of("ab"))
    assert task.score(predictions("aabb", "aabb"))["macro_f1"] == pytest.approx(2 / 3)


def test_own_labels_are_those_of_the_training_split_sorted() -> None:
    assert make_task().fit(examples_of(["pos", "neg", "pos"])).names == ["neg", "pos"]


def test_integers_are_sorted_as_numbers() -> None:
    assert make_task().fit(examples_of(["10", "9", "-1"])).names == ["-1", "9", "10"]


def test_labels_do_not_depend_on_their_order_in_a_file() -> None:
    one, other = (make_task().fit(examples_of(order)).names for order in (["b", "a"], ["a", "b"]))
    assert one == other


def test_a_single_label_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"t\.tsv: every example of the training split has the label 'a'"):
        make_task().fit(examples_of(["a", "a"]))


@pytest.mark.parametrize("labels", [["a", "b", "c"], None])
def test_f1_of_more_than_two_labels_is_refused(labels: list[str] | None) -> None:
    with pytest.raises(ConfigError, match="the metric f1 is that of one of two labels, and here are 3") as caught:
        make_task(labels=labels, metrics=["accuracy", "f1"]).fit(examples_of(["a", "b", "c"]))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("macro_f1 is the mean over all labels")


def encoded_labels(task: Classification, labels: Sequence[str], letters: Any) -> list[int]:
    return task.encode(examples_of(labels), letters, Limits(8)).item_columns["labels"].tolist()


def test_known_labels_are_read_as_written_or_by_name(letters: Any) -> None:
    task = make_task(labels={"0": "not_entailment", "1": "entailment"}).fit(examples_of("01"))
    assert encoded_labels(task, ["1", "0", "entailment", "not_entailment"], letters) == [1, 0, 1, 0]
    assert task.model_facts()["id2label"] == {0: "not_entailment", 1: "entailment"}


def test_a_label_outside_a_closed_set_names_file_line_and_the_known_ones() -> None:
    task = make_task(labels={"0": "negative", "1": "positive"}).fit(examples_of("01"))
    hint = "known labels: 0 (negative), 1 (positive)"
    assert list(task.faults(examples_of(["0", "1", "2"]))) == [
        Fault("error", "the label '2' is not one of the task's", "t.tsv", 2, hint)
    ]


def test_a_label_that_training_lacks_names_file_and_line() -> None:
    task = make_task().fit(examples_of(["a", "b"]))
    assert list(task.faults(examples_of(["a", "c"]))) == [
        Fault("error", "the training split has no label 'c'", "t.tsv", 1, "known labels: a, b")
    ]


def test_two_labels_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two labels are named 'same'"):
        make_task(labels={"0": "same", "1": "same"})


def test_predictions_have_the_likeliest_class_and_all_probabilities(letters: Any) -> None:
    examples = examples_of(["n", "p"])
    features = BINARY.encode(examples, letters, Limits(8))
    found = BINARY.decode(examples, features, [np.log(np.asarray([3.0, 1.0])), np.log(np.asarray([1.0, 4.0]))])
    assert [prediction.dump() for prediction in found] == [
        {"id": "0", "gold": "n", "pred": "n", "probs": {"n": 0.75, "p": 0.25}},
        {"id": "1", "gold": "p", "pred": "p", "probs": {"n": 0.2, "p": 0.8}},
    ]


def test_the_official_file_has_labels_as_the_data_write_them() -> None:
    task = make_task(labels={"0": "negative", "1": "positive"}).fit(examples_of("01"))
    lines = list(task.official([Prediction("7", None, "positive"), Prediction("9", None, "negative")]))
    assert lines == ["index\tprediction", "7\t1", "9\t0"]


def test_swapped_labels_are_told() -> None:
    assert BINARY.doubts(predictions("p" * 40 + "n" * 40, "n" * 39 + "p" + "p" * 40)) == [
        "the labels look swapped: accuracy 1.2, but 98.8 when read as p for n, n for p"
    ]
    assert BINARY.doubts(predictions("p" * 40 + "n" * 40, "p" * 70 + "n" * 10)) == []
    assert BINARY.doubts(predictions("pn", "np")) == []


def test_a_test_split_without_labels_has_none() -> None:
    task = make_task(text_column="sentence")
    table = Table("test.tsv", {"index": ["0", "1"], "sentence": ["a", "b"]}, [2, 3])
    examples = task.select([table], "test", labelled=False)
    assert examples.ids == ["0", "1"]
    assert "label" not in examples.columns


def test_labels_that_are_hidden_throughout_are_none() -> None:
    table = Table("hub", {"text": ["a", "b"], "label": [None, None]}, [1, 2])
    assert "label" not in make_task().select([table], "test", labelled=False).columns
    table = Table("t.parquet", {"text": ["a", "b"], "label": [math.nan, math.nan]}, [1, 2])
    assert "label" not in make_task().select([table], "test", labelled=False).columns


def test_rows_of_several_files_are_numbered_on() -> None:
    tables = [Table(f"{name}.tsv", {"text": [name], "label": ["0"]}, [2]) for name in "ab"]
    examples = make_task().select(tables, "train", labelled=True)
    assert examples.ids == ["0", "1"]
    assert examples.paths == ["a.tsv", "b.tsv"]


def test_a_training_split_needs_its_label_column() -> None:
    with pytest.raises(InputFileError, match=r"t\.tsv: no column 'label'") as caught:
        make_task().select([Table("t.tsv", {"text": ["a"], "labels": ["0"]}, [2])], "train", labelled=True)
    assert caught.value.hint == "did you mean 'labels'? columns: 'text', 'labels'; choose with --label-column"


def test_keys_of_pairs_have_both_texts() -> None:
    task = make_task(pair_column="pair")
    table = Table("t", {"text": ["a"], "pair": ["b"], "label": ["0"]}, [2])
    assert task.keys(task.select([table], "train", labelled=True)) == ["a\tb"]
