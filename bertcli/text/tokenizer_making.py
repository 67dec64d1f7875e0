"""Tokenizers made of pieces: BERT's cleaning and splitting over those of WordPiece or classical BPE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, processors

from bertcli.errors import VocabularyError
from bertcli.text import vocabulary_files
from bertcli.text.normalization import Normalization, WordRules
from bertcli.text.pieces import CONTINUATION, LONGEST_WORD, UNK, WORD_END
from bertcli.text.tokenizer import Tokenizer


def wordpiece_tokenizer(
    pieces: Sequence[str],
    *,
    lowercase: bool,
    normalization: Normalization = "none",
    tokenize_chinese_chars: bool = True,
    strip_accents: bool | None = None,
    specials: dict[str, str] | None = None,
    more_specials: Sequence[str] = (),
    path: Path | None = None,
    config: dict[str, Any] | None = None,
) -> Tokenizer:
    """BERT's tokenizer over pieces in the order of their ids; accents go with the capitals where nothing is said.

    ``specials`` has the pieces of BERT's five roles; ``more_specials`` are special without a role.
    """
    specials = specials or vocabulary_files.ROLES
    numbers = {piece: number for number, piece in enumerate(pieces)}
    missing = [piece for piece in specials.values() if piece not in numbers]
    if missing:
        raise VocabularyError(f"the vocabulary lacks {', '.join(missing)}", path=path, hint=vocabulary_files.HINT)
    model = models.WordPiece(numbers, unk_token=specials["unk_token"], max_input_chars_per_word=LONGEST_WORD)
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = WordRules(lowercase, normalization, tokenize_chinese_chars, strip_accents).normalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix=CONTINUATION)
    _finish(backend, specials, more_specials, numbers)
    return Tokenizer(backend, specials=specials, path=path, config=config or {})


def bpe_tokenizer(
    pieces: Sequence[str],
    merges: Sequence[tuple[str, str]],
    *,
    lowercase: bool,
    normalization: Normalization = "none",
    more_specials: Sequence[str] = (),
) -> Tokenizer:
    """A tokenizer with BERT's cleaning and splitting over BPE's pieces in the order of their ids."""
    numbers = {piece: number for number, piece in enumerate(pieces)}
    model = models.BPE(vocab=numbers, merges=list(merges), unk_token=UNK, end_of_word_suffix=WORD_END)
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = WordRules(lowercase, normalization).normalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.BPEDecoder(suffix=WORD_END)
    _finish(backend, vocabulary_files.ROLES, more_specials, numbers)
    return Tokenizer(backend, specials=vocabulary_files.ROLES, path=None, config={})


def _finish(
    backend: tokenizers.Tokenizer, specials: dict[str, str], more_specials: Sequence[str], numbers: dict[str, int]
) -> None:
    """``[CLS] A [SEP] B [SEP]`` and the special pieces."""
    first, last = specials["cls_token"], specials["sep_token"]
    backend.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {last}:0 $B:1 {last}:1",
        special_tokens=[(piece, numbers[piece]) for piece in (first, last)],
    )
    every = (*specials.values(), *more_specials)
    backend.add_special_tokens([tokenizers.AddedToken(piece, special=True) for piece in every])
