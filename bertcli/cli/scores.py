"""How scores are written on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import stdev

from bertcli.contracts.task import ERRORS


def figure(metric: str, value: float) -> str:
    """Scores as percentages; errors and thresholds, which have a unit of their own, as they are."""
    return f"{value:.4g}" if metric in ERRORS or metric.endswith("_threshold") else f"{100 * value:.1f}"


def mean_and_deviation(metric: str, mean: float, values: Sequence[float]) -> str:
    """``84.0 ± 0.3``; the score alone where there is one value."""
    if len(values) < 2:
        return figure(metric, mean)
    return f"{figure(metric, mean)} ± {figure(metric, stdev(values))}"
