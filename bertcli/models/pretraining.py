"""Encoder and objectives together: the module that is trained when nothing is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.contracts.loss import Loss
from bertcli.contracts.objective import Objective
from bertcli.errors import ConfigError


class PretrainingModel(nn.Module):
    """Holds the encoders, the heads that the objectives ask for, and computes every objective's loss."""

    def __init__(
        self,
        architecture: Any,
        encoder: nn.Module,
        objectives: Mapping[str, Objective],
        loaded_heads: Mapping[str, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.encoders = nn.ModuleDict({"main": encoder})
        self.objectives = dict(objectives)
        names = sorted({head for objective in objectives.values() for head in objective.heads})
        loaded = loaded_heads or {}
        self.heads = nn.ModuleDict(
            {name: loaded[name] if name in loaded else architecture.head(name, encoder) for name in names}
        )
        self.fresh_heads = tuple(name for name in names if name not in loaded)

    @property
    def main_encoder(self) -> Any:
        """The encoder that is saved."""
        return self.encoders["main"]

    @property
    def weights(self) -> dict[str, float]:
        """The factor of each objective's loss."""
        return {name: objective.settings.weight for name, objective in self.objectives.items()}

    def forward(self, batch: Batch) -> dict[str, Loss]:
        """The loss of every objective that the batch was made for; those that ask for one encoder share its pass."""
        passes: dict[tuple[str, int], Encoded] = {}

        def encode(name: str, asked: Batch) -> Encoded:
            key = (name, id(asked))
            if key not in passes:
                passes[key] = self.encoders[name](asked)
            return passes[key]

        return {name: self.objectives[name].loss(self.heads, encode, batch) for name in batch.counts}

    def assembled(self) -> Any:
        """Transformers' model made of these parts, sharing their parameters, for saving."""
        return self.architecture.assemble(self.main_encoder, dict(self.heads))


def reads_pooled(objectives: Mapping[str, Objective]) -> bool:
    """Whether any objective reads the pooled vector; an unused pooler would stay untrained."""
    return any("pair" in objective.heads for objective in objectives.values())


def check_objectives(architecture: Any, objectives: Mapping[str, Objective]) -> None:
    """Refuse sets of objectives that make no sense. Raises ``ConfigError`` with the reason."""
    if not objectives:
        raise ConfigError("no objective is chosen", hint="choose some, for example --mlm --nsp")
    for name, objective in objectives.items():
        lacking = sorted(objective.needs - architecture.abilities)
        if lacking:
            raise ConfigError(f"{name} needs {', '.join(lacking)}, which {architecture.model_type} does not have")
    deciding = [name for name, objective in objectives.items() if objective.relations]
    if len(deciding) > 1:
        raise ConfigError(
            f"{' and '.join(deciding)} both decide how segments are paired",
            hint="keep one of them: a pair is built for one question",
        )


def set_dropout(model: nn.Module, probability: float) -> None:
    """Set every dropout of a model; its configuration keeps what it says, for fine-tuning."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability
