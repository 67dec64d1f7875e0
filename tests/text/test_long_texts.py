"""Long texts give the pieces that they would give in one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from bertcli.text import long_texts, tokenizer
from bertcli.text.long_texts import cut_long, cut_long_parts
from bertcli.text.normalization import WordRules
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import count_words

MIXED = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(
            " \t\n\r\u00a0\u2003\u3000\x00\x0b\x1c\u200b\u2028aBé中文豈𠀀カカ\u3099'-,.!#$+<=>\uff04，。！\u0301"
            "\u0338\u302aﬁཀ་፡।\u1100\u1161\u11a8ﾞ⒈ﷺ⼀㈠\u037a≠"
        ),
    ),
    max_size=80,
)
PIECES = learn_wordpiece(
    count_words(["aB, the cat! 中文 é = $ + ， 。 fi ti カガ"] * 2, WordRules(False)).counts, size=300
)


@pytest.mark.parametrize("normalization", ["none", "nfc", "nfkc"])
@pytest.mark.parametrize("ideographs", [True, False])
@given(text=MIXED, longest=st.integers(1, 20))
def test_the_parts_have_the_pieces_of_the_whole(text: str, longest: int, ideographs: bool, normalization: Any):
    ours = wordpiece_tokenizer(PIECES, lowercase=False, normalization=normalization, tokenize_chinese_chars=ideographs)
    parts = list(cut_long(text, at_ideographs=ideographs, longest=longest, longest_word=None))
    assert re.sub("\0+", "\0", "".join(parts)) == re.sub("\0+", "\0", text)
    of_parts = [number for ids in ours._encode_plainly(parts) for number in ids]
    assert of_parts == ours._encode_plainly([text])[0]


@pytest.mark.parametrize("normalization", ["none", "nfc", "nfkc"])
@pytest.mark.parametrize("lowercase", [True, False])
@given(text=MIXED, run=MIXED, longest=st.integers(1, 5), longest_word=st.integers(1, 4))
def test_no_piece_is_lost_with_the_rest_of_long_words(
    text: str, run: str, longest: int, longest_word: int, lowercase: bool, normalization: Any
):
    text = run + text * 2 + run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "LONGEST_WORD", longest_word)
        ours = wordpiece_tokenizer(PIECES, lowercase=lowercase, normalization=normalization)
    parts = cut_long(text, longest=longest, longest_word=longest_word)
    of_parts = [number for ids in ours._encode_plainly(list(parts)) for number in ids]
    assert of_parts == ours._encode_plainly([text])[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ཀ་" * 5000, 10_000),
        ("ሀ፡" * 5000, 10_000),
        ("क।" * 5000, 10_000),
        ("a\u2003" * 5000, 5000),
        ("a " * 100 + "\0" * 3000 + "hello world", 102),
        ("a " * 100 + "\u200b" * 3000 + "hello world", 102),
        ("a " * 100 + "\ue000" * 3000 + "hello world", 102),
    ],
)
def test_marks_of_all_scripts_and_what_cleaning_removes_lose_no_words(text: str, words: int):
    ours = wordpiece_tokenizer([*SPECIALS, *"ཀ་ሀ፡क।a", "hello", "world"], lowercase=False)
    pieces = [piece for ids in ours._encode_plainly(list(cut_long(text, longest=100))) for piece in ours.pieces(ids)]
    assert len(pieces) == words
    assert "[UNK]" not in pieces


def test_every_white_space_and_punctuation_of_the_library_is_a_place_or_stops_a_word():
    splitter = pre_tokenizers.BertPreTokenizer()
    splitting = {mark for mark in map(chr, range(0x3100)) if len(splitter.pre_tokenize_str(f"a{mark}a")) > 1}
    split = {mark for mark in splitting if next(cut_long(f"a{mark}a", longest=1)) == "a"}
    # Cleaning removes the control characters; a stroke joins the next three; the library knows older tables.
    assert splitting - split == {"\x0b", "\x0c", "\x85", *"<=>", "\u166d"}


@pytest.mark.parametrize("ideographs", [True, False])
@given(text=MIXED, longest=st.integers(1, 20))
def test_what_stands_between_spaces_is_cut_as_if_it_stood_alone(text: str, longest: int, ideographs: bool):
    parts = list(cut_long_parts(text, at_ideographs=ideographs, longest=longest))
    alone = [list(cut_long(part, at_ideographs=ideographs, longest=longest)) for part in text.split(" ")]
    found = [piece for part in parts for piece in part.split(" ")]
    assert list(filter(None, found)) == [piece for pieces in alone for piece in pieces if piece]
    assert all(len(part) <= longest or " " not in part for part in parts)


def test_parts_are_no_longer_than_they_may_be():
    parts = list(cut_long("some words " * 1000, longest=100))
    assert max(map(len, parts)) <= 100 + len(" words")
    assert [len(part) for part in cut_long("天地" * 100, longest=50)] == [50, 50, 50, 50]
    assert list(cut_long("")) == [""]


def test_the_rest_of_a_word_that_is_unknown_already_is_left_out(monkeypatch: pytest.MonkeyPatch):
    text = "ok " + "é" * 5000 + " ok"
    parts = list(cut_long(text, longest=100))
    assert [len(part) for part in parts] == [100 + 301, 3]
    ours = wordpiece_tokenizer([*SPECIALS, "ok", "é"], lowercase=False)
    monkeypatch.setattr(tokenizer, "LONGEST_TEXT", 100)
    monkeypatch.setitem(long_texts.cut_long.__kwdefaults__, "longest", 100)
    assert ours.pieces(ours.encode([text])[0]) == ["ok", "[UNK]", "ok"]


def test_words_that_bpe_cuts_at_any_length_are_kept_whole(monkeypatch: pytest.MonkeyPatch):
    ours = bpe_tokenizer([*SPECIALS, "a", "a</w>"], [], lowercase=False)
    monkeypatch.setattr(tokenizer, "LONGEST_TEXT", 100)
    monkeypatch.setitem(long_texts.cut_long.__kwdefaults__, "longest", 100)
    assert len(ours.encode(["a" * 5000])[0]) == 5000


def test_long_and_short_texts_are_encoded_in_their_order(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenizer, "LONGEST_TEXT", 10)
    monkeypatch.setattr(tokenizer, "_CHARACTERS_PER_CALL", 15)
    monkeypatch.setitem(long_texts.cut_long.__kwdefaults__, "longest", 10)
    ours = wordpiece_tokenizer([*SPECIALS, *"abc"], lowercase=True)
    texts = ["a", "b " * 20, "", "c c", "c " * 9, "b " * 8, "a b c", "a", "c", "b", "a a a a", "b"]
    expected = [ids for text in texts for ids in ours._encode_plainly([text])]
    assert [ids.tolist() for ids in ours.encode(texts)] == expected
    assert ours.encode([]) == []
