"""Whether two fine-tuned runs differ on the same examples by more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from bertcli.config.finetune import Finetune
from bertcli.config.loader import load_config
from bertcli.config.long_texts import STRATEGIES
from bertcli.config.significance import Significance
from bertcli.contracts.task import Prediction, Task
from bertcli.core.component_folder import unknown_name
from bertcli.core.paired_tests import mcnemar
from bertcli.errors import ConfigError, DataError
from bertcli.stages.labelled_data import open_task
from bertcli.training.comparison import compare, right
from bertcli.training.fitted_task import read_settled
from bertcli.training.results import RESULT_NAME, read_result
from bertcli.training.saved_predictions import check_same_examples, read_predictions

SCHEMA = 1


@dataclass(frozen=True)
class SignificanceReport:
    """The difference a − b on one split, with its interval and the chance of one as large under no difference.

    ``per_seed_a`` and ``per_seed_b`` are the scores of each seed, whose means are compared. ``only_a`` and ``only_b``
    count examples that one run alone has right and ``mcnemar_p_value`` is their exact test; None where the metric is no
    share of right examples, or with several seeds. ``exact`` tells that every exchange was looked at.
    """

    schema: int
    run_a: str
    run_b: str
    kind: str
    split: str
    n: int
    metric: str
    per_seed_a: list[float]
    per_seed_b: list[float]
    mean_a: float
    mean_b: float
    difference: float
    ci95: list[float]
    p_value: float
    exact: bool
    samples: int
    seed: int
    only_a: int | None
    only_b: int | None
    mcnemar_p_value: float | None
    tested: str

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def significance(config: Significance) -> SignificanceReport:
    """Compare two runs. Raises a ``UserError`` where they are not of the same examples or kind of task."""
    task_a, task_b = (_open_task(run) for run in (config.run_a, config.run_b))
    kinds = [type(task).__module__.rpartition(".")[2] for task in (task_a, task_b)]
    if kinds[0] != kinds[1]:
        raise ConfigError(
            f"{config.run_a} is of the kind {kinds[0]} and {config.run_b} of the kind {kinds[1]}: "
            "their scores do not compare"
        )
    split = config.split or _split_of(config.run_a)
    settled_a, settled_b = (read_settled(run) for run in (config.run_a, config.run_b))
    _check_fitted_alike(config, settled_a, settled_b)
    task = task_a.as_settled(settled_a)
    a, b = (read_predictions(run, split) for run in (config.run_a, config.run_b))
    if len(a) != len(b):
        raise ConfigError(
            f"{config.run_a} has {len(a)} seeds and {config.run_b} {len(b)}: equally many are compared",
            hint="name the directories of single seeds, e.g. RUN/seed-0, or run as many --seeds",
        )
    for other in chain(a, b):
        check_same_examples(a[0], other)
    runs_a, runs_b = ([saved.predictions for saved in system] for system in (a, b))
    metric = config.metric or task.primary
    if metric not in task.metrics:
        raise unknown_name("metric", metric, task.metrics)
    per_seed_a, per_seed_b = ([task.score(run)[metric] for run in runs] for runs in (runs_a, runs_b))
    comparison = compare(task, runs_a, runs_b, metric)
    test = comparison.randomization(samples=config.samples, seed=config.seed)
    only_a, only_b = _disagreements(task, runs_a, runs_b, metric)
    mean_a, mean_b = float(np.mean(per_seed_a)), float(np.mean(per_seed_b))
    return SignificanceReport(
        schema=SCHEMA,
        run_a=str(config.run_a),
        run_b=str(config.run_b),
        kind=kinds[0],
        split=split,
        n=len(runs_a[0]),
        metric=metric,
        per_seed_a=per_seed_a,
        per_seed_b=per_seed_b,
        mean_a=mean_a,
        mean_b=mean_b,
        difference=mean_a - mean_b,
        ci95=comparison.interval(resamples=config.samples, seed=config.seed),
        p_value=test.p_value,
        exact=test.exact,
        samples=test.samples,
        seed=config.seed,
        only_a=only_a,
        only_b=only_b,
        mcnemar_p_value=None if only_a is None or only_b is None else mcnemar(only_a, only_b),
        tested=_tested(len(a)),
    )


def _open_task(run: Path) -> Task:
    """The task of a run, from its ``config.yaml``; what its ``fit`` settled is not there yet."""
    file = run / "config.yaml"
    if not file.is_file():
        raise DataError("no config.yaml: not a run of `bertcli finetune`", path=run, hint="name a run's directory")
    config = load_config(Finetune, file=file)
    if config.long_texts.strategy == "all":
        raise ConfigError(
            f"{run} is a run with every strategy of --long, each of which is a run of its own",
            hint=f"name one of them: {', '.join(str(run / strategy) for strategy in STRATEGIES)}",
        )
    return open_task(config)[1]


def _check_fitted_alike(config: Significance, a: dict[str, Any], b: dict[str, Any]) -> None:
    """Refuse tasks that would score the same predictions differently."""
    for name in dict.fromkeys((*a, *b)):
        values = [sorted(one) if isinstance(one, list) else one for one in (a.get(name), b.get(name))]
        if values[0] != values[1]:
            raise ConfigError(
                f"the {name} that {config.run_a} took from its training split are not those of {config.run_b}: "
                "their scores do not compare",
                hint=f"fine-tune both with the same --set task_settings.{name}=…, or on the same training split",
            )


def _split_of(run: Path) -> str:
    if not (run / RESULT_NAME).is_file():
        raise DataError("no result.json: the run is not finished", path=run, hint="finish it with --resume")
    return read_result(run / RESULT_NAME).split


def _disagreements(
    task: Task, a: Sequence[Sequence[Prediction]], b: Sequence[Sequence[Prediction]], metric: str
) -> tuple[int, int] | tuple[None, None]:
    """How many examples one run alone has right."""
    if len(a) > 1:
        return None, None
    right_a, right_b = right(task, a[0], metric), right(task, b[0], metric)
    if right_a is None or right_b is None:
        return None, None
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def _tested(seeds: int) -> str:
    """What the test says, and what it does not."""
    if seeds == 1:
        return "whether these two models differ on other examples of this kind; it does not speak of other seeds"
    return f"whether the mean of these {seeds} models differs on other examples of this kind; the seeds are held fixed"
