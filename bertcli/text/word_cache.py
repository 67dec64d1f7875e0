"""Encoding by distinct word: what stands between two spaces is cut once and looked up from then on.

Right only where text becomes words as in BERT, and every word is cut alone: cleaning, splitting and pieces never reach
across a space.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bertcli.core.runs import Runs
from bertcli.text.normalization import WordRules
from bertcli.text.numbering import Numbering
from bertcli.text.strings import array_of_bytes, bytes_of_texts, texts_of_bytes
from bertcli.text.words import WordSplitter, are_plain_ascii

# The cache starts anew beyond one of these, which are some hundred MB: text without spaces would fill the memory.
_MOST_PARTS = 600_000
_MOST_CHARACTERS = 40_000_000
_MOST_PIECES = 10_000_000
_SMALL_LETTERS = bytes.maketrans(bytes(range(ord("A"), ord("Z") + 1)), bytes(range(ord("a"), ord("z") + 1)))

_LINES = bytes.maketrans(b"\n", b" ")
_SMALL_LETTERS_OF_LINES = _SMALL_LETTERS.translate(_LINES)

Cut = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class EncodedTexts:
    """Piece ids of many texts, one after the other: ``ids`` is (pieces,), ``ends`` (texts,) where each text ends."""

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    word_starts: NDArray[np.bool_] | None = None
    """(pieces,) whether each begins a word of the language, where that was asked."""
    cased: NDArray[np.bool_] | None = None
    """(pieces,) whether the first letter of each one's word was a capital in the text, where that was asked."""

    @property
    def columns(self) -> dict[str, NDArray[np.bool_]]:
        """What was asked of every piece beside its id, by name."""
        asked = {"word_starts": self.word_starts, "cased": self.cased}
        return {name: values for name, values in asked.items() if values is not None}

    def split(self) -> list[NDArray[np.int32]]:
        """The ids of each text; views, not copies."""
        return [self.ids[begin:end] for begin, end in pairwise([0, *self.ends.tolist()])]

    @classmethod
    def of(cls, texts: Sequence[NDArray[np.int32]]) -> EncodedTexts:
        """From the ids of each text."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return cls(np.concatenate(texts) if texts else np.zeros(0, np.int32), np.cumsum(lengths))

    @classmethod
    def joined(cls, parts: Sequence[EncodedTexts]) -> EncodedTexts:
        """The texts of several, in their order."""
        if len(parts) == 1:
            return parts[0]
        before = np.cumsum([0, *(len(part.ids) for part in parts)])
        ends = [part.ends + start for part, start in zip(parts, before, strict=False)]
        ids = [part.ids for part in parts]
        columns = parts[0].columns if parts else {}
        return cls(
            np.concatenate(ids or [np.zeros(0, np.int32)]),
            np.concatenate(ends or [np.zeros(0, np.int64)]),
            **{name: np.concatenate([part.columns[name] for part in parts]) for name in columns},
        )


class WordCache:
    """Parts between spaces that were met, and their piece ids in one array."""

    def __init__(self, rules: WordRules, cut: Cut, *, word_starts: bool = False, capitals: bool = False) -> None:
        """``cut`` gives the piece ids of a word.

        ``word_starts`` also keeps which pieces begin a word, ``capitals`` which belong to one with a capital.
        """
        self._splitter = WordSplitter(rules)
        self._cut = cut
        self._keeps_word_starts = word_starts
        self._keeps_capitals = capitals
        # A normal form may join a small letter with what follows where it would not join the capital.
        self._ignores_case = rules.lowercase and rules.normalization == "none" and not capitals
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self._parts, self._words = Numbering(), Numbering()
        self._pieces: Runs = Runs.of([], np.int32)  # of every part, as are the columns
        self._word_pieces: Runs = Runs.of([], np.int32)
        asked = {"word_starts": self._keeps_word_starts, "cased": self._keeps_capitals}
        self._columns: dict[str, Runs] = {name: Runs.of([], np.bool_) for name, is_asked in asked.items() if is_asked}

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Piece ids of each text."""
        plain = bytes_of_texts(texts)
        if self._ignores_case:
            plain = Runs(np.frombuffer(plain.values.tobytes().translate(_SMALL_LETTERS), np.uint8), plain.offsets)
        return self._encode(array_of_bytes(plain))

    def encode_utf8(self, data: bytes, starts: NDArray[np.int64]) -> EncodedTexts:
        """Piece ids of each text in UTF-8, which goes to where the next one begins; a line end counts as a space."""
        translated = np.frombuffer(data.translate(_SMALL_LETTERS_OF_LINES if self._ignores_case else _LINES), np.uint8)
        return self._encode(array_of_bytes(Runs(translated, np.append(starts, len(data)))))

    def _encode(self, texts: pa.LargeStringArray) -> EncodedTexts:
        if not len(texts):
            columns = {name: np.zeros(0, np.bool_) for name in self._columns}
            return EncodedTexts(np.zeros(0, np.int32), np.zeros(0, np.int64), **columns)
        if (
            len(self._parts) > _MOST_PARTS
            or self._parts.characters > _MOST_CHARACTERS
            or len(self._pieces.values) > _MOST_PIECES
        ):
            self.clear()
        # Arrow splits and tells distinct parts some times faster than Python.
        parts = pc.split_pattern(texts, " ")
        numbers, new = self._parts.number(parts.values)
        if len(new):
            self._add(new)
        taken = self._pieces.take(numbers)
        ends_of_texts = np.frombuffer(parts.buffers()[1], np.int32, len(parts) + 1)[1:]
        columns = {name: values.take(numbers).values for name, values in self._columns.items()}
        return EncodedTexts(taken.values, taken.offsets[ends_of_texts].astype(np.int64), **columns)

    def _add(self, parts: Runs) -> None:
        """Take in new parts: first those of plain ASCII, which are split all at once, then the others."""
        is_plain = are_plain_ascii(parts)
        order = np.concatenate([np.flatnonzero(is_plain), np.flatnonzero(~is_plain)])
        plain, others = parts.take(order[: is_plain.sum()]), parts.take(order[is_plain.sum() :])
        plain_words, plain_counts = self._splitter.split_plain(plain)
        split = list(map(self._splitter.split, texts_of_bytes(others)))
        counts = np.concatenate([plain_counts, np.fromiter(map(len, split), np.int64, len(split))])
        words = self._cut_words(plain_words.joined(bytes_of_texts(list(chain.from_iterable(split)))))
        lengths = words.lengths
        ends = words.offsets[np.concatenate([[0], np.cumsum(counts)])]
        rows = np.argsort(order)
        self._pieces = self._pieces.joined(Runs(words.values, ends).take(rows))
        if self._keeps_word_starts:
            of_others = chain.from_iterable(map(self._splitter.starts, texts_of_bytes(others)))
            begin = np.concatenate([np.ones(len(plain_words), np.bool_), np.fromiter(of_others, np.bool_)])
            marks = np.zeros(len(words.values), np.bool_)
            marks[words.offsets[:-1][begin & (lengths > 0)]] = True
            self._columns["word_starts"] = self._columns["word_starts"].joined(Runs(marks, ends).take(rows))
        if self._keeps_capitals:
            in_order = [*texts_of_bytes(plain), *texts_of_bytes(others)]
            of_words = chain.from_iterable(map(self._splitter.capitals, in_order))
            marks = np.repeat(np.fromiter(of_words, np.bool_), lengths)
            self._columns["cased"] = self._columns["cased"].joined(Runs(marks, ends).take(rows))

    def _cut_words(self, words: Runs) -> Runs:
        """The pieces of each word; new ones are cut."""
        numbers, new = self._words.number(array_of_bytes(words))
        if len(new):
            self._word_pieces = self._word_pieces.joined(Runs.of(list(map(self._cut, texts_of_bytes(new))), np.int32))
        return self._word_pieces.take(numbers)
