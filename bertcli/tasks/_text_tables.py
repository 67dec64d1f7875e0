"""Single texts or pairs of texts with one label each: how they are read from tables and put into a model."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from bertcli.contracts.task import Encoding, Examples, Fault, Features, Limits, Prediction, Reads, Table
from bertcli.core.messages import notice
from bertcli.core.settings import Settings
from bertcli.data import tables
from bertcli.data.class_folders import read_class_folders
from bertcli.data.features import encode_documents, encode_sequences

if TYPE_CHECKING:
    import torch

    from bertcli.contracts import batch

Columns = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]

JOINED_BY = " + "


class TableSettings(Settings):
    """Which columns of a table are read. Of several names the first that the table has is taken."""

    text_column: Columns
    """Column of the text; ``title + body`` joins two by a space."""
    label_column: Columns = ("label",)
    """Column of the label."""
    id_column: Columns = ("index", "id", "idx")
    """Column by which predictions name their example; where there is none, the number of the row, from 0."""
    header: tuple[str, ...] = ()
    """Columns of files without a header line."""
    skip_ragged: bool = False
    """Pass over rows with too few or too many cells, and say how many, rather than refuse the file."""


class TextTableSettings(TableSettings):
    """Columns of single texts or pairs."""

    text_column: Columns = ("text", "sentence")
    """Column of the text, or of the first text of a pair; ``title + body`` joins two by a space."""
    pair_column: Columns = ()
    """Column of the second text of a pair; none: single texts."""


@dataclass(frozen=True)
class TableTask:
    """What tasks on tables share."""

    settings: Any

    reads: ClassVar[Reads] = "sequences"
    suffixes: ClassVar[tuple[str, ...]] = tables.SUFFIXES
    official_ending: ClassVar[str | None] = None

    def settled(self) -> dict[str, Any]:
        """Nothing, but of kinds that say more."""
        return {}

    def as_settled(self, values: Mapping[str, Any]) -> Self:
        """With these values."""
        return replace(self, **values)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that ``score`` gives."""
        metrics: tuple[str, ...] = self.settings.metrics
        return metrics

    @property
    def primary(self) -> str:
        """The first of the metrics."""
        return self.metrics[0]

    def read(self, path: Path) -> Table:
        """The rows of a table file, or of a folder with a folder of texts for each class."""
        settings = self.settings
        if path.is_dir():
            return read_class_folders(path, self.class_names)
        names = [part for name in settings.text_column for part in (name, *name.split(JOINED_BY))]
        table, ragged = tables.read_table(
            path, text_columns=names, header=settings.header, skip_ragged=settings.skip_ragged
        )
        if ragged:
            notice(f"{path}: {ragged:,} ragged rows are passed over")
        return table

    @property
    def class_names(self) -> Collection[str]:
        """The labels that there may be, in every form; empty where that is not known before the data are."""
        return ()

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """Nothing, unless a task knows better."""
        return []


