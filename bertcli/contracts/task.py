"""What a task file provides: one kind of supervised prediction, from its tables to its scores.

The data half (``select``, ``fit``, ``faults``, ``encode``, ``count``, ``decode``, ``score``) works on tables and numpy
arrays, the model half (``logits``, ``loss``) on tensors. Module level imports torch for typing only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bertcli.config.long_texts import Strategy
from bertcli.core.component_folder import Folder
from bertcli.core.ranges import ranges
from bertcli.core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import torch

    from bertcli.contracts.batch import Batch, Columns
    from bertcli.contracts.loss import Loss
    from bertcli.contracts.tally import Tally
    from bertcli.contracts.vocabulary import Vocabulary
    from bertcli.text.key_sentences import Ranking

TASKS = Folder("bertcli.tasks", "task")

LOSS_NAME = "task"
"""The name under which a task's loss and count stand in batches, logs and models."""

ERRORS = frozenset({"mse", "mae"})
"""Metrics of which less is better, and which are no share of anything."""

Reads = Literal["sequences", "pieces"]
"""What a head is put on: one vector of every sequence, or the last hidden state of every piece."""


class Encoding(Protocol):
    """What a task needs of a tokenizer."""

    vocabulary: Vocabulary

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Piece ids of each text, without special pieces."""

    def encode_with_places(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """The same, and (pieces, 2) where in its text each piece begins and ends, in characters."""


@dataclass(frozen=True)
class Table:
    """The rows of one file, by column. A cell is text, a number, a list, or None where the row has nothing.

    ``lines`` are the line (or row) numbers on which the rows begin, from 1; ``paths`` say where each row stands, if
    the table is more than one file.
    """

    path: str
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int]
    paths: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True)
class Examples:
    """One split as a task reads it: its own columns, with labels still as they were written.

    ``columns["label"]`` is absent where the split has no labels. ``paths`` and ``lines`` say where each example stands.
    """

    split: str
    ids: Sequence[str]
    columns: Mapping[str, Sequence[Any]]
    paths: Sequence[str]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64], split: str | None = None) -> Examples:
        """These rows alone, in this order."""

        def of(values: Sequence[Any]) -> list[Any]:
            return [values[row] for row in rows.tolist()]

        columns = {name: of(values) for name, values in self.columns.items()}
        return Examples(split or self.split, of(self.ids), columns, of(self.paths), of(self.lines))


@dataclass(frozen=True)
class Fault:
    """Something wrong with the content of an example, and where it stands. An ``error`` keeps a run from beginning."""

    level: Literal["error", "warning"]
    message: str
    path: str
    line: int
    hint: str | None = None


@dataclass(frozen=True)
class Limits:
    """How long a sequence may be, and how what is longer is made to fit."""

    max_length: int
    """Pieces, special ones included."""
    strategy: Strategy = "head"
    """What is read of a longer text; of a pair of texts always the heads."""
    ranking: Ranking | None = None
    """What finds key sentences, where these are read."""
    chunk_stride: int = 0
    """Pieces that neighbouring chunks share."""
    max_chunks: int | None = None
    """Chunks of a text at most."""


@dataclass(frozen=True)
class Features:
    """Encoded examples as flat arrays: nothing is padded and nothing is a Python object per row.

    An *item* is one row of labels: usually one sequence, or several, as in multiple choice or the chunks of a document.
    """

    input_ids: NDArray[np.int32]
    """(tokens,) all sequences one after another, with their special pieces."""
    offsets: NDArray[np.int64]
    """(sequences + 1,) where each sequence begins."""
    second_starts: NDArray[np.int64]
    """(sequences,) the position from which ``token_type_ids`` is 1; the sequence's length where there is no B."""
    lost: NDArray[np.int64]
    """(sequences,) pieces that truncation cut off."""
    examples: NDArray[np.int64]
    """(items,) the row of the example that each item belongs to."""
    item_columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """(items, …) columns that go into batches as they are, e.g. ``labels``."""
    token_columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """(tokens,) columns that are padded like ``input_ids``, with ``IGNORED``."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What ``decode`` needs and no batch carries."""
    item_starts: NDArray[np.int64] | None = None
    """(items + 1,) where each item's sequences begin; None where every item is one sequence."""

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.examples)

    def lengths(self) -> NDArray[np.int64]:
        """(items,) the pieces in all sequences of each item."""
        starts = self.offsets if self.item_starts is None else self.offsets[self.item_starts]
        lengths: NDArray[np.int64] = np.diff(starts)
        return lengths

    def sequence_counts(self) -> NDArray[np.int64]:
        """(items,) the sequences of each item."""
        if self.item_starts is None:
            return np.ones(self.items, dtype=np.int64)
        counts: NDArray[np.int64] = np.diff(self.item_starts)
        return counts

    def sequences_of(self, items: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(sequences,) those of these items, in order, and (sequences,) which of ``items`` each belongs to."""
        if self.item_starts is None:
            return items, np.arange(len(items))
        counts = np.diff(self.item_starts)[items]
        return ranges(self.item_starts[items], counts), np.repeat(np.arange(len(items)), counts)

    @cached_property
    def has_pairs(self) -> bool:
        """Whether any sequence has a second segment."""
        return bool((self.second_starts < np.diff(self.offsets)).any())

    def without_segments(self) -> Features:
        """The same features for a model that knows one segment only."""
        return replace(self, second_starts=np.diff(self.offsets))

    def truncated_examples(self) -> int:
        """How many examples lost pieces."""
        _, items = self.sequences_of(np.arange(self.items))
        return len(np.unique(self.examples[items[self.lost > 0]]))

    def with_item_columns(self, **columns: NDArray[Any]) -> Features:
        """The same features with more item columns."""
        return replace(self, item_columns={**self.item_columns, **columns})


@dataclass(frozen=True)
class Prediction:
    """One line of ``predictions/SPLIT.jsonl``. ``gold`` is None where the split has no labels.

    ``score`` is a figure besides the probabilities that a metric asks for.
    """

    id: str
    gold: Any
    pred: Any
    probs: Any = None
    score: float | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON values; ``probs`` and ``score`` only where there are any."""
        values = {"id": self.id, "gold": self.gold, "pred": self.pred}
        further = {"probs": self.probs, "score": self.score}
        return values | {name: value for name, value in further.items() if value is not None}


class Task(Protocol):
    """One kind of prediction. An instance holds its settings and the labels it learned from the training split."""

    Settings: ClassVar[type[Settings]]
    head: ClassVar[str]
    """The head of the architecture that it asks for."""
    reads: ClassVar[Reads]
    """What the head is put on."""
    suffixes: ClassVar[tuple[str, ...]]
    """How the names of files end that ``read`` opens, but for a suffix of compression."""
    official_ending: ClassVar[str | None]
    """What follows a split's name in that of its official prediction file; None where presets alone ask for one."""

    settings: Any

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that ``score`` gives."""

    @property
    def primary(self) -> str:
        """The metric by which runs are compared."""

    @property
    def outputs(self) -> int:
        """The number of outputs of the head."""

    def read(self, path: Path) -> Table:
        """The rows of a file in one of the formats of this kind."""

    def select(self, tables: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """The examples of a split from its files. With ``labelled`` a missing label column is an error."""

    def fit(self, train: Examples) -> Self:
        """The same task with its labels settled: those of the settings, or those of the training split."""

    def settled(self) -> dict[str, Any]:
        """What ``fit`` settled and scores depend on, as JSON values; empty where they depend on the settings alone."""

    def as_settled(self, values: Mapping[str, Any]) -> Self:
        """The same task with what another one's ``settled`` said: it scores as that one."""

    def weighed(self, train: Examples) -> Self:
        """The same labels, weighed as they are frequent in ``train``, the part of the split that is trained on."""

    def keys(self, examples: Examples) -> list[str]:
        """A text per example that copies of it share; copies stay on one side of a split."""

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """What is wrong with the content of examples, in their order. The task is fitted."""

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """All examples encoded; there is no error among their faults."""

    def model_facts(self) -> dict[str, Any]:
        """What the model's ``config.json`` says of this task, e.g. ``id2label``."""

    def count(self, columns: Columns) -> int:
        """The number of targets in the columns of a batch."""

    def logits(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The head's outputs, (sequences, outputs) or (sequences, seq, outputs), as loss and ``decode`` take them."""

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """The summed loss against the batch's labels."""

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """One prediction per example; ``outputs`` are the logits of each item, in order.

        Of a task that reads pieces they are (pieces, outputs): all sequences of the item, without padding.
        """

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Every metric, once over the whole split, as fractions."""

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Counts of each example whose sums give the metrics; empty where no metric is a function of sums."""

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """What shows that the model has learned nothing, e.g. one class for all; None where it has learned."""

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """What looks wrong in scored predictions, e.g. labels that seem swapped; usually nothing."""

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """The lines of the official prediction file of a split."""
