"""Words, alphabets, merges: what vocabularies are learned from."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from bertcli.text import words as words_module
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.bpe import learn_bpe
from bertcli.text.merges import PairTable, learn_merges
from bertcli.text.normalization import Normalization
from bertcli.text.pieces import SPECIALS
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import count_characters, count_words

UNICODE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list(" \t\nabAB.é中ß'-\x00\x1c\u200b\u0301İﬁ\u00a8\u1161ᄀ")),
    )
)


@given(st.lists(UNICODE, max_size=5), st.booleans(), st.sampled_from(["none", "nfc", "nfkc"]))
def test_words_are_those_of_the_tokenizer(texts: list[str], lowercase: bool, normalization: Normalization):
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    form = {"nfc": [normalizers.NFC()], "nfkc": [normalizers.NFKC()]}.get(normalization, [])
    normalizer = normalizers.Sequence([*form, normalizer])
    splitter = pre_tokenizers.BertPreTokenizer()
    expected = Counter(
        word
        for text in texts
        for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))
        if len(word) <= 100
    )
    assert count_words(texts, lowercase=lowercase, normalization=normalization) == expected


def test_words_stand_in_the_order_of_first_sight_however_they_are_gathered(monkeypatch: pytest.MonkeyPatch):
    texts = ["the cat, the dog", "A cat!", "the end"]
    whole = count_words(texts, lowercase=True)
    monkeypatch.setattr(words_module, "_MOST_PARTS", 0)
    assert list(count_words(texts, lowercase=True).items()) == list(whole.items())
    assert list(whole) == ["the", "cat", ",", "dog", "a", "!", "end"]


def test_words_of_more_than_100_characters_are_left_out():
    assert count_words(["x" * 100 + " " + "y" * 101], lowercase=True) == {"x" * 100: 1}


def test_characters_are_counted_as_often_as_their_words():
    assert count_characters(Counter({"aab": 3, "b": 2})) == {"a": 6, "b": 5}


def test_the_alphabet_covers_its_share_and_equal_characters_stay_together():
    words = Counter({"a": 90, "b": 8, "c": 1, "d": 1})
    assert choose_alphabet(words, coverage=0.98) == {"a", "b"}
    assert choose_alphabet(words, coverage=0.985) == {"a", "b", "c", "d"}
    assert choose_alphabet(words, coverage=1.0) == {"a", "b", "c", "d"}


WORKED_EXAMPLE = {"lower": 2, "newest": 6, "widest": 3, "low": 5}
WORKED_MERGES = [
    ("s", "t", 9),
    ("e", "st", 9),
    ("est", "</w>", 9),
    ("l", "o", 7),
    ("lo", "w", 7),
    ("n", "e", 6),
    ("w", "est</w>", 6),
    ("ne", "west</w>", 6),
]


def split_with_end(words: dict[str, int]) -> list[tuple[list[str], int]]:
    return [([*word, "</w>"], count) for word, count in words.items()]


def test_the_worked_example_of_byte_pair_encoding():
    table = PairTable(split_with_end(WORKED_EXAMPLE))
    vocabulary = {symbol for symbol in table.symbols if symbol != "</w>"}
    assert vocabulary == set("lowernstid")
    for left, right, count in WORKED_MERGES:
        found = table.most_frequent(2)
        assert found is not None
        assert table.count(left, right) == found[1] == count
        table.merge((table.number_of(left), table.number_of(right)), table.number_of(left + right))
        vocabulary.add(left + right)
    assert len(vocabulary) == 18
    assert {"st", "est", "est</w>", "lo", "low", "ne", "west</w>", "newest</w>"} < vocabulary


def test_ties_go_to_the_pair_first_seen():
    merges = [
        (merge.left, merge.right, merge.count)
        for merge in learn_merges([(list("xab"), 2), (list("yab"), 2), (list("cd"), 4)], min_count=2, join=str.__add__)
    ]
    assert merges == [("a", "b", 4), ("c", "d", 4), ("x", "ab", 2), ("y", "ab", 2)]


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=8), st.integers(1, 5)), max_size=6), st.integers(1, 3))
def test_every_merge_is_of_a_most_frequent_pair(words: list[tuple[str, int]], min_count: int):
    split = [(list(word), count) for word, count in words]
    merges = list(learn_merges([(list(word), count) for word, count in words], min_count=min_count, join=str.__add__))

    def pairs() -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for symbols, count in split:
            for pair in pairwise(symbols):
                found[pair] += count
        return found

    for merge in merges:
        counts = pairs()
        assert counts[merge.left, merge.right] == max(counts.values()) == merge.count >= min_count
        for symbols, _ in split:
            at = 0
            while at < len(symbols) - 1:
                if (symbols[at], symbols[at + 1]) == (merge.left, merge.right):
                    symbols[at : at + 2] = [merge.merged]
                at += 1
    assert max(pairs().values(), default=0) < min_count


TEXTS = ["low lower lowest", "new newer newest", "wide wider widest", "low low new new"]


def test_wordpiece_holds_specials_then_characters_then_joined_pieces():
    pieces = learn_wordpiece(count_words(TEXTS, lowercase=True), size=1000)
    assert tuple(pieces[:5]) == SPECIALS
    characters = [piece for piece in pieces[5:] if len(piece.removeprefix("##")) == 1]
    assert pieces[5 : 5 + len(characters)] == ["l", "n", "w", "##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"]
    assert len(pieces) == len(set(pieces)) < 1000
    assert {"low", "new", "##est"} <= set(pieces)


@pytest.mark.parametrize("size", [10, 14, 16, 17, 20, 24])
def test_a_vocabulary_never_exceeds_its_size_and_keeps_the_frequent_characters(size: int):
    words = count_words(TEXTS, lowercase=True)
    pieces = learn_wordpiece(words, size=size)
    assert len(pieces) == len(set(pieces)) == size
    assert {"l", "##o", "##w", "##e"} <= set(pieces)
    assert len(learn_bpe(words, size=size).pieces) == size


def test_pairs_below_the_smallest_count_are_not_joined():
    words = count_words(TEXTS, lowercase=True)
    assert len(learn_wordpiece(words, size=1000, min_count=100)) == 5 + 11
    assert len(learn_wordpiece(words, size=1000, min_count=1)) > len(learn_wordpiece(words, size=1000, min_count=2))


def test_byte_pairs_mark_the_end_of_words():
    learned = learn_bpe(count_words(TEXTS, lowercase=True), size=1000)
    assert {"low</w>", "new</w>"} <= set(learned.pieces)
    assert "##" not in "".join(learned.pieces)
    known = set(learned.pieces)
    assert all({left, right, left + right} <= known for left, right in learned.merges)


def test_nothing_gives_the_specials_alone():
    assert learn_wordpiece(Counter(), size=100) == list(SPECIALS)
    assert learn_bpe(Counter(), size=100).pieces == list(SPECIALS)
