"""The examples that an audit looks at: before and after corruption, and where their pieces stand in the corpus."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED, Columns
from bertcli.contracts.objective import Corruption
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.messages import Progress
from bertcli.data.coverage import tokens_covered
from bertcli.data.examples import DynamicExamples, StaticExamples
from bertcli.data.layout import Layout
from bertcli.data.plan import Plan
from bertcli.data.token_store import TokenStore

_EXAMPLES_AT_ONCE = 4096


@dataclass(frozen=True)
class Part:
    """The examples of a sample, ``rows`` (examples,) of it, that were drawn with one corruption."""

    rows: NDArray[np.int64]
    corruption: Corruption


@dataclass(frozen=True)
class Sample:
    """Some examples of an epoch, or some finished rows."""

    clean: Columns
    finished: Columns
    original: NDArray[np.int64]
    """(batch, seq) the pieces before masking: as assembled, or as the labels of finished rows tell them."""
    parts: tuple[Part, ...] = ()
    """The examples by the epoch that they were drawn in; none where only finished rows tell of them."""
    told: Columns | None = None
    """Finished rows: their clean columns as the rows alone tell them."""
    store: TokenStore | None = None
    """The corpus, where it is kept."""
    plan: Plan | None = None
    """Exactly these examples, in their order; there if ``store`` is."""
    tokens_used: float | None = None
    """Share of the corpus's tokens that an epoch (of static data: the first copy) uses."""
    redrawn: Columns | None = None
    """Finished rows drawn again from the corpus: what the rows must be."""
    rows: int | None = None
    """Finished rows: how many there are."""
    rows_made: int | None = None
    """Finished rows: how many the corpus makes, where it is kept."""


def dynamic_sample(
    store: TokenStore, examples: DynamicExamples, epoch: int, numbers: NDArray[np.int64], progress: float = 0.0
) -> Sample:
    """Examples of an epoch as they are when the share ``progress`` of a run is done."""
    plan = examples.plan(epoch)
    clean = examples.clean(epoch, numbers)
    return Sample(
        clean,
        examples.corrupt(epoch, clean, progress),
        clean["input_ids"],
        parts=(Part(np.arange(len(numbers)), examples.corruption(epoch, progress)),),
        store=store,
        plan=part_of(plan, numbers),
        tokens_used=tokens_covered(store, plan),
    )


def static_sample(rows: StaticExamples, numbers: NDArray[np.int64], vocabulary: Vocabulary) -> Sample:
    """Finished rows whose corpus is not kept: their originals are put back from the labels."""
    finished = rows.columns(0, numbers)
    original = finished["input_ids"]
    if "labels" in finished:
        original = np.where(finished["labels"] != IGNORED, finished["labels"], original)
    special = np.isin(original, vocabulary.special_ids) | (finished["attention_mask"] == 0)
    clean = finished | {"input_ids": original, "special_tokens_mask": special.astype(np.int64)}
    return Sample(clean, finished, original, told=clean, rows=rows.count(0))


def redrawn_sample(
    rows: StaticExamples,
    numbers: NDArray[np.int64],
    vocabulary: Vocabulary,
    store: TokenStore,
    source: DynamicExamples,
    copies: int,
    progress: Progress,
) -> Sample:
    """Finished rows, at least one and ascending, beside the examples that they were made of.

    Copy ``c`` is epoch ``c`` of ``source``. Where the corpus does not make as many rows as there are, no row can be
    told to be an example's: there is no ``plan`` then.
    """
    alone = static_sample(rows, numbers, vocabulary)
    width = alone.finished["input_ids"].shape[1]
    redrawn: Columns = {name: values.copy() for name, values in alone.finished.items() if name != "example_ids"}
    cleans: list[Columns] = []
    plans: list[Plan] = []
    parts: list[Part] = []
    made, used = 0, 0.0
    for copy in range(copies):
        plan = source.plan(copy)
        if copy == 0:
            used = tokens_covered(store, plan)
        here = np.flatnonzero((numbers >= made) & (numbers < made + len(plan)))
        for at in range(0, len(here), _EXAMPLES_AT_ONCE):
            places = here[at : at + _EXAMPLES_AT_ONCE]
            clean = source.clean(copy, numbers[places] - made)
            drawn = source.corrupt(copy, clean)
            for name, values in redrawn.items():
                if values.ndim == 1:
                    values[places] = drawn[name]
                else:  # beyond the longest of these examples there is only padding
                    values[places, : drawn[name].shape[1]] = drawn[name]
            cleans.append(_widened(clean, width, vocabulary))
            plans.append(part_of(plan, numbers[places] - made))
        if len(here):
            parts.append(Part(here, source.corruption(copy)))
        made += len(plan)
        progress.update(copy + 1)
    alone = replace(alone, tokens_used=used, rows_made=made)
    if made != alone.rows:
        return alone
    clean = {name: np.concatenate([part[name] for part in cleans]) for name in cleans[0]}
    return replace(alone, clean=clean, store=store, plan=_joined(plans), parts=tuple(parts), redrawn=redrawn)


def part_of(plan: Plan, numbers: NDArray[np.int64]) -> Plan:
    """A plan of these examples alone, in this order."""
    pieces = Layout.of(plan, numbers).pieces
    counts = plan.first_piece[numbers + 1] - plan.first_piece[numbers]
    return replace(
        plan,
        bounds=plan.bounds[pieces],
        segments=plan.segments[pieces],
        first_piece=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        relation=plan.relation[numbers],
    )


def _joined(plans: list[Plan]) -> Plan:
    counts = np.concatenate([np.diff(plan.first_piece) for plan in plans])
    return replace(
        plans[0],
        bounds=np.concatenate([plan.bounds for plan in plans]),
        segments=np.concatenate([plan.segments for plan in plans]),
        first_piece=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        relation=np.concatenate([plan.relation for plan in plans]),
    )


def _widened(clean: Columns, width: int, vocabulary: Vocabulary) -> Columns:
    """Clean columns padded to ``width``: with [PAD], which is a special, and with 0 in all other columns."""
    fills = {"input_ids": vocabulary.pad_id, "special_tokens_mask": 1}
    wide: Columns = {}
    for name, values in clean.items():
        if values.ndim == 1:
            wide[name] = values
        else:
            room = ((0, 0), (0, width - values.shape[1]))
            wide[name] = np.pad(values, room, constant_values=fills.get(name, 0))
    return wide
