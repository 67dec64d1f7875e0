"""Where words begin, told from pieces alone: what each kind of vocabulary says of it.

==================  ========================================================================================
WordPiece           a piece with ``##`` continues a word
BPE with ``</w>``   a word begins behind a piece with ``</w>``
bytes (GPT-2)       see ``text/byte_pieces.py``
SentencePiece       a piece with ``▁`` begins a word; unknown pieces continue one
whole words         every piece is one
==================  ========================================================================================
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.errors import VocabularyError
from bertcli.text.byte_pieces import BytePieces
from bertcli.text.pieces import SPACE_MARK, WORD_END
from bertcli.text.tokenizer import Tokenizer


class WordBoundaries(ABC):
    """What the pieces of a vocabulary say of words; with special pieces among them, whose neighbours begin words."""

    @staticmethod
    def of(tokenizer: Tokenizer) -> WordBoundaries:
        """For the pieces of a tokenizer. Raises ``VocabularyError`` where they do not tell."""
        pieces = tokenizer.pieces(range(tokenizer.vocabulary.size))
        is_special = tokenizer.vocabulary.is_special
        unknown = np.arange(len(pieces)) == tokenizer.vocabulary.unk_id
        match tokenizer.word_marks:
            case "continuation":
                return _Marked(~tokenizer.continuation | is_special, is_special)
            case "end":
                ends = np.array([piece.endswith(WORD_END) for piece in pieces])
                # Where one character is unknown it is mostly all of its word.
                return _Marked(is_special & ~unknown, ends | is_special)
            case "bytes":
                return _Bytes(BytePieces(pieces, is_special), is_special)
            case "space":
                begins = np.array([piece.startswith(SPACE_MARK) for piece in pieces])
                is_special = is_special & ~unknown
                return _Marked(begins | is_special, is_special)
            case "words":
                return _Marked(np.ones(len(pieces), np.bool_), is_special)
        raise VocabularyError(
            "the pieces of this vocabulary do not tell where words begin",
            hint="WordPiece, BPE with </w>, byte-level BPE and SentencePiece do",
        )

    @abstractmethod
    def starts(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        """(batch, seq) whether each piece begins a word; the first of a row does."""


@dataclass(frozen=True)
class _Marked(WordBoundaries):
    """A piece tells by itself whether it begins a word, or whether the next one does."""

    begins: NDArray[np.bool_]
    """(vocab,)"""
    ends: NDArray[np.bool_]
    """(vocab,)"""

    def starts(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        starts: NDArray[np.bool_] = self.begins[ids]
        starts[..., 1:] |= self.ends[ids[..., :-1]]
        starts[..., :1] = True
        return starts


@dataclass(frozen=True)
class _Bytes(WordBoundaries):
    """Byte-level pieces: the rows are read as one text in which special pieces stand between others."""

    pieces: BytePieces
    is_special: NDArray[np.bool_]

    def starts(self, ids: NDArray[np.integer]) -> NDArray[np.bool_]:
        rows = ids.reshape(-1, ids.shape[-1]) if ids.size else ids
        if not ids.size:
            return np.zeros(ids.shape, np.bool_)
        starts = self.pieces.starts(rows).reshape(ids.shape)
        is_special = self.is_special[ids]
        starts |= is_special
        starts[..., 1:] |= is_special[..., :-1]
        starts[..., 0] = True
        return starts
