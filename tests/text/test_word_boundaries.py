"""Where words begin by the pieces of every kind of vocabulary, against the words of the library that cut them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from bertcli.errors import VocabularyError
from bertcli.text.bpe import learn_bpe
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
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


KINDS = (lambda: byte_level(261), lambda: byte_level(400), unigram, spaced_bpe, wordpiece, bpe)


@pytest.mark.parametrize("make", KINDS)
def test_words_of_text_begin_where_the_library_begins_them(make):
    for text in TEXTS[:3]:
        check(make(), text)


@pytest.mark.parametrize("size", [261, 320, 400])
@settings(max_examples=50, deadline=None)
@given(text=TEXT)
def test_byte_level_pieces_tell_the_words_of_any_text(size, text):
    check(byte_level(size), text)


@pytest.mark.parametrize("make", [unigram, spaced_bpe, wordpiece])
@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="abcdehilorstw .,'中é", max_size=30))
def test_marked_pieces_tell_the_words_of_any_text(make, text):
    check(make(), text)


@settings(max_examples=60, deadline=None)
@given(text=st.text(alphabet="eilnorstw .,'é", max_size=30))
def test_pieces_with_an_end_of_the_word_tell_the_words_of_any_text(text):
    check(bpe(), text)


def starts(tokenizer: Tokenizer, rows: list[list[str]]) -> list[list[bool]]:
    numbers = {piece: number for number, piece in enumerate(tokenizer.pieces(range(tokenizer.vocabulary.size)))}
    return WordBoundaries.of(tokenizer).starts(np.array([[numbers[piece] for piece in row] for row in rows])).tolist()


def test_specials_and_what_follows_them_begin_words_in_every_row_of_a_batch():
    tokenizer = wordpiece_tokenizer([*SPECIALS, "a", "##b"], lowercase=True)
    rows = [["[CLS]", "a", "##b", "[SEP]", "##b"], ["##b", "##b", "[MASK]", "##b", "##b"]]
    assert starts(tokenizer, rows) == [[True, True, False, True, True], [True, False, True, True, False]]
    learned = learn_bpe({"low": 5, "lower": 2}, size=30)
    tokenizer = bpe_tokenizer(learned.pieces, learned.merges, lowercase=True)
    rows = [["[CLS]", "l", "o", "w</w>", "l"], ["o", "l", "[SEP]", "o", "[PAD]"]]
    assert starts(tokenizer, rows) == [[True, True, False, False, True], [True, False, True, True, True]]
    rows = [["[CLS]", "a", "b", "[SEP]", "b"], ["b", "a", "[MASK]", "b", "Ġ"]]
    assert starts(byte_level(261), rows) == [[True, True, False, True, True], [True, False, True, True, True]]
    rows = [["[CLS]", "▁", "s", "[SEP]", "s"], ["s", "s", "[MASK]", "s", "▁"]]
    assert starts(unigram(), rows) == [[True, True, False, True, True], [True, False, True, True, True]]


def test_a_character_in_three_pieces_is_one_word_and_a_special_cuts_it():
    first, second, third = "ä¸Ń"  # 中 as the bytes e4 b8 ad
    rows = [[first, second, third, first, second, third, "."], ["a", first, "[SEP]", second, third, "[SEP]", third]]
    assert starts(byte_level(261), rows) == [
        [True, False, False, False, False, False, True],
        [True, False, True, True, False, True, True],
    ]


def test_no_ids_have_no_words():
    for make in KINDS:
        assert WordBoundaries.of(make()).starts(np.zeros((0, 4), np.int64)).shape == (0, 4)
        assert WordBoundaries.of(make()).starts(np.zeros((2, 0), np.int64)).shape == (2, 0)


def test_whole_words_begin_words_and_pieces_without_marks_are_refused():
    words = models.WordLevel({piece: number for number, piece in enumerate([*SPECIALS, "a"])}, unk_token="[UNK]")
    tokenizer = Tokenizer(tokenizers.Tokenizer(words), specials=ROLES, path=None, config={})
    assert starts(tokenizer, [["a", "a"]]) == [[True, True]]
    plain = models.BPE({piece: number for number, piece in enumerate([*SPECIALS, "a"])}, [], unk_token="[UNK]")
    tokenizer = Tokenizer(tokenizers.Tokenizer(plain), specials=ROLES, path=None, config={})
    with pytest.raises(VocabularyError, match="the pieces of this vocabulary do not tell where words begin"):
        WordBoundaries.of(tokenizer)


def test_marks_are_no_part_of_the_length_of_a_piece():
    for tokenizer, expected in ((byte_level(400), {"Ġship": 4, "ä": 1, "¸": 0, "Ġ": 0}), (unigram(), {"▁": 0, "s": 1})):
        lengths = dict(zip(tokenizer.pieces(range(tokenizer.vocabulary.size)), tokenizer.piece_lengths, strict=True))
        assert {piece: lengths[piece] for piece in expected} == expected
