"""Figures of vocabularies with their intervals, from sums over documents, and how they differ from the first's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bertcli.core.bootstrap import percentile_interval, resampled_sums
from bertcli.text.vocabulary_fit import Sums, figures

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; no interval from a single document."""

    value: float
    low: float | None
    high: float | None


def estimate_figures(
    characters: FloatArray, sums: Sequence[Sums], *, resamples: int, seed: int
) -> Iterator[tuple[dict[str, Estimate], dict[str, Estimate] | None]]:
    """For each vocabulary its figures, and for all but the first the differences to the first.

    ``characters`` is (documents,), and so are the sums of each vocabulary.
    """
    columns = np.column_stack([characters, *chain.from_iterable(sums)])
    totals = columns.sum(axis=0)
    drawn = resampled_sums(columns, resamples=resamples, seed=seed) if len(columns) > 1 else None
    observed = _figures_of_each(totals)
    resampled = _figures_of_each(drawn.T) if drawn is not None else None
    for number, own in enumerate(observed):
        samples = resampled[number] if resampled is not None else {}
        estimates = {name: _estimate(value, samples.get(name)) for name, value in own.items()}
        differences = None
        if number:
            differences = {
                name: _estimate(
                    value - observed[0][name],
                    samples[name] - resampled[0][name] if resampled is not None else None,
                )
                for name, value in own.items()
            }
        yield estimates, differences


def _figures_of_each(columns: FloatArray) -> list[dict[str, FloatArray]]:
    """(1 + 6 · vocabularies, ...) to figures of each vocabulary; the first column is characters."""
    width = len(Sums._fields)
    return [figures(Sums(*columns[at : at + width]), columns[0]) for at in range(1, len(columns), width)]


def _estimate(value: FloatArray, samples: FloatArray | None) -> Estimate:
    low, high = percentile_interval(samples) if samples is not None else (None, None)
    return Estimate(float(value), low, high)
