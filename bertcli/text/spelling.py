"""Words spelled out: each distinct word as a row of symbols, which are characters with a mark, or pieces given by hand.

Done in numpy over the code points of all words at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.text.pieces import CONTINUATION
from bertcli.text.word_table import WordTable
from bertcli.text.words import WordCounts

_STAND_INS = 0x100000
"""Private characters, which cleaning removes from every text: in spelling they stand for pieces given by hand."""
_UNICODE = 0x110000


@dataclass(frozen=True)
class SpelledWords:
    """``row`` (symbols of all words,) numbers into ``symbols``; ``lengths`` and ``counts`` are (words,)."""

    symbols: list[str]
    row: NDArray[np.int32]
    lengths: NDArray[np.int64]
    counts: NDArray[np.int64]

    def occurrences(self) -> dict[str, int]:
        """How often each symbol occurs, in the order of the characters, unmarked before marked."""
        totals = np.zeros(len(self.symbols), np.int64)
        np.add.at(totals, self.row, np.repeat(self.counts, self.lengths))
        return dict(zip(self.symbols, totals.tolist(), strict=True))

    def table(self, join: Callable[[str, str], str]) -> WordTable:
        """The words as a table in which symbols are joined."""
        return WordTable(self.symbols, self.row, self.lengths, self.counts, join=join)


def spell(
    words: WordCounts,
    *,
    alphabet: Collection[str],
    mark: Callable[[str], str],
    marks_last: bool = False,
    pieces: Sequence[str] = (),
) -> SpelledWords:
    """Words whose characters are all in the alphabet; the others are left out.

    ``mark`` is put on every character but the first, or with ``marks_last`` on the last alone. ``pieces`` are symbols
    wherever they stand, the longest first: those with ``##`` within a word, the others where it begins.
    """
    spelled = list(words)
    if pieces:
        spelled = _with_stand_ins(spelled, pieces)
    text = "".join(spelled)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    lengths = np.fromiter(map(len, spelled), np.int64, len(spelled))
    counts = np.fromiter(words.values(), np.int64, len(spelled))
    known = np.zeros(_UNICODE, bool)
    known[[ord(character) for character in alphabet]] = True
    known[_STAND_INS : _STAND_INS + len(pieces)] = True
    starts = np.cumsum(lengths) - lengths
    kept = np.logical_and.reduceat(known[codes], starts) if len(starts) else np.zeros(0, bool)
    codes, lengths, counts = codes[np.repeat(kept, lengths)], lengths[kept], counts[kept]
    ends = np.cumsum(lengths)
    marked = np.zeros(len(codes), bool) if marks_last else np.ones(len(codes), bool)
    marked[ends - 1 if marks_last else ends - lengths] = marks_last
    marked[codes >= _STAND_INS] = False
    keys = codes + _UNICODE * marked
    number_of = np.full(2 * _UNICODE, -1, np.int32)
    present = np.flatnonzero(np.bincount(keys, minlength=1))
    number_of[present] = np.arange(len(present), dtype=np.int32)
    names = [_name(key, mark, pieces) for key in present.tolist()]
    return SpelledWords(names, number_of[keys], lengths, counts)


def _name(key: int, mark: Callable[[str], str], pieces: Sequence[str]) -> str:
    is_marked, code = divmod(key, _UNICODE)
    if code >= _STAND_INS:
        return pieces[code - _STAND_INS]
    return mark(chr(code)) if is_marked else chr(code)


def _with_stand_ins(words: list[str], pieces: Sequence[str]) -> list[str]:
    stand_ins = {piece: chr(_STAND_INS + number) for number, piece in enumerate(pieces)}
    by_length = sorted(pieces, key=len, reverse=True)
    within = [piece.removeprefix(CONTINUATION) for piece in by_length if piece.startswith(CONTINUATION)]
    at_the_start = [piece for piece in by_length if not piece.startswith(CONTINUATION)]
    parts = []
    if at_the_start:
        parts.append(f"^(?:{'|'.join(map(re.escape, at_the_start))})")
    if within:
        parts.append(f"(?<!^)(?:{'|'.join(map(re.escape, within))})")
    pattern = re.compile("|".join(parts))

    def stand_in(found: re.Match[str]) -> str:
        return stand_ins[found[0] if found.start() == 0 else CONTINUATION + found[0]]

    return [pattern.sub(stand_in, word) for word in words]
