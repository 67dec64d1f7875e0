"""How well a predicted answer agrees with the given ones: exact match and F1, in English and in Chinese.

English as in SQuAD (Rajpurkar et al. 2016, section 6.1; 2018 for questions without an answer), Chinese as in CMRC 2018
(Cui et al. 2019, section 3.3). An answer that is not there is written as the empty text.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Language = Literal["english", "chinese"]

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)

_CHINESE_PUNCTUATION = "-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』"
_WITHOUT_CHINESE_PUNCTUATION = str.maketrans("", "", _CHINESE_PUNCTUATION)
_IDEOGRAPHS = "\u4e00-\u9fa5"
_ALWAYS_APART = r"""\u2013-\u2015;@\#$%&?!()\[\]{}<>\""""
_SEGMENT = re.compile(
    rf"""
    [{_IDEOGRAPHS}]
    | (?P<opening>(?<![^\s{_IDEOGRAPHS}(\[{{<])")
    | '(?:s|m|d|ll|re|ve)\b  # it's: it 's
    | \.{{2,}}
    | [{_ALWAYS_APART}]
    | (?: [^\s{_IDEOGRAPHS}{_ALWAYS_APART}.,:']
        | \.(?!\.|\s*(?:[{_IDEOGRAPHS}]|$))  # but for the last
        | [,:](?=\d)
        | '(?!(?:s|m|d|ll|re|ve)\b)(?=[^\s{_IDEOGRAPHS}]) )+
    | \S
    """,
    re.VERBOSE,
)
"""An ideograph, or a word as the Treebank's rules cut it; a period is cut off at the end alone."""


@dataclass(frozen=True)
class Agreement:
    """How well one predicted answer agrees with the best of those that are given, each from 0 to 1."""

    exact_match: float
    f1: float


def agreement(pred: str, gold: Sequence[str], *, language: Language, no_answer: bool) -> Agreement:
    """Exact match and F1, each against the given answer for which it is highest.

    Where questions without an answer are allowed, given answers without content are passed over, none at all means the
    empty text, and two answers without content agree in F1 too, as in SQuAD 2.0; in 1.1 their F1 is 0.
    """
    normal = _NORMAL[language]
    if no_answer:
        gold = [answer for answer in gold if normal(answer)] or [""]
    elif not gold:
        return Agreement(0.0, 0.0)
    wanted = normal(pred)
    words = _words(language, pred)
    f1 = [_f1(words, _words(language, answer), language, empties_agree=no_answer) for answer in gold]
    return Agreement(float(any(normal(answer) == wanted for answer in gold)), max(f1))


def mean_f1(agreed: Sequence[Agreement]) -> float:
    """The mean F1; 0 of nothing."""
    return fmean(one.f1 for one in agreed) if agreed else 0.0


def mean_exact_match(agreed: Sequence[Agreement]) -> float:
    """The share of exact matches; 0 of nothing."""
    return fmean(one.exact_match for one in agreed) if agreed else 0.0


NO_ANSWER_METRICS = (
    "has_answer_f1",
    "has_answer_exact_match",
    "no_answer_accuracy",
    "best_f1",
    "best_exact_match",
    "best_f1_threshold",
)
"""What ``no_answer_scores`` gives."""


def no_answer_scores(
    agreed: Sequence[Agreement], best: Sequence[Agreement], doubts: NDArray[np.float64], has_answer: NDArray[np.bool_]
) -> dict[str, float]:
    """Scores of questions with and without an answer apart, and the best that a threshold on ``doubts`` gives.

    ``agreed`` are the predictions, ``best`` the likeliest answers, whether predicted or not.
    """
    exact_match = np.asarray([one.exact_match for one in best])
    best_f1, threshold = best_threshold(np.asarray([one.f1 for one in best]), doubts, has_answer)
    with_answer = [one for one, has in zip(agreed, has_answer, strict=True) if has]
    without = [one for one, has in zip(agreed, has_answer, strict=True) if not has]
    return {
        "has_answer_f1": mean_f1(with_answer),
        "has_answer_exact_match": mean_exact_match(with_answer),
        "no_answer_accuracy": mean_exact_match(without),
        "best_f1": best_f1,
        "best_exact_match": best_threshold(exact_match, doubts, has_answer)[0],
        "best_f1_threshold": threshold,
    }


def english_normal_form(text: str) -> str:
    """Small letters without ASCII punctuation and articles, one space between two words."""
    bare = text.lower().translate(_WITHOUT_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def chinese_normal_form(text: str) -> str:
    """Small letters without the punctuation of CMRC's list; spaces stay."""
    return text.lower().strip().translate(_WITHOUT_CHINESE_PUNCTUATION)


def chinese_segments(text: str) -> list[str]:
    """Ideographs one by one, and between them words; without the punctuation of CMRC's list."""
    return ["``" if found["opening"] else found[0] for found in _SEGMENT.finditer(chinese_normal_form(text))]


def best_threshold(
    scores: NDArray[np.float64], doubts: NDArray[np.float64], has_answer: NDArray[np.bool_]
) -> tuple[float, float]:
    """The highest mean score that a threshold on ``doubts`` gives, and that threshold.

    A question whose doubt is above the threshold gets no answer, which is worth 1 where it has none and 0 where it has
    one; ``scores`` (questions,) are those of the answers that the others get. Of several equally good thresholds it is
    the lowest. ``evaluate-v2.0.py`` may part questions of equal doubt, and says 0 where it is best to answer nothing.
    """
    order = np.argsort(doubts, kind="stable")
    gains = np.where(has_answer, scores, scores - 1.0)[order]
    totals = np.append(0.0, np.cumsum(gains)) + (~has_answer).sum()
    bounds = np.append(doubts.min() - 1.0, doubts[order])
    is_last = np.append(bounds[1:] != bounds[:-1], True)  # of those with equal doubts
    best = int(np.where(is_last, totals, -np.inf).argmax())
    return float(totals[best]) / len(scores), float(bounds[best])


def _words(language: Language, text: str) -> list[str]:
    return english_normal_form(text).split() if language == "english" else chinese_segments(text)


def _f1(pred: list[str], gold: list[str], language: Language, *, empties_agree: bool) -> float:
    if not pred or not gold:
        return float(empties_agree and pred == gold)
    common = _COMMON[language](pred, gold)
    return 2 * common / (len(pred) + len(gold))


def _common_words(pred: list[str], gold: list[str]) -> int:
    """Words that both have, as often as both have them."""
    return sum((Counter(pred) & Counter(gold)).values())


def _longest_common_run(pred: list[str], gold: list[str]) -> int:
    """The length of the longest run of words that both have."""
    if pred == gold:
        return len(gold)
    numbers = {word: number for number, word in enumerate(dict.fromkeys(gold))}
    row = np.asarray([numbers[word] for word in gold])
    runs = np.zeros(len(gold) + 1, dtype=np.int64)  # of those that end before each place of ``gold``
    longest = 0
    for word in pred:
        runs[1:] = np.where(row == numbers.get(word, -1), runs[:-1] + 1, 0)
        longest = max(longest, int(runs.max()))
    return longest


_NORMAL: dict[Language, Callable[[str], str]] = {"english": english_normal_form, "chinese": chinese_normal_form}
_COMMON: dict[Language, Callable[[list[str], list[str]], int]] = {
    "english": _common_words,
    "chinese": _longest_common_run,
}
