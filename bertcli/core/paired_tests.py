"""Paired tests: whether two systems differ on the same examples by more than chance would.

*Source*: approximate randomization, Noreen 1989 and Yeh 2000 (section 3); the exact test of McNemar 1947 for what is
right or wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.core.randomness import hash64

Differences = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""(samples, pairs) whether the two of a pair are exchanged, to the difference in each sample."""

_CELLS_PER_BLOCK = 4_000_000  # draws that are in memory at a time
_NEARLY = 1e-10  # the same counts, added in another order


@dataclass(frozen=True)
class Randomization:
    """The share of ``samples`` exchanges that differ at least as much as what was observed, in either direction.

    ``exact`` where every possible exchange was looked at; otherwise the observed one counts as one sample more, so
    that the value is never 0.
    """

    p_value: float
    samples: int
    exact: bool


def randomization(differences: Differences, *, pairs: int, samples: int, seed: int) -> Randomization:
    """Exchange each of ``pairs`` with probability ½, ``samples`` times; every exchange once where there are fewer."""
    observed = abs(float(differences(np.zeros((1, pairs), dtype=np.bool_))[0]))
    exact = pairs < samples.bit_length() and 2**pairs <= samples
    total = 2**pairs if exact else samples
    block = max(1, _CELLS_PER_BLOCK // max(1, pairs))
    extreme = 0
    for begin in range(0, total, block):
        numbers = np.arange(begin, min(begin + block, total))
        exchanged = _bits(numbers, pairs) if exact else _tosses(numbers, pairs, seed)
        extreme += int((np.abs(differences(exchanged)) >= observed - _NEARLY).sum())
    return Randomization(extreme / total if exact else (extreme + 1) / (total + 1), total, exact)


def mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided: the chance that fair tosses split so unevenly the examples that one system alone has right."""
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _bits(numbers: NDArray[np.int64], pairs: int) -> NDArray[np.bool_]:
    """(numbers, pairs) the binary digits of each number."""
    digits: NDArray[np.int64] = (numbers[:, None] >> np.arange(pairs)) & 1
    return digits.astype(np.bool_)


def _tosses(samples: NDArray[np.int64], pairs: int, seed: int) -> NDArray[np.bool_]:
    """(samples, pairs) fair tosses: the bits of hashes of (sample, word)."""
    words = np.arange(-(-pairs // 64))
    drawn = hash64(seed, "significance exchanges", samples[:, None], words[None, :])
    bits = np.unpackbits(drawn.astype("<u8").view(np.uint8), axis=1, count=pairs, bitorder="little")
    return bits.astype(np.bool_)
