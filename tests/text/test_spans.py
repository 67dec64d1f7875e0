"""Spans of a text: read, cut at the ends of sentences, and widened to whole words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.text.spans import SpansError, mark_spans, places_of, read_spans, within

TEXT = "The ship left New York."


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ([[14, 22]], ((14, 22),)),
        ([{"start": 14, "end": 22, "label": "GPE"}, [4, 8]], ((4, 8), (14, 22))),
        ("[[14, 22]]", ((14, 22),)),
        ('[{"start": 0, "end": 23}]', ((0, 23),)),
        ([[4, 8], [8, 9]], ((4, 8), (8, 9))),
        ([], ()),
        (None, ()),
        ("  ", ()),
    ],
)
def test_spans_are_lists_or_objects_or_json_of_either(cell, expected):
    assert read_spans(cell, TEXT) == expected


FORMS = 'expected [start, end] or {"start": …, "end": …}, got '


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([[4, 4]], "the span [4, 4] is empty: its end is the character behind it"),
        ([[8, 4]], "the span [8, 4] is empty: its end is the character behind it"),
        ([[14, 24]], "the span [14, 24] lies outside of the text, which has 23 characters"),
        ([[-1, 4]], "the span [-1, 4] lies outside of the text, which has 23 characters"),
        ([[14, 22], [4, 15]], "the spans [4, 15] and [14, 22] overlap"),
        ([[4, 8], [4, 8]], "the spans [4, 8] and [4, 8] overlap"),
        ([[4, 8, 9]], FORMS + "[4, 8, 9]"),
        ([[4, True]], FORMS + "[4, true]"),
        ([4.0, 8.0], FORMS + "4.0"),
        ([{"begin": 4, "end": 8}], FORMS + '{"begin": 4, "end": 8}'),
        ({"start": 4, "end": 8}, f'{FORMS.replace("expected ", "expected a list of ")}{{"start": 4, "end": 8}}'),
        (["x" * 99], FORMS + '"' + "x" * 58 + "…"),
        ("[[4, 8]", "not JSON: Expecting ',' delimiter: line 1 column 8 (char 7)"),
    ],
)
def test_what_is_no_span_of_the_text_is_refused_with_what_was_found(cell, message):
    with pytest.raises(SpansError) as error:
        read_spans(cell, TEXT)
    assert str(error.value) == message


def test_sentences_are_found_in_their_text_in_order():
    assert places_of(["a b", "a", "a b"], " a b\n a  a b ") == [1, 6, 9]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (((10, 14),), ((0, 4),)),
        (((12, 13),), ((2, 3),)),
        (((4, 12), (15, 30)), ((0, 2), (5, 10))),  # cut at the ends of the sentence
        (((0, 10), (20, 21)), ()),
        (((13, 15),), ((3, 4),)),  # "d " is d
        (((14, 15),), ()),
    ],
)
def test_a_span_is_cut_where_the_sentence_ends_and_loses_white_space(spans, expected):
    assert within(spans, 10, "abcd efghi") == expected


OFFSETS = [(0, 3), (3, 5), (6, 7), (7, 9), (9, 10)]
STARTS = np.array([True, False, True, False, True])


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (((0, 5),), [1, 2, 0, 0, 0]),
        (((4, 5),), [1, 2, 0, 0, 0]),  # widened to the word
        (((4, 7),), [1, 2, 2, 2, 0]),
        (((6, 9), (9, 10)), [0, 0, 1, 2, 1]),
        (((0, 4), (4, 7)), [1, 2, 1, 2, 0]),  # the shared word is the former's
        (((0, 4), (4, 5)), [1, 2, 0, 0, 0]),
        (((5, 6),), [0, 0, 0, 0, 0]),
        ((), [0, 0, 0, 0, 0]),
    ],
)
def test_a_span_is_of_whole_words(spans, expected):
    marks = mark_spans(spans, OFFSETS, STARTS)
    assert (marks.dtype, marks.tolist()) == (np.uint8, expected)


def test_a_text_without_pieces_has_no_marks():
    assert mark_spans(((0, 1),), [], np.zeros(0, np.bool_)).tolist() == []


@settings(max_examples=100, deadline=None)
@given(starts=st.lists(st.booleans(), min_size=1, max_size=12), data=st.data())
def test_spans_begin_and_end_with_words_and_hold_all_they_touch(starts, data):
    offsets = [(number, number + 1) for number in range(len(starts))]
    places = sorted(data.draw(st.lists(st.integers(0, len(starts)), unique=True, max_size=8)))
    spans = tuple(zip(places[::2], places[1::2], strict=False))
    marks = mark_spans(spans, offsets, np.array(starts)).tolist()
    begins = [True, *starts[1:]]
    for start, end in spans:
        assert all(marks[start:end])
    for at, mark in enumerate(marks):
        if mark == 1:
            assert begins[at]
        before = marks[at - 1] if at else 0
        assert mark != 2 or before
        if before and not mark:
            assert begins[at]
        if not mark and not begins[at]:
            assert not before
