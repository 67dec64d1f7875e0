"""Fine-tuning: a model and labelled examples to a model for the task, its predictions and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bertcli.config.finetune import Finetune
from bertcli.core import atomic
from bertcli.core.messages import notice
from bertcli.core.yaml_files import read_yaml
from bertcli.errors import ConfigError
from bertcli.stages.finetune_reports import Reports, write_reports
from bertcli.stages.finetune_session import FinetunePlan, Session
from bertcli.stages.finetune_several import parts_of, run_all, steps_of, take_up
from bertcli.training import results
from bertcli.training.checkpoints import newest_checkpoint
from bertcli.training.fitted_task import write_settled
from bertcli.training.results import RESULT_NAME, Result
from bertcli.training.run_directory import RunDirectory
from bertcli.training.signals import stop_on_signals


@dataclass(frozen=True)
class FinetuneReport:
    """What a run found: the result on the dev split, and on test splits that have labels.

    ``missed`` says in words which of the thresholds were not reached.
    """

    directory: str
    result: Result
    reports: Reports
    test_results: tuple[Result, ...] = ()
    missed: tuple[str, ...] = ()


def finetune(requested: Finetune) -> FinetuneReport | FinetunePlan:
    """Fine-tune with every seed; with ``dry_run`` only the plan. Raises a ``UserError`` before any training."""
    run = RunDirectory(requested.run_dir())
    config = run.taken_up("finetune", requested) if requested.resume else requested
    if config.resume:
        _check_steps(run, config)
        _check_evaluations(run, config)
    elif not config.dry_run:
        atomic.check_output_dir(run.path, overwrite=config.overwrite, resumable=True, inputs=_inputs(config))
    session = Session.open(config)
    plan = session.plan()
    _tell(plan)
    if config.dry_run:
        return plan
    if run.begin(overwrite=config.overwrite, resume=config.resume, inputs=_inputs(config)):
        run.check_facts(**session.facts)
        take_up(run, session.config)
    else:
        run.describe("finetune", requested, session.config, **session.facts, plan=plan.dump())
    write_settled(run.path, session.task)
    if not session.pooler_is_trained and not config.random_weights and session.reads_pooler:
        notice(f"the pooler of {config.model} was never trained: it starts fresh")
    with stop_on_signals() as stop:
        found, examples = run_all(session, run, stop)
    reports = write_reports(run, session.task, examples, text=config.text)
    missed = results.missed(found[0].metrics, config.thresholds())
    return FinetuneReport(str(run.path), found[0], reports, tuple(found[1:]), tuple(missed))


def _inputs(config: Finetune) -> list[str | Path]:
    return [config.model, *config.data, *config.train, *config.dev, *config.test]


def _check_steps(run: RunDirectory, config: Finetune) -> None:
    """Refuse more steps than a run can go on to. Raises ``ConfigError``."""
    for part in parts_of(run.path, config):
        one = RunDirectory(part.run_dir())
        before = steps_of(one)
        if before is None or config.steps is None or config.steps <= before:
            continue
        if (one.path / RESULT_NAME).is_file() and newest_checkpoint(one.checkpoints) is None:
            raise ConfigError(
                f"the run was finished after {before} steps and kept no checkpoint, now {config.steps} are asked for",
                path=one.path,
                hint="-o DIR or --overwrite starts a new run; a run with --keep 1 can go on after its last step",
            )


def _check_evaluations(run: RunDirectory, config: Finetune) -> None:
    """Refuse other evaluations where they choose the weights. Raises ``ConfigError``."""
    if not run.exists() or not config.selects:
        return
    before = read_yaml(run.path / "config.yaml").values.get("eval_every")
    if before != config.eval_every:
        raise ConfigError(
            f"evaluations choose the weights of this run: they were {_interval(before)}, "
            f"now {_interval(config.eval_every)} is asked for",
            path=run.path,
            hint="leave --eval-every as it was; --overwrite or -o DIR starts a new run",
        )


def _interval(steps: int | None) -> str:
    return f"every {steps} steps" if steps else "every epoch"


def _tell(plan: FinetunePlan) -> None:
    """What was chosen and what was cut."""
    counts = ", ".join(f"{count:,} {name}" for name, count in plan.examples.items())
    amount = f"{plan.steps:,} steps ({plan.epochs:.3g} x the training split)"
    notice(f"{counts} examples; {amount}, learning rate {plan.learning_rate:g}")
    if plan.long_texts == "chunks":
        chunks = ", ".join(f"{count:,} of {name}" for name, count in plan.sequences.items())
        notice(f"chunks of up to {plan.max_length} pieces: {chunks}")
    room = f"{plan.max_chunks} chunks" if plan.max_chunks else f"{plan.max_length} pieces"
    for split, cut in plan.truncated.items():
        if cut:
            notice(
                f"{split}: {cut:,} of {plan.examples[split]:,} examples are longer than {room} and "
                f"lose {plan.lost_tokens[split]:,} in all"
            )
