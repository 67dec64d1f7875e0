"""Fine-tune a model on a labelled task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.cli.scores import figure, mean_and_deviation
from bertcli.config.finetune import Finetune
from bertcli.contracts.task import TASKS
from bertcli.errors import ThresholdMissedError
from bertcli.tasks import preset_names

if TYPE_CHECKING:
    from bertcli.stages.finetune import FinetuneReport
    from bertcli.stages.finetune_long import LongReport
    from bertcli.stages.finetune_session import FinetunePlan
    from bertcli.training.results import Result

app = command_app()

SHOWN_CLASSES = 12
"""A confusion matrix of more is in its file alone."""
SHOWN_MISTAKES = 5

INTERVALS = {
    "seeds": "of the mean over seeds",
    "folds": "of the mean over folds, which share training examples: too narrow rather than too wide",
    "examples": "by resampling the examples; it does not speak of other seeds",
}
"""What each kind of interval is of."""


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
    console.show_json(report.result.dump()) if as_json else _show_report(report, text=config.text)
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
        cells = (
            mean_and_deviation(result.primary, result.mean, values),
            f"{result.lost_tokens:,}",
            f"{result.elapsed_seconds:.1f}",
        )
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
        **({"folds": f"{plan.folds}, each as above"} if plan.folds else {}),
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


def _show_report(report: FinetuneReport, *, text: bool) -> None:
    for result in (report.result, *report.test_results):
        _show_result(result)
    confusion = report.reports.confusion
    if confusion is not None and len(confusion.labels) <= SHOWN_CLASSES:
        labels = [console.printable(label) for label in confusion.labels]
        rows = [(label, *(f"{count:,}" for count in row)) for label, row in zip(labels, confusion.counts, strict=True)]
        title = f"{confusion.of} of {confusion.split} by gold label (rows) and prediction (columns)"
        if len(report.result.seeds) > 1:
            title += f", {len(report.result.seeds)} seeds together"
        console.show_table(title, ("", *labels), rows)
    _show_mistakes(report, text=text)
    console.show_facts("written", {"run": report.directory})


def _show_result(result: Result) -> None:
    rows = []
    for name, mean in result.metrics.items():
        values = [row[name] for row in result.per_seed]
        figures = (figure(name, value) for value in values if len(values) > 1)
        rows.append((name, mean_and_deviation(name, mean, values), *figures))
    each = [f"seed {seed}" for seed in result.seeds if len(result.seeds) > 1]
    if result.folds:
        each = [f"fold {number}" for number in range(1, result.folds + 1)]
    title = f"{result.task} on {result.split}, n = {result.n:,}"
    console.show_table(title, ("metric", "mean ± sd" if each else "score", *each), rows)
    facts = {}
    if result.ci95 is not None and result.ci95_of is not None:
        low, high = (figure(result.primary, bound) for bound in result.ci95)
        facts["95 % interval"] = f"{low} to {high}, {INTERVALS[result.ci95_of]}"
    facts["cut"] = f"{result.truncated:,} of {result.n:,} examples, {result.lost_tokens:,} pieces"
    for run, (seeds, collapsed) in enumerate(zip(result.restarts, result.collapsed, strict=True)):
        name = each[run] if each else "run"
        if seeds:
            facts[f"{name} restarted"] = f"after a collapse, with seed {', '.join(map(str, seeds))}"
        if collapsed:
            facts[f"{name} collapsed"] = console.printable(collapsed)
    console.show_facts("behind the score", facts)
    if result.selected_on == result.split:
        print("optimistic: this split chose the checkpoint")


def _show_mistakes(report: FinetuneReport, *, text: bool) -> None:
    """The worst of them; without the data's text their ids alone."""
    shown = report.reports.mistakes[:SHOWN_MISTAKES]
    if not shown:
        return
    if not text:
        console.show_facts("worst mistakes", {"ids": ", ".join(console.printable(mistake.id) for mistake in shown)})
        return
    print("worst mistakes")
    for mistake in shown:
        pred = f"{_shortened(mistake.pred, 40)} ({mistake.badness:.2f})"
        print(f"  {_shortened(mistake.id, 20)}: {pred}, gold {_shortened(mistake.gold, 40)}")
        for part in (mistake.text or {}).values():
            print(f"    {_shortened(part, 100)}")


def _shortened(value: object, width: int) -> str:
    """On one line that no terminal obeys."""
    found = console.printable(" ".join(str(value).split()))
    return found if len(found) <= width else f"{found[: width - 1]}…"


body.__doc__ = (body.__doc__ or "").format(presets=", ".join(preset_names()), kinds=", ".join(TASKS.names()))
configured_command(
    app,
    "finetune",
    Finetune,
    body,
    example="bertcli finetune --task sst2 --data glue/SST-2 --model bertcli-out/runs/pretrain/model",
    config_file=True,
)
