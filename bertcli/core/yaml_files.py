"""YAML that is read strictly: repeated keys are refused, ``1e-4`` is a number, every key knows its line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bertcli.errors import ConfigError

KeyPath = tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """The safe loader with numbers as people write them (YAML 1.1 reads ``1e-4`` as a string)."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d[\d_]*\.?\d*([eE][-+]?\d+)|\d[\d_]*\.\d*|\.\d+([eE][-+]?\d+)?|\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
    list("-+0123456789."),
)


@dataclass(frozen=True)
class YamlFile:
    """The values of a YAML mapping, and the line on which each key path stands."""

    path: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)


def parse_scalar(text: str) -> Any:
    """One value as YAML reads it; used for ``--set key=VALUE``."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader subclass


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
            raise ConfigError("expected a mapping of keys to values", path=path, line=1)
        _collect_lines(root, (), lines, path)
        return YamlFile(path, loader.construct_document(root), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(
            f"not valid YAML: {error.problem}", path=path, line=mark.line + 1 if mark else None
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"not valid YAML: {error}", path=path) from error


def write_yaml(values: dict[str, Any]) -> str:
    """Values as YAML text, in the order given."""
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _collect_lines(node: yaml.MappingNode, prefix: KeyPath, lines: dict[KeyPath, int], path: Path) -> None:
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
