"""Encoder and task head together: the module that is trained when there are labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bertcli.contracts.batch import Batch
from bertcli.contracts.loss import Loss
from bertcli.contracts.task import LOSS_NAME, Task
from bertcli.models.language_model_beside import LanguageModelBeside
from bertcli.models.readouts import Readout


class FinetuningModel(nn.Module):
    """Holds the encoder, what is read of it and a fresh head for the task, with weights from torch's generator."""

    def __init__(
        self, architecture: Any, encoder: Any, readout: Readout, task: Task, chunk_pooling: nn.Module | None = None
    ) -> None:
        """``chunk_pooling`` makes one vector of those of a document's chunks, where texts are read so."""
        super().__init__()
        self.architecture = architecture
        self.encoder = encoder
        self.readout = readout
        self.chunk_pooling = chunk_pooling
        width: Any = readout.width(encoder.config) if chunk_pooling is None else chunk_pooling.outputs
        self.head = architecture.head(task.head, encoder, outputs=task.outputs, inputs=width)
        self.task = task
        self.reused_labels: tuple[str, ...] = ()
        """The labels whose rows of the head were trained before."""
        self.language_model: LanguageModelBeside | None = None
        """Trained beside the task, and not saved with it."""

    @property
    def top_depth(self) -> int:
        """The depth of what stands on the top layer: pooler, readout and head."""
        layers: int = self.encoder.config.num_hidden_layers
        return layers + 1

    def depth_of(self, name: str) -> int:
        """The depth of the parameter of that name: 0 the embeddings, then the layers, then whatever stands on them."""
        part, _, inner = name.partition(".")
        if part != "encoder":
            return self.top_depth
        depth: int = self.architecture.depth_of(inner, self.encoder.config)
        return depth

    def freeze(self, *, below: int, pooler: bool = False) -> None:
        """Keep the parameters of the encoder below that depth from being trained, and the ``pooler`` where asked."""
        for name, parameter in self.encoder.named_parameters():
            depth = self.architecture.depth_of(name, self.encoder.config)
            if depth < below or (pooler and depth == self.top_depth):
                parameter.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Training mode, but for parts none of whose parameters is trained at the time: these have no dropout.

        Dropout keeps weights that are learned from relying on one another. What is frozen gives the same features as
        in evaluation, and no time is spent on random numbers.
        """
        super().train(mode)
        if mode and not all(parameter.requires_grad for parameter in self.parameters()):
            _rest(self)
        return self

    def weights(self, progress: float) -> dict[str, float]:
        """The factors of the task's loss and of a language model's beside it, the same in all the run."""
        return {LOSS_NAME: 1.0} | ({} if self.language_model is None else {"mlm": self.language_model.weight})

    def forward(self, batch: Batch) -> dict[str, Loss]:
        """The task's loss, and that of a language model beside it."""
        losses = {LOSS_NAME: self.task.loss(self.logits(batch), batch)}
        return losses if self.language_model is None else losses | self.language_model(self.encoder, batch)

    def logits(self, batch: Batch) -> torch.Tensor:
        """What the task makes of the head's outputs: (items, outputs), or (sequences, seq, outputs) of pieces."""
        read = self.readout(self.encoder(batch), batch)
        if self.chunk_pooling is not None:
            read = self.chunk_pooling(read, batch["item_sequences"])
        return self.task.logits(self.head(read), batch)

    def assembled(self) -> Any:
        """Transformers' model made of these parts, sharing their parameters, for saving; it may lack the head."""
        heads = {} if self.other_heads() else {self.task.head: self.head}
        model = self.architecture.assemble(self.encoder, heads)
        for name, value in self.task.model_facts().items():
            setattr(model.config, name, value)
        return model

    def other_heads(self) -> dict[str, nn.Module]:
        """The parts that no class of transformers has a place for, by name: none of them reads chunks."""
        if self.readout.has_class and self.chunk_pooling is None:
            return {}
        learned = self.chunk_pooling is not None and list(self.chunk_pooling.parameters())
        return {self.task.head: self.head, **({"chunk_pooling": self.chunk_pooling} if learned else {})}

    def facts(self) -> dict[str, Any]:
        """What a record of the saved model says of it: how sequences are read, where there is a choice."""
        return {"pooling": self.readout.pooling} if self.readout.pooling else {}


def _rest(module: nn.Module) -> None:
    """Put the largest parts without a trained parameter into evaluation mode."""
    for part in module.children():
        parameters = list(part.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            part.eval()
        else:
            _rest(part)


@dataclass(frozen=True)
class Outputs:
    """The logits of every item of a split, in order; the mean loss where there are labels.

    Of a task that reads pieces they are those of all sequences of the item, without padding.
    """

    logits: list[NDArray[np.float32]]
    loss: float | None


@torch.inference_mode()
def predict(
    model: FinetuningModel, batches: Iterable[tuple[NDArray[np.int64], Batch]], *, items: int, device: torch.device
) -> Outputs:
    """Run a split through the model in evaluation mode; leaves the model's mode as it was."""
    training = model.training
    model.eval()
    found: list[NDArray[np.float32] | None] = [None] * items
    total, count = 0.0, 0
    for numbers, batch in batches:
        moved = batch.to(device)
        logits = model.logits(moved)
        if "labels" in batch.columns or "start_positions" in batch.columns:
            loss = model.task.loss(logits, moved)
            total, count = total + float(loss.total), count + loss.count
        for number, row in zip(numbers.tolist(), _of_items(logits, moved, model.task), strict=True):
            found[number] = row
    model.train(training)
    return Outputs([row for row in found if row is not None], total / count if count else None)


def _of_items(logits: torch.Tensor, batch: Batch, task: Task) -> Sequence[NDArray[np.float32]]:
    rows: NDArray[np.float32] = logits.float().cpu().numpy()
    if task.reads == "sequences":
        return list(rows)
    mask, sequence_items = batch.get("attention_mask"), batch.get("sequence_items")
    if mask is not None:
        rows_of = [row[:length] for row, length in zip(rows, mask.sum(dim=1).tolist(), strict=True)]
    else:
        rows_of = list(rows)
    if sequence_items is None:
        return rows_of
    firsts = np.flatnonzero(np.diff(sequence_items.cpu().numpy(), prepend=-1))
    return [np.concatenate(rows_of[begin:end]) for begin, end in pairwise([*firsts.tolist(), len(rows_of)])]


def restart_pooler(encoder: nn.Module, *, spread: float) -> bool:
    """Give the pooler fresh weights from torch's generator; whether there is one."""
    linears = [
        layer
        for name, module in encoder.named_modules()
        if name.rpartition(".")[2] == "pooler"
        for layer in module.modules()
        if isinstance(layer, nn.Linear)
    ]
    for layer in linears:
        nn.init.normal_(layer.weight, std=spread)
        nn.init.zeros_(layer.bias)
    return bool(linears)
