"""Words and their counts: what vocabularies are learned from.

A word is what BERT's cleaning and splitting leave of a text: letters and digits in a row, a punctuation mark, a CJK
ideograph. Blocks of text are counted by several processes and added up in the order of the text, so that the number of
processes changes nothing. Memory is bounded: where distinct words become too many, the rarest are dropped.
"""

from __future__ import annotations

import re
import string
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from tokenizers import pre_tokenizers

from bertcli.core.blocks import in_blocks
from bertcli.core.runs import Runs
from bertcli.core.workers import ALONE, Pool, map_in_order
from bertcli.text import ideographs
from bertcli.text.normalization import WordRules
from bertcli.text.pieces import LONGEST_WORD

WordCounts = Counter[str]

_BLOCK_CHARACTERS = 4_000_000
_MOST_KNOWN_PARTS = 200_000
"""Parts between spaces whose words a process remembers."""
_MARKS = string.punctuation.encode()
_LONE_MARKS = bytes(set(_MARKS) - set(b"<=>"))
"""Those that no character after them joins in a normal form."""
_ASCII_WORD = re.compile(r"[A-Za-z0-9]+|[!-/:-@\[-`{-~]")
_PLAIN, _LETTERS = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
_PLAIN[0x21:0x7F] = True
_LETTERS[list((string.ascii_letters + string.digits).encode())] = True


@dataclass
class CountedWords:
    """How often each word occurs, in the order of first sight, and what was dropped to save memory.

    ASCII's punctuation marks, which are words of one character, stand behind the words of their block of text.
    """

    counts: WordCounts = field(default_factory=Counter)
    dropped: int = 0
    """Occurrences of words that were dropped."""
    error: int = 0
    """No word occurs more often than its count here and this: 0 where nothing was dropped."""

    def keep(self, most: int) -> None:
        """Drop the rarest words, and of equally rare ones those seen last, until no more than ``most`` are left.

        Each time a word loses no more than the largest count that is dropped, and ``error`` is the sum of these (as in
        the lossy counting of Manku & Motwani 2002, section 4.2).
        """
        if len(self.counts) <= most:
            return
        room, largest_dropped = most, 0
        for count, words in sorted(Counter(self.counts.values()).items(), reverse=True):
            if words > room:
                largest_dropped = count
                break
            room -= words
        before, kept = self.counts.total(), Counter[str]()
        for word, count in self.counts.items():
            if count > largest_dropped:
                kept[word] = count
            elif count == largest_dropped and room:
                kept[word] = count
                room -= 1
        self.counts = kept
        self.dropped += before - self.counts.total()
        self.error += largest_dropped


