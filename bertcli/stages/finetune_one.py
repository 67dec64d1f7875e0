"""One model of a run: trained, again where it collapses, saved, and scored on every labelled split."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bertcli.config.finetune import Finetune
from bertcli.contracts.task import Examples, Prediction
from bertcli.core import atomic, fingerprints
from bertcli.core.messages import notice
from bertcli.data.splits import Splits, metric_suffix
from bertcli.models.checkpoint import save_model
from bertcli.models.finetuning import FinetuningModel
from bertcli.stages.finetune_collapse import attempt_seed, collapse_of, collapsed_attempts, put_aside
from bertcli.stages.finetune_session import Session
from bertcli.stages.finetune_training import metrics_of, predict_split, train_model
from bertcli.stages.long_texts import reading_of
from bertcli.training import results
from bertcli.training.results import RESULT_NAME, Result
from bertcli.training.run_directory import MAY_DIFFER, RunDirectory
from bertcli.training.saved_predictions import PREDICTIONS
from bertcli.training.score_intervals import score_interval
from bertcli.training.signals import StopRequest
from bertcli.training.trainer import Trainer

Predicted = tuple[list[Prediction], float | None]
"""The predictions on a split, and the mean loss where it has labels."""

MOST_SCORED_ANEW = 2000
"""Examples up to which a metric that is no function of sums has an interval: every resample scores them all."""


@dataclass(frozen=True)
class _Trained:
    """A model, how it was trained, and its predictions on the main dev split."""

    model: FinetuningModel
    trainer: Trainer
    restarts: list[int]
    collapsed: str | None
    on_dev: Predicted


def run_one(session: Session, run: RunDirectory, stop: StopRequest) -> list[Result]:
    """The result on dev, then on labelled test splits, of the seed of the configuration."""
    finished = results.read_results(run.path, [group[0].split for group in _groups(session.splits)])
    if finished:
        notice(f"{run.path} is finished already")
        return finished
    (run.path / RESULT_NAME).unlink(missing_ok=True)  # of a run that lacks another result
    trained = _train_until_learned(session, run, stop)
    model, trainer = trained.model, trained.trainer
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
    main = session.splits.dev[0]
    predictions: dict[str, list[Prediction]] = {}
    for split in session.splits.all()[1:]:
        predictions[split.split], _ = trained.on_dev if split is main else predict_split(session, model, split)
        _write_predictions(session, run, split, predictions[split.split])
    best = trainer.state.best
    if best is None:  # otherwise every evaluation is logged already, at its own step
        trainer.log(metrics_of(session, *trained.on_dev))
    facts = {
        "task": session.config.task,
        "selected_on": main.split if best else None,
        "model_sha256": fingerprints.of_file(run.model / "model.safetensors"),
        "vocab_sha256": session.tokenizer.vocabulary.fingerprint,
        "data_sha256": session.splits.sha256,
        "config_sha256": fingerprints.of_value(_what_matters(session.config)),
        "tokens_seen": trainer.state.tokens_seen,
        "device": session.accelerator.device.type,
        "precision": session.config.precision,
        "elapsed_seconds": trainer.state.elapsed_seconds,
        "restarts": [trained.restarts],
        "collapsed": [trained.collapsed],
        "selected_steps": [best.step if best else None],
    }
    scored = [_scored(session, group, predictions, facts) for group in _groups(session.splits)]
    results.write_results(run.path, scored)
    if session.config.keep == 0:
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    session.accelerator.free_memory()  # it holds on to every model it has prepared
    return scored


def _train_until_learned(session: Session, run: RunDirectory, stop: StopRequest) -> _Trained:
    """Train, and again with other seeds as often as is allowed where what comes out has collapsed."""
    config, main = session.config, session.splits.dev[0]
    while True:
        attempt = collapsed_attempts(run)
        seeds = [attempt_seed(config.seed, number) for number in range(attempt + 2)]
        model, trainer = train_model(session, run, seeds[attempt], stop)
        on_dev = predict_split(session, model, main)
        reason = collapse_of(session, model, on_dev[0])
        if reason is None or attempt >= config.restarts:
            break
        notice(
            f"{run.path} collapsed, {reason}: it is trained again with the seed {seeds[attempt + 1]} "
            f"(restart {attempt + 1} of {config.restarts})"
        )
        put_aside(run, attempt, seed=seeds[attempt], reason=reason)
        session.accelerator.free_memory()
    if reason is not None:
        again = " again" if attempt else ""
        notice(
            f"{run.path} collapsed{again}, {reason}: its scores are those of a model that has learned nothing; "
            "more --epochs, a lower --lr, a longer --warmup or more --restarts may help"
        )
    return _Trained(model, trainer, seeds[1 : attempt + 1], reason, on_dev)


def _what_matters(config: Finetune) -> dict[str, Any]:
    """The configuration without where and how it ran; when it is evaluated matters where that chooses the weights."""
    aside = (MAY_DIFFER | {"threads"}) - ({"eval_every"} if config.selects else set())
    return {name: value for name, value in config.dump().items() if name not in aside}


def _write_predictions(session: Session, run: RunDirectory, split: Examples, predictions: list[Prediction]) -> None:
    write_predictions(run, split.split, predictions)
    name = _official_name(session, split.split)
    if name is not None:
        text = "".join(f"{line}\n" for line in session.task.official(predictions))
        atomic.write_text(run.path / PREDICTIONS / name, text)


def _official_name(session: Session, split: str) -> str | None:
    """The preset's name for a split's official file, else the kind's, which is not written where text is kept out."""
    preset, ending = session.found.preset, session.task.official_ending
    if preset and split in preset.official:
        return preset.official[split]
    return f"{split}{ending}" if ending and session.config.text else None


def write_predictions(run: RunDirectory, split: str, predictions: Sequence[Prediction]) -> None:
    """``predictions/SPLIT.jsonl``."""
    lines = (json.dumps(prediction.dump(), ensure_ascii=False) + "\n" for prediction in predictions)
    atomic.write_text(run.path / PREDICTIONS / f"{split}.jsonl", "".join(lines))


def _groups(splits: Splits) -> list[tuple[Examples, ...]]:
    """Splits that share a result: all dev splits, and each test split that has labels."""
    return [splits.dev, *((split,) for split in splits.test if "label" in split.columns)]


def _scored(
    session: Session,
    group: tuple[Examples, ...],
    predictions: Mapping[str, list[Prediction]],
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
    features, interval = session.features[main.split], _interval(session, predictions[main.split])
    return results.of_one(
        session.config.seed,
        metrics,
        session.task.primary,
        split=main.split,
        n=len(main),
        truncated=features.truncated_examples(),
        lost_tokens=int(features.lost.sum()),
        ci95=interval,
        ci95_of="examples" if interval else None,
        **facts,
    )


def _interval(session: Session, predictions: Sequence[Prediction]) -> list[float] | None:
    task = session.task
    if len(predictions) > MOST_SCORED_ANEW and task.primary not in task.tally(predictions).metrics:
        return None
    return score_interval(task, predictions, task.primary)
