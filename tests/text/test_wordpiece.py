"""Vocabularies that are learned: what stands in them, and in which order."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.errors import ConfigError
from bertcli.text.bpe import learn_bpe
from bertcli.text.learning import LearningRules
from bertcli.text.normalization import WordRules
from bertcli.text.pieces import SPECIALS
from bertcli.text.spelling import spell
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import count_words

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest", "low low new new"]
WORDS = count_words(TEXTS, WordRules(lowercase=True)).counts
UNITS = ["l", "n", "w", "##d", "##e", "##i", "##o", "##r", "##s", "##t", "##w"]


@pytest.mark.parametrize("by_count", [False, True])
def test_specials_come_first_then_characters_in_code_point_order_then_what_was_joined(by_count: bool):
    pieces = learn_wordpiece(WORDS, size=1000, by_count=by_count)
    assert pieces[:16] == [*SPECIALS, *UNITS]
    assert len(pieces) == len(set(pieces)) < 1000
    assert {"low", "new", "##est"} <= set(pieces)


def test_joined_pieces_stand_in_the_order_of_their_merges():
    # Each count is half of the one before, so that the frequent words are made whole first.
    words = Counter({"ab": 64, "cd": 32, "ef": 16, "gh": 8})
    assert learn_wordpiece(words, size=1000)[-4:] == ["ab", "cd", "ef", "gh"]


@pytest.mark.parametrize("size", [17, 20, 24])
def test_a_vocabulary_never_exceeds_its_size(size: int):
    pieces = learn_wordpiece(WORDS, size=size)
    assert len(pieces) == len(set(pieces)) == size
    assert len(learn_bpe(WORDS, size=size).pieces) == size


def test_a_size_below_the_alphabet_is_an_error_that_names_the_smallest_size():
    assert len(learn_wordpiece(WORDS, size=16)) == 16
    with pytest.raises(ConfigError, match=r"--size 15 is below the alphabet: 16 pieces .* 11 of them characters") as e:
        learn_wordpiece(WORDS, size=15)
    assert e.value.hint == "--size 16 or more, or fewer characters with --alphabet-size"
    with pytest.raises(ConfigError, match=r"--size 16 is below the alphabet: 17 pieces .* 12 of them characters"):
        learn_bpe(WORDS, size=16)


def test_an_alphabet_smaller_than_the_specials_will_do():
    assert learn_wordpiece(Counter({"a": 3}), size=10) == [*SPECIALS, "a"]


def test_words_with_characters_outside_the_alphabet_are_not_learned_from():
    pieces = learn_wordpiece(Counter({"ab": 5, "zb": 4}), size=100, rules=LearningRules(alphabet_size=2))
    assert pieces == [*SPECIALS, "a", "##b", "ab"]


def test_pairs_below_the_smallest_count_are_not_joined():
    assert learn_wordpiece(WORDS, size=1000, rules=LearningRules(min_count=100)) == [*SPECIALS, *UNITS]
    rare = learn_wordpiece(WORDS, size=1000, rules=LearningRules(min_count=1))
    assert len(rare) > len(learn_wordpiece(WORDS, size=1000, rules=LearningRules(min_count=2)))


def test_learning_ends_where_the_gain_falls_below_the_smallest():
    sizes = [len(learn_wordpiece(WORDS, size=1000, rules=LearningRules(min_gain=gain))) for gain in (0, 3, 10, 1000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[2] > sizes[3] == 16


def test_no_piece_is_longer_than_it_may_be():
    rules = LearningRules(max_piece_length=2)
    assert max(len(piece.removeprefix("##")) for piece in learn_wordpiece(WORDS, size=1000, rules=rules)[5:]) == 2
    assert max(len(piece.removesuffix("</w>")) for piece in learn_bpe(WORDS, size=1000, rules=rules).pieces[5:]) == 2


def test_pieces_given_by_hand_come_after_the_specials_and_are_joined_whole():
    rules = LearningRules(specials=(*SPECIALS, "[ENT]"), pieces=("lowe", "##est"))
    pieces = learn_wordpiece(WORDS, size=1000, rules=rules)
    assert pieces[:8] == [*SPECIALS, "[ENT]", "lowe", "##est"]
    assert not {"##es", "##st"} & set(pieces)


def test_byte_pairs_mark_the_end_of_words():
    learned = learn_bpe(WORDS, size=1000)
    assert {"low</w>", "new</w>"} <= set(learned.pieces)
    assert "##" not in "".join(learned.pieces)
    known = set(learned.pieces)
    assert all({left, right, left + right} <= known for left, right in learned.merges)


def test_nothing_gives_the_specials_alone():
    assert learn_wordpiece(Counter(), size=100) == list(SPECIALS)
    assert learn_bpe(Counter(), size=100).pieces == list(SPECIALS)


LETTERS = st.dictionaries(st.text("abcé中😀", min_size=1, max_size=6), st.integers(1, 5), max_size=8)


@given(LETTERS, st.sets(st.sampled_from("abcé中😀")), st.booleans())
def test_words_are_spelled_as_their_marked_characters(words: dict[str, int], alphabet: set[str], marks_last: bool):
    spelled = spell(Counter(words), alphabet=alphabet, mark="*".__add__, marks_last=marks_last)
    row = iter(spelled.row.tolist())
    found = [
        ([spelled.symbols[next(row)] for _ in range(length)], count)
        for length, count in zip(spelled.lengths.tolist(), spelled.counts.tolist(), strict=True)
    ]
    expected = []
    for word, count in words.items():
        if alphabet.issuperset(word):
            marked = [at == len(word) - 1 if marks_last else at > 0 for at in range(len(word))]
            expected.append((["*" * mark + character for mark, character in zip(marked, word, strict=True)], count))
    assert found == expected
