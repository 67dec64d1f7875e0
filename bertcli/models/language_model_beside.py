"""A language model beside a task: its text is predicted while its labels are learned.

L = L_task + λ · L_lm, as in GPT-1 (Radford et al. 2018, equation 5). BERT's language model is the masked one, which
must not see what it predicts: it reads a copy of the batch with 15 % of the pieces hidden, drawn anew in every epoch by
the objective of pretraining, and the task reads the text as it is. So a step costs two passes; in the copy's last layer
only what is predicted is computed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from torch import nn

from bertcli.contracts.batch import Batch
from bertcli.contracts.loss import Loss
from bertcli.contracts.objective import Corruption
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.batches import target_columns
from bertcli.objectives.mlm import MaskedLanguageModel

_PREFIX = "lm:"
_OWN = ("input_ids", "labels", "target_positions", "mlm:targets")
_SHARED = ("token_type_ids", "attention_mask")


class LanguageModelBeside(nn.Module):
    """A language model's head, and the weight of its loss beside the task's."""

    def __init__(self, head: nn.Module, weight: float) -> None:
        super().__init__()
        self.head = head
        self.weight = weight

    def forward(self, encoder: Any, batch: Batch) -> dict[str, Loss]:
        """``mlm``: the cross-entropy at the hidden pieces of the copy that the batch brings; nothing without one."""
        if _PREFIX + "input_ids" not in batch.columns:
            return {}
        columns = {name: batch[_PREFIX + name] for name in _OWN}
        columns |= {name: batch[name] for name in _SHARED if name in batch.columns}
        objective = MaskedLanguageModel(MaskedLanguageModel.Settings())
        copy = replace(batch, columns=columns)
        return objective.loss({"language_model": self.head}, lambda _, asked: encoder(asked), copy)


def with_masked_copy(batch: Batch, *, vocabulary: Vocabulary, seed: int) -> Batch:
    """The batch of numpy columns with ``lm:input_ids`` and ``lm:labels`` (sequences, seq), and where they are read.

    Draws depend on seed, epoch and sequence alone: the windows or chunks of one text are masked at different places.
    """
    ids = batch["input_ids"]
    clean = {
        "input_ids": ids,
        "special_tokens_mask": vocabulary.is_special.take(ids).astype(np.int64),
        "example_ids": batch.example_ids if batch.sequence_ids is None else batch.sequence_ids,
    }
    objective = MaskedLanguageModel(MaskedLanguageModel.Settings())
    found = objective.corrupt(clean, Corruption(seed, batch.epoch, vocabulary))
    columns = found | target_columns({"mlm": objective.targets(found)})
    return replace(
        batch,
        columns=batch.columns | {_PREFIX + name: values for name, values in columns.items()},
        counts=batch.counts | objective.count(found),
    )
