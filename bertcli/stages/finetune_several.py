"""Several models of a run, one for each seed or for each fold: each a run of its own, and their joint result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bertcli.config.finetune import Finetune
from bertcli.contracts.task import Examples
from bertcli.core.messages import silence
from bertcli.core.yaml_files import read_yaml
from bertcli.data.folds import FOLDS_SPLIT, in_order
from bertcli.stages.finetune_one import run_one, write_predictions
from bertcli.stages.finetune_session import Session
from bertcli.training import results
from bertcli.training.fitted_task import write_settled
from bertcli.training.results import RESULT_NAME, Result
from bertcli.training.run_directory import RunDirectory
from bertcli.training.saved_predictions import read_predictions
from bertcli.training.signals import StopRequest


def parts_of(path: Path, config: Finetune) -> list[Finetune]:
    """The configuration of each model of a run: of one model, the run's own."""
    if config.folds is not None and config.fold is None:
        return [
            config.model_copy(update={"fold": number, "output": path / f"fold-{number}"})
            for number in range(1, config.folds + 1)
        ]
    if config.seeds > 1:
        return [
            config.model_copy(update={"seed": seed, "seeds": 1, "output": path / f"seed-{seed}"})
            for seed in range(config.seed, config.seed + config.seeds)
        ]
    return [config.model_copy(update={"output": path})]


def run_all(session: Session, run: RunDirectory, stop: StopRequest) -> tuple[list[Result], Examples]:
    """The results of a run, on dev and on labelled test splits, and the examples of the first."""
    parts = parts_of(run.path, session.config)
    if session.config.folds is not None and len(parts) > 1:
        return _run_folds(session, run, parts, stop)
    if len(parts) == 1:
        return run_one(session, run, stop), session.splits.dev[0]
    finished = [_run_part(replace(session, config=part), stop) for part in parts]
    found = [results.combine(list(of_split)) for of_split in zip(*finished, strict=True)]
    results.write_results(run.path, found)
    return found, session.splits.dev[0]


def _run_folds(
    session: Session, run: RunDirectory, parts: list[Finetune], stop: StopRequest
) -> tuple[list[Result], Examples]:
    """Every fold with what the others hold; their predictions together are those of the whole split."""
    finished: list[list[Result]] = []
    held_out: list[Examples] = []
    for part in parts:
        one = replace(session, config=part) if part.fold == 1 else _opened_again(part)
        finished.append(_run_part(one, stop))
        held_out += one.splits.dev
    examples, rows = in_order(held_out)
    predicted = [
        prediction
        for part in parts
        for saved in read_predictions(part.run_dir(), FOLDS_SPLIT)
        for prediction in saved.predictions
    ]
    write_predictions(run, FOLDS_SPLIT, [predicted[row] for row in rows])
    found = [results.combine(list(of_split), over="folds") for of_split in zip(*finished, strict=True)]
    # Test splits are the same ones in every fold.
    found = [
        found[0],
        *(replace(result, n=of_one.n) for result, of_one in zip(found[1:], finished[0][1:], strict=True)),
    ]
    results.write_results(run.path, found)
    return found, examples


def _opened_again(part: Finetune) -> Session:
    """What there is to tell was told when the run was opened."""
    with silence():
        return Session.open(part)


def _run_part(session: Session, stop: StopRequest) -> list[Result]:
    """One of several models, as a run of its own whose ``config.yaml`` repeats it."""
    config = session.config
    run = RunDirectory(config.run_dir())
    if run.exists():
        take_up(run, config)
    else:
        run.path.mkdir(parents=True, exist_ok=True)
        run.describe("finetune", config, config, **session.facts)
    write_settled(run.path, session.task)
    return run_one(session, run, stop)


def steps_of(run: RunDirectory) -> int | None:
    """The steps that a run was given; None where it has epochs, or was not begun."""
    steps: int | None = read_yaml(run.path / "config.yaml").values.get("steps") if run.exists() else None
    return steps


def take_up(run: RunDirectory, config: Finetune) -> None:
    """Let a run go on; one that was finished after fewer steps is finished no more."""
    before = steps_of(run)
    if before is not None and config.steps is not None and before < config.steps:
        (run.path / RESULT_NAME).unlink(missing_ok=True)
        run.write_config("finetune", config)
