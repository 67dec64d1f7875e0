"""The likeliest spans of a context, from the start and end logits of its windows.

Every span within a window is weighed, so that the best one is never missed; ``run_squad.py`` (Devlin et al. 2019)
weighs those between the 20 likeliest starts and the 20 likeliest ends. As there, a piece that stands in several windows
is a start only in the one in which it has most context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spans:
    """Spans of one context, the likeliest first."""

    scores: Floats
    """(spans,) start logit and end logit together."""
    firsts: Integers
    """(spans,) the first piece, a number within the context."""
    lasts: Integers
    """(spans,)"""


def best_spans(logits: Sequence[NDArray[np.float32]], begins: Sequence[int], *, longest: int, number: int) -> Spans:
    """The ``number`` likeliest spans of at most ``longest`` pieces.

    ``logits`` (pieces of the window, 2) are those of the context's pieces alone, ``begins`` where the windows begin.
    """
    owners = window_of_each_piece(begins, [len(window) for window in logits])
    found = []
    for window, (rows, begin) in enumerate(zip(logits, begins, strict=True)):
        if len(rows):
            allowed = owners[begin : begin + len(rows)] == window
            found.append(_best_of_window(rows.astype(np.float64), allowed, begin, longest, number))
    if not found:
        return Spans(np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    scores, firsts, lasts = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.argsort(-scores, kind="stable")[:number]
    return Spans(scores[order], firsts[order], lasts[order])


def window_of_each_piece(begins: Sequence[int], lengths: Sequence[int]) -> Integers:
    """(pieces of the context,) the window in which each has most context.

    That is the smaller number of the pieces on its left and right, and a hundredth of the window's length; of several
    the first.
    """
    pieces = np.arange(max((begin + length for begin, length in zip(begins, lengths, strict=True)), default=0))
    if len(begins) < 2:
        return np.zeros_like(pieces)
    most = np.full(len(pieces), -np.inf)
    owners = np.zeros_like(pieces)
    for window, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        here = slice(begin, begin + length)
        context = np.minimum(pieces[here] - begin, begin + length - 1 - pieces[here]) + 0.01 * length
        better = context > most[here]
        most[here] = np.where(better, context, most[here])
        owners[here] = np.where(better, window, owners[here])
    return owners


def _best_of_window(
    rows: Floats, allowed: NDArray[np.bool_], begin: int, longest: int, number: int
) -> tuple[Floats, Integers, Integers]:
    width = min(longest, len(rows))
    starts = np.where(allowed, rows[:, 0], -np.inf)
    ends = np.append(rows[:, 1], np.full(width - 1, -np.inf))
    scores = starts[:, None] + np.lib.stride_tricks.sliding_window_view(ends, width)  # (pieces, width)
    firsts = _largest(scores.max(axis=1), number)  # as many spans as are asked for begin at no more pieces
    chosen = _largest(scores[firsts].ravel(), number)
    first, further = firsts[chosen // width], chosen % width
    real = scores[first, further] > -np.inf
    first, further = first[real], further[real]
    return scores[first, further], begin + first, begin + first + further


def _largest(values: Floats, number: int) -> Integers:
    """The indices of the ``number`` largest values, in order; of equal ones the first."""
    if len(values) <= number:
        return np.arange(len(values))
    least = np.partition(values, -number)[-number]
    above = np.flatnonzero(values > least)
    return np.sort(np.append(above, np.flatnonzero(values == least)[: number - len(above)]))
