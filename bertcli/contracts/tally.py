"""Counts per example whose sums give the metrics of a split, so that a resample is a sum of rows and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tally:
    """What scored predictions come to. Metrics that are no function of sums (a rank correlation) are not in it."""

    counts: Floats
    """(examples, columns)"""
    metrics: Mapping[str, Callable[[Floats], Floats]]
    """Each metric from sums of ``counts`` over examples: (…, columns) to (…)."""


def means(values: Mapping[str, Sequence[float]]) -> Tally:
    """Metrics that are means over examples, from the value of each example."""
    names = list(values)
    columns = [np.asarray(values[name], dtype=np.float64) for name in names]
    counts = np.stack([*columns, np.ones_like(columns[0])], axis=1)
    return Tally(counts, {name: partial(_mean, column=column) for column, name in enumerate(names)})


def _mean(sums: Floats, column: int) -> Floats:
    mean: Floats = sums[..., column] / sums[..., -1]
    return mean


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient, and 0 where the denominator is 0: scores of what never occurs."""
    quotient: Floats = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)
    return quotient
