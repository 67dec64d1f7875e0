"""Key sentences: scores calculated by hand, a graph solved by hand, and sentences that fill a budget."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.text import key_sentences
from bertcli.text.key_sentences import (
    ContentWords,
    DocumentFrequencies,
    kept_pieces,
    rank,
    ranking,
    similarities,
    textrank_scores,
    tfidf_scores,
)


def test_words_are_in_small_letters_and_no_marks() -> None:
    assert ContentWords()("The Café, at 5 o'clock!") == ["the", "cafe", "at", "5", "o", "clock"]
    assert ContentWords()("你好。") == ["你", "好"]


def test_a_document_counts_a_word_once() -> None:
    frequencies = DocumentFrequencies.of(["a a b", "A c", "a"])
    assert frequencies.documents == 3
    assert dict(frequencies.counts) == {"a": 3, "b": 1, "c": 1}


def test_the_inverse_frequency_is_0_for_a_word_of_every_document_and_finite_for_a_new_one() -> None:
    frequencies = DocumentFrequencies.of(["a b", "a c", "a"])
    assert frequencies.inverse("a") == 0
    assert frequencies.inverse("b") == pytest.approx(log(4 / 2))
    assert frequencies.inverse("new") == pytest.approx(log(4 / 1))


def test_tfidf_scores_are_those_of_a_calculation_by_hand() -> None:
    frequencies = DocumentFrequencies.of(["a b", "a c", "a"])
    # In the text each of the words stands 2 times: weights 2 ln 1 = 0, 2 ln 2, 2 ln 2.
    scores = tfidf_scores([["a", "b"], ["a", "b", "c"], ["c"], []], frequencies)
    assert scores == pytest.approx([2 * log(2) / 2, 4 * log(2) / 3, 2 * log(2), 0])


def test_the_similarity_of_sentences_is_that_of_the_paper() -> None:
    # 2 common words of 3 and 4: 2 / (ln 3 + ln 4); a word that is there twice is in common once.
    sentences = [["a", "b", "c"], ["a", "b", "b", "d"], ["d", "e"]]
    first, second = 2 / (log(3) + log(4)), 1 / (log(4) + log(2))
    expected = [[0, first, 0], [first, 0, second], [0, second, 0]]
    assert similarities(sentences) == pytest.approx(np.array(expected))


def test_sentences_of_one_word_have_no_edge_and_empty_ones_neither() -> None:
    assert similarities([["a"], ["a"], []]).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_ranks_are_those_of_a_star_solved_by_hand() -> None:
    # A middle m and two ends e with edges of weight 1: e = 0.15 + 0.85 m / 2 and m = 0.15 + 0.85 · 2 e,
    # so m (1 - 0.85²) = 0.15 + 1.7 · 0.15 = 0.405, m = 0.405 / 0.2775.
    weights = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]], dtype=np.float64)
    middle = 0.405 / 0.2775
    end = 0.15 + 0.425 * middle
    assert rank(weights) == pytest.approx([middle, end, end], abs=1e-8)


def test_a_heavier_edge_gives_more_as_solved_by_hand() -> None:
    # A middle that gives 3/4 to a and 1/4 to b: m as above, a = 0.15 + 0.85 · 3/4 m, b = 0.15 + 0.85 · 1/4 m.
    weights = np.array([[0, 3, 1], [3, 0, 0], [1, 0, 0]], dtype=np.float64)
    middle = 0.405 / 0.2775
    expected = [middle, 0.15 + 0.6375 * middle, 0.15 + 0.2125 * middle]
    assert rank(weights) == pytest.approx(expected, abs=1e-8)


def test_a_sentence_without_edges_has_the_score_that_nobody_gave_it() -> None:
    assert rank(np.zeros((1, 1))) == pytest.approx([0.15])
    assert rank(np.zeros((0, 0))).tolist() == []
    assert textrank_scores([]).tolist() == []


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=8),
)
def test_ranks_solve_the_equation_of_the_paper(sentences: list[list[str]]) -> None:
    weights = similarities(sentences)
    strengths = weights.sum(axis=0)
    shares = np.where(strengths > 0, weights / np.where(strengths > 0, strengths, 1), 0)
    solved = np.linalg.solve(np.eye(len(sentences)) - 0.85 * shares, np.full(len(sentences), 0.15))
    assert textrank_scores(sentences) == pytest.approx(solved, abs=1e-8)


def test_a_very_long_text_is_ranked_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [["a", "b"], ["b", "c"], ["c", "a"], ["x", "y"], ["y", "x"]]
    monkeypatch.setattr(key_sentences, "_LARGEST_GRAPH", 3)
    expected = [*textrank_scores(sentences[:3]), *textrank_scores(sentences[3:])]
    assert textrank_scores(sentences).tolist() == expected


def test_only_tfidf_reads_the_training_texts() -> None:
    texts = ["a b", "a c", "a"]
    sentences = [["a", "b"], ["a", "new", "new"]]
    # a is worth nothing, b ln 2, new 2 ln 4 twice.
    assert ranking("tfidf", texts)(sentences) == pytest.approx([log(2) / 2, 2 * 2 * log(4) / 3])
    assert ranking("textrank", iter(()))(sentences).tolist() == textrank_scores(sentences).tolist()


def test_the_best_sentences_fill_the_budget_and_the_last_of_them_is_cut() -> None:
    kept = kept_pieces(np.array([1.0, 3.0, 2.0, 0.5]), np.array([4, 5, 6, 2]), 9)
    assert kept.tolist() == [0, 5, 4, 0]


def test_of_equal_scores_the_first_sentence_is_taken() -> None:
    scores = np.array([0.1 + 0.2, 0.3, 0.3])  # equal but for the rounding of a sum
    assert kept_pieces(scores, np.array([2, 2, 2]), 3).tolist() == [2, 1, 0]


@given(
    st.lists(st.tuples(st.floats(0, 9), st.integers(0, 9)), min_size=1, max_size=12),
    st.integers(0, 40),
)
def test_what_is_kept_is_the_budget_or_everything(sentences: list[tuple[float, int]], budget: int) -> None:
    scores = np.array([score for score, _ in sentences])
    lengths = np.array([length for _, length in sentences])
    kept = kept_pieces(scores, lengths, budget)
    assert kept.sum() == min(budget, lengths.sum())
    assert (kept <= lengths).all()
    cut = (kept > 0) & (kept < lengths)
    assert cut.sum() <= 1
