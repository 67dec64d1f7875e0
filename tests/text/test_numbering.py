"""Distinct strings get numbers in the order in which they are first met, whatever their hashes."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.core.runs import Runs
from bertcli.text import numbering
from bertcli.text.numbering import Numbering, hashes_of
from bertcli.text.strings import bytes_of_texts, texts_of_bytes

CALLS = st.lists(st.lists(st.text("ab\u00e9\U00010000\x00", max_size=4) | st.text(max_size=3), max_size=12), max_size=6)


def expect_numbers_by_first_sight(calls: list[list[str]]) -> None:
    table = Numbering()
    known: dict[str, int] = {}
    for texts in calls:
        before = len(known)
        expected = [known.setdefault(text, len(known)) for text in texts]
        numbers, new = table.number(pa.array(texts, pa.large_string()))
        assert numbers.tolist() == expected
        assert texts_of_bytes(new) == list(known)[before:]
        assert len(table) == len(known)
        assert table.characters == sum(len(text.encode()) for text in known)


@given(CALLS)
def test_numbers_are_given_in_the_order_of_first_sight(calls: list[list[str]]) -> None:
    expect_numbers_by_first_sight(calls)


@given(calls=CALLS)
def test_strings_of_one_hash_are_told_apart(calls: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbering, "hashes_of", lambda strings: np.full(len(strings), 7, np.uint64))
        expect_numbers_by_first_sight(calls)


def test_the_table_grows() -> None:
    words = [f"w{number}" for number in range(20_000)]
    expect_numbers_by_first_sight([words[:10], words[:9000], words, words[::-1]])


def test_a_slice_of_an_array_is_numbered_as_what_it_holds() -> None:
    array = pa.array(["a", "b", "a", "c", "b"], pa.large_string())[2:]
    numbers, new = Numbering().number(array)
    assert numbers.tolist() == [0, 1, 2]
    assert texts_of_bytes(new) == ["a", "c", "b"]


def test_hashes_depend_on_the_string_alone_and_on_the_order_of_its_bytes() -> None:
    texts = ["ab", "ba", "", "x" * 300, "x" * 299, "b"]
    hashes = hashes_of(bytes_of_texts(texts))
    assert len(set(hashes.tolist())) == len(texts)
    later = hashes_of(bytes_of_texts(["zz", *texts]).take(np.arange(1, 7)))
    assert later.tolist() == hashes.tolist()
    assert hashes_of(Runs.of([], np.uint8)).tolist() == []
