"""Encoder and objectives together: the module that is trained when nothing is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.contracts.loss import Loss
from bertcli.contracts.objective import Head, Objective
from bertcli.errors import ConfigError


class PretrainingModel(nn.Module):
    """Holds the encoders, the heads that the objectives ask for, and computes every objective's losses."""

    def __init__(
        self,
        architecture: Any,
        encoders: Mapping[str, nn.Module],
        objectives: Mapping[str, Objective],
        loaded_heads: Mapping[str, nn.Module] | None = None,
    ) -> None:
        """``encoders`` by the names that objectives call them by, ``main`` among them."""
        super().__init__()
        self.architecture = architecture
        self.encoders = nn.ModuleDict(encoders)
        self.objectives = dict(objectives)
        asked = heads_of(objectives)
        loaded = loaded_heads or {}
        self.heads = nn.ModuleDict(
            {
                name: loaded[name]
                if name in loaded
                else architecture.head(head.kind, self.encoders[head.encoder], outputs=head.outputs)
                for name, head in asked.items()
            }
        )
        self.fresh_heads = tuple(name for name in asked if name not in loaded)
        self._heads_of_main = tuple(name for name, head in asked.items() if head.encoder == "main")

    @property
    def main_encoder(self) -> Any:
        """The encoder that is saved."""
        return self.encoders["main"]

    def weights(self, progress: float) -> dict[str, float]:
        """The factor of each loss when the share ``progress`` of the run is done."""
        return {
            name: weight
            for objective in self.objectives.values()
            for name, weight in objective.weights(progress).items()
        }

    def forward(self, batch: Batch) -> dict[str, Loss]:
        """The losses of every objective that the batch was made for; those that ask for one encoder share its pass."""
        passes: dict[tuple[str, int], tuple[Batch, Encoded]] = {}

        def encode(name: str, asked: Batch) -> Encoded:
            key = (name, id(asked))
            if key not in passes:
                passes[key] = asked, self.encoders[name](asked)  # kept with it, so that no other batch takes its id
            return passes[key][1]

        losses: dict[str, Loss] = {}
        for objective in self.objectives.values():
            if objective.weights(0.0).keys() & batch.counts.keys():
                losses |= objective.loss(self.heads, encode, batch)
        return losses

    def assembled(self) -> Any:
        """Transformers' model made of these parts, sharing their parameters, for saving."""
        saved = self.architecture.saved_heads
        heads = {name: self.heads[name] for name in self._heads_of_main if name in saved}
        return self.architecture.assemble(self.main_encoder, heads)

    def other_heads(self) -> dict[str, nn.Module]:
        """The heads that transformers' model has no place for."""
        saved = self.architecture.saved_heads
        return {name: self.heads[name] for name in self._heads_of_main if name not in saved}


def heads_of(objectives: Mapping[str, Objective]) -> dict[str, Head]:
    """The heads that objectives ask for by name, in the order of their names."""
    asked = {name: head for objective in objectives.values() for name, head in objective.heads.items()}
    return dict(sorted(asked.items()))


def reads_pooled(objectives: Mapping[str, Objective]) -> bool:
    """Whether any objective reads the pooled vector; an unused pooler would stay untrained."""
    return any(head.reads_pooled for head in heads_of(objectives).values())


def check_objectives(architecture: Any, objectives: Mapping[str, Objective]) -> None:
    """Refuse sets of objectives that make no sense. Raises ``ConfigError`` with the reason."""
    if not objectives:
        raise ConfigError("no objective is chosen", hint="choose some, for example --mlm --nsp")
    for name, objective in objectives.items():
        lacking = sorted(objective.needs - architecture.abilities)
        if lacking:
            raise ConfigError(f"{name} needs {', '.join(lacking)}, which {architecture.model_type} does not have")


def set_dropout(model: nn.Module, probability: float) -> None:
    """Set every dropout of a model; its configuration keeps what it says, for fine-tuning."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability
