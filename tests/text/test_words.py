"""Words and alphabets: what vocabularies are learned from."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from bertcli.core.workers import Processes
from bertcli.text import words as words_module
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.normalization import Normalization, WordRules
from bertcli.text.words import CountedWords, WordSplitter, count_characters, count_words

UNCASED = WordRules(lowercase=True)

UNICODE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list(" \t\nabAB.é中ß'-\x00\x1c\u200b\u0301İﬁ\u00a8\u1161ᄀ=<;\u0338")),
    )
)


@given(st.lists(UNICODE, max_size=5), st.booleans(), st.sampled_from(["none", "nfc", "nfkc"]))
def test_words_are_those_of_the_tokenizer(texts: list[str], lowercase: bool, normalization: Normalization):
    form = {"nfc": [normalizers.NFC()], "nfkc": [normalizers.NFKC()]}.get(normalization, [])
    normalizer = normalizers.Sequence([*form, normalizers.BertNormalizer(lowercase=lowercase)])
    splitter = pre_tokenizers.BertPreTokenizer()
    expected = Counter(
        word
        for text in texts
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
        if len(word) <= 100
    )
    assert count_words(texts, WordRules(lowercase, normalization)).counts == expected


def test_words_stand_in_the_order_of_first_sight_however_they_are_gathered(monkeypatch: pytest.MonkeyPatch):
    texts = ["the cat, the dog", "A cat!", "the end"]
    whole = count_words(texts, UNCASED)
    assert list(whole.counts) == ["the", "cat", "dog", "a", "end", "!", ","]
    monkeypatch.setattr(words_module, "_BLOCK_CHARACTERS", 1)
    for workers in (1, 2):
        again = count_words(texts, UNCASED, workers=Processes(workers))
        assert list(again.counts.items()) == [
            ("the", 3),
            ("cat", 2),
            ("dog", 1),
            (",", 1),
            ("a", 1),
            ("!", 1),
            ("end", 1),
        ]
    assert (again.dropped, again.error) == (0, 0)


WORDS = st.lists(st.lists(st.sampled_from("abcdefghij"), max_size=12).map(" ".join), max_size=12)


@given(WORDS, st.integers(1, 8))
def test_counting_in_little_memory_errs_by_no_more_than_it_says(texts: list[str], most: int):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words_module, "_BLOCK_CHARACTERS", 1)
        bounded = count_words(texts, UNCASED, most_words=most)
    exact = count_words(texts, UNCASED).counts
    assert len(bounded.counts) <= most
    assert bounded.counts.total() + bounded.dropped == exact.total()
    for word, count in exact.items():
        assert count - bounded.error <= bounded.counts[word] <= count
    if len(exact) <= most:
        assert bounded.counts == exact


def test_what_is_dropped_are_the_rarest_words_and_of_equals_those_seen_last():
    counted = CountedWords(Counter({"a": 5, "b": 1, "c": 3, "d": 1, "e": 3}))
    counted.keep(4)
    assert counted.counts == {"a": 5, "b": 1, "c": 3, "e": 3}
    assert (counted.dropped, counted.error) == (1, 1)
    counted.keep(2)
    assert counted.counts == {"a": 5, "c": 3}
    assert (counted.dropped, counted.error) == (1 + 4, 1 + 3)


def test_words_of_more_than_100_characters_are_left_out():
    assert count_words(["x" * 100 + " " + "y" * 101], UNCASED).counts == {"x" * 100: 1}


def test_characters_are_counted_as_often_as_their_words():
    assert count_characters(Counter({"aab": 3, "b": 2})) == {"a": 6, "b": 5}


def test_the_alphabet_covers_its_share_and_equal_characters_stay_together():
    words = Counter({"a": 90, "b": 8, "c": 1, "d": 1})
    assert choose_alphabet(words, coverage=0.98) == {"a", "b"}
    assert choose_alphabet(words, coverage=0.985) == {"a", "b", "c", "d"}
    assert choose_alphabet(words, coverage=1.0) == {"a", "b", "c", "d"}


def test_an_alphabet_of_a_given_size_has_the_most_frequent_characters_and_of_equals_those_seen_first():
    words = Counter({"db": 4, "c": 5, "a": 4})
    assert choose_alphabet(words, size=3) == {"c", "d", "b"}
    assert choose_alphabet(words, size=9) == {"a", "b", "c", "d"}


def test_words_of_any_length_are_counted_where_that_is_asked():
    assert count_words(["y" * 101 + ", y"], UNCASED, longest=None).counts == {"y" * 101: 1, ",": 1, "y": 1}


@given(UNICODE, st.booleans())
def test_the_words_of_a_text_are_those_that_are_counted(text: str, lowercase: bool):
    rules = WordRules(lowercase)
    assert Counter(WordSplitter(rules)(text)) == count_words([text], rules, longest=None).counts
