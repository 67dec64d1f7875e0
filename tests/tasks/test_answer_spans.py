"""The likeliest spans: every span weighed, none too long, each start in the window with most context."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bertcli.tasks._answer_spans import best_spans, window_of_each_piece


def logits(*rows: tuple[float, float]) -> NDArray[np.float32]:
    return np.asarray(rows, dtype=np.float32)


def found(windows: list[NDArray[np.float32]], begins: list[int], longest: int, number: int) -> list[tuple[float, ...]]:
    spans = best_spans(windows, begins, longest=longest, number=number)
    return list(zip(spans.scores.tolist(), spans.firsts.tolist(), spans.lasts.tolist(), strict=True))


def test_the_likeliest_spans_come_first() -> None:
    window = logits((3, 0), (1, 5), (0, 4))
    assert found([window], [0], longest=30, number=4) == [(8, 0, 1), (7, 0, 2), (6, 1, 1), (5, 1, 2)]


def test_an_answer_never_ends_before_it_begins_and_is_not_too_long() -> None:
    window = logits((0, 9), (9, 0), (0, 0))  # its end is likeliest before its start
    assert found([window], [0], longest=1, number=9) == [(9, 0, 0), (9, 1, 1), (0, 2, 2)]
    assert all(last - first < 2 for _, first, last in found([window], [0], longest=2, number=9))


def test_pieces_are_numbered_in_the_context() -> None:
    assert found([logits((1, 1))], [7], longest=30, number=1) == [(2, 7, 7)]


def test_of_equally_likely_spans_the_first_and_shortest_comes_first() -> None:
    spans = found([np.zeros((40, 2), dtype=np.float32)], [0], longest=5, number=7)
    assert [span[1:] for span in spans] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]


def test_each_piece_belongs_to_the_window_in_which_it_has_most_context() -> None:
    # "said the man to buy a gallon of milk", run_squad.py's example: windows of 5 from 0, 3 and 6 (6 has 4).
    # left and right of piece 3: 3 and 1, 0 and 4; of piece 4: 4 and 0, 1 and 3; of piece 6: 3 and 1, 0 and 3
    assert window_of_each_piece([0, 3, 6], [5, 5, 4]).tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_hundredth_of_its_length_decides_between_windows() -> None:
    # Piece 4 is the last of 5, and the first of 6: no context in either, and the second window is longer.
    assert window_of_each_piece([0, 4], [5, 6])[4] == 1
    assert window_of_each_piece([0, 4], [6, 6])[4] == 0  # 1 of context before 0


def test_a_start_counts_only_where_it_has_most_context() -> None:
    first, second = np.zeros((5, 2), dtype=np.float32), np.zeros((5, 2), dtype=np.float32)
    first[4] = 10  # piece 4 at the edge of the first window
    second[1] = 1  # the same piece within the second
    ((score, begin, _), *_) = found([first, second], [0, 3], longest=2, number=20)
    assert (score, begin) == (10, 3)  # it may end a span that begins before it
    assert all(score <= 2 for score, begin, _ in found([first, second], [0, 3], longest=30, number=50) if begin == 4)


def test_a_context_without_pieces_has_no_spans() -> None:
    assert found([np.zeros((0, 2), dtype=np.float32)], [0], longest=30, number=3) == []


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 30), st.integers(0, 10**6))
def test_no_span_within_the_bounds_is_likelier(pieces: int, longest: int, number: int, seed: int) -> None:
    window = np.random.default_rng(seed).normal(size=(pieces, 2)).astype(np.float32)
    every = [
        float(window[first, 0]) + float(window[last, 1])
        for first in range(pieces)
        for last in range(first, min(pieces, first + longest))
    ]
    scores = [score for score, _, _ in found([window], [0], longest=longest, number=number)]
    assert scores == sorted(every, reverse=True)[:number]
