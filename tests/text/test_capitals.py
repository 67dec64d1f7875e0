"""Which words had a capital before they were lower-cased."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from bertcli.text.capitals import capitals_of
from bertcli.text.normalization import Normalization, WordRules
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.word_cache import WordCache
from bertcli.text.words import WordSplitter, begins_with_capital

PIECES = [
    *SPECIALS,
    *"abcdefghijklmnopqrstuvwxyz0123456789.,'-ßé中文ⓐⅷǆ",
    *(f"##{c}" for c in "abcdefghilnorstuyß"),
    "new",
]
ACCENTS = (None, True, False)
FORMS: tuple[Normalization, ...] = ("none", "nfc", "nfkc")


@cache
def tokenizer(form: Normalization = "none", accents: bool | None = None, joined: bool = False) -> Tokenizer:
    return wordpiece_tokenizer(
        PIECES, lowercase=True, normalization=form, strip_accents=accents, tokenize_chinese_chars=not joined
    )


def marked(text: str, cutter: Tokenizer | None = None) -> str:
    """Its pieces, a caret before each of a word with a capital."""
    cutter = cutter or tokenizer()
    encoded = cutter.encode_with([text], capitals=True)
    assert encoded.cased is not None
    pairs = zip(cutter.pieces(encoded.ids), encoded.cased.tolist(), strict=True)
    return " ".join("^" * is_cased + piece for piece, is_cased in pairs)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("New york NEW nEW", "^new [UNK] ^new new"),
        ("Ab ab aB", "^a ^##b a ##b a ##b"),
        ("A.b. C.D.", "^a . b . ^c . ^d ."),
        ("New-new O'neil's", "^new - new ^o ' n ##e ##i ##l ' s"),
        ("3D 4d 3", "^3 ^##d 4 ##d 3"),  # the first letter, whatever stands before it
        ("É é E\u0301", "^e e ^e"),
        ("İ i ẞ ß", "^i i ^ß ß"),
        ("ǅ Ⓐ Ⅷ", "^ǆ ^ⓐ ^ⅷ"),  # of title case, and round letters
        ("中A文 a", "中 ^a 文 a"),
        ("", ""),
    ],
)
def test_all_pieces_of_a_word_with_a_capital_are_cased(text, expected):
    assert marked(text) == expected


def test_a_word_without_a_piece_has_its_flag_too():
    assert marked("Žž ž", tokenizer(accents=False)) == "^[UNK] [UNK]"


def test_capitals_and_starts_of_words_are_kept_together():
    encoded = tokenizer().encode_with(["中文 New Ab"], word_starts=True, capitals=True)
    assert encoded.columns["word_starts"].tolist() == [True, False, True, True, False]
    assert encoded.columns["cased"].tolist() == [False, False, True, True, True]


def test_without_a_text_the_columns_are_there():
    encoded = tokenizer().encode_with([], word_starts=True, capitals=True)
    assert {name: len(values) for name, values in encoded.columns.items()} == {"word_starts": 0, "cased": 0}


def test_byte_pairs_have_capitals_too():
    pieces = [*SPECIALS, "a", "b", "b</w>", "a</w>"]
    assert marked("Ab a", bpe_tokenizer(pieces, [], lowercase=True)) == "^a ^b</w> a</w>"


TEXT = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list("aAbB zZ'.-İßẞςΣǅǄǆŉÅÅ\u0301\u0307\u0338中文豈ⅧⒶ𝐀ℌﬁＡ\x00\t\u00a0\u3000")),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, max_size=4))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("accents", ACCENTS)
def test_the_ids_are_those_without_capitals(form, accents, texts):
    for joined in (False, True):
        cutter = tokenizer(form, accents, joined)
        plain, encoded = cutter.encode_all(texts), cutter.encode_with(texts, capitals=True)
        assert encoded.ids.tolist() == plain.ids.tolist()
        assert encoded.ends.tolist() == plain.ends.tolist()
        assert encoded.cased is not None and encoded.cased.shape == encoded.ids.shape


@settings(max_examples=60, deadline=None)
@given(text=TEXT)
@pytest.mark.parametrize("form", FORMS)
def test_the_flags_are_those_of_the_words_where_each_is_looked_up_in_the_text(form, text):
    """The library tells the places of words in the normalized text; lower-casing it here gives the words themselves."""
    rules = WordRules(True, form)
    cased = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(rules.with_capitals().normalizer().normalize_str(text))
    splitter = WordSplitter(rules)
    words = splitter.split(text)
    assert len(words) == len(cased) == len(splitter.capitals(text))
    lower = WordRules(True, "none", False, False).normalizer()
    assert [lower.normalize_str(word) for word, _ in cased] == words


def count_differences(characters: list[str], rules: WordRules) -> list[str]:
    """Characters that, within a word, alone or before one, give another number of words with capitals kept."""
    splitter = WordSplitter(rules)

    def differs(text: str) -> bool:
        return len(splitter.split(text)) != len(splitter.capitals(text))

    found = []
    for at in range(0, len(characters), 1000):
        some = characters[at : at + 1000]
        if differs("".join(f" a{each}b {each} {each}c" for each in some)):
            found += [each for each in some if any(map(differs, (f"a{each}b", each, f"{each}c")))]
    return found


LETTERS = [chr(code) for code in range(0x80, 0x110000) if chr(code).lower() != chr(code)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("accents", ACCENTS)
def test_lower_casing_no_letter_changes_how_text_is_split(form, accents):
    assert len(LETTERS) > 1300
    assert count_differences(LETTERS, WordRules(True, form, strip_accents=accents)) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("accents", ACCENTS)
def test_no_character_of_the_basic_plane_is_split_otherwise_in_lower_case(form, accents):
    plane = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    assert count_differences(plane, WordRules(True, form, strip_accents=accents)) == []


def test_a_scan_finds_a_character_that_is_split_otherwise(monkeypatch):
    monkeypatch.setattr(WordSplitter, "capitals", lambda self, text: self.split(text.replace("x", "x ")))
    assert count_differences(list("wxy"), WordRules(True)) == ["x"]


def test_where_pieces_stand_tells_capitals_where_text_is_not_cut_by_spaces():
    offsets = [(0, 2), (2, 4), (4, 8), (8, 9)]
    starts = np.array([True, False, True, True])
    assert capitals_of("Ab12 aBc.", offsets, starts).tolist() == [True, True, False, False]
    assert capitals_of("", [], np.zeros(0, np.bool_)).tolist() == []


def test_a_capital_is_what_lower_casing_changes():
    assert [begins_with_capital(word) for word in ("A", "a", "1A", "1", "ß", "ẞ", "中", "𝐀", "")] == [
        *(True, False, True, False, False, True, False, False, False)
    ]


def test_the_cache_keeps_capitals_apart_where_it_ignored_them():
    cache = WordCache(WordRules(True), lambda word: [ord(letter) for letter in word], capitals=True)
    encoded = cache.encode(["Ab ab", "AB"])
    assert bytes(encoded.ids.tolist()) == b"ababab"
    assert encoded.cased is not None
    assert encoded.cased.tolist() == [True, True, False, False, True, True]
