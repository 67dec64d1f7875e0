"""Fine-tuning: a model and labelled examples to a model for the task, its predictions and its scores."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bertcli.config.finetune import Finetune
from bertcli.contracts.task import Examples, Prediction
from bertcli.core import atomic, fingerprints
from bertcli.core.messages import notice
from bertcli.core.yaml_files import read_yaml
from bertcli.data.splits import Splits, metric_suffix
from bertcli.errors import ConfigError
from bertcli.models.checkpoint import save_model
from bertcli.stages.finetune_session import FinetunePlan, Session
from bertcli.stages.finetune_training import metrics_of, predict_split, train_model
from bertcli.stages.long_texts import reading_of
from bertcli.training import results
from bertcli.training.checkpoints import newest_checkpoint
from bertcli.training.results import RESULT_NAME, Result
from bertcli.training.run_directory import MAY_DIFFER, RunDirectory
from bertcli.training.signals import StopRequest, stop_on_signals


@dataclass(frozen=True)
class FinetuneReport:
    """What a run found: the result on the dev split, and on test splits that have labels.

    ``missed`` says in words which of the thresholds were not reached.
    """

    directory: str
    result: Result
    test_results: tuple[Result, ...] = ()
    missed: tuple[str, ...] = ()


def finetune(requested: Finetune) -> FinetuneReport | FinetunePlan:
    """Fine-tune with every seed; with ``dry_run`` only the plan. Raises a ``UserError`` before any training."""
    run = RunDirectory(requested.run_dir())
    config = run.taken_up("finetune", requested) if requested.resume else requested
    if config.resume:
        _check_steps(run, config)
    elif not config.dry_run:
        atomic.check_output_dir(run.path, overwrite=config.overwrite, resumable=True, inputs=_inputs(config))
    session = Session.open(config)
    plan = session.plan()
    _tell(plan)
    if config.dry_run:
        return plan
    if run.begin(overwrite=config.overwrite, resume=config.resume, inputs=_inputs(config)):
        run.check_facts(**session.facts)
        _take_up(run, session.config)
    else:
        run.describe("finetune", requested, session.config, **session.facts, plan=plan.dump())
    with stop_on_signals() as stop:
        return _every_seed(session, run, stop)


def _inputs(config: Finetune) -> list[str | Path]:
    return [config.model, *config.data, *config.train, *config.dev, *config.test]


def _runs(run: RunDirectory, config: Finetune) -> dict[int, RunDirectory]:
    """The run of each seed: where there is one seed, the run itself."""
    if config.seeds == 1:
        return {config.seed: run}
    seeds = range(config.seed, config.seed + config.seeds)
    return {seed: RunDirectory(run.path / f"seed-{seed}") for seed in seeds}


def _steps_of(run: RunDirectory) -> int | None:
    """The steps that a run was given; None where it has epochs, or was not begun."""
    steps: int | None = read_yaml(run.path / "config.yaml").values.get("steps") if run.exists() else None
    return steps


def _check_steps(run: RunDirectory, config: Finetune) -> None:
    """Refuse more steps than a run can go on to. Raises ``ConfigError``."""
    for one in _runs(run, config).values():
        before = _steps_of(one)
        if before is None or config.steps is None or config.steps <= before:
            continue
        if (one.path / RESULT_NAME).is_file() and newest_checkpoint(one.checkpoints) is None:
            raise ConfigError(
                f"the run was finished after {before} steps and kept no checkpoint, now {config.steps} are asked for",
                path=one.path,
                hint="-o DIR or --overwrite starts a new run; a run with --keep 1 can go on after its last step",
            )


def _take_up(run: RunDirectory, config: Finetune) -> None:
    """Let a run go on; one that was finished after fewer steps is finished no more."""
    before = _steps_of(run)
    if before is not None and config.steps is not None and before < config.steps:
        (run.path / RESULT_NAME).unlink(missing_ok=True)
        run.write_config("finetune", config)


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


def _every_seed(session: Session, run: RunDirectory, stop: StopRequest) -> FinetuneReport:
    config = session.config
    if not session.pooler_is_trained and not config.random_weights and session.reads_pooler:
        notice(f"the pooler of {config.model} was never trained: it starts fresh")
    if config.seeds == 1:
        found = _one_seed(session, run, config.seed, stop)
    else:
        finished = [_inner_run(session, inner, seed, stop) for seed, inner in _runs(run, config).items()]
        found = [_joined(list(of_split)) for of_split in zip(*finished, strict=True)]
        results.write_results(run.path, found)
    missed = results.missed(found[0].metrics, config.thresholds())
    return FinetuneReport(str(run.path), found[0], tuple(found[1:]), tuple(missed))


def _inner_run(session: Session, run: RunDirectory, seed: int, stop: StopRequest) -> list[Result]:
    """One of several seeds, as a run of its own whose ``config.yaml`` repeats it."""
    own = session.config.model_copy(update={"seed": seed, "seeds": 1, "output": run.path})
    if run.exists():
        _take_up(run, own)
    else:
        run.path.mkdir(parents=True, exist_ok=True)
        run.describe("finetune", own, own, **session.facts)
    return _one_seed(replace(session, config=own), run, seed, stop)


def _joined(of_split: list[Result]) -> Result:
    """The result over all seeds on one split."""
    first = of_split[0]
    facts = {
        name: getattr(first, name)
        for name in (
            "task",
            "split",
            "n",
            "selected_on",
            "truncated",
            "vocab_sha256",
            "data_sha256",
            "device",
            "precision",
        )
    }
    return results.combine(
        {result.seeds[0]: result.metrics for result in of_split},
        first.primary,
        model_sha256=fingerprints.of_value([result.model_sha256 for result in of_split]),
        config_sha256=fingerprints.of_value([result.config_sha256 for result in of_split]),
        tokens_seen=sum(result.tokens_seen for result in of_split),
        elapsed_seconds=sum(result.elapsed_seconds for result in of_split),
        **facts,
    )


def _one_seed(session: Session, run: RunDirectory, seed: int, stop: StopRequest) -> list[Result]:
    """Train, write the model and the predictions, and score them: the result on dev, then on labelled test splits."""
    finished = results.read_results(run.path, [group[0].split for group in _groups(session.splits)])
    if finished:
        notice(f"{run.path} is finished already")
        return finished
    (run.path / RESULT_NAME).unlink(missing_ok=True)  # of a run that lacks another result
    model, trainer = train_model(session, run, seed, stop)
    state = trainer.state
    accelerator = session.accelerator
    others = model.other_heads()
    parts = ["encoder", *(["pooler"] if session.reads_pooler else []), session.task.head, *others]
    save_model(
        run.model,
        model.assembled(),
        trained=parts,
        tokenizer=session.tokenizer,
        other_heads=others,
        facts=model.facts() | reading_of(session.config),
    )
    predictions: dict[str, list[Prediction]] = {}
    for split in session.splits.all()[1:]:
        predictions[split.split], loss = predict_split(session, model, split)
        _write_predictions(session, run, split, predictions[split.split])
        if split is session.splits.dev[0]:
            trainer.log(metrics_of(session, predictions[split.split], loss))
    facts = {
        "task": session.config.task,
        "selected_on": None,
        "model_sha256": fingerprints.of_file(run.model / "model.safetensors"),
        "vocab_sha256": session.tokenizer.vocabulary.fingerprint,
        "data_sha256": session.splits.sha256,
        "config_sha256": fingerprints.of_value(_what_matters(session.config)),
        "tokens_seen": state.tokens_seen,
        "device": accelerator.device.type,
        "precision": session.config.precision,
        "elapsed_seconds": state.elapsed_seconds,
    }
    scored = [_scored(session, group, predictions, seed, facts) for group in _groups(session.splits)]
    results.write_results(run.path, scored)
    if session.config.keep == 0:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    accelerator.free_memory()  # it holds on to every model it has prepared
    return scored


def _what_matters(config: Finetune) -> dict[str, Any]:
    """The configuration without where and how it ran."""
    aside = MAY_DIFFER | {"threads"}
    return {name: value for name, value in config.dump().items() if name not in aside}


def _write_predictions(session: Session, run: RunDirectory, split: Examples, predictions: list[Prediction]) -> None:
    directory = run.path / "predictions"
    lines = (json.dumps(prediction.dump(), ensure_ascii=False) + "\n" for prediction in predictions)
    atomic.write_text(directory / f"{split.split}.jsonl", "".join(lines))
    preset = session.found.preset
    if preset and split.split in preset.official:
        text = "".join(f"{line}\n" for line in session.task.official(predictions))
        atomic.write_text(directory / preset.official[split.split], text)


def _groups(splits: Splits) -> list[tuple[Examples, ...]]:
    """Splits that share a result: all dev splits, and each test split that has labels."""
    return [splits.dev, *((split,) for split in splits.test if "label" in split.columns)]


def _scored(
    session: Session,
    group: tuple[Examples, ...],
    predictions: Mapping[str, list[Prediction]],
    seed: int,
    facts: Mapping[str, Any],
) -> Result:
    """The result on the first split of a group; the metrics of the others carry their names' endings."""
    main = group[0]
    metrics: dict[str, float] = {}
    for split in group:
        suffix = metric_suffix(split.split, main.split)
        found = predictions[split.split]
        metrics |= {f"{name}{suffix}": value for name, value in session.task.score(found).items()}
        for doubt in session.task.doubts(found):
            notice(f"{split.split}: {doubt}")
    combine = partial(results.combine, {seed: metrics}, session.task.primary)
    return combine(split=main.split, n=len(main), truncated=session.features[main.split].truncated_examples(), **facts)
