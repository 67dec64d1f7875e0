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
from pydantic import BeforeValidator, Field, model_validator

from bertcli.contracts.loss import Loss, cross_entropy
from bertcli.contracts.task import Encoding, Examples, Fault, Features, Limits, Prediction
from bertcli.core.settings import Settings
from bertcli.errors import ConfigError, InputFileError
from bertcli.tasks import _text_tables

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch

__all__ = ["Classification"]

Metric = Literal["accuracy", "f1", "macro_f1", "matthews"]

_SWAPPED_GAIN = 0.2
"""A permutation of the labels that is better by so much is told: the labels look swapped."""


def _labels(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {str(name): str(name) for name in value}
    if isinstance(value, dict):
        return {str(written): str(name) for written, name in value.items()}
    return value


class ClassificationSettings(_text_tables.TextTableSettings):
    """Columns, labels and metrics."""

    labels: Annotated[dict[str, str] | None, BeforeValidator(_labels)] = None
    """Labels in the order of their ids, as files write them, with their names; none: those of the training split."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("accuracy", "macro_f1")
    """What is reported; the first is the one by which runs are compared. f1 is that of the second of two labels."""

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        names = list((self.labels or {}).values())
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"two labels are named {repeated!r}")
        return self


@dataclass(frozen=True)
class Classification(_text_tables.TextTableTask):
    """One label per example. ``labels`` maps what files write to the class's name, in the order of the ids."""

    settings: ClassificationSettings
    labels: dict[str, str] | None = None

    Settings: ClassVar[type[Settings]] = ClassificationSettings

    @property
    def names(self) -> list[str]:
        """The classes' names, in the order of their ids."""
        assert self.labels is not None, "the task is fitted before it is used"
        return list(self.labels.values())

    @property
    def outputs(self) -> int:
        """One logit per class."""
        return len(self.names)

    def fit(self, train: Examples) -> Self:
        """The labels of the settings, else those of the training split, sorted; integers as numbers."""
        labels = self.settings.labels or self._labels_of(train)
        if "f1" in self.metrics and len(labels) != 2:
            raise ConfigError(
                f"the metric f1 is that of one of two labels, and here are {len(labels)}",
                hint="macro_f1 is the mean over all labels: --set task_settings.metrics=[macro_f1]",
            )
        return replace(self, labels=dict(labels))

    def _labels_of(self, train: Examples) -> dict[str, str]:
        found = sorted(set(train.columns["label"]), key=_label_order)
        if len(found) < 2:
            raise InputFileError(
                f"every example of the training split has the label {found[0]!r}",
                path=train.paths[0],
                hint="a classifier needs two labels at least; is this the right --label-column?",
            )
        return {label: label for label in found}

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """Labels that are not known."""
        ids = self._label_ids()
        closed = self.settings.labels is not None
        forms = [w if w == name else f"{w} ({name})" for w, name in (self.labels or {}).items()]
        shown = ", ".join(forms[:20]) + (f" and {len(forms) - 20} more" if len(forms) > 20 else "")
        for row, written in enumerate(examples.columns.get("label", ())):
            if written not in ids:
                yield Fault(
                    "error",
                    f"the label {written!r} is not one of the task's"
                    if closed
                    else f"the training split has no label {written!r}",
                    examples.paths[row],
                    examples.lines[row],
                    hint=f"known labels: {shown}",
                )

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (items,) are class ids."""
        ids = self._label_ids()
        return _text_tables.encode(examples, tokenizer, limits, lambda written: ids[written], np.int64)

    def _label_ids(self) -> dict[str, int]:
        """The ids by name, and by what files write."""
        ids = {name: number for number, name in enumerate(self.names)}
        return ids | {written: ids[name] for written, name in (self.labels or {}).items()}

    def model_facts(self) -> dict[str, Any]:
        """Names of the classes, and that exactly one holds."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: number for number, name in enumerate(self.names)},
            "problem_type": "single_label_classification",
        }

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Cross-entropy, summed."""
        return cross_entropy(logits, batch["labels"])

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


def _label_order(label: str) -> tuple[int, int, str]:
    """Integers by value and before text; text by code points."""
    try:
        return (0, int(label), label)
    except ValueError:
        return (1, 0, label)
