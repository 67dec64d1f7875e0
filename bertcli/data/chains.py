"""Chains: which starts are reached, when each start tells where the next one is.

Where an example would begin and end can be computed for all sentences at once; which of them begin one is known only
by going from one to the next. This is the one step of a plan that takes them singly.
"""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

SENTENCES_PER_BLOCK = 1 << 16
"""Sentences that are planned at once: their arrays stay in a processor's cache, and memory is bounded."""


def reached(successors: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """0, its successor, that one's, and so on while they are inside; and the first that is outside.

    Every successor is greater than its index.
    """
    found = array("q")
    at, end = 0, len(successors)
    pointers = successors.data  # hands out integers quicker than the array does
    while at < end:
        found.append(at)
        at = pointers[at]
    return np.array(found, dtype=np.int64), at
