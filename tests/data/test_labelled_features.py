"""Sequences of supervised tasks: layout and truncation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.features import encode_sequences

CLS, SEP = 2, 3


class Letters:
    """A tokenizer with one piece a letter: ``a`` is 10."""

    vocabulary = Vocabulary(40, 0, 1, CLS, SEP, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.asarray([ord(letter) - ord("a") + 10 for letter in text], dtype=np.int32) for text in texts]


def test_single_texts_stand_between_cls_and_sep() -> None:
    features = encode_sequences(["ab", "", "c"], None, Letters(), max_length=8)
    assert features.input_ids.tolist() == [CLS, 10, 11, SEP, CLS, SEP, CLS, 12, SEP]
    assert features.offsets.tolist() == [0, 4, 6, 9]
    assert not features.has_pairs


def test_pairs_have_a_second_segment_that_begins_after_the_first_sep() -> None:
    features = encode_sequences(["ab"], ["c"], Letters(), max_length=8)
    assert features.input_ids.tolist() == [CLS, 10, 11, SEP, 12, SEP]
    assert features.second_starts.tolist() == [4]
    assert features.has_pairs
    assert not features.without_segments().has_pairs


def test_single_texts_lose_their_tail() -> None:
    features = encode_sequences(["abcdef", "ab"], None, Letters(), max_length=5)
    assert features.input_ids.tolist() == [CLS, 10, 11, 12, SEP, CLS, 10, 11, SEP]
    assert features.lost.tolist() == [3, 0]
    assert features.truncated_examples() == 1


def test_the_longer_text_of_a_pair_is_cut_first() -> None:
    features = encode_sequences(["abcdef"], ["gh"], Letters(), max_length=8)
    assert features.input_ids.tolist() == [CLS, 10, 11, 12, SEP, 16, 17, SEP]
    assert features.lost.tolist() == [3]


def test_a_first_text_that_fits_in_half_of_the_length_stays_whole() -> None:
    features = encode_sequences(["ab", "a"], ["ghijklm", "g"], Letters(), max_length=8)
    assert features.input_ids.tolist() == [CLS, 10, 11, SEP, 16, 17, 18, SEP, CLS, 10, SEP, 16, SEP]
    assert features.lost.tolist() == [4, 0]
