"""Cutting a pair of segments to a length, as BERT does: token by token, from the longer one, at its front or back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.core.randomness import hash64
from bertcli.core.ranges import ranges

Integers = NDArray[np.int64]

_ONES = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def truncated_lengths(a: Integers, b: Integers, budget: Integers | int) -> tuple[Integers, Integers]:
    """Lengths after taking tokens one by one from the longer of two segments (from ``b`` when they are equal)."""
    half = (budget + 1) // 2
    a_kept = np.where(a < half, a, np.where(b < budget - half, budget - b, half))
    fits = a + b <= budget
    return np.where(fits, a, a_kept), np.where(fits, b, budget - a_kept)


def tosses(trials: Integers, seed: int, purpose: str, *counters: Integers | int) -> Integers:
    """Heads in ``trials`` fair tosses for each of the counters: the ones among as many bits of hashes."""
    words = -(-trials // 64)
    owners = np.repeat(np.arange(len(trials)), words)
    numbers = ranges(np.zeros_like(words), words)
    of_owners = (counter if isinstance(counter, int) else counter[owners] for counter in counters)
    hashes = hash64(seed, purpose, *of_owners, numbers)
    bits = np.minimum(trials[owners] - 64 * numbers, 64)
    hashes >>= (64 - bits).astype(np.uint64)
    ones = _ONES[hashes[:, None].view(np.uint8)].sum(axis=1, dtype=np.int64)
    return np.bincount(owners, weights=ones, minlength=len(trials)).astype(np.int64)
