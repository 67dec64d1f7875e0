"""Sums of documents by hand, and what is remembered while they are made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bertcli.core.messages import Progress
from bertcli.text import document_sums
from bertcli.text.compared_text import half_of
from bertcli.text.document_sums import CostedVocabulary, sum_documents
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_making import wordpiece_tokenizer

TEXTS = ["ab abc", "xy, ab\nab", "b b"]


@pytest.mark.parametrize("block", [1_000_000, 1])
def test_documents_have_the_costs_of_their_half(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(document_sums, "_CHARACTERS_PER_BLOCK", block)
    one = wordpiece_tokenizer([*SPECIALS, "a", "b", "ab", "##b", "##c"], lowercase=True)
    # A piece costs 1 in the first half and 100 in the second; an unknown word ln 5 for each of its characters besides.
    vocabulary = CostedVocabulary(one, [np.ones(10), np.full(10, 100.0)])
    characters, (sums,) = sum_documents(TEXTS, [vocabulary], 5, bar=Progress())
    assert characters.tolist() == [5, 7, 2]
    assert sums.words.tolist() == [2, 4, 2]
    assert sums.pieces.tolist() == [3, 4, 2]
    assert sums.unknown_words.tolist() == [0, 2, 0]
    assert {half_of(text) for text in TEXTS} == {0, 1}
    costs = [100.0 if half_of(text) else 1.0 for text in TEXTS]
    assert sums.cost == pytest.approx([3 * costs[0], 4 * costs[1] + 3 * math.log(5), 2 * costs[2]], abs=1e-12)


def test_tokenizers_forget_what_they_cut_once_it_is_much(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(document_sums, "_CHARACTERS_PER_BLOCK", 1)
    monkeypatch.setattr(document_sums, "_MOST_REMEMBERED", 3)
    ours = wordpiece_tokenizer([*SPECIALS, "a", "b"], lowercase=True)
    forgotten: list[int] = []
    monkeypatch.setattr(ours, "forget", lambda: forgotten.append(1))
    texts = ["a b", "c d", "e", "f", "a b c d e f"]
    sum_documents(texts, [CostedVocabulary(ours, [np.ones(7)])], 5, bar=Progress())
    assert len(forgotten) == 1  # before "e", as four parts had been cut; two more since, and then all are known
