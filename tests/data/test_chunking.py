"""Where long texts are cut: the published split of head and tail, and chunks that cover every piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.data.chunking import cut_into_chunks, head_and_tail


@pytest.mark.parametrize(("budget", "expected"), [(510, (128, 382)), (255, (64, 191)), (126, (32, 94)), (2, (1, 1))])
def test_head_and_tail_are_in_the_proportion_of_the_paper(budget: int, expected: tuple[int, int]) -> None:
    assert head_and_tail(budget) == expected


def test_chunks_follow_one_another_and_the_last_has_the_rest() -> None:
    chunks = cut_into_chunks(np.array([10, 4, 0, 8]), 4)
    assert chunks.item_starts.tolist() == [0, 3, 4, 5, 7]
    assert chunks.texts.tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert chunks.starts.tolist() == [0, 4, 8, 0, 0, 0, 4]
    assert chunks.lengths.tolist() == [4, 4, 2, 4, 0, 4, 4]
    assert chunks.lost.tolist() == [0] * 7


def test_neighbours_share_the_overlap() -> None:
    chunks = cut_into_chunks(np.array([7, 8]), 4, overlap=1)
    # 0-3 and 3-6; then 0-3, 3-6 and 6-7.
    assert chunks.starts.tolist() == [0, 3, 0, 3, 6]
    assert chunks.lengths.tolist() == [4, 4, 4, 4, 2]


def test_what_follows_the_most_chunks_is_lost_and_counted_once() -> None:
    chunks = cut_into_chunks(np.array([10, 3]), 4, overlap=2, most=2)
    # 0-3 and 2-5 of 10: four pieces are in none.
    assert chunks.item_starts.tolist() == [0, 2, 3]
    assert chunks.lost.tolist() == [0, 4, 0]


@given(st.lists(st.integers(0, 60), min_size=1, max_size=6), st.integers(2, 9), st.data())
def test_every_piece_is_in_a_chunk_or_lost(lengths: list[int], size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    most = data.draw(st.none() | st.integers(1, 5))
    chunks = cut_into_chunks(np.array(lengths), size, overlap=overlap, most=most)
    assert len(chunks.item_starts) == len(lengths) + 1
    for text, length in enumerate(lengths):
        own = range(*chunks.item_starts[text : text + 2])
        assert len(own) >= 1
        assert most is None or len(own) <= most
        covered = set()
        for chunk in own:
            start, pieces = int(chunks.starts[chunk]), int(chunks.lengths[chunk])
            assert chunks.texts[chunk] == text
            assert pieces <= size
            assert pieces > overlap or chunk == own[0]  # each after the first has something new
            covered.update(range(start, start + pieces))
        lost = int(chunks.lost[own].sum())
        assert covered == set(range(length - lost))
        assert most is not None or lost == 0
