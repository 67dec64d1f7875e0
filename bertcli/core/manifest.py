"""Manifests: what a directory says of itself, so that no later stage asks what its input already knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bertcli import __version__
from bertcli.core import atomic
from bertcli.errors import DataError

MANIFEST_NAME = "manifest.json"
FORMAT_VERSION = 1


def write_manifest(directory: Path, *, kind: str, command: str, config: dict[str, Any], **facts: Any) -> None:
    """Write ``manifest.json``: format, kind, command, version and resolved config, then the facts."""
    head = {"format": FORMAT_VERSION, "kind": kind, "command": command, "bertcli": __version__, "config": config}
    atomic.write_json(directory / MANIFEST_NAME, head | facts)


def read_manifest(
    directory: Path, *, kind: str, made_by: str, hints: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The manifest of a directory of that kind; ``hints`` say what to do with one of another kind.

    Raises ``DataError`` where there is none, where it is of another kind, or of a later format.
    """
    path = directory / MANIFEST_NAME
    if not path.is_file():
        missing = f"no {MANIFEST_NAME} in it"
        if not directory.is_dir():
            missing = "it is a file" if directory.exists() else "no such directory"
        hint = f"make one with `{made_by}`"
        if (partial := atomic.partial_path(directory)).is_dir():
            hint = f"{partial} is left of a build that was stopped: the same command continues it"
        raise DataError(f"not a {kind} directory: {missing}", path=directory, hint=hint)
    try:
        manifest = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(
            f"the manifest is not JSON: {error}", path=path, hint=f"make it again with `{made_by}`"
        ) from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), int):
        raise DataError("not a manifest of bertcli's", path=path, hint=f"make it again with `{made_by}`")
    if manifest.get("kind") != kind:
        raise DataError(
            f"this is a {manifest.get('kind')} directory, expected {kind}",
            path=directory,
            hint=hints.get(str(manifest.get("kind")), f"make one with `{made_by}`"),
        )
    if manifest["format"] > FORMAT_VERSION:
        raise DataError(
            f"written in format {manifest['format']}, this bertcli {__version__} reads up to {FORMAT_VERSION}",
            path=directory,
            hint="upgrade bertcli",
        )
    return dict(manifest)
