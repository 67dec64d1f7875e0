"""Which evaluation is the best, by hand."""

from __future__ import annotations

import math

import pytest

from bertcli.training.selection import Best, Selection


def run_of(selection: Selection, values: list[float]) -> list[Best]:
    best, found = None, []
    for number, value in enumerate(values, start=1):
        best = selection.after(best, 10 * number, {"eval/f1": value})
        found.append(best)
    return found


def test_the_first_of_equal_values_is_the_best() -> None:
    found = run_of(Selection("eval/f1"), [0.5, 0.7, 0.7, 0.6])
    assert found == [Best(10, 0.5), Best(20, 0.7), Best(20, 0.7, 1), Best(20, 0.7, 2)]


def test_of_errors_the_lowest_is_the_best() -> None:
    assert run_of(Selection("eval/f1", lower_is_better=True), [0.5, 0.7, 0.4])[-1] == Best(30, 0.4)


def test_what_is_not_a_number_is_the_worst() -> None:
    assert run_of(Selection("eval/f1"), [math.nan, 0.1, math.nan])[-1] == Best(20, 0.1, 1)
    assert run_of(Selection("eval/f1", lower_is_better=True), [math.nan, 0.1])[-1] == Best(20, 0.1)


@pytest.mark.parametrize(("patience", "over"), [(None, False), (3, False), (2, True), (1, True)])
def test_patience_counts_evaluations_that_are_no_better(patience: int | None, over: bool) -> None:
    selection = Selection("eval/f1", patience=patience)
    assert not selection.is_over(None)
    assert selection.is_over(run_of(selection, [0.5, 0.7, 0.7, 0.6])[-1]) is over
