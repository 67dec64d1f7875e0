"""``result.json``: the one flat form in which every evaluation says what it found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from bertcli.core import atomic
from bertcli.errors import DataError

SCHEMA = 1

RESULT_NAME = "result.json"
"""The main result. A run is finished when it is there: it is written last."""


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


def write_results(directory: Path, results: Sequence[Result]) -> None:
    """``result.json`` for the first, ``result-SPLIT.json`` for the others."""
    for result in results[1:]:
        atomic.write_json(directory / f"result-{result.split}.json", result.dump())
    atomic.write_json(directory / RESULT_NAME, results[0].dump())


def read_results(directory: Path, splits: Sequence[str]) -> list[Result]:
    """The results on these splits, the main one first; none unless all of them are there. Raises ``DataError``."""
    files = [directory / RESULT_NAME, *(directory / f"result-{split}.json" for split in splits[1:])]
    if not all(file.is_file() for file in files):
        return []
    found = [_read_result(file) for file in files]
    return found if [result.split for result in found] == list(splits) else []


def _read_result(path: Path) -> Result:
    try:
        values = json.loads(path.read_text("utf-8"))
        if values["schema"] == SCHEMA:
            return Result(**values)
        found = f"a result of schema {values['schema']}, expected {SCHEMA}"
    except (ValueError, KeyError, TypeError):
        found = "not a result that bertcli has written"
    raise DataError(found, path=path, hint="--overwrite or -o DIR starts a new run")


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
