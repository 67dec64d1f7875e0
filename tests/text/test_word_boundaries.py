"""Where words begin by the pieces of every kind of vocabulary, against the words of the library that cut them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.vocabulary_files import ROLES
from bertcli.text.word_boundaries import WordBoundaries

TEXTS = [
    "The captain's ship hasn't left; they're sure we'll see 12 gulls & 3,456 waves... it's 'quoted' text!",
    "I'd say you've lost: naïve café, Größe, русский текст, 中文字符 — emoji 👍👩 and “quotes”, don't 'tis",
    "low lower lowest newer newest wider widest ship ships",
] * 4
TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("abstrelvmd'   \t\n0129.,!?—“éßяж中文한👍𠀀½²\u0301")),
        # White space of several bytes that is spread over pieces beside other white space is not told exactly.
        st.characters(exclude_categories=["Cs", "Cn", "Co", "Zs", "Zl", "Zp"], exclude_characters="\x00\x85"),
    ),
    max_size=30,
)


def made(model, trainer, pre_tokenizer, normalizer=None) -> Tokenizer:
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.train_from_iterator(TEXTS, trainer)
    return Tokenizer(backend, specials=ROLES, path=None, config={})


@cache
def byte_level(size: int) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    return made(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=False))


@cache
def unigram() -> Tokenizer:
    trainer = trainers.UnigramTrainer(
        vocab_size=120, special_tokens=list(SPECIALS), unk_token="[UNK]", show_progress=False
    )
    return made(models.Unigram(), trainer, pre_tokenizers.Metaspace())


@cache
def spaced_bpe() -> Tokenizer:
    trainer = trainers.BpeTrainer(vocab_size=160, special_tokens=list(SPECIALS), show_progress=False)
    return made(
        models.BPE(unk_token="[UNK]", fuse_unk=True),
        trainer,
        pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]),
    )


@cache
def wordpiece() -> Tokenizer:
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=list(SPECIALS), show_progress=False)
    return made(
        models.WordPiece(unk_token="[UNK]"), trainer, pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer()
    )


@cache
def bpe() -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=150, special_tokens=list(SPECIALS), end_of_word_suffix="</w>", show_progress=False
    )
    return made(
        models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>"),
        trainer,
        pre_tokenizers.BertPreTokenizer(),
        normalizers.BertNormalizer(),
    )


def words_of(tokenizer: Tokenizer, text: str) -> tuple[list[int], list[bool]]:
    """Ids, and where the library begins a word."""
    encoding = tokenizer._backend.encode(text, add_special_tokens=False)
    words = [None, *encoding.word_ids]
    return encoding.ids, [words[at] != words[at + 1] for at in range(len(encoding.ids))]


def check(tokenizer: Tokenizer, text: str) -> None:
    ids, expected = words_of(tokenizer, text)
    found = WordBoundaries.of(tokenizer).starts(np.array([ids], np.int32))
    assert found.shape == (1, len(ids))
    assert found[0].tolist() == expected, (text, tokenizer.pieces(ids))


@pytest.mark.parametrize(
    "make", [lambda: byte_level(261), lambda: byte_level(400), unigram, spaced_bpe, wordpiece, bpe]
)
def test_words_of_text_begin_where_the_library_begins_them(make):
    for text in TEXTS[:3]:
        check(make(), text)


@pytest.mark.parametrize("size", [261, 320, 400])
@settings(max_examples=150, deadline=None)
@given(text=TEXT)
def test_byte_level_pieces_tell_the_words_of_any_text(size, text):
    check(byte_level(size), text)


@pytest.mark.parametrize("make", [unigram, spaced_bpe, wordpiece])
@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="abcdehilorstw .,'中é", max_size=30))
def test_marked_pieces_tell_the_words_of_any_text(make, text):
    check(make(), text)
