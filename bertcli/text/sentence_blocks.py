"""The sentences of many documents at a time: most ends of English sentences are plain, and found all at once.

The result is that of ``split_sentences`` for each document. A stop is plain where a full stop, a space and a capital
follow a word of three small letters that ends like no abbreviation, a year within a sentence, or what was closed. Only
lines that have a doubtful stop beside are looked at one by one, and so are documents with Chinese stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bertcli.text.sentences import BEFORE_NAMES, NEVER_LAST, STARTERS, sentence_ends, split_sentences

_LINE_ENDS = bytes.maketrans(b"\r\x0b\x0c\x1c\x1d\x1e", b"\n" * 6)
_WINDOW = 8
"""Bytes up to a stop that are looked at: as many as fit a machine word."""
_ABBREVIATIONS = sorted(word for word in NEVER_LAST | BEFORE_NAMES if 2 <= len(word) < _WINDOW and word.isalpha())


def _table(characters: bytes) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(characters)] = True
    return table


_SMALL = _table(b"abcdefghijklmnopqrstuvwxyz")
_CAPITAL = _table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LETTER = _SMALL | _CAPITAL
_DIGIT = _table(b"0123456789")
_CLOSER = _table(b"\"')]}")
_OPENER = _table(b"\"'([{")
_SPACE, _DOT = ord(" "), ord(".")
_STOP = _table(b".!?")
_LEAD = _table(b"\xc2\xe2\xe3\xef")
"""The first bytes of what is looked for beyond ASCII."""
_LOOKED_AT = _STOP | _LEAD
_NAME = _CAPITAL | (np.arange(256) > 0x7F)
"""What makes a name, such as eBay, of a small letter before it; beyond ASCII perhaps."""
_VISIBLE = _table(bytes(range(0x21, 0x7F)))
_INNER = _SMALL | _CAPITAL | _DIGIT | _table(b",;:-/&%$#@*_+=<>^~|\\({[`\n")
"""What may follow a stop that ends no sentence, or the line: no space, closing mark or character beyond ASCII."""


def _codes(characters: str) -> list[int]:
    return [int.from_bytes(character.encode().ljust(3, b"\n"), "big") for character in characters]


_ELLIPSES = _codes("…‥")
_ODD = _codes("。！？｡．\u2028\u2029")
_NEXT_LINE = int.from_bytes("\x85".encode(), "big")


@dataclass(frozen=True)
class SentenceBlock:
    """The sentences of many documents in UTF-8, one after the other.

    ``starts`` is (sentences,), where each begins in ``data``; it goes on to the next one, with white space behind it
    and perhaps before. ``counts`` is (documents,), how many each has.
    """

    data: bytes
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]

    def texts(self) -> list[str]:
        """The sentences without the white space."""
        bounds = pairwise([*self.starts.tolist(), len(self.data)])
        return [self.data[begin:end].decode().strip() for begin, end in bounds]


def split_all(texts: Sequence[str]) -> SentenceBlock:
    """The sentences of all documents."""
    encoded = [text.encode() for text in texts]
    block, first_bytes = _joined(encoded)
    stops, marks, codes = _looked_at(block)
    odd = marks[np.isin(codes, _ODD) | (codes >> 8 == _NEXT_LINE)]
    if not len(odd):
        return _cut(texts, block, first_bytes, stops, marks[np.isin(codes, _ELLIPSES)])
    # Sentences of documents with Chinese stops become lines before the others are cut.
    rows = np.unique(np.searchsorted(first_bytes, odd, side="right") - 1)
    for row in rows.tolist():
        encoded[row] = "\n".join(split_sentences(texts[row])).encode()
    block, first_bytes = _joined(encoded)
    stops, marks, codes = _looked_at(block)
    found = (stops, marks[np.isin(codes, _ELLIPSES)])
    others = [at[~np.isin(np.searchsorted(first_bytes, at, side="right") - 1, rows)] for at in found]
    return _cut(texts, block, first_bytes, *others)


def _joined(encoded: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as lines between line ends, as many as are ever looked at beyond, and (texts + 1,) where each begins."""
    data = b"".join((b"\n" * _WINDOW, b"\n".join(encoded).translate(_LINE_ENDS), b"\n" * 2 * _WINDOW))
    block = np.frombuffer(bytearray(data), np.uint8)
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return block, _WINDOW + np.concatenate([[0], np.cumsum(lengths + 1)])


