"""Words and their counts: what vocabularies are learned from.

A word is what BERT's cleaning and splitting leave of a text: letters and digits in a row, a punctuation mark, a CJK
ideograph. Text is counted between spaces first, so that only distinct parts are cleaned and split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain

from tokenizers import normalizers, pre_tokenizers

from bertcli.text.pieces import LONGEST_WORD

WordCounts = Counter[str]

_MOST_PARTS = 4_000_000  # distinct parts that are held before they are split into words
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")


def count_words(texts: Iterable[str], *, lowercase: bool, longest: int | None = LONGEST_WORD) -> WordCounts:
    """How often each word occurs, in the order of first sight; words of more than ``longest`` characters are left out.

    By default these are the words that BERT takes for unknown, however they are spelt; None counts them too.
    """
    words: WordCounts = Counter()
    parts: WordCounts = Counter()
    split = _Splitter(lowercase, longest)
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


def word_splitter(*, lowercase: bool) -> Callable[[str], Iterable[str]]:
    """A function from a text to its words, of any length; quickest where it is given what stands between spaces."""
    return _Splitter(lowercase, None).words


class _Splitter:
    """Cleaning and splitting, as the tokenizer does it; plain ASCII, the most of it, without the library."""

    def __init__(self, lowercase: bool, longest: int | None) -> None:
        self._lowercase = lowercase
        self._longest = longest
        self._normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        self._splitter = pre_tokenizers.BertPreTokenizer()

    def into(self, words: WordCounts, parts: WordCounts) -> None:
        """Add the words of the parts, each as often as its part."""
        for part, count in parts.items():
            for word in self.words(part):
                if self._longest is None or len(word) <= self._longest:
                    words[word] += count

    def words(self, part: str) -> Iterable[str]:
        """All words of a part, of any length."""
        if part.isascii() and part.isprintable():
            return _ASCII_WORD.findall(part.lower() if self._lowercase else part)
        return (word for word, _ in self._splitter.pre_tokenize_str(self._normalizer.normalize_str(part)))
