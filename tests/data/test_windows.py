"""Windows: contexts cut as in run_squad.py, nothing of them lost, and answers found again in every window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bertcli.contracts.task import Features
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.windows import encode_windows, locate

CLS, SEP = 2, 3


class Pairs:
    """A tokenizer whose pieces are words, those of more than two letters in pieces of two; spaces go with a piece."""

    vocabulary = Vocabulary(2000, 0, 1, CLS, SEP, 4, (0, 1, 2, 3, 4), True, "pairs")

    def __init__(self) -> None:
        self.heard: list[str] = []

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [ids for ids, _ in self.encode_with_places(texts)]

    def encode_with_places(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        for text in texts:
            self.heard.append(text)
            places: list[tuple[int, int]] = []
            begin = 0
            for at, letter in enumerate(text):
                if letter == " " and text[begin:at].strip():
                    places.append((begin, at))
                    begin = at
                elif len(text[begin : at + 1].strip()) == 2:
                    places.append((begin, at + 1))
                    begin = at + 1
            if text[begin:].strip():
                places.append((begin, len(text)))
            ids = [ord(text[one:other].strip()[0]) for one, other in places]
            yield np.asarray(ids, dtype=np.int32), np.asarray(places, dtype=np.int64).reshape(-1, 2)


def sequences(features: Features) -> list[str]:
    offsets, ids = features.offsets, features.input_ids
    shown = {CLS: "<", SEP: "|"}
    return [
        "".join(shown.get(number, chr(number)) for number in ids[begin:end].tolist())
        for begin, end in pairwise(offsets)
    ]


def test_a_short_context_is_one_window() -> None:
    features, windows = encode_windows(["q r"], ["a b c"], Pairs(), max_length=16, stride=4, max_question=8)
    assert sequences(features) == ["<qr|abc|"]
    assert features.second_starts.tolist() == windows.positions.tolist() == [4]
    assert features.lost.tolist() == [0]


def test_a_window_begins_a_stride_after_the_one_before_until_the_end_is_reached() -> None:
    # 8 pieces for a window of 5: from 0 and from 3; run_squad.py's loop stops where a window reaches the end.
    features, windows = encode_windows(["q"], ["a b c d e f g h"], Pairs(), max_length=9, stride=3, max_question=8)
    assert sequences(features) == ["<q|abcde|", "<q|defgh|"]
    assert windows.firsts.tolist() == [0, 3]
    features, _ = encode_windows(["q"], ["a b c d e f g h i"], Pairs(), max_length=9, stride=3, max_question=8)
    assert sequences(features) == ["<q|abcde|", "<q|defgh|", "<q|ghi|"]
    assert features.examples.tolist() == [0, 0, 0]


def test_a_stride_beyond_the_window_leaves_no_gap() -> None:
    features, _ = encode_windows(["q"], ["a b c d e f g"], Pairs(), max_length=7, stride=128, max_question=8)
    assert sequences(features) == ["<q|abc|", "<q|def|", "<q|g|"]


def test_by_default_windows_begin_128_pieces_apart_and_share_at_least_half() -> None:
    context = " ".join("abcdefghij" * 60)
    for max_length, firsts in ((384, [0, 128, 256]), (64, [0, 30, 60])):  # 380 and 60 pieces beside the question
        _, windows = encode_windows(["q"], [context], Pairs(), max_length=max_length, stride=None, max_question=8)
        assert windows.firsts[:3].tolist() == firsts
    _, windows = encode_windows(["q"], ["a b c"], Pairs(), max_length=5, stride=None, max_question=8)
    assert windows.firsts.tolist() == [0, 1, 2]


def test_a_long_question_loses_its_tail_once_and_never_takes_more_than_half() -> None:
    features, _ = encode_windows(["q r s t", "q"], ["a b c d", "a"], Pairs(), max_length=9, stride=3, max_question=2)
    assert sequences(features) == ["<qr|abcd|", "<q|a|"]
    features, _ = encode_windows(["q r s t"], ["a b c d e"], Pairs(), max_length=9, stride=2, max_question=64)
    assert sequences(features) == ["<qrs|abc|", "<qrs|cde|"]
    assert features.lost.tolist() == [1, 0]
    assert features.truncated_examples() == 1


def test_a_context_is_encoded_once_for_all_its_questions() -> None:
    tokenizer = Pairs()
    features, _ = encode_windows(
        ["q", "r", "s"], ["a b", "c", "a b"], tokenizer, max_length=9, stride=3, max_question=4
    )
    assert sequences(features) == ["<q|ab|", "<r|c|", "<s|ab|"]
    assert tokenizer.heard.count("a b") == 1


def test_a_context_without_pieces_still_has_its_window() -> None:
    features, windows = encode_windows(["q"], ["  "], Pairs(), max_length=9, stride=3, max_question=4)
    assert sequences(features) == ["<q||"]
    assert windows.counts.tolist() == [0]


def test_places_leave_out_leading_spaces_and_count_characters() -> None:
    pieces = locate(["ab  cde", "é f"], Pairs())
    assert pieces.begins.tolist() == [0, 4, 6, 7, 9]
    assert pieces.ends.tolist() == [2, 6, 7, 8, 10]
    assert pieces.starts.tolist() == [0, 3, 5]


def spanned(texts: list[str], number: int, begin: int, end: int) -> tuple[int, int]:
    first, last = locate(texts, Pairs()).spanned(*(np.asarray([value]) for value in (number, begin, end)))
    return int(first[0]), int(last[0])


def test_the_pieces_of_an_answer_are_those_that_share_a_character() -> None:
    texts = ["xx yy", "ab cdef gh"]
    assert spanned(texts, 1, 3, 7) == (1, 2)
    assert spanned(texts, 1, 4, 6) == (1, 2)  # "de", a part of both
    assert spanned(texts, 1, 2, 3) == (1, 0)  # a space alone has no piece
    assert spanned(texts, 0, 0, 2) == (0, 0)
    assert spanned(texts, 0, 3, 5) == (1, 1)


def test_an_answer_is_found_in_every_window_that_holds_all_of_it() -> None:
    features, windows = encode_windows(["q"], ["a b c d e f g h"], Pairs(), max_length=9, stride=3, max_question=8)
    one = np.asarray
    # "d e" are the pieces 3 and 4, in both windows; "e f" in the second alone; "c d e f" in none.
    for (first, last), expected in {(3, 4): [(6, 7), (3, 4)], (4, 5): [(0, 0), (4, 5)], (2, 5): [(0, 0)] * 2}.items():
        starts, ends = windows.positions_of(features.examples, one([first]), one([last]))
        assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("ab c", max_size=40), min_size=1, max_size=4),
    st.integers(8, 30),
    st.none() | st.integers(1, 30),
    st.integers(1, 6),
)
def test_windows_hold_every_piece_and_no_sequence_is_too_long(
    contexts: list[str], max_length: int, stride: int | None, max_question: int
) -> None:
    tokenizer = Pairs()
    features, windows = encode_windows(
        ["x y z"] * len(contexts),
        contexts,
        tokenizer,
        max_length=max_length,
        stride=stride,
        max_question=max_question,
    )
    assert features.lengths().max() <= max_length
    for row, context in enumerate(contexts):
        items = np.flatnonzero(features.examples == row)
        held = [range(windows.firsts[item], windows.firsts[item] + windows.counts[item]) for item in items]
        (ids,) = tokenizer.encode([context])
        assert set().union(*held) == set(range(len(ids)))
        for item, part in zip(items, held, strict=True):
            at = features.offsets[item] + windows.positions[item]
            assert features.input_ids[at : at + len(part)].tolist() == ids[part.start : part.stop].tolist()


@pytest.mark.parametrize("text", ["", " ", "a"])
def test_the_shortest_texts_have_places(text: str) -> None:
    pieces = locate([text], Pairs())
    assert pieces.starts.tolist() == [0, len(text.strip())]
