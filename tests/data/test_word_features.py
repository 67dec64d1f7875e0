"""Words and their pieces: sentences that are too long, words that have no pieces or too many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.word_features import WORD_POSITIONS, encode_words, labels_of_pieces


class Letters:
    """One piece a letter, nothing for a hyphen; ``a`` is 10."""

    vocabulary = Vocabulary(40, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        kept = [text.replace(" ", "").replace("-", "") for text in texts]
        return [np.asarray([ord(letter) - 87 for letter in text], dtype=np.int32) for text in kept]


CLS, SEP, UNK = Letters.vocabulary.cls_id, Letters.vocabulary.sep_id, Letters.vocabulary.unk_id


def test_a_word_without_pieces_is_an_unknown_one() -> None:
    features = encode_words([["a", "-", "b"]], Letters(), max_length=10)
    assert features.input_ids.tolist() == [CLS, 10, UNK, 11, SEP]
    assert features.notes[WORD_POSITIONS].tolist() == [1, 2, 3]


def test_a_sentence_that_is_too_long_goes_on_with_a_fourth_of_context() -> None:
    # 10 pieces without the special ones: 8 are words, and from the second sequence on 2 are context.
    features = encode_words([[*"abcdefghijkl"], ["m"]], Letters(), max_length=10)
    rows = [row.tolist() for row in np.split(features.input_ids, features.offsets[1:-1])]
    assert rows == [[CLS, *range(10, 18), SEP], [CLS, *range(16, 22), SEP], [CLS, 22, SEP]]
    assert features.examples.tolist() == [0, 0, 1]
    labels = labels_of_pieces(features, np.arange(13))
    assert labels[features.offsets[1] : features.offsets[2]].tolist() == [
        IGNORED,
        IGNORED,
        IGNORED,
        8,
        9,
        10,
        11,
        IGNORED,
    ]


def test_a_word_longer_than_a_sequence_loses_its_end_and_that_is_counted() -> None:
    features = encode_words([["ab", "cdefghij", "k"]], Letters(), max_length=6)
    rows = [row.tolist() for row in np.split(features.input_ids, features.offsets[1:-1])]
    # Before the long word there is no room for context, behind it a whole word is more than a fourth.
    assert rows == [[CLS, 10, 11, SEP], [CLS, 12, 13, 14, 15, SEP], [CLS, 20, SEP]]
    assert features.lost.tolist() == [0, 4, 0]
    assert features.truncated_examples() == 1
