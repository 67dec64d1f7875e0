"""Batches: which examples make up which optimizer step, and their preparation ahead of use.

The stream of examples is every epoch's examples, shuffled by (seed, epoch), one epoch after the other; step ``s`` takes
the next ``batch_size`` of them. So nothing depends on the number of workers or on how a batch is cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import Batch, Columns, StepBatches
from bertcli.core.randomness import permutation
from bertcli.core.ranges import ranges
from bertcli.data.examples import Examples, Objectives
from bertcli.data.packing import Packing
from bertcli.errors import RunError

Result = TypeVar("Result")

_BATCHES_AHEAD = 4
_MODEL_COLUMNS = frozenset({"input_ids", "token_type_ids", "attention_mask"})
"""What an encoder reads; of all else a batch keeps what its objectives write."""


@dataclass(frozen=True)
class Cursor:
    """Where the stream of examples stands: so many of this epoch's shuffled examples have been taken."""

    epoch: int = 0
    taken: int = 0
    step: int = 0
    """Optimizer steps taken in all."""

    def dump(self) -> dict[str, int]:
        """For a checkpoint."""
        return asdict(self)


@dataclass(frozen=True)
class _Share:
    """Consecutive examples of one epoch."""

    epoch: int
    numbers: NDArray[np.int64]


def batch_stream(
    examples: Examples,
    objectives: Objectives,
    *,
    batch_size: int,
    micro_batch_size: int,
    seed: int,
    start: Cursor,
    steps: int | None = None,
    workers: int,
    rank: int = 0,
    world_size: int = 1,
    packing: Packing | None = None,
) -> Generator[StepBatches, None, None]:
    """The batches of every optimizer step from ``start`` on, without end.

    ``steps`` is the length of the whole run, for what moves while it goes on; without it nothing does. ``workers``
    threads prepare them ahead; 0 prepares each when it is asked for. Process ``rank`` of ``world_size``
    gets its share of every step. With ``packing`` the sequences of a micro-batch share rows.
    """

    def jobs() -> Iterator[Callable[[], StepBatches]]:
        for shares, after in _steps(examples, batch_size, seed, start):
            micro = [
                _Share(share.epoch, share.numbers[at : at + micro_batch_size])
                for share in shares
                for at in range(0, len(share.numbers), micro_batch_size)
            ][rank::world_size]
            progress = (after.step - 1) / steps if steps else 0.0
            yield partial(_step_batches, examples, objectives, micro, progress, after, packing)

    return prepared_ahead(jobs(), workers)


def _step_batches(
    examples: Examples,
    objectives: Objectives,
    micro: list[_Share],
    progress: float,
    after: Cursor,
    packing: Packing | None,
) -> StepBatches:
    batches = (make_batch(examples, objectives, share.epoch, share.numbers, progress, packing) for share in micro)
    return StepBatches(tuple(batches), after.dump())


def _steps(examples: Examples, batch_size: int, seed: int, start: Cursor) -> Iterator[tuple[list[_Share], Cursor]]:
    epoch, taken, step = start.epoch, start.taken, start.step
    order = permutation(seed, "example order", epoch, examples.count(epoch))
    while True:
        shares: list[_Share] = []
        missing = batch_size
        while missing:
            if taken == len(order):
                epoch, taken = epoch + 1, 0
                order = permutation(seed, "example order", epoch, examples.count(epoch))
                if not len(order):
                    raise RunError(f"epoch {epoch} has no examples: the training documents are too few or too short")
            numbers = order[taken : taken + missing]
            shares.append(_Share(epoch, numbers))
            taken += len(numbers)
            missing -= len(numbers)
        step += 1
        yield shares, Cursor(epoch, taken, step)


