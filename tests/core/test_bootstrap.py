"""Bootstrap sums and intervals against distributions that are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bertcli.core import bootstrap
from bertcli.core.bootstrap import percentile_interval, resampled_sums


def test_resamples_of_successes_are_binomial_and_so_is_the_interval():
    documents, successes, resamples = 400, 120, 20_000
    sums = np.zeros((documents, 1))
    sums[:successes] = 1
    drawn = resampled_sums(sums, resamples=resamples, seed=1)[:, 0]
    # Each of 400 draws with replacement is a success with probability 0.3: the resampled count is Binomial(400, 0.3).
    law = stats.binom(documents, successes / documents)
    assert abs(drawn.mean() - law.mean()) < 5 * law.std() / np.sqrt(resamples)
    assert abs(drawn.var() / law.var() - 1) < 5 * np.sqrt(2 / resamples)
    low, high = percentile_interval(drawn)
    # A quantile of 20,000 draws lies within one count of the law's: at 5 deviations it moves by less than 0.4 %.
    assert abs(low - law.ppf(0.025)) <= 1
    assert abs(high - law.ppf(0.975)) <= 1


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    draw = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        sample = draw.normal(5.0, 2.0, size=(60, 1))
        low, high = percentile_interval(resampled_sums(sample, resamples=300, seed=trial)[:, 0] / 60)
        held += low <= 5.0 <= high
    assert 0.87 <= held / 200 <= 0.99  # 94 % for 60 documents; 1.7 % is a deviation of 200 trials


def test_every_resample_draws_as_many_documents_as_there_are_and_the_same_for_all_columns():
    sums = np.stack([np.ones(50), np.arange(50.0), 3 * np.arange(50.0)], axis=1)
    drawn = resampled_sums(sums, resamples=200, seed=0)
    assert np.array_equal(drawn[:, 0], np.full(200, 50.0))
    assert np.array_equal(drawn[:, 2], 3 * drawn[:, 1])
    assert len(np.unique(drawn[:, 1])) > 100


def test_the_seed_decides_and_blocks_do_not(monkeypatch: pytest.MonkeyPatch):
    sums = np.random.default_rng(3).integers(0, 9, size=(40, 2)).astype(float)
    whole = resampled_sums(sums, resamples=100, seed=5)
    assert not np.array_equal(whole, resampled_sums(sums, resamples=100, seed=6))
    for draws in (1, 120):
        monkeypatch.setattr(bootstrap, "_DRAWS_PER_BLOCK", draws)
        assert np.array_equal(whole, resampled_sums(sums, resamples=100, seed=5))


def test_undefined_values_are_left_out_of_an_interval():
    assert percentile_interval(np.array([np.nan, *range(101)])) == pytest.approx((2.5, 97.5))
