"""Spans of a text, such as its named entities: read from a table's cell, checked, and found again among the pieces."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Spans = tuple[tuple[int, int], ...]
"""Where each begins and ends (exclusive) in characters, in the order of the text; none overlap."""

FIRST, INSIDE = 1, 2
"""What a piece is: the first one of a span, or another one of it; 0 is outside of all."""

_FORMS = '[start, end] or {"start": …, "end": …}'


class SpansError(ValueError):
    """What a cell holds is no list of spans of its text; the message says why."""


def read_spans(cell: Any, text: str) -> Spans:
    """The spans that a cell holds: a list of ``[start, end]`` or of objects, or JSON of one; empty cells have none.

    Raises ``SpansError`` where one is empty, ends outside of the text, or overlaps with another.
    """
    if isinstance(cell, str):
        if not cell.strip():
            return ()
        try:
            cell = json.loads(cell)
        except ValueError as error:
            raise SpansError(f"not JSON: {error}") from error
    if cell is None:
        return ()
    if not isinstance(cell, list):
        raise SpansError(f"expected a list of {_FORMS}, got {_shown(cell)}")
    spans = sorted(map(_span, cell))
    for start, end in spans:
        if end <= start:
            raise SpansError(f"the span [{start}, {end}] is empty: its end is the character behind it")
        if start < 0 or end > len(text):
            raise SpansError(f"the span [{start}, {end}] lies outside of the text, which has {len(text):,} characters")
    for former, latter in pairwise(spans):
        if latter[0] < former[1]:
            raise SpansError(f"the spans {list(former)} and {list(latter)} overlap")
    return tuple(spans)


def _span(value: Any) -> tuple[int, int]:
    pair = [value.get("start"), value.get("end")] if isinstance(value, dict) else value
    if isinstance(pair, list) and len(pair) == 2 and all(type(place) is int for place in pair):
        return pair[0], pair[1]
    raise SpansError(f"expected {_FORMS}, got {_shown(value)}")


def _shown(value: Any) -> str:
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return shown if len(shown) <= 60 else f"{shown[:59]}…"


def places_of(sentences: Sequence[str], text: str) -> list[int]:
    """Where each sentence begins in its text; they stand in it one after the other."""
    places = []
    end = 0
    for sentence in sentences:
        begin = text.index(sentence, end)
        places.append(begin)
        end = begin + len(sentence)
    return places


def within(spans: Spans, begin: int, sentence: str) -> Spans:
    """The spans of a sentence that begins at ``begin``, counted from there, without white space at their ends.

    One that crosses an end of the sentence is cut there, for sequences may be cut there, too.
    """
    found = []
    for start, stop in spans:
        first, last = max(start - begin, 0), min(stop - begin, len(sentence))
        inside = sentence[first:last] if first < last else ""
        if inside.strip():
            found.append((last - len(inside.lstrip()), first + len(inside.rstrip())))
    return tuple(found)


def mark_spans(spans: Spans, offsets: Sequence[tuple[int, int]], word_starts: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(pieces,) ``FIRST``, ``INSIDE`` or 0 for each piece of a text whose ``offsets`` are where pieces stand in it.

    A span is widened to whole words. A word that two spans share is the former one's.
    """
    marks = np.zeros(len(offsets), np.uint8)
    if not len(offsets) or not spans:
        return marks
    begins, ends = np.array(offsets, np.int64).T
    word_starts = word_starts.copy()
    word_starts[0] = True
    words = np.cumsum(word_starts) - 1
    first_of_word = np.append(word_starts.nonzero()[0], len(offsets))
    free = 0
    for start, stop in spans:
        touched = ((begins < stop) & (ends > start)).nonzero()[0]
        if len(touched):
            first = max(free, first_of_word[words[touched[0]]])
            free = max(free, first_of_word[words[touched[-1]] + 1])
            marks[first:free] = INSIDE
            marks[first : min(first + 1, free)] = FIRST
    return marks
