"""Fine-tune a model on a labelled task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.finetune import Finetune
from bertcli.contracts.task import TASKS
from bertcli.errors import ThresholdMissedError
from bertcli.tasks import preset_names

if TYPE_CHECKING:
    from bertcli.stages.finetune import FinetuneReport
    from bertcli.stages.finetune_long import LongReport
    from bertcli.stages.finetune_session import FinetunePlan

app = command_app()

ERRORS = frozenset({"mse", "mae"})
"""Metrics that are no share of anything."""


def body(config: Finetune, as_json: bool) -> None:
    """Fine-tune a model on a labelled task.

    --task names a data set ({presets}) or a kind of task for files of your own ({kinds}). Writes the model, its
    predictions and result.json; scores are those on the dev split.

    --recipe ulmfit is the last of three stages: `bertcli pretrain`, `bertcli pretrain --init MODEL` on the task's own
    text, and then the classifier, unfrozen from the top.
    """
    from bertcli.stages.finetune import finetune
    from bertcli.stages.finetune_session import FinetunePlan

    if config.long_texts.strategy == "all":
        _every_strategy(config, as_json)
        return
    report = finetune(config)
    if isinstance(report, FinetunePlan):
        console.show_json(report.dump()) if as_json else _show_plan(report)
        return
    console.show_json(report.result.dump()) if as_json else _show_report(report)
    if report.missed:
        raise ThresholdMissedError("; ".join(report.missed), hint=f"the run is complete in {report.directory}")


def _every_strategy(config: Finetune, as_json: bool) -> None:
    from bertcli.stages.finetune_long import LongPlan, finetune_every_strategy

    report = finetune_every_strategy(config)
    if as_json:
        console.show_json(report.dump())
    elif isinstance(report, LongPlan):
        for strategy, plan in report.plans.items():
            _show_plan(plan, f"{plan.task} with --long {strategy}")
    else:
        _show_strategies(report)
    if not isinstance(report, LongPlan) and report.missed:
        raise ThresholdMissedError("; ".join(report.missed), hint=f"the runs are complete in {report.directory}")


def _show_strategies(report: LongReport) -> None:
    first = report.strategies[0].result
    rows = []
    for found in report.strategies:
        result = found.result
        values = [row[result.primary] for row in result.per_seed]
        cells = _cell(result.primary, result.mean, values), f"{found.lost_pieces:,}", f"{result.elapsed_seconds:.1f}"
        rows.append((found.strategy, *cells))
    seeds = f", {len(first.seeds)} seeds" if len(first.seeds) > 1 else ""
    title = f"{first.task} on {first.split}, n = {first.n:,}{seeds}"
    columns = ("strategy", first.primary, f"pieces lost of {first.split}", "seconds")
    console.show_table(title, columns, rows)
    console.show_facts("written", {"runs": report.directory})


def _show_plan(plan: FinetunePlan, what: str | None = None) -> None:
    frozen = plan.trained_parameters < plan.parameters
    trained = f", {plan.trained_parameters:,} of them trained" if frozen else ""
    facts = {
        "model": f"{plan.model} ({plan.parameters:,} parameters{trained})",
        "examples": ", ".join(f"{name} {count:,}" for name, count in plan.examples.items()),
        "labels": ", ".join(plan.labels),
        "steps": f"{plan.steps:,} of {plan.batch_size} examples ({plan.epochs:g} epochs)",
        "learning rate": f"{plan.learning_rate:g}",
        "cut": ", ".join(
            f"{name} {plan.truncated[name]:,} examples, {plan.lost_tokens[name]:,} pieces" for name in plan.truncated
        ),
        "long texts": plan.long_texts,
        "seeds": ", ".join(map(str, plan.seeds)),
        "device": f"{plan.device}, {plan.precision}",
    }
    if plan.recipe:
        facts["recipe"] = ", ".join(
            str(value) if key == "name" else f"{key} {value}" for key, value in plan.recipe.items()
        )
    if plan.example is not None:
        facts["first example"] = plan.example
    title = f"{what or plan.task}: nothing is trained yet"
    console.show_facts(title, {name: fact for name, fact in facts.items() if fact})


def _show_report(report: FinetuneReport) -> None:
    for result in (report.result, *report.test_results):
        rows = []
        for name, mean in result.metrics.items():
            values = [row[name] for row in result.per_seed]
            rows.append(
                (name, _cell(name, mean, values), *(_figure(name, value) for value in values if len(values) > 1))
            )
        seeds = [f"seed {seed}" for seed in result.seeds if len(result.seeds) > 1]
        heading = "mean ± sd" if seeds else "score"
        title = f"{result.task} on {result.split}, n = {result.n:,}"
        console.show_table(title, ("metric", heading, *seeds), rows)
        if result.selected_on == result.split:
            print("optimistic: this split chose the checkpoint")
    console.show_facts("written", {"run": report.directory})


def _cell(name: str, mean: float, values: list[float]) -> str:
    from statistics import stdev

    if len(values) < 2:
        return _figure(name, mean)
    return f"{_figure(name, mean)} ± {_figure(name, stdev(values))}"


def _figure(name: str, value: float) -> str:
    """Scores as percentages; errors and thresholds, which have a unit of their own, as they are."""
    return f"{value:.4g}" if name in ERRORS or name.endswith("_threshold") else f"{100 * value:.1f}"


body.__doc__ = (body.__doc__ or "").format(presets=", ".join(preset_names()), kinds=", ".join(TASKS.names()))
configured_command(
    app,
    "finetune",
    Finetune,
    body,
    example="bertcli finetune --task sst2 --data glue/SST-2 --model bertcli-out/runs/pretrain/model",
    config_file=True,
)
