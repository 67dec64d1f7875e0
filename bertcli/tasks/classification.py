"""Classification of single texts or pairs: one of a closed set of labels.

*Source*: Devlin et al. 2019, section 4.1; metrics as in GLUE (Wang et al. 2019, table 1).

*Reads*: tables with a text, perhaps a second one, and a label.

*Loss*: cross-entropy of a linear layer on the pooled ``[CLS]``.

*Differs*: labels are matched by name, never by their order in a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bertcli.contracts.loss import Loss, cross_entropy
from bertcli.contracts.tally import Tally
from bertcli.contracts.task import Encoding, Examples, Features, Limits, Prediction
from bertcli.core.settings import Settings, ShareBelowOne
from bertcli.data import tables
from bertcli.errors import ConfigError, InputFileError
from bertcli.tasks import _class_sums, _class_weights, _labels, _text_tables

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch

__all__ = ["Classification"]

Metric = Literal["accuracy", "f1", "macro_f1", "matthews"]

_SWAPPED_GAIN = 0.2
"""A permutation of the labels that is better by so much is told: the labels look swapped."""


class ClassificationSettings(_labels.LabelSettings):
    """Columns, labels, loss and metrics."""

    label_smoothing: ShareBelowOne = 0.0
    """Share of every target that is spread evenly over all labels."""
    class_weights: _class_weights.ClassWeights = "none"
    """Weights of the labels in the loss: balanced is n / (labels · n of the label)."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("accuracy", "macro_f1")
    """What is reported; the first is the one by which runs are compared. f1 is that of the second of two labels."""


