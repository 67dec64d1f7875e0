"""Words that extend a vocabulary: what each saves, held against a recount of the whole text with every candidate."""

from __future__ import annotations

import pytest
import transformers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import models

from bertcli.text.extension import NewWord, choose_words, extend
from bertcli.text.longest_match import LongestMatch
from bertcli.text.pieces import SPECIALS, is_unused
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.tokenizer_making import wordpiece_tokenizer
from bertcli.text.vocabulary_facts import describe_vocabulary
from bertcli.text.words import WordSplitter

PIECES = [*SPECIALS, "f", "o", "b", "##o", "##b", "##a", "##r", "fo", "##ob", "##obar"]


def cut(pieces: list[str], word: str) -> list[str]:
    """The pieces that the ``tokenizers`` library makes of a word."""
    model = models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]")
    return [token.value for token in model.tokenize(word)]


def cost(pieces: list[str], word: str) -> int:
    made = cut(pieces, word)
    return len(word) + 1 if made == ["[UNK]"] else len(made)


def recounted(words: dict[str, int], pieces: list[str], most: int, min_count: int) -> list[NewWord]:
    """The same choice, made by cutting the whole text anew with every candidate at every step."""
    pieces, chosen = list(pieces), []

    def total(pieces: list[str]) -> int:
        return sum(count * cost(pieces, word) for word, count in words.items())

    while len(chosen) < most:
        before = total(pieces)
        candidates = [word for word, count in words.items() if count >= min_count and word not in pieces]
        savings = {word: before - total([*pieces, word]) for word in candidates}
        best = max(savings, key=savings.__getitem__, default=None)  # the first of equals
        if best is None or savings[best] <= 0:
            break
        pieces.append(best)
        chosen.append(NewWord(best, words[best], savings[best]))
    return chosen


TEXT_WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 6), max_size=7)
BASES = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "##"]), st.text("abc", min_size=1, max_size=3)),
    max_size=12,
    unique=True,
)


@settings(max_examples=250, deadline=None)
@given(TEXT_WORDS, BASES, st.integers(1, 8), st.integers(1, 3))
@example({"ab": 3, "abb": 3, "abbb": 3, "abbbb": 1}, ["a", "##b", "##bb"], 8, 1)
def test_the_choice_is_that_of_a_recount_with_every_candidate(
    words: dict[str, int], base: list[str], most: int, min_count: int
):
    pieces = [*SPECIALS, *base]
    assert choose_words(words, pieces, most=most, min_count=min_count) == recounted(words, pieces, most, min_count)


@settings(max_examples=25, deadline=None)
@given(TEXT_WORDS, st.integers(1, 4))
def test_the_savings_are_those_that_transformers_sees(words: dict[str, int], most: int):
    pieces = [*SPECIALS, "a", "b", "c", "##a", "##b", "##c", "ab", "##cb"]
    chosen = choose_words(words, pieces, most=most)
    text = " ".join(word for word, count in words.items() for _ in range(count))

    def tokens(pieces: list[str]) -> int:
        tokenizer = transformers.BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    extended = [*pieces, *(new.word for new in chosen)]
    assert sum(new.saved for new in chosen) == tokens(pieces) - tokens(extended)


@settings(deadline=None)
@given(st.text("abc", min_size=1, max_size=8), BASES)
def test_words_are_cut_as_the_library_cuts_them(word: str, base: list[str]):
    match = LongestMatch([*SPECIALS, *base])
    first = match.first(word)
    further = match.further(word[first:]) if first else None
    assert (["[UNK]"] if further is None else [word[:first], *further]) == cut([*SPECIALS, *base], word)
    if first:
        assert match.further_count(word[first:]) == (None if further is None else len(further))


def test_a_new_word_counts_with_what_it_does_to_longer_words():
    # "foo" saves 1 of 2 pieces each time; "foobar", until now "fo ##obar", becomes "foo ##b ##a ##r" and costs 2.
    assert choose_words({"foo": 10, "foobar": 3}, PIECES, most=1) == [NewWord("foo", 10, 10 * 1 - 3 * 2)]
    # Then "foobar" itself saves 3 of 4 pieces: more than before, when it would have saved 1 of 2.
    assert choose_words({"foo": 10, "foobar": 3}, PIECES, most=5)[1] == NewWord("foobar", 3, 9)
    assert choose_words({"foo": 10, "foobar": 5}, PIECES, most=1) == [NewWord("foobar", 5, 5)]
    # A word that makes others longer than it saves is never taken.
    assert choose_words({"foo": 2, "foobar": 1}, PIECES, most=5) == []


def test_what_a_word_saves_falls_and_rises_while_others_are_added():
    pieces = [*SPECIALS, "a", "##b", "##c", "##d", "##e", "##bcd"]
    # "ab" saves 2 by itself and 3 in "abb", and costs 3 in "abcd", until these two are pieces themselves.
    chosen = choose_words({"ab": 2, "abb": 3, "abcd": 3}, pieces, most=9)
    assert chosen == [NewWord("abb", 3, 6), NewWord("abcd", 3, 3), NewWord("ab", 2, 2)]
    # Here it costs 1 in each of two rare words: without "abb" it saves nothing.
    assert choose_words({"ab": 2, "abb": 3, "abcd": 1, "abcde": 1}, pieces, most=9) == [NewWord("abb", 3, 6)]


