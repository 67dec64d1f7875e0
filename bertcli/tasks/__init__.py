"""Kinds of prediction, one file each; ``presets/`` names data sets and how they are read and scored.

``--task NAME`` looks in the presets first, then in the kinds. Both are listed without being imported.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bertcli.contracts.task import TASKS
from bertcli.core.component_folder import unknown_name
from bertcli.core.settings import Settings
from bertcli.core.yaml_files import read_yaml

Names = Annotated[tuple[str, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)]
"""One name or several."""


class HubData(Settings):
    """Where the Hub has a data set, and at which revision."""

    dataset: str
    """Name of the data set."""
    config: str
    """Its configuration."""
    revision: str
    """The commit that is read, or the branch with the Hub's conversion to Parquet, which may be made anew."""
    splits: dict[str, Names]
    """The Hub's names of the train, dev and test splits."""


class Preset(Settings):
    """One data set: what kind of prediction it asks for and how its files are read and scored."""

    kind: str
    """Kind of task."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The kind's settings: columns, labels, metrics."""
    files: dict[str, Names] = Field(default_factory=dict)
    """File names without suffix where a split has other names or several parts, of which the first is the main one."""
    official: dict[str, str] = Field(default_factory=dict)
    """Names of splits' official prediction files, where they differ from those of the kind or it has none."""
    epochs: Annotated[int | None, Field(ge=1)] = None
    """Passes over the training split, where the data set's usual practice differs from the general one."""
    learning_rate: Annotated[float | None, Field(gt=0)] = None
    """Peak learning rate, likewise; that of small models stays what it is."""
    batch_size: Annotated[int | None, Field(ge=1)] = None
    """Examples per optimizer step, likewise."""
    max_length: Annotated[int | None, Field(ge=4)] = None
    """Longest sequence in pieces, likewise."""
    hub: HubData


@dataclass(frozen=True)
class FoundTask:
    """What ``--task NAME`` stands for."""

    name: str
    kind: Any
    settings: Mapping[str, Any] = field(default_factory=dict)
    preset: Preset | None = None


def preset_names() -> tuple[str, ...]:
    """Names of the presets, sorted."""
    files = importlib.resources.files(__name__).joinpath("presets").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def load_preset(name: str) -> Preset:
    """The preset of that name."""
    with importlib.resources.as_file(importlib.resources.files(__name__).joinpath("presets", f"{name}.yaml")) as path:
        return Preset.model_validate(read_yaml(Path(path)).values)


def find_task(name: str) -> FoundTask:
    """The preset or kind of that name. Raises ``ConfigError`` with the nearest of both."""
    if name in preset_names():
        preset = load_preset(name)
        return FoundTask(name, TASKS.load(preset.kind), preset.settings, preset)
    if name in TASKS.names():
        return FoundTask(name, TASKS.load(name))
    raise unknown_name("task", name, (*preset_names(), *TASKS.names()))
