"""Names that the text layer gives to special pieces and files, in the ecosystem's spelling."""

from __future__ import annotations

PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIALS = (PAD, UNK, CLS, SEP, MASK)
"""In the order of their ids in a new vocabulary."""

CONTINUATION = "##"
"""WordPiece: begins a piece that continues a word."""
WORD_END = "</w>"
"""BPE in its classical form: ends a piece that ends a word."""

LONGEST_WORD = 100
"""Characters of a word beyond which it is unknown (BERT)."""
LONGEST_SEQUENCE = 512
"""Pieces in a sequence at most (BERT)."""
