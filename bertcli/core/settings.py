"""Settings: closed, frozen models of what may be said, with their flags and their help.

A field is written once: its type, its default, its sentence and its flag. From that one place come the
YAML key, the command-line option, the help text and the JSON Schema.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, create_model, model_validator
from pydantic_core import CoreSchema, core_schema

from bertcli.core.component_folder import Folder


class Settings(BaseModel):
    """Base of every configuration: frozen, and unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=True)

    def dump(self) -> dict[str, Any]:
        """As plain JSON-like values, e.g. for ``config.yaml`` and manifests."""
        return self.model_dump(mode="json", exclude_none=True)


@dataclass(frozen=True)
class Flag:
    """Marks a field as an option of the command line: ``Annotated[int, Flag("--steps")]``."""

    name: str
    short: str | None = None


@dataclass(frozen=True)
class Argument:
    """Marks a field as a positional argument of the command line."""

    metavar: str


def _share(value: Any) -> Any:
    match = re.fullmatch(r"\s*([0-9.]+)\s*%\s*", value) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


Number = Annotated[float, BeforeValidator(_share)]
"""A number that may be written as a percentage."""
# The bounds stand inside the validator: outside of it they are no JSON Schema.
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_share)]
"""A fraction that may be written as a percentage: ``0.01`` or ``1%``."""
ShareBelowOne = Annotated[float, Field(ge=0, lt=1), BeforeValidator(_share)]
"""A share that is not all."""
ProperShare = Annotated[float, Field(gt=0, lt=1), BeforeValidator(_share)]
"""A share that is neither nothing nor all."""


def names_to_mapping(names: list[Any]) -> dict[str, Any]:
    """``[mlm, {nsp: {weight: 2}}]`` as a mapping from names to settings."""
    mapping: dict[str, Any] = {}
    for name in names:
        if isinstance(name, str):
            mapping[name] = {}
        elif isinstance(name, dict):
            mapping |= name
        else:
            raise ValueError(f"{name!r} is not the name of a component")
    return mapping


class ComponentChoice(Settings):
    """A mapping from names of components to their settings, e.g. ``{mlm: {probability: 0.15}, nsp: {}}``.

    A name alone, ``true`` or nothing means the defaults; ``false`` takes the component back.
    """

    @model_validator(mode="before")
    @classmethod
    def _names_alone_mean_defaults(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list):
            value = names_to_mapping(value)
        if isinstance(value, dict):
            kept = {name: settings for name, settings in value.items() if settings is not False}
            return {name: {} if settings is None or settings is True else settings for name, settings in kept.items()}
        return value

    def chosen(self) -> dict[str, Settings]:
        """The chosen components' settings by name, in the order of the names."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set) if getattr(self, name) is not None}

    @classmethod
    def of(cls, value: Any) -> Self:
        """For callers in Python: validated from names or a mapping."""
        return cls.model_validate(value)


@dataclass(frozen=True)
class ChoiceOf:
    """Gives a ``ComponentChoice`` field the names of a folder: ``Annotated[ComponentChoice, ChoiceOf(OBJECTIVES)]``."""

    folder: Folder

    def model(self) -> type[ComponentChoice]:
        """The closed model with one optional field for each component of the folder."""
        return _choice_of(self.folder)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_mapping, handler.generate_schema(self.model()))


@cache
def _choice_of(folder: Folder) -> type[ComponentChoice]:
    fields = {name: (folder.load(name).Settings | None, None) for name in folder.names()}
    name = f"{folder.kind.capitalize()}Choice"
    return cast(type[ComponentChoice], create_model(name, __base__=ComponentChoice, **cast(Any, fields)))


def _as_mapping(value: Any) -> Any:
    """A choice of another model (such as the empty default) as the mapping that it stands for."""
    if isinstance(value, ComponentChoice):
        return {name: settings.model_dump() for name, settings in value.chosen().items()}
    return value
