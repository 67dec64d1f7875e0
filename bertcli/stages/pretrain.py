"""Pretraining: data and an architecture to a pretrained encoder."""

from __future__ import annotations

import math
import statistics
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bertcli.config.pretrain import Pretrain
from bertcli.contracts.batch import IGNORED, Batch
from bertcli.core.messages import notice
from bertcli.data.batches import Cursor, predicting_only
from bertcli.errors import ModelError, UserError
from bertcli.models.checkpoint import save_model
from bertcli.models.pretraining import PretrainingModel, reads_pooled
from bertcli.stages.pretrain_session import PretrainPlan, Session
from bertcli.training.evaluation import evaluate
from bertcli.training.loop import train
from bertcli.training.memory import peak_memory_bytes
from bertcli.training.optimizers import adamw
from bertcli.training.run_directory import RunDirectory
from bertcli.training.schedules import learning_rate
from bertcli.training.signals import StopRequest, stop_on_signals
from bertcli.training.trainer import Pace, Trainer

TIMED_STEPS = (5, 20)
"""``--minutes`` times the steps between these two."""


@dataclass(frozen=True)
class PretrainReport:
    """What a run did. ``evaluation`` holds the metrics on the held-out documents; empty where there are none."""

    directory: str
    model: str
    plan: PretrainPlan
    steps: int
    tokens_seen: int
    train_loss: float | None
    evaluation: dict[str, float]
    tokens_per_second: float | None
    peak_memory_bytes: int
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def pretrain(requested: Pretrain) -> PretrainReport | PretrainPlan:
    """Run, or continue, a pretraining; with ``dry_run`` only the plan. Raises a ``UserError`` before any work."""
    started_at = time.monotonic()
    run = RunDirectory(requested.output)
    config = run.taken_up("pretrain", requested) if requested.resume else requested
    session = Session.open(config)
    if config.dry_run:
        return session.plan()
    session.check_packing()
    inputs: list[str | Path] = [config.data, *([config.init] if config.init else [])]
    resuming = run.begin(overwrite=config.overwrite, resume=requested.resume, inputs=inputs)
    if config.minutes is not None:
        session = session.with_steps(_steps_in(session, config.minutes, started_at))
    facts = {"data": session.opened.data.fingerprint}
    if resuming:
        run.check_facts(**facts)
        run.write_config("pretrain", session.config)
    else:
        run.describe("pretrain", requested, session.config, **facts, plan=asdict(session.plan()))
    deadline = started_at + config.minutes * 60 if config.minutes is not None else None
    try:
        with stop_on_signals() as stop:
            return _run(session, run, stop, deadline, started_at)
    except UserError:
        if not resuming and not any(run.checkpoints.glob("step-*")):
            run.discard()  # what was asked for cannot be done: nothing half-written remains
        raise


def _steps_in(session: Session, minutes: float, started_at: float) -> int:
    """How many steps fit: a few are timed on a throw-away model, so that the run itself is one of N steps."""
    config = session.config
    first, last = TIMED_STEPS
    model = session.build().to(session.accelerator.device)
    optimizer = adamw(model, **config.optimizer.model_dump(exclude={"clip"}))
    batches = session.batches(Cursor())
    ends = [time.monotonic()]
    with closing(batches), session.accelerator.autocast():
        for result in train(
            model,
            optimizer,
            lambda step: 1e-6,
            batches,
            accelerator=session.accelerator,
            weights=model.weights,
            start_step=0,
            steps=last,
            clip=config.optimizer.clip,
        ):
            float(result.gradient_norm)  # waits for the device
            ends.append(time.monotonic())
            if ends[-1] - started_at > minutes * 20:
                break  # a third of the time is gone: what was timed has to do
    per_step = statistics.median(np.diff(ends)[min(first, len(ends) - 2) :])
    evaluation = session.evaluation()
    evaluation_started_at = time.monotonic()
    if evaluation:
        with session.accelerator.autocast():
            evaluate(model, evaluation, accelerator=session.accelerator)
    per_evaluation = time.monotonic() - evaluation_started_at
    left = minutes * 60 - (time.monotonic() - started_at)
    # Before the first step, at the end, and in between as asked, else at every tenth.
    between = int(left / per_step / config.eval_every) if config.eval_every else 9
    steps = max(1, int(0.98 * (left - (2 + between) * per_evaluation) / per_step))
    notice(f"{per_step:.3f} s a step: {steps:,} steps in {minutes:g} minutes")
    return steps


