"""Several labels per text: three forms of cells, metrics by hand calculation, and the loss of transformers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import logit

from bertcli.contracts.batch import Batch
from bertcli.contracts.task import Examples, Fault, Limits, Prediction, Table
from bertcli.core import messages
from bertcli.errors import InputFileError
from bertcli.tasks.multi_label import MultiLabel, MultiLabelSettings


def make_task(**settings: Any) -> MultiLabel:
    return MultiLabel(MultiLabelSettings(**settings))


def examples_of(labels: Sequence[tuple[str, ...]]) -> Examples:
    rows = range(len(labels))
    columns = {"text": [f"text {row}" for row in rows], "label": list(labels)}
    return Examples("train", [str(row) for row in rows], columns, ["t.csv"] * len(labels), rows)


def selected(task: MultiLabel, columns: dict[str, Any]) -> Examples:
    rows = len(next(iter(columns.values())))
    return task.select([Table("t.csv", columns, range(2, rows + 2))], "train", labelled=True)


FITTED = make_task(metrics=["micro_f1", "macro_f1", "subset_accuracy", "lrap", "map"]).fit(
    examples_of([("joy", "fear"), ("rage",)])
)


def prediction(gold: str, pred: str, probs: Sequence[float]) -> Prediction:
    return Prediction("0", gold.split(), pred.split(), dict(zip(FITTED.names, probs, strict=True)))


def test_metrics_on_a_small_vector_by_hand() -> None:
    assert FITTED.names == ["fear", "joy", "rage"]
    scores = FITTED.score(
        [
            prediction("fear joy", "fear joy", (0.9, 0.8, 0.1)),
            prediction("rage", "joy", (0.2, 0.7, 0.4)),
            prediction("joy", "joy rage", (0.1, 0.6, 0.5)),
        ]
    )
    # true positives 3 (fear 1, joy 2), false positives 2 (joy 1, rage 1), false negatives 1 (rage)
    assert scores["micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 2 + 1))
    # fear 1; joy 2·2 / (2·2 + 1); rage 0
    assert scores["macro_f1"] == pytest.approx((1 + 4 / 5 + 0) / 3)
    assert scores["subset_accuracy"] == pytest.approx(1 / 3)
    # ranks of the true labels: (1 of 1, 2 of 2); rage is second, one true label above it or at it; joy first
    assert scores["lrap"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    # fear: 1. joy (gold 1, 0, 1 at 0.8, 0.7, 0.6): (1/1 + 2/3) / 2. rage (gold 0, 1, 0 at 0.1, 0.4, 0.5): 1/2
    assert scores["map"] == pytest.approx((1 + 5 / 6 + 1 / 2) / 3)


def test_a_label_that_never_holds_has_no_part_in_the_mean_average_precision() -> None:
    scores = FITTED.score([prediction("fear", "fear", (0.9, 0.8, 0.1)), prediction("", "joy", (0.1, 0.8, 0.1))])
    assert scores["map"] == 1.0
    assert scores["subset_accuracy"] == 0.5


def test_without_any_label_scores_are_defined() -> None:
    scores = FITTED.score([prediction("", "", (0.1, 0.2, 0.1))])
    assert (scores["micro_f1"], scores["map"], scores["subset_accuracy"]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("joy|fear", ("joy", "fear")),
        (" joy | joy ", ("joy",)),
        ("", ()),
        (None, ()),
        (math.nan, ()),
        ([], ()),
        (["joy", "a|b"], ("joy", "a|b")),
        ([1, 2.0, True], ("1", "2", "true")),
        (3, ("3",)),
    ],
)
def test_cells_are_lists_or_text_with_separators(cell: Any, labels: tuple[str, ...]) -> None:
    assert selected(make_task(), {"text": ["a"], "labels": [cell]}).columns["label"] == [labels]


def test_the_separator_can_be_another() -> None:
    examples = selected(make_task(label_separator=", "), {"text": ["a"], "labels": ["a|b, c"]})
    assert examples.columns["label"] == [("a|b", "c")]


def test_one_column_of_0_and_1_for_each_label_gives_their_names_in_that_order() -> None:
    task = make_task(label_columns=["toxic", "insult"])
    examples = selected(task, {"text": ["a", "b", "c"], "insult": ["1", "0", "1"], "toxic": [1.0, 0, True]})
    assert examples.columns["label"] == [("toxic", "insult"), (), ("toxic", "insult")]
    assert task.fit(examples).names == ["toxic", "insult"]


def test_a_column_of_labels_that_holds_something_else_names_file_and_row() -> None:
    task = make_task(label_columns=["toxic", "insult"])
    with pytest.raises(InputFileError, match=r"t\.csv:3: the column 'insult' holds '2' here, expected 0 or 1"):
        selected(task, {"text": ["a", "b"], "toxic": ["1", "1"], "insult": ["0", "2"]})
    with pytest.raises(InputFileError, match=r"t\.csv: no column 'insult'"):
        selected(task, {"text": ["a"], "toxic": ["1"]})


def test_a_test_split_without_the_columns_has_no_labels() -> None:
    table = Table("test.csv", {"text": ["a"]}, [2])
    for task in (make_task(), make_task(label_columns=["toxic"])):
        assert "label" not in task.select([table], "test", labelled=False).columns


def test_two_places_for_the_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="label_column and label_columns exclude one another"):
        make_task(label_column="tags", label_columns=["toxic"])


def test_labels_that_are_not_known_and_cells_that_are_none_are_listed() -> None:
    task = make_task().fit(examples_of([("a", "b")]))
    examples = selected(task, {"text": ["", "y", "z"], "labels": ["c|a|d", "a", [["b"]]]})
    assert list(task.faults(examples)) == [
        Fault("warning", "the text is empty", "t.csv", 2),
        Fault("error", "the training split has no label 'c'", "t.csv", 2, "known labels: a, b"),
        Fault("error", "the training split has no label 'd'", "t.csv", 2, "known labels: a, b"),
        Fault("error", "the label column holds a list here, expected a list of labels, or text", "t.csv", 4),
    ]


def test_a_training_split_without_any_label_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"t\.csv: no example of the training split has a label"):
        make_task().fit(examples_of([(), ()]))


def test_labels_that_never_stand_together_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    reporter = messages.Silence()
    monkeypatch.setattr(reporter, "notice", said.append)
    monkeypatch.setattr(messages, "reporter", reporter)
    make_task().fit(examples_of([("a,b",), ("c",)]))
    assert said == [
        "no training example has two labels; in text they stand apart by '|' (task_settings.label_separator)"
    ]
    make_task().fit(examples_of([("a", "b"), ("c",)]))
    assert len(said) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(labels=st.lists(st.sets(st.sampled_from("abcdef")), min_size=1).filter(any))
def test_decoding_what_was_encoded_gives_the_labels_back(labels: list[set[str]], letters: Any) -> None:
    written = examples_of([tuple(sorted(one)) for one in labels])
    task = make_task(labels=list("abcdef"), label_columns=["a", "b"]).fit(written)
    features = task.encode(written, letters, Limits(8))
    outputs = [np.where(row > 0, 9.0, -9.0).astype(np.float32) for row in features.item_columns["labels"]]
    found = task.decode(written, features, outputs)
    assert [one.gold for one in found] == [one.pred for one in found] == [sorted(one) for one in labels]


def test_a_label_is_predicted_from_the_threshold_on(letters: Any) -> None:
    task = make_task(threshold=0.3).fit(examples_of([("a", "b")]))
    examples = examples_of([("a",)])
    features = task.encode(examples, letters, Limits(8))
    (found,) = task.decode(examples, features, [logit(np.asarray([0.3, 0.29])).astype(np.float32)])
    assert found.dump() == {"id": "0", "gold": ["a"], "pred": ["a"], "probs": {"a": 0.3, "b": 0.29}}


def test_the_loss_is_that_of_transformers() -> None:
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
    loss = FITTED.loss(logits, Batch({"labels": labels}, example_ids=np.arange(4)))
    assert loss.count == FITTED.count({"input_ids": np.zeros((4, 7)), "labels": labels.numpy()}) == 12
    assert float(loss.total) / loss.count == pytest.approx(float(torch.nn.BCEWithLogitsLoss()(logits, labels)))
    assert int(loss.correct) == int(((logits > 0) == labels.bool()).sum())


def test_a_threshold_that_nothing_reaches_is_told() -> None:
    assert FITTED.doubts([prediction("fear", "", (0.4, 0.1, 0.1))]) == [
        "no label reaches the threshold 0.5: train longer, or lower it"
    ]
    assert FITTED.doubts([prediction("", "", (0.4, 0.1, 0.1))]) == []


def test_the_official_file_has_labels_as_the_data_write_them() -> None:
    task = make_task(labels={"0": "fear", "1": "joy"}).fit(examples_of([("0", "1")]))
    lines = list(task.official([Prediction("7", None, ["fear", "joy"]), Prediction("9", None, [])]))
    assert lines == ["index\tprediction", "7\t0|1", "9\t"]


def test_the_model_says_that_several_labels_may_hold() -> None:
    assert FITTED.model_facts() == {
        "id2label": {0: "fear", 1: "joy", 2: "rage"},
        "label2id": {"fear": 0, "joy": 1, "rage": 2},
        "problem_type": "multi_label_classification",
    }
