"""Single texts or pairs of texts with one label each: how they are read from tables and put into a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from bertcli.contracts.task import Encoding, Examples, Features, Limits, Prediction, Reads, Table
from bertcli.core.messages import notice
from bertcli.core.settings import Settings
from bertcli.data import tables
from bertcli.data.features import encode_sequences

if TYPE_CHECKING:
    import torch

    from bertcli.contracts import batch

Columns = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]


class TextTableSettings(Settings):
    """Which columns of a table are read. Of several names the first that the table has is taken."""

    text_column: Columns = ("text", "sentence")
    """Column of the text, or of the first text of a pair."""
    pair_column: Columns = ()
    """Column of the second text of a pair; none: single texts."""
    label_column: Columns = ("label",)
    """Column of the label."""
    id_column: Columns = ("index", "id", "idx")
    """Column by which predictions name their example; where there is none, the number of the row, from 0."""
    header: tuple[str, ...] = ()
    """Columns of files without a header line."""
    skip_ragged: bool = False
    """Pass over rows with too few or too many cells, and say how many, rather than refuse the file."""


@dataclass(frozen=True)
class TextTableTask:
    """What tasks with one label per text share: their tables, and a layer on the pooled vector."""

    settings: Any

    head: ClassVar[str] = "classification"
    reads: ClassVar[Reads] = "sequences"
    suffixes: ClassVar[tuple[str, ...]] = tables.SUFFIXES

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
        """The rows of a table file."""
        settings = self.settings
        table, ragged = tables.read_table(
            path, text_columns=settings.text_column, header=settings.header, skip_ragged=settings.skip_ragged
        )
        if ragged:
            notice(f"{path}: {ragged:,} ragged rows are passed over")
        return table

    def select(self, tables: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """Text, pair and label of every row. Labels that are missing throughout make the split an unlabelled one."""
        return _select(self.settings, tables, split, labelled=labelled)

    def keys(self, examples: Examples) -> list[str]:
        """The text, or both texts of a pair."""
        if "pair" not in examples.columns:
            return list(examples.columns["text"])
        return [
            f"{text}\t{pair}" for text, pair in zip(examples.columns["text"], examples.columns["pair"], strict=True)
        ]

    def count(self, columns: batch.Columns) -> int:
        """Every example is a target."""
        return len(columns["input_ids"])

    def logits(self, outputs: torch.Tensor, batch: batch.Batch) -> torch.Tensor:
        """As they are: (items, outputs)."""
        return outputs

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """Nothing, unless a task knows better."""
        return []


def encode(
    examples: Examples, tokenizer: Encoding, limits: Limits, label: Callable[[str], Any], dtype: Any
) -> Features:
    """The sequences of all examples, with ``label`` of what is written where the split has labels."""
    labels: NDArray[Any] | None = None
    if "label" in examples.columns:
        labels = np.asarray([label(written) for written in examples.columns["label"]], dtype=dtype)
    features = encode_sequences(
        examples.columns["text"], examples.columns.get("pair"), tokenizer, max_length=limits.max_length
    )
    return features if labels is None else features.with_item_columns(labels=labels)


def official(predictions: Sequence[Prediction], written: Callable[[Prediction], str]) -> Iterator[str]:
    """GLUE's form: ``index TAB prediction`` under a header."""
    yield "index\tprediction"
    for prediction in predictions:
        yield f"{prediction.id}\t{written(prediction)}"


def _has_labels(table: Table, names: Sequence[str]) -> bool:
    column = next((name for name in names if name in table.columns), None)
    return column is not None and not all(map(tables.is_nothing, table.columns[column]))


def _select(settings: TextTableSettings, given: Sequence[Table], split: str, *, labelled: bool) -> Examples:
    columns: dict[str, list[Any]] = {"text": []}
    ids: list[str] = []
    paths: list[str] = []
    lines: list[int] = []
    has_labels = labelled or all(_has_labels(table, settings.label_column) for table in given)
    for table in given:
        rows = range(len(table))
        text = tables.find_column(table, settings.text_column, flag="--text-column")
        columns["text"] += [tables.text_cell(table, text, row) for row in rows]
        if settings.pair_column:
            pair = tables.find_column(table, settings.pair_column, flag="--pair-column")
            columns.setdefault("pair", []).extend(tables.text_cell(table, pair, row) for row in rows)
        if has_labels:
            label = tables.find_column(table, settings.label_column, flag="--label-column")
            columns.setdefault("label", []).extend(tables.label_cell(table, label, row) for row in rows)
        id_column = next((name for name in settings.id_column if name in table.columns), None)
        ids += [str(table.columns[id_column][row]) if id_column else str(len(paths) + row) for row in rows]
        lines += table.lines
        paths += [table.path] * len(table)
    return Examples(split, ids, columns, paths, lines)
