"""Documents that are longer than a sequence: what is read of them by every strategy, and what is said to be lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from bertcli.config.long_texts import STRATEGIES, Strategy
from bertcli.contracts.task import Features, Limits
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.features import encode_documents
from bertcli.text.key_sentences import ranking

CLS, SEP = 2, 3


class Letters:
    """A tokenizer with one piece a letter: ``a`` is 10; a space or a stop is none."""

    vocabulary = Vocabulary(40, 0, 1, CLS, SEP, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [self.pieces(text) for text in texts]

    def pieces(self, text: str) -> NDArray[np.int32]:
        return np.array([ord(letter) - ord("a") + 10 for letter in text.lower() if letter.isalpha()], dtype=np.int32)


def encoded(texts: Sequence[str], strategy: Strategy, max_length: int, **limits: int) -> Features:
    found = ranking("tfidf", ["a b", "a c", "a"])
    return encode_documents(texts, Letters(), Limits(max_length, strategy, found, **limits))


def letters_of(features: Features) -> list[str]:
    """The sequences as letters, with a mark at every special piece."""
    text = "".join("|" if piece < 10 else chr(piece - 10 + ord("a")) for piece in features.input_ids)
    return [text[begin:end] for begin, end in pairwise(features.offsets.tolist())]


def test_the_head_is_what_a_text_begins_with_and_the_tail_what_it_ends_with() -> None:
    assert letters_of(encoded(["abcdefgh", "abc", ""], "head", 6)) == ["|abcd|", "|abc|", "||"]
    assert letters_of(encoded(["abcdefgh", "abc", ""], "tail", 6)) == ["|efgh|", "|abc|", "||"]
    assert encoded(["abcdefgh", "abc", ""], "tail", 6).lost.tolist() == [4, 0, 0]


def test_head_and_tail_keep_the_order_and_only_long_texts_are_cut() -> None:
    # Of 4 pieces 128 / 510 · 4, rounded, are 1 from the head.
    features = encoded(["abcdefgh", "abcd"], "head+tail", 6)
    assert letters_of(features) == ["|afgh|", "|abcd|"]
    assert features.lost.tolist() == [4, 0]
    assert features.truncated_examples() == 1


def test_of_512_pieces_head_and_tail_are_128_and_382() -> None:
    text = "a" * 128 + "b" * 1000 + "c" * 382
    assert letters_of(encoded([text], "head+tail", 512)) == ["|" + "a" * 128 + "c" * 382 + "|"]


def test_key_sentences_fill_a_sequence_in_the_order_of_the_text() -> None:
    # a is in every training document, b in one: weights of a 0, of b ln 2, of the new d twice ln 4.
    text = "A a a a. B a. D d. A a."
    features = encoded([text, "a a a"], "key-sentences", 7)
    # D d is the best, then B a; one piece is left for the first of the others.
    assert letters_of(features) == ["|abadd|", "|aaa|"]
    assert features.lost.tolist() == [10 - 5, 0]


def test_the_key_sentence_that_does_not_fit_is_cut() -> None:
    features = encoded(["A a. Bcd bcd bcd.\nA a."], "key-sentences", 6)
    assert letters_of(features) == ["|bcdb|"]
    assert features.lost.tolist() == [9]


def test_every_chunk_is_a_sequence_of_its_document() -> None:
    features = encoded(["abcdefghij", "abc", ""], "chunks", 6)
    assert letters_of(features) == ["|abcd|", "|efgh|", "|ij|", "|abc|", "||"]
    assert features.item_starts is not None
    assert features.item_starts.tolist() == [0, 3, 4, 5]
    assert features.examples.tolist() == [0, 1, 2]
    assert features.lost.tolist() == [0] * 5
    assert features.truncated_examples() == 0


def test_chunks_overlap_and_what_is_in_none_is_lost() -> None:
    features = encoded(["abcdefghij", "abc"], "chunks", 6, chunk_stride=2, max_chunks=2)
    assert letters_of(features) == ["|abcd|", "|cdef|", "|abc|"]
    assert features.lost.tolist() == [0, 4, 0]
    assert features.truncated_examples() == 1


@given(
    st.lists(st.text("ab cd.", max_size=60), min_size=1, max_size=5),
    st.sampled_from(STRATEGIES),
    st.integers(4, 20),
)
def test_what_is_lost_is_what_is_not_read(texts: list[str], strategy: Strategy, max_length: int) -> None:
    features = encoded(texts, strategy, max_length, max_chunks=3)
    whole = [len(pieces) for pieces in Letters().encode(texts)]
    sequences = letters_of(features)
    _, items = features.sequences_of(np.arange(len(texts)))
    read = np.bincount(items, [len(sequence) - 2 for sequence in sequences], minlength=len(texts))
    lost = np.bincount(items, features.lost, minlength=len(texts))
    assert (read + lost).tolist() == whole
    assert max(map(len, sequences)) <= max_length
    for text, own in enumerate(whole):
        if own <= max_length - 2:  # a text that fits is read as it is, whatever the strategy
            assert lost[text] == 0
            assert sequences[items.tolist().index(text)] == letters_of(encoded([texts[text]], "head", max_length))[0]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_texts_that_fit_are_encoded_alike_by_every_strategy(strategy: Strategy) -> None:
    texts = ["ab. cd", "", "d"]
    assert letters_of(encoded(texts, strategy, 8)) == letters_of(encoded(texts, "head", 8))
