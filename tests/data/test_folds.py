"""Folds: every example is held out once, copies stay together, labels are spread evenly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.task import Examples
from bertcli.data.folds import Fold, fold_of_each, hold_out_fold, in_order
from bertcli.errors import InputFileError


def examples_of(labels: list[str], keys: list[str] | None = None) -> tuple[Examples, list[str]]:
    rows = range(len(labels))
    texts = keys or [f"text {row}" for row in rows]
    columns = {"text": texts, "label": labels}
    return Examples("train", [str(row) for row in rows], columns, ["train.tsv"] * len(labels), list(rows)), texts


@given(
    st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("xyz")), min_size=8, max_size=60),
    st.integers(2, 4),
    st.integers(0, 5),
)
def test_every_example_is_held_out_exactly_once_and_copies_together(
    drawn: list[tuple[str, str]], folds: int, seed: int
) -> None:
    examples, keys = examples_of([label for _, label in drawn], [key for key, _ in drawn])
    if len(set(keys)) < folds:
        return
    held_out = []
    parts = []
    for number in range(1, folds + 1):
        train, dev = hold_out_fold(examples, keys, Fold(number, folds), seed=seed)
        parts.append(dev)
        assert sorted([*train.ids, *dev.ids], key=int) == list(examples.ids)
        assert not set(train.columns["text"]) & set(dev.columns["text"])
        assert (train.split, dev.split) == ("train", "folds")
        held_out += dev.ids
    assert sorted(held_out, key=int) == list(examples.ids)
    whole, rows = in_order(parts)
    assert whole.ids == list(examples.ids)
    assert [held_out[row] for row in rows] == list(examples.ids)


@given(st.lists(st.sampled_from("xyz"), min_size=6, max_size=80), st.integers(2, 5), st.integers(0, 3))
def test_folds_differ_by_one_example_of_a_label_at_most(labels: list[str], folds: int, seed: int) -> None:
    examples, keys = examples_of(labels)
    of_each = fold_of_each(examples, keys, folds, seed=seed)
    sizes = np.bincount(of_each, minlength=folds)
    assert np.ptp(sizes) <= len(set(labels))
    for label in set(labels):
        here = np.asarray([other == label for other in labels])
        assert np.ptp(np.bincount(of_each[here], minlength=folds)) <= 1


def test_folds_of_numbers_are_of_equal_size() -> None:
    examples, keys = examples_of([str(row / 7) for row in range(23)])
    sizes = np.bincount(fold_of_each(examples, keys, 5, seed=0))
    assert sorted(sizes) == [4, 4, 5, 5, 5]


def test_folds_are_a_matter_of_the_seed_alone() -> None:
    examples, keys = examples_of(["x", "y"] * 20)
    one, same, other = (fold_of_each(examples, keys, 4, seed=seed).tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_fewer_texts_than_folds_are_refused() -> None:
    examples, keys = examples_of(["x", "y", "x"], ["a", "a", "b"])
    with pytest.raises(InputFileError, match=r"train\.tsv: 2 different texts cannot be held out in 5 folds") as caught:
        fold_of_each(examples, keys, 5, seed=0)
    assert caught.value.hint == "--folds 2 or fewer"
    examples, keys = examples_of(["x"], ["a"])
    with pytest.raises(InputFileError) as caught:
        fold_of_each(examples, keys, 5, seed=0)
    assert caught.value.hint == "give more examples"
