"""Classification: labels by name, metrics by hand calculation, predictions and their official form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from bertcli.contracts.batch import Batch
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


def predictions(gold: Sequence[str], pred: Sequence[str]) -> list[Prediction]:
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


def test_a_part_that_lacks_a_label_is_balanced_without_it() -> None:
    task = make_task(class_weights="balanced").fit(examples_of(["a", "a", "a", "b", "c"]))
    # 4 examples of 2 classes: 4 / (2 · 3) and 4 / (2 · 1)
    assert task.weighed(examples_of(["a", "a", "a", "b"])).class_weights == pytest.approx((2 / 3, 2, 1))
    assert task.weighed(examples_of(["a", "b"])).names == ["a", "b", "c"]


@pytest.mark.parametrize("labels", [None, ["a", "b"]])
def test_a_single_label_is_refused(labels: list[str] | None) -> None:
    with pytest.raises(InputFileError, match=r"t\.tsv: every example of the training split has the label 'a'"):
        make_task(labels=labels).fit(examples_of(["a", "a"]))


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


THREE = make_task(labels=["a", "b", "c"], metrics=["accuracy", "macro_f1", "matthews"]).fit(examples_of("abc"))


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_metrics_of_sums_are_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    assume(len({label for pair in pairs for label in pair}) > 1)  # of one label scikit-learn warns
    run = predictions("".join(gold for gold, _ in pairs), "".join(pred for _, pred in pairs))
    tally = THREE.tally(run)
    scores = THREE.score(run)
    assert list(tally.metrics) == list(scores)
    for name, of_sums in tally.metrics.items():
        assert float(of_sums(tally.counts.sum(axis=0))) == pytest.approx(scores[name], abs=1e-12)


def test_one_class_for_all_is_a_collapse_where_gold_has_several() -> None:
    assert THREE.collapsed(predictions("abca", "bbbb")) == "every prediction is 'b'"
    assert THREE.collapsed(predictions("bbbb", "bbbb")) is None
    assert THREE.collapsed(predictions("abca", "bbba")) is None


def loss_per_example(task: Classification, logits: torch.Tensor, labels: Sequence[str]) -> float:
    ids = torch.tensor([task.label_ids[label] for label in labels])
    loss = task.loss(logits, Batch({"labels": ids}, example_ids=np.arange(len(labels))))
    assert loss.count == len(labels)
    return float(loss.total) / loss.count


LABELS = ["a", "a", "a", "a", "b", "c", "c"]


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    task = make_task(class_weights="balanced").fit(examples_of(LABELS))
    expected = compute_class_weight("balanced", classes=np.asarray(["a", "b", "c"]), y=LABELS)
    assert task.class_weights == pytest.approx(expected)
    # n / (k n_c) with n = 7, k = 3
    assert task.class_weights == pytest.approx([7 / 12, 7 / 3, 7 / 6])


@pytest.mark.parametrize("weights", ["none", "balanced", {"b": 5.0, "c": 0.5}])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_of_the_whole_training_split_is_that_of_torch(weights: Any, smoothing: float) -> None:
    task = make_task(class_weights=weights, label_smoothing=smoothing).fit(examples_of(LABELS))
    logits = torch.randn(7, 3, generator=torch.Generator().manual_seed(3))
    given = {"none": [1.0, 1.0, 1.0], "balanced": [7 / 12, 7 / 3, 7 / 6]}.get(str(weights), [1.0, 5.0, 0.5])
    torchs = torch.nn.CrossEntropyLoss(torch.tensor(given), label_smoothing=smoothing)
    expected = torchs(logits, torch.tensor([task.label_ids[label] for label in LABELS]))
    assert loss_per_example(task, logits, LABELS) == pytest.approx(float(expected))


def test_weights_that_an_evaluation_met_first_serve_in_training() -> None:
    task = make_task(class_weights={"a": 0.125}).fit(examples_of(LABELS))
    logits = torch.zeros(2, 3, requires_grad=True)
    batch = Batch({"labels": torch.tensor([0, 1])}, example_ids=np.arange(2))
    with torch.inference_mode():
        task.loss(logits, batch)
    task.loss(logits, batch).total.backward()
    assert logits.grad is not None


def test_weights_have_the_mean_1_over_the_training_split() -> None:
    task = make_task(class_weights={"a": 10, "c": 3}).fit(examples_of(LABELS))
    assert task.class_weights is not None
    assert sum(task.class_weights[task.label_ids[label]] for label in LABELS) == pytest.approx(7)
    assert task.class_weights[0] / task.class_weights[2] == pytest.approx(10 / 3)
    assert task.class_weights[0] / task.class_weights[1] == pytest.approx(10)


def test_weights_are_given_by_the_name_of_a_label_or_as_files_write_it() -> None:
    labels = {"0": "no: never", "1": "yes"}
    by_name, as_written = (
        make_task(labels=labels, class_weights=weights).fit(examples_of("0011"))
        for weights in ('{"no: never": 3}', "{0: 3}")
    )
    assert by_name.class_weights == as_written.class_weights == (1.5, 0.5)


def test_labels_of_settings_may_be_truth_values_and_numbers() -> None:
    task = make_task(labels=[False, True], class_weights="{true: 3, false: 1}").fit(examples_of(["true", "false"]))
    assert task.names == ["false", "true"]
    assert task.class_weights == (0.5, 1.5)
    assert make_task(labels={0: "no", 1.0: "yes"}).fit(examples_of("01")).labels == {"0": "no", "1": "yes"}


def test_a_weight_of_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="class_weights: the task has no label 'negatve'") as caught:
        make_task(labels=["negative", "positive"], class_weights={"negatve": 2}).fit(
            examples_of(["negative", "positive"])
        )
    assert caught.value.hint == "did you mean 'negative'? known: negative, positive"


def test_a_balance_with_a_label_that_has_no_example_is_refused() -> None:
    with pytest.raises(ConfigError, match="class_weights balanced: no training example has the label 'c'") as caught:
        make_task(labels=["a", "b", "c"], class_weights="balanced").fit(examples_of(["a", "b"]))
    assert caught.value.hint == "give weights by label: --class-weights '{LABEL: WEIGHT}'"


@pytest.mark.parametrize("settings", [{"class_weights": "even"}, {"class_weights": {"a": 0}}, {"label_smoothing": 1}])
def test_weights_and_smoothing_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"class_weights|label_smoothing"):
        make_task(**settings)


def test_rows_without_a_label_and_empty_texts_are_listed_in_order() -> None:
    table = Table("t.jsonl", {"text": ["a", " ", "c", "d"], "label": ["x", "y", math.nan, ["x"]]}, [1, 2, 3, 4])
    task = make_task()
    examples = task.select([table], "train", labelled=True)
    assert list(task.fit(examples).faults(examples)) == [
        Fault("warning", "the text is empty", "t.jsonl", 2),
        Fault("error", "the label column holds nan here, expected a label", "t.jsonl", 3),
        Fault("error", "the label column holds a list here, expected a label", "t.jsonl", 4),
    ]


def test_labels_may_be_truth_values_numbers_or_have_colons() -> None:
    task = make_task()
    for cells, names in (
        ([True, False], ["false", "true"]),
        ([1, 2.0], ["1", "2"]),
        (["a: b", "a:c"], ["a: b", "a:c"]),
    ):
        table = Table("t.jsonl", {"text": ["a", "b"], "label": cells}, [1, 2])
        fitted = task.fit(task.select([table], "train", labelled=True))
        assert fitted.names == names
        assert fitted.doubts(predictions(names, names[::-1])) == []  # too few to tell


def test_a_training_split_in_which_no_cell_holds_a_label_is_refused() -> None:
    task = make_task()
    table = Table("t.csv", {"text": ["a", "b"], "label": ["", " "]}, [2, 3])
    with pytest.raises(InputFileError, match=r"t\.csv: there are no labels"):
        task.fit(task.select([table], "train", labelled=True))


def test_other_forms_of_a_label_stand_for_its_name(letters: Any) -> None:
    task = make_task(labels={"0": "neg", "1": "pos"}, label_aliases={"negative": "neg", "positive": "pos"})
    fitted = task.fit(examples_of("01"))
    assert encoded_labels(fitted, ["negative", "pos", "1", "neg"], letters) == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="label_aliases: 'bad' is not the name of a label"):
        make_task(labels=["neg", "pos"], label_aliases={"negative": "bad"})


def test_two_columns_are_joined_to_one_text() -> None:
    task = make_task(text_column=["text", "title + body"])
    table = Table("t", {"title": ["Rain"], "body": ["It falls."], "label": ["0"]}, [2])
    assert task.select([table], "train", labelled=True).columns["text"] == ["Rain It falls."]
    whole = Table("t", {"title + body": ["as it is"], "title": ["x"], "body": ["y"], "label": ["0"]}, [2])
    assert task.select([whole], "train", labelled=True).columns["text"] == ["as it is"]
    with pytest.raises(InputFileError, match=r"t: no column 'text' or 'title \+ body'"):
        task.select([Table("t", {"title": ["x"], "label": ["0"]}, [2])], "train", labelled=True)


def test_a_header_with_one_of_the_joined_columns_is_a_header(tmp_path: Path) -> None:
    task = make_task(text_column="title + body", header=["label", "title", "body"])
    bare, headed = tmp_path / "bare.csv", tmp_path / "headed.csv"
    bare.write_text("1,Rain,It falls.\n")
    headed.write_text("label,title,body\n1,Rain,It falls.\n")
    assert task.read(bare).columns == task.read(headed).columns
