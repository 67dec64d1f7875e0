"""Where texts that are too long are cut: both ends of a text, or chunks that cover it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.ranges import ranges

Integers = NDArray[np.int64]

HEAD, BOTH = 128, 510
"""Of 510 pieces 128 are from the head and 382 from the tail (Sun et al. 2019, section 5.3.1)."""


def head_and_tail(budget: int) -> tuple[int, int]:
    """How many of so many pieces are from the head of a text and how many from its tail."""
    head = round(budget * HEAD / BOTH)
    return head, budget - head


@dataclass(frozen=True)
class Chunks:
    """The chunks of some texts, those of a text one after the other."""

    item_starts: Integers
    """(texts + 1,) where the chunks of each text begin."""
    texts: Integers
    """(chunks,) the text of each."""
    starts: Integers
    """(chunks,) the piece of the text with which each begins."""
    lengths: Integers
    """(chunks,) pieces in each."""
    lost: Integers
    """(chunks,) pieces that follow the last chunk of a text and are in none; 0 at all others."""


def cut_into_chunks(lengths: Integers, size: int, *, overlap: int = 0, most: int | None = None) -> Chunks:
    """Cut texts of so many pieces into chunks of ``size`` pieces, of which neighbours share ``overlap``.

    A text has one chunk at least, which may be empty, and ``most`` at most: the first ones.
    """
    step = size - overlap
    counts = 1 + -(-np.maximum(lengths - size, 0) // step)
    if most is not None:
        counts = np.minimum(counts, most)
    texts = np.repeat(np.arange(len(lengths)), counts)
    starts = ranges(np.zeros_like(counts), counts) * step
    within = np.minimum(size, lengths[texts] - starts)
    item_starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    lost = np.zeros_like(starts)
    last = item_starts[1:] - 1
    lost[last] = lengths - starts[last] - within[last]
    return Chunks(item_starts, texts, starts, within, lost)