@dataclass(frozen=True)
class Classification(_labels.LabelledTask):
    """One label per example. ``class_weights`` (classes,) have the mean 1 over what is trained on."""

    settings: ClassificationSettings
    class_weights: tuple[float, ...] | None = None

    Settings: ClassVar[type[Settings]] = ClassificationSettings

    def fit(self, train: Examples) -> Self:
        """The labels of the settings, else those of the training split, sorted; integers as numbers."""
        found = list(_labels.in_order(label for label in train.columns["label"] if isinstance(label, str)))
        if len(found) < 2:
            self._refuse_missing(train)
            what = f"every example of the training split has the label {found[0]!r}" if found else "there are no labels"
            raise InputFileError(
                what,
                path=train.paths[0],
                hint="a classifier needs two labels at least; is this the right --label-column?",
            )
        labels = self.settings.labels or {label: label for label in found}
        if "f1" in self.metrics and len(labels) != 2:
            raise ConfigError(
                f"the metric f1 is that of one of two labels, and here are {len(labels)}",
                hint="macro_f1 is the mean over all labels: --set task_settings.metrics=[macro_f1]",
            )
        fitted = replace(self, labels=dict(labels))
        return replace(fitted, class_weights=fitted._weights(train))

    def weighed(self, train: Examples) -> Self:
        """Class weights have the mean 1 over ``train``; where they are balanced, a label that it lacks weighs 1."""
        return replace(self, class_weights=self._weights(train, may_lack=True))

    def _refuse_missing(self, train: Examples) -> None:
        """Where some rows have one label and others none, it is the latter that is wrong."""
        labels = train.columns["label"]
        missing = [row for row, label in enumerate(labels) if isinstance(label, tables.NoLabel)]
        if missing and len(missing) < len(labels):
            row = missing[0]
            raise InputFileError(self.missing_label(labels[row]), path=train.paths[row], line=train.lines[row])

    def _weights(self, train: Examples, *, may_lack: bool = False) -> tuple[float, ...] | None:
        ids = self.label_ids
        known = [ids[label] for label in train.columns["label"] if label in ids]
        counts = np.bincount(np.asarray(known, dtype=np.int64), minlength=self.outputs)
        return _class_weights.weights_of(self.settings.class_weights, counts, self.names, ids, may_lack=may_lack)

    def label_faults(self, written: str) -> Iterator[tuple[str, str]]:
        """Labels that are not known."""
        if written not in self.label_ids:
            yield self.unknown_label(written)

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (items,) are class ids."""
        ids = self.label_ids
        return _text_tables.encode(examples, tokenizer, limits, lambda written: ids[written], np.int64)

    def model_facts(self) -> dict[str, Any]:
        """Names of the classes, and that exactly one holds."""
        return self.facts("single_label_classification")

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Cross-entropy, summed, weighted and smoothed as the settings say."""
        weight = _class_weights.tensor(self.class_weights, logits.device)
        return cross_entropy(logits, batch["labels"], weight, label_smoothing=self.settings.label_smoothing)

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The likeliest class, with the probability of each."""
        logits = np.stack(outputs).astype(np.float64)  # (items, classes)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = (odds / odds.sum(axis=1, keepdims=True)).round(6).tolist()
        names = self.names
        gold = (
            [names[number] for number in features.item_columns["labels"]] if "labels" in features.item_columns else None
        )
        return [
            Prediction(
                id=examples.ids[row],
                gold=gold[row] if gold else None,
                pred=names[number],
                probs=dict(zip(names, probabilities[row], strict=True)),
            )
            for row, number in enumerate(logits.argmax(axis=1).tolist())
        ]

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The settings' metrics."""
        from sklearn import metrics

        gold, pred = self._ids(predictions)
        last = self.outputs - 1
        measures = {
            "accuracy": lambda: metrics.accuracy_score(gold, pred),
            "f1": lambda: metrics.f1_score(gold == last, pred == last, zero_division=0.0),
            "macro_f1": lambda: metrics.f1_score(
                gold, pred, labels=range(self.outputs), average="macro", zero_division=0.0
            ),
            "matthews": lambda: metrics.matthews_corrcoef(gold, pred),
        }
        return {name: float(measures[name]()) for name in self.metrics}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Per class: predicted and right, predicted, gold."""
        gold, pred = self._ids(predictions)
        classes = np.arange(self.outputs)
        counts = _class_sums.class_counts(gold[:, None] == classes, pred[:, None] == classes)
        measures = {
            "accuracy": _class_sums.accuracy,
            "f1": _class_sums.f1_of_last,
            "macro_f1": _class_sums.macro_f1,
            "matthews": _class_sums.matthews,
        }
        return Tally(counts, {name: measures[name] for name in self.metrics})

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """One class for every example, where the gold labels are several."""
        gold, pred = self._ids(predictions)
        if len(np.unique(gold)) < 2 or len(np.unique(pred)) > 1:
            return None
        return f"every prediction is {self.names[pred[0]]!r}"

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """Whether another assignment of the labels would score far better."""
        from scipy.optimize import linear_sum_assignment

        gold, pred = self._ids(predictions)
        table = np.zeros((self.outputs, self.outputs), dtype=np.int64)
        np.add.at(table, (gold, pred), 1)
        rows, columns = linear_sum_assignment(table, maximize=True)
        now, best = np.trace(table) / len(gold), table[rows, columns].sum() / len(gold)
        if best - now <= _SWAPPED_GAIN or len(gold) < 50:
            return []
        swaps = [
            f"{self.names[column]} for {self.names[row]}"
            for row, column in zip(rows, columns, strict=True)
            if row != column
        ]
        return [
            f"the labels look swapped: accuracy {100 * now:.1f}, but {100 * best:.1f} when read as {', '.join(swaps)}"
        ]

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """GLUE's form, with labels as the data set's files write them."""
        written = {name: form for form, name in (self.labels or {}).items()}
        return _text_tables.official(predictions, lambda prediction: written[prediction.pred])

    def _ids(self, predictions: Sequence[Prediction]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        ids = {name: number for number, name in enumerate(self.names)}
        gold = np.asarray([ids[prediction.gold] for prediction in predictions], dtype=np.int64)
        pred = np.asarray([ids[prediction.pred] for prediction in predictions], dtype=np.int64)
        return gold, pred