def evaluation_batches(
    examples: Examples, objectives: Objectives, *, batch_size: int, limit: int | None = None
) -> Iterator[Batch]:
    """All examples of epoch 0 in order, at most ``limit`` of them."""
    count = examples.count(0) if limit is None else min(limit, examples.count(0))
    for at in range(0, count, batch_size):
        yield make_batch(examples, objectives, 0, np.arange(at, min(at + batch_size, count)))


def make_batch(
    examples: Examples,
    objectives: Objectives,
    epoch: int,
    numbers: NDArray[np.int64],
    progress: float = 0.0,
    packing: Packing | None = None,
) -> Batch:
    """One micro-batch: finished columns, cut to the longest sequence or packed, with counts and target positions."""
    columns = examples.columns(epoch, numbers, progress)
    counts: dict[str, int] = {}
    for objective in objectives.values():
        counts |= objective.count(columns)
    mask = columns["attention_mask"]
    wanted = _MODEL_COLUMNS.union(*(objective.writes for objective in objectives.values()))
    kept = {name: values for name, values in columns.items() if name in wanted}
    reads = {name: objective.targets(columns) for name, objective in objectives.items()}
    placement = packing.place(mask) if packing is not None else None
    if placement is not None:
        kept, numbers = placement.pack(kept), numbers[placement.order]
        reads = {name: placement.move(own, False) for name, own in reads.items()}
    else:
        kept = _trimmed(kept)
    return Batch(
        without_needless_padding(kept) | target_columns(reads),
        numbers,
        epoch=epoch,
        tokens=int(mask.sum()),
        counts=counts,
    )


def _trimmed(columns: Columns) -> Columns:
    """The columns, cut to the longest sequence."""
    longest = int(columns["attention_mask"].sum(axis=1).max())
    return {name: values[:, :longest] if values.ndim > 1 else values for name, values in columns.items()}


def without_needless_padding(columns: Columns) -> Columns:
    """No ``attention_mask`` where nothing is padded; ``token_positions`` (tokens,) of the real pieces where it is."""
    mask = columns["attention_mask"]
    if mask.all():
        return {name: values for name, values in columns.items() if name != "attention_mask"}
    return columns | {"token_positions": np.flatnonzero(mask)}


def target_columns(reads: dict[str, NDArray[np.bool_]]) -> Columns:
    """Where the last layer is read: ``target_positions`` (batch, targets), padded with 0.

    ``reads`` are the positions (batch, seq) that each objective reads. Its own among the flattened targets are found
    here too, so that no device has to be asked.
    """
    read = np.logical_or.reduce(list(reads.values()))
    rows, positions = np.nonzero(read)
    counts = np.bincount(rows, minlength=len(read))
    width = int(counts.max())
    places = rows * width + ranges(np.zeros_like(counts), counts)
    target_positions = np.zeros(len(read) * width, dtype=np.int64)
    target_positions[places] = positions
    found: Columns = {"target_positions": target_positions.reshape(len(read), width)}
    for name, own in reads.items():
        found[f"{name}:targets"] = places[own[rows, positions]]
    return found


def predicting_only(batch: Batch, ids: NDArray[np.int64]) -> Batch:
    """The batch with those MLM targets alone whose label is among ``ids``, and no other objective."""
    labels = np.take_along_axis(batch["labels"], batch["target_positions"], axis=1).ravel()
    kept = batch["mlm:targets"][np.isin(labels[batch["mlm:targets"]], ids)]
    return replace(batch, columns=batch.columns | {"mlm:targets": kept}, counts={"mlm": len(kept)})


def prepared_ahead(jobs: Iterator[Callable[[], Result]], workers: int) -> Generator[Result, None, None]:
    """The results of ``jobs`` in their order, computed a few ahead by ``workers`` threads.

    Threads suffice: a batch is a few vectorised numpy calls that release the interpreter.
    """
    if workers == 0:
        for job in jobs:
            yield job()
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="batches") as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for job in jobs:
                pending.append(pool.submit(job))
                if len(pending) > _BATCHES_AHEAD:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
