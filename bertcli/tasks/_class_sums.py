"""Metrics of classes from counts that can be summed over examples, as scikit-learn defines them.

Sums are (…, 3 · classes): predicted and right, predicted, gold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.tally import Floats, ratio


def class_counts(gold: NDArray[np.bool_], pred: NDArray[np.bool_]) -> Floats:
    """What is summed, (examples, 3 · classes), from whether each class holds and is predicted: (examples, classes)."""
    return np.concatenate([gold & pred, pred, gold], axis=1).astype(np.float64)


def _parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    right, predicted, gold = np.split(sums, 3, axis=-1)
    return right, predicted, gold


def accuracy(sums: Floats) -> Floats:
    """The share of right predictions, of which every example has one."""
    right, _, gold = _parts(sums)
    return ratio(right.sum(axis=-1), gold.sum(axis=-1))


def f1(sums: Floats) -> Floats:
    """That of every class: (…, classes)."""
    right, predicted, gold = _parts(sums)
    return ratio(2 * right, predicted + gold)


def f1_of_last(sums: Floats) -> Floats:
    """That of the last class."""
    last: Floats = f1(sums)[..., -1]
    return last


def macro_f1(sums: Floats) -> Floats:
    """The mean over all classes."""
    mean: Floats = f1(sums).mean(axis=-1)
    return mean


def matthews(sums: Floats) -> Floats:
    """Gorodkin 2004, equation 8; 0 where gold or predictions are of one class."""
    right, predicted, gold = _parts(sums)
    count = gold.sum(axis=-1)
    covariance = right.sum(axis=-1) * count - (predicted * gold).sum(axis=-1)
    spreads = (count**2 - np.square(predicted).sum(axis=-1)) * (count**2 - np.square(gold).sum(axis=-1))
    return ratio(covariance, np.sqrt(spreads))


def micro_f1(sums: Floats) -> Floats:
    """That of all classes together."""
    right, predicted, gold = (part.sum(axis=-1) for part in _parts(sums))
    return ratio(2 * right, predicted + gold)