def _run(
    session: Session, run: RunDirectory, stop: StopRequest, deadline: float | None, started_at: float
) -> PretrainReport:
    """Train to the last step, evaluating, logging and saving on the way."""
    config, accelerator = session.config, session.accelerator
    assert config.steps and config.learning_rate and config.eval_every and config.save_every
    model = session.build().to(accelerator.device)
    optimizer = adamw(model, **config.optimizer.model_dump(exclude={"clip"}))
    pace = Pace(config.steps, config.log_every, config.eval_every, config.save_every, config.keep, deadline)
    trainer = Trainer(run, model, optimizer, accelerator=accelerator, pace=pace)
    evaluation = session.evaluation()
    was_finished = trainer.state.step == config.steps and run.model.is_dir()
    if was_finished:
        notice(f"{run.path} is finished already")

    def evaluated() -> dict[str, float]:
        return _evaluation_metrics(trainer.prepared, evaluation, session)

    if config.init is not None and model.fresh_heads:
        notice(f"{config.init} has no {' and no '.join(model.fresh_heads)} head: fresh ones are trained")
    if trainer.state.step == 0:
        before = evaluated()
        if session.growth is not None and "language_model" not in model.fresh_heads:
            before |= _losses_of_growth(trainer.prepared, evaluation, session)
        trainer.log(before)
        _refuse_untrained_start(config, model, before, session)
    shape = config.schedule.model_dump(exclude={"shape"})
    trainer.train(
        learning_rate(config.schedule.shape, peak=config.learning_rate, steps=config.steps, **shape),
        session.batches(Cursor(**(trainer.state.cursor or {}))),
        weights=model.weights,
        clip=config.optimizer.clip,
        stop=stop,
        evaluate=evaluated,
        what="pretraining",
        rate_of="tokens",
    )
    after = evaluated()
    if not was_finished:
        trainer.log(after)
    trained = ["encoder", *(["pooler"] if reads_pooled(session.opened.objectives) else []), *model.heads]
    save_model(
        run.model,
        model.assembled(),
        trained=trained,
        tokenizer=session.tokenizer,
        other_heads=model.other_heads(),
    )
    return PretrainReport(
        directory=str(run.path),
        model=str(run.model),
        plan=session.plan(),
        steps=trainer.state.step,
        tokens_seen=trainer.state.tokens_seen,
        train_loss=trainer.metrics.get("train/loss"),
        evaluation=after,
        tokens_per_second=statistics.median_high(trainer.speeds) if trainer.speeds else None,
        peak_memory_bytes=peak_memory_bytes(accelerator.device),
        elapsed_seconds=time.monotonic() - started_at,
    )


def _evaluation_metrics(model: torch.nn.Module, batches: list[Batch], session: Session) -> dict[str, float]:
    """``eval/loss_NAME``, ``eval/accuracy_NAME``, and for MLM perplexity and bits per masked character."""
    if not batches:
        return {}
    metrics: dict[str, float] = {}
    for name, result in evaluate(model, batches, accelerator=session.accelerator).items():
        metrics[f"eval/loss_{name}"] = result.loss
        if result.accuracy is not None:
            metrics[f"eval/accuracy_{name}"] = result.accuracy
        if name == "mlm":
            metrics["eval/perplexity"] = math.exp(min(result.loss, 100.0))
            lengths = session.tokenizer.piece_lengths
            characters = sum(_characters(batch["labels"], lengths) for batch in batches)
            metrics["eval/bits_per_masked_character"] = result.loss * result.count / math.log(2) / max(1, characters)
    return metrics


def _characters(labels: NDArray[np.int64], piece_lengths: NDArray[np.int64]) -> int:
    return int(piece_lengths[labels[labels != IGNORED]].sum())


def _losses_of_growth(model: torch.nn.Module, batches: list[Batch], session: Session) -> dict[str, float]:
    """The MLM loss where the label is a piece that the model of ``--init`` lacked, and where it is one it had."""
    if session.growth is None or "mlm" not in session.held_out.objectives:
        return {}
    new = np.array(list(session.growth.sources))
    old = np.setdiff1d(np.arange(session.growth.size), new)
    metrics: dict[str, float] = {}
    for name, ids in (("new", new), ("old", old)):
        restricted = [chosen for batch in batches if (chosen := predicting_only(batch, ids)).counts["mlm"]]
        for result in evaluate(model, restricted, accelerator=session.accelerator).values():
            metrics[f"eval/loss_mlm_{name}_pieces"] = result.loss
            notice(
                f"before the first step: MLM loss {result.loss:.2f} at {result.count:,} targets that are {name} pieces"
            )
    return metrics


def _refuse_untrained_start(
    config: Pretrain, model: PretrainingModel, before: dict[str, float], session: Session
) -> None:
    """A checkpoint whose language model predicts no better than chance was not loaded, whatever the files say.

    Pieces that it never saw are no measure of it.
    """
    if config.init is None or "eval/loss_mlm" not in before or "language_model" in model.fresh_heads:
        return
    loss = before.get("eval/loss_mlm_old_pieces", before["eval/loss_mlm"])
    chance = math.log(session.opened.data.vocabulary.size)
    if loss > 0.99 * chance:  # fresh weights begin at chance or above
        raise ModelError(
            f"the MLM loss before the first step is {loss:.2f}, that of a model that knows nothing is {chance:.2f}",
            path=config.init,
            hint="its weights belong to other pieces, were not loaded, or hardly trained: start without --init",
        )
