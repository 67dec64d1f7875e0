"""Several labels per text or pair: each of a closed set of labels holds or does not.

*Source*: binary relevance (Tsoumakas & Katakis 2007, section 3.1); metrics as scikit-learn defines them.

*Reads*: tables with a text, perhaps a second one, and labels: a list in a cell (JSON lines, Parquet), text with
separators (``joy|fear``; an empty cell has none), or one column of 0 and 1 for each label.

*Loss*: binary cross-entropy of each label, from a linear layer on the pooled ``[CLS]``; every label of every example
counts once, as in transformers.

*Differs*: labels are matched by name, never by their order in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bertcli.contracts.loss import Loss
from bertcli.contracts.tally import Floats, Tally, ratio
from bertcli.contracts.task import Encoding, Examples, Features, Limits, Prediction, Table
from bertcli.core.messages import notice
from bertcli.core.settings import ProperShare, Settings
from bertcli.data import tables
from bertcli.errors import InputFileError
from bertcli.tasks import _class_sums, _labels, _text_tables

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch, Columns

__all__ = ["MultiLabel"]

Metric = Literal["micro_f1", "macro_f1", "subset_accuracy", "lrap", "map"]

_HOLDS: dict[str | tables.NoLabel, bool] = {"1": True, "true": True, "0": False, "false": False}


class MultiLabelSettings(_labels.LabelSettings):
    """Columns, labels, threshold and metrics."""

    label_column: _text_tables.Columns = ("labels", "label")
    """Column of the labels: a list, or text with separators."""
    label_separator: Annotated[str, Field(min_length=1)] = "|"
    """What stands between labels in a cell of text."""
    label_columns: tuple[str, ...] = ()
    """One column of 0 and 1 for each label, instead of one column of labels; each label has its column's name."""
    threshold: ProperShare = 0.5
    """A label is predicted where its probability is not below this."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("micro_f1", "macro_f1", "subset_accuracy")
    """What is reported; the first is the one by which runs are compared. lrap is the label ranking average precision,
    map the mean over labels of their average precision."""

    @model_validator(mode="after")
    def _one_place_for_the_labels(self) -> Self:
        if self.label_columns and self.label_column != type(self).model_fields["label_column"].default:
            raise ValueError("label_column and label_columns exclude one another | hint: keep one of them")
        return self


@dataclass(frozen=True)
class MultiLabel(_labels.LabelledTask):
    """Any number of labels per example. Labels of an example are a tuple, as they are written."""

    settings: MultiLabelSettings

    Settings: ClassVar[type[Settings]] = MultiLabelSettings
    expected: ClassVar[str] = "a list of labels, or text"

    def has_labels(self, table: Table) -> bool:
        """Whether any row of the table has labels; all columns are there where each label has one."""
        if self.settings.label_columns:
            return all(_text_tables.any_cell(table, (name,)) for name in self.settings.label_columns)
        return super().has_labels(table)

    def labels_in(self, table: Table) -> list[Any]:
        """The labels of every row, or ``NoLabel``."""
        if self.settings.label_columns:
            return _from_columns(table, self.settings.label_columns)
        column = tables.find_column(table, self.settings.label_column, flag="--label-column")
        return [_from_cell(cell, self.settings.label_separator) for cell in table.columns[column]]

    def fit(self, train: Examples) -> Self:
        """The labels of the settings, else those of the training split, sorted; integers as numbers."""
        found = [labels for labels in train.columns["label"] if labels and isinstance(labels, tuple)]
        if not found:
            raise InputFileError(
                "no example of the training split has a label",
                path=train.paths[0],
                hint="is this the right --label-column?",
            )
        if not self.settings.label_columns and max(map(len, found)) == 1:
            notice(
                f"no training example has two labels; in text they stand apart by {self.settings.label_separator!r} "
                "(task_settings.label_separator)"
            )
        named = self.settings.labels or {name: name for name in self.settings.label_columns}
        learned = {label: label for label in _labels.in_order(label for labels in found for label in labels)}
        return replace(self, labels=dict(named or learned))

    def label_faults(self, written: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        """Labels that are not known."""
        for label in written:
            if label not in self.label_ids:
                yield self.unknown_label(label)

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (items, classes) are 1.0 where the label holds, else 0.0."""

        def indicators(written: tuple[str, ...]) -> NDArray[np.float32]:
            row = np.zeros(self.outputs, dtype=np.float32)
            row[[self.label_ids[label] for label in written]] = 1
            return row

        return _text_tables.encode(examples, tokenizer, limits, indicators, np.float32)

    def model_facts(self) -> dict[str, Any]:
        """Names of the classes, and that any number of them holds."""
        return self.facts("multi_label_classification")

    def count(self, columns: Columns) -> int:
        """Every label of every example is a target."""
        return super().count(columns) * self.outputs

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Binary cross-entropy, summed over examples and labels."""
        from torch.nn import functional

        labels = batch["labels"].float()
        total = functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="sum")
        correct = ((logits.detach() > 0) == (labels > 0)).sum()
        return Loss(total, labels.numel(), correct)

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The labels that reach the threshold, with the probability of each."""
        from scipy.special import expit

        probabilities = expit(np.stack(outputs).astype(np.float64)).round(6)  # (items, classes)
        gold = features.item_columns.get("labels")
        return [
            Prediction(
                id=examples.ids[row],
                gold=self._named(gold[row] > 0) if gold is not None else None,
                pred=self._named(probabilities[row] >= self.settings.threshold),
                probs=dict(zip(self.names, probabilities[row].tolist(), strict=True)),
            )
            for row in range(len(outputs))
        ]

    def _named(self, holds: NDArray[np.bool_]) -> list[str]:
        return [name for name, one in zip(self.names, holds.tolist(), strict=True) if one]

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The settings' metrics."""
        from sklearn import metrics

        gold = self._indicators([prediction.gold for prediction in predictions])
        pred = self._indicators([prediction.pred for prediction in predictions])

        def probabilities() -> NDArray[np.float64]:
            return np.asarray([list(prediction.probs.values()) for prediction in predictions])

        measures: dict[str, Callable[[], Any]] = {
            "micro_f1": lambda: metrics.f1_score(gold, pred, average="micro", zero_division=0.0),
            "macro_f1": lambda: metrics.f1_score(gold, pred, average="macro", zero_division=0.0),
            "subset_accuracy": lambda: (gold == pred).all(axis=1).mean(),
            "lrap": lambda: metrics.label_ranking_average_precision_score(gold, probabilities()),
            "map": lambda: _mean_average_precision(gold, probabilities()),
        }
        return {name: float(measures[name]()) for name in self.metrics}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Per class: predicted and right, predicted, gold; then whether all labels are right, and 1."""
        gold = self._indicators([prediction.gold for prediction in predictions])
        pred = self._indicators([prediction.pred for prediction in predictions])
        right = (gold == pred).all(axis=1)
        counts = np.column_stack([_class_sums.class_counts(gold, pred), right, np.ones_like(right)])
        measures: dict[str, Callable[[Floats], Floats]] = {
            "micro_f1": lambda sums: _class_sums.micro_f1(sums[..., :-2]),
            "macro_f1": lambda sums: _class_sums.macro_f1(sums[..., :-2]),
            "subset_accuracy": lambda sums: ratio(sums[..., -2], sums[..., -1]),
        }
        return Tally(counts, {name: measures[name] for name in self.metrics if name in measures})

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """The same labels for every example, where the gold ones differ."""
        labels = {tuple(prediction.pred) for prediction in predictions}
        if len(labels) > 1 or len({tuple(prediction.gold) for prediction in predictions}) < 2:
            return None
        (names,) = labels
        return f"every prediction is {', '.join(map(repr, names))}" if names else "no label is ever predicted"

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """Whether nothing is predicted, though there are labels."""
        if any(prediction.pred for prediction in predictions) or not any(prediction.gold for prediction in predictions):
            return []
        return [f"no label reaches the threshold {self.settings.threshold:g}: train longer, or lower it"]

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """GLUE's form, with labels as the data set's files write them, between separators."""
        written = {name: form for form, name in (self.labels or {}).items()}
        separator = self.settings.label_separator
        return _text_tables.official(predictions, lambda one: separator.join(written[name] for name in one.pred))

    def _indicators(self, labels: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
        """(examples, classes) whether the label holds."""
        ids = {name: number for number, name in enumerate(self.names)}
        found = np.zeros((len(labels), self.outputs), dtype=np.bool_)
        for row, names in enumerate(labels):
            found[row, [ids[name] for name in names]] = True
        return found


def _from_cell(cell: Any, separator: str) -> tuple[str, ...] | tables.NoLabel:
    if tables.is_nothing(cell):
        return ()
    if isinstance(cell, str):
        cell = [part for part in cell.split(separator) if part.strip()]
    labels = [tables.label_of(one) for one in (cell if isinstance(cell, list) else [cell])]
    wrong = next((label for label in labels if isinstance(label, tables.NoLabel)), None)
    return wrong or tuple(dict.fromkeys(label for label in labels if isinstance(label, str)))


def _from_columns(table: Table, names: Sequence[str]) -> list[tuple[str, ...]]:
    for name in names:
        tables.find_column(table, (name,), flag="task_settings.label_columns")
    found = []
    for row in range(len(table)):
        holds = {name: _HOLDS.get(tables.label_of(table.columns[name][row])) for name in names}
        wrong = next((name for name, one in holds.items() if one is None), None)
        if wrong is not None:
            raise InputFileError(
                f"the column {wrong!r} holds {table.columns[wrong][row]!r} here, expected 0 or 1",
                path=table.path,
                line=table.lines[row],
            )
        found.append(tuple(name for name, one in holds.items() if one))
    return found


def _mean_average_precision(gold: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """The mean over the labels that hold anywhere; 0 where none does."""
    from sklearn import metrics

    there = np.flatnonzero(gold.any(axis=0))
    found = [metrics.average_precision_score(gold[:, label], probabilities[:, label]) for label in there]
    return float(np.mean(found)) if found else 0.0
