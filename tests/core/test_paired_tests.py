"""Paired tests against hand calculation and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from bertcli.core.paired_tests import Differences, mcnemar, randomization


def difference_of_means(gains: NDArray[np.float64]) -> Differences:
    """Of per-example scores a − b: an exchange turns the sign."""
    return lambda exchanged: np.where(exchanged, -gains, gains).mean(axis=1)


def test_few_pairs_are_exchanged_in_every_way() -> None:
    # Four examples that only A has right: of 16 exchanges the two one-sided ones differ as much.
    found = randomization(difference_of_means(np.ones(4)), pairs=4, samples=100, seed=0)
    assert (found.p_value, found.samples, found.exact) == (2 / 16, 16, True)


def test_the_exact_value_is_that_of_scipys_permutation_test() -> None:
    gains = np.asarray([0.3, -0.1, 0.5, 0.2, 0.0, 0.4, -0.2])
    theirs = stats.permutation_test(
        (gains, np.zeros(7)), lambda a, b, axis: (a - b).mean(axis=axis), permutation_type="samples", vectorized=True
    )
    found = randomization(difference_of_means(gains), pairs=7, samples=128, seed=0)
    assert found.exact
    assert found.p_value == pytest.approx(theirs.pvalue)


def test_drawn_exchanges_come_near_the_exact_value() -> None:
    gains = np.asarray([1.0] * 12 + [-1.0] * 5)
    exact = randomization(difference_of_means(gains), pairs=17, samples=2**17, seed=0)
    drawn = randomization(difference_of_means(gains), pairs=17, samples=20_000, seed=3)
    assert (exact.exact, drawn.exact, drawn.samples) == (True, False, 20_000)
    assert exact.p_value == pytest.approx(mcnemar(12, 5))  # signs alone: both are the binomial tail
    spread = (exact.p_value * (1 - exact.p_value) / 20_000) ** 0.5
    assert abs(drawn.p_value - exact.p_value) < 4 * spread


def test_a_value_from_draws_is_never_zero_and_depends_on_the_seed_alone() -> None:
    differences = difference_of_means(np.ones(200))
    found = [randomization(differences, pairs=200, samples=999, seed=7) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].p_value == 1 / 1000


def test_every_pair_is_exchanged_in_about_half_of_the_samples() -> None:
    seen: list[NDArray[np.bool_]] = []

    def differences(exchanged: NDArray[np.bool_]) -> NDArray[np.float64]:
        seen.append(exchanged)
        return np.zeros(len(exchanged))

    randomization(differences, pairs=130, samples=4000, seed=1)
    shares = np.concatenate(seen[1:]).mean(axis=0)  # the first is what was observed
    assert len(shares) == 130
    assert np.abs(shares - 0.5).max() < 4.5 * 0.5 / 4000**0.5


def test_no_pairs_are_no_difference() -> None:
    assert randomization(lambda exchanged: np.zeros(len(exchanged)), pairs=0, samples=100, seed=0).p_value == 1.0


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 0) == pytest.approx(2 / 32)
    assert mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 1024)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_symmetric_and_that_of_the_binomial_test(only_a: int, only_b: int) -> None:
    assert mcnemar(only_a, only_b) == pytest.approx(mcnemar(only_b, only_a))
    if only_a + only_b:
        tail = stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5)
        assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, 2 * tail))
