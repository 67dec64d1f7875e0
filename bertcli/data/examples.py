"""Examples: finished columns for any example of any epoch, from a dynamic store or from static rows.

The same objectives corrupt both: statically once while the rows are written, dynamically every time an example is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import Columns
from bertcli.contracts.objective import Corruption, Objective, columns_read, relations_of
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.arrow_files import read_record_batches
from bertcli.data.layout import Layout
from bertcli.data.plan import Plan
from bertcli.data.sequences import SHORT_SEQUENCE_PROBABILITY, make_plan
from bertcli.data.token_columns import TokenColumns
from bertcli.data.token_store import SequenceKind, TokenStore
from bertcli.text.word_boundaries import WordBoundaries

Objectives = Mapping[str, Objective]


class Examples(Protocol):
    """Anything that batches are made of."""

    def count(self, epoch: int) -> int:
        """The number of examples in an epoch."""

    def columns(self, epoch: int, numbers: NDArray[np.int64], progress: float = 0.0) -> Columns:
        """Finished columns of these examples, padded to the longest of them or more.

        ``progress`` is the share of the run that is done, for what moves with it.
        """


class DynamicExamples:
    """Examples of a token store, corrupted anew in every epoch."""

    def __init__(
        self,
        store: TokenStore,
        vocabulary: Vocabulary,
        objectives: Objectives,
        *,
        kind: SequenceKind,
        seq_length: int,
        seed: int,
        short_sequence_probability: float = SHORT_SEQUENCE_PROBABILITY,
        boundaries: WordBoundaries | None = None,
    ) -> None:
        """``boundaries`` tells from the pieces where words begin, for what reads it and a store that does not say.

        Raises ``DataError`` where an objective reads what the store does not have.
        """
        self._store = store
        self._reads = TokenColumns(columns_read(objectives), store, boundaries, lowercase=vocabulary.lowercase)
        self._vocabulary = vocabulary
        self._objectives = objectives
        self._seed = seed
        relations = relations_of(objectives)

        # Two epochs are under way at once when batches are prepared ahead over the end of one.
        @lru_cache(maxsize=2)
        def plan(epoch: int) -> Plan:
            return make_plan(
                store,
                kind,
                seq_length=seq_length,
                seed=seed,
                epoch=epoch,
                relations=relations,
                short_sequence_probability=short_sequence_probability,
            )

        self.plan = plan

    def count(self, epoch: int) -> int:
        """The number of examples that the epoch's plan has."""
        return len(self.plan(epoch))

    def columns(self, epoch: int, numbers: NDArray[np.int64], progress: float = 0.0) -> Columns:
        """Read, assemble and corrupt."""
        return self.corrupt(epoch, self.clean(epoch, numbers), progress)

    def clean(self, epoch: int, numbers: NDArray[np.int64]) -> Columns:
        """Assembled columns before any corruption, with ``special_tokens_mask``, ``relation`` and ``example_ids``."""
        return assemble(self._store, self.plan(epoch), numbers, self._vocabulary, self._reads)

    def corrupt(self, epoch: int, clean: Columns, progress: float = 0.0) -> Columns:
        """Finished columns for clean ones."""
        corruption = self.corruption(epoch, progress)
        finished = dict(clean)
        for objective in self._objectives.values():
            finished |= objective.corrupt(finished, corruption)
        return finished

    def corruption(self, epoch: int, progress: float = 0.0) -> Corruption:
        """What the objectives draw from."""
        return Corruption(self._seed, epoch, self._vocabulary, progress)


def assemble(
    store: TokenStore, plan: Plan, numbers: NDArray[np.int64], vocabulary: Vocabulary, reads: TokenColumns
) -> Columns:
    """``[CLS] A [SEP] B [SEP]`` for each example, padded to the longest: columns (batch, seq)."""
    layout = Layout.of(plan, numbers)
    shape = (layout.rows, layout.width)
    input_ids = np.full(shape, vocabulary.pad_id, dtype=np.int64)
    input_ids[:, 0] = vocabulary.cls_id
    flat = input_ids.reshape(-1)
    flat[layout.tokens] = store.gather("input_ids", layout.starts, layout.ends)
    flat[layout.separators] = vocabulary.sep_id
    token_type_ids = np.zeros(shape, dtype=np.int64)
    segments = plan.segments[layout.pieces]
    if segments.any():
        of_pieces = token_type_ids.reshape(-1)
        of_pieces[layout.tokens] = np.repeat(segments, layout.ends - layout.starts)
        of_pieces[layout.separators] = segments
    columns: Columns = {
        "input_ids": input_ids,
        "token_type_ids": token_type_ids,
        "attention_mask": (np.arange(layout.width) < layout.lengths[:, None]).astype(np.int64),
        "special_tokens_mask": vocabulary.is_special.take(input_ids).astype(np.int64),
        "relation": plan.relation[numbers],
        "example_ids": numbers,
    }
    return columns | reads.read(layout, columns)


class StaticExamples:
    """The finished rows of a static data set: every epoch reads the same ones."""

    def __init__(self, files: Path | Sequence[Path]) -> None:
        """``files`` of rows, or the directory of a split that lists its own."""
        batches = list(read_record_batches(files))
        self._names: list[str] = batches[0].schema.names if batches else []
        self._chunks = [{name: _matrix(batch.column(name)) for name in self._names} for batch in batches]
        self._starts = np.concatenate([[0], np.cumsum([batch.num_rows for batch in batches])]).astype(np.int64)

    def count(self, epoch: int) -> int:
        """The number of rows, the same in every epoch."""
        return int(self._starts[-1])

    def columns(self, epoch: int, numbers: NDArray[np.int64], progress: float = 0.0) -> Columns:
        """Read the rows."""
        chunks = np.searchsorted(self._starts, numbers, side="right") - 1
        columns: Columns = {
            name: np.stack(
                [
                    self._chunks[chunk][name][number - self._starts[chunk]]
                    for chunk, number in zip(chunks, numbers, strict=True)
                ]
            ).astype(np.int64)
            for name in self._names
        }
        columns["example_ids"] = numbers
        return columns


def _matrix(column: Any) -> NDArray[Any]:
    if not hasattr(column, "flatten") or not hasattr(column, "offsets"):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    return np.asarray(column.flatten().to_numpy()).reshape(len(column), -1)


class LimitedExamples:
    """The first ``limit`` examples of every epoch of others; all of them where ``limit`` is None."""

    def __init__(self, examples: Examples, limit: int | None) -> None:
        self._examples = examples
        self._limit = limit

    def count(self, epoch: int) -> int:
        """The number of examples, cut to the limit."""
        count = self._examples.count(epoch)
        return count if self._limit is None else min(count, self._limit)

    def columns(self, epoch: int, numbers: NDArray[np.int64], progress: float = 0.0) -> Columns:
        """The others' columns."""
        return self._examples.columns(epoch, numbers, progress)