@dataclass(frozen=True)
class TextTableTask(TableTask):
    """What tasks with one label per text share: their tables, and a layer on the pooled vector."""

    suffixes: ClassVar[tuple[str, ...]] = (*tables.SUFFIXES, tables.FOLDER)
    head: ClassVar[str] = "classification"
    expected: ClassVar[str] = "a label"
    """What the label's cell has to hold, for messages."""

    def select(self, tables: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """Text, pair and label of every row. Labels that are missing throughout make the split an unlabelled one.

        A row without a label in a labelled split has ``NoLabel``, which is among the faults.
        """
        settings = self.settings
        columns: dict[str, list[Any]] = {"text": []}
        has_labels = labelled or all(self.has_labels(table) for table in tables)
        for table in tables:
            columns["text"] += texts_of(table, settings.text_column, flag="--text-column")
            if settings.pair_column:
                pairs = texts_of(table, settings.pair_column, flag="--pair-column")
                columns.setdefault("pair", []).extend(pairs)
            if has_labels:
                columns.setdefault("label", []).extend(self.labels_in(table))
        return examples_of(tables, split, columns, settings.id_column)

    def has_labels(self, table: Table) -> bool:
        """Whether any row of the table has a label."""
        return any_cell(table, self.settings.label_column)

    def labels_in(self, table: Table) -> list[Any]:
        """The label of every row as it is written, or ``NoLabel``."""
        return labels_of(table, self.settings.label_column)

    def weighed(self, train: Examples) -> Self:
        """No label has a weight."""
        return self

    def keys(self, examples: Examples) -> list[str]:
        """The text, or both texts of a pair."""
        if "pair" not in examples.columns:
            return list(examples.columns["text"])
        return [
            f"{text}\t{pair}" for text, pair in zip(examples.columns["text"], examples.columns["pair"], strict=True)
        ]

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """Texts that are empty, labels that are missing or not known."""
        labels = examples.columns.get("label")
        for row in range(len(examples)):
            path, line = examples.paths[row], examples.lines[row]
            for name, what in (("text", "the text"), ("pair", "the second text")):
                if name in examples.columns and not examples.columns[name][row].strip():
                    yield Fault("warning", f"{what} is empty", path, line)
            if labels is None:
                continue
            if isinstance(labels[row], tables.NoLabel):
                yield Fault("error", self.missing_label(labels[row]), path, line)
            else:
                for message, hint in self.label_faults(labels[row]):
                    yield Fault("error", message, path, line, hint)

    def missing_label(self, label: tables.NoLabel) -> str:
        """What to say of a row without a label."""
        return f"the label column holds {label.found} here, expected {self.expected}"

    def label_faults(self, written: Any) -> Iterator[tuple[str, str]]:
        """What is wrong with a label, with a hint."""
        raise NotImplementedError

    def count(self, columns: batch.Columns) -> int:
        """Every example is a target."""
        return len(columns.get("item_sequences", columns["input_ids"]))

    def logits(self, outputs: torch.Tensor, batch: batch.Batch) -> torch.Tensor:
        """As they are: (items, outputs)."""
        return outputs


def encode(
    examples: Examples, tokenizer: Encoding, limits: Limits, label: Callable[[Any], Any], dtype: Any
) -> Features:
    """The sequences of all examples, with ``label`` of what is written where the split has labels."""
    labels: NDArray[Any] | None = None
    if "label" in examples.columns:
        labels = np.asarray([label(written) for written in examples.columns["label"]], dtype=dtype)
    texts, pairs = examples.columns["text"], examples.columns.get("pair")
    if pairs is None:
        features = encode_documents(texts, tokenizer, limits)
    else:
        features = encode_sequences(texts, pairs, tokenizer, max_length=limits.max_length)
    return features if labels is None else features.with_item_columns(labels=labels)


def official(predictions: Sequence[Prediction], written: Callable[[Prediction], str]) -> Iterator[str]:
    """GLUE's form: ``index TAB prediction`` under a header."""
    yield "index\tprediction"
    for prediction in predictions:
        yield f"{prediction.id}\t{written(prediction)}"


def texts_of(table: Table, wanted: Sequence[str], *, flag: str) -> list[str]:
    """The text of every row, from the first of the ``wanted`` columns that is there.

    Raises ``InputFileError`` where none of them is, and with file and line where a cell is no text.
    """
    for name in wanted:
        parts = name.split(JOINED_BY)
        if name not in table.columns and len(parts) > 1 and all(part in table.columns for part in parts):
            columns = [texts_of(table, (part,), flag=flag) for part in parts]
            return [" ".join(texts) for texts in zip(*columns, strict=True)]
    column = tables.find_column(table, wanted, flag=flag)
    return [tables.text_cell(table, column, row) for row in range(len(table))]


def labels_of(table: Table, wanted: Sequence[str]) -> list[str | tables.NoLabel]:
    """The label of every row. Raises ``InputFileError`` where none of the ``wanted`` columns is there."""
    column = tables.find_column(table, wanted, flag="--label-column")
    return list(map(tables.label_of, table.columns[column]))


def any_cell(table: Table, names: Sequence[str]) -> bool:
    """Whether the first of these columns that is there has a cell that is not empty."""
    column = next((name for name in names if name in table.columns), None)
    return column is not None and not all(map(tables.is_nothing, table.columns[column]))


def examples_of(
    given: Sequence[Table], split: str, columns: dict[str, list[Any]], id_columns: Sequence[str]
) -> Examples:
    """The rows of all tables as one split, named by the first of ``id_columns`` or numbered on."""
    ids: list[str] = []
    paths: list[str] = []
    lines: list[int] = []
    for table in given:
        id_column = next((name for name in id_columns if name in table.columns), None)
        ids += [str(table.columns[id_column][row]) if id_column else str(len(paths) + row) for row in range(len(table))]
        lines += table.lines
        paths += table.paths or [table.path] * len(table)
    return Examples(split, ids, columns, paths, lines)
