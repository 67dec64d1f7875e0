r"""Words of byte-level pieces (GPT-2, RoBERTa): a space, or another kind of character, begins one.

GPT-2 cuts text into words by ``'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`` (Radford et
al. 2019, their code), and pieces lie within words. So a word begins where a piece begins with a space and more, or
where letters, digits, marks and white space meet; but a space alone belongs to what follows it, and ``'s`` to no other
letters. White space of several bytes that a vocabulary spreads over pieces is a word beside other white space, too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SPACE_OF_BYTES = "Ġ"
"""What stands for a space in byte-level pieces."""

_LETTER, _DIGIT, _MARK, _WHITE, _NOTHING = range(5)
_MOST_BYTES = 4
"""Bytes of a character at most, and so the pieces that one may be spread over."""
_CONTRACTIONS = ("s", "t", "re", "ve", "m", "ll", "d")
_SECOND_LETTERS = np.zeros(128, np.int32)
_SECOND_LETTERS[[ord("r"), ord("v"), ord("l")]] = [ord("e"), ord("e"), ord("l")]
"""The second letter of a contraction of two by the first, as code points."""
_WHITE_SPACE = "\t\n\x0b\x0c\r\x85\u2028\u2029"
"""White space that is no space separator in Unicode's categories."""


@cache
def byte_of_character() -> dict[str, int]:
    """The byte that each character of a byte-level piece stands for."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + number): byte for number, byte in enumerate(others)}


def bytes_of_piece(piece: str) -> bytes:
    """What a byte-level piece stands for; characters that stand for no byte, as in special pieces, as UTF-8."""
    table = byte_of_character()
    return b"".join(bytes([table[each]]) if each in table else each.encode() for each in piece)


class _Piece(NamedTuple):
    """What is known of one piece; ``BytePieces`` has the same of all."""

    spaced: bool = False
    """A space and more than white space behind it."""
    white: int = 0
    """Characters of white space where there is nothing else, at most 2; 0 otherwise."""
    first: int = _NOTHING
    """Kind of the first character; ``_NOTHING`` where the piece begins within one, or has no whole character."""
    last: int = _NOTHING
    """Kind of the last whole character, ``_NOTHING`` where there is none."""
    ends_in_space: bool = False
    """White space alone, with a plain space at its end."""
    continued: int = 0
    """Bytes at the beginning that continue a character of the piece before."""
    continued_bits: int = 0
    """Their bits."""
    only_continued: bool = False
    """Nothing else is in the piece."""
    lacking: int = 0
    """Bytes that the last character still lacks."""
    open_bits: int = 0
    """The bits of it that are there."""
    apostrophe: bool = False
    """An apostrophe alone."""
    contraction: bool = False
    """``'s`` and the like in one piece."""
    ending: bool = False
    """What stands behind the apostrophe of a contraction: ``s``, ``re``."""
    begun: int = 0
    """Code point of the letter of an apostrophe with the first letter of two; 0 where it is no such piece."""
    letter: int = 0
    """Code point of a piece of a single ASCII letter, 0 otherwise."""

    @classmethod
    def of(cls, data: bytes) -> _Piece:
        """For the bytes of a piece."""
        begin, continued_bits = 0, 0
        while begin < len(data) and data[begin] & 0xC0 == 0x80:
            continued_bits = continued_bits << 6 | data[begin] & 0x3F
            begin += 1
        end, lacking, open_bits = _open_character(data, begin)
        text = data[begin:end].decode("utf-8", "ignore")
        kinds = [_kind_of(character) for character in text] or [_NOTHING]
        bytes_only = cls(
            first=_NOTHING if begin else kinds[0],
            last=kinds[-1],
            continued=begin,
            continued_bits=continued_bits,
            only_continued=begin == len(data) > 0,
            lacking=lacking,
            open_bits=open_bits,
        )
        if begin or lacking or not text:
            return bytes_only._replace(spaced=not begin and text.startswith(" "))
        if set(kinds) == {_WHITE}:
            return bytes_only._replace(white=min(2, len(text)), ends_in_space=text.endswith(" "))
        return bytes_only._replace(
            spaced=text.startswith(" "),
            apostrophe=text == "'",
            contraction=text.startswith("'") and text[1:] in _CONTRACTIONS,
            ending=text in _CONTRACTIONS,
            begun=ord(text[1]) if text in ("'r", "'v", "'l") else 0,
            letter=ord(text) if len(text) == 1 and text.isascii() else 0,
        )


def _open_character(data: bytes, begin: int) -> tuple[int, int, int]:
    """Where a character begins that lacks bytes at the end (else the end), how many it lacks, and its bits."""
    for behind in range(1, min(_MOST_BYTES, len(data) - begin + 1)):
        lead = data[len(data) - behind]
        if lead & 0xC0 == 0x80:
            continue
        length = 2 + (lead >= 0xE0) + (lead >= 0xF0) if lead >= 0xC0 else 1
        if length <= behind:
            break
        bits = lead & (0xFF >> (length + 1))
        for byte in data[len(data) - behind + 1 :]:
            bits = bits << 6 | byte & 0x3F
        return len(data) - behind, length - behind, bits
    return len(data), 0, 0


