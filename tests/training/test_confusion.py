"""Confusions by hand, of classes and of tags."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bertcli.contracts.task import Prediction
from bertcli.training.confusion import confusion_of


def task(head: str, names: list[str]) -> Any:
    return SimpleNamespace(head=head, model_facts=lambda: {"id2label": dict(enumerate(names))})


def test_rows_are_gold_and_columns_predicted_in_the_order_of_the_ids() -> None:
    run = [Prediction("0", "b", "a"), Prediction("1", "b", "b"), Prediction("2", "a", "a")]
    found = confusion_of(task("classification", ["b", "a", "never"]), "dev", [run])
    assert found is not None
    assert found.labels == ["b", "a", "never"]
    assert found.counts == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert (found.split, found.of) == ("dev", "examples")


def test_runs_are_added_up() -> None:
    run = [Prediction("0", "b", "a")]
    found = confusion_of(task("classification", ["a", "b"]), "dev", [run, run])
    assert found is not None
    assert found.counts == [[0, 0], [2, 0]]


def test_tags_are_counted_by_type() -> None:
    run = [Prediction("0", ["B-PER", "I-PER", "O"], ["B-LOC", "I-PER", "B-PER"])]
    found = confusion_of(task("token_classification", ["O", "B-PER", "I-PER", "B-LOC"]), "dev", [run])
    assert found is not None
    assert (found.of, found.labels) == ("tags", ["O", "PER", "LOC"])
    assert found.counts == [[0, 1, 0], [0, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize("letters", ["BIIS", "BILU", "BIES", "BMES"])
def test_the_tags_of_every_scheme_are_counted_by_type(letters: str) -> None:
    first, between, last, alone = (f"{letter}-per" for letter in letters)
    run = [Prediction("0", [first, between, last, "O"], ["O", "O", "O", alone])]
    found = confusion_of(task("token_classification", [first, between, last, alone, "O"]), "dev", [run])
    assert found is not None
    assert found.labels == ["per", "O"]
    assert found.counts == [[0, 3], [1, 0]]


def test_tags_that_name_no_type_are_counted_as_they_are() -> None:
    run = [Prediction("0", ["B", "I", "O"], ["B", "O", "O"])]
    found = confusion_of(task("token_classification", ["O", "B", "I"]), "dev", [run])
    assert found is not None
    assert (found.labels, found.counts) == (["O", "B", "I"], [[1, 0, 0], [0, 1, 0], [1, 0, 0]])


def test_a_tag_without_a_prefix_is_its_own_type() -> None:
    found = confusion_of(task("token_classification", []), "dev", [[Prediction("0", ["NOUN", "X-Y"], ["VERB", "X-Y"])]])
    assert found is not None
    assert found.labels == ["NOUN", "VERB", "X-Y"]


def test_numbers_and_sets_of_labels_have_no_confusions() -> None:
    assert confusion_of(task("classification", []), "dev", [[Prediction("0", 1.0, 2.0)]]) is None
    assert confusion_of(task("classification", ["a", "b"]), "dev", [[Prediction("0", ["a"], ["a", "b"])]]) is None