def test_equals_are_taken_in_the_order_of_first_sight():
    pieces = [*SPECIALS, *"abc", "##a", "##b", "##c"]
    words = {"cab": 4, "abc": 4, "bca": 4}
    assert [new.word for new in choose_words(words, pieces, most=3)] == ["cab", "abc", "bca"]


def test_rare_words_and_words_that_are_one_piece_are_left_out():
    pieces = [*SPECIALS, *"abc", "##a", "##b", "##c", "abc"]
    words = {"abc": 50, "cab": 2, "bca": 1, "a": 9}
    assert choose_words(words, pieces, most=9) == [NewWord("cab", 2, 4)]
    assert choose_words(words, pieces, most=9, min_count=3) == []
    assert [new.word for new in choose_words(words, pieces, most=9, min_count=1)] == ["cab", "bca"]


def test_unknown_words_count_as_one_piece_more_than_they_have_characters():
    words = {"☃": 5, "fox": 2}
    assert choose_words(words, PIECES, most=9) == [NewWord("fox", 2, 2 * (4 - 1)), NewWord("☃", 5, 5 * (2 - 1))]
    # "foo" would leave the "bx" of "foobx" unknown, which is known as long as it is cut "fo ##obx".
    pieces = [*PIECES, "##obx"]
    words = {"foo": 3, "foobx": 1}
    assert cut(pieces, "foobx") == ["fo", "##obx"]
    assert cut([*pieces, "foo"], "foobx") == ["[UNK]"]
    assert choose_words(words, pieces, most=1, min_count=2) == []  # saves 3, costs 6 - 2


def test_nothing_gives_nothing():
    assert choose_words({}, PIECES, most=3) == []


def test_new_words_stand_behind_the_old_pieces_or_fill_the_unused_places_in_order():
    pieces = ["[PAD]", "[unused1]", "a", "[unused7]", "[unusedx]"]
    appended = extend(pieces, ["x", "y", "z"], fill_unused=False)
    assert (appended.pieces, appended.filled) == ([*pieces, "x", "y", "z"], 0)
    filled = extend(pieces, ["x", "y", "z"], fill_unused=True)
    assert (filled.pieces, filled.filled) == (["[PAD]", "x", "a", "y", "[unusedx]", "z"], 2)
    assert extend(pieces, ["x"], fill_unused=True).pieces == ["[PAD]", "x", "a", "[unused7]", "[unusedx]"]
    assert [is_unused(piece) for piece in pieces] == [False, True, False, True, False]


def test_what_is_counted_as_a_placeholder_is_a_place_that_is_filled():
    pieces = [*SPECIALS, "<unused0>", "a", "[unused1]", "<unusedx>"]
    tokenizer = wordpiece_tokenizer(pieces, lowercase=True)
    assert describe_vocabulary(tokenizer).placeholders == 2
    filled = extend(pieces, ["x", "y", "z"], fill_unused=True)
    assert (filled.pieces, filled.filled) == ([*SPECIALS, "x", "a", "y", "<unusedx>", "z"], 2)


BASE = wordpiece_tokenizer([*SPECIALS, "[unused0]", *"abc", "##a", "##b", "##c", "ab", "##bc"], lowercase=True)
WORDS = ["abc", "ca", "☃"]


@pytest.mark.parametrize("fill_unused", [False, True])
@settings(deadline=None)
@given(st.lists(st.text("abcABC☃ .", max_size=12), max_size=4))
def test_text_without_a_new_piece_is_encoded_as_before(fill_unused: bool, texts: list[str]):
    old = BASE.pieces(range(BASE.vocabulary.size))
    extended = BASE.with_pieces(extend(old, WORDS, fill_unused=fill_unused).pieces)
    new_ids = {number for number in range(extended.vocabulary.size) if extended.piece(number) in WORDS}
    assert len(new_ids) == 3
    vocabulary = {extended.piece(number): number for number in range(extended.vocabulary.size)}
    theirs = transformers.BertTokenizer(vocab=vocabulary)
    for text in texts:
        before, after = BASE.encode([text])[0].tolist(), extended.encode([text])[0].tolist()
        assert after == theirs(text, add_special_tokens=False)["input_ids"]
        if not any(word.startswith(tuple(WORDS)) for word in WordSplitter(BASE.word_rules).split(text)):
            assert after == before
        if not new_ids & set(after):
            assert after == before


def test_the_same_rules_hold_over_more_pieces(tmp_path):
    base = wordpiece_tokenizer(
        [*SPECIALS, "a", "##A"], lowercase=False, strip_accents=False, tokenize_chinese_chars=False
    )
    extended = base.with_pieces([*base.pieces(range(7)), "aA"])
    assert extended.casing == base.casing
    assert extended.vocabulary.special_ids == base.vocabulary.special_ids
    extended.save(tmp_path)
    assert load_tokenizer(str(tmp_path)).vocabulary == extended.vocabulary
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    assert theirs("aA a", add_special_tokens=False)["input_ids"] == [7, 5]


def test_specials_that_stand_outside_the_model_keep_their_ids():
    backend = BASE.with_pieces(BASE.pieces(range(BASE.vocabulary.size)))._backend
    backend.add_special_tokens(["[MORE]"])
    base = Tokenizer(backend, specials=BASE._specials, path=None, config={})
    extended = base.with_pieces([*base.pieces(range(15)), "abc"])
    assert base.piece(14) == extended.piece(14) == "[MORE]"
    assert extended.vocabulary.special_ids == base.vocabulary.special_ids
    assert extended.encode(["abc"])[0].tolist() == [15]
