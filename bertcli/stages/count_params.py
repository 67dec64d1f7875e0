"""Counts the parameters of an encoder by part, on the meta device: nothing is allocated."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bertcli.config.count_params import CountParams
from bertcli.config.loader import load_config
from bertcli.config.pretrain import Pretrain
from bertcli.contracts.architecture import ARCHITECTURES, HandCount, find_size
from bertcli.core.hub import local_directory
from bertcli.errors import ConfigError
from bertcli.models.checkpoint import architecture_of, read_config, read_config_file

_LAYER = re.compile(r"\blayer\.(\d+)\.")


@dataclass(frozen=True)
class PartCount:
    """The parameters of one part: in one layer, where it stands in the layers, and in all."""

    part: str
    per_layer: int | None
    parameters: int


@dataclass(frozen=True)
class ParameterCount:
    """The parameters of an encoder, tied ones once, with the pooler where its class has one."""

    model: str
    layers: int
    vocabulary_size: int
    pooled: bool
    parts: tuple[PartCount, ...]
    parameters: int
    by_hand: HandCount

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def count_params(config: CountParams) -> ParameterCount:
    """Count a named size, a checkpoint or a configuration. Raises ``ConfigError`` or ``ModelError``."""
    import torch

    architecture, model_config = _configuration(config.model)
    if config.vocab_size is not None:
        model_config.vocab_size = config.vocab_size
    pooled = architecture.has_pooler(model_config)
    with torch.device("meta"):
        encoder = architecture.build(model_config, pooled=pooled)
    sizes = {name: parameter.numel() for name, parameter in encoder.named_parameters()}
    parts = _parts(architecture.parts, sizes)
    total = sum(sizes.values())
    by_hand = architecture.count_by_hand(model_config, pooled=pooled)
    assert sum(part.parameters for part in parts) == total, "every parameter belongs to one part"
    assert by_hand.exact == total, f"by hand {by_hand.exact:,}, on the meta device {total:,}"
    return ParameterCount(
        model=config.model,
        layers=len({number for name in sizes for number in _LAYER.findall(name)}),
        vocabulary_size=model_config.vocab_size,
        pooled=pooled,
        parts=parts,
        parameters=total,
        by_hand=by_hand,
    )


def _configuration(model: str) -> tuple[Any, Any]:
    """The architecture, and transformers' configuration, of whatever the user named."""
    path = Path(model)
    if path.is_dir():
        return _from_values(read_config(path), path / "config.json")
    if path.suffix == ".json":
        _refuse_absent(path)
        return _from_values(read_config_file(path), path)
    if path.suffix in (".yaml", ".yml"):
        return _named(load_config(Pretrain, file=path).arch)
    if "/" in model:
        hint = "name a size such as bert-base, a model directory, a config.json, a YAML file or a Hub id"
        directory = local_directory(model, patterns=("config.json",), hint=hint)
        return _from_values(read_config(directory), directory / "config.json")
    return _named(model)


def _refuse_absent(path: Path) -> None:
    if not path.is_file():
        raise ConfigError("no such file", path=path, hint="name a config.json, or the directory that holds it")


def _from_values(values: dict[str, Any], path: Path) -> tuple[Any, Any]:
    architecture = architecture_of(values, path)
    try:
        return architecture, architecture.configuration_from(values)
    except ConfigError as error:
        raise ConfigError(error.message, path=path, hint="take config.json from the model's source again") from error


def _named(size: str) -> tuple[Any, Any]:
    architecture = ARCHITECTURES.load(find_size(size)[0])
    return architecture, architecture.configuration(size, None, overrides=architecture.Settings())


def _parts(patterns: Any, sizes: dict[str, int]) -> tuple[PartCount, ...]:
    parts = []
    for part, pattern in patterns.items():
        found = {name: size for name, size in sizes.items() if re.search(pattern, name)}
        in_layers = [int(match[1]) for name in found if (match := _LAYER.search(name))]
        first = f"layer.{min(in_layers)}." if in_layers else None
        per_layer = sum(size for name, size in found.items() if first in name) if first else None
        if found:
            parts.append(PartCount(part, per_layer, sum(found.values())))
    return tuple(parts)
