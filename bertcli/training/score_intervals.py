"""How much a score would vary if other examples had been drawn for its split: a bootstrap over examples.

*Source*: Efron & Tibshirani 1993, chapter 13; for the difference of two systems on the same examples, Koehn 2004.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Prediction, Task
from bertcli.core.bootstrap import percentile_interval, resampled_sums
from bertcli.core.randomness import below, hash64

RESAMPLES = 1000


def score_interval(
    task: Task, predictions: Sequence[Prediction], metric: str, *, resamples: int = RESAMPLES, seed: int = 0
) -> list[float]:
    """The 95 % interval of a metric over resamples of the examples."""
    tally = task.tally(predictions)
    if metric in tally.metrics:
        values = tally.metrics[metric](resampled_sums(tally.counts, resamples=resamples, seed=seed))
    else:
        drawn = drawn_rows(len(predictions), resamples, seed)
        values = np.asarray([task.score([predictions[row] for row in rows])[metric] for rows in drawn])
    return list(percentile_interval(values))


def drawn_rows(examples: int, resamples: int, seed: int) -> Iterator[list[int]]:
    """The rows of each resample, with replacement: the same for everything that is resampled beside it."""
    numbers: NDArray[np.int64] = np.arange(examples)
    for resample in range(resamples):
        yield below(hash64(seed, "bootstrap rows", resample, numbers), examples).tolist()
