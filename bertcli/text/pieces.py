"""Names that the text layer gives to special pieces and files, in the ecosystem's spelling."""

from __future__ import annotations

import re

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIALS = (PAD, UNK, CLS, SEP, MASK)
"""In the order of their ids in a new vocabulary."""

CONTINUATION = "##"
"""WordPiece: begins a piece that continues a word."""
WORD_END = "</w>"
"""BPE in its classical form: ends a piece that ends a word."""
SPACE_MARK = "▁"
"""SentencePiece: stands for the space before a word."""

LONGEST_WORD = 100
"""Characters of a word beyond which it is unknown (BERT)."""
LONGEST_SEQUENCE = 512
"""Pieces in a sequence at most (BERT)."""

_UNUSED = re.compile(r"\[unused\d+\]|<unused\d+>")


def is_unused(piece: str) -> bool:
    """Whether a piece is one of those that vocabularies keep free, such as ``[unused1]`` (BERT) or ``<unused1>``."""
    return _UNUSED.fullmatch(piece) is not None