class BytePieces:
    """The pieces of a vocabulary."""

    def __init__(self, pieces: Sequence[str], is_special: NDArray[np.bool_]) -> None:
        found = [
            _Piece() if special else _Piece.of(bytes_of_piece(piece))
            for piece, special in zip(pieces, is_special.tolist(), strict=True)
        ]
        columns = {name: [getattr(piece, name) for piece in found] for name in _Piece._fields}  # (vocab,) each
        self.spaced = np.array(columns["spaced"], np.bool_)
        self.white = np.array(columns["white"], np.int8)
        self.first = np.array(columns["first"], np.int8)
        self.last = np.array(columns["last"], np.int8)
        self.ends_in_space = np.array(columns["ends_in_space"], np.bool_)
        self.continued = np.array(columns["continued"], np.int8)
        self.continued_bits = np.array(columns["continued_bits"], np.int32)
        self.only_continued = np.array(columns["only_continued"], np.bool_)
        self.lacking = np.array(columns["lacking"], np.int8)
        self.open_bits = np.array(columns["open_bits"], np.int32)
        self.apostrophe = np.array(columns["apostrophe"], np.bool_)
        self.contraction = np.array(columns["contraction"], np.bool_)
        self.ending = np.array(columns["ending"], np.bool_)
        self.begun = np.array(columns["begun"], np.int32)
        self.letter = np.array(columns["letter"], np.int32)

    def starts(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """(batch, seq) whether each piece begins a word by what stands before it in its row."""
        first, last = self.first[ids], self.last[ids]
        starts: NDArray[np.bool_]
        if self.lacking[ids].any():
            self._complete(ids, first, last)
        white = self.white[ids]
        before, behind = _shifted(last, 1, fill=_NOTHING), _shifted(first, -1, fill=_NOTHING)
        was_space = _shifted(self.ends_in_space[ids], 1)
        is_white = white > 0
        starts = (first != before) & (self.continued[ids] == 0)
        starts &= ~was_space | is_white  # a space belongs to what follows it
        # Of white space in a row the last character is apart, where anything follows.
        starts |= is_white & (before == _WHITE) & (white == 1) & (behind != _WHITE) & (behind != _NOTHING)
        starts |= self.spaced[ids]
        starts[..., :1] = True
        self._contract(ids, starts, was_space)
        return starts

    def _complete(self, ids: NDArray[np.integer], first: NDArray[np.int8], last: NDArray[np.int8]) -> None:
        """Give the kind of a character that is spread over pieces to all of them."""
        lacking, bits = self.lacking[ids].astype(np.int64), self.open_bits[ids].astype(np.int64)
        starting = lacking > 0
        for step in range(1, _MOST_BYTES):
            more = np.minimum(_shifted(self.continued[ids], -step), lacking)
            bits = bits << 6 * more | np.where(more > 0, _shifted(self.continued_bits[ids], -step), 0)
            lacking = lacking - more
        kinds = np.where(starting, _kinds()[np.clip(bits, 0, 0x10FFFF)], _NOTHING).astype(np.int8)
        first[...] = np.where(starting & (first == _NOTHING) & (self.continued[ids] == 0), kinds, first)
        last[...] = np.where(starting, kinds, last)
        for _ in range(1, _MOST_BYTES):
            last[...] = np.where(self.only_continued[ids], _shifted(last, 1, fill=_NOTHING), last)

    def _contract(self, ids: NDArray[np.integer], starts: NDArray[np.bool_], was_space: NDArray[np.bool_]) -> None:
        """What a contraction begins and ends."""
        alone = self.apostrophe[ids] & starts & ~was_space
        ended = self.contraction[ids] & ~was_space
        ending = _shifted(alone, 1) & self.ending[ids]
        letter = self.letter[ids]
        begun = np.where(_shifted(alone, 1), letter, 0)  # of ' r e
        second = np.where(self.begun[ids] > 0, self.begun[ids], begun)
        expected = _shifted(_SECOND_LETTERS[second], 1)
        finishing = (expected > 0) & (letter == expected)
        starts &= ~(ending | finishing | (_shifted(finishing, -1) & (begun > 0)))
        starts[..., 1:] |= (ended | ending | finishing)[..., :-1] & (self.continued[ids] == 0)[..., 1:]


def _shifted(values: NDArray[Any], by: int, *, fill: int = 0) -> NDArray[Any]:
    """Values from ``by`` places before (behind, where negative); ``fill`` where there are none."""
    shifted = np.full_like(values, fill)
    if by > 0:
        shifted[..., by:] = values[..., :-by]
    else:
        shifted[..., :by] = values[..., -by:]
    return shifted


def _kind_of(character: str) -> int:
    category = unicodedata.category(character)
    if category[0] == "Z" or character in _WHITE_SPACE:
        return _WHITE
    return {"L": _LETTER, "N": _DIGIT}.get(category[0], _MARK)


@cache
def _kinds() -> NDArray[np.int8]:
    """(code points,) the kind of every character."""
    return np.fromiter(map(_kind_of, map(chr, range(0x110000))), np.int8, 0x110000)
