"""YAML that is read strictly: repeated keys are refused, ``1e-4`` is a number, every key knows its line.

Plain words are read as YAML 1.2 has them: ``no`` is a word, ``2024-01-01`` and ``12:30`` are text, ``010`` is no octal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bertcli.errors import ConfigError

KeyPath = tuple[str, ...]

_DEEPEST = 20  # an alias can hold itself


class _Loader(yaml.SafeLoader):
    """The safe loader with values as people write them."""


class _Dumper(yaml.SafeDumper):
    """The safe dumper that quotes what the loader would take for something else."""


_REPLACED = ("float", "int", "bool", "timestamp")
_PATTERNS = {
    "float": (
        r"[-+]?(\d[\d_]*\.?\d*([eE][-+]?\d+)|\d[\d_]*\.\d*|\.\d+([eE][-+]?\d+)?|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "int": (r"[-+]?(0|[1-9][\d_]*)", "-+0123456789"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
}
for _class in (_Loader, _Dumper):
    _class.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] not in _REPLACED]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for _kind, (_pattern, _first) in _PATTERNS.items():
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})$"), list(_first))


@dataclass(frozen=True)
class YamlFile:
    """The values of a YAML mapping, and the line on which each key path stands."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)


def parse_scalar(text: str) -> Any:
    """One value as YAML reads it; used for ``--set key=VALUE``. Raises ``ConfigError``."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader subclass
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not a value as YAML writes it: {_one_line(error)}") from error


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML mapping. Raises ``ConfigError`` with file and line."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise ConfigError("no such file", path=path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read as UTF-8 text: {error}", path=path) from error
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        lines: dict[KeyPath, int] = {}
        if root is None:
            return YamlFile(path, {}, lines)
        if not isinstance(root, yaml.MappingNode):
            raise ConfigError(
                "expected a mapping of keys to values",
                path=path,
                line=1,
                hint="this is the YAML file with the configuration; text goes to `bertcli mask build`",
            )
        _collect_lines(root, (), lines, path)
        return YamlFile(path, loader.construct_document(root), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {error.problem}", path=path, line=mark.line + 1 if mark else None
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"not valid YAML: {_one_line(error)}", path=path) from error


def write_yaml(values: dict[str, Any]) -> str:
    """Values as YAML text, in the order given."""
    return str(yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def _one_line(error: Exception) -> str:
    problem = getattr(error, "problem", None)
    return " ".join(str(problem or error).split())


def _collect_lines(node: yaml.MappingNode, prefix: KeyPath, lines: dict[KeyPath, int], path: Path) -> None:
    if len(prefix) > _DEEPEST:
        raise ConfigError("mappings stand in each other too deep", path=path, line=node.start_mark.line + 1)
    for key_node, value_node in node.value:
        key = (*prefix, str(key_node.value))
        line = key_node.start_mark.line + 1
        if key in lines:
            raise ConfigError(
                f"the key {'.'.join(key)!r} stands here again; it was first on line {lines[key]}", path=path, line=line
            )
        lines[key] = line
        if isinstance(value_node, yaml.MappingNode):
            _collect_lines(value_node, key, lines, path)
