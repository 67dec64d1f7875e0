"""Key sentences: which sentences of a text say most of it, by TF-IDF or by TextRank.

*Source*: inverse document frequency after Spärck Jones 1972; TextRank is Mihalcea & Tarau 2004, sections 2.2 and 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bertcli.config.long_texts import KeySentences
from bertcli.text.normalization import WordRules
from bertcli.text.words import WordSplitter

Words = Sequence[str]
Scores = NDArray[np.float64]
Ranking = Callable[[Sequence[Words]], Scores]
"""The score of each sentence of a text, (sentences,), from the words of each."""

DAMPING = 0.85
"""Mihalcea & Tarau 2004, section 2: the share of a score that comes over the edges."""
_TOLERANCE = 1e-10
_DIGITS = 9
"""Scores that agree so far are equal: what differs beyond is the order of a sum."""
_LARGEST_GRAPH = 2_000
"""Sentences of one graph, whose matrices take some hundred MB; a longer text is ranked in parts of so many."""


class ContentWords:
    """A function from a text to its words, in small letters and without punctuation marks."""

    def __init__(self) -> None:
        self._split = WordSplitter(WordRules(lowercase=True))

    def __call__(self, text: str) -> list[str]:
        """The words in their order."""
        parts = map(self._split, text.split())  # what stands between spaces is looked up
        return [word for words in parts for word in words if word.isalnum() or any(map(str.isalnum, word))]


@dataclass(frozen=True)
class DocumentFrequencies:
    """How many of some documents there are, and in how many of them each word stands."""

    documents: int
    counts: Mapping[str, int]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Of these documents."""
        words_of = ContentWords()
        counts: Counter[str] = Counter()
        documents = 0
        for text in texts:
            documents += 1
            counts.update(set(words_of(text)))
        return cls(documents, counts)

    def inverse(self, word: str) -> float:
        """ln((1 + documents) / (1 + documents with the word)): 0 for a word of all of them, finite for a new one."""
        return float(np.log((1 + self.documents) / (1 + self.counts.get(word, 0))))


def tfidf_scores(sentences: Sequence[Words], frequencies: DocumentFrequencies) -> Scores:
    """(sentences,) the mean over a sentence's words of how often each stands in the text, times its inverse frequency.

    A mean, because a sum would be another name for the length.
    """
    counts = Counter(chain.from_iterable(sentences))
    weights = {word: times * frequencies.inverse(word) for word, times in counts.items()}
    return np.array([sum(weights[word] for word in words) / max(1, len(words)) for words in sentences], np.float64)


def textrank_scores(sentences: Sequence[Words]) -> Scores:
    """(sentences,) the rank of each in the graph of sentences that share words."""
    parts = [sentences[at : at + _LARGEST_GRAPH] for at in range(0, len(sentences), _LARGEST_GRAPH)]
    # The scores of a graph in which every sentence has a neighbour have the mean 1: parts can be compared.
    return np.concatenate([np.zeros(0), *(rank(similarities(part)) for part in parts)])


def similarities(sentences: Sequence[Words]) -> NDArray[np.float64]:
    """(sentences, sentences) distinct words in common, divided by ln|a| + ln|b|; 0 with itself.

    Two sentences of one word each, for which the logarithms say nothing, have no edge.
    """
    numbers = {word: number for number, word in enumerate(dict.fromkeys(chain.from_iterable(sentences)))}
    holds = np.zeros((len(sentences), len(numbers)), np.float32)
    for row, words in enumerate(sentences):
        holds[row, [numbers[word] for word in words]] = 1
    common = (holds @ holds.T).astype(np.float64)
    np.fill_diagonal(common, 0)
    logarithms = np.log(np.array([max(1, len(words)) for words in sentences], np.float64))
    sizes = logarithms[:, None] + logarithms
    weights: NDArray[np.float64] = np.divide(common, sizes, out=np.zeros_like(common), where=sizes > 0)
    return weights


def rank(weights: NDArray[np.float64]) -> Scores:
    """(nodes,) the scores of a weighted graph, found by power iteration from 1 for each.

    ``weights`` (nodes, nodes) is symmetric. A score is (1 - d) + d · Σ_j w_ij / Σ_k w_jk · score_j.
    """
    strengths = weights.sum(axis=0)
    shares = np.divide(weights, strengths, out=np.zeros_like(weights), where=strengths > 0)  # column j: what j gives
    scores: Scores = np.ones(len(weights))
    while True:
        after: Scores = (1 - DAMPING) + DAMPING * (shares @ scores)
        if np.abs(after - scores).max(initial=0) < _TOLERANCE:
            return after
        scores = after


def ranking(kind: KeySentences, training_texts: Iterable[str]) -> Ranking:
    """The scores of that kind; TF-IDF counts in how many of the training texts a word stands, TextRank reads none."""
    if kind == "textrank":
        return textrank_scores
    frequencies = DocumentFrequencies.of(training_texts)
    return lambda sentences: tfidf_scores(sentences, frequencies)


def kept_pieces(scores: Scores, lengths: NDArray[np.int64], budget: int) -> NDArray[np.int64]:
    """(sentences,) pieces that are kept of each: those with the highest scores whole, and as much as fits of the next.

    Of equal scores the first counts more. ``lengths`` are the sentences' pieces.
    """
    order = np.argsort(-np.round(scores, _DIGITS), kind="stable")
    before = np.cumsum(lengths[order]) - lengths[order]
    kept = np.empty_like(lengths)
    kept[order] = np.clip(budget - before, 0, lengths[order])
    return kept
