"""What is wrong with labelled data: findings, each with a level and the places where it shows.

An *error* would keep a run from beginning, or make its score mean something else; a *warning* is worth a look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

Level = Literal["error", "warning"]

LONGEST_SHOWN = 80
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Place:
    """One example with a finding. ``path`` and ``line`` say where it stands."""

    path: str
    line: int
    id: str | None = None
    """Where several examples stand on one line."""
    same_as: Place | None = None
    """Another example that it repeats."""
    note: str | None = None
    """What is particular to this example. It may quote the data's text."""
    text: str | None = None
    """The beginning of the example's text, where texts are shown."""

    def dump(self) -> dict[str, Any]:
        """As JSON values, without what is not there."""
        values = {
            "path": self.path,
            "line": self.line,
            "id": self.id,
            "same_as": self.same_as and self.same_as.dump(),
            "note": self.note,
            "text": self.text,
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class Finding:
    """Something that is wrong in a split, ``places`` are the first examples that show it.

    ``count`` are the examples, of rare labels these.
    """

    level: Level
    check: str
    """What found it: reading, empty, content, labels, balance, duplicates, conflicts, leakage, …"""
    split: str
    """The split's name; of two splits both, joined by a slash."""
    count: int
    message: str
    """One sentence that quotes no text of the data where texts are not to be shown."""
    places: tuple[Place, ...] = ()
    hint: str | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "level": self.level,
            "check": self.check,
            "split": self.split,
            "count": self.count,
            "message": self.message,
            "hint": self.hint,
            "places": [place.dump() for place in self.places],
        }


@dataclass(frozen=True)
class Showing:
    """How much of the data a finding shows."""

    examples: int = 5
    """Places at most."""
    text: bool = True
    """Whether they have the beginning of their texts."""

    def first(self, places: Iterable[Place]) -> tuple[Place, ...]:
        """As many as are shown."""
        return tuple(islice(places, self.examples))


def excerpt(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text[: 4 * LONGEST_SHOWN].split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"


def is_over(count: int, total: int, share: float) -> bool:
    """Whether ``count`` is more than that share of ``total``."""
    return count > share * total


def percent(count: int, total: int) -> str:
    """A share as people read it; what is there is never 0."""
    share = 100 * count / total if total else 0.0
    if 0 < share < 0.01:
        return "under 0.01 %"
    return f"{share:.2f} %" if 0 < share < 1 else f"{share:.1f} %"
