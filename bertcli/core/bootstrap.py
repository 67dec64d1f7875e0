"""Bootstrap: how much a figure would vary if other documents had been drawn (Efron & Tibshirani 1993, chapter 13)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COVERAGE = 0.95

_DRAWS_PER_BLOCK = 2_000_000  # 50 MB; more only where there are more documents


def resampled_sums(sums: NDArray[np.float64], *, resamples: int, seed: int) -> NDArray[np.float64]:
    """(documents, columns) to (resamples, columns): column sums of as many documents, drawn with replacement.

    All columns of a resample are of the same documents, so that figures made from them compare in pairs.
    """
    documents = len(sums)
    draw = np.random.default_rng(seed)
    block = max(1, _DRAWS_PER_BLOCK // documents)
    drawn = np.empty((resamples, sums.shape[1]))
    for begin in range(0, resamples, block):
        rows = min(block, resamples - begin)
        chosen = draw.integers(documents, size=(rows, documents))
        chosen += documents * np.arange(rows)[:, None]
        # How often each document was drawn: multinomial weights, at a tenth of the time of drawing them one by one.
        weights = np.bincount(chosen.ravel(), minlength=rows * documents).reshape(rows, documents)
        drawn[begin : begin + rows] = weights.astype(np.float64) @ sums
    return drawn


def percentile_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The bounds between which the middle 95 % of resampled values lie; values that are not defined are left out."""
    tail = (1 - COVERAGE) / 2
    low, high = np.nanquantile(values, (tail, 1 - tail))
    return float(low), float(high)
