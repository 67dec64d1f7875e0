"""Words and their counts: what vocabularies are learned from.

A word is what BERT's cleaning and splitting leave of a text: letters and digits in a row, a punctuation mark, a CJK
ideograph. Text is counted between spaces first, so that only distinct parts are cleaned and split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from tokenizers import pre_tokenizers

from bertcli.text.normalization import Normalization, bert_normalizer
from bertcli.text.pieces import LONGEST_WORD

WordCounts = Counter[str]

_MOST_PARTS = 4_000_000  # distinct parts that are held before they are split into words
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")


def count_words(texts: Iterable[str], *, lowercase: bool, normalization: Normalization = "none") -> WordCounts:
    """How often each word occurs, in the order of first sight; words over 100 characters are left out."""
    words: WordCounts = Counter()
    parts: WordCounts = Counter()
    split = _Splitter(lowercase, normalization)
    for text in texts:
        parts.update(text.split(" "))
        if len(parts) > _MOST_PARTS:
            split.into(words, parts)
            parts.clear()
    split.into(words, parts)
    return words


def count_characters(words: WordCounts) -> WordCounts:
    """How often each character occurs in all words."""
    characters: WordCounts = Counter()
    by_count: dict[int, list[str]] = {}
    for word, count in words.items():
        by_count.setdefault(count, []).append(word)
    for count, same in by_count.items():
        for character, times in Counter(chain.from_iterable(same)).items():
            characters[character] += count * times
    return characters


class _Splitter:
    """Cleaning and splitting, as the tokenizer does it; plain ASCII, the most of it, without the library."""

    def __init__(self, lowercase: bool, normalization: Normalization) -> None:
        self._lowercase = lowercase
        self._normalizer = bert_normalizer(lowercase=lowercase, normalization=normalization)
        self._splitter = pre_tokenizers.BertPreTokenizer()

    def into(self, words: WordCounts, parts: WordCounts) -> None:
        """Add the words of the parts, each as often as its part."""
        for part, count in parts.items():
            for word in self._words(part):
                if len(word) <= LONGEST_WORD:
                    words[word] += count

    def _words(self, part: str) -> Iterator[str] | list[str]:
        if part.isascii() and part.isprintable():
            return _ASCII_WORD.findall(part.lower() if self._lowercase else part)
        return (word for word, _ in self._splitter.pre_tokenize_str(self._normalizer.normalize_str(part)))
