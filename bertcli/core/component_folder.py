"""Component folders: the files of a folder are the names a user may say.

The folder is the registry. ``Folder("bertcli.objectives")`` lists names from the file system
without importing anything, so that ``--help`` stays quick, and imports one file when it is asked for.
A component file defines exactly one public class named in its ``__all__``.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.resources
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from bertcli.errors import ConfigError


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name nearest to ``name``, if one is near."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)), None)


def suggestion(wanted: Iterable[str], known: Iterable[str]) -> str:
    """The beginning of a hint for the first wanted name that a known one is near; empty where none is."""
    known = list(known)
    near = next((near for name in wanted if (near := did_you_mean(name, known))), None)
    return f"did you mean {near!r}? " if near else ""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """The error for a name that no component has."""
    known = sorted(known)
    return ConfigError(f"unknown {kind} {name!r}", hint=f"{suggestion([name], known)}known: {', '.join(known)}")


@dataclass(frozen=True)
class Folder:
    """The components in one package, e.g. ``Folder("bertcli.objectives", "objective")``."""

    package: str
    kind: str

    def names(self) -> tuple[str, ...]:
        """Names of the components, sorted; imports none of them."""
        return _module_names(self.package)

    def summary(self, name: str) -> str:
        """The first line of a component's docstring, without importing it."""
        source = importlib.resources.files(self.package).joinpath(f"{name}.py").read_text("utf-8")
        first = source.split('"""', 2)[1].strip().splitlines()[0]
        return first.rstrip(".")

    def load(self, name: str) -> Any:
        """The component class of that name. Raises ``ConfigError`` with the nearest name."""
        if name not in self.names():
            raise unknown_name(self.kind, name, self.names())
        module = importlib.import_module(f"{self.package}.{name}")
        (public,) = module.__all__
        return getattr(module, public)


@cache
def _module_names(package: str) -> tuple[str, ...]:
    files = importlib.resources.files(package).iterdir()
    stems = (file.name.removesuffix(".py") for file in files if file.name.endswith(".py"))
    return tuple(sorted(stem for stem in stems if not stem.startswith("_")))
