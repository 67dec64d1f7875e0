"""Tallies of metrics that are means over examples, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bertcli.contracts.tally import means, ratio


def test_means_are_those_of_the_examples_also_of_resampled_ones() -> None:
    tally = means({"exact_match": [1, 0, 0], "f1": [1, 0.5, 0]})
    sums = tally.counts.sum(axis=0)
    assert float(tally.metrics["exact_match"](sums)) == pytest.approx(1 / 3)
    assert float(tally.metrics["f1"](sums)) == pytest.approx(0.5)
    twice_the_first = np.stack([sums, 2 * tally.counts[0]])
    assert tally.metrics["f1"](twice_the_first) == pytest.approx([0.5, 1.0])


def test_what_never_occurs_scores_0() -> None:
    assert ratio(np.asarray([1.0, 2.0]), np.asarray([0.0, 4.0])).tolist() == [0.0, 0.5]
