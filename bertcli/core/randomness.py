"""Counter-based randomness: every draw is a hash of what it is for.

A draw is ``hash64(seed, purpose, epoch, example, position)``. Nothing is consumed and no state is kept,
so data do not depend on the number of workers, the batch size, the device or a resume.

The mixer is the finaliser of SplitMix64 (Steele, Lea & Flood 2014, figure 17), applied once per
counter. It passes the statistical tests that the masks need (``tests/core/test_randomness.py``).
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

UInt64Array = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(state: UInt64Array) -> UInt64Array:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))


@cache
def _purpose(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def hash64(seed: int, purpose: str, *counters: ArrayLike) -> UInt64Array:
    """Hash of all arguments, as an array of uint64.

    ``counters`` are integers or integer arrays that broadcast against each other; the result has
    their common shape. Negative integers are taken modulo 2**64.
    """
    with np.errstate(over="ignore"):
        state = _mix(np.asarray([(seed ^ _purpose(purpose)) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64))
        for counter in counters:
            words = np.asarray(counter).astype(np.int64).view(np.uint64)
            state = _mix((state ^ words) + _GOLDEN)
    shape = np.broadcast_shapes(*(np.shape(counter) for counter in counters))
    return state.reshape(shape)


def uniform(draws: UInt64Array) -> NDArray[np.float64]:
    """Draws as numbers in [0, 1), from their upper 53 bits."""
    return (draws >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(draws: UInt64Array, bound: ArrayLike) -> NDArray[np.int64]:
    """Draws as integers in [0, bound); ``bound`` is at most 2**31, so that the bias stays under 2**-21."""
    scaled: NDArray[np.int64] = np.floor(uniform(draws) * np.asarray(bound)).astype(np.int64)
    return scaled


def permutation(seed: int, purpose: str, epoch: int, count: int) -> NDArray[np.int64]:
    """A permutation of ``range(count)``: the order of the counters' hashes."""
    order: NDArray[np.int64] = np.argsort(hash64(seed, purpose, epoch, np.arange(count)), kind="stable")
    return order
