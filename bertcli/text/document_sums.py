"""The sums of every document in several vocabularies: what the figures and their intervals are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.blocks import in_blocks
from bertcli.core.messages import Progress
from bertcli.text.compared_text import half_of
from bertcli.text.long_texts import LONGEST_TOLD_APART, cut_long
from bertcli.text.normalization import WordRules
from bertcli.text.part_sums import PartSums, sum_over_words
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.vocabulary_fit import Sums, segment, word_sums
from bertcli.text.words import WordSplitter

FloatArray = NDArray[np.float64]

_CHARACTERS_PER_BLOCK = 1_000_000
_MOST_REMEMBERED = 250_000
"""Parts after which tokenizers forget theirs."""
_COST = Sums._fields.index("cost")


@dataclass(frozen=True)
class CostedVocabulary:
    """A vocabulary and what its pieces cost, (vocab,): in each half of the documents, or once for all of them."""

    tokenizer: Tokenizer
    costs: Sequence[FloatArray]


def sum_documents(
    texts: Iterable[str], vocabularies: Sequence[CostedVocabulary], distinct_characters: int, *, bar: Progress
) -> tuple[FloatArray, list[Sums]]:
    """(documents,) characters that are no white space, and for each vocabulary its sums, (documents,) each."""
    halved = len(vocabularies[0].costs) > 1
    width = _COST + len(vocabularies[0].costs)
    table = PartSums(_PartValues(vocabularies, distinct_characters), columns=width * len(vocabularies))
    characters: list[int] = []
    blocks: list[list[FloatArray]] = [[] for _ in vocabularies]
    done = 0
    for some in in_blocks(texts, _CHARACTERS_PER_BLOCK, len):
        characters += [sum(map(len, text.split())) for text in some]
        halves = np.array([half_of(text) if halved else 0 for text in some])
        columns = table.of(some)
        for number, own in enumerate(blocks):
            own.append(_with_cost_of_half(columns[:, number * width : (number + 1) * width], halves))
        done += sum(map(len, some))
        bar.update(done)
    return np.array(characters, np.float64), [Sums(*np.concatenate(own).T) for own in blocks]


def _with_cost_of_half(columns: FloatArray, halves: NDArray[np.int64]) -> FloatArray:
    own = columns[:, : _COST + 1].copy()
    own[:, _COST] = columns[np.arange(len(columns)), _COST + halves]
    return own


class _PartValues:
    """What parts add: (parts, columns), for each vocabulary those of ``Sums``, then the cost in the second half."""

    def __init__(self, vocabularies: Sequence[CostedVocabulary], distinct_characters: int) -> None:
        self._vocabularies = vocabularies
        self._distinct = distinct_characters
        self._splitters = {each.tokenizer.word_rules: _PartSplitter(each.tokenizer.word_rules) for each in vocabularies}
        self._remembered = 0

    def __call__(self, parts: Sequence[str]) -> FloatArray:
        self._forget(len(parts))
        columns: dict[int, FloatArray] = {}
        for rules, splitter in self._splitters.items():  # vocabularies that take the same words share the splitting
            alike = [number for number, each in enumerate(self._vocabularies) if each.tokenizer.word_rules == rules]

            def of_words(words: Sequence[str], alike: Sequence[int] = alike) -> FloatArray:
                own = [self._of_words(self._vocabularies[number], words) for number in alike]
                return np.stack([column for values in own for column in values], axis=1)

            found = sum_over_words(parts, splitter, of_words)
            columns |= zip(alike, np.split(found, len(alike), axis=1), strict=True)
        return np.concatenate([columns[number] for number in range(len(self._vocabularies))], axis=1)

    def _of_words(self, vocabulary: CostedVocabulary, words: Sequence[str]) -> list[FloatArray]:
        cut = segment(vocabulary.tokenizer, words)
        first, *others = (word_sums(cut, costs, self._distinct) for costs in vocabulary.costs)
        return [*first, *(other.cost for other in others)]

    def _forget(self, parts: int) -> None:
        if self._remembered > _MOST_REMEMBERED:
            for vocabulary in self._vocabularies:
                vocabulary.tokenizer.forget()
            self._remembered = 0
        self._remembered += parts


class _PartSplitter:
    """The words of what stands between two spaces, cut where it is long as it was for counting."""

    def __init__(self, rules: WordRules) -> None:
        self._at_ideographs = rules.tokenize_chinese_chars
        self._split = WordSplitter(rules).split

    def __call__(self, part: str) -> Iterator[str]:
        for piece in cut_long(part, at_ideographs=self._at_ideographs, longest_word=LONGEST_TOLD_APART):
            yield from self._split(piece)
