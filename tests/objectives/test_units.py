"""Units of masking: by hand, and by the papers' distributions."""

import numpy as np
import pytest

from bertcli.contracts.objective import Corruption
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.randomness import hash64
from bertcli.objectives._units import (
    Units,
    choose_units,
    entity_starts,
    geometric_shares,
    harmonic_shares,
    lengths_of,
    pieces_wanted,
    run_starts,
    word_starts,
)

CORRUPTION = Corruption(0, 0, Vocabulary(100, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "test"))


def columns(*rows, spans=None):
    """Rows of ``C`` a special, ``w`` a piece that begins a word, ``#`` one that continues it and ``.`` padding."""
    return {
        "special_tokens_mask": np.array([[kind in "C." for kind in row] for row in rows], dtype=np.int64),
        "word_starts": np.array([[kind == "w" for kind in row] for row in rows], dtype=np.int64),
        "spans": np.array([list(map(int, row)) for row in spans or ["0" * len(row) for row in rows]]),
        "example_ids": np.arange(len(rows)),
    }


def shown(starts):
    return ["".join("|" if begins else "-" for begins in row) for row in starts]


# -- where units begin


def test_a_word_is_its_pieces_and_the_rest_of_one_that_was_cut_off():
    assert shown(word_starts(columns("Cww##wC#w#C."))) == ["-||--|-||---"]


def test_an_entity_is_one_unit_and_so_is_every_word_outside():
    # An entity of two words, one beside it, a word; behind the [SEP] the rest of an entity, and a word.
    found = entity_starts(columns("Cww#www#wC#ww.", spans=["00122122002200"]))
    assert shown(found) == ["-||--|--|-|-|-"]


def test_the_pieces_of_a_word_behind_an_entity_that_ends_in_it_are_a_unit():
    assert shown(entity_starts(columns("Cw##wC", spans=["012000"]))) == ["-|-||-"]


def test_runs_have_the_words_that_were_drawn_and_end_at_specials():
    two_words = run_starts(columns("Cwwww#wCw#wwC", "CwwwC........"), (0.0, 1.0), CORRUPTION)
    assert shown(two_words) == ["-|-|--|-|--|-", "-|-|---------"]
    assert shown(run_starts(columns("Cw#wC#wC"), (1.0,), CORRUPTION)) == shown(word_starts(columns("Cw#wC#wC")))
    assert shown(run_starts(columns("Cw#wC#wC"), (0.0,) * 9 + (1.0,), CORRUPTION)) == ["-|---|--"]


def test_rows_without_a_word_have_no_unit():
    nothing = columns("CC..", "C...")
    for starts in (word_starts(nothing), entity_starts(nothing), run_starts(nothing, (1.0,), CORRUPTION)):
        assert not starts.any()


# -- how long runs are


def test_spans_have_the_lengths_of_spanbert():
    shares = geometric_shares(0.2, 10)
    assert shares[1] / shares[0] == pytest.approx(0.8)
    assert sum(shares) == pytest.approx(1)
    assert sum(length * share for length, share in enumerate(shares, 1)) == pytest.approx(3.8, abs=0.01)


def test_ngrams_have_the_lengths_of_albert():
    assert harmonic_shares(3) == pytest.approx([6 / 11, 3 / 11, 2 / 11])


def fits(lengths, shares):
    """Chi-square within five standard deviations of its mean."""
    counts = np.bincount(lengths, minlength=len(shares) + 1)[1:]
    assert counts.sum() == len(lengths)
    expected = np.array(shares) * len(lengths)
    degrees = len(shares) - 1
    return ((counts - expected) ** 2 / expected).sum() < degrees + 5 * np.sqrt(2 * degrees)


@pytest.mark.parametrize("shares", [geometric_shares(0.2, 10), harmonic_shares(3), geometric_shares(0.5, 4)])
def test_lengths_are_drawn_in_their_shares(shares):
    assert fits(lengths_of(hash64(0, "lengths", np.arange(50_000)), shares), shares)
    assert not fits(lengths_of(hash64(0, "lengths", np.arange(50_000)), shares[::-1]), shares)


