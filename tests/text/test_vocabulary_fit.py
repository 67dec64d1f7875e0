"""Fit against hand calculations: segmentation, smoothed unigram costs, unknown words, bands and scripts."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
import tokenizers

from bertcli.text import vocabulary_fit
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.vocabulary_fit import count_pieces, measure_fit, segment, unigram_costs, word_sums
from bertcli.text.word_groups import fit_by_frequency, fit_by_script


@pytest.fixture(scope="module")
def wordpiece() -> Tokenizer:
    return wordpiece_tokenizer([*SPECIALS, "a", "b", "ab", "##b", "##c"], lowercase=True)


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return bpe_tokenizer([*SPECIALS, "a", "b", "a</w>", "b</w>", "ab</w>"], [("a", "b</w>")], lowercase=True)


def test_the_likelihood_by_hand(wordpiece: Tokenizer):
    # Training text "ab ab b": n(ab) = 2, n(b) = 1, N = 3. Five ordinary pieces and [UNK]: V = 6, N + V = 9.
    counts = count_pieces(segment(wordpiece, ["ab", "b"]), np.array([2, 1]), wordpiece.vocabulary)
    assert counts.tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 0, 0]
    costs = unigram_costs(counts, wordpiece.vocabulary)
    expected = {"ab": 3 / 9, "b": 2 / 9, "a": 1 / 9, "##c": 1 / 9, "[UNK]": 1 / 9}
    for piece, probability in expected.items():
        number = wordpiece.pieces(range(10)).index(piece)
        assert costs[number] == pytest.approx(-math.log(probability), abs=1e-15)
    # ab: ab = ln 3. abc: ab ##c = ln 3 + ln 9. xy: [UNK], and two characters of five: ln 9 + 2 ln 5.
    sums = word_sums(segment(wordpiece, ["ab", "abc", "xy"]), costs, 5)
    by_hand = [math.log(3), math.log(3) + math.log(9), math.log(9) + 2 * math.log(5)]
    assert sums.cost == pytest.approx(by_hand, abs=1e-12)
    assert sums.pieces.tolist() == [1, 2, 1]
    assert sums.continuation_pieces.tolist() == [0, 1, 0]
    assert sums.unknown_words.tolist() == sums.unknown_pieces.tolist() == [0, 0, 1]


def test_probabilities_of_ordinary_pieces_and_of_unk_sum_to_one(wordpiece: Tokenizer):
    costs = unigram_costs(np.array([0, 4, 0, 0, 0, 7, 1, 0, 0, 2]), wordpiece.vocabulary)
    assert np.exp(-costs[[1, 5, 6, 7, 8, 9]]).sum() == pytest.approx(1.0, abs=1e-12)


def test_many_words_are_cut_in_blocks_of_which_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch):
    ours = wordpiece_tokenizer([*SPECIALS, "a", "b", "ab", "##b", "##c"], lowercase=True)
    words = ["ab", "abc", "xy", "b" * 101, "a"] * 3
    whole = segment(ours, words)
    given: list[int] = []
    encode, forgotten = ours.encode_all, []
    monkeypatch.setattr(vocabulary_fit, "_WORDS_PER_BLOCK", 4)
    monkeypatch.setattr(ours, "encode_all", lambda some: given.append(len(some)) or encode(some))
    monkeypatch.setattr(ours, "forget", lambda: forgotten.append(len(given)))
    in_blocks = segment(ours, words)
    assert (given, forgotten) == ([4, 4, 4, 3], [1, 2, 3, 4])
    for field in dataclasses.fields(whole):
        assert getattr(in_blocks, field.name).tolist() == getattr(whole, field.name).tolist()


def test_a_word_over_100_characters_is_unknown_and_spelt_out(wordpiece: Tokenizer):
    cut = segment(wordpiece, ["b" * 100, "b" * 101])
    assert cut.is_unknown.tolist() == [False, True]
    assert cut.uncovered.tolist() == [0, 101]


def test_of_a_word_that_byte_pairs_know_in_part_only_the_rest_is_spelt_out(bpe: Tokenizer):
    # ab = "ab</w>"; axb = "a", [UNK], "b</w>"; xy = [UNK] [UNK].
    cut = segment(bpe, ["ab", "axb", "xy"])
    assert cut.pieces.tolist() == [1, 3, 2]
    assert cut.unknown_pieces.tolist() == [0, 1, 2]
    assert cut.is_unknown.tolist() == [False, True, True]
    assert cut.uncovered.tolist() == [0, 1, 2]


def test_a_word_that_a_tokenizer_without_unk_drops_is_unknown_and_spelt_out():
    numbers = {piece: number for number, piece in enumerate([*SPECIALS, "a"])}
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=numbers, merges=[]))
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    dropping = Tokenizer(backend, specials=dict(zip(roles, SPECIALS, strict=True)), path=None, config={})
    cut = segment(dropping, ["aa", "xyz"])
    assert cut.pieces.tolist() == [2, 0]
    assert cut.is_unknown.tolist() == [False, True]
    assert cut.uncovered.tolist() == [0, 3]


def test_the_fit_of_a_corpus_to_itself_by_hand(wordpiece: Tokenizer):
    # ab twice, abc, xy: n(ab) = 3, n(##c) = 1, n([UNK]) = 1, N = 5, N + V = 11; characters a b c x y, nine in all.
    fit = measure_fit(wordpiece, Counter({"ab": 2, "abc": 1, "xy": 1}))
    cost = 3 * math.log(11 / 4) + math.log(11 / 2) + math.log(11 / 2) + 2 * math.log(5)
    assert fit.pieces_per_word == 5 / 4
    assert fit.pieces_per_character == 5 / 9
    assert fit.characters_per_piece == 9 / 5
    assert fit.unknown_words == 1 / 4
    assert fit.unknown_pieces == 1 / 5
    assert fit.continuation_pieces == 1 / 5
    assert fit.log_likelihood_per_character == pytest.approx(-cost / 9, abs=1e-12)
    assert fit.bits_per_character == pytest.approx(cost / 9 / math.log(2), abs=1e-12)


def test_bands_of_frequency_hold_the_words_of_their_ranks(wordpiece: Tokenizer):
    # 100 words that are one piece or [UNK] in turn, then 50 of two pieces; the order of the words does not matter.
    words = ["abb"] * 50 + ["ab", "xy"] * 50
    times = np.array([1] * 50 + [9, 9] * 50)
    first, second, *rest = fit_by_frequency(segment(wordpiece, words), times)
    assert (first.first, first.last, first.words, first.one_piece) == (1, 100, 100, 0.5)
    assert (second.first, second.last, second.words, second.one_piece) == (101, 1_000, 50, 0.0)
    assert [(band.first, band.last, band.words, band.one_piece) for band in rest] == [
        (1_001, 10_000, 0, None),
        (10_001, 100_000, 0, None),
        (100_001, None, 0, None),
    ]


def test_scripts_count_words_as_often_as_they_occur(wordpiece: Tokenizer):
    words = ["ab", "abc", "яж", "7", "xy"]
    latin, digits, cyrillic = fit_by_script(words, segment(wordpiece, words), np.array([3, 2, 1, 4, 5]))
    # Latin: ab three times, abc (two pieces) twice, xy ([UNK]) five times.
    assert (latin.script, latin.words, latin.pieces_per_word, latin.unknown_words) == ("Latin", 10, 1.2, 0.5)
    assert (digits.script, digits.words, digits.unknown_words) == ("digits", 4, 1.0)
    assert (cyrillic.script, cyrillic.words) == ("Cyrillic", 1)
