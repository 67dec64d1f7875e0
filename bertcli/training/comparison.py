"""Two systems on the same examples: how their scores differ, and would differ if examples were exchanged or redrawn.

With several seeds a system's score is the mean over its seeds, and examples are exchanged and drawn in all seeds alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Prediction, Task
from bertcli.core.bootstrap import percentile_interval, resampled_sums
from bertcli.core.messages import progress
from bertcli.core.paired_tests import Randomization, randomization
from bertcli.training.score_intervals import drawn_rows

Runs = Sequence[Sequence[Prediction]]
"""The predictions of each seed, all on the same examples in the same order."""

SHARES_OF_RIGHT = ("accuracy", "exact_match", "exact")
"""Metrics that are shares of right examples, where examples have one answer each."""


class Comparison(Protocol):
    """The difference a − b of the mean scores over seeds."""

    def randomization(self, *, samples: int, seed: int) -> Randomization:
        """Whether it is more than exchanges of the two systems' predictions give."""

    def interval(self, *, resamples: int, seed: int) -> list[float]:
        """Its 95 % interval over resamples of the examples."""


def compare(task: Task, a: Runs, b: Runs, metric: str) -> Comparison:
    """The comparison by a metric of the task; both systems have equally many seeds."""
    assert len(a) == len(b)
    if metric in task.tally(a[0]).metrics:
        return TalliedComparison(task, a, b, metric)
    return ScoredComparison(task, a, b, metric)


def right(task: Task, run: Sequence[Prediction], metric: str) -> NDArray[np.bool_] | None:
    """Which examples a run has right; None where the metric is no share of right examples."""
    if metric not in SHARES_OF_RIGHT:
        return None
    tally = task.tally(run)
    if metric in tally.metrics:
        values = tally.metrics[metric](tally.counts)
    else:
        values = np.asarray([task.score([prediction])[metric] for prediction in run])
    found: NDArray[np.bool_] = values == 1
    return found if (found | (values == 0)).all() else None  # the accuracy of tags lies between


class TalliedComparison:
    """By a metric that is a function of sums over examples: a matter of matrix products."""

    def __init__(self, task: Task, a: Runs, b: Runs, metric: str) -> None:
        self._metric = task.tally(a[0]).metrics[metric]
        self._a = np.stack([task.tally(run).counts for run in a])  # (seeds, examples, columns)
        self._b = np.stack([task.tally(run).counts for run in b])

    def randomization(self, *, samples: int, seed: int) -> Randomization:
        """Only examples on which the systems differ are exchanged: with the others nothing would change."""
        gains = self._b - self._a
        changed = np.flatnonzero(gains.any(axis=(0, 2)))
        gains = gains[:, changed]
        sums_a, sums_b = self._a.sum(axis=1), self._b.sum(axis=1)  # (seeds, columns)

        def differences(exchanged: NDArray[np.bool_]) -> NDArray[np.float64]:
            moved = exchanged.astype(np.float64) @ gains  # (seeds, samples, columns)
            return self._difference(sums_a[:, None] + moved, sums_b[:, None] - moved)

        return randomization(differences, pairs=len(changed), samples=samples, seed=seed)

    def interval(self, *, resamples: int, seed: int) -> list[float]:
        """Both systems' sums are of the same resampled examples."""
        counts = np.concatenate([self._a, self._b])  # (2 · seeds, examples, columns)
        systems, examples, columns = counts.shape
        flat = counts.transpose(1, 0, 2).reshape(examples, systems * columns)
        sums = resampled_sums(flat, resamples=resamples, seed=seed).reshape(resamples, systems, columns)
        sums_a, sums_b = np.split(sums.transpose(1, 0, 2), 2)  # (seeds, resamples, columns)
        return list(percentile_interval(self._difference(sums_a, sums_b)))

    def _difference(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """(seeds, samples, columns) of each system to (samples,)."""
        difference: NDArray[np.float64] = self._metric(a).mean(axis=0) - self._metric(b).mean(axis=0)
        return difference


class ScoredComparison:
    """By any metric: the predictions of every sample are scored anew."""

    def __init__(self, task: Task, a: Runs, b: Runs, metric: str) -> None:
        self._task, self._metric = task, metric
        self._a, self._b = a, b

    def randomization(self, *, samples: int, seed: int) -> Randomization:
        """Examples of which the systems say the same are not exchanged: probabilities and scores too are compared."""
        examples = range(len(self._a[0]))
        pairs = list(zip(self._a, self._b, strict=True))
        changed = [row for row in examples if any(_said(a[row]) != _said(b[row]) for a, b in pairs)]
        done = 0

        def exchange(exchanged: NDArray[np.bool_]) -> float:
            rows = {changed[number] for number in np.flatnonzero(exchanged).tolist()}
            mixed_a = [[b[row] if row in rows else a[row] for row in examples] for a, b in pairs]
            mixed_b = [[a[row] if row in rows else b[row] for row in examples] for a, b in pairs]
            return self._mean(mixed_a) - self._mean(mixed_b)

        with progress("exchanges", samples) as bar:

            def differences(exchanged: NDArray[np.bool_]) -> NDArray[np.float64]:
                nonlocal done
                values = np.empty(len(exchanged))
                for number, one in enumerate(exchanged):
                    values[number] = exchange(one)
                    done += 1
                    bar.update(done)
                return values

            return randomization(differences, pairs=len(changed), samples=samples, seed=seed)

    def interval(self, *, resamples: int, seed: int) -> list[float]:
        """As for any other metric."""
        values = np.empty(resamples)
        with progress("resamples", resamples) as bar:
            for number, rows in enumerate(drawn_rows(len(self._a[0]), resamples, seed)):
                drawn_a, drawn_b = ([[run[row] for row in rows] for run in system] for system in (self._a, self._b))
                values[number] = self._mean(drawn_a) - self._mean(drawn_b)
                bar.update(number + 1)
        return list(percentile_interval(values))

    def _mean(self, runs: Runs) -> float:
        return float(np.mean([self._task.score(run)[self._metric] for run in runs]))


def _said(prediction: Prediction) -> tuple[Any, ...]:
    """All that a system says of an example; its id and its gold label are the data's."""
    return prediction.pred, prediction.probs, prediction.score