@pytest.mark.parametrize("shares", [geometric_shares(0.2, 10), harmonic_shares(3)])
def test_the_runs_of_a_long_row_have_these_lengths(shares):
    starts = run_starts(columns("C" + "w" * 50_000), shares, CORRUPTION)
    assert fits(np.diff(np.flatnonzero(starts[0])), shares)


# -- which units are hidden


def chosen(pieces, draws, wanted):
    first = np.cumsum(pieces) - pieces
    units = Units(first, np.array(pieces), np.arange(sum(pieces)))
    found = choose_units(units, np.array(draws, dtype=np.uint64), np.array([wanted]), (1, int(sum(pieces))))
    return np.flatnonzero(found).tolist()


LARGE = 1 << 40


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (1, [2]),  # at least one
        (3, [0, 2]),
        (4, [0, 2]),  # 3 is nearer than 7
        (6, [0, 2, 3]),  # 7 is nearer than 3
        (7, [0, 2, 3]),
        (10, [0, 1, 2, 3]),
    ],
)
def test_units_are_taken_in_the_order_of_their_draws_as_near_as_can_be(wanted, expected):
    assert chosen([1, 3, 2, 4], [2 * LARGE, 4 * LARGE, 1 * LARGE, 3 * LARGE], wanted) == expected


def test_of_two_numbers_as_near_a_bit_of_the_draw_decides():
    draws = [2 * LARGE, 4 * LARGE, 1 * LARGE, 3 * LARGE]
    assert chosen([1, 3, 2, 4], draws, 5) == [0, 2]
    draws[3] += 1 << 32
    assert chosen([1, 3, 2, 4], draws, 5) == [0, 2, 3]


@pytest.mark.parametrize("longest", [2, 3, 6])
def test_on_average_as_much_is_hidden_as_is_wanted(longest):
    draw = np.random.default_rng(longest)
    rows, count = 4000, 60
    pieces = draw.integers(1, longest + 1, size=(rows, count))
    firsts = np.arange(rows)[:, None] * 400 + np.cumsum(pieces, axis=1) - pieces
    maskable = np.arange(400) < pieces.sum(axis=1)[:, None]
    units = Units(firsts.ravel(), pieces.ravel(), np.flatnonzero(maskable))
    wanted = pieces_wanted(maskable, 0.15)
    hidden = choose_units(units, hash64(0, "order", np.arange(rows * count)), wanted, maskable.shape)
    deviations = (pieces * hidden.reshape(rows, count)).sum(axis=1) - wanted
    assert abs(deviations).max() <= longest / 2
    assert abs(deviations.mean()) < 5 * deviations.std() / np.sqrt(rows)


def test_rows_without_units_choose_none():
    units = Units(np.array([4]), np.array([2]), np.array([4, 5]))
    assert choose_units(units, np.array([5], dtype=np.uint64), np.array([0, 1, 0]), (3, 4)).tolist() == [True]
    none = Units(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert choose_units(none, np.zeros(0, np.uint64), np.array([0, 0]), (2, 4)).tolist() == []


def test_sums_are_of_each_unit():
    maskable = np.array([[False, True, True, True, False], [False, True, True, False, False]])
    starts = np.array([[False, True, False, True, False], [False, True, True, False, False]])
    where = np.array([[True, True, True, False, True], [True, False, True, True, True]])
    units = Units.of(starts, maskable)
    assert units.firsts.tolist() == [1, 3, 6, 7]
    assert units.pieces.tolist() == [2, 1, 1, 1]
    assert units.sums(where).tolist() == [2, 0, 0, 1]
    assert units.spread(np.array([5, 6, 7, 8])).tolist() == [5, 5, 6, 7, 8]
