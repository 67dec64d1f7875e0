"""Which neighbours are joined: every single merge against counting and adding up from the beginning."""

from __future__ import annotations

import decimal
import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.text import likelihood, word_table
from bertcli.text.likelihood import LargestGain
from bertcli.text.merges import Choice, MostFrequent, learn_merges
from bertcli.text.word_table import WordTable

Split = list[tuple[list[str], int]]


def join(left: str, right: str) -> str:
    return left + right.removeprefix("##")


def table_of(split: Split) -> WordTable:
    symbols = list(dict.fromkeys(symbol for word, _ in split for symbol in word))
    row = [symbols.index(symbol) for word, _ in split for symbol in word]
    lengths, counts = [len(word) for word, _ in split], [count for _, count in split]
    return WordTable(symbols, np.array(row, np.int32), np.array(lengths, int), np.array(counts, int), join=join)


def pairs_of(split: Split) -> Counter[tuple[str, str]]:
    """Pairs in the order in which they stand, a symbol with itself without overlap."""
    found: Counter[tuple[str, str]] = Counter()
    for word, count in split:
        taken = -1
        for at, pair in enumerate(pairwise(word)):
            if pair[0] == pair[1] and taken == at - 1 and word[at - 1] == pair[0]:
                taken = -1
                continue
            taken = at if pair[0] == pair[1] else -1
            found[pair] += count
    return found


def joined(split: Split, left: str, right: str) -> Split:
    result = []
    for word, count in split:
        symbols, at = list(word), 0
        while at < len(symbols) - 1:
            if (symbols[at], symbols[at + 1]) == (left, right):
                symbols[at : at + 2] = [join(left, right)]
            at += 1
        result.append((symbols, count))
    return result


def log_likelihood(split: Split) -> float:
    counts: Counter[str] = Counter()
    for word, count in split:
        for symbol in word:
            counts[symbol] += count
    return math.fsum([*(n * math.log(n) for n in counts.values()), -counts.total() * math.log(counts.total())])


def characters(word: str) -> list[str]:
    return [word[0], *("##" + character for character in word[1:])]


def splits(letters: str, longest: int = 9) -> st.SearchStrategy[Split]:
    words = st.tuples(st.text(letters, min_size=1, max_size=longest), st.integers(1, 6))
    lists = st.lists(words, min_size=1, max_size=14, unique_by=lambda word: word[0])
    return lists.map(lambda words: [(characters(word), count) for word, count in words])


SPLITS = st.one_of(splits("ab"), splits("abcde"))
WAYS_TO_JOIN = st.sampled_from([1, 3, 96])


def steps(split: Split, choice: Choice, table: WordTable) -> Iterator[tuple[Split, Counter[tuple[str, str]], float]]:
    """Before each merge the words, their pairs and the score; checks that pair, count and place are as they stand."""
    for merge in learn_merges(table, choice):
        pairs = pairs_of(split)
        assert pairs[merge.left, merge.right] == merge.count
        assert merge.merged == join(merge.left, merge.right)
        yield split, pairs, merge
        split = joined(split, merge.left, merge.right)
    yield split, pairs_of(split), None


@given(SPLITS, st.integers(1, 3), WAYS_TO_JOIN, st.sampled_from([1, 2, 7, 4096]))
def test_every_merge_raises_the_likelihood_most(split: Split, min_count: int, many: int, candidates: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_table, "_MANY", many)
        patch.setattr(likelihood, "_CANDIDATES", candidates)
        table = table_of(split)
        for words, pairs, merge in steps(split, LargestGain(table, min_count=min_count), table):
            before = log_likelihood(words)
            gains = {
                pair: log_likelihood(joined(words, *pair)) - before
                for pair, count in pairs.items()
                if count >= min_count
            }
            if merge is None:
                assert not gains
                break
            largest = max(gains.values())
            assert merge.score == pytest.approx(largest, abs=1e-9)
            first = next(pair for pair, gain in gains.items() if gain > largest - 1e-9)
            assert (merge.left, merge.right) == first


