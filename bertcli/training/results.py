"""``result.json``: the one flat form in which every evaluation says what it found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

SCHEMA = 1


@dataclass(frozen=True)
class Result:
    """What was measured on one split, over one or several seeds. Metrics are fractions, unrounded.

    ``metrics`` are means over ``seeds``, ``per_seed`` the metrics of each; ``mean``, ``sd`` and ``ci95`` are those of
    the primary metric (the latter two None with one seed). ``selected_on`` is the split that chose the checkpoint, None
    where the last one was taken. ``truncated`` counts examples of the split that were cut.
    """

    schema: int
    task: str
    split: str
    n: int
    primary: str
    metrics: dict[str, float]
    seeds: list[int]
    per_seed: list[dict[str, float]]
    mean: float
    sd: float | None
    ci95: list[float] | None
    selected_on: str | None
    truncated: int
    model_sha256: str
    vocab_sha256: str
    data_sha256: str
    config_sha256: str
    tokens_seen: int
    device: str
    precision: str
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def combine(per_seed: Mapping[int, dict[str, float]], primary: str, **facts: Any) -> Result:
    """The result over the metrics of each seed; ``facts`` are the other fields."""
    seeds = list(per_seed)
    rows = list(per_seed.values())
    metrics = {name: fmean(row[name] for row in rows) for name in rows[0]}
    values = [row[primary] for row in rows]
    return Result(
        schema=SCHEMA,
        primary=primary,
        metrics=metrics,
        seeds=seeds,
        per_seed=rows,
        mean=metrics[primary],
        sd=stdev(values) if len(values) > 1 else None,
        ci95=confidence_interval(values),
        **facts,
    )


def confidence_interval(values: Sequence[float]) -> list[float] | None:
    """The 95 % interval of the mean by Student's t; None for a single value."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
    return [fmean(values) - half, fmean(values) + half]


def missed(metrics: Mapping[str, float], thresholds: Mapping[str, float]) -> list[str]:
    """The thresholds that were not reached, in words."""
    return [
        f"{name} is {metrics[name]:.4f}, below {bound:g}"
        for name, bound in thresholds.items()
        if not metrics[name] >= bound
    ]
