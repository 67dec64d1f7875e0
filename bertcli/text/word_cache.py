"""Encoding by distinct word: each piece of text between spaces is encoded once and looked up from then on.

Right only where encoding is the same for a text and for its parts between spaces, as in BERT: its cleaning, its
splitting and its pieces never reach across a space.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_MOST_PIECES = 4_000_000  # then the cache starts anew: text without spaces would fill the memory
_WORDS_PER_CALL = 16_384

EncodeWords = Callable[[list[str]], list[list[int]]]


class WordCache:
    """Words that were met, and their piece ids in one array."""

    def __init__(self, encode_words: EncodeWords) -> None:
        self._encode_words = encode_words
        self._clear()

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Piece ids of each text."""
        if not texts:
            return []
        if len(self._pieces) > _MOST_PIECES:
            self._clear()
        words = " ".join(texts).split(" ")
        self._learn([word for word in dict.fromkeys(words) if word not in self._numbers])
        numbers = np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(words))
        lengths = np.frombuffer(self._lengths, np.int64)[numbers]
        starts = np.frombuffer(self._starts, np.int64)[numbers]
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1]) + np.repeat(starts - (ends - lengths), lengths)
        ids = np.frombuffer(self._pieces, np.int32)[places]
        words_per_text = np.fromiter((text.count(" ") + 1 for text in texts), np.int64, len(texts))
        bounds = [0, *ends[np.cumsum(words_per_text) - 1].tolist()]
        return [ids[begin:end] for begin, end in pairwise(bounds)]

    def _learn(self, words: list[str]) -> None:
        for at in range(0, len(words), _WORDS_PER_CALL):
            some = words[at : at + _WORDS_PER_CALL]
            for word, ids in zip(some, self._encode_words(some), strict=True):
                self._numbers[word] = len(self._numbers)
                self._starts.append(len(self._pieces))
                self._lengths.append(len(ids))
                self._pieces.extend(ids)

    def _clear(self) -> None:
        self._numbers: dict[str, int] = {}
        self._pieces = array("i", [0])  # never empty, so that it can be viewed
        self._starts = array("q")
        self._lengths = array("q")