@given(SPLITS, st.integers(1, 3), WAYS_TO_JOIN)
def test_every_merge_is_of_the_most_frequent_pair_that_stands_first(split: Split, min_count: int, many: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_table, "_MANY", many)
        table = table_of(split)
        for _, pairs, merge in steps(split, MostFrequent(table, min_count=min_count), table):
            if merge is None:
                assert max(pairs.values(), default=0) < min_count
                break
            first = next(pair for pair, count in pairs.items() if count == max(pairs.values()))
            assert (merge.left, merge.right) == first


def test_the_gain_of_a_join_is_the_formula_worked_out_by_hand():
    # "ab" 3 times and "a" once: n_a = 4, n_b = 3, c = 3, N = 7; joined, "ab" 3 times and "a" once, N = 4.
    table = table_of([(["a", "##b"], 3), (["a"], 1)])
    pair, gain = LargestGain(table).best()
    f = [0.0, *(x * math.log(x) for x in range(1, 8))]
    assert (table.symbols[table.left[pair]], table.symbols[table.right[pair]]) == ("a", "##b")
    assert gain == pytest.approx(f[3] + f[4 - 3] + f[3 - 3] - f[4] - f[3] - f[7 - 3] + f[7])


def test_gains_that_are_equal_in_truth_are_equal_whatever_rounding_says():
    # 2^2 = 4: f(4) = 4 ln 4 = 8 ln 2 = 4 f(2), so pairs with different counts can gain the same.
    with decimal.localcontext(prec=80):
        assert abs(likelihood._x_ln_x(4) - 4 * likelihood._x_ln_x(2)) < likelihood._NOTHING
    table = table_of([(characters("ab"), 7), (characters("cd"), 7), (["e"], 3)])
    assert [merge.merged for merge in learn_merges(table, LargestGain(table))] == ["ab", "cd"]


WORKED_EXAMPLE = {"lower": 2, "newest": 6, "widest": 3, "low": 5}
WORKED_MERGES = [
    ("s", "t", 9),
    ("e", "st", 9),
    ("est", "</w>", 9),
    ("l", "o", 7),
    ("lo", "w", 7),
    ("n", "e", 6),
    ("w", "est</w>", 6),
    ("ne", "west</w>", 6),
]


def test_the_worked_example_of_byte_pair_encoding():
    table = table_of([([*word, "</w>"], count) for word, count in WORKED_EXAMPLE.items()])
    vocabulary = {
        symbol for symbol, count in zip(table.symbols, table.counts, strict=True) if count and symbol != "</w>"
    }
    assert vocabulary == set("lowernstid")
    choice = MostFrequent(table, min_count=2)
    for left, right, count in WORKED_MERGES:
        pair = table.pair(table.symbols.index(left), table.symbols.index(right))
        assert choice.best()[1] == table.pair_counts[pair] == count
        choice.joined(pair, table.join(pair))
        vocabulary.add(left + right)
    assert len(vocabulary) == 18
    assert {"st", "est", "est</w>", "lo", "low", "ne", "west</w>", "newest</w>"} < vocabulary


def test_ties_go_to_the_pair_that_stands_first():
    table = table_of([(list("xab"), 2), (list("yab"), 2), (list("cd"), 4)])
    merges = [(merge.left, merge.right, merge.count) for merge in learn_merges(table, MostFrequent(table, min_count=2))]
    assert merges == [("a", "b", 4), ("c", "d", 4), ("x", "ab", 2), ("y", "ab", 2)]


@pytest.mark.parametrize("chosen", [LargestGain, MostFrequent])
def test_what_is_not_allowed_is_never_made(chosen: type):
    table = table_of([(characters("banana"), 5), (characters("ban"), 3)])
    choice = chosen(table, allowed=lambda piece: len(piece.removeprefix("##")) <= 2)
    made = [merge.merged for merge in learn_merges(table, choice)]
    assert made and all(len(piece.removeprefix("##")) == 2 for piece in made)
