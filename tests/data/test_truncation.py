import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bertcli.data.truncation import tosses, truncated_lengths


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 300)), min_size=1), st.integers(5, 300))
def test_pairs_are_cut_one_token_at_a_time_from_the_longer_segment(pairs, budget):
    expected = []
    for a, b in pairs:
        while a + b > budget:  # Devlin et al.'s truncate_seq_pair
            if a > b:
                a -= 1  # noqa: PLW2901
            else:
                b -= 1  # noqa: PLW2901
        expected.append((a, b))
    a, b = np.array(pairs).T
    kept_a, kept_b = truncated_lengths(a, b, budget)
    assert list(zip(kept_a.tolist(), kept_b.tolist(), strict=True)) == expected


def test_tosses_are_fair_and_independent_of_one_another():
    # Binomial(n, 1/2) has mean n/2 and variance n/4; the bounds are 5 standard deviations of each estimate.
    number = np.arange(20_000)
    for trials in (1, 63, 64, 65, 200):
        heads = tosses(np.full(len(number), trials), 3, "test", 0, number)
        assert heads.min() >= 0
        assert heads.max() <= trials
        spread = np.sqrt(trials / 4)
        assert abs(heads.mean() - trials / 2) < 5 * spread / np.sqrt(len(number))
        assert abs(heads.var() / spread**2 - 1) < 5 * np.sqrt(2 / len(number))
        assert abs(np.corrcoef(heads[:-1], heads[1:])[0, 1]) < 5 / np.sqrt(len(number))


def test_tosses_do_not_depend_on_which_others_are_made():
    number = np.arange(100)
    trials = number * 3
    together = tosses(trials, 3, "test", 7, number)
    alone = [tosses(trials[[index]], 3, "test", 7, number[[index]])[0] for index in number]
    assert together.tolist() == alone
    assert together[0] == 0
