"""Runs that collapsed, by their predictions or their loss, are put aside and trained again with another seed.

*Source*: Devlin et al. 2019, section 4.1 (random restarts); Mosbach et al. 2021, section 4 (failed runs: no better than
the most frequent class).

A run is judged when it is over: predictions of one class are usual in the first steps of a good one. Runs of less than
an epoch are not judged, nor are those with a handful of dev examples: a good model may well give these one class.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import ERRORS, Prediction, Task
from bertcli.core import atomic
from bertcli.core.randomness import hash64, permutation
from bertcli.models.finetuning import FinetuningModel, predict
from bertcli.stages.finetune_session import Session
from bertcli.training.run_directory import RunDirectory

CHANCE_MARGIN = 0.02
"""A loss that is below the entropy of the labels by less than this share of it is at chance."""
LOSS_EXAMPLES = 1000
"""Training examples whose loss is looked at."""
FEW_PREDICTIONS = 20
"""By fewer predictions no run is judged. A model that gives a fifth of all texts the rarer class gives it to none of 20
once in 87 times, and to none of 10 once in 9."""

_NOTE = "collapse.json"


def collapse_of(session: Session, model: FinetuningModel, predictions: Sequence[Prediction]) -> str | None:
    """What shows that a model has learned nothing, by its predictions on dev; None where it has learned something."""
    if session.steps < session.steps_per_epoch or len(predictions) < FEW_PREDICTIONS:
        return None
    return session.task.collapsed(predictions) or _loss_at_chance(session, model, predictions)


def attempt_seed(seed: int, attempt: int) -> int:
    """The seed of a training: the run's own, and for restarts one that is derived from it."""
    return int(hash64(seed, "restart", attempt)[()]) >> 33 if attempt else seed


def collapsed_attempts(run: RunDirectory) -> int:
    """How many trainings of a run have been put aside."""
    attempt = 0
    while (_aside(run, attempt + 1) / _NOTE).is_file():
        attempt += 1
    return attempt


def put_aside(run: RunDirectory, attempt: int, *, seed: int, reason: str) -> None:
    """Make room for the next training. Killed half way, the attempt is made again from its beginning."""
    aside = _aside(run, attempt + 1)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    run.checkpoints.rename(aside / run.checkpoints.name)
    run.metrics.rename(aside / run.metrics.name)
    atomic.write_json(aside / _NOTE, {"seed": seed, "reason": reason})
    shutil.rmtree(aside / run.checkpoints.name)


def _aside(run: RunDirectory, number: int) -> Path:
    return run.path / f"collapsed-{number}"


def _loss_at_chance(session: Session, model: FinetuningModel, predictions: Sequence[Prediction]) -> str | None:
    """Of classes: scores on dev as guessing the most frequent one, and a training loss of the labels' entropy."""
    golds = [prediction.gold for prediction in predictions]
    labels = session.features["train"].item_columns.get("labels")
    if labels is None or labels.ndim != 1 or labels.dtype.kind != "i" or not all(isinstance(g, str) for g in golds):
        return None
    if _is_reshaped(session.task):
        return None
    (usual, _), *_ = Counter(golds).most_common(1)
    guesses = [replace(prediction, pred=usual, probs=None) for prediction in predictions]
    metric = session.task.primary
    score, guessed = (session.task.score(found)[metric] for found in (predictions, guesses))
    if (score < guessed) if metric in ERRORS else (score > guessed):
        return None
    items = _sample(session)
    counts = np.unique(labels[items], return_counts=True)[1]
    if len(counts) < 2:  # nothing can be learned of them, and nothing is missed
        return None
    shares = counts / len(items)
    entropy = float(-(shares * np.log(shares)).sum())
    loss = _training_loss(session, model, items)
    if loss < (1 - CHANCE_MARGIN) * entropy:
        return None
    return f"the loss on training examples is {loss:.3f}, that of guessing {entropy:.3f}"


def _is_reshaped(task: Task) -> bool:
    """Whether the loss that is trained has another minimum than the cross-entropy: it is weighted or smoothed.

    A good model's cross-entropy may then be above the entropy of the labels.
    """
    weights, smoothing = (getattr(task.settings, name, None) for name in ("class_weights", "label_smoothing"))
    return weights not in (None, "none") or bool(smoothing)


def _sample(session: Session) -> NDArray[np.int64]:
    """The training examples whose loss is looked at, in order: drawn, as files are often sorted by label."""
    order = permutation(session.config.seed, "collapse sample", 0, session.features["train"].items)
    return np.sort(order[:LOSS_EXAMPLES])


def _training_loss(session: Session, model: FinetuningModel, items: NDArray[np.int64]) -> float:
    """The mean cross-entropy of these training examples: of the weights as they are, whatever was resumed."""
    features = session.features["train"]
    assert session.config.batch_size
    with session.accelerator.autocast():
        outputs = predict(
            model,
            session.batches("train").evaluation(batch_size=2 * session.config.batch_size, items=items),
            items=features.items,
            device=session.accelerator.device,
        )
    logits = np.stack(outputs.logits).astype(np.float64)  # (items, classes)
    logits -= logits.max(axis=1, keepdims=True)
    labels = features.item_columns["labels"][items]
    return float((np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(items)), labels]).mean())
