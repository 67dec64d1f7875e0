"""Which runs are judged to have collapsed: by one class on dev, or by a training loss at chance."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from bertcli.contracts.batch import Batch
from bertcli.contracts.task import Features, Prediction
from bertcli.data.bucketing import BucketedBatches
from bertcli.stages import finetune_collapse
from bertcli.stages.finetune_collapse import collapse_of
from bertcli.tasks.classification import Classification, ClassificationSettings

SURE, CHANCE = (0.0, 9.0), (0.0, 0.0)


def task_of(**settings: Any) -> Classification:
    return Classification(ClassificationSettings(**settings), labels={"no": "no", "yes": "yes"})


class Model:
    """Gives a text the logits of its label's being right, or the same to all; remembers how large batches were."""

    training = False

    def __init__(self, task: Classification, logits: tuple[float, float]) -> None:
        self.task = task
        self.wrong, self.right = logits
        self.sequences: list[int] = []

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None: ...

    def logits(self, batch: Batch) -> torch.Tensor:
        self.sequences.append(len(batch["input_ids"]))
        hot = torch.nn.functional.one_hot(batch["labels"], 2).float()
        return self.wrong + (self.right - self.wrong) * hot


class Prior(Model):
    """Gives nine parts in ten to the first label, whatever it reads: no sample has a lower entropy than its loss."""

    def logits(self, batch: Batch) -> torch.Tensor:
        return torch.tensor([[2.1972, 0.0]]).expand(len(batch["labels"]), 2)  # ln 9


def session_of(labels: list[int], task: Classification, *, sequences_per_item: int = 1) -> Any:
    items, sequences = len(labels), len(labels) * sequences_per_item
    features = Features(
        input_ids=np.full(2 * sequences, 7, dtype=np.int32),
        offsets=2 * np.arange(sequences + 1),
        second_starts=np.full(sequences, 2),
        lost=np.zeros(sequences, dtype=np.int64),
        examples=np.arange(items),
        item_columns={"labels": np.asarray(labels)},
        item_starts=None if sequences_per_item == 1 else sequences_per_item * np.arange(items + 1),
    )
    return SimpleNamespace(
        config=SimpleNamespace(batch_size=4, seed=0),
        features={"train": features},
        task=task,
        steps=2,
        steps_per_epoch=1,
        accelerator=SimpleNamespace(device=torch.device("cpu"), autocast=nullcontext),
        batches=lambda split: BucketedBatches(features, 0, task.count),
    )


def on_dev(golds: str, preds: str) -> list[Prediction]:
    """``y`` and ``n`` for the labels."""
    names = {"y": "yes", "n": "no"}
    return [Prediction(str(row), names[g], names[p]) for row, (g, p) in enumerate(zip(golds, preds, strict=True))]


AT_CHANCE = on_dev("yyyn" * 5, "nyyy" * 5)
"""As good as guessing at most, with both classes."""


def judged(labels: list[int], logits: tuple[float, float], **settings: Any) -> str | None:
    task = task_of(**settings)
    return collapse_of(session_of(labels, task), Model(task, logits), AT_CHANCE)  # type: ignore[arg-type]


def test_a_loss_at_the_entropy_of_the_labels_is_a_collapse() -> None:
    assert judged([0, 1] * 20, CHANCE) == "the loss on training examples is 0.693, that of guessing 0.693"  # ln 2
    assert judged([0, 1] * 20, SURE) is None


@pytest.mark.parametrize("settings", [{"class_weights": "balanced"}, {"label_smoothing": 0.1}])
def test_a_loss_that_is_weighted_or_smoothed_is_not_compared_with_the_entropy(settings: dict[str, Any]) -> None:
    # Nine of ten are "no": the entropy is 0.325, and a balanced model that knows nothing is at ln 2.
    labels = [0] * 36 + [1] * 4
    assert judged(labels, CHANCE) is not None
    assert judged(labels, CHANCE, **settings) is None


def test_a_training_part_of_one_class_has_no_chance_to_be_at() -> None:
    assert judged([1] * 40, SURE) is None


def test_the_examples_looked_at_are_drawn_from_all_and_compared_with_their_own_entropy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(finetune_collapse, "LOSS_EXAMPLES", 30)
    task = task_of()
    session = session_of([0] * 90 + [1] * 10, task)  # sorted: the first 30 have the loss ln(10/9) here
    assert collapse_of(session, Prior(task, CHANCE), AT_CHANCE) is not None  # type: ignore[arg-type]


def test_batches_have_as_many_sequences_as_in_evaluation() -> None:
    task = task_of()
    session, model = session_of([0, 1] * 20, task, sequences_per_item=4), Model(task, SURE)
    assert collapse_of(session, model, AT_CHANCE) is None  # type: ignore[arg-type]
    assert set(model.sequences) == {8}  # twice the batch of training, in sequences
    assert sum(model.sequences) == 160


def test_a_few_predictions_of_one_class_are_no_collapse() -> None:
    task = task_of()
    session, model = session_of([0, 1] * 20, task), Model(task, SURE)
    many, few = on_dev("y" * 19 + "n", "y" * 20), on_dev("y" * 18 + "n", "y" * 19)
    assert collapse_of(session, model, many) == "every prediction is 'yes'"  # type: ignore[arg-type]
    assert collapse_of(session, model, few) is None  # type: ignore[arg-type]
