"""Fine-tuning with every way to read long texts, on the same splits with the same seeds, to compare them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertcli.config.finetune import Finetune
from bertcli.config.long_texts import STRATEGIES, Strategy
from bertcli.core import atomic
from bertcli.core.messages import notice
from bertcli.stages.finetune import FinetuneReport, finetune
from bertcli.stages.finetune_session import FinetunePlan, Session
from bertcli.training.results import Result
from bertcli.training.run_directory import RunDirectory

TABLE_NAME = "strategies.json"


@dataclass(frozen=True)
class StrategyReport:
    """What one way to read long texts led to."""

    strategy: Strategy
    result: Result
    test_results: tuple[Result, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "strategy": self.strategy,
            "result": self.result.dump(),
            "test_results": [result.dump() for result in self.test_results],
        }


@dataclass(frozen=True)
class LongReport:
    """A run with every strategy, each in a directory of its own. ``missed`` says which thresholds were not reached."""

    directory: str
    strategies: tuple[StrategyReport, ...]
    missed: tuple[str, ...] = ()

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {"directory": self.directory, "strategies": [found.dump() for found in self.strategies]}


@dataclass(frozen=True)
class LongPlan:
    """What the run with every strategy will do."""

    plans: dict[Strategy, FinetunePlan]

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {strategy: plan.dump() for strategy, plan in self.plans.items()}


def finetune_every_strategy(requested: Finetune) -> LongReport | LongPlan:
    """Fine-tune once for every strategy; with ``dry_run`` only the plans.

    Raises a ``UserError`` before any training.
    """
    run = RunDirectory(requested.run_dir())
    config = run.taken_up("finetune", requested) if requested.resume else requested
    inputs: list[str | Path] = [config.model, *config.data, *config.train, *config.dev, *config.test]
    if not (config.resume or config.dry_run):
        atomic.check_output_dir(run.path, overwrite=config.overwrite, resumable=True, inputs=inputs)
    runs = {strategy: _of_one(config, strategy, run.path / strategy) for strategy in STRATEGIES}
    if config.dry_run:
        return LongPlan({strategy: _plan(own) for strategy, own in runs.items()})
    Session.open(runs["chunks"])  # which is the most particular of them: nothing is trained if one cannot be
    if run.begin(overwrite=config.overwrite, resume=config.resume, inputs=inputs):
        run.write_config("finetune", config)  # which may have more steps now
    else:
        run.describe("finetune", requested, config)
    found = [_run(strategy, own) for strategy, own in runs.items()]
    reports = tuple(report for report, _ in found)
    missed = tuple(f"--long {report.strategy}: {text}" for report, of_one in found for text in of_one)
    report = LongReport(str(run.path), reports, missed)
    atomic.write_json(run.path / TABLE_NAME, report.dump())
    notice(f"the best of the {len(reports)} is best on {reports[0].result.split}: its score there is optimistic")
    return report


def _of_one(config: Finetune, strategy: Strategy, output: Path) -> Finetune:
    """The configuration of one run; a resume begins those that are not there yet."""
    said = config.long_texts.of_one(strategy)
    return config.model_copy(update={"long_texts": said, "output": output, "overwrite": False})


def _plan(config: Finetune) -> FinetunePlan:
    plan = finetune(config)
    assert isinstance(plan, FinetunePlan)
    return plan


def _run(strategy: Strategy, config: Finetune) -> tuple[StrategyReport, tuple[str, ...]]:
    """One run, and the thresholds that it missed."""
    notice(f"--long {strategy}")
    report = finetune(config)
    assert isinstance(report, FinetuneReport)
    return StrategyReport(strategy, report.result, report.test_results), report.missed
