"""Fills a configuration from defaults, a YAML file, flags and ``--set``, in that order of precedence.

All faults are reported at once, each with the place it came from and the nearest known key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bertcli.core.component_folder import did_you_mean
from bertcli.core.settings import ChoiceOf, ComponentChoice, Flag, Settings, names_to_mapping
from bertcli.core.urls import without_credentials
from bertcli.core.yaml_files import KeyPath, parse_scalar, read_yaml
from bertcli.errors import ConfigError

SettingsType = TypeVar("SettingsType", bound=Settings)


@dataclass(frozen=True)
class FlagValue:
    """A value given on the command line: where it goes, what it is and how the user wrote it."""

    key: KeyPath
    value: Any
    flag: str


def load_config(
    model: type[SettingsType],
    *,
    file: Path | None = None,
    flags: Sequence[FlagValue] = (),
    sets: Sequence[str] = (),
) -> SettingsType:
    """The configuration that results from all sources.

    Raises ``ConfigError`` naming every fault: file and line, or the flag; the dotted key; what was
    expected; the nearest known key.
    """
    values: dict[str, Any] = {}
    origins: dict[KeyPath, str] = {}
    if file is not None:
        yaml_file = read_yaml(file)
        values = yaml_file.values
        if not values:
            raise ConfigError("the file is empty", path=file, hint="leave it out to use defaults and flags alone")
        origins = {key: f"{file}:{line}" for key, line in yaml_file.lines.items()}
    try:
        for key, names in _component_flags(flags).items():
            _replace_components(values, key, names)
        for flag in flags:
            if not isinstance(flag.value, ComponentFlag):
                _put(values, flag.key, flag.value)
            origins[flag.key] = flag.flag
        for text in sets:
            key, value = _parse_set(text)
            _put(values, key, value)
            origins[key] = f"--set {text}"
    except ValueError as error:  # a list of components that holds something else
        raise ConfigError(str(error), path=file) from error
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _all_faults(model, error, origins, file) from error


@dataclass(frozen=True)
class ComponentFlag:
    """The value of a flag such as ``--mlm``: that component is chosen."""

    name: str


def _component_flags(flags: Sequence[FlagValue]) -> dict[KeyPath, list[str]]:
    """The components chosen by flags of their own, and beside them those that a flag sets something of."""
    chosen: dict[KeyPath, list[str]] = {}
    for flag in flags:
        if isinstance(flag.value, ComponentFlag):
            chosen.setdefault(flag.key[:-1], []).append(flag.value.name)
    for key, names in chosen.items():
        named = {flag.key[len(key)] for flag in flags if flag.key[: len(key)] == key}
        chosen[key] = [*names, *sorted(named - set(names))]
    return chosen


def _replace_components(values: dict[str, Any], key: KeyPath, names: list[str]) -> None:
    """Component flags replace the file's set; names that stay keep their settings."""
    before: Any = values
    for part in key:
        before = before.get(part) if isinstance(before, dict) else None
    if isinstance(before, str):
        before = [before]
    if isinstance(before, list):
        before = names_to_mapping(before)
    kept = before if isinstance(before, dict) else {}
    _put(values, key, {name: kept.get(name) or {} for name in names})


def _put(values: dict[str, Any], key: KeyPath, value: Any) -> None:
    for part in key[:-1]:
        inner = values.get(part)
        if isinstance(inner, list):
            inner = names_to_mapping(inner)
        elif isinstance(inner, str):
            inner = {inner: {}}
        elif inner is None or isinstance(inner, bool):  # a component alone, or one that was taken back
            inner = {}
        elif not isinstance(inner, dict):
            return  # a value stands where a section belongs: the model will say so, and where
        values[part] = inner
        values = inner
    values[key[-1]] = value


def _parse_set(text: str) -> tuple[KeyPath, Any]:
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise ConfigError(f"--set {text}: expected KEY=VALUE", hint="for example --set optimizer.weight_decay=0.1")
    try:
        return path, parse_scalar(value)
    except ConfigError as error:
        raise ConfigError(f"--set {text}: {error.message}", hint="quote it for YAML: --set 'KEY=\"VALUE\"'") from error


def _all_faults(
    model: type[Settings], error: ValidationError, origins: Mapping[KeyPath, str], file: Path | None
) -> ConfigError:
    faults = [_fault(model, details, origins, file) for details in error.errors(include_url=False)]
    messages = tuple(message for message, _ in faults)
    hints = [hint for _, hint in faults if hint]
    return ConfigError("; ".join(messages), hint="; ".join(hints) or None, faults=messages)


def _fault(
    model: type[Settings], details: ErrorDetails, origins: Mapping[KeyPath, str], file: Path | None
) -> tuple[str, str | None]:
    key = tuple(str(part) for part in details["loc"])
    where = _origin(key, origins) or (str(file) if file else None)
    dotted = ".".join(key)
    # A flag names its key already; text that begins with it would say it twice.
    subject = "" if where and where.startswith("--") and not where.startswith("--set") else f"{dotted}: "
    hint = None
    match details["type"]:
        case "extra_forbidden":
            known = known_keys(model, key[:-1])
            near = _key_of_flag(model, key[-1]) if len(key) == 1 else None
            near = near or did_you_mean(key[-1], known)
            listed = f"known keys: {', '.join(sorted(known))}"
            hint = f"did you mean {'.'.join((*key[:-1], near))!r}?" if near else listed
            text = f"unknown key {dotted!r}"
        case "missing":
            text = f"{dotted} is needed and not given"
        case "value_error":
            message = str(details["ctx"]["error"])
            text, _, rest = message.partition(" | hint: ")
            hint = rest or None
            text = f"{subject}{text}" if dotted else text
        case _:
            text = f"{subject}{details['msg'][:1].lower()}{details['msg'][1:]}, got {details['input']!r}"
    return without_credentials(f"{where}: {text}" if where else text), hint


def _key_of_flag(model: type[BaseModel], word: str, prefix: str = "") -> str | None:
    """The dotted key that the flag of this name sets: ``lr`` is ``learning_rate``, ``warmup`` ``schedule.warmup``."""
    for name, field in model.model_fields.items():
        if any(isinstance(marker, Flag) and marker.name == f"--{word.replace('_', '-')}" for marker in field.metadata):
            return prefix + name
        inner = _inner_model(field)
        if inner is not None:
            found = _key_of_flag(inner, word, f"{prefix}{name}.")
            if found:
                return found
    return None


def _origin(key: KeyPath, origins: Mapping[KeyPath, str]) -> str | None:
    for length in range(len(key), 0, -1):
        if key[:length] in origins:
            return origins[key[:length]]
    return None


def known_keys(model: type[BaseModel], key: KeyPath) -> list[str]:
    """The keys that may stand below ``key``."""
    inner: type[BaseModel] | None = model
    for part in key:
        found = inner.model_fields.get(part) if inner is not None else None
        inner = _inner_model(found) if found is not None else None
    return list(inner.model_fields) if inner is not None else []


def _inner_model(field: Any) -> type[BaseModel] | None:
    for marker in field.metadata:
        if isinstance(marker, ChoiceOf):
            return marker.model()
    candidates = [field.annotation, *get_args(field.annotation)]
    return next(
        (
            candidate
            for candidate in candidates
            if isinstance(candidate, type) and issubclass(candidate, BaseModel) and candidate is not ComponentChoice
        ),
        None,
    )