def _looked_at(block: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where ASCII's stops are, and where characters may be that are looked for beyond it, with three bytes of each."""
    found = np.flatnonzero(_LOOKED_AT[block])
    marks = found[_LEAD[block[found]]]
    codes = (block[marks].astype(np.int64) << 16) | (block[marks + 1].astype(np.int64) << 8) | block[marks + 2]
    return found[_STOP[block[found]]], marks, codes


def _cut(
    texts: Sequence[str],
    block: NDArray[np.uint8],
    first_bytes: NDArray[np.int64],
    stops: NDArray[np.int64],
    ellipses: NDArray[np.int64],
) -> SentenceBlock:
    looked_at = _Stops.of(block, stops[~_INNER[block[stops + 1]]])
    has_capitals = np.logical_or.reduceat(_CAPITAL[block], first_bytes[:-1])
    documents = np.searchsorted(first_bytes, looked_at.at, side="right") - 1
    certain = looked_at.are_certain_ends()
    doubtful = ~certain & ~looked_at.are_certain_others(has_capitals[documents])
    block[looked_at.end[certain]] = ord("\n")
    doubtful = np.concatenate([looked_at.at[doubtful], ellipses])
    newlines = np.flatnonzero(block == ord("\n"))[_WINDOW - 1 :]
    begins, ends = newlines[:-1] + 1, newlines[1:]  # of every line
    inner = _inner_starts(texts, block, begins, ends, np.unique(np.searchsorted(ends, doubtful)), first_bytes)
    starts = np.sort(np.concatenate([begins[_have_text(block, begins, ends)], inner]))
    return SentenceBlock(block.tobytes(), starts, np.diff(np.searchsorted(starts, first_bytes)))


def _have_text(block: NDArray[np.uint8], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(lines,) whether each holds more than white space."""
    have: NDArray[np.bool_] = _VISIBLE[block[begins]]
    for line in np.flatnonzero(~have & (begins < ends)).tolist():
        have[line] = not block[begins[line] : ends[line]].tobytes().decode().isspace()
    return have


def _inner_starts(
    texts: Sequence[str],
    block: NDArray[np.uint8],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    doubtful: NDArray[np.int64],
    first_bytes: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Where sentences begin within the ``doubtful`` lines, but for the first of each."""
    starts = []
    documents = np.searchsorted(first_bytes, begins[doubtful], side="right") - 1
    small: dict[int, bool] = {}
    for document, begin, end in zip(
        documents.tolist(), begins[doubtful].tolist(), ends[doubtful].tolist(), strict=True
    ):
        if document not in small:
            small[document] = texts[document].islower()
        line = block[begin:end].tobytes().decode()
        cuts = sentence_ends(line, small[document])
        cuts = [cut for cut, after in pairwise([*cuts, len(line)]) if line[cut:after].strip()]
        if cuts and len(line) < end - begin:
            cuts = [len(line[:cut].encode()) for cut in cuts]
        starts += [begin + cut for cut in cuts]
    return np.array(starts, np.int64)


@dataclass(frozen=True)
class _Stops:
    """What surrounds stops, each array (stops,): where they stand, and where they and a mark that closes end."""

    block: NDArray[np.uint8]
    at: NDArray[np.int64]
    end: NDArray[np.int64]
    first: NDArray[np.int64]
    """Where the next word would begin: after a space and perhaps a mark that opens."""

    @classmethod
    def of(cls, block: NDArray[np.uint8], at: NDArray[np.int64]) -> _Stops:
        end = at + 1 + _CLOSER[block[at + 1]]
        return cls(block, at, end, end + 1 + _OPENER[block[end + 1]])

    def take(self, chosen: NDArray[np.bool_]) -> _Stops:
        return _Stops(self.block, self.at[chosen], self.end[chosen], self.first[chosen])

    def before(self, distance: int) -> NDArray[np.uint8]:
        return self.block[self.at - distance]

    def are_certain_ends(self) -> NDArray[np.bool_]:
        """Whether each surely ends a sentence."""
        block = self.block
        certain: NDArray[np.bool_] = (block[self.end] == _SPACE) & _CAPITAL[block[self.first]]
        lone = certain & (block[self.at] == _DOT) & (self.end == self.at + 1)
        certain[lone] = self.take(lone)._follow_words()
        return certain

    def are_certain_others(self, has_capitals: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each surely ends none, given whether its document has capitals."""
        block, following = self.block, self.block[self.first]
        others: NDArray[np.bool_] = (block[self.end] == ord("\n")) | _STOP[block[self.at + 1]]
        is_spaced = block[self.end] == _SPACE
        others |= is_spaced & has_capitals & _SMALL[following] & ~_NAME[block[self.first + 1]]
        names = is_spaced & _CAPITAL[following] & (block[self.at] == _DOT) & (self.end == self.at + 1)
        stops = self.take(names)
        others[names] |= stops._follow_initials() & ~stops._precede_starters()
        return others

    def _follow_words(self) -> NDArray[np.bool_]:
        """Whether a full stop stands behind a word that is no abbreviation, or behind what closes a word."""
        last, second, third = self.before(1), self.before(2), self.before(3)
        word = _LETTER[last] & _LETTER[second]
        word &= _LETTER[third] | (third == _SPACE)
        word[word] = ~self.take(word)._follow_abbreviations()
        closed = ((last == ord(")")) | (last == ord('"'))) & (_SMALL[second] | _DIGIT[second])
        follow: NDArray[np.bool_] = word | closed | self._follow_figures() | (last == _SPACE)
        return follow

    def _follow_figures(self) -> NDArray[np.bool_]:
        """Whether a full stop stands behind a figure of up to four digits within a sentence, or one with a comma."""
        digits = [_DIGIT[self.before(distance)] for distance in range(1, 6)]
        figure: NDArray[np.bool_] = digits[0] & digits[1] & digits[2] & (self.before(4) == ord(",")) & digits[4]
        for length in range(1, 5):
            whole = np.logical_and.reduce(digits[:length]) & (self.before(length + 1) == _SPACE)
            before = self.before(length + 2)
            figure |= whole & (_SMALL[before] | (before == ord(",")))
        return figure

    def _follow_initials(self) -> NDArray[np.bool_]:
        """Whether a full stop stands behind a single capital, or the second of two letters with full stops."""
        last, second, third, fourth = (self.before(distance) for distance in range(1, 5))
        initials: NDArray[np.bool_] = _CAPITAL[last] & (second == _SPACE)
        initials |= _LETTER[last] & (second == _DOT) & _LETTER[third] & (fourth == _SPACE)
        return initials

    def _precede_starters(self) -> NDArray[np.bool_]:
        """Whether the next word may be one that begins sentences."""
        words = np.lib.stride_tricks.sliding_window_view(self.block, _WINDOW)[self.first] | 0x20
        letters: NDArray[np.uint64] = words.view(np.uint64)[:, 0]  # the first byte is the lowest
        found = np.zeros(len(self.at), np.bool_)
        for word in STARTERS:
            length = min(len(word), _WINDOW)
            bits = np.uint64((1 << 8 * length) - 1)
            found |= np.equal(letters & bits, int.from_bytes(word[:length].encode(), "little")) & (
                ~_LETTER[self.block[self.first + length]] | (length < len(word))
            )
        return found

    def _follow_abbreviations(self) -> NDArray[np.bool_]:
        """Whether what stands before ends in the letters of an abbreviation, be they capitals or not."""
        before = np.lib.stride_tricks.sliding_window_view(self.block, _WINDOW)[self.at - _WINDOW]
        words: NDArray[np.uint64] = (before | 0x20).view(np.uint64)[:, 0]  # the last byte is the highest
        found = np.zeros(len(self.at), np.bool_)
        for word in _ABBREVIATIONS:
            shift = np.uint64(8 * (_WINDOW - len(word)))
            ends_so = np.equal(words >> shift, int.from_bytes(word.encode(), "little"))
            found |= ends_so & ~_LETTER[self.before(len(word) + 1)]
        return found
