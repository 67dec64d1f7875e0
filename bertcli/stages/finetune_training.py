"""Training of one model for a task, and its predictions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bertcli.contracts.batch import Batch
from bertcli.contracts.task import ERRORS, Examples, Prediction
from bertcli.models.finetuning import FinetuningModel, predict
from bertcli.models.language_model_beside import with_masked_copy
from bertcli.stages.finetune_session import Session
from bertcli.stages.finetune_transfer import depths_of
from bertcli.training.optimizers import adamw
from bertcli.training.run_directory import RunDirectory
from bertcli.training.schedules import learning_rate
from bertcli.training.selection import Selection
from bertcli.training.signals import StopRequest
from bertcli.training.trainer import Pace, Trainer


def train_model(session: Session, run: RunDirectory, seed: int, stop: StopRequest) -> tuple[FinetuningModel, Trainer]:
    """Train to the last step."""
    config, accelerator = session.config, session.accelerator
    assert config.learning_rate and config.batch_size
    steps, epoch = session.steps, session.steps_per_epoch
    model = session.build(seed).to(accelerator.device)
    depths = depths_of(config.transfer, model, epoch_steps=epoch)
    optimizer = adamw(model, **config.optimizer.model_dump(exclude={"clip"}), depths=depths)
    pace = Pace(
        steps,
        config.log_every,
        config.eval_every or epoch,
        config.save_every or epoch,
        config.keep,
        selection=_selection(session) if config.selects else None,
    )
    trainer = Trainer(run, model, optimizer, accelerator=accelerator, pace=pace)
    batches = session.batches("train").training(
        seed=seed,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        workers=config.workers,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        start=trainer.state.cursor,
        finish=_masking(session, seed) if model.language_model is not None else None,
    )
    shape = config.schedule.model_dump(exclude={"shape"})
    trainer.train(
        learning_rate(config.schedule.shape, peak=config.learning_rate, steps=steps, **shape),
        batches,
        weights=model.weights,
        clip=config.optimizer.clip,
        stop=stop,
        evaluate=lambda: metrics_of(session, *predict_split(session, model, session.splits.dev[0])),
        what="fine-tuning",
        rate_of="sequences",
    )
    return model, trainer


def _selection(session: Session) -> Selection:
    """By the primary metric on the main dev split."""
    metric = session.task.primary
    return Selection(f"eval/{metric}", lower_is_better=metric in ERRORS, patience=session.config.patience)


def _masking(session: Session, seed: int) -> Callable[[Batch], Batch]:
    """Adds to a batch what a language model beside the task reads."""
    return partial(with_masked_copy, vocabulary=session.tokenizer.vocabulary, seed=seed)


def metrics_of(session: Session, predictions: list[Prediction], loss: float | None) -> dict[str, float]:
    """``eval/METRIC`` and ``eval/loss``."""
    metrics = {f"eval/{name}": value for name, value in session.task.score(predictions).items()}
    return metrics if loss is None else {"eval/loss": loss, **metrics}


def predict_split(session: Session, model: FinetuningModel, split: Examples) -> tuple[list[Prediction], float | None]:
    """Predictions for a split, and the mean loss where it has labels."""
    features = session.features[split.split]
    assert session.config.batch_size
    with session.accelerator.autocast():
        outputs = predict(
            model,
            session.batches(split.split).evaluation(batch_size=2 * session.config.batch_size),
            items=features.items,
            device=session.accelerator.device,
        )
    return session.task.decode(split, features, outputs.logits), outputs.loss
