"""Greedy longest match: how WordPiece cuts one word, without the library and with parts of words remembered."""

from __future__ import annotations

from collections.abc import Iterable

from bertcli.text.pieces import CONTINUATION


class LongestMatch:
    """The rule of a WordPiece vocabulary: from the left, always the longest piece that fits."""

    def __init__(self, pieces: Iterable[str]) -> None:
        known = list(pieces)
        self._first = {piece for piece in known if not piece.startswith(CONTINUATION)}
        self._further = {piece.removeprefix(CONTINUATION) for piece in known if piece.startswith(CONTINUATION)}
        self._longest_first = max(map(len, self._first), default=0)
        self._longest_further = max(map(len, self._further), default=0)
        self._counts: dict[str, int | None] = {"": 0}

    def first(self, word: str) -> int:
        """Characters of the piece that begins a word; 0 where none does."""
        return _longest(self._first, word, 0, self._longest_first)

    def further(self, text: str) -> list[str] | None:
        """The ``##`` pieces of a text inside a word; None where some of it is unknown."""
        pieces = []
        at = 0
        while at < len(text):
            length = _longest(self._further, text, at, self._longest_further)
            if not length:
                return None
            pieces.append(CONTINUATION + text[at : at + length])
            at += length
        return pieces

    def further_count(self, text: str) -> int | None:
        """How many ``##`` pieces a text inside a word has, looked up where it was met before."""
        if text not in self._counts:
            pieces = self.further(text)
            self._counts[text] = None if pieces is None else len(pieces)
        return self._counts[text]


def _longest(pieces: set[str], text: str, at: int, longest: int) -> int:
    for end in range(min(len(text), at + longest), at, -1):
        if text[at:end] in pieces:
            return end - at
    return 0
