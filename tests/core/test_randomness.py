import numpy as np
from scipy import stats

from bertcli.core.randomness import below, hash64, permutation, uniform


def test_a_draw_depends_on_every_counter_and_on_nothing_else():
    whole = hash64(7, "test", 3, np.arange(100)[:, None], np.arange(50)[None, :])
    part = hash64(7, "test", 3, np.arange(40, 60)[:, None], np.arange(10, 20)[None, :])
    assert np.array_equal(whole[40:60, 10:20], part)
    assert len(np.unique(whole)) == whole.size
    for other in (hash64(8, "test", 3, 0, 0), hash64(7, "other", 3, 0, 0), hash64(7, "test", 4, 0, 0)):
        assert other != whole[0, 0]


def test_uniform_draws_are_uniform():
    draws = uniform(hash64(0, "test", np.arange(200_000)))
    assert stats.kstest(draws, "uniform").pvalue > 1e-6
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 5 / np.sqrt(len(draws))


def test_draws_of_neighbouring_seeds_and_examples_are_independent():
    for counters in ((0, np.arange(50_000)), (1, np.arange(50_000))):
        first, second = (uniform(hash64(seed, "test", *counters)) for seed in (1, 2))
        assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(50_000)


def test_every_bit_of_a_hash_is_set_half_of_the_time():
    words = hash64(0, "bits", np.arange(100_000))
    for bit in range(64):
        ones = int(((words >> np.uint64(bit)) & np.uint64(1)).sum())
        assert abs(ones - 50_000) < 5 * np.sqrt(100_000 / 4), bit


def test_integers_below_a_bound_are_equally_frequent():
    counts = np.bincount(below(hash64(0, "test", np.arange(120_000)), 12), minlength=12)
    assert stats.chisquare(counts).pvalue > 1e-6


def test_a_permutation_holds_every_number_once_and_changes_with_the_epoch():
    first, second = permutation(0, "order", 0, 1000), permutation(0, "order", 1, 1000)
    assert sorted(first) == sorted(second) == list(range(1000))
    assert not np.array_equal(first, second)


def test_the_values_of_the_hash_are_settled():
    # A change of these numbers changes every mask of every run: a resume across versions would not be one.
    # First value: SplitMix64's finaliser by hand on 0x0 ^ blake2b("settled"), one counter 0.
    golden, mix1, mix2, full = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, (1 << 64) - 1

    def mix(state: int) -> int:
        state = ((state ^ (state >> 30)) * mix1) & full
        state = ((state ^ (state >> 27)) * mix2) & full
        return state ^ (state >> 31)

    import hashlib

    purpose = int.from_bytes(hashlib.blake2b(b"settled", digest_size=8).digest(), "little")
    expected = mix((mix(42 ^ purpose) ^ 5) + golden & full)
    assert int(hash64(42, "settled", 5)) == expected
