"""The sentences of many documents at a time: most ends of English sentences are plain, and found all at once.

The result is that of ``split_sentences`` for each document. A stop is plain where a full stop, a space and a capital
follow a word of three small letters that ends like no abbreviation, a year within a sentence, or what was closed. Only
lines that have a doubtful stop beside are looked at one by one, and so are documents with Chinese stops.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertcli.text.sentences import BEFORE_NAMES, NEVER_LAST, split_line, split_sentences

_LINE_ENDS = bytes.maketrans(b"\r\x0b\x0c\x1c\x1d\x1e", b"\n" * 6)
_WINDOW = 8
"""Bytes up to a stop that are looked at: as many as fit a machine word."""
_ABBREVIATIONS = sorted(word for word in NEVER_LAST | BEFORE_NAMES if 3 <= len(word) < _WINDOW and word.isalpha())


def _table(characters: bytes) -> NDArray[np.bool_]:
    table = np.zeros(256, np.bool_)
    table[list(characters)] = True
    return table


_SMALL = _table(b"abcdefghijklmnopqrstuvwxyz")
_CAPITAL = _table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_DIGIT = _table(b"0123456789")
_STOP = _table(b".!?")
_LEAD = _table(b"\xc2\xe2\xe3\xef")
"""The first bytes of what is looked for beyond ASCII."""
_LOOKED_AT = _STOP | _LEAD
_INNER = _SMALL | _CAPITAL | _DIGIT | _table(b",;:-/&%$#@*_+=<>^~|\\({[`\n")
"""What may follow a stop that ends no sentence, or the line: no space, closing mark or character beyond ASCII."""


def _codes(characters: str) -> list[int]:
    return [int.from_bytes(character.encode().ljust(3, b"\n"), "big") for character in characters]


_ELLIPSES = _codes("…‥")
_ODD = _codes("。！？｡．\u2028\u2029")
_NEXT_LINE = int.from_bytes("\x85".encode(), "big")


def split_all(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """All sentences of all documents in order, and (documents,) how many each has."""
    encoded = [text.encode() for text in texts]
    data = b"\n".join(encoded).translate(_LINE_ENDS)
    block = np.frombuffer(b"\n" * _WINDOW + data + b"\n\n\n", np.uint8).copy()
    found = np.flatnonzero(_LOOKED_AT[block])
    stops, leads = found[_STOP[block[found]]], found[_LEAD[block[found]]]
    codes = (block[leads].astype(np.int64) << 16) | (block[leads + 1].astype(np.int64) << 8) | block[leads + 2]
    odd = leads[np.isin(codes, _ODD) | (codes >> 8 == _NEXT_LINE)] - _WINDOW
    plain = _is_plain(block, stops)
    block[stops[plain] + 1] = ord("\n")
    doubtful = stops[~plain]
    doubtful = np.concatenate([doubtful[~_INNER[block[doubtful + 1]]], leads[np.isin(codes, _ELLIPSES)]]) - _WINDOW
    block = block[_WINDOW:-3]
    newlines = np.flatnonzero(block == ord("\n"))
    lines = block.tobytes().decode().split("\n")
    first_bytes = np.cumsum([0, *(len(text) + 1 for text in encoded)])  # of each document
    first_lines = np.searchsorted(newlines, first_bytes - 1)
    first_lines[1:] += 1
    return _gathered(
        texts,
        lines,
        first_lines,
        doubtful=np.unique(np.searchsorted(newlines, doubtful)),
        odd=np.unique(np.searchsorted(first_bytes, odd, side="right") - 1),
    )


def _gathered(
    texts: Sequence[str],
    lines: list[str],
    first_lines: NDArray[np.int64],
    *,
    doubtful: NDArray[np.int64],
    odd: NDArray[np.int64],
) -> tuple[list[str], NDArray[np.int64]]:
    """The sentences of all documents, where most lines are one.

    ``first_lines`` is (documents + 1,); ``doubtful`` are lines, ``odd`` documents.
    """
    counts = np.fromiter((line != "" and not line.isspace() for line in lines), np.int64, len(lines))
    split: dict[int, list[str]] = {}
    documents = np.searchsorted(first_lines, doubtful, side="right") - 1
    small: dict[int, bool] = {}
    for line, document in zip(doubtful.tolist(), documents.tolist(), strict=True):
        if document not in small:
            small[document] = texts[document].islower()
        split[line] = split_line(lines[line], small[document])
    for document in odd.tolist():
        first, last = first_lines[document : document + 2].tolist()
        split |= {line: [] for line in range(first, last)}
        split[first] = split_sentences(texts[document])
    sentences: list[str] = []
    at = 0
    for line, found in sorted(split.items()):
        sentences += lines[at:line]
        sentences += found
        counts[line] = len(found)
        at = line + 1
    sentences += lines[at:]
    stripped = [sentence for line in sentences if (sentence := line.strip())]
    return stripped, np.diff(np.concatenate([[0], np.cumsum(counts)])[first_lines])


def _is_plain(block: NDArray[np.uint8], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(stops,) whether each surely ends a sentence whose next one follows a single space."""
    plain: NDArray[np.bool_] = (block[stops] == ord(".")) & (block[stops + 1] == ord(" ")) & _CAPITAL[block[stops + 2]]
    at = stops[plain]
    last, second, third = block[at - 1], block[at - 2], block[at - 3]
    word = _SMALL[last] & _SMALL[second] & _SMALL[third]
    word[word] = ~_ends_like_abbreviation(block, at[word])
    year = _DIGIT[last] & _DIGIT[second] & _DIGIT[third] & _DIGIT[block[at - 4]] & (block[at - 5] == ord(" "))
    year &= _SMALL[block[at - 6]] | (block[at - 6] == ord(","))
    closed = ((last == ord(")")) | (last == ord('"'))) & (_SMALL[second] | _DIGIT[second])
    plain[plain] = word | year | closed
    return plain


def _ends_like_abbreviation(block: NDArray[np.uint8], stops: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(stops,) whether what stands before ends in the letters of an abbreviation, be they capitals or not."""
    before = np.lib.stride_tricks.sliding_window_view(block, _WINDOW)[stops - _WINDOW]
    words: NDArray[np.uint64] = (before | 0x20).view(np.uint64)[:, 0]  # the last byte is the highest
    found = np.zeros(len(stops), np.bool_)
    for word in _ABBREVIATIONS:
        shift = np.uint64(8 * (_WINDOW - len(word)))
        found |= np.equal(words >> shift, int.from_bytes(word.encode(), "little"))
    return found