def count_words(
    texts: Iterable[str],
    rules: WordRules,
    *,
    longest: int | None = LONGEST_WORD,
    workers: Pool = ALONE,
    most_words: int | None = None,
) -> CountedWords:
    """How often each word occurs; words of more than ``longest`` characters are left out.

    By default these are the words that BERT takes for unknown, however they are spelt; None counts them too. With
    ``most_words``, no more distinct words than that are held for longer than a block of text.
    """
    found = CountedWords()
    make = partial(_BlockCounter, rules, longest)
    for block in map_in_order(make, in_blocks(texts, _BLOCK_CHARACTERS, len), workers=workers):
        counts = found.counts
        for word, times in block.items():
            counts[word] = counts.get(word, 0) + times
        if most_words is not None and len(counts) > most_words:
            found.keep(most_words // 2)
    return found


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


class _BlockCounter:
    """Counts the words of one block after the other."""

    def __init__(self, rules: WordRules, longest: int | None) -> None:
        self._rules = rules
        self._longest = sys.maxsize if longest is None else longest
        self._words_of = WordSplitter(rules)

    def __call__(self, texts: list[str]) -> dict[str, int]:
        """The words of a block in the order of first sight, ASCII's punctuation marks behind all others."""
        data = " ".join(texts).encode()
        bytes_seen = np.bincount(np.frombuffer(data, np.uint8), minlength=256)
        marks = [mark for mark in (_MARKS if self._rules.normalization == "none" else _LONE_MARKS) if bytes_seen[mark]]
        data = data.translate(bytes.maketrans(bytes(marks), b" " * len(marks)))
        # Arrow splits and counts some times faster than Python.
        text = pa.array([data], pa.large_binary()).cast(pa.large_string())
        parts = pc.split_pattern(text, " ").flatten().value_counts()
        words: defaultdict[str, int] = defaultdict(int)
        words_of, lowercase, longest = self._words_of, self._rules.lowercase, self._longest
        for part, count in zip(parts.field("values").to_pylist(), parts.field("counts").to_pylist(), strict=True):
            if part.isascii() and part.isalnum() and len(part) <= longest:
                words[part.lower() if lowercase else part] += count
            else:
                for word in words_of(part):
                    if len(word) <= longest:
                        words[word] += count
        for mark in marks:
            words[chr(mark)] += int(bytes_seen[mark])
        return dict(words)


class WordSplitter:
    """A function from a text to its words, of any length; quickest where it is given what stands between spaces.

    Plain ASCII, the most of text, is split without the library; what was split before is looked up.
    """

    def __init__(self, rules: WordRules) -> None:
        self._lowercase = rules.lowercase
        self._cuts_ideographs = rules.tokenize_chinese_chars
        self._normalizer = rules.normalizer()
        self._normalizer_with_capitals = rules.with_capitals().normalizer()
        self._splitter = pre_tokenizers.BertPreTokenizer()
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, part: str) -> tuple[str, ...]:
        """The words of a text."""
        words = self._known.get(part)
        if words is None:
            words = tuple(self.split(part))
            if len(self._known) >= _MOST_KNOWN_PARTS:
                self._known.clear()
            if len(part) <= LONGEST_WORD:
                self._known[part] = words
        return words

    def split_plain(self, parts: Runs) -> tuple[Runs, NDArray[np.int64]]:
        """The words of parts of plain ASCII, and (parts,) how many each has."""
        data = parts.values.tobytes()
        bytes_of_words = np.frombuffer(data.lower() if self._lowercase else data, np.uint8)
        is_letter = _LETTERS[bytes_of_words]
        begins = np.ones(len(is_letter), np.bool_)
        begins[1:] = ~(is_letter[1:] & is_letter[:-1])
        begins[parts.offsets[:-1][np.diff(parts.offsets) > 0]] = True
        starts = np.flatnonzero(begins)
        return (
            Runs(bytes_of_words, np.append(starts, len(bytes_of_words))),
            np.diff(np.searchsorted(starts, parts.offsets)),
        )

    def split(self, part: str) -> list[str]:
        """The same, without looking up."""
        if is_plain_ascii(part):
            return _ASCII_WORD.findall(part.lower() if self._lowercase else part)
        return [word for word, _ in self._splitter.pre_tokenize_str(self._normalizer.normalize_str(part))]

    def starts(self, part: str) -> list[bool]:
        """Whether each begins a word of the language: all but ideographs that directly follow another."""
        if part.isascii():
            return [True] * len(self.split(part))
        cleaned = self._normalizer.normalize_str(part)
        inside = ideographs.followers(cleaned) if self._cuts_ideographs else ()
        return [begin not in inside for _, (begin, _) in self._splitter.pre_tokenize_str(cleaned)]

    def capitals(self, part: str) -> list[bool]:
        """Whether the first letter of each word was a capital before it was lower-cased.

        Lower-casing splits no word and joins none: the words are the same ones with and without it.
        """
        if is_plain_ascii(part):
            return [begins_with_capital(word) for word in _ASCII_WORD.findall(part)]
        words = self._splitter.pre_tokenize_str(self._normalizer_with_capitals.normalize_str(part))
        return [begins_with_capital(word) for word, _ in words]


def are_plain_ascii(parts: Runs) -> NDArray[np.bool_]:
    """(parts,) whether cleaning changes nothing in each but capitals."""
    odd = np.flatnonzero(~_PLAIN[parts.values])
    plain = np.ones(len(parts), np.bool_)
    plain[np.searchsorted(parts.offsets, odd, side="right") - 1] = False
    return plain


def is_plain_ascii(part: str) -> bool:
    """Whether cleaning changes nothing but capitals."""
    return part.isascii() and part.isprintable()


def begins_with_capital(word: str) -> bool:
    """Whether lower-casing changes the first letter of a word: digits and marks before it do not count."""
    for character in word:
        if character != character.lower():  # also letters of title case, and what is round a letter: Ⓐ, Ⅷ
            return True
        if character.isalpha():
            return False
    return False
