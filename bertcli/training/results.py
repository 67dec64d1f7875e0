"""``result.json``: the one flat form in which every evaluation says what it found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from bertcli.contracts.task import ERRORS
from bertcli.core import atomic, fingerprints
from bertcli.errors import DataError

SCHEMA = 1

RESULT_NAME = "result.json"
"""The main result. A run is finished when it is there: it is written last."""


@dataclass(frozen=True)
class Result:
    """What was measured on one split, over one or several seeds. Metrics are fractions, unrounded.

    ``metrics`` are means over ``seeds``, ``per_seed`` the metrics of each; ``mean``, ``sd`` and ``ci95`` are those of
    the primary metric (``sd`` None with one seed). ``selected_on`` is the split that chose the checkpoint, None where
    the last one was taken. ``truncated`` counts examples of the split that were cut, ``lost_tokens`` their pieces.

    ``ci95_of`` says over what the interval is: ``seeds`` and ``folds`` by Student's t, ``examples`` of the split by
    bootstrap. Of each seed, ``restarts`` are the seeds with which it was trained again after a collapse, ``collapsed``
    what shows that its last training collapsed too (None where it did not), and ``selected_steps`` the step of the
    checkpoint that was chosen. With ``folds`` there is one seed, and what else is said of each seed is of each fold.
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
    ci95_of: Literal["seeds", "folds", "examples"] | None = None
    lost_tokens: int = 0
    restarts: list[list[int]] = field(default_factory=list)
    collapsed: list[str | None] = field(default_factory=list)
    selected_steps: list[int | None] = field(default_factory=list)
    folds: int | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def of_one(seed: int, metrics: dict[str, float], primary: str, **facts: Any) -> Result:
    """The result of one model; ``facts`` are the other fields."""
    return Result(
        schema=SCHEMA,
        primary=primary,
        metrics=metrics,
        seeds=[seed],
        per_seed=[metrics],
        mean=metrics[primary],
        sd=None,
        **facts,
    )


def combine(results: Sequence[Result], *, over: Literal["seeds", "folds"] = "seeds") -> Result:
    """The result over those of several seeds on one split, or of the folds of a split."""
    first = results[0]
    rows = [row for result in results for row in result.per_seed]
    metrics = {name: fmean(row[name] for row in rows) for name in rows[0]}
    values = [row[first.primary] for row in rows]
    folds = over == "folds"
    return replace(
        first,
        n=sum(result.n for result in results) if folds else first.n,
        metrics=metrics,
        seeds=first.seeds if folds else [seed for result in results for seed in result.seeds],
        per_seed=rows,
        mean=metrics[first.primary],
        sd=stdev(values) if len(values) > 1 else None,
        ci95=confidence_interval(values),
        truncated=sum(result.truncated for result in results) if folds else first.truncated,
        model_sha256=fingerprints.of_value([result.model_sha256 for result in results]),
        config_sha256=fingerprints.of_value([result.config_sha256 for result in results]),
        tokens_seen=sum(result.tokens_seen for result in results),
        elapsed_seconds=sum(result.elapsed_seconds for result in results),
        ci95_of=over,
        lost_tokens=sum(result.lost_tokens for result in results) if folds else first.lost_tokens,
        restarts=[seeds for result in results for seeds in result.restarts],
        collapsed=[reason for result in results for reason in result.collapsed],
        selected_steps=[step for result in results for step in result.selected_steps],
        folds=len(results) if folds else None,
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
    found = [read_result(file) for file in files]
    return found if [result.split for result in found] == list(splits) else []


def read_result(path: Path) -> Result:
    """One result. Raises ``DataError`` where it is none."""
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
    """The thresholds that were not reached, in words; errors may not be larger than theirs."""
    return [
        f"{name} is {metrics[name]:.4f}, {'above' if is_error(name) else 'below'} {bound:g}"
        for name, bound in thresholds.items()
        if not (metrics[name] <= bound if is_error(name) else metrics[name] >= bound)
    ]


def is_error(metric: str) -> bool:
    """Whether less of a metric is better, also of one of a further split, as ``mse_mismatched``."""
    return metric.partition("_")[0] in ERRORS
