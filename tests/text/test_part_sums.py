"""Sums over parts against plain loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from bertcli.text import part_sums
from bertcli.text.part_sums import PartSums, sum_over_words

TEXTS = ["one two  two\nthree", "", "two-three one", "four", "one\n\none one", " "]


def lengths(words: Sequence[str]) -> np.ndarray:
    return np.array([[1.0, len(word)] for word in words]).reshape(len(words), 2)


def split(part: str) -> list[str]:
    return [word for word in part.split("-") if word]


def by_hand(text: str) -> list[float]:
    words = [word for part in text.split() for word in split(part)]
    return [float(len(words)), float(sum(map(len, words)))]


@pytest.mark.parametrize("most", [250_000, 2, 0])
def test_sums_are_those_of_every_word_however_small_the_table(most: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(part_sums, "_MOST_PARTS", most)
    valued: list[str] = []

    def value(parts: Sequence[str]) -> np.ndarray:
        valued.extend(parts)
        return sum_over_words(parts, split, lengths)

    table = PartSums(value, columns=2)
    for texts in (TEXTS, TEXTS[::-1], ["two"], TEXTS):
        assert table.of(texts).tolist() == [by_hand(text) for text in texts]
    if most > 10:
        assert len(valued) == len(set(valued))


def test_distinct_words_are_valued_once():
    valued: list[str] = []

    def value(words: Sequence[str]) -> np.ndarray:
        valued.extend(words)
        return lengths(words)

    assert sum_over_words(["a-bb", "bb", "bb-bb", ""], split, value).tolist() == [[2, 3], [1, 2], [2, 4], [0, 0]]
    assert valued == ["a", "bb"]
