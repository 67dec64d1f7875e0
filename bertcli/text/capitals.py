"""Which words of a text had a capital, where pieces are told by their places in it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bertcli.text.words import begins_with_capital


def capitals_of(text: str, offsets: Sequence[tuple[int, int]], word_starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(pieces,) whether the first letter of each piece's word is a capital in the text."""
    cased = np.zeros(len(offsets), np.bool_)
    for first, end in pairwise([*word_starts.nonzero()[0].tolist(), len(offsets)]):
        cased[first:end] = begins_with_capital(text[offsets[first][0] : offsets[end - 1][1]])
    return cased
