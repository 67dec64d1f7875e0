"""Encoding by distinct word: what stands between two spaces is cut once and looked up from then on.

Right only where text becomes words as in BERT, and every word is cut alone: cleaning, splitting and pieces never reach
across a space.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bertcli.core.ranges import ranges
from bertcli.text.normalization import WordRules
from bertcli.text.words import END_OF_PART, WordSplitter, is_plain_ascii

# The cache starts anew beyond one of these, which are some hundred MB: text without spaces would fill the memory.
_MOST_PARTS = 600_000
_MOST_CHARACTERS = 40_000_000
_MOST_PIECES = 10_000_000
_SMALL_LETTERS = bytes.maketrans(bytes(range(ord("A"), ord("Z") + 1)), bytes(range(ord("a"), ord("z") + 1)))

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

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Piece ids of each text."""
        if not texts:
            nothing = np.zeros(0, np.intp)
            return EncodedTexts(np.zeros(0, np.int32), np.zeros(0, np.int64), **self._columns(nothing))
        if len(self._numbers) > _MOST_PARTS or self._characters > _MOST_CHARACTERS or len(self._pieces) > _MOST_PIECES:
            self.clear()
        # Arrow splits and tells distinct parts some times faster than Python.
        parts = pc.split_pattern(self._as_array(texts), " ")
        distinct = parts.flatten().dictionary_encode()
        of_distinct = self._number(distinct.dictionary.to_pylist())
        numbers = of_distinct[distinct.indices.to_numpy()]
        lengths = np.frombuffer(self._lengths, np.int64)[numbers]
        starts = np.frombuffer(self._starts, np.int64)[numbers]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)
        ids = np.frombuffer(self._pieces, np.int32)[places]
        return EncodedTexts(ids, ends[parts.offsets.to_numpy()[1:] - 1], **self._columns(places))

    def _columns(self, places: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
        kept = {}
        if self._keeps_word_starts:
            kept["word_starts"] = np.frombuffer(self._word_starts, np.bool_)[places]
        if self._keeps_capitals:
            kept["cased"] = np.frombuffer(self._cased, np.bool_)[places]
        return kept

    def _as_array(self, texts: Sequence[str]) -> pa.Array:
        plain = pa.array(texts, pa.large_string())
        if not self._ignores_case:
            return plain
        _, offsets, data = plain.buffers()
        small = pa.py_buffer(data.to_pybytes().translate(_SMALL_LETTERS))
        return pa.Array.from_buffers(pa.large_string(), len(plain), [None, offsets, small])

    def _number(self, parts: list[str]) -> NDArray[np.int64]:
        """(parts,) their numbers; ``parts`` are distinct."""
        numbers = np.fromiter(map(self._numbers.get, parts, repeat(-1)), np.int64, len(parts))
        places = (numbers < 0).nonzero()[0]
        if not len(places):
            return numbers
        is_plain = np.fromiter((is_plain_ascii(parts[at]) for at in places.tolist()), np.bool_, len(places))
        places = np.concatenate([places[is_plain], places[~is_plain]])
        new = [parts[at] for at in places.tolist()]
        numbers[places] = np.arange(len(self._numbers), len(self._numbers) + len(new))
        self._numbers.update(zip(new, range(len(self._numbers), len(self._numbers) + len(new)), strict=True))
        self._characters += sum(map(len, new))
        self._add_pieces(new, int(is_plain.sum()))
        for part in new if self._keeps_word_starts else ():
            self._mark_words(part)
        for part in new if self._keeps_capitals else ():
            self._mark_capitals(part)
        return numbers

    def _add_pieces(self, parts: list[str], plain: int) -> None:
        """Append the pieces of new parts, of which the first ``plain`` are plain ASCII."""
        words = self._splitter.split_plain(parts[:plain])
        for part in parts[plain:]:
            words += self._splitter.split(part)
            words.append(END_OF_PART)
        numbers = self._number_words(words)
        # Views of an array keep it from growing: none is held.
        lengths = np.frombuffer(self._word_lengths, np.int64)[numbers]
        starts = np.frombuffer(self._word_begins, np.int64)[numbers]
        pieces = np.frombuffer(self._word_pieces, np.int32)[ranges(starts, lengths)]
        ends = np.cumsum(lengths)[numbers == 0]
        of_parts = np.diff(ends, prepend=0)
        self._starts.frombytes((ends - of_parts + len(self._pieces)).tobytes())
        self._lengths.frombytes(of_parts.tobytes())
        self._pieces.frombytes(pieces.tobytes())

    def _number_words(self, words: list[str]) -> NDArray[np.int64]:
        """(words,) their numbers; new ones are cut."""
        numbers = np.fromiter(map(self._words.get, words, repeat(-1)), np.int64, len(words))
        missing = (numbers < 0).nonzero()[0].tolist()
        for at in missing:
            word = words[at]
            number = self._words.get(word)
            if number is None:
                ids = self._cut(word)
                number = self._words[word] = len(self._words)
                self._word_begins.append(len(self._word_pieces))
                self._word_pieces.extend(ids)
                self._word_lengths.append(len(ids))
            numbers[at] = number
        return numbers

    def _mark_words(self, part: str) -> None:
        """Which of a part's pieces begin a word: the first of each that BERT cuts, but for joined ideographs."""
        for word, begins in self._splitter.split_with_starts(part):
            marks = bytearray(self._word_lengths[self._words[word]])
            marks[:1] = [begins] * len(marks[:1])
            self._word_starts += marks

    def _mark_capitals(self, part: str) -> None:
        """Which of a part's pieces belong to a word with a capital."""
        words, lengths = self._words, self._word_lengths
        for word, is_capital in zip(self._splitter.split(part), self._splitter.capitals(part), strict=True):
            self._cased += bytes([is_capital]) * lengths[words[word]]

    def clear(self) -> None:
        """Start anew."""
        self._numbers: dict[str, int] = {}
        self._characters = 0
        self._words = {END_OF_PART: 0}
        self._word_pieces = array("i", [0])
        self._word_begins = array("q", [0])
        self._word_lengths = array("q", [0])
        self._pieces = array("i", [0])  # never empty, so that it can be viewed
        self._word_starts = bytearray(1)
        self._cased = bytearray(1)
        self._starts = array("q")
        self._lengths = array("q")
