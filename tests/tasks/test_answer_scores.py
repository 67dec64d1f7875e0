"""Agreement of answers: normal forms, exact match and F1 by hand, and the best threshold for no answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.tasks._answer_scores import (
    Agreement,
    agreement,
    best_threshold,
    chinese_normal_form,
    chinese_segments,
    english_normal_form,
    mean_exact_match,
    mean_f1,
    no_answer_scores,
)


def english(pred: str, *gold: str, no_answer: bool = False) -> Agreement:
    return agreement(pred, gold, language="english", no_answer=no_answer)


def chinese(pred: str, *gold: str) -> Agreement:
    return agreement(pred, gold, language="chinese", no_answer=False)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The Denver Broncos", "denver broncos"),
        ("  a\tnew\n line ", "new line"),
        ("U.S.-based", "usbased"),
        ("theatre of an ant", "theatre of ant"),
        ("the", ""),
        ("“quoted”", "“quoted”"),  # ASCII punctuation alone is taken away
    ],
)
def test_english_answers_lose_case_punctuation_articles_and_spaces(text: str, normal: str) -> None:
    assert english_normal_form(text) == normal


def test_exact_match_and_f1_by_hand() -> None:
    assert english("the Denver Broncos!", "Denver Broncos") == Agreement(1.0, 1.0)
    # one word of two is right, and it is all of the given answer: 2 · 0.5 · 1 / 1.5
    assert english("Denver Broncos", "Broncos") == Agreement(0.0, pytest.approx(2 / 3))
    # "to to" shares one "to" with "to be": precision 1/2, recall 1/2
    assert english("to to", "to be") == Agreement(0.0, 0.5)
    assert english("blue", "red") == Agreement(0.0, 0.0)


def test_the_given_answer_that_agrees_best_counts() -> None:
    assert english("Levi's Stadium", "Santa Clara", "Levi's Stadium in Santa Clara", "levis stadium") == Agreement(1, 1)
    # of exact match and of F1 each for itself: 2 of 2 words in 4, and none
    assert english("Levi's Stadium", "stadium of Levi's there", "x").f1 == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_answers_without_content_agree_in_f1_only_where_there_may_be_none() -> None:
    assert english("a", "the") == Agreement(1.0, 0.0)  # evaluate-v1.1.py
    assert english("a", "the", no_answer=True) == Agreement(1.0, 1.0)  # evaluate-v2.0.py


def test_where_there_is_no_answer_only_the_empty_text_is_right() -> None:
    assert english("", no_answer=True) == Agreement(1.0, 1.0)
    assert english("Denver", no_answer=True) == Agreement(0.0, 0.0)
    assert english("", "Denver", no_answer=True) == Agreement(0.0, 0.0)


def test_given_answers_without_content_are_passed_over_where_there_may_be_none() -> None:
    assert english("", "the", "Denver", no_answer=True) == Agreement(0.0, 0.0)


def test_without_given_answers_nothing_agrees() -> None:
    assert english("Denver") == Agreement(0.0, 0.0)


def test_chinese_answers_lose_the_punctuation_of_the_list() -> None:
    assert chinese_normal_form(" 《战国无双3》（Wii）。") == "战国无双3wii"
    assert chinese_normal_form("3.5%") == "3.5%"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("光荣和ω-force", ["光", "荣", "和", "ωforce"]),
        ("2007年39.5元", ["2007", "年", "39.5", "元"]),
        ("1,000 men, 3", ["1,000", "men", ",", "3"]),
        ("Terry A. Gates等", ["terry", "a.", "gates", "等"]),
        ("St. 5.", ["st.", "5", "."]),
        ('说"是"', ["说", "``", "是", "``"]),
        ('a "b" c', ["a", "``", "b", '"', "c"]),
        ("it's", ["it", "'s"]),
        ("1—2毫米(约)", ["1", "—", "2", "毫", "米", "(", "约", ")"]),
        ("1982\u20132013", ["1982", "\u2013", "2013"]),
        ("，。", []),
    ],
)
def test_chinese_answers_are_cut_into_ideographs_and_words(text: str, segments: list[str]) -> None:
    assert chinese_segments(text) == segments


def test_chinese_f1_is_that_of_the_longest_common_run() -> None:
    # "光荣" is the longest run that both have; one of two ideographs apart does not count.
    found = chinese("光荣公司", "由光荣和公")
    assert found == Agreement(0.0, pytest.approx(2 * (2 / 4) * (2 / 5) / (2 / 4 + 2 / 5)))
    assert chinese("《光荣》", "光荣") == Agreement(1.0, 1.0)
    assert chinese("甲乙丙丁", "乙丙", "丁").f1 == pytest.approx(2 * (2 / 4) * 1 / (2 / 4 + 1))
    assert chinese("，", "光荣") == Agreement(0.0, 0.0)


words = st.lists(st.sampled_from(["a", "the", "cat", "Cat", "dog", "b.", "", "猫", "狗"]), max_size=5).map(" ".join)


@given(words, words, st.sampled_from(["english", "chinese"]))
def test_agreement_is_symmetric_and_a_share(one: str, other: str, language: str) -> None:
    here = agreement(one, [other], language=language, no_answer=False)  # type: ignore[arg-type]
    assert here == agreement(other, [one], language=language, no_answer=False)  # type: ignore[arg-type]
    assert 0 <= here.f1 <= 1
    if here.exact_match and english_normal_form(one) and chinese_segments(one):
        assert here.f1 == 1


@given(words, st.lists(words, max_size=3))
def test_a_further_given_answer_never_lowers_a_score(pred: str, gold: list[str]) -> None:
    fewer, more = english(pred, *gold), english(pred, *gold, "cat")
    assert more.f1 >= fewer.f1
    assert more.exact_match >= fewer.exact_match


def test_the_best_threshold_by_hand() -> None:
    # By their doubts: right (+1), wrong where there is none (−1), half right (+0.5), wrong where there is none (−1).
    scores = np.asarray([1.0, 0.0, 0.5, 0.0])
    doubts = np.asarray([-3.0, -1.0, 0.5, 2.0])
    has_answer = np.asarray([True, False, True, False])
    # answering nothing: 2 of 4; up to −3: 3; up to −1: 2; up to 0.5: 2.5; all: 1.5
    assert best_threshold(scores, doubts, has_answer) == (3 / 4, -3.0)


def test_answering_nothing_may_be_best() -> None:
    best = best_threshold(np.zeros(2), np.asarray([-5.0, 1.0]), np.asarray([False, True]))
    assert best == (0.5, -6.0)


def test_questions_of_equal_doubt_are_not_parted() -> None:
    best = best_threshold(np.asarray([1.0, 0.0, 0.0]), np.zeros(3), np.asarray([True, False, False]))
    assert best == (2 / 3, -1.0)  # 1 of 3 where all three are answered


def test_with_the_best_threshold_the_mean_is_the_best_score() -> None:
    draw = np.random.default_rng(0)
    for _ in range(50):
        doubts, has_answer = draw.normal(size=12).round(1), draw.random(12) < 0.5
        scores = np.where(has_answer, draw.choice([0, 0.5, 1], 12), 0)
        best, threshold = best_threshold(scores, doubts, has_answer)
        means = [np.where(doubts > bound, ~has_answer, scores).mean() for bound in (*doubts, doubts.min() - 1)]
        assert best == pytest.approx(max(means))
        assert np.where(doubts > threshold, ~has_answer, scores).mean() == pytest.approx(best)


def test_questions_with_and_without_an_answer_are_scored_apart() -> None:
    right, half, wrong = Agreement(1, 1), Agreement(0, 0.5), Agreement(0, 0)
    found = no_answer_scores(
        [right, half, right, wrong],
        [right, half, wrong, wrong],
        np.asarray([-2.0, -1.0, 3.0, -1.5]),
        np.asarray([True, True, False, False]),
    )
    assert found == {
        "has_answer_f1": 0.75,
        "has_answer_exact_match": 0.5,
        "no_answer_accuracy": 0.5,
        "best_f1": 0.75,  # up to −2: 1 + 2 of 4
        "best_exact_match": 0.75,
        "best_f1_threshold": -2.0,
    }


def test_means_of_nothing_are_0() -> None:
    assert (mean_f1([]), mean_exact_match([])) == (0.0, 0.0)
