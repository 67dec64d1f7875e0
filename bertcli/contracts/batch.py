"""A batch: named columns, from the data set on disk to the loss under the same names.

Shapes are in words, always in this order: ``(batch, seq)``. Columns keep transformers' names:

=========================  ==================  =========================================================
``input_ids``              (batch, seq)        piece ids, padded
``token_type_ids``         (batch, seq)        segment: 0 for ``[CLS] A [SEP]``, 1 for ``B [SEP]``
``attention_mask``         (batch, seq)        1 on pieces, 0 on padding; absent when nothing is padded
``token_positions``        (tokens,)           where the real pieces stand in the flattened (batch, seq)
``labels``                 (batch, seq)        MLM targets, ``-100`` where nothing is predicted
``target_positions``       (batch, targets)    positions at which an objective reads, padded with 0
``mlm:targets``            (predicted,)        where the objective ``mlm`` reads, as indices into the flattened targets
``next_sentence_label``    (sequences,)        0 next, 1 random; likewise ``sentence_order_label`` and others
``capitalization_labels``  (batch, seq)        1 capitalised, 0 not, ``-100`` at specials and padding
``token_document_labels``  (batch, seq)        1 also elsewhere in its document, 0 not, ``-100`` likewise
``sequence_items``         (sequences,)        the item of each sequence, where items have several (choices, chunks)
``item_sequences``         (items, most)       the sequences of each item in order, then -1
=========================  ==================  =========================================================

Columns whose name ends in ``labels`` are (batch, seq), those whose name ends in ``label`` (sequences,). Where rows hold
several sequences, more columns tell them apart: see ``data/packing.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Columns = dict[str, NDArray[Any]]

IGNORED = -100
"""The label of a position that is not predicted; the value that transformers' losses skip."""


@dataclass(frozen=True)
class Batch:
    """One micro-batch. In the data layer the columns are numpy arrays; ``to`` makes them tensors.

    ``counts`` holds the number of targets of each objective or task, known before the batch travels to a
    device, so that losses can be divided once by the count of the whole optimizer step.
    ``sequence_ids`` (sequences,) tell sequences apart where an example may have several (windows, chunks, choices).
    """

    columns: dict[str, Any]
    example_ids: NDArray[np.int64]
    epoch: int = 0
    tokens: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sequence_ids: NDArray[np.int64] | None = None

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def get(self, name: str) -> Any:
        """The column, or None where the batch has none of that name."""
        return self.columns.get(name)

    def to(self, device: torch.device) -> Batch:
        """The same batch with its columns as tensors on ``device``; integers become int64."""
        import torch

        tensors = {}
        for name, values in self.columns.items():
            array = values.astype(np.int64, copy=False) if values.dtype.kind in "iub" else values
            tensor = torch.from_numpy(np.ascontiguousarray(array))
            if device.type == "cuda":
                tensor = tensor.pin_memory().to(device, non_blocking=True)
            tensors[name] = tensor.to(device)
        return replace(self, columns=tensors)


@dataclass(frozen=True)
class StepBatches:
    """The micro-batches of one optimizer step, and where their stream stands after them.

    ``after`` is what a checkpoint keeps, so that a resumed stream continues in constant time.
    """

    micro_batches: tuple[Batch, ...]
    after: dict[str, int]
